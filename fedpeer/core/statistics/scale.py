"""From the number that a value stands for to the integer that is counted: q = round((x − origin) / step), exactly.

Nearly every value is settled in float64, by y = x·(1/step), r = rint(y), q = r − origin/step; the last step is exact,
for the origin is a whole number of steps. How far y may be off is known beforehand: with A the largest |x|/step in
range and u = 2**-53, the shortest decimal X of a float x differs from it by at most half a unit in its last place
(e·|x|, with e = u for float64), so |y − X/step| ≤ A·(e + 2u + …). If |y − r| is below ½ minus that, r is the nearest
integer to X/step, and the only one. The few values nearer to a half-way point are settled by integer arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.numerals import decimal, nearest

_UNIT = 2.0**-53
_EXACT_DIGITS, _EXACT_TENS = 1e15, 22  # decimals up to 15 digits are told apart; powers of ten up to 22 are floats
_CACHE = 2**16  # exact answers remembered for a feature: decimal data have few half-way points


@dataclass(frozen=True, slots=True)
class Reach:
    """What is certain about values of one numpy type: the range, exactly, and the margin beside a half-way point."""

    low: Any  # x is in range exactly if low ≤ x ≤ high
    high: Any
    margin: float  # |y − rint(y)| < margin is certain; negative when nothing is


@dataclass(frozen=True, slots=True)
class Scale:
    """One continuous feature's rounding."""

    column: Column
    low: Decimal
    high: Decimal
    factor: np.float64  # 1 / step
    shift: np.float64  # origin / step, a whole number
    _half: tuple[float, int]  # half a step is the first number, times ten to minus the second
    _reaches: dict[Any, Reach] = field(default_factory=dict, repr=False)
    _known: dict[Decimal, tuple[int, bool]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, feature: Feature, column: Column) -> Scale:
        """The scale of a continuous feature."""
        low, high, resolution = feature.limits()
        places = max(0, 1 - int(resolution.as_tuple().exponent))
        per_half = float(column.step / 2 * 10**places)
        factor, shift = np.float64(1 / column.step), np.float64(column.origin / column.step)
        return cls(column, low, high, factor, shift, (per_half, places))

    def reach(self, dtype: np.dtype[Any]) -> Reach:
        """What is certain about values of this type."""
        if dtype not in self._reaches:
            self._reaches[dtype] = Reach(*_edges(self.low, self.high, dtype), self._margin(dtype))
        return self._reaches[dtype]

    def halves(self, x: npt.NDArray[Any], y: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Where a float64 certainly stands for a whole number of half steps, which rint(2·y)/2 then is.

        H = rint(2y)·step/2 is a decimal m·10**−e. If m has at most 15 digits, no other decimal of so few digits reads
        as the same float; and if that float, m/10**e rounded once, is x, then H is what x stands for.
        """
        per_half, places = self._half
        digits = np.rint(2 * y) * per_half
        if x.dtype != np.float64 or places > _EXACT_TENS or max(per_half, abs(self.shift)) > _EXACT_DIGITS:
            return np.zeros(len(x), np.bool_)
        same: npt.NDArray[np.bool_] = (np.abs(digits) < _EXACT_DIGITS) & (digits / 10.0**places == x)
        return same

    def exact(self, number: Decimal) -> tuple[int, bool]:
        """Return q of a number and whether it is in range; beyond it, q is that of the nearer limit."""
        if number not in self._known:
            if len(self._known) >= _CACHE:
                self._known.clear()
            inside = self.low <= number <= self.high
            nearer = number if inside else min(max(number, self.low), self.high)
            self._known[number] = (nearest(Fraction(nearer), self.column.origin, self.column.step), inside)
        return self._known[number]

    def _margin(self, dtype: np.dtype[Any]) -> float:
        info = np.finfo(dtype) if dtype.kind == "f" else np.finfo(np.float64)
        most = max(abs(Fraction(self.low)), abs(Fraction(self.high)))
        error = most * Fraction(float(info.eps) / 2 + 2.01 * _UNIT) + Fraction(float(info.smallest_subnormal))
        return 0.5 - 1.01 * min(float(error / self.column.step), 1.0)


def decimals(values: npt.NDArray[Any]) -> Iterable[Decimal]:
    """The exact decimals that binary floats or integers stand for: the shortest that read back as the same value."""
    if values.dtype == np.float64:
        return map(Decimal, map(repr, values.tolist()))
    if values.dtype.kind == "f":
        return (decimal(str(value)) for value in values)
    return map(Decimal, values.tolist())


def _edges(low: Decimal, high: Decimal, dtype: np.dtype[Any]) -> tuple[Any, Any]:
    if dtype.kind != "f":
        return math.ceil(low), math.floor(high)
    return _first(low, dtype), -_first(high.copy_negate(), dtype)


def _first(low: Decimal, dtype: np.dtype[Any]) -> Any:
    """The smallest float of a type that stands for `low` or more."""
    most = np.finfo(dtype).max
    first = dtype.type(min(max(float(low), -float(most)), float(most)))
    while first > -most and _decimal(before := np.nextafter(first, dtype.type(-np.inf))) >= low:
        first = before
    while np.isfinite(first) and _decimal(first) < low:
        first = np.nextafter(first, dtype.type(np.inf))
    return first


def _decimal(value: Any) -> Decimal:
    return next(iter(decimals(np.array([value]))))
