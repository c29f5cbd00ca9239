"""The page on the language says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fedpeer.core.contract.functions import FUNCTIONS
from fedpeer.core.contract.grammar import Contract
from fedpeer.core.errors import ContractError
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "contracts.md").read_text("utf-8")
CONTRACTS = sorted((ROOT / "config" / "contracts").glob("*.contract"))


def test_the_page_lists_every_function_with_the_kinds_it_takes() -> None:
    listed = re.findall(r"^\| `(\w+)\([xybf, ]*\)` \| ([^|]*) \| .+ \|$|^\| `(\w+)\(\)` \|", PAGE, re.MULTILINE)
    table = {name or bare: tuple(filter(None, kinds.split(", "))) for name, kinds, bare in listed}
    assert table == {name: function.kinds for name, function in FUNCTIONS.items()}


def test_the_example_of_the_page_is_a_contract() -> None:
    (example,) = re.findall(r"```contract\n(.*?)```", PAGE, re.DOTALL)
    contract = Contract.parse(example)
    assert len(contract.rules) > 1
    contract.validate(
        Schema(
            [
                Feature("age", min=0, max=120, resolution=1),
                Feature("mean radius", min=0, max=50, resolution="0.001"),
                Feature("female", kind="binary"),
                Feature("cancer", kind="binary"),
                Feature("site", kind="category", levels=["north", "south"]),
            ]
        )
    )


def test_the_error_of_the_page_is_the_one_that_people_see() -> None:
    (shown,) = re.findall(r"```text\n(line 3, .*?)\n```", PAGE, re.DOTALL)
    with pytest.raises(ContractError) as caught:
        Contract.parse("\n\nMEAN(agee) > 18").validate(Schema([Feature("age", min=0, max=120, resolution=1)]))
    assert str(caught.value) == shown
    assert caught.value.hint == "did you mean age?"


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.stem)
def test_the_contracts_that_are_shipped_can_be_read(path: Path) -> None:
    assert Contract.parse(path.read_text("utf-8")).rules


def test_there_are_contracts_that_are_shipped() -> None:
    assert len(CONTRACTS) >= 3
