"""The demonstration's patients: every row once, sites that differ, and groups large enough to be released."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from fedpeer.cli import hospitals
from fedpeer.core.contract.admit import SENDING, Admitted, Refused, admit
from fedpeer.core.contract.grammar import Contract
from fedpeer.core.models.fit import fit
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.privacy.protect import Shareable, protect
from fedpeer.core.statistics.collect import tally

CONTRACT = Contract.parse(hospitals.CONTRACT)


def test_every_patient_is_at_one_site() -> None:
    sites = hospitals.patients()
    assert sum(len(columns["malignant"]) for columns in sites.values()) == 569
    assert sum(sum(columns["malignant"]) for columns in sites.values()) == 212


@pytest.mark.parametrize("name", hospitals.SITES[:3])
def test_a_hospital_may_release_its_sums(name: str) -> None:
    counted = tally(hospitals.SCHEMA, hospitals.patients()[name])
    assert counted.read == counted.counted
    admitted = admit(counted.summary, CONTRACT, SENDING, peers=3)
    assert isinstance(admitted, Admitted)
    assert isinstance(protect(admitted, Policy("standard").check(), None), Shareable)


def test_the_practice_may_not() -> None:
    summary = tally(hospitals.SCHEMA, hospitals.patients()["practice"]).summary
    refused = admit(summary, CONTRACT, SENDING, peers=4)
    assert isinstance(refused, Refused)
    assert refused.reason.startswith("ROWS() >= 50: measured ROWS() = 13")


def test_the_sites_tell_different_stories() -> None:
    sites = hospitals.patients()
    slopes = []
    for name in hospitals.SITES[:3]:
        summary = tally(hospitals.SCHEMA, sites[name]).summary
        model = fit(summary, "ols", target=hospitals.TARGET, features=list(hospitals.FEATURES))
        assert model.coefficients == pytest.approx(hospitals.sklearn_coefficients(sites[name]), rel=1e-9)
        slopes.append(model.coefficients["mean radius"])
    whole = hospitals.sklearn_coefficients(hospitals.pooled(*(sites[n] for n in hospitals.SITES[:3])))["mean radius"]
    assert all(slope < 0.9 * whole for slope in slopes)


def test_files_hold_what_was_measured(tmp_path: Path) -> None:
    sites = hospitals.patients()
    path = hospitals.write(tmp_path, sites)["general"]
    with path.open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [float(row["mean radius"]) for row in read] == sites["general"]["mean radius"]
