"""The classes of a target, and what a summary holds of each, exactly: rows, sums and squares of the input columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np

from fedpeer.core.errors import ModelError
from fedpeer.core.models.design import chosen, described, named
from fedpeer.core.models.exact import IMPOSSIBLE, Matrix
from fedpeer.core.models.numbers import number
from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.layout import split
from fedpeer.core.statistics.summary import Summary


@dataclass(frozen=True, slots=True)
class Groups:
    """K classes with rows, and of their p columns the K × p sums Σq and Σq² in encoded integers.

    `seen` has the rows of each class that have each column: all of the class, but where values may be missing.
    """

    summary: Summary
    target: str
    labels: list[str]
    empty: list[str]
    columns: tuple[Column, ...]
    counts: list[int]
    sums: Matrix
    squares: Matrix
    seen: Matrix

    @classmethod
    def of(cls, summary: Summary, target: str, features: Sequence[str] | None, *, whole: bool = False) -> Groups:
        """Tell the classes of a binary feature or a category apart; `whole`: an input category gives all its levels.

        ModelError for another target, for a wrong name, and unless two classes have rows.
        """
        schema, goal = summary.schema, named(summary.schema, target)
        levels = [i for i, column in enumerate(schema.columns) if column.feature == target]
        if not schema.columns[levels[0]].indicator:
            raise ModelError(
                f"the target {target!r} is continuous; a classifier needs a binary target or a category",
                hint="declare the classes as the levels of a category",
            )
        columns = chosen(schema, target, features, whole=whole)
        if not columns:
            raise ModelError("a classifier needs at least one feature")
        blocks = _binary if len(levels) == 1 else _levels
        counts, *parts = blocks(summary, levels, [schema.index(column.name) for column in columns])
        sums, squares, seen = parts
        if min(counts) < 0 or (squares < 0).any():
            raise ModelError(IMPOSSIBLE)
        labels = list(goal.levels or ("0", "1"))
        full = [k for k, count in enumerate(counts) if count]
        if len(full) < 2:
            raise ModelError(f"the target {target!r} has rows of {len(full)} class; a classifier needs two or more")
        empty = [label for k, label in enumerate(labels) if not counts[k]]
        kept = [labels[k] for k in full]
        lacking = [(labels[k], columns[j].name) for k in full for j in np.flatnonzero(seen[k] == 0)]
        if lacking:
            label, name = lacking[0]
            raise ModelError(f"no row of the class {label!r} has {name!r}", hint="leave this feature out")
        counted = [counts[k] for k in full]
        return cls(summary, target, kept, empty, columns, counted, sums[full], squares[full], seen[full])

    def means(self) -> list[list[Fraction]]:
        """The mean of each column in each class, in the feature's unit."""
        return [
            [column.value(Fraction(int(s), int(n))) for column, s, n in zip(self.columns, totals, rows, strict=True)]
            for totals, rows in zip(self.sums, self.seen, strict=True)
        ]

    def variances(self) -> list[list[Fraction]]:
        """The population variance of each column in each class, squared units."""
        return [
            [
                _possible(Fraction(int(n * square - s * s), int(n * n))) * column.step**2
                for column, n, s, square in zip(self.columns, *row, strict=True)
            ]
            for row in zip(self.seen, self.sums, self.squares, strict=True)
        ]

    def within(self) -> tuple[Matrix, int]:
        """Σ over classes of Σ(q − q̄)(q − q̄)′, times the second value, which makes it integers."""
        factor, places = lcm(*self.counts), [self.summary.schema.index(column.name) for column in self.columns]
        whole: Matrix = factor * self.summary.products()[np.ix_(places, places)]
        for count, totals in zip(self.counts, self.sums, strict=True):
            whole = whole - factor // count * np.multiply.outer(totals, totals)
        if any(value < 0 for value in whole.diagonal()):
            raise ModelError(IMPOSSIBLE)
        return whole, factor

    def only(self, keep: Sequence[int]) -> Groups:
        """The same classes with these columns only."""
        columns = tuple(self.columns[i] for i in keep)
        parts = (part[:, list(keep)] for part in (self.sums, self.squares, self.seen))
        return Groups(self.summary, self.target, self.labels, self.empty, columns, self.counts, *parts)

    def priors(self, wanted: Any) -> list[Fraction]:
        """The shares of the classes: `data`, `equal`, or weights by label, divided by their sum."""
        if wanted == "data":
            return [Fraction(count, sum(self.counts)) for count in self.counts]
        if wanted == "equal":
            return [Fraction(1, len(self.counts))] * len(self.counts)
        if not isinstance(wanted, Mapping) or set(wanted) != set(self.labels):
            raise ModelError(
                f"priors is {wanted!r:.60}; it must be 'data', 'equal', or a number for each of the classes",
                hint=f"the classes with rows are {', '.join(self.labels)}",
            )
        weights = [number(f"the prior of {label!r}", wanted[label]) for label in self.labels]
        if min(weights) <= 0:
            raise ModelError("a prior must be above zero")
        return [weight / sum(weights) for weight in weights]

    def described(self) -> dict[str, Any]:
        """The schema of the inputs and the target, as JSON-able values."""
        return described(self.summary.schema, {column.feature for column in self.columns} | {self.target})


_Blocks = tuple[list[int], Matrix, Matrix, Matrix]  # rows of each class; of each column Σq, Σq² and rows by class


def _levels(summary: Summary, levels: list[int], places: list[int]) -> _Blocks:
    sums, products = summary.sums(), summary.products()
    measured, indicators = split(summary.schema)
    totals = products[np.ix_(levels, places)]
    squares = totals.copy()  # of a 0/1 column the square is the value
    kept = summary.squares()
    for j, place in enumerate(places):
        if place in measured:
            squares[:, j] = kept[measured.index(place)][[indicators.index(level) for level in levels]]
    seen = summary.sums_given()[np.ix_(levels, [summary.schema.presence[c.feature] for c in _columns(summary, places)])]
    return [sums[level] for level in levels], totals, squares, seen


def _binary(summary: Summary, levels: list[int], places: list[int]) -> _Blocks:
    (ones,), *inside = _levels(summary, levels, places)
    (target,) = levels
    every = (
        [summary.sum(place, target) for place in places],
        [summary.square(place, target) for place in places],
        [summary.count(place, target) for place in places],
    )
    totals, squares, seen = (
        np.vstack([np.array(whole, dtype=object) - part, part]) for whole, part in zip(every, inside, strict=True)
    )
    return [summary.count(target) - ones, ones], totals, squares, seen


def _columns(summary: Summary, places: list[int]) -> list[Column]:
    return [summary.schema.columns[place] for place in places]


def _possible(square: Fraction) -> Fraction:
    if square < 0:
        raise ModelError(IMPOSSIBLE)
    return square
