"""How well a score tells two classes apart: the area under the ROC curve, its interval, and points of the curve."""

from __future__ import annotations

from fractions import Fraction

import flint
import numpy as np
import numpy.typing as npt

from fedpeer.core.models.estimates import UNKNOWN, Ball
from fedpeer.core.models.inputs import Floats
from fedpeer.core.statistics.rounding import rational
from fedpeer.core.statistics.tails import normal_quantile

Whole = npt.NDArray[np.int64]
Truth = npt.NDArray[np.bool_]

_POINTS = 200


def area(truths: Truth, scores: Floats) -> tuple[Fraction, Fraction | None] | None:
    """P(score of a positive > score of a negative) + P(equal)/2, and DeLong's variance of it; None for one class.

    Exact (Mann and Whitney 1947; DeLong, DeLong and Clarke-Pearson 1988). The variance needs two rows of each class.
    """
    m, n = int(truths.sum()), int((~truths).sum())
    if not m or not n:
        return None
    ranks = _ranks(scores)
    above = ranks[truths] - _ranks(scores[truths])  # twice the negatives below a positive, ties once
    below = 2 * m - (ranks[~truths] - _ranks(scores[~truths]))  # twice the positives above a negative
    auc = Fraction(int(above.sum()), 2 * m * n)
    if m < 2 or n < 2:
        return auc, None
    return auc, _variance(above, 2 * n) / m + _variance(below, 2 * m) / n


def interval(found: tuple[Fraction, Fraction | None] | None, confidence: Fraction) -> Ball:
    """An area with its normal interval, within 0 … 1."""
    if found is None:
        return UNKNOWN
    value, variance = rational(found[0]), found[1]
    if variance is None:
        return value, None, None
    reach = normal_quantile(confidence) * flint.arb(rational(variance)).sqrt() if variance else flint.fmpq(0)
    low, high = value - reach, value + reach
    return value, flint.fmpq(0) if low < 0 else low, flint.fmpq(1) if high > 1 else high


def points(truths: Truth, scores: Floats) -> list[tuple[float, float]]:
    """At most 200 points (1 − specificity, sensitivity) from (0, 0) to (1, 1), without the scores that they stand for.

    A score would be that of a single row. Points are left out evenly along the curve.
    """
    m, n = int(truths.sum()), int((~truths).sum())
    if not m or not n:
        return []
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    hits = np.cumsum(truths[order])[last]
    misses = last + 1 - hits
    keep = np.unique(np.linspace(0, len(last) - 1, min(len(last), _POINTS - 1)).round().astype(int))
    return [(0.0, 0.0), *((float(b / n), float(a / m)) for a, b in zip(hits[keep], misses[keep], strict=True))]


def _ranks(scores: Floats) -> Whole:
    """Twice the midranks."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    doubled: Whole = (2 * ends - counts + 1)[place.ravel()]
    return doubled


def _variance(values: Whole, unit: int) -> Fraction:
    """The variance (÷ n − 1) of whole numbers over a unit."""
    n, total = len(values), int(values.sum())
    step = max(1, 2**62 // max(int(values.max()) ** 2, 1))
    squares = sum(int((part * part).sum()) for part in np.split(values, range(step, n, step)))
    return Fraction(n * squares - total * total, n * (n - 1) * unit * unit)
