"""What a release gives away: small cells, the change since the last one, and who can be found in it.

A 0/1 column cuts the rows in two, a pair of them in four. A cell of one row is a record: its row of cross-products is
that person. The difference of two releases is a release too, of the rows added less the rows withdrawn; its cells are
numbers with a sign, and a cell that counts nothing must hold nothing, or else rows were exchanged in it. A bin of a
histogram is a cell as well, and so is what a 0/1 column cuts it into; a power is one more sum over the rows, as a
further column would be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from math import gcd, sqrt
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.summary import Summary

Integers = npt.NDArray[np.object_]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Release:
    """The entries of a summary over some columns, or of the difference of two: n, Σq, Σqq′, Σq²b.

    And, with a row for each continuous column, Σq³ and Σq⁴, the bins, and the bins given each 0/1 column, or no entries
    where these are not counted.
    """

    columns: tuple[Column, ...]
    rows: int
    sums: Integers
    products: Integers
    squares: Integers
    powers: Integers
    bins: Integers
    given: Integers

    @classmethod
    def of(cls, summary: Summary) -> Release:
        """Return all that a summary says."""
        sums = np.array(summary.sums(), dtype=object)
        further = summary.powers(), summary.histograms(), summary.histograms_given()
        return cls(summary.schema.columns, summary.rows, sums, summary.products(), summary.squares(), *further)

    def change(self, last: Release) -> Release:
        """Return this release less an earlier one, over the columns that both have, encoded alike."""
        common = tuple(filter(frozenset(last.columns).__contains__, self.columns))
        widths = tuple(_shared(mine, theirs) for mine, theirs in zip(self._widths, last._widths, strict=True))
        new, old = self._only(common, widths), last._only(common, widths)
        return Release(common, new.rows - old.rows, *(a - b for a, b in zip(new.blocks, old.blocks, strict=True)))

    @property
    def blocks(self) -> tuple[Integers, ...]:
        """Everything but the rows."""
        return self.sums, self.products, self.squares, self.powers, self.bins, self.given

    @property
    def width(self) -> int:
        """How many sums over the rows tell of each row by itself: the columns, and the powers beyond their squares."""
        return len(self.columns) + self.powers.size

    @property
    def nothing(self) -> bool:
        """Whether every entry is zero."""
        return self.rows == 0 and not any(block.any() for block in self.blocks)

    @property
    def further(self) -> int:
        """How many more independent sums the powers and the bins are, at most.

        Bins that nobody is in tell nothing, nor do those that have all of their rows, or none, where a column is 1.
        """
        split = (self.given != 0) & (self.given != self.bins[:, None, : self.given.shape[2]])
        told = np.concatenate([(self.bins != 0).sum(axis=1), split.sum(axis=2).reshape(-1)])
        return self.powers.size + int(np.maximum(told - 1, 0).sum())

    @property
    def _widths(self) -> tuple[int, ...]:
        return self.powers.shape[1], self.bins.shape[1], self.given.shape[2]

    def _only(self, common: tuple[Column, ...], widths: tuple[int, ...]) -> Release:
        if common == self.columns and widths == self._widths:
            return self
        powers, bins, cells = widths
        kept = frozenset(common).__contains__
        at, measured = _places(self.columns, kept), _places(_measured(self.columns), kept)
        crossed = np.ix_(measured, _places(_indicators(self.columns), kept))
        products, squares = self.products[np.ix_(at, at)], self.squares[crossed]
        further = (
            self.powers[measured, :powers],
            _coarse(self.bins[measured], bins),
            _coarse(self.given[crossed], cells),
        )
        return Release(common, self.rows, self.sums[at], products, squares, *further)


@dataclass(frozen=True, slots=True)
class Cell:
    """Rows that share values of one or two 0/1 columns, a bin, or both; `others` more cells are as bad."""

    name: str
    rows: int
    others: int = 0


def smallest(release: Release, floor: int) -> Cell | None:
    """Return the smallest cell that is neither empty nor of at least `floor` rows, if there is one."""
    flags = _flags(release)
    found, bad = None, 0
    for named, counts in _cells(release, flags):
        sizes = np.abs(counts)
        small = np.flatnonzero((sizes > 0) & (sizes < floor))
        bad += small.size
        if small.size and (found is None or sizes[small].min() < abs(found.rows)):
            place = int(small[sizes[small].argmin()])
            found = Cell(named(place), int(counts[place]))
    return found and replace(found, others=bad - 1)


def exchanged(release: Release) -> str | None:
    """Return the name of a cell of a difference that counts no rows and yet is not empty, if there is one."""
    for flag in _flags(release):
        for word, rows, blocks in ((1, flag.ones, flag.inside), (0, release.rows - flag.ones, flag.outside)):
            if rows == 0 and any(block.any() for block in blocks):
                return flag.named(word)
    return None


def risk(columns: int, rows: int, further: int = 0) -> float:
    """Return the chance (AUC) of telling a row of a release from another by its cross-products: Φ(p / 2√n).

    Further independent sums count as so many entries of the p² / 2 that there are: Φ(√(p² + 2·further) / 2√n).

    It is 0.5 where nothing can be told. The attack is ⟨xx′ − Σ, X′X/n − Σ⟩ with Σ known: for uncorrelated normal
    columns its mean is (p² + p)/n for a row of the release and 0 for another, its variance 2(p² + p)/n for both.
    """
    return NormalDist().cdf(sqrt(columns**2 + 2 * further) / (2 * sqrt(rows))) if rows > 0 else 0.5


@dataclass(frozen=True, slots=True, eq=False)
class _Flag:
    """A column of two values: Σb, and the entries over the rows inside (b = 1) and outside (b = 0)."""

    column: Column
    ones: int
    inside: tuple[Integers, ...]
    outside: tuple[Integers, ...]

    def named(self, word: int) -> str:
        return f"{self.column.name} is {self.column.value((self.column.low, self.column.high)[word])}"


def _flags(release: Release) -> list[_Flag]:
    """Return the columns that can take two values only, however they were declared."""
    narrow = {column.name: place for place, column in enumerate(_indicators(release.columns))}
    squares = np.diagonal(release.products)[_places(release.columns, _is_measured)]
    flags = []
    for i, column in enumerate(release.columns):
        if column.high - column.low != 1:
            continue
        inside = [release.products[i] - column.low * release.sums]
        outside = [release.sums - inside[0]]
        if column.name in narrow:
            inside.append(release.squares[:, narrow[column.name]])
            outside.append(squares - inside[1])
            inside.append(release.given[:, narrow[column.name]])
            outside.append(release.bins[:, : release.given.shape[2]] - inside[2])
        flags.append(_Flag(column, release.sums[i] - column.low * release.rows, tuple(inside), tuple(outside)))
    return flags


def _cells(release: Release, flags: list[_Flag]) -> Iterator[tuple[Callable[[int], str], Counts]]:
    """Yield how many rows share values (0 low, 1 high), and what names them: for every column, then for every pair.

    Last the bins of every continuous column, and these given each 0/1 column.
    """
    ones = np.array([flag.ones for flag in flags], dtype=np.int64)
    yield partial(_named, flags, (1,)), ones
    yield partial(_named, flags, (0,)), release.rows - ones
    both = _both(release, flags)
    first, second = np.triu_indices(ones.size, 1)
    pair, a, b = both[first, second], ones[first], ones[second]
    yield partial(_named, flags, (1, 1)), pair
    yield partial(_named, flags, (1, 0)), a - pair
    yield partial(_named, flags, (0, 1)), b - pair
    yield partial(_named, flags, (0, 0)), release.rows - a - b + pair
    yield partial(_bin, release), release.bins.reshape(-1).astype(np.int64)
    without = release.bins[:, None, : release.given.shape[2]] - release.given
    yield partial(_crossed, release, 1), release.given.reshape(-1).astype(np.int64)
    yield partial(_crossed, release, 0), without.reshape(-1).astype(np.int64)


def _both(release: Release, flags: list[_Flag]) -> Counts:
    """Return how many rows are inside each pair of columns."""
    names = {flag.column.name for flag in flags}
    places = _places(release.columns, lambda column: column.name in names)
    lows = np.array([flag.column.low for flag in flags], dtype=object)
    rows = [flag.inside[0][places] - flag.ones * lows for flag in flags]
    return np.array(rows, dtype=np.int64).reshape(len(flags), len(flags))


def _named(flags: list[_Flag], words: tuple[int, ...], place: int) -> str:
    if len(words) == 1:
        return flags[place].named(words[0])
    first, second = np.triu_indices(len(flags), 1)
    return f"{flags[first[place]].named(words[0])} and {flags[second[place]].named(words[1])}"


def _bin(release: Release, place: int) -> str:
    bins = release.bins.shape[1]
    column, at = _measured(release.columns)[place // bins], place % bins
    edges = column.edges(bins)
    first, last = float(column.value(edges[at])), float(column.value(edges[at + 1] - 1))
    return f"{column.name} is in bin {at + 1} of {bins}, from {first:.12g} to {last:.12g}"


def _crossed(release: Release, word: int, place: int) -> str:
    _, flags, bins = release.given.shape
    column, rest = divmod(place, flags * bins)
    flag, at = divmod(rest, bins)
    return f"{_bin(release, column * bins + at)} and {_indicators(release.columns)[flag].name} is {word}"


def _coarse(histograms: Integers, bins: int) -> Integers:
    """Return histograms of so many bins, a divisor of those there are: neighbours are one bin, exactly."""
    if not bins:
        return histograms[..., :0]
    neighbours = histograms.reshape(*histograms.shape[:-1], bins, histograms.shape[-1] // bins)
    return np.asarray(neighbours.sum(axis=-1), dtype=object)


def _shared(one: int, other: int) -> int:
    return gcd(one, other) if one and other else 0


def _places(columns: Iterable[Column], wanted: Callable[[Column], bool]) -> list[int]:
    return [place for place, column in enumerate(columns) if wanted(column)]


def _is_measured(column: Column) -> bool:
    return not column.indicator


def _measured(columns: Iterable[Column]) -> list[Column]:
    return [column for column in columns if not column.indicator]


def _indicators(columns: Iterable[Column]) -> list[Column]:
    return [column for column in columns if column.indicator]
