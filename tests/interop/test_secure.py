"""The secure sum through real daemons: opened, audited, and safe when a process dies in the middle of a round."""

from __future__ import annotations

import contextlib
import random

import pytest

import fedpeer as fp
from fedpeer.client import ApiError
from fedpeer.core.statistics.collect import tally
from tests.support.daemons import daemons, eventually, federate

SCHEMA = fp.Schema(
    [
        fp.Feature("x", "continuous", min=-100, max=100, resolution="0.5"),
        fp.Feature("y", "continuous", min=0, max=1000, resolution=1),
    ]
)
TERMS = {"schema": SCHEMA.to_dict(), "contract": "ROWS() >= 5", "profile": "relaxed"}
SECURE = {"exchange": {"mode": "secure", "least": 3}}


def rows(seed: int, count: int = 60) -> dict[str, list[float]]:
    rng = random.Random(seed)
    x = [rng.randrange(-200, 201) / 2 for _ in range(count)]
    return {"x": x, "y": [float(max(0, min(1000, round(3 * v + 500 + rng.gauss(0, 20))))) for v in x]}


def pooled(*tables: dict[str, list[float]]) -> str:
    return sum((tally(SCHEMA, t).summary for t in tables), fp.Summary.zero(SCHEMA)).digest


def test_daemons_open_the_pooled_sum_and_nothing_else_and_it_can_be_audited(tmp_path):
    with daemons(tmp_path, "alfa", "bravo", "charlie", "delta") as crew:
        fed = federate(*crew, **TERMS, **SECURE).id
        tables = [rows(seed) for seed in range(4)]
        for daemon, table in zip(crew, tables, strict=True):
            daemon.add(fed, table, "rows")
        told = crew[1].client.sync(fed, wait_s=120)
        assert (told.converged, told.outcome, told.total_digest) == (True, "called", pooled(*tables))
        for daemon in crew:
            seen = daemon.client.federation(fed)
            assert (seen.mode, seen.contributors, seen.total_digest) == ("secure", 4, told.total_digest)
            assert daemon.client.fit(fed, "ols", target="y").rows == 240
            with pytest.raises(ApiError, match="only the sum of all is seen"):
                daemon.client.explore(fed, of="rest")
            audit = daemon.client.audit_round(fed)
            assert (audit.holds, audit.digest, audit.rows) == (True, told.total_digest, 240)
            assert sorted(audit.contributors) == ["alfa", "bravo", "charlie", "delta"]


@pytest.mark.parametrize("probe", ["before-commit", "after-commit", "before-publish"])
def test_a_daemon_that_dies_at_any_boundary_costs_no_more_than_its_part(tmp_path, probe):
    with daemons(tmp_path, "alfa", "bravo", "charlie", "delta", settings={"pulse.absent_after_s": 4}) as crew:
        fed = federate(*crew, **TERMS, **SECURE).id
        tables = {d.name: rows(seed) for seed, d in enumerate(crew)}
        for daemon in crew:
            daemon.add(fed, tables[daemon.name], "rows")
        victim = crew[3]
        victim.kill()
        victim.start(crash_at=f"{probe}:25")
        with contextlib.suppress(AssertionError):
            victim.ready()
        crew[0].client.sync(fed, wait_s=0)
        eventually(lambda: victim.dead or crew[0].client.federation(fed).contributors > 0)
        victim.kill()
        victim.start()
        victim.ready()
        eventually(lambda: crew[0].client.federation(fed).contributors in {3, 4})
        several = {pooled(*tables.values()), pooled(*(t for n, t in tables.items() if n != "delta"))}
        assert crew[0].client.federation(fed).total_digest in several
        eventually(lambda: len({d.client.federation(fed).total_digest for d in crew}) == 1)
