"""Inverses and solutions by float64 with proved bounds (Rump, Verification methods, Acta Numerica 19, 2010).

C is a matrix of integers over 2**size, R its approximate inverse in fixed point, and E = I − C·R, computed from exact
integers. If β = ‖E‖₁ < 1, then C is not singular, C⁻¹ = R(I − E)⁻¹ = R + RE + RE² + …, and

1. where ρ = c − C·x̃ is exact, |x − x̃|ᵢ ≤ maxⱼ|Rᵢⱼ| · ‖ρ‖₁ / (1 − β); each step x̃ + Rρ wins as many digits again;
2. (C⁻¹)ᵢᵢ = Rᵢᵢ + (RE)ᵢᵢ + (RE²)ᵢᵢ, and what follows is at most maxⱼ|Rᵢⱼ| · β² · ‖E eᵢ‖₁ / (1 − β).

A sum of p floats in any order is right to p roundings of the sum of sizes; bounds are widened by more than that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

import flint
import numpy as np

from fedpeer.core.models.inputs import Floats

_UNIT = 2.0**-52
_FLOAT = 60  # bits of an integer that becomes a float, and back: 53 of them matter
_PROVED = 0.25  # below this β, 2 is more than 1 / (1 − β), and what rounding adds
_SHARPER = 48  # bits that a step of Newton's adds
_STEPS = 200  # of refinement, at most


@dataclass(frozen=True, slots=True)
class Verified:
    """An approximate inverse of a matrix of integers over 2**size, and what is proved of it."""

    matrix: flint.fmpz_mat
    size: int
    fixed: flint.fmpz_mat  # R · 2**places
    places: int
    inverse: Floats  # R to float64
    rest: Floats  # E to float64
    bound: float  # β

    @classmethod
    def of(cls, matrix: flint.fmpz_mat, size: int, near: Floats) -> Verified | None:
        """Prove an inverse by LAPACK of what is `near` the matrix over 2**size; None where float64 is not enough."""
        try:
            inverse = np.linalg.inv(near)
        except np.linalg.LinAlgError:
            return None
        most = np.max(np.abs(inverse))
        if not np.isfinite(most) or most == 0:
            return None
        places = _FLOAT - int(np.frexp(most)[1])
        inverse = np.ldexp(np.rint(np.ldexp(inverse, places)), -places)
        return cls._proved(matrix, size, (_integral(inverse, places), places), inverse)

    @classmethod
    def _proved(
        cls, matrix: flint.fmpz_mat, size: int, fixed: tuple[flint.fmpz_mat, int], inverse: Floats
    ) -> Verified | None:
        p, (whole, places) = matrix.nrows(), fixed
        product, one = matrix * whole, flint.fmpz(1) << (size + places)
        for i in range(p):
            product[i, i] = product[i, i] - one
        try:
            rest = -_floats(product, size + places)
        except OverflowError:
            return None
        bound = float(np.abs(rest).sum(axis=0).max()) * (1 + 2 * p * _UNIT)
        return cls(matrix, size, whole, places, inverse, rest, bound) if bound < _PROVED else None

    def sharpened(self) -> Verified:
        """The same after one of Newton's steps, R(I + E): the error is squared, up to float64."""
        step = self.inverse @ self.rest
        more = min(_SHARPER, _FLOAT - self.places - int(np.frexp(np.max(np.abs(step)))[1]))
        if more <= 0:
            return self
        places = self.places + more
        fixed = self.fixed * (flint.fmpz(1) << more) + _integral(step, places)
        try:
            inverse = _floats(fixed, places)
        except OverflowError:
            return self
        return self._proved(self.matrix, self.size, (fixed, places), inverse) or self

    def diagonal(self) -> list[flint.arb]:
        """The diagonal of the inverse of the matrix over 2**size."""
        p, rows = len(self.rest), np.abs(self.inverse).max(axis=1)
        first, second = self.inverse * self.rest.T, (self.inverse @ self.rest) * self.rest.T
        columns = np.abs(self.rest).sum(axis=0)
        doubt = 4 * _UNIT * np.abs(first).sum(axis=1)
        doubt += rows * columns * self.bound * (4 * p * _UNIT + 2 * self.bound)
        unit = flint.arb((1, -self.places))
        return [
            flint.arb(self.fixed[i, i]) * unit + flint.arb(fsum(own)) + flint.arb(fsum(further), wide)
            for i, (own, further, wide) in enumerate(zip(first.tolist(), second.tolist(), doubt.tolist(), strict=True))
        ]

    def solved(self, right: Sequence[int], bits: int) -> list[flint.arb]:
        """The x for which the matrix times x is `right`, the largest of x to about so many bits."""
        places = max(0, bits + self.size - max(abs(c) for c in right).bit_length())
        goal = flint.fmpz_mat(len(right), 1, [c << places for c in right])
        found, left = flint.fmpz_mat(len(right), 1), goal
        sizes, shift = _scaled(left)
        for _ in range(_STEPS):
            if np.max(np.abs(sizes)) <= np.ldexp(len(right), self.size - shift):  # a unit of x is all that is left
                break
            found += _shifted(self.inverse @ sizes, shift - self.size)
            left = goal - self.matrix * found
            sizes, shift = _scaled(left)
        doubt = 2 * np.abs(self.inverse).max(axis=1) * (float(np.abs(sizes).sum()) + len(right))
        unit, reach = flint.arb((1, -places)), flint.arb((1, shift - self.size))
        values = [int(value) for value in found.entries()]
        return [(x + reach * flint.arb(0, wide)) * unit for x, wide in zip(values, doubt.tolist(), strict=True)]


def _scaled(column: flint.fmpz_mat) -> tuple[Floats, int]:
    """A column of integers as floats times 2**shift, each rounded down to at most one."""
    values = [int(value) for value in column.entries()]
    shift = max(0, max(abs(value) for value in values).bit_length() - _FLOAT)
    return np.array([float(value >> shift) for value in values]), shift


def _shifted(values: Floats, shift: int) -> flint.fmpz_mat:
    """Floats times 2**shift, rounded to integers."""
    up = _FLOAT - int(np.frexp(np.max(np.abs(values)))[1])
    whole, by = np.rint(np.ldexp(values, up)).astype(np.int64).tolist(), shift - up
    return flint.fmpz_mat(len(values), 1, [v << by if by >= 0 else v >> -by for v in whole])


def _integral(values: Floats, places: int) -> flint.fmpz_mat:
    """A matrix times 2**places, each entry rounded to an integer."""
    rows, columns = values.shape
    return flint.fmpz_mat(rows, columns, np.rint(np.ldexp(values, places)).astype(np.int64).ravel().tolist())


def _floats(matrix: flint.fmpz_mat, places: int) -> Floats:
    """A matrix over 2**places, each entry rounded once; OverflowError where that is beyond floats."""
    entries = np.fromiter(map(int, matrix.entries()), np.float64, matrix.nrows() * matrix.ncols())
    return np.ldexp(entries.reshape(matrix.nrows(), matrix.ncols()), -places)
