"""Statistical tests of what is shared next against what was shared last: a release that differs by them is kept back.

The reference's rules for health data (Welch's t, Kolmogorov and Smirnov's D, an integral), feature by feature. Each
accepts a change that cannot be told from chance, so that no group of unlike rows shows in the difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import gcd

import flint

from fedpeer.core.privacy.floor import Likeness
from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.distance import kolmogorov, wasserstein
from fedpeer.core.statistics.explore import mean, variance
from fedpeer.core.statistics.grid import Grid
from fedpeer.core.statistics.rounding import certified, rational
from fedpeer.core.statistics.summary import Summary
from fedpeer.core.statistics.tails import beyond_t

LEVEL = Fraction(5, 100)
SMIRNOV = Fraction(1358, 1000)  # √(−½ ln(LEVEL/2))
_LIMITS = ((10, Fraction(20, 100)), (25, Fraction(10, 100)))
_LIMIT = Fraction(5, 100)
_ZERO, _ONE = Fraction(0), Fraction(1)


@dataclass(frozen=True, slots=True)
class Compared:
    """What a test says of one feature: the statistic, the limit that it must not reach, and how far towards it it is.

    A test that cannot be made has no statistic, and is not passed.
    """

    feature: str
    statistic: Fraction | None
    limit: Fraction
    passed: bool

    @property
    def closeness(self) -> float:
        """How near the limit the statistic is, to tell the worst feature."""
        if self.statistic is None:
            return float("inf")
        return float(self.statistic / self.limit) + 2 * (not self.passed) if self.limit else float("inf")


def compared(new: Summary, last: Summary, test: Likeness) -> Iterator[Compared]:
    """One test of each column that both summaries have, encoded alike, and that rows of both have a value of."""
    before = {column.name: column for column in last.schema.columns}
    for column in new.schema.columns:
        if before.get(column.name) != column or not (new.count(column.name) and last.count(column.name)):
            continue
        if test == "welch":
            yield _welch(new, last, column.name)
        elif not column.indicator:
            yield _binned(new, last, column, test)


def _welch(new: Summary, last: Summary, name: str) -> Compared:
    """Of means, by population variances, at 95%: 1 − p of two sides, which must stay below 1 − LEVEL.

    If one of the two does not vary, the t of one sample with as many degrees of freedom as the other has rows.
    """
    n, m = new.count(name), last.count(name)
    first, second = variance(new, name) / n, variance(last, name) / m
    apart = (mean(new, name) - mean(last, name)) ** 2
    if not first and not second:
        return Compared(name, Fraction(int(apart > 0)), 1 - LEVEL, not apart)
    if first and second and min(n, m) > 1:
        df: Fraction | int = (first + second) ** 2 / (first**2 / (n - 1) + second**2 / (m - 1))
    else:
        df = n if first else m
    (p,) = certified(lambda: [beyond_t(flint.arb(rational(apart / (first + second))), df)])
    likely = _ZERO if p is None else Fraction(p)
    return Compared(name, 1 - likely, 1 - LEVEL, likely >= LEVEL)


def _binned(new: Summary, last: Summary, column: Column, test: Likeness) -> Compared:
    grids = _grids(new, last, column.name)
    if grids is None:
        return Compared(column.name, None, _ONE, False)
    return _smirnov(column.name, *grids) if test == "ks" else _integral(column.name, *grids)


def _grids(new: Summary, last: Summary, name: str) -> tuple[Grid, Grid] | None:
    if not (new.has("histogram") and last.has("histogram")):
        return None
    bins = gcd(new.schema.bins, last.schema.bins)
    return Grid.of(new, name, bins), Grid.of(last, name, bins)


def _smirnov(name: str, new: Grid, last: Grid) -> Compared:
    """D² against 1.358² (n + m) / nm; D as far as the bins tell it, which is all that others see."""
    d, _ = kolmogorov(new, last)
    limit = SMIRNOV**2 * Fraction(new.rows + last.rows, new.rows * last.rows)
    return Compared(name, d**2, limit, d**2 < limit)


def _integral(name: str, new: Grid, last: Grid) -> Compared:
    """The area between the distribution functions, squared, over the product of both ranges; by the middles of bins.

    Absolute, so that it cannot be negative. Where one does not vary the quotient has no value, and any area is too
    much; equal constants have none.
    """
    _, area, _ = wasserstein(new, last, _ZERO)
    ranges = _range(new) * _range(last)
    limit = next((limit for most, limit in _LIMITS if new.rows <= most), _LIMIT) ** 2
    if not ranges:
        return Compared(name, _ONE if area else _ZERO, limit, not area)
    return Compared(name, area**2 / ranges, limit, area**2 < limit * ranges)


def _range(grid: Grid) -> Fraction:
    """From the middle of the first bin that somebody is in to that of the last."""
    held = [k for k, count in enumerate(grid.counts) if count]
    (low, high), (start, end) = grid.span(held[0]), grid.span(held[-1])
    return (start + end - low - high) / 2
