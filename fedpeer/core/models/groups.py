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
    """K classes with rows, and of their p columns the K × p sums Σq and Σq² in encoded integers."""

    summary: Summary
    target: str
    labels: list[str]
    empty: list[str]
    columns: tuple[Column, ...]
    counts: list[int]
    sums: Matrix
    squares: Matrix

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
        counts, sums, squares = blocks(summary, levels, [schema.index(column.name) for column in columns])
        if min(counts) < 0 or (squares < 0).any():
            raise ModelError(IMPOSSIBLE)
        labels = list(goal.levels or ("0", "1"))
        full = [k for k, count in enumerate(counts) if count]
        if len(full) < 2:
            raise ModelError(f"the target {target!r} has rows of {len(full)} class; a classifier needs two or more")
        empty = [label for k, label in enumerate(labels) if not counts[k]]
        kept = [labels[k] for k in full]
        return cls(summary, target, kept, empty, columns, [counts[k] for k in full], sums[full], squares[full])

    def means(self) -> list[list[Fraction]]:
        """The mean of each column in each class, in the feature's unit."""
        return [
            [column.value(Fraction(int(total), count)) for column, total in zip(self.columns, totals, strict=True)]
            for totals, count in zip(self.sums, self.counts, strict=True)
        ]

    def variances(self) -> list[list[Fraction]]:
        """The population variance of each column in each class, squared units."""
        return [
            [
                _possible(Fraction(int(count * square - total * total), count * count)) * column.step**2
                for column, total, square in zip(self.columns, totals, squares, strict=True)
            ]
            for count, totals, squares in zip(self.counts, self.sums, self.squares, strict=True)
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
        sums, squares = self.sums[:, list(keep)], self.squares[:, list(keep)]
        return Groups(self.summary, self.target, self.labels, self.empty, columns, self.counts, sums, squares)

    def priors(self, wanted: Any) -> list[Fraction]:
        """The shares of the classes: `data`, `equal`, or weights by label, divided by their sum."""
        if wanted == "data":
            return [Fraction(count, self.summary.rows) for count in self.counts]
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


def _levels(summary: Summary, levels: list[int], places: list[int]) -> tuple[list[int], Matrix, Matrix]:
    sums, products = summary.sums(), summary.products()
    measured, indicators = split(summary.schema)
    totals = products[np.ix_(levels, places)]
    squares = totals.copy()  # of a 0/1 column the square is the value
    kept = summary.squares()
    for j, place in enumerate(places):
        if place in measured:
            squares[:, j] = kept[measured.index(place)][[indicators.index(level) for level in levels]]
    return [sums[level] for level in levels], totals, squares


def _binary(summary: Summary, levels: list[int], places: list[int]) -> tuple[list[int], Matrix, Matrix]:
    (ones,), totals, squares = _levels(summary, levels, places)
    every = np.array(summary.sums(), dtype=object)[places]
    diagonal = summary.products().diagonal()[places]
    return [summary.rows - ones, ones], np.vstack([every - totals, totals]), np.vstack([diagonal - squares, squares])


def _possible(square: Fraction) -> Fraction:
    if square < 0:
        raise ModelError(IMPOSSIBLE)
    return square
