"""Real daemons that watch a file which somebody else writes, and are killed while they do."""

from __future__ import annotations

import random

import pytest

from fedpeer.core.statistics.collect import collect
from tests.support.daemons import daemons, eventually
from tests.support.simulation import SCHEMA


@pytest.mark.long
def test_a_daemon_killed_again_and_again_counts_every_row_of_a_growing_file_once(tmp_path):
    log, rng = tmp_path / "log.csv", random.Random(1)
    log.write_text("x,y\n")
    x, y = [], []
    with daemons(tmp_path, "alfa") as (alfa,):
        fed = alfa.client.create("trial", SCHEMA.to_dict(), "COUNT(x) >= 1", profile="relaxed").id
        alfa.client.watch(fed, str(log), every_s=1)
        for crash_at in ("after-commit:2", ""):
            alfa.kill()
            alfa.start(crash_at=crash_at)
            for _ in range(40):
                x.append(rng.randrange(-200, 201) / 2)
                y.append(rng.randrange(1001))
                with log.open("a") as file:
                    # A row is written in two goes: what is not whole must wait.
                    file.write(f"{x[-1]},")
                    file.flush()
                    file.write(f"{y[-1]}\n")
            if crash_at:
                eventually(lambda: alfa.dead)
        alfa.ready()
        eventually(lambda: alfa.client.federation(fed).local_rows == len(x))
        (batch,) = alfa.client.batches(fed)
        assert (batch.rows, batch.digest) == (len(x), collect(SCHEMA, {"x": x, "y": y}).digest)
        assert alfa.client.watches(fed)[0].rows == len(x)
