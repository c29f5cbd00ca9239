"""Quantiles of binned values: bounds that the true sample quantile cannot leave, and a value between them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from fedpeer.core.errors import RequestError
from fedpeer.core.statistics.grid import Grid, gridded
from fedpeer.core.statistics.question import Answer, Question
from fedpeer.core.statistics.rounding import rounded

_USUAL = ("0", "0.05", "0.25", "0.5", "0.75", "0.95", "1")
_MOST = 1000  # probabilities of one answer
_REACH = Fraction(3, 2)  # of whiskers, in interquartile ranges

Bin = tuple[Fraction, Fraction, int]  # the smallest and the largest number that it can hold, and its rows


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number that lies between two bounds, ends included, and the best guess at it."""

    lower: Fraction
    value: Fraction
    upper: Fraction

    def __sub__(self, other: Estimate) -> Estimate:
        return Estimate(self.lower - other.upper, self.value - other.value, self.upper - other.lower)

    def __neg__(self) -> Estimate:
        return Estimate(-self.upper, -self.value, -self.lower)

    def times(self, factor: Fraction) -> Estimate:
        """So many times the number; the factor is not negative."""
        return Estimate(factor * self.lower, factor * self.value, factor * self.upper)

    def told(self) -> dict[str, float]:
        """The three, rounded."""
        return {"lower": rounded(self.lower), "value": rounded(self.value), "upper": rounded(self.upper)}


def quantile(grid: Grid, p: Fraction) -> Estimate:
    """The smallest value x of which at least a share p of the rows are at most x: the inverse of the empirical CDF.

    It is the ⌈np⌉th smallest (the first for p = 0), so it lies in a known bin. The value between its bounds is where
    the cumulative histogram, drawn as straight lines between the limits of bins, reaches n·p.
    """
    at = bisect_left(grid.below, max(1, ceil(grid.rows * p))) - 1
    (low, high), (left, right) = grid.span(at), grid.limits(at)
    value = left + (right - left) * (grid.rows * p - grid.below[at]) / grid.counts[at]
    return _between(low, value, high)


def quantiles(question: Question) -> Answer:
    """Quantiles of each feature at the option `probabilities`, with bounds."""
    wanted = question.numbers("probabilities", _USUAL)
    if not 1 <= len(wanted) <= _MOST or any(not 0 <= p <= 1 for p in wanted.values()):
        raise RequestError(f"probabilities are 1 to {_MOST} numbers from 0 to 1", hint="for example 0.1,0.5,0.9")
    told = {}
    for column in gridded(question):
        grid = Grid.of(question.summary, column.name)
        found = {label: quantile(grid, p).told() for label, p in wanted.items()}
        told[column.name] = {"count": grid.rows, "quantiles": found}
    return {"features": told}


def box(question: Question) -> Answer:
    """The numbers of a box plot, with bounds; whiskers end at the last value within `reach` interquartile ranges."""
    reach = question.number("reach", _REACH)
    if reach < 0:
        raise RequestError(f"a reach of {float(reach):g} interquartile ranges is below none")
    return {
        "features": {c.name: _boxed(Grid.of(question.summary, c.name), reach) for c in gridded(question)},
        "reach": rounded(reach),
    }


def _boxed(grid: Grid, reach: Fraction) -> Answer:
    least, first, median, third, most = (quantile(grid, Fraction(k, 4)) for k in range(5))
    bins = [(*grid.span(k), count) for k, count in enumerate(grid.counts) if count]
    mirrored = [(-high, -low, count) for low, high, count in reversed(bins)]
    inner, low, high = third - first, _fence(first, third, reach), _fence(-third, -first, reach)
    told: Answer = {"count": grid.rows}
    told |= dict(zip(("below_least", "below_most"), _beyond(bins, low), strict=True))
    told |= dict(zip(("above_least", "above_most"), _beyond(mirrored, high), strict=True))
    every = {
        "minimum": least,
        "lower_whisker": _whisker(bins, low, first),
        "first_quartile": first,
        "median": median,
        "third_quartile": third,
        "upper_whisker": -_whisker(mirrored, high, -third),
        "maximum": most,
        "interquartile_range": _between(max(inner.lower, Fraction(0)), inner.value, inner.upper),
    }
    return told | {name: estimate.told() for name, estimate in every.items()}


def _fence(near: Estimate, far: Estimate, reach: Fraction) -> Estimate:
    """The nearer quartile less `reach` times the range between the two."""
    return near.times(1 + reach) - far.times(reach)


def _whisker(bins: Sequence[Bin], fence: Estimate, quartile: Estimate) -> Estimate:
    """The smallest value that is not below the fence; the quartile is one that is not."""
    lower = next(max(low, fence.lower) for low, high, _ in bins if high >= fence.lower)
    upper = next((high for low, high, _ in bins if low >= fence.upper), quartile.upper)
    value = next((max(low, fence.value) for low, high, _ in bins if high >= fence.value), quartile.value)
    return _between(lower, value, min(upper, quartile.upper))


def _beyond(bins: Sequence[Bin], fence: Estimate) -> tuple[int, int]:
    """How many values are below the fence: at least, and at most."""
    return sum(n for _, high, n in bins if high < fence.lower), sum(n for low, _, n in bins if low < fence.upper)


def _between(lower: Fraction, value: Fraction, upper: Fraction) -> Estimate:
    return Estimate(lower, min(max(value, lower), upper), upper)
