"""How far predictions of a number are from the truth: RMSE, MAE, bias and R² on rows that the model has not seen."""

from __future__ import annotations

from fractions import Fraction

import flint
import msgspec
import numpy as np

from fedpeer.core.models.estimates import UNKNOWN, Ball, Estimate, estimated, mean_of_rows
from fedpeer.core.models.inputs import Floats
from fedpeer.core.models.totals import Total
from fedpeer.core.statistics.rounding import rational
from fedpeer.core.statistics.tails import normal_quantile

_SUMS = ("e", "|e|", "e2", "e4", "y", "y2", "y3", "y4", "e2y", "e2y2")


class Regression(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With e = prediction − truth: √(Σe²/n), Σ|e|/n, Σe/n, and 1 − Σe²/Σ(y − ȳ)², each with an interval."""

    n: int
    rmse: Estimate
    mae: Estimate
    bias: Estimate
    r2: Estimate


class Residuals:
    """Sums over rows that come in parts; they are exact, so the answer does not depend on the parts."""

    def __init__(self) -> None:
        self._n = 0
        self._first = 0.0
        self._sums = {name: Total() for name in _SUMS}

    def add(self, truths: Floats, predictions: Floats) -> None:
        """Add rows of finite numbers below 1e75 in size."""
        if not len(truths):
            return
        if not self._n:
            self._first = float(truths[0])
        self._n += len(truths)
        e, y = predictions - truths, truths - self._first  # counted from a truth, so that little cancels
        e2, y2 = e * e, y * y
        parts = (e, np.abs(e), e2, e2 * e2, y, y2, y2 * y, y2 * y2, e2 * y, e2 * y2)
        for name, values in zip(_SUMS, parts, strict=True):
            self._sums[name].add(values)

    def told(self, confidence: Fraction) -> Regression | None:
        """The numbers, each rounded once from sums of float64 terms; None without rows."""
        n = self._n
        if not n:
            return None
        sums = {name: total.value for name, total in self._sums.items()}

        def compute() -> list[Ball]:
            square = mean_of_rows(sums["e2"], sums["e4"], n, confidence)
            mae = mean_of_rows(sums["|e|"], sums["e2"], n, confidence)
            bias = mean_of_rows(sums["e"], sums["e2"], n, confidence)
            return [_rooted(square), mae, bias, _explained(sums, n, confidence)]

        rmse, mae, bias, r2 = estimated(compute)
        return Regression(n=n, rmse=rmse, mae=mae, bias=bias, r2=r2)


def regression(truths: Floats, predictions: Floats, *, confidence: Fraction = Fraction(19, 20)) -> Regression | None:
    """The same of two arrays at once."""
    residuals = Residuals()
    residuals.add(np.asarray(truths, np.float64), np.asarray(predictions, np.float64))
    return residuals.told(confidence)


def _rooted(ball: Ball) -> Ball:
    """The roots of a mean of squares and of the ends of its interval, the lower at least 0."""
    value, low, high = ball
    if value is None or low is None or high is None:
        return (None if value is None else _root(value)), None, None
    return _root(value), flint.fmpq(0) if low <= 0 else _root(low), _root(high)


def _root(value: flint.arb | flint.fmpq) -> flint.arb | flint.fmpq:
    return flint.fmpq(0) if value == 0 else flint.arb(value).sqrt()


def _explained(sums: dict[str, Fraction], n: int, confidence: Fraction) -> Ball:
    """R² and its interval by the delta method: of e² and (y − ȳ)² of a row as two means, without normality.

    With A = Σe²/n and B = Σ(y − ȳ)²/n a row moves R² by (A/B·((y − ȳ)² − B) − (e² − A))/B.
    """
    mean = sums["y"] / n
    a, b = sums["e2"] / n, sums["y2"] / n - mean**2
    if b <= 0:
        return UNKNOWN
    value = rational(1 - a / b)
    fourth = sums["y4"] / n - 4 * mean * sums["y3"] / n + 6 * mean**2 * sums["y2"] / n - 3 * mean**4
    both = (sums["e2y2"] - 2 * mean * sums["e2y"] + mean**2 * sums["e2"]) / n
    spread = ((a / b) ** 2 * (fourth - b**2) - 2 * a / b * (both - a * b) + sums["e4"] / n - a**2) / b**2 / n
    if spread <= 0 or n < 2:
        return value, value, value
    reach = normal_quantile(confidence) * flint.arb(rational(spread)).sqrt()
    return value, value - reach, value + reach
