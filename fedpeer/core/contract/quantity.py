"""Measured values: exact also where a square root was drawn, so that every node decides a comparison alike."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import total_ordering
from math import isqrt

_PLAIN = range(-6, 16)


@dataclass(frozen=True, slots=True)
class Undefined:
    """What a function measures where its formula has no value; every comparison with it is false."""

    why: str

    def text(self, _digits: int) -> str:
        """Return the words for people; there are no digits to choose."""
        return f"undefined ({self.why})"


@total_ordering
@dataclass(frozen=True, slots=True)
class Quantity:
    """A real number x, held as x·|x|: a fraction even where x is a root, and ordered as x is."""

    square: Fraction

    @classmethod
    def of(cls, value: Fraction | int) -> Quantity:
        """Return a rational number as a quantity."""
        exact = Fraction(value)
        return cls(exact * abs(exact))

    def __lt__(self, other: Quantity) -> bool:
        return self.square < other.square

    def text(self, digits: int) -> str:
        """Return the number in decimal, rounded half to even to `digits` significant digits; whole numbers in full."""
        size = abs(self.square)
        if size.denominator == 1 and isqrt(size.numerator) ** 2 == size.numerator:
            digits = max(digits, len(str(isqrt(size.numerator))))
        sign = "-" if self.square < 0 else ""
        return sign + _decimal(size, digits) if size else "0"


def _decimal(square: Fraction, digits: int) -> str:
    """Write √square."""
    exponent = _exponent(square)
    shift = digits - 1 - exponent
    scaled = square * Fraction(100) ** shift
    root = isqrt(int(scaled))
    middle = root * root + root + Fraction(1, 4)
    root += scaled > middle or (scaled == middle and root % 2 == 1)
    return _plain(str(root), exponent + len(str(root)) - digits)


def _exponent(square: Fraction) -> int:
    """Return e with 10^e <= √square < 10^(e+1)."""
    guess = (len(str(square.numerator)) - len(str(square.denominator)) - 1) // 2
    while square >= Fraction(100) ** (guess + 1):
        guess += 1
    return guess


def _plain(digits: str, exponent: int) -> str:
    """Write d.ddd·10^exponent, as a plain decimal unless that is long."""
    kept = digits.rstrip("0")
    if exponent not in _PLAIN:
        return f"{kept[0]}{'.' + kept[1:] if kept[1:] else ''}e{exponent}"
    if exponent < 0:
        return "0." + "0" * (-exponent - 1) + kept
    whole = kept[: exponent + 1].ljust(exponent + 1, "0")
    return whole + ("." + kept[exponent + 1 :] if kept[exponent + 1 :] else "")
