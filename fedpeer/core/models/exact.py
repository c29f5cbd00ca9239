"""Linear systems of exact integers: what is singular is known for certain, and solutions carry proved bounds.

1. Rank is full where float64 proves it, and else decided modulo a prime, which can only make it too small; what that
   finds is then proved over the integers.
2. A solution comes first as balls: from float64 with a proved bound, or from ball arithmetic where a system is too
   ill-conditioned for that. Where narrow balls cannot be settled (a coefficient that is exactly zero, a fit that is
   perfect) it comes again as exact rationals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import numpy.typing as npt

from fedpeer.core.errors import ModelError
from fedpeer.core.models.verified import Verified
from fedpeer.core.statistics.rounding import Number, certified, rational

Matrix = npt.NDArray[np.object_]  # of Python integers
Balls = list[flint.arb]

IMPOSSIBLE = "no rows could give this summary: a sum of squares is negative"

_PRIME = 2**63 - 25
_UNIT = 2.0**-53
_TRIALS = 2  # precisions at which balls are tried before rationals


def relations(matrix: Matrix) -> dict[int, list[int]]:
    """Map each dependent column of a Gram matrix of integers to the earlier independent ones that make it up."""
    p = len(matrix)
    if p == 0 or definite(matrix):
        return {}
    whole = _integers(matrix)
    residues = flint.nmod_mat(whole, _PRIME)
    if residues.rank() == p:
        return {}
    found = _combinations(matrix, _pivots(residues.rref()[0].tolist()))
    if found is None:  # the prime divides a determinant: decide over the integers instead
        found = _combinations(matrix, _pivots(whole.rref()[0].tolist()))
    return found or {}


def definite(matrix: Matrix) -> bool:
    """Whether float64 proves a symmetric matrix of integers positive definite; False where it cannot tell.

    Scaled to a diagonal of ½ … 2 by powers of two and rounded to C, the matrix is within u·‖C‖∞ of C. If Cholesky's
    factorisation of C − s goes through, C − s is no further below zero than γₚ₊₁·tr C (Rump, BIT 46, 2006); s is
    chosen above twice all that.
    """
    p = len(matrix)
    try:
        floats = matrix.astype(np.float64)
    except OverflowError:
        return False
    diagonal = floats.diagonal()
    if not np.all(diagonal > 0) or not np.all(np.isfinite(diagonal)):
        return False
    halves = (1 - np.frexp(diagonal)[1]) // 2
    scaled = np.ldexp(floats, halves + halves[:, None])
    slack = 4 * _UNIT * ((p + 4) * float(np.trace(scaled)) + float(np.abs(scaled).sum(axis=1).max()))
    try:
        np.linalg.cholesky(scaled - slack * np.eye(p))
    except np.linalg.LinAlgError:
        return False
    return True


def pseudo_inverse(matrix: Matrix, kept: list[int], steps: Sequence[Fraction]) -> list[list[flint.fmpq]]:
    """W⁺ = W′(WW′)⁻¹ for the columns X = X_kept·W of a Gram matrix, in units of so many steps; a row for each column.

    X_kept has independent columns and W independent rows, so X⁺ = W⁺·X_kept⁺ (Ben-Israel and Greville, 2003, 1.6).
    """
    if not kept:
        return [[] for _ in steps]
    weights = _solved(_integers(matrix[np.ix_(kept, kept)]), _integers(matrix[kept]))
    sizes = [rational(step) for step in steps]
    own = [
        [w * size / sizes[i] for w, size in zip(row, sizes, strict=True)]
        for i, row in zip(kept, weights.tolist(), strict=True)
    ]
    whole = flint.fmpq_mat(own)
    rows: list[list[flint.fmpq]] = (whole * whole.transpose()).solve(whole).transpose().tolist()
    return rows


class System:
    """A symmetric, positive definite A of integers, scaled by powers of two to diagonals of one size."""

    def __init__(self, matrix: Matrix) -> None:
        bits = [int(value).bit_length() for value in matrix.diagonal()]
        self._size = max(bits, default=0)
        self._shifts = [(self._size - own) // 2 for own in bits]
        if any(self._shifts):
            matrix = matrix << np.add.outer(self._shifts, self._shifts).astype(object)
        self._scaled, self._matrix = matrix, _integers(matrix)
        self._verified: Verified | None = None
        self._bits = 0

    def solved(self, right: Iterable[int], *, exactly: bool) -> list[Number]:
        """The x of A x = right: rationals if `exactly`, else balls at the precision now set."""
        if not self._shifts:
            return []
        scaled = [int(c) << k for c, k in zip(right, self._shifts, strict=True)]
        return [x * 2**k for x, k in zip(self._solution(scaled, exactly), self._shifts, strict=True)]

    def diagonal(self) -> Balls:
        """The diagonal of A⁻¹ at the precision now set."""
        if not self._shifts:
            return []
        verified = self._inverse()
        if verified is None:
            inverse = flint.arb_mat(self._matrix).inv(nonstop=True)
            values, size = [inverse[i, i] for i in range(len(self._shifts))], 0
        else:
            values, size = verified.diagonal(), self._size
        return [value * flint.arb((1, 2 * k - size)) for value, k in zip(values, self._shifts, strict=True)]

    def _solution(self, right: list[int], exactly: bool) -> Sequence[Number]:
        verified = None if exactly else self._inverse()
        if verified is not None:
            return verified.solved(right, flint.ctx.prec)
        whole = _column(right)
        solution: flint.fmpq_mat | flint.arb_mat = (
            _solved(self._matrix, whole)
            if exactly
            else flint.arb_mat(self._matrix).solve(flint.arb_mat(whole), nonstop=True)
        )
        return solution.entries()

    def _inverse(self) -> Verified | None:
        """The verified inverse, sharper each time that the precision has been raised; None if float64 cannot."""
        if flint.ctx.prec > self._bits:
            self._verified = self._verified.sharpened() if self._verified else self._first()
            self._bits = flint.ctx.prec
        return self._verified

    def _first(self) -> Verified | None:
        try:
            near = np.ldexp(self._scaled.astype(np.float64), -self._size)
        except OverflowError:
            return None
        return Verified.of(self._matrix, self._size, near)


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
