"""Sums under a cipher through real daemons: a beneficiary, a coordinator, three hospitals, and one exact model."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedpeer.client import ApiError
from fedpeer.core.canonical import encode
from fedpeer.core.models.fit import fit
from tests.support import real
from tests.support.daemons import SELDOM, Daemon, daemons, eventually

NAMES = ("bene", "coord", "north", "south", "east")
PARTS = {"bene": "beneficiary", "coord": "coordinator"}
SETTINGS = {"federation.status_every_s": 1, "pulse.absent_after_s": 1.5}
TABLE, POOLED = real.diabetes()


def federate(crew: list[Daemon], mode: str, **exchange: object) -> str:
    admin, *others = crew
    terms = {"mode": mode, "least": 3, "part": "beneficiary", **exchange}
    told = {"schedule": SELDOM, "profile": "relaxed", "display": admin.name, "exchange": terms}
    fed = admin.client.create("diabetes", POOLED.schema.to_dict(), "ROWS() >= 5", **told).id
    for other in others:
        invite = admin.client.invite(fed, role=PARTS.get(other.name, "contributor"))
        other.client.join(invite.text, invite.passphrase, display=other.name, wait_s=120)
    for k, daemon in enumerate(crew[2:]):
        daemon.client.set_pulsing(fed, True)
        daemon.add(fed, {name: values[k::3].tolist() for name, values in TABLE.items()}, "rows")
    return fed


@pytest.mark.long
@pytest.mark.parametrize("mode", ["paillier", "ckks"])
def test_three_hospitals_give_the_beneficiary_the_exact_model_in_one_round(tmp_path: Path, mode: str) -> None:
    pytest.importorskip("gmpy2" if mode == "paillier" else "tenseal")
    with daemons(tmp_path, *NAMES, settings=SETTINGS) as crew:
        fed = federate(crew, mode)
        told = crew[0].client.sync(fed, wait_s=120)
        assert (told.converged, told.outcome, told.rows) == (True, "called", 442)
        assert told.total_digest == POOLED.digest
        fitted = crew[0].client.fit(fed, "ols", target="y")
        model = fitted.model
        assert encode({k: v for k, v in model.items() if k != "certificate"}) == encode(
            {k: v for k, v in fit(POOLED, "ols", target="y").to_dict().items() if k != "certificate"}
        )
        mse = model["residual_std"] ** 2 * model["df"] / model["n"]
        assert (round(model["r2"], 6), round(mse, 2)) == (0.517748, 2859.70)
        for daemon in crew[1:]:
            if mode == "ckks":
                assert daemon.client.federation(fed).total_digest == POOLED.digest
            else:
                assert daemon.client.federation(fed).rows == 0
                with pytest.raises(ApiError, match="only the beneficiary, bene, sees the sum"):
                    daemon.client.fit(fed, "ols", target="y")
        digests = {daemon.client.cipher(fed).digest for daemon in crew}
        assert len(digests) == 1
        assert crew[2].client.sync(fed).outcome == "unchanged"
        if mode == "ckks":
            _die_in_a_round(fed, crew)


def _die_in_a_round(fed: str, crew: list[Daemon]) -> None:
    """A coordinator's process ends in a round: it hears the key again, and gathers anew."""
    bene, coord, *hospitals = crew
    more = {name: values[:120].tolist() for name, values in TABLE.items()}
    for daemon in hospitals:
        daemon.add(fed, more, "more rows")
    bene.client.sync(fed)
    coord.kill()
    coord.start(settings=SETTINGS).ready()
    eventually(lambda: bene.client.federation(fed).rows == 442 + 3 * 120)
    eventually(lambda: coord.client.federation(fed).rows == 442 + 3 * 120)
