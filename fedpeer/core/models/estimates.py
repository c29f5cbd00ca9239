"""Estimates with their intervals: of proportions (Wilson), of means of rows (Student's t), and of several together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import flint
import msgspec

from fedpeer.core.statistics.rounding import Number, certified, rational
from fedpeer.core.statistics.tails import normal_quantile, student_quantile

Ball = tuple[Number | None, Number | None, Number | None]

UNKNOWN: Ball = (None, None, None)


class Estimate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number and its interval; None for what is not defined."""

    value: float | None
    low: float | None
    high: float | None


def estimated(compute: Callable[[], Sequence[Ball]]) -> list[Estimate]:
    """Round what `compute` gives, (value, low, high) each, as often as precision has to be raised."""
    floats = certified(lambda: [number for ball in compute() for number in ball])
    return [Estimate(*floats[at : at + 3]) for at in range(0, len(floats), 3)]


def proportion(k: int, n: int, confidence: Fraction) -> Ball:
    """K of n with Wilson's score interval (Wilson 1927)."""
    if n == 0:
        return UNKNOWN
    share, square = flint.fmpq(k, n), normal_quantile(confidence) ** 2
    spread = (square * (share * (1 - share) / n + square / (4 * n * n))).sqrt()
    middle, scale = share + square / (2 * n), 1 + square / n
    low = flint.fmpq(0) if k == 0 else (middle - spread) / scale
    high = flint.fmpq(1) if k == n else (middle + spread) / scale
    return share, low, high


def average(balls: Sequence[Ball]) -> Ball:
    """The mean of independent estimates, its interval by square-and-add (Newcombe 1998, Zou and Donner 2008)."""
    known = [(v, low, high) for v, low, high in balls if v is not None and low is not None and high is not None]
    if not known or len(known) < len(balls):
        return UNKNOWN
    count = len(known)
    value = sum((v for v, _, _ in known), start=flint.fmpq(0)) / count
    down = sum(((v - low) ** 2 for v, low, _ in known), start=flint.fmpq(0))
    up = sum(((high - v) ** 2 for v, _, high in known), start=flint.fmpq(0))
    return value, value - _root(down) / count, value + _root(up) / count


def mean_of_rows(total: Fraction, squares: Fraction, n: int, confidence: Fraction) -> Ball:
    """The mean of a number per row, from its sum and its sum of squares, with Student's t on n − 1 degrees."""
    mean = total / n
    if n < 2:
        return rational(mean), None, None
    spread = max((squares - total * total / n) / (n - 1) / n, Fraction(0))
    reach = student_quantile(confidence, n - 1) * _root(rational(spread)) if spread else flint.fmpq(0)
    return rational(mean), rational(mean) - reach, rational(mean) + reach


def _root(value: Number) -> Number:
    return flint.fmpq(0) if value == 0 else flint.arb(value).sqrt()
