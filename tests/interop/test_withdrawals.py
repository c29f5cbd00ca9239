"""Rows out of a federation of real daemons, and the receipts for it."""

from __future__ import annotations

import base64
import random

import pytest

from fedpeer.core.envelope.receipts import confirmed
from fedpeer.core.statistics.collect import collect
from tests.support.daemons import daemons, eventually, federate
from tests.support.simulation import SCHEMA


@pytest.mark.long
def test_rows_of_a_file_go_out_everywhere_and_the_other_signs_for_it(tmp_path):
    rng = random.Random(3)
    x, y = [rng.randrange(201) / 2 for _ in range(60)], [rng.randrange(1001) for _ in range(60)]
    (tmp_path / "all.csv").write_text("x,y\n" + "".join(f"{a},{b}\n" for a, b in zip(x, y, strict=True)))
    (tmp_path / "gone.csv").write_text("x,y\n" + "".join(f"{a},{b}\n" for a, b in zip(x[:20], y[:20], strict=True)))
    with daemons(tmp_path, "alfa", "bravo") as (alfa, bravo):
        fed = federate(alfa, bravo, schema=SCHEMA.to_dict(), contract="COUNT(x) >= 5", profile="relaxed").id
        client = alfa.client
        job = client.add_source(fed, str(tmp_path / "all.csv"))
        eventually(lambda: client.job(job.id).state == "done")
        assert client.sync(fed, wait_s=120).converged
        job = client.withdraw_rows(fed, str(tmp_path / "gone.csv"))
        eventually(lambda: client.job(job.id).state == "done")
        assert [w.state for w in client.receipts(fed)] == ["not released"]
        assert client.sync(fed, wait_s=120).converged
        eventually(lambda: [w.state for w in client.receipts(fed)] == ["confirmed"])
        (withdrawal,) = client.receipts(fed)
        left = collect(SCHEMA, {"x": x[20:], "y": y[20:]}).digest
        assert (withdrawal.rows, withdrawal.digest, withdrawal.waiting_for) == (20, left, [])
        assert bravo.client.federation(fed).total_digest == left
        (receipt,) = withdrawal.receipts
        assert (receipt.name, receipt.digest) == ("bravo", left)
        alfa.kill()
        alfa.start().ready()
        assert alfa.client.receipts(fed) == [withdrawal]
        # Anyone with bravo's key, which the charter has, can check the receipt.
        admitted = next(e for e in alfa.client.charter(fed) if e.kind == "admitted")
        key = admitted.data["card"]["sign"]
        said = confirmed(bytes.fromhex(receipt.signed), base64.b64decode(key), fed)
        assert said.digest.hex() == left
