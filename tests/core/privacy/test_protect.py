"""What leaves a node and what stays: every rule on both sides of its limit, and attacks that the rules must stop."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fedpeer.core.contract.admit import RECEIVING, Admitted, admit
from fedpeer.core.contract.grammar import Contract
from fedpeer.core.privacy import protect as station
from fedpeer.core.privacy.disclosure import risk
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.privacy.protect import Shareable, Withheld, protect
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from tests.support import clinic
from tests.support.released import sendable

Table = dict[str, list[Any]]

RELAXED, STANDARD = Policy("relaxed"), Policy("standard")
OFFERED = pytest.mark.parametrize("policy", [RELAXED, STANDARD], ids=["relaxed", "standard"])
SMALL = Schema(
    [Feature("x", min=-100, max=100, resolution="0.01"), Feature("y", min=0, max=9, resolution=1)]
    + [Feature(name, kind="binary") for name in ("a", "b")]
)


def _release(summary: Summary, policy: Policy = STANDARD, last: Summary | None = None) -> Shareable | Withheld:
    admitted = sendable(summary, 1)
    return protect(admitted, policy, last)


def _rows(n: int, seed: int = 0, a: Callable[[int], int] = lambda i: i % 2) -> Table:
    """Return n rows; b crosses a so that all four cells are as equal as they can be."""
    rng = np.random.default_rng(seed)
    return {
        "x": list(rng.normal(0, 10, n).clip(-100, 100).round(2)),
        "y": list(rng.integers(0, 10, n)),
        "a": [a(i) for i in range(n)],
        "b": [i // 2 % 2 for i in range(n)],
    }


def _withheld(outcome: Shareable | Withheld) -> Withheld:
    assert isinstance(outcome, Withheld), outcome
    return outcome


def _both(first: Table, second: Table) -> Table:
    return {name: [*first[name], *second[name]] for name in first}


@pytest.mark.parametrize(("policy", "floor"), [(RELAXED, 9), (Policy("relaxed", rows=30), 30), (Policy(rows=64), 64)])
def test_too_few_rows_stay(policy: Policy, floor: int) -> None:
    withheld = _withheld(_release(collect(SMALL, _rows(floor - 1)), policy))
    assert withheld.rule == f"rows >= {floor}"
    assert withheld.measured == str(floor - 1)
    assert withheld.text == f"{floor - 1} rows, and at least {floor} must stand behind a release of 4 columns"
    assert isinstance(_release(collect(SMALL, _rows(floor)), policy), Shareable)


def test_more_columns_than_rows_stay_however_relaxed() -> None:
    wide = Schema([Feature(f"x{i}", min=0, max=9, resolution=1) for i in range(40)])
    table = {f"x{i}": list(np.random.default_rng(i).integers(0, 10, 44)) for i in range(40)}
    assert _withheld(_release(collect(wide, table), RELAXED)).rule == "rows >= 45"


def test_no_rows_at_all_stay() -> None:
    assert _withheld(_release(Summary.zero(SMALL), RELAXED)).measured == "0"


@pytest.mark.parametrize("ones", range(1, 10))
def test_a_small_cell_stays_and_is_named(ones: int) -> None:
    withheld = _withheld(_release(collect(SMALL, _rows(100, a=lambda i: int(i < ones)))))
    assert withheld.rule == "cell = 0 or >= 10 rows"
    assert withheld.feature.startswith("a is 1")
    assert int(withheld.measured) <= ones
    complement = _withheld(_release(collect(SMALL, _rows(100, a=lambda i: int(i >= ones)))))
    assert complement.feature.startswith("a is 0")


def test_the_smallest_cell_is_named_and_the_others_counted() -> None:
    table = _rows(100, a=lambda i: int(i < 3))
    table["b"] = [0] * 100
    withheld = _withheld(_release(collect(SMALL, table)))
    assert withheld.text == ("3 rows where a is 1, and a cell must have none or at least 10 (and 1 more such cells)")


@pytest.mark.parametrize("a", [0, 1])
@pytest.mark.parametrize("b", [0, 1])
def test_a_small_pair_stays_where_each_column_alone_would_pass(a: int, b: int) -> None:
    table = _rows(100)
    cells = [(a, b)] * 4 + [(1 - a, b)] * 40 + [(a, 1 - b)] * 40 + [(1 - a, 1 - b)] * 16
    table["a"], table["b"] = [list(column) for column in zip(*cells, strict=True)]
    withheld = _withheld(_release(collect(SMALL, table)))
    assert withheld.feature == f"a is {a} and b is {b}"
    assert withheld.measured == "4"
    assert isinstance(_release(collect(SMALL, table), RELAXED), Shareable)


def test_cells_of_none_and_of_ten_pass() -> None:
    table = _rows(100)
    cells = [(0, 0)] * 80 + [(0, 1)] * 10 + [(1, 0)] * 10
    table["a"], table["b"] = [list(column) for column in zip(*cells, strict=True)]
    assert isinstance(_release(collect(SMALL, table)), Shareable)
    assert isinstance(_release(collect(SMALL, {**table, "b": [0] * 100})), Shareable)
    raised = _withheld(_release(collect(SMALL, table), Policy(cell=11)))
    assert raised.measured == "10"


def test_levels_of_a_category_are_cells_and_their_empty_pairs_pass() -> None:
    summary = collect(clinic.SCHEMA, clinic.patients(np.random.default_rng(1), 400))
    assert isinstance(_release(summary), Shareable)
    table = clinic.patients(np.random.default_rng(1), 400)
    table["site"] = ["north"] * 200 + ["south"] * 197 + ["far east"] * 3
    assert "site$far east is 1" in _withheld(_release(collect(clinic.SCHEMA, table))).feature


def test_a_flag_that_is_declared_as_a_number_is_still_a_flag() -> None:
    schema = Schema([Feature("x", min=0, max=9, resolution=1), Feature("hiv", min=5, max=6, resolution=1)])
    table = {"x": [i % 10 for i in range(100)], "hiv": [6] * 2 + [5] * 98}
    withheld = _withheld(_release(collect(schema, table)))
    assert (withheld.feature, withheld.measured) == ("hiv is 6", "2")


@OFFERED
def test_one_row_between_two_releases_would_be_that_persons_record_and_stays(policy: Policy) -> None:
    """The attack, with the defence off, returns the row; with it on, there is nothing to subtract."""
    table = _rows(200)
    row = {"x": 12.34, "y": 7, "a": 1, "b": 0}
    last, new = collect(SMALL, table), collect(SMALL, _both(table, {name: [value] for name, value in row.items()}))
    assert _record(new - last) == row
    for summary, before in ((new, last), (last, new)):
        assert _withheld(_release(summary, policy, before)).measured == "1"


def _record(difference: Summary) -> dict[str, float]:
    """Read a difference of one row as the row."""
    assert difference.rows == 1
    columns = difference.schema.columns
    values = {column.name: float(column.value(difference.sum(column.name))) for column in columns}
    assert all(difference.product(i, i) == difference.sum(i) ** 2 for i in range(len(columns)))
    return values


@pytest.mark.parametrize(("policy", "floor"), [(RELAXED, 9), (STANDARD, 10), (Policy(change=15), 15)])
@pytest.mark.parametrize("changed", range(1, 21))
def test_changes_of_one_to_twenty_rows_pass_only_from_the_floor_on(policy: Policy, floor: int, changed: int) -> None:
    first, added = _rows(200), _rows(changed, seed=1) | {"a": [1] * changed, "b": [0] * changed}
    last, new = collect(SMALL, first), collect(SMALL, _both(first, added))
    for summary, before in ((new, last), (last, new)):
        outcome = _release(summary, policy, before)
        if changed >= floor:
            assert isinstance(outcome, Shareable)
        else:
            assert _withheld(outcome).rule == f"change = 0 or >= {floor} rows"
            assert _withheld(outcome).measured == str(changed)


def test_a_small_cell_of_the_change_stays_though_both_releases_are_well_filled() -> None:
    first, added = _rows(200), _rows(60, seed=1, a=lambda i: int(i == 0))
    last, new = collect(SMALL, first), collect(SMALL, _both(first, added))
    assert isinstance(_release(new), Shareable)
    for summary, before in ((new, last), (last, new)):
        withheld = _withheld(_release(summary, STANDARD, before))
        assert withheld.rule == "cell = 0 or >= 10 rows in the change since the last release"
        assert withheld.feature.startswith("a is 1")
        assert withheld.measured == "1"


@OFFERED
def test_a_row_that_takes_the_place_of_another_stays(policy: Policy) -> None:
    table = _rows(200)
    swapped = {name: list(values) for name, values in table.items()}
    swapped["x"][7] = 55.5
    withheld = _withheld(_release(collect(SMALL, swapped), policy, collect(SMALL, table)))
    assert "exchanged" in withheld.text


@pytest.mark.parametrize("ones", [True, False])
def test_an_exchange_inside_a_cell_stays_though_the_change_is_large(ones: bool) -> None:
    """A cell of the change that counts nobody, and yet holds the difference of two people."""
    flag = int(ones)
    table = _rows(200, a=lambda i: int((i < 40) is ones))
    gone = table["a"].index(flag)
    kept = {name: [v for i, v in enumerate(values) if i != gone] for name, values in table.items()}
    newcomer = {"x": [77.7], "y": [3], "a": [flag], "b": [table["b"][gone]]}
    added = _rows(60, seed=1, a=lambda i: 1 - flag)
    last, new = collect(SMALL, table), collect(SMALL, _both(_both(kept, newcomer), added))
    withheld = _withheld(_release(new, STANDARD, last))
    assert withheld.feature == f"a is {flag}"
    assert "exchanged" in withheld.text
    assert isinstance(_release(collect(SMALL, _both(table, added)), STANDARD, last), Shareable)


@pytest.mark.parametrize("flag", [0, 1])
def test_an_exchange_that_keeps_every_sum_of_a_cell_shows_in_its_squares_and_stays(flag: int) -> None:
    table = _rows(200, a=lambda i: int((i < 40) == bool(flag)))
    first, second = [i for i in range(200) if (table["a"][i], table["b"][i]) == (flag, 0)][:2]
    table["y"][first] = table["y"][second] = 5
    table["x"][first], table["x"][second] = 1.0, 3.0
    swapped = {name: list(values) for name, values in table.items()}
    swapped["x"][first] = swapped["x"][second] = 2.0
    added = _rows(60, seed=1, a=lambda i: 1 - flag)
    last, new = collect(SMALL, table), collect(SMALL, _both(swapped, added))
    withheld = _withheld(_release(new, STANDARD, last))
    assert (withheld.feature, withheld.measured) == (f"a is {flag}", "0")


def test_the_same_summary_is_shared_again_as_it_was() -> None:
    summary, again = collect(SMALL, _rows(200)), collect(SMALL, _rows(200))
    outcome = _release(again, STANDARD, summary)
    assert isinstance(outcome, Shareable)
    assert outcome.repeated
    assert outcome.summary.to_bytes() == summary.to_bytes()
    first = _release(summary)
    assert isinstance(first, Shareable)
    assert not first.repeated


def test_a_repetition_must_still_pass_floors_that_were_raised_meanwhile() -> None:
    summary = collect(SMALL, _rows(50))
    assert isinstance(_release(summary, STANDARD, summary), Shareable)
    assert _withheld(_release(summary, Policy(rows=51), summary)).rule == "rows >= 51"


def test_a_column_more_is_compared_over_the_columns_that_both_schemas_have() -> None:
    more = Schema([*SMALL.features, Feature("z", min=0, max=9, resolution=1)])
    first, newcomer = _rows(200), {"x": [1.0], "y": [1], "a": [1], "b": [1]}
    z = [i % 10 for i in range(201)]
    last = collect(SMALL, first)
    assert isinstance(_release(collect(more, {**first, "z": z[:200]}), STANDARD, last), Shareable)
    withheld = _withheld(_release(collect(more, {**_both(first, newcomer), "z": z}), STANDARD, last))
    assert withheld.measured == "1"


@pytest.mark.parametrize("columns", [4, 10])
def test_under_strict_rows_stay_that_could_be_told_apart_and_the_text_says_how_many_would_do(columns: int) -> None:
    schema = Schema([Feature(f"x{i}", min=-9, max=9, resolution=1) for i in range(columns)])
    values = np.random.default_rng(1).integers(-9, 10, size=(2000, columns))

    def table(rows: int) -> Table:
        return {f"x{i}": values[:rows, i].tolist() for i in range(columns)}

    withheld = _withheld(_release(collect(schema, table(30)), Policy("strict")))
    assert withheld.rule == "membership risk <= 60%"
    assert float(withheld.measured) == pytest.approx(risk(columns, 30), abs=0.001)
    enough = int(withheld.text.split()[-4])
    assert isinstance(_release(collect(schema, table(enough)), Policy("strict")), Shareable)
    assert _withheld(_release(collect(schema, table(enough - 1)), Policy("strict"))).rule == withheld.rule
    shown = _release(collect(schema, table(30)))
    assert isinstance(shown, Shareable)
    assert f"{shown.risk:.3f}" == withheld.measured
    assert _release(collect(schema, table(30)), RELAXED.tightened(Policy("strict"))) == withheld


def test_under_strict_a_change_that_could_be_told_apart_stays() -> None:
    first, added = _rows(400), {**_rows(20, seed=1), "a": [1] * 20, "b": [0] * 20}
    summary = collect(SMALL, _both(first, added))
    withheld = _withheld(_release(summary, Policy("strict"), collect(SMALL, first)))
    assert "20 rows in the change since the last release" in withheld.text


def test_only_protect_makes_a_shareable_and_only_of_what_is_to_be_sent() -> None:
    summary = collect(SMALL, _rows(200))
    shared = _release(summary)
    assert isinstance(shared, Shareable)
    with pytest.raises(TypeError, match="only protect"):
        Shareable(summary, 0.5, False, object())
    with pytest.raises((TypeError, ValueError)):
        dataclasses.replace(shared, risk=0.5)
    received = admit(summary, Contract.parse("ROWS() > 0"), RECEIVING, peers=1)
    assert isinstance(received, Admitted)
    with pytest.raises(TypeError, match="for sending"):
        station.protect(received, STANDARD, None)


def test_the_risk_that_is_shown_is_that_of_the_release_or_of_its_change() -> None:
    first, added = _rows(400), _rows(40, seed=1)
    last, new = collect(SMALL, first), collect(SMALL, _both(first, added))
    alone, after = _release(new), _release(new, STANDARD, last)
    assert isinstance(alone, Shareable)
    assert isinstance(after, Shareable)
    assert alone.risk == risk(4, 440)
    assert after.risk == risk(4, 40) > alone.risk


def test_the_risk_of_nobody_is_a_coin_toss() -> None:
    assert risk(10, 0) == 0.5
    assert risk(10, 10**12) == pytest.approx(0.5, abs=1e-5)
