"""The rows of one column in bins: how many values lie between which limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate

from fedpeer.core.errors import RequestError, SchemaError
from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.explore import given
from fedpeer.core.statistics.question import Question
from fedpeer.core.statistics.summary import Summary

MOST = 500  # columns of one answer

_HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows in each bin, below each bin and in all, and the first and the last q of a bin; there is a row at least."""

    column: Column
    counts: tuple[int, ...]
    first: tuple[int, ...]
    last: tuple[int, ...]
    below: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "below", (0, *accumulate(self.counts)))

    @classmethod
    def of(cls, summary: Summary, name: str, bins: int = 0) -> Grid:
        """The histogram of a column, perhaps in fewer bins; of a 0/1 column, its zeros and ones.

        SchemaError where histograms are not counted, or no row has a value.
        """
        column = summary.schema.columns[summary.schema.index(name)]
        if column.indicator:
            ones = summary.sum(name)
            return cls.made(column, [summary.count(name) - ones, ones])
        return cls.made(column, _merged(summary.histogram(name), bins))

    @classmethod
    def given(cls, summary: Summary, name: str, condition: str, *, truth: bool) -> Grid:
        """The same of the rows where a 0/1 column is 1, or is 0; SchemaError where that is not counted."""
        column, part = summary.schema.columns[summary.schema.index(name)], given(summary, name, condition, truth)
        if column.indicator:
            ones = int(part.count * (part.mean or 0))
            return cls.made(column, [part.count - ones, ones])
        return cls.made(column, summary.histogram_given(name, condition, truth))

    @classmethod
    def made(cls, column: Column, counts: Sequence[int]) -> Grid:
        """Counts in as many bins of a column; those that can hold no value are left out."""
        edges = [0, 1, 2] if column.indicator else column.edges(len(counts))
        able = [k for k in range(len(counts)) if edges[k] < edges[k + 1]]
        if sum(counts) < 1:
            raise SchemaError(f"no row has a value of {column.name!r}", hint="add data first")
        return cls(
            column,
            tuple(counts[k] for k in able),
            tuple(edges[k] for k in able),
            tuple(edges[k + 1] - 1 for k in able),
        )

    @property
    def rows(self) -> int:
        """How many rows have a value."""
        return self.below[-1]

    def span(self, k: int) -> tuple[Fraction, Fraction]:
        """The smallest and the largest number that a bin can hold."""
        return self.column.value(self.first[k]), self.column.value(self.last[k])

    def limits(self, k: int) -> tuple[Fraction, Fraction]:
        """Where a bin begins and ends: half a step beyond what it can hold."""
        return self.column.value(self.first[k] - _HALF), self.column.value(self.last[k] + _HALF)


def gridded(question: Question) -> list[Column]:
    """The columns of the features named, or else all continuous ones."""
    columns = question.columns(MOST) if question.features else _continuous(question)
    if not columns:
        raise RequestError("the schema has no continuous feature", hint="name the features that are meant")
    return columns


def _continuous(question: Question) -> list[Column]:
    columns = [column for column in question.columns(10_000) if not column.indicator]
    if len(columns) > MOST:
        raise RequestError(f"{len(columns)} columns; this metric takes at most {MOST}", hint="name fewer features")
    return columns


def _merged(counts: Sequence[int], bins: int) -> list[int]:
    """The counts in fewer bins: one of a divisor of their number is a run of neighbours."""
    every = len(counts)
    if bins and every % bins:
        raise RequestError(f"{bins} bins cannot be made of {every}", hint=f"a divisor of {every} can")
    size = every // (bins or every)
    return [sum(counts[k : k + size]) for k in range(0, every, size)]
