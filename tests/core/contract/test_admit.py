"""The station of the contract: what passes, what does not, what is said about it, and who may say so."""

from __future__ import annotations

import dataclasses

import pytest

from fedpeer.core.contract.admit import RECEIVING, SENDING, Admitted, Refused, admit
from fedpeer.core.contract.grammar import Contract
from fedpeer.core.errors import ContractError
from tests.support import clinic


def _judge(text: str, **options: object) -> Admitted | Refused:
    return admit(clinic.eight(), Contract.parse(text), SENDING, **{"peers": 3, **options})  # type: ignore[arg-type]


def test_a_refusal_names_the_rule_and_the_measured_value() -> None:
    outcome = _judge("ROWS() > 1\nCOUNT(age) >= 500   # plenty")
    assert isinstance(outcome, Refused)
    assert outcome.reason == "COUNT(age) >= 500: measured COUNT(age) = 8"
    assert [(verdict.line, verdict.passed) for verdict in outcome.verdicts] == [(1, True), (2, False)]


def test_a_refusal_counts_the_other_rules_that_failed() -> None:
    outcome = _judge("ROWS() > 10\nROWS() > 20\nROWS() > 3")
    assert outcome.reason == "ROWS() > 10: measured ROWS() = 8 (and 1 more of 3 rules failed)"


def test_the_action_allow_lets_a_failure_through_and_remembers_it() -> None:
    outcome = _judge("COUNT(age) >= 500", action="allow")
    assert isinstance(outcome, Admitted)
    assert outcome.failed
    assert outcome.reason == "COUNT(age) >= 500: measured COUNT(age) = 8"
    passing = _judge("COUNT(age) >= 5", action="allow")
    assert isinstance(passing, Admitted)
    assert not passing.failed
    assert passing.reason == ""


def test_what_is_admitted_is_the_summary_and_its_side() -> None:
    summary = clinic.eight()
    outcome = admit(summary, Contract.parse("PEERS() >= 2"), RECEIVING, peers=2)
    assert isinstance(outcome, Admitted)
    assert outcome.summary is summary
    assert outcome.side is RECEIVING


def test_only_admit_makes_an_admitted() -> None:
    outcome = _judge("ROWS() > 1")
    assert isinstance(outcome, Admitted)
    with pytest.raises(TypeError, match="only admit"):
        Admitted(outcome.summary, SENDING, (), False, object())
    with pytest.raises((TypeError, ValueError)):
        dataclasses.replace(outcome, failed=False)


def test_a_contract_for_another_schema_is_an_error_and_no_verdict() -> None:
    with pytest.raises(ContractError, match="no feature bmi"):
        _judge("MEAN(bmi) > 1")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("MEAN(age) < 55", "MEAN(age) < 55: measured MEAN(age) = 55"),
        ("STDDEV(age) > 23", "STDDEV(age) > 23: measured STDDEV(age) = 22.9129"),
        ("STDDEV(age) > 22.9129", "STDDEV(age) > 22.9129: measured STDDEV(age) = 22.9128784747792"),
        (
            "MEAN(age) == MEAN('mean pressure')",
            'MEAN(age) == MEAN("mean pressure"): measured MEAN(age) = 55, MEAN("mean pressure") = 131',
        ),
        ("ROWS() > 9 AND ROWS() > 10", "ROWS() > 9 AND ROWS() > 10: measured ROWS() = 8"),
    ],
)
def test_people_see_six_digits_unless_they_would_contradict_the_verdict(text: str, shown: str) -> None:
    assert _judge(text).reason == shown
