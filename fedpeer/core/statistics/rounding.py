"""The one step from exact numbers to floats: each result is the float nearest to the true value, on every machine.

1. Rationals and their square roots are rounded from exact integers.
2. Anything else is computed in ball arithmetic (an interval that is proved to hold the true value), at a precision
   that is raised until both ends of the ball round to one float.

The precision of flint is shared by all threads of a process. A thread that changes it while another computes costs
that other one a repetition, never a digit: a ball is right at any precision, and only a settled one is rounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import flint

Number = flint.arb | flint.fmpq

_MOST_BITS = 1 << 14


def rounded(value: Fraction) -> float:
    """The float nearest to a rational (ties to even); infinite beyond the range of floats."""
    return _quotient(value.numerator, value.denominator)


def root(value: Fraction) -> float:
    """The float nearest to √value; ValueError below zero."""
    up = max(0, 70 + (value.denominator.bit_length() - value.numerator.bit_length()) // 2)
    square, rest = divmod(value.numerator << 2 * up, value.denominator)
    whole = math.isqrt(square)
    exact = rest == 0 and whole * whole == square
    # `whole` has at least 69 bits, so one more bit that says "and a little" is all that rounding can depend on.
    return _quotient(2 * whole + (not exact), 2 << up)


def settled(value: Number) -> float | None:
    """The float nearest to the true value, or None while a ball is too wide to tell."""
    if isinstance(value, flint.fmpq):
        return _quotient(int(value.p), int(value.q))
    if not value.is_finite():
        return None
    low, high = _binary(value.lower()), _binary(value.upper())
    return low if low == high else None


def certified(compute: Callable[[], Sequence[Number | None]], bits: int = 128) -> list[float | None]:
    """Repeat `compute` with more and more bits until all its values are settled; None stands for itself.

    A true value midway between two floats never settles as a ball; at 2¹⁴ bits the midpoint is rounded.
    """
    while True:
        with flint.ctx.workprec(bits):
            values = compute()
            floats = [None if value is None else settled(value) for value in values]
            disturbed = flint.ctx.prec != bits
        if all(value is None or result is not None for value, result in zip(values, floats, strict=True)):
            return floats
        if bits >= _MOST_BITS and not disturbed:
            return [_middle(value) if result is None else result for value, result in zip(values, floats, strict=True)]
        bits = bits if disturbed else 2 * bits


def rational(value: Fraction | int) -> flint.fmpq:
    """The same number for flint."""
    return flint.fmpq(value.numerator, value.denominator)


def _middle(value: Number | None) -> float | None:
    return _binary(value.mid()) if isinstance(value, flint.arb) and value.is_finite() else None


def _binary(point: flint.arb) -> float:
    mantissa, exponent = map(int, point.man_exp())
    if mantissa.bit_length() + exponent < -1100:  # far below the smallest float, perhaps too far to shift by
        return 0.0
    if mantissa.bit_length() + exponent > 1100:
        return math.inf if mantissa > 0 else -math.inf
    return _quotient(mantissa << max(exponent, 0), 1 << max(-exponent, 0))


def _quotient(a: int, b: int) -> float:
    try:
        return a / b  # Python rounds the quotient of two integers once, correctly
    except OverflowError:
        return math.inf if a > 0 else -math.inf
