"""The rule on cells against an oracle that counts them in the rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core.privacy.cells import Counted, smallest
from fedpeer.core.privacy.disclosure import Release
from fedpeer.core.privacy.sides import exchanged, valued
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema

LEVELS = ["red", "green", "blue"]
SCHEMA = Schema(
    [
        Feature("a", kind="binary"),
        Feature("x", min=-5, max=5, resolution="0.5"),
        Feature("colour", kind="category", levels=LEVELS),
        Feature("twofold", min=6, max=8, resolution=2),
    ]
)
Row = tuple[int, float, str, int]
rows = st.tuples(
    st.integers(0, 1), st.integers(-10, 10).map(lambda q: q / 2), st.sampled_from(LEVELS), st.sampled_from([6, 8])
)
# Many copies of few rows, so that empty, small and large cells all occur.
tables = st.lists(st.tuples(rows, st.sampled_from([1, 2, 5, 9, 10, 11, 30])), max_size=6).map(
    lambda parts: [row for row, copies in parts for _ in range(copies)]
)


def _release(table: list[Row]) -> Release:
    names = ("a", "x", "colour", "twofold")
    columns = {name: [row[i] for row in table] for i, name in enumerate(names)}
    return Release.of(collect(SCHEMA, columns))


def _cells(table: list[Row]) -> Iterator[int]:
    flags = [lambda row: row[0] == 1, lambda row: row[3] == 8]
    flags += [lambda row, level=level: row[2] == level for level in LEVELS]
    marks = np.array([[flag(row) for flag in flags] for row in table], dtype=bool).reshape(-1, len(flags))
    for flag in marks.T:
        yield from (int(flag.sum()), int((~flag).sum()))
    for one, other in combinations(marks.T, 2):
        yield from (int(((one == a) & (other == b)).sum()) for a, b in product([True, False], repeat=2))


@settings(max_examples=60, deadline=None)
@given(tables, st.integers(0, 12))
def test_the_smallest_cell_is_the_one_that_counting_finds(table: list[Row], floor: int) -> None:
    small = [count for count in _cells(table) if 0 < count < floor]
    found = smallest(Counted.of(_release(table)), floor)
    if small:
        assert found is not None
        assert (found.rows, found.others) == (min(small), len(small) - 1)
    else:
        assert found is None


@settings(max_examples=60, deadline=None)
@given(tables, tables)
def test_rows_that_are_only_added_or_only_withdrawn_are_never_taken_for_an_exchange(
    first: list[Row], added: list[Row]
) -> None:
    last, new = _release(first), _release([*first, *added])
    assert exchanged(valued(new.change(last))) is None
    assert exchanged(valued(last.change(new))) is None
    assert new.change(last).nothing is (not added)


@settings(max_examples=60, deadline=None)
@given(tables, rows, rows)
def test_one_row_for_another_is_an_exchange_in_every_cell_that_both_are_in(
    table: list[Row], gone: Row, come: Row
) -> None:
    change = _release([*table, come]).change(_release([*table, gone]))
    shared = gone[0] == come[0] or gone[3] == come[3] or gone[2] == come[2] or len(LEVELS) > 2
    assert (exchanged(valued(change)) is not None) is (shared and gone != come)
    assert change.nothing is (gone == come)
