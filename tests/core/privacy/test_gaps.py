"""Rows with gaps: who has what is a cell, and what is told of two features stands on the rows that have both."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fedpeer.core.privacy.cells import Counted, smallest
from fedpeer.core.privacy.disclosure import Release, risk, width
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.privacy.protect import Shareable, Withheld, protect
from fedpeer.core.privacy.sides import exchanged, gapped, valued
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.collect import lacking as gaps_of
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from tests.support.released import sendable

RELAXED, STANDARD = Policy("relaxed"), Policy("standard")
LEVELS = ["red", "green", "blue"]
FEATURES = [
    Feature("a", kind="binary"),
    Feature("x", min=-5, max=5, resolution="0.5"),
    Feature("colour", kind="category", levels=LEVELS),
    Feature("twofold", min=6, max=8, resolution=2),
]
SCHEMA = Schema(FEATURES, missing="pairwise")
NAMES = [feature.name for feature in FEATURES]
Row = tuple[Any, ...]
VALUES = (
    st.integers(0, 1),
    st.integers(-10, 10).map(lambda q: q / 2),
    st.sampled_from(LEVELS),
    st.sampled_from([6, 8]),
)
ROW = st.tuples(*(st.none() | each for each in VALUES)).filter(lambda row: any(value is not None for value in row))
TABLES = st.lists(st.tuples(ROW, st.sampled_from([1, 2, 5, 9, 10, 11, 30])), max_size=6).map(
    lambda parts: [row for row, copies in parts for _ in range(copies)]
)


def counted(table: list[Row], schema: Schema = SCHEMA) -> Summary:
    kinds = [pa.int64(), pa.float64(), pa.string(), pa.int64()]
    columns = {name: pa.array([row[i] for row in table], kinds[i]) for i, name in enumerate(NAMES)}
    return collect(schema, columns)


def released(summary: Summary, policy: Policy = STANDARD, last: Summary | None = None) -> Shareable | Withheld:
    admitted = sendable(summary, 1)
    return protect(admitted, policy, last)


def parts(table: list[Row]) -> list[tuple[int, list[frozenset[int]]]]:
    """Ways to cut the rows: the feature that decides, and the rows of each part."""
    marks = [(0, {1: 1, 0: 0}), *((2, {level: 1} | {o: 0 for o in LEVELS if o != level}) for level in LEVELS)]
    marks.append((3, {8: 1, 6: 0}))
    cuts = []
    for i, words in marks:
        cuts.append((i, [frozenset(k for k, r in enumerate(table) if words.get(r[i]) == w) for w in (1, 0)]))
    for i in range(len(NAMES)):
        missing = frozenset(k for k, row in enumerate(table) if row[i] is None)
        if missing:
            cuts.append((i, [frozenset(range(len(table))) - missing, missing]))
    return cuts


def cells(table: list[Row]) -> Iterator[int]:
    cuts = parts(table)
    for _, sides in cuts:
        yield from map(len, sides)
    values = len(LEVELS) + 2
    for (k, (i, one)), (n, (j, other)) in combinations(enumerate(cuts), 2):
        if i != j or (k < values and n < values):  # what a feature's own gaps make of its values is known already
            yield from (len(a & b) for a in one for b in other)


@settings(max_examples=25, deadline=None)
@given(TABLES, st.integers(0, 12))
def test_the_smallest_cell_is_the_one_that_counting_finds(table: list[Row], floor: int) -> None:
    small = [count for count in cells(table) if 0 < count < floor]
    found = smallest(Counted.of(Release.of(counted(table))), floor)
    if small:
        assert found is not None
        assert (found.rows, found.others) == (min(small), len(small) - 1)
    else:
        assert found is None


@settings(max_examples=30, deadline=None)
@given(TABLES, TABLES)
def test_rows_that_are_only_added_or_only_withdrawn_are_never_taken_for_an_exchange(
    first: list[Row], added: list[Row]
) -> None:
    last, new = Release.of(counted(first)), Release.of(counted([*first, *added]))
    for change in (new.change(last), last.change(new)):
        assert exchanged(valued(change)) is None
        assert exchanged(gapped(change)) is None
        assert change.nothing is (not added)


@settings(max_examples=30, deadline=None)
@given(TABLES, ROW, ROW)
def test_one_row_for_another_is_an_exchange_wherever_both_have_or_lack_a_feature(
    table: list[Row], gone: Row, come: Row
) -> None:
    assume(gone != come)
    before, after = counted([*table, gone]), counted([*table, come])
    change = Release.of(after).change(Release.of(before))
    alike = any((a is None) == (b is None) for a, b in zip(gone, come, strict=True))
    assert (exchanged(gapped(change)) is not None or exchanged(valued(change)) is not None) or not alike
    assert not change.nothing


@pytest.mark.long
@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(*VALUES), min_size=1, max_size=60))
def test_without_gaps_the_rules_say_what_they_say_of_whole_rows(table: list[Row]) -> None:
    for policy in (RELAXED, STANDARD, Policy("relaxed", cell=3)):
        whole, pairs = (released(counted(table, Schema(FEATURES, missing=m)), policy) for m in ("listwise", "pairwise"))
        assert isinstance(whole, Withheld) is isinstance(pairs, Withheld)
        if isinstance(whole, Withheld):
            assert whole == pairs
        else:
            assert isinstance(pairs, Shareable)
            assert whole.risk == pairs.risk


def rows(n: int) -> list[Row]:
    """Rows whose cells are as well filled as can be."""
    return [(i % 2, (i % 19 - 9) / 2, LEVELS[i // 2 % 3], (6, 8)[i // 6 % 2]) for i in range(n)]


def lacking(table: list[Row], feature: int, places: range) -> list[Row]:
    return [
        tuple(None if i == feature and k in places else value for i, value in enumerate(row))
        for k, row in enumerate(table)
    ]


@pytest.mark.parametrize("few", [1, 5, 9])
def test_a_gap_of_few_rows_stays_and_is_named(few: int) -> None:
    table = lacking(rows(480), 1, range(few))
    withheld = released(counted(table))
    assert isinstance(withheld, Withheld)
    assert withheld.rule == "cell = 0 or >= 10 rows"
    assert "missing" in withheld.feature
    assert int(withheld.measured) <= few
    assert isinstance(released(counted(table), RELAXED), Shareable)
    assert isinstance(released(counted(lacking(rows(480), 1, range(240)))), Shareable)


@pytest.mark.parametrize("policy", [RELAXED, STANDARD], ids=["relaxed", "standard"])
def test_what_few_rows_have_stays(policy: Policy) -> None:
    """All columns of the rows that have a rare feature would be those of very few."""
    floor = policy.row_floor(7)
    for have, fine in ((floor - 1, False), (floor, True)):
        table = lacking(rows(480), 1, range(have, 480))
        outcome = released(counted(table), Policy(policy.profile, cell=0) if policy is RELAXED else policy)
        if fine:
            assert not isinstance(outcome, Withheld) or outcome.rule.startswith("cell")
        else:
            assert isinstance(outcome, Withheld)
            assert outcome.rule == f"present = 0 or >= {floor} rows"
            assert outcome.measured == str(have)
            assert outcome.feature in {"x", "a and x", "x and colour", "x and twofold"}


@given(TABLES, st.sampled_from([(), ("powers",), ("powers", "histogram")]), st.booleans())
def test_how_wide_a_release_will_be_is_known_before_there_is_one(
    table: list[Row], blocks: tuple[str, ...], pairwise: bool
) -> None:
    how: Any = {"blocks": blocks, "bins": 2} if "histogram" in blocks else {"blocks": blocks}
    schema = Schema(FEATURES, missing="pairwise" if pairwise else "listwise", **how)
    summary = counted(table, schema)
    assert width(schema, len(gaps_of(summary))) == Release.of(summary).width


def test_a_feature_that_rows_may_lack_counts_as_a_column_more() -> None:
    whole, gaps = counted(rows(480)), counted(lacking(rows(480), 1, range(240)))
    assert Release.of(gaps).width == Release.of(whole).width + 1 == 7
    told = [released(summary) for summary in (whole, gaps)]
    assert [each.risk for each in told if isinstance(each, Shareable)] == [risk(6, 480), risk(7, 480)]


def test_a_change_of_few_gaps_stays() -> None:
    last = counted(lacking(rows(960), 1, range(480)))
    filled = counted(lacking(rows(960), 1, range(1, 480)))
    for new, before in ((filled, last), (last, filled)):
        for policy in (RELAXED, STANDARD):
            withheld = released(new, policy, before)
            assert isinstance(withheld, Withheld)
    more = lacking(rows(1920), 1, range(480))
    assert isinstance(released(counted(more), STANDARD, last), Shareable)
    few = lacking(more, 1, range(1900, 1903))
    withheld = released(counted(few), STANDARD, last)
    assert isinstance(withheld, Withheld)
    assert "in the change since the last release" in withheld.rule
    assert withheld.measured in {"1", "2", "3"}


def test_a_value_that_moves_from_one_row_to_another_is_an_exchange() -> None:
    table = lacking(rows(960), 1, range(480))
    moved = lacking(rows(960), 1, range(1, 481))
    for policy in (RELAXED, STANDARD):
        withheld = released(counted(moved), policy, counted(table))
        assert isinstance(withheld, Withheld)
        assert "exchanged" in withheld.text


def test_releases_with_and_without_gaps_are_compared() -> None:
    whole = counted(rows(480), Schema(FEATURES))
    pairs = counted([*rows(480), *lacking(rows(480), 1, range(480))])
    change = Release.of(pairs).change(Release.of(whole))
    assert change.rows == 480
    assert change.gaps.there.tolist() == [480, 0, 480, 480]
    assert Release.of(whole).change(Release.of(pairs)).gaps.counts.tolist() == (-change.gaps.counts).tolist()
    assert Release.of(counted(rows(480))).change(Release.of(whole)).nothing
    assert isinstance(released(pairs, STANDARD, whole), Shareable)


def test_the_cell_of_a_gap_and_a_flag_and_that_of_two_gaps_are_named() -> None:
    table = rows(960)
    few = [k for k, row in enumerate(table) if row[0] == 0][:240] + [k for k, row in enumerate(table) if row[0]][:3]
    flagged = [(a, None if k in few else x, "red", 6) for k, (a, x, *_) in enumerate(table)]
    both = [(None if k < 243 else a, None if 240 <= k < 480 else x, "red", 6) for k, (a, x, *_) in enumerate(table)]
    for cut, name in ((flagged, "a is 1 and x is missing"), (both, "a is missing and x is missing")):
        found = smallest(Counted.of(Release.of(counted(cut))), 10)
        assert found is not None
        assert (found.rows, found.name) == (3, name)
