"""The sides of a release: the rows with one value of a 0/1 column, or with a gap, and all that is told of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from fedpeer.core.privacy.disclosure import Release
from fedpeer.core.privacy.gaps import Integers, zero_one
from fedpeer.core.statistics.columns import Column


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """Rows on one side of a 0/1 column or of a gap: what they are called, how many, and all that is told of them."""

    name: str
    rows: int
    blocks: tuple[Integers, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Flag:
    """A column of two values: rows that have it, Σb, and the entries over rows inside (b = 1) and outside (b = 0)."""

    column: Column
    there: int
    ones: int
    inside: tuple[Integers, ...]
    outside: tuple[Integers, ...]


def two_valued(column: Column) -> bool:
    """Whether a column cuts the rows in two."""
    return column.high - column.low == 1


def valued_name(column: Column, word: int) -> str:
    """Name the rows where a column of two values has one: 0 the lower, 1 the higher."""
    return f"{column.name} is {column.value((column.low, column.high)[word])}"


def flags(release: Release) -> list[Flag]:
    """Return the columns that can take two values only, however they were declared."""
    narrow = {column.name: place for place, column in enumerate(zero_one(release.columns))}
    gaps, found = release.gaps, []
    belong = gaps.belong(release.columns)
    for i, column in enumerate(release.columns):
        if not two_valued(column):
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
        found.append(Flag(column, gaps.there[g], inside[1][g], tuple(inside), tuple(outside)))
    return found


def exchanged(sides: Iterable[Side]) -> str | None:
    """Return the name of a side of a difference that counts no rows and yet is not empty, if there is one."""
    return next((side.name for side in sides if not side.rows and any(block.any() for block in side.blocks)), None)


def valued(release: Release) -> list[Side]:
    """Both sides of each 0/1 column."""
    return [
        Side(valued_name(flag.column, word), rows, blocks)
        for flag in flags(release)
        for word, rows, blocks in ((1, flag.ones, flag.inside), (0, flag.there - flag.ones, flag.outside))
    ]


def gapped(release: Release) -> list[Side]:
    """The rows that have each feature, and those that lack it; nothing where rows have no gaps."""
    gaps = release.overlap
    if gaps is None:
        return []
    belong, sides = np.array(gaps.belong(release.columns), int), []
    for g, name in enumerate(gaps.features):
        inside = gaps.sums[:, g], gaps.counts[g], gaps.spreads[:, g], release.products[belong == g]
        rest = gaps.there - gaps.counts[g], release.sums - gaps.sums[:, g], release.own - gaps.spreads[:, g]
        sides.append(Side(f"{name} is present", gaps.there[g], inside))
        sides.append(Side(f"{name} is missing", release.rows - gaps.there[g], rest))
    return sides
