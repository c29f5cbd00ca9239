"""The vectors of the contract language: what is read and what it answers, what is refused and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from fedpeer.core.contract.admit import SENDING, Admitted, admit
from fedpeer.core.contract.functions import FUNCTIONS
from fedpeer.core.contract.grammar import Contract
from fedpeer.core.errors import ContractError
from tests.support import clinic

VECTORS = Path(__file__).parents[2] / "vectors" / "contract"
GOOD: list[dict[str, Any]] = yaml.safe_load((VECTORS / "good.yaml").read_text("utf-8"))
BAD: list[dict[str, Any]] = yaml.safe_load((VECTORS / "bad.yaml").read_text("utf-8"))


@pytest.mark.parametrize("vector", GOOD, ids=lambda vector: vector["text"][:50])
def test_a_good_contract_measures_and_answers_as_the_vector_says(vector: dict[str, Any]) -> None:
    contract = Contract.parse(vector["text"])
    outcome = admit(clinic.eight(), contract, SENDING, peers=3)
    measured: dict[str, str] = {}
    for verdict in outcome.verdicts:
        measured.update(verdict.measured)
    assert measured == vector["measured"]
    assert isinstance(outcome, Admitted) is vector["passed"]


@pytest.mark.parametrize("vector", BAD, ids=lambda vector: vector["text"][:50])
def test_a_bad_contract_is_refused_where_the_vector_says(vector: dict[str, Any]) -> None:
    if vector["step"] == "validate":
        contract = Contract.parse(vector["text"])
        with pytest.raises(ContractError) as caught:
            contract.validate(clinic.SCHEMA)
    else:
        with pytest.raises(ContractError) as caught:
            Contract.parse(vector["text"])
    message = str(caught.value)
    assert vector["says"] in message
    assert vector.get("hint", "") in caught.value.hint
    if "under" in vector:
        _, source, marks = message.split("\n")
        start, end = marks.index("^"), marks.rindex("^") + 1
        assert source[start:end].strip() == vector["under"]
        assert vector.get("at", start - 2) == start - 2


def test_every_function_has_a_good_vector() -> None:
    used = {call.partition("(")[0] for vector in GOOD for call in vector["measured"]}
    assert used == set(FUNCTIONS)
