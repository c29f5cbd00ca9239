"""What a release gives away: small cells, the change since the last one, and who can be found in it.

A 0/1 column cuts the rows in two, a pair of them in four. A cell of one row is a record: its row of cross-products is
that person. The difference of two releases is a release too, of the rows added less the rows withdrawn; its cells are
numbers with a sign, and a cell that counts nothing must hold nothing, or else rows were exchanged in it. A bin of a
histogram is a cell as well, and so is what a 0/1 column cuts it into; a power is one more sum over the rows, as a
further column would be. Where rows have gaps, whether a feature is there is a 0/1 column like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, gcd, sqrt
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from fedpeer.core.privacy.gaps import Overlap, continuous, named, places_of, zero_one
from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.layout import split
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

_SOLVED = 0.75

Integers = npt.NDArray[np.object_]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Release:
    """The entries of a summary over some columns, or of the difference of two: n, Σq, Σqq′, Σq²b.

    And, with a row for each continuous column, Σq³ and Σq⁴, the bins, and the bins given each 0/1 column, or no entries
    where these are not counted. `overlap` is there if rows may have gaps.
    """

    columns: tuple[Column, ...]
    rows: int
    sums: Integers
    products: Integers
    squares: Integers
    powers: Integers
    bins: Integers
    given: Integers
    overlap: Overlap | None = None

    @classmethod
    def of(cls, summary: Summary) -> Release:
        """Return all that a summary says."""
        sums = np.array(summary.sums(), dtype=object)
        further = summary.powers(), summary.histograms(), summary.histograms_given()
        usual = summary.schema.columns, summary.rows, sums, summary.products(), summary.squares()
        return cls(*usual, *further, overlap=Overlap.of(summary))

    def change(self, last: Release) -> Release:
        """Return this release less an earlier one, over the columns that both have, encoded alike."""
        common = tuple(filter(frozenset(last.columns).__contains__, self.columns))
        widths = tuple(_shared(mine, theirs) for mine, theirs in zip(self._widths, last._widths, strict=True))
        new, old = self._only(common, widths), last._only(common, widths)
        gaps = None if self.overlap is last.overlap is None else new.gaps.less(old.gaps)
        usual = (a - b for a, b in zip(new.usual, old.usual, strict=True))
        return replace(Release(common, new.rows - old.rows, *usual), overlap=gaps)

    @property
    def blocks(self) -> tuple[Integers, ...]:
        """Everything but the rows."""
        return self.usual + (() if self.overlap is None else self.overlap.blocks)

    @property
    def gaps(self) -> Overlap:
        """Which rows have what: without gaps, all have everything."""
        if self.overlap is not None:
            return self.overlap
        return Overlap.full(self.columns, self.rows, self.sums, self.own)

    @property
    def own(self) -> Integers:
        """Σq² of each continuous column."""
        return np.asarray(np.diagonal(self.products)[places_of(self.columns, lambda column: not column.indicator)])

    @property
    def lacking(self) -> int:
        """How many features some rows lack."""
        return 0 if self.overlap is None else len(self.overlap.lacking(self.rows))

    @property
    def usual(self) -> tuple[Integers, ...]:
        """The entries of rows with or without gaps."""
        return self.sums, self.products, self.squares, self.powers, self.bins, self.given

    @property
    def width(self) -> int:
        """How many sums over the rows tell of each row by itself: the columns, and the powers beyond their squares.

        Where a feature is missing in some rows, whether it is there counts as a column too.
        """
        return len(self.columns) + self.powers.size + self.lacking

    @property
    def nothing(self) -> bool:
        """Whether every entry is zero."""
        return self.rows == 0 and not any(block.any() for block in self.blocks)

    @property
    def _widths(self) -> tuple[int, ...]:
        return self.powers.shape[1], self.bins.shape[1], self.given.shape[2]

    def _only(self, common: tuple[Column, ...], widths: tuple[int, ...]) -> Release:
        if common == self.columns and widths == self._widths:
            return self
        powers, bins, cells = widths
        kept = frozenset(common).__contains__
        at, measured = places_of(self.columns, kept), places_of(continuous(self.columns), kept)
        crossed = np.ix_(measured, places_of(zero_one(self.columns), kept))
        products, squares = self.products[np.ix_(at, at)], self.squares[crossed]
        further = (
            self.powers[measured, :powers],
            _coarse(self.bins[measured], bins),
            _coarse(self.given[crossed], cells),
        )
        gaps = None if self.overlap is None else self.overlap.only(named(common), at, measured)
        return Release(common, self.rows, self.sums[at], products, squares, *further, overlap=gaps)


def width(schema: Schema, lacked: int = 0) -> int:
    """The width of a release under a schema, of which some rows lack that many of its features."""
    powers = 2 * len(split(schema)[0]) if "powers" in schema.blocks else 0
    return len(schema.columns) + powers + lacked


def risk(columns: int, rows: int, further: int = 0) -> float:
    """Return the chance (AUC) of telling a row of a release from another: Φ(√(p² + 2p + 2d) / 2√(n − ¾(p + 1))).

    p columns, n rows; of d further independent sums each counts as one of the columns' own sums does. It is 0.5 where
    nothing can be told, and 1 for no more than ¾(p + 1) rows. The attack is the best there is (Neyman and Pearson's
    likelihood ratio) for normal columns whose distribution is known: (1 − h)^((n−p−3)/2) against the density, with h
    the leverage of the row, from n, Σx and X′X. For p well below n the first two moments of its logarithm give
    Φ(√(p² + 2p) / 2√n); ¾(p + 1) is measured, and good to 0.015 from n = p + 5 on.
    """
    if rows <= 0:
        return 0.5
    spare = rows - _SOLVED * (columns + 1)
    return NormalDist().cdf(sqrt(_told(columns, further)) / (2 * sqrt(spare))) if spare > 0 else 1.0


@dataclass(frozen=True, slots=True)
class Told:
    """How much is told of so many rows: columns, and further independent sums."""

    columns: int
    rows: int
    further: int

    @property
    def risk(self) -> float:
        """The chance (AUC) of telling a row of them from another."""
        return risk(self.columns, self.rows, self.further)

    def enough(self, highest: float) -> int:
        """The rows for which it is no more than this, between 0.5 and 1."""
        away = NormalDist().inv_cdf(highest)
        return ceil(_told(self.columns, self.further) / (4 * away**2) + _SOLVED * (self.columns + 1))


def _told(columns: int, further: int) -> int:
    return columns**2 + 2 * columns + 2 * further


def _coarse(histograms: Integers, bins: int) -> Integers:
    """Return histograms of so many bins, a divisor of those there are: neighbours are one bin, exactly."""
    if not bins:
        return histograms[..., :0]
    neighbours = histograms.reshape(*histograms.shape[:-1], bins, histograms.shape[-1] // bins)
    return np.asarray(neighbours.sum(axis=-1), dtype=object)


def _shared(one: int, other: int) -> int:
    return gcd(one, other) if one and other else 0
