"""The cells of a release: how many rows share values, bins and gaps, and whether rows were exchanged in one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from fedpeer.core.privacy.disclosure import Release
from fedpeer.core.privacy.gaps import Integers, continuous, places_of, zero_one
from fedpeer.core.statistics.columns import Column

Counts = npt.NDArray[np.int64]


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
    for name, counts in _cells(release, flags):
        sizes = np.abs(counts)
        small = np.flatnonzero((sizes > 0) & (sizes < floor))
        bad += small.size
        if small.size and (found is None or sizes[small].min() < abs(found.rows)):
            place = int(small[sizes[small].argmin()])
            found = Cell(name(place), int(counts[place]))
    return found and replace(found, others=bad - 1)


def exchanged(release: Release) -> str | None:
    """Return the name of a cell of a difference that counts no rows and yet is not empty, if there is one."""
    for flag in _flags(release):
        for word, rows, blocks in ((1, flag.ones, flag.inside), (0, flag.there - flag.ones, flag.outside)):
            if rows == 0 and any(block.any() for block in blocks):
                return flag.named(word)
    return None


def swapped(release: Release) -> str | None:
    """Return the name of a feature that a difference has in as many rows as before, but not in the same ones."""
    gaps = release.overlap
    if gaps is None:
        return None
    belong = np.array(gaps.belong(release.columns), int)
    for g in range(len(gaps.features)):
        own = belong == g
        inside = gaps.sums[:, g], gaps.counts[g], gaps.spreads[:, g], release.products[own]
        rest = gaps.there - gaps.counts[g], release.sums - gaps.sums[:, g], release.own - gaps.spreads[:, g]
        for word, rows, blocks in (("present", gaps.there[g], inside), ("missing", release.rows - gaps.there[g], rest)):
            if rows == 0 and any(block.any() for block in blocks):
                return f"{gaps.features[g]} is {word}"
    return None


@dataclass(frozen=True, slots=True, eq=False)
class _Flag:
    """A column of two values: rows that have it, Σb, and the entries over rows inside (b = 1) and outside (b = 0)."""

    column: Column
    there: int
    ones: int
    inside: tuple[Integers, ...]
    outside: tuple[Integers, ...]

    def named(self, word: int) -> str:
        return f"{self.column.name} is {self.column.value((self.column.low, self.column.high)[word])}"


def _flags(release: Release) -> list[_Flag]:
    """Return the columns that can take two values only, however they were declared."""
    narrow = {column.name: place for place, column in enumerate(zero_one(release.columns))}
    gaps, flags = release.gaps, []
    belong = gaps.belong(release.columns)
    for i, column in enumerate(release.columns):
        if column.high - column.low != 1:
            continue
        g = belong[i]
        inside = [release.products[i] - column.low * gaps.sums[:, g], gaps.sums[i] - column.low * gaps.counts[g]]
        outside = [gaps.sums[:, g] - inside[0], gaps.counts[g] - inside[1]]
        if column.name in narrow:
            inside.append(release.squares[:, narrow[column.name]])
            outside.append(gaps.spreads[:, g] - inside[2])
            inside.append(release.given[:, narrow[column.name]])
            if release.overlap is None:  # of rows with gaps, some that are in a bin may lack the column
                outside.append(release.bins[:, : release.given.shape[2]] - inside[3])
        flags.append(_Flag(column, gaps.there[g], inside[1][g], tuple(inside), tuple(outside)))
    return flags


def _cells(release: Release, flags: list[_Flag]) -> Iterator[tuple[Callable[[int], str], Counts]]:
    """Yield how many rows share values (0 low, 1 high), and what names them: for every column, then for every pair.

    Of rows with gaps also where features are present and missing. Last the bins of every continuous column, and these
    given each 0/1 column.
    """
    there, ones = (np.array([getattr(flag, name) for flag in flags], np.int64) for name in ("there", "ones"))
    gaps = release.gaps
    belong = np.array(gaps.belong([flag.column for flag in flags]), int)
    yield partial(_named, flags, (1,)), ones
    yield partial(_named, flags, (0,)), there - ones
    both, given = _both(release, flags), np.array([flag.inside[1] for flag in flags], np.int64)
    given = given.reshape(len(flags), len(gaps.features))
    first, second = np.triu_indices(ones.size, 1)
    pair, a, b = both[first, second], given[first, belong[second]], given[second, belong[first]]
    yield partial(_named, flags, (1, 1)), pair
    yield partial(_named, flags, (1, 0)), a - pair
    yield partial(_named, flags, (0, 1)), b - pair
    yield partial(_named, flags, (0, 0)), gaps.counts[belong[first], belong[second]].astype(np.int64) - a - b + pair
    if release.overlap is not None:
        yield from _missing(release, flags, given)
    yield partial(_bin, release), release.bins.reshape(-1).astype(np.int64)
    without = release.bins[:, None, : release.given.shape[2]] - release.given
    yield partial(_crossed, release, 1), release.given.reshape(-1).astype(np.int64)
    yield partial(_crossed, release, 0), without.reshape(-1).astype(np.int64)


def _both(release: Release, flags: list[_Flag]) -> Counts:
    """Return how many rows are inside each pair of columns."""
    names = {flag.column.name for flag in flags}
    places = places_of(release.columns, lambda column: column.name in names)
    lows = np.array([flag.column.low for flag in flags], dtype=object)
    belong = release.gaps.belong([flag.column for flag in flags])
    rows = [flag.inside[0][places] - flag.inside[1][belong] * lows for flag in flags]
    return np.array(rows, dtype=np.int64).reshape(len(flags), len(flags))


def _missing(release: Release, flags: list[_Flag], given: Counts) -> Iterator[tuple[Callable[[int], str], Counts]]:
    """Yield the rows that have or lack a feature, two of them, or one and a value of a 0/1 column of another."""
    gaps = release.gaps
    lacking = gaps.lacking(release.rows)
    counts, names = gaps.counts.astype(np.int64), gaps.features
    here = counts.diagonal()
    belong = np.array(gaps.belong([flag.column for flag in flags]), int)
    for g in lacking:
        yield partial(_lone, names[g]), np.array([here[g], release.rows - here[g]])
        others = [h for h in lacking if h > g]
        c, own = counts[g, others], here[others]
        cells = np.stack([c, here[g] - c, own - c, release.rows - here[g] - own + c], axis=1)
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


def _mixed(name: str, flags: list[_Flag], place: int) -> str:
    flag, words = divmod(place, 4)
    return f"{flags[flag].named(1 - words // 2)} and {_lone(name, words % 2)}"


def _named(flags: list[_Flag], words: tuple[int, ...], place: int) -> str:
    if len(words) == 1:
        return flags[place].named(words[0])
    first, second = np.triu_indices(len(flags), 1)
    return f"{flags[first[place]].named(words[0])} and {flags[second[place]].named(words[1])}"


def _bin(release: Release, place: int) -> str:
    bins = release.bins.shape[1]
    column, at = continuous(release.columns)[place // bins], place % bins
    edges = column.edges(bins)
    first, last = float(column.value(edges[at])), float(column.value(edges[at + 1] - 1))
    return f"{column.name} is in bin {at + 1} of {bins}, from {first:.12g} to {last:.12g}"


def _crossed(release: Release, word: int, place: int) -> str:
    _, flags, bins = release.given.shape
    column, rest = divmod(place, flags * bins)
    flag, at = divmod(rest, bins)
    return f"{_bin(release, column * bins + at)} and {zero_one(release.columns)[flag].name} is {word}"
