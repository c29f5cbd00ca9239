"""The cells of a release: how many rows share values, bins and gaps, and whether rows were exchanged in one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from fedpeer.core.privacy.disclosure import Release
from fedpeer.core.privacy.gaps import belonging, continuous, named, places_of, zero_one
from fedpeer.core.privacy.sides import Flag, flags, two_valued, valued_name
from fedpeer.core.statistics.columns import Column

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cell:
    """Rows that share values of one or two 0/1 columns, a bin, or both; `others` more cells are as bad."""

    name: str
    rows: int
    others: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """What a release says of how many rows there are, in int64: every cell is a sum of these with signs.

    Rows inside each 0/1 column (f), each two of them (f × f), and each and a feature (f × m); rows that have each two
    features (m × m); the bins and the bins given 0/1 columns, as in a `Release`. All of it is linear in the summary.
    """

    columns: tuple[Column, ...]
    pairwise: bool
    rows: int
    ones: Counts
    both: Counts
    given: Counts
    gaps: Counts
    bins: Counts
    crossed: Counts

    @classmethod
    def of(cls, release: Release) -> Counted:
        """What a release, or the difference of two, says."""
        found, m = flags(release), len(release.gaps.features)
        ones = np.array([flag.ones for flag in found], np.int64)
        given = np.array([flag.inside[1] for flag in found], np.int64).reshape(len(found), m)
        blocks = (each.astype(np.int64) for each in (release.gaps.counts, release.bins, release.given))
        pairwise = release.overlap is not None
        return cls(release.columns, pairwise, release.rows, ones, _both(release, found), given, *blocks)

    def less(self, other: Counted) -> Counted:
        """The same of the difference of two releases over the same columns."""
        blocks = (mine - theirs for mine, theirs in zip(self.blocks, other.blocks, strict=True))
        return Counted(self.columns, self.pairwise, self.rows - other.rows, *blocks)

    @property
    def blocks(self) -> tuple[Counts, ...]:
        """Everything but the rows."""
        return self.ones, self.both, self.given, self.gaps, self.bins, self.crossed

    @property
    def flags(self) -> list[Column]:
        """The columns that can take two values only, however they were declared."""
        return [column for column in self.columns if two_valued(column)]

    @property
    def features(self) -> tuple[str, ...]:
        """The features of the columns, in order."""
        return named(self.columns)

    @property
    def belong(self) -> list[int]:
        """The place of the feature of each 0/1 column."""
        return belonging(self.flags, self.features)

    @property
    def lacking(self) -> list[int]:
        """The features that some of the rows lack."""
        return [int(g) for g in np.flatnonzero(self.gaps.diagonal() != self.rows)]

    @property
    def told(self) -> int:
        """How many independent sums the bins are, at most.

        Bins that nobody is in tell nothing, nor do those that have all of their rows, or none, where a column is 1.
        """
        split = (self.crossed != 0) & (self.crossed != self.bins[:, None, : self.crossed.shape[2]])
        found = np.concatenate([(self.bins != 0).sum(axis=1), split.sum(axis=2).reshape(-1)])
        return int(np.maximum(found - 1, 0).sum())


def smallest(counted: Counted, floor: int) -> Cell | None:
    """Return the smallest cell that is neither empty nor of at least `floor` rows, if there is one."""
    found, bad = None, 0
    for name, counts in _cells(counted):
        sizes = np.abs(counts)
        small = np.flatnonzero((sizes > 0) & (sizes < floor))
        bad += small.size
        if small.size and (found is None or sizes[small].min() < abs(found.rows)):
            place = int(small[sizes[small].argmin()])
            found = Cell(name(place), int(counts[place]))
    return found and replace(found, others=bad - 1)


def thinnest(counted: Counted, floor: int) -> tuple[str, int] | None:
    """Features that fewer rows have together than `floor`, if any do, with how many these are."""
    if not counted.pairwise:
        return None
    sizes, features = np.abs(counted.gaps), counted.features
    first, second = np.triu_indices(len(sizes))
    some = sizes[first, second]
    small = np.flatnonzero((some > 0) & (some < floor))
    if not small.size:
        return None
    k = small[some[small].argmin()]
    names = dict.fromkeys((features[first[k]], features[second[k]]))
    return " and ".join(names), int(some[k])


def _both(release: Release, flags: list[Flag]) -> Counts:
    """Return how many rows are inside each pair of columns."""
    places = places_of(release.columns, two_valued)
    lows = np.array([flag.column.low for flag in flags], dtype=object)
    belong = release.gaps.belong([flag.column for flag in flags])
    rows = [flag.inside[0][places] - flag.inside[1][belong] * lows for flag in flags]
    return np.array(rows, dtype=np.int64).reshape(len(flags), len(flags))


def _cells(counted: Counted) -> Iterator[tuple[Callable[[int], str], Counts]]:
    """Yield how many rows share values (0 low, 1 high), and what names them: for every column, then for every pair.

    Of rows with gaps also where features are present and missing. Last the bins of every continuous column, and these
    given each 0/1 column.
    """
    flags, ones, given, gaps = counted.flags, counted.ones, counted.given, counted.gaps
    belong = np.array(counted.belong, int)
    yield partial(_named, flags, (1,)), ones
    yield partial(_named, flags, (0,)), gaps.diagonal()[belong] - ones
    first, second = np.triu_indices(ones.size, 1)
    pair, a, b = counted.both[first, second], given[first, belong[second]], given[second, belong[first]]
    yield partial(_named, flags, (1, 1)), pair
    yield partial(_named, flags, (1, 0)), a - pair
    yield partial(_named, flags, (0, 1)), b - pair
    yield partial(_named, flags, (0, 0)), gaps[belong[first], belong[second]] - a - b + pair
    if counted.pairwise:
        yield from _missing(counted, flags, belong)
    yield partial(_bin, counted), counted.bins.reshape(-1)
    without = counted.bins[:, None, : counted.crossed.shape[2]] - counted.crossed
    yield partial(_crossed, counted, 1), counted.crossed.reshape(-1)
    yield partial(_crossed, counted, 0), without.reshape(-1)


def _missing(
    counted: Counted, flags: list[Column], belong: npt.NDArray[np.int_]
) -> Iterator[tuple[Callable[[int], str], Counts]]:
    """Yield the rows that have or lack a feature, two of them, or one and a value of a 0/1 column of another."""
    counts, names, given, rows = counted.gaps, counted.features, counted.given, counted.rows
    here, lacking = counts.diagonal(), counted.lacking
    for g in lacking:
        yield partial(_lone, names[g]), np.array([here[g], rows - here[g]])
        others = [h for h in lacking if h > g]
        c, own = counts[g, others], here[others]
        cells = np.stack([c, here[g] - c, own - c, rows - here[g] - own + c], axis=1)
        yield partial(_gaps, names[g], [names[h] for h in others]), cells.reshape(-1)
        apart = np.flatnonzero(belong != g)
        ones, there = given[apart, belong[apart]], here[belong[apart]]
        a, c = given[apart, g], counts[belong[apart], g]
        cells = np.stack([a, ones - a, c - a, there - ones - c + a], axis=1)
        yield partial(_mixed, names[g], [flags[k] for k in apart]), cells.reshape(-1)


def _lone(name: str, place: int) -> str:
    return f"{name} is {('present', 'missing')[place]}"


def _gaps(name: str, others: list[str], place: int) -> str:
    other, words = divmod(place, 4)
    return f"{_lone(name, words // 2)} and {_lone(others[other], words % 2)}"


def _mixed(name: str, flags: list[Column], place: int) -> str:
    flag, words = divmod(place, 4)
    return f"{valued_name(flags[flag], 1 - words // 2)} and {_lone(name, words % 2)}"


def _named(flags: list[Column], words: tuple[int, ...], place: int) -> str:
    if len(words) == 1:
        return valued_name(flags[place], words[0])
    first, second = np.triu_indices(len(flags), 1)
    return f"{valued_name(flags[first[place]], words[0])} and {valued_name(flags[second[place]], words[1])}"


def _bin(counted: Counted, place: int) -> str:
    bins = counted.bins.shape[1]
    column, at = continuous(counted.columns)[place // bins], place % bins
    edges = column.edges(bins)
    first, last = float(column.value(edges[at])), float(column.value(edges[at + 1] - 1))
    return f"{column.name} is in bin {at + 1} of {bins}, from {first:.12g} to {last:.12g}"


def _crossed(counted: Counted, word: int, place: int) -> str:
    _, flags, bins = counted.crossed.shape
    column, rest = divmod(place, flags * bins)
    flag, at = divmod(rest, bins)
    return f"{_bin(counted, column * bins + at)} and {zero_one(counted.columns)[flag].name} is {word}"
