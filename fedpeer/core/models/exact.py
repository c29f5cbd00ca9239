"""Linear systems of exact integers: what is singular is known for certain, and solutions carry proved bounds.

1. Rank is decided modulo a prime, which can only be too small, and what it finds is then proved over the integers.
2. A solution comes first as balls, from the inverse in ball arithmetic; where narrow balls cannot be settled (a
   coefficient that is exactly zero, a fit that is perfect) it comes again as exact rationals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import flint
import numpy as np
import numpy.typing as npt

from fedpeer.core.errors import ModelError
from fedpeer.core.statistics.rounding import Number, certified

Matrix = npt.NDArray[np.object_]  # of Python integers
Balls = list[flint.arb]

IMPOSSIBLE = "no rows could give this summary: a sum of squares is negative"

_PRIME = 2**63 - 25
_TRIALS = 2  # precisions at which balls are tried before rationals
_SHARP = 64  # bits of the inverse that are right: enough to settle any number that is not exactly zero or a tie


def relations(matrix: Matrix) -> dict[int, list[int]]:
    """Map each dependent column of a Gram matrix of integers to the earlier independent ones that make it up."""
    p = len(matrix)
    if p == 0:
        return {}
    whole = _integers(matrix)
    pivots = _pivots(flint.nmod_mat(whole, _PRIME).rref()[0].tolist())
    if len(pivots) == p:
        return {}
    found = _combinations(matrix, pivots)
    if found is None:  # the prime divides a determinant: decide over the integers instead
        found = _combinations(matrix, _pivots(whole.rref()[0].tolist()))
    return found or {}


@dataclass(frozen=True, slots=True)
class Solved:
    """The solution x of A x = c, the diagonal of A⁻¹, and u′A⁻¹u."""

    x: list[Number]
    diagonal: Balls
    form: flint.arb

    @property
    def sharp(self) -> bool:
        """Whether more precision would be in vain: what does not settle then is zero, and wants exact rationals."""
        return all(ball.rel_accuracy_bits() >= _SHARP for ball in self.diagonal)


@dataclass(frozen=True, slots=True)
class System:
    """A x = c for a symmetric, positive definite A of integers, scaled by powers of two to diagonals of one size."""

    matrix: Matrix
    right: list[int]
    shifts: list[int]

    @classmethod
    def of(cls, matrix: Matrix, right: Sequence[int]) -> System:
        """Scale a system; the solution is not affected."""
        bits = [int(value).bit_length() for value in matrix.diagonal()]
        shifts = [(max(bits) - own) // 2 for own in bits]
        scaled = [
            [int(v) << (a + b) for v, b in zip(row, shifts, strict=True)] for row, a in zip(matrix, shifts, strict=True)
        ]
        return cls(
            np.array(scaled, dtype=object).reshape(matrix.shape),
            [int(c) << k for c, k in zip(right, shifts, strict=True)],
            shifts,
        )

    def solved(self, u: Sequence[flint.fmpq], *, exactly: bool) -> Solved:
        """Solve at the precision now set; x as rationals if `exactly`, everything else as balls."""
        if not self.right:
            return Solved([], [], flint.arb(0))
        whole, p = _integers(self.matrix), len(self.right)
        inverse = flint.arb_mat(whole).inv(nonstop=True)
        scaled = _solved(whole, _column(self.right)) if exactly else inverse * _column(self.right)
        probe = flint.arb_mat(p, 1, [value * 2**k for value, k in zip(u, self.shifts, strict=True)])
        return Solved(
            [value * 2**k for value, k in zip(scaled.entries(), self.shifts, strict=True)],
            [inverse[i, i] * 4**k for i, k in enumerate(self.shifts)],
            (probe.transpose() * inverse * probe)[0, 0],
        )


class Solver:
    """A X = B for a symmetric, positive definite A of integers and several right sides, A scaled as in `System`."""

    def __init__(self, matrix: Matrix, right: Matrix) -> None:
        system = System.of(matrix, [0] * len(matrix))
        sizes = np.array([1 << shift for shift in system.shifts], dtype=object)
        self._shifts = system.shifts
        self._matrix = _integers(system.matrix)
        self._right = _integers(right * sizes[:, None])

    def solved(self, *, exactly: bool) -> list[list[Number]]:
        """The solutions, a list for each right side: rationals if `exactly`, else balls at the precision now set."""
        ball = flint.arb_mat(self._matrix)
        solution: flint.arb_mat | flint.fmpq_mat = (
            _solved(self._matrix, self._right) if exactly else ball.solve(flint.arb_mat(self._right), nonstop=True)
        )
        columns = solution.transpose().tolist()
        return [[x * 2**k for x, k in zip(column, self._shifts, strict=True)] for column in columns]


def settle(compute: Callable[[bool], Sequence[Number | None]]) -> list[float | None]:
    """Round what `compute(exactly)` gives: from balls if they settle soon, otherwise from rationals."""
    tried = 0

    def attempt() -> Sequence[Number | None]:
        nonlocal tried
        tried += 1
        return compute(tried > _TRIALS)

    return certified(attempt)


def _solved(matrix: flint.fmpz_mat, right: flint.fmpz_mat) -> flint.fmpq_mat:
    try:
        return flint.fmpq_mat(matrix.solve(right).tolist())
    except ZeroDivisionError:  # not the matrix of any rows: that is positive definite
        raise ModelError(IMPOSSIBLE) from None


def _combinations(matrix: Matrix, pivots: list[int]) -> dict[int, list[int]] | None:
    """What the pivots make of every other column, or None if they do not: proved in exact rationals."""
    others = [j for j in range(len(matrix)) if j not in set(pivots)]
    if not pivots:
        return {j: [] for j in others} if not matrix.any() else None
    chosen = _integers(matrix[np.ix_(pivots, pivots)])
    weights = _solved(chosen, _integers(matrix[np.ix_(pivots, others)]))
    if flint.fmpq_mat(_integers(matrix[:, pivots])) * weights != flint.fmpq_mat(_integers(matrix[:, others])):
        return None
    return {j: [i for k, i in enumerate(pivots) if weights[k, at] != 0] for at, j in enumerate(others)}


def _pivots(echelon: list[list[Any]]) -> list[int]:
    return [
        found for row in echelon if (found := next((j for j, value in enumerate(row) if value != 0), None)) is not None
    ]


def _integers(matrix: Matrix) -> flint.fmpz_mat:
    rows, columns = matrix.shape
    return flint.fmpz_mat(rows, columns, matrix.ravel().tolist())


def _column(values: list[int]) -> flint.fmpz_mat:
    return flint.fmpz_mat(len(values), 1, values)
