"""Sums of float64 numbers without rounding, so that they depend neither on the order nor on how rows come in parts."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from fedpeer.core.models.inputs import Floats

_BITS, _LOW = 53, 27  # of a mantissa, and of its lower part
_SHIFT = 1200  # more than the smallest float needs
_AT_ONCE = 2**20  # numbers of which sums of mantissa parts are exact in a float64


class Total:
    """An exact sum of finite floats."""

    def __init__(self) -> None:
        self._value = 0

    def add(self, values: Floats) -> None:
        """Add an array of finite numbers."""
        for start in range(0, len(values), _AT_ONCE):
            self._add(values[start : start + _AT_ONCE])

    @property
    def value(self) -> Fraction:
        """The sum."""
        return Fraction(self._value, 1 << _SHIFT)

    def _add(self, values: Floats) -> None:
        fractions, exponents = np.frexp(values)
        whole = np.ldexp(fractions, _BITS).astype(np.int64)
        least = int(exponents.min())
        places = exponents - least
        high = np.bincount(places, weights=(whole >> _LOW).astype(np.float64))
        low = np.bincount(places, weights=(whole & ((1 << _LOW) - 1)).astype(np.float64))
        for at in np.flatnonzero((high != 0) | (low != 0)):
            mantissa = (int(high[at]) << _LOW) + int(low[at])
            self._value += mantissa << (_SHIFT + least + int(at) - _BITS)
