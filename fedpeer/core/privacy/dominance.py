"""Dominance (the p% rule): whether whoever has the second largest share of a sum could tell the largest within p%.

1. A value counts from an end of its range, which everybody knows: y = q − low, and y = high − q. So y ≥ 0. Of each
   continuous column it is told, over all rows and over each side of a 0/1 column, that there are n rows, Σy and Σy².
2. Who knows the second largest subtracts it, and is off by what the others hold together. That is p% of the largest or
   more where Σy ≥ (1 + p) y₁ + y₂.
3. The sums do not tell y₁ and y₂, but how large they can be. No y is above W = high − low. And with V = Σ(y − ȳ)²,
   (1 + p) y₁ + y₂ ≤ (2 + p) ȳ + √(V ((1 + p)² + 1 − (2 + p)²/n)) by the inequality of Cauchy and Schwarz, which n
   numbers reach (for one row alone it is Samuelson's, 1968).
4. A sum passes if either bound proves rule 2. So none passes wrongly; one that no row dominates may be kept back.
5. Where a column of two values was declared as a number, Σy² on each side is not told: that of all rows, and WΣy,
   bound it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fedpeer.core.privacy.disclosure import Release
from fedpeer.core.privacy.gaps import Integers, continuous, places_of
from fedpeer.core.privacy.sides import flags, valued_name

_HUNDRED = 100


@dataclass(frozen=True, slots=True)
class Dominated:
    """The sum of which one row may hold the most: of which rows, counted from which end, and how much at most (0 to 1).

    `proved` says that nobody with a row in it comes within p% of another.
    """

    feature: str
    where: str
    end: str
    share: float
    proved: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Rows, Σy and Σy² of each continuous column."""

    rows: Integers
    sums: Integers
    squares: Integers

    def counted(self, ends: Integers, sign: int) -> _Sums:
        """The same of sign·(y − end); of rows that went, as if they came."""
        moved = sign * (self.sums - ends * self.rows)
        squares = self.squares - 2 * ends * self.sums + ends**2 * self.rows
        went = np.where(np.less(self.rows, 0), -1, 1).astype(object)
        return _Sums(self.rows * went, moved * went, squares * went)

    def safe(self, widths: Integers, percent: int) -> npt.NDArray[np.bool_]:
        """Where rule 2 is proved, p in percent; of no rows it is."""
        first, second = _HUNDRED + percent, _HUNDRED
        both, square = first + second, first**2 + second**2
        left = (_HUNDRED * self.rows - both) * self.sums
        spread = (self.rows * square - both**2) * self.scatter
        ranged = np.less_equal(both * widths, _HUNDRED * self.sums)
        bounded = np.greater_equal(left, 0) & np.greater_equal(left**2, spread)
        return np.asarray(ranged | bounded | np.equal(self.rows, 0), bool)

    def shares(self, widths: Integers) -> npt.NDArray[np.float64]:
        """At most how much of each sum one row holds."""
        rows, sums = np.maximum(self.rows.astype(float), 1), self.sums.astype(float)
        most = (sums + np.sqrt(np.maximum(self.scatter.astype(float) * (rows - 1), 0))) / rows
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.minimum(most, widths.astype(float)) / sums
        return np.where(sums > 0, np.minimum(shares, 1), np.where(sums < 0, 1.0, 0.0))

    @property
    def scatter(self) -> Integers:
        """That is n V = n Σy² − (Σy)²."""
        return np.asarray(self.rows * self.squares - self.sums**2)


def dominated(release: Release, percent: int) -> Dominated | None:
    """The worst sum of a release, or of a difference, as if all its rows came or all went; None without such sums."""
    columns = continuous(release.columns)
    if not columns:
        return None
    low, high = (np.array([getattr(c, end) for c in columns], dtype=object) for end in ("low", "high"))
    found = []
    for where, sums in _told(release, (low, high)):
        for end, ends, sign in (("smallest", low, 1), ("largest", high, -1)):
            counted = sums.counted(ends, sign)
            safe, shares = counted.safe(high - low, percent), counted.shares(high - low)
            k = int(np.argmax(np.where(safe, shares, shares + 2)))
            found.append(Dominated(columns[k].name, where, end, float(shares[k]), bool(safe[k])))
    return max(found, key=lambda each: (not each.proved, each.share))


def _told(release: Release, ends: tuple[Integers, Integers]) -> Iterator[tuple[str, _Sums]]:
    """The sums over all rows, and over both sides of each 0/1 column and of each gap."""
    measured = places_of(release.columns, lambda column: not column.indicator)
    belong = np.array(release.gaps.belong(release.columns), int)
    mine = belong[measured]
    whole = _Sums(release.gaps.there[mine], release.sums[measured], release.own)
    yield "", whole
    for flag in flags(release):
        for word, rows, blocks in ((1, flag.ones, flag.inside), (0, flag.there - flag.ones, flag.outside)):
            if not rows:
                continue
            counts, sums = blocks[1][mine], blocks[0][measured]
            squares = blocks[2] if len(blocks) > 2 else _at_most(whole, counts, sums, ends)
            yield f" where {valued_name(flag.column, word)}", _Sums(counts, sums, squares)
    for g in release.gaps.lacking(release.rows):
        gaps = release.gaps
        here = _Sums(gaps.counts[g][mine], gaps.sums[measured, g], gaps.spreads[:, g])
        yield f" where {gaps.features[g]} is present", here
        rest = whole.rows - here.rows, whole.sums - here.sums, whole.squares - here.squares
        yield f" where {gaps.features[g]} is missing", _Sums(*rest)


def _at_most(whole: _Sums, rows: Integers, sums: Integers, ends: tuple[Integers, Integers]) -> Integers:
    """Σq² of some of the rows where it is not told: Σy² is no more than that of all rows, and than W Σy."""
    low, high = ends
    every = whole.counted(low, 1).squares
    most = np.minimum(every, (high - low) * (sums - low * rows))
    return np.asarray(most + 2 * low * sums - low**2 * rows)
