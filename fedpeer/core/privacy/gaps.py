"""What rows with gaps tell beside their sums: who has which features, and every sum over the rows that have another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.summary import Summary

Integers = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """Rows that have both of two features (m × m); Σq (p × m) and Σq² (continuous × m) over the rows that have each.

    Without gaps all rows have all features.
    """

    features: tuple[str, ...]
    counts: Integers
    sums: Integers
    spreads: Integers

    @classmethod
    def of(cls, summary: Summary) -> Overlap | None:
        """What a summary tells, or None if its rows have no gaps."""
        if not summary.schema.pairwise:
            return None
        return cls(tuple(summary.schema.presence), summary.counts(), summary.sums_given(), summary.spreads())

    @classmethod
    def full(cls, columns: Sequence[Column], rows: int, sums: Integers, squares: Integers) -> Overlap:
        """That of rows without gaps, from their sums and the squares of their continuous columns."""
        names = named(columns)
        m = len(names)
        counts = np.full((m, m), rows, dtype=object)
        return cls(names, counts, np.repeat(sums[:, None], m, axis=1), np.repeat(squares[:, None], m, axis=1))

    def only(self, names: Sequence[str], at: Sequence[int], measured: Sequence[int]) -> Overlap:
        """The same of these features, columns and continuous columns."""
        kept = [self.features.index(name) for name in names]
        return Overlap(
            tuple(names),
            self.counts[np.ix_(kept, kept)],
            self.sums[np.ix_(np.array(at, int), np.array(kept, int))],
            self.spreads[np.ix_(np.array(measured, int), np.array(kept, int))],
        )

    def less(self, last: Overlap) -> Overlap:
        """The difference of two, of the same features."""
        return Overlap(self.features, self.counts - last.counts, self.sums - last.sums, self.spreads - last.spreads)

    @property
    def blocks(self) -> tuple[Integers, ...]:
        """All entries."""
        return self.counts, self.sums, self.spreads

    @property
    def there(self) -> Integers:
        """Rows that have each feature."""
        return self.counts.diagonal()

    def lacking(self, rows: int) -> list[int]:
        """The features that some of these rows lack."""
        return [int(g) for g in np.flatnonzero(self.there != rows)]

    def belong(self, columns: Sequence[Column]) -> list[int]:
        """The place of each column's feature."""
        return belonging(columns, self.features)


def named(columns: Sequence[Column]) -> tuple[str, ...]:
    """The features of columns, in order."""
    return tuple(dict.fromkeys(column.feature for column in columns))


def belonging(columns: Iterable[Column], features: Sequence[str]) -> list[int]:
    """The place of each column's feature."""
    places = {name: g for g, name in enumerate(features)}
    return [places[column.feature] for column in columns]


def places_of(columns: Iterable[Column], wanted: Callable[[Column], bool]) -> list[int]:
    """Where the columns are that are wanted."""
    return [place for place, column in enumerate(columns) if wanted(column)]


def continuous(columns: Iterable[Column]) -> list[Column]:
    """Those that are continuous."""
    return [column for column in columns if not column.indicator]


def zero_one(columns: Iterable[Column]) -> list[Column]:
    """Those that are 0 or 1."""
    return [column for column in columns if column.indicator]
