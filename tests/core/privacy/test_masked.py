"""What may go into a sum that hides it, and what such a sum must hold before it counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fedpeer.core.contract.admit import RECEIVING, SENDING, Admitted, Side, admit
from fedpeer.core.contract.grammar import Contract
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.privacy.masked import Maskable, examined_part, examined_sum, maskable
from fedpeer.core.privacy.plan import Noise
from fedpeer.core.privacy.protect import Shareable, Withheld, protect
from fedpeer.core.privacy.traces import Past
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.lineage import Lineage
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

RELAXED, STANDARD = Policy("relaxed"), Policy("standard")
SCHEMA = Schema([Feature("x", min=-100, max=100, resolution="0.01"), Feature("flag", "binary")])
Table = dict[str, list[Any]]


def _rows(n: int, *, flags: int, seed: int = 0) -> Table:
    """So many rows, the flag set in the first few."""
    rng = np.random.default_rng(seed)
    return {"x": list(rng.normal(0, 10, n).clip(-100, 100).round(2)), "flag": [int(i < flags) for i in range(n)]}


def _more(table: Table, n: int, *, flags: int) -> Table:
    added = _rows(n, flags=flags, seed=9)
    return {name: [*table[name], *added[name]] for name in table}


def _admitted(summary: Summary, side: Side = SENDING) -> Admitted:
    verdict = admit(summary, Contract.parse("PEERS() > 0"), side, peers=3)
    assert isinstance(verdict, Admitted)
    return verdict


def _part(table: Table, last: Table | None = None, policy: Policy = STANDARD) -> Maskable | Withheld:
    return maskable(_admitted(collect(SCHEMA, table)), policy, None if last is None else collect(SCHEMA, last))


def _rule(outcome: Maskable | Withheld) -> str:
    assert isinstance(outcome, Withheld)
    return outcome.rule


def test_small_cells_and_few_rows_may_be_hidden_in_a_sum_but_not_shown() -> None:
    table = _rows(7, flags=1)
    hidden = _part(table)
    assert isinstance(hidden, Maskable)
    assert hidden.summary == collect(SCHEMA, table)
    shown = protect(_admitted(hidden.summary), STANDARD, None)
    assert isinstance(shown, Withheld)


@pytest.mark.parametrize(("policy", "floor"), [(RELAXED, 7), (STANDARD, 7), (Policy(rows=40), 40)])
def test_each_owner_brings_as_many_rows_as_cannot_be_solved_for(policy: Policy, floor: int) -> None:
    assert _rule(_part(_rows(floor - 1, flags=0), policy=policy)) == f"rows >= {floor}"
    assert isinstance(_part(_rows(floor, flags=0), policy=policy), Maskable)


@pytest.mark.parametrize("changed", range(1, 21))
def test_one_owner_who_changes_alone_changes_by_enough_rows(changed: int) -> None:
    """Two sums of the same owners, of whom one has other rows than before, differ by these rows."""
    before = _rows(100, flags=50)
    after = _more(before, changed, flags=changed)
    for new, old in ((after, before), (before, after)):
        outcome = _part(new, old)
        if changed >= 10:
            assert isinstance(outcome, Maskable)
        else:
            assert _rule(outcome) == "change = 0 or >= 10 rows"


def test_the_cells_of_a_change_and_exchanges_are_seen_in_a_sum() -> None:
    before = _rows(100, flags=50)
    assert _rule(_part(_more(before, 40, flags=1), before)).startswith("cell = 0 or >= 10 rows in the change")
    moved = {**before, "x": [99.0, *before["x"][1:]]}
    outcome = _part(moved, before)
    assert isinstance(outcome, Withheld)
    assert "exchanged" in outcome.text


def test_a_part_is_compared_with_all_that_went_into_earlier_sums() -> None:
    first, second = _rows(100, flags=50), _more(_rows(100, flags=50), 40, flags=20)
    lineage = Lineage((SCHEMA,))
    past = Past(b"s" * 32, Past(b"s" * 32, {}, lineage).kept(1, collect(SCHEMA, first)), lineage)
    again = {name: [*values, *values[:1]] for name, values in first.items()}
    summary = collect(SCHEMA, again)
    last = collect(SCHEMA, second)
    outcome = maskable(_admitted(summary), STANDARD, last, past)
    assert _rule(outcome) == "change = 0 or >= 10 rows since contribution 1"
    assert isinstance(maskable(_admitted(summary), STANDARD, last), Maskable)
    assert len(examined_part(summary, STANDARD, last, past).changes) == 2


def test_an_unchanged_part_may_go_into_another_sum() -> None:
    table = _rows(100, flags=50)
    outcome = _part(table, table)
    assert isinstance(outcome, Maskable)
    assert outcome.summary == collect(SCHEMA, table)


@pytest.mark.parametrize(("policy", "floor"), [(RELAXED, 7), (STANDARD, 100), (Policy(total=150), 150)])
def test_a_sum_of_several_needs_more_rows_than_each_part(policy: Policy, floor: int) -> None:
    few, enough = (collect(SCHEMA, _rows(n, flags=0)) for n in (floor - 1, floor))
    failed = examined_sum(few, policy, None).failed
    assert failed is not None
    assert failed.rule == f"rows >= {floor}"
    assert examined_sum(enough, policy, None).failed is None


def test_the_cells_of_a_sum_are_looked_at_and_not_those_of_its_parts() -> None:
    parts = [collect(SCHEMA, _rows(60, flags=5, seed=seed)) for seed in range(3)]
    assert examined_sum(parts[0] + parts[1] + parts[2], STANDARD, None).failed is None
    failed = examined_sum(parts[0] + collect(SCHEMA, _rows(60, flags=0)), STANDARD, None).failed
    assert failed is not None
    assert failed.measured == "5"


def test_of_a_sum_with_noise_the_rows_are_looked_at_and_not_what_is_noise() -> None:
    last, few = collect(SCHEMA, _rows(200, flags=100)), collect(SCHEMA, _rows(60, flags=5))
    exact = examined_sum(last + few, STANDARD, last)
    noised = examined_sum(last + few, Policy(noise=Noise(1)), last)
    assert exact.failed is not None
    assert noised.failed is None
    assert [finding.rule for finding in noised.findings] == ["rows >= 100"]
    assert examined_sum(few, Policy(noise=Noise(1)), None).failed is not None


def test_an_owner_who_joins_with_a_small_cell_shows_in_the_change_of_the_sum() -> None:
    last = collect(SCHEMA, _rows(200, flags=100))
    failed = examined_sum(last + collect(SCHEMA, _rows(60, flags=1, seed=3)), STANDARD, last).failed
    assert failed is not None
    assert failed.rule == "cell = 0 or >= 10 rows in the change since the last release"


def test_only_maskable_makes_a_maskable_and_only_of_what_is_to_be_sent() -> None:
    summary = collect(SCHEMA, _rows(100, flags=50))
    with pytest.raises(TypeError, match="only maskable"):
        Maskable(summary, object())
    with pytest.raises(TypeError, match="for sending"):
        maskable(_admitted(summary, RECEIVING), STANDARD, None)
    assert not isinstance(_part(_rows(100, flags=50)), Shareable)
