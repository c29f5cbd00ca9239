"""A slow, independent oracle for linear models: Gauss-Jordan elimination over Python fractions, from raw rows."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction


def inverse(matrix: list[list[Fraction]]) -> list[list[Fraction]] | None:
    """Return the inverse, or None of a singular matrix."""
    p = len(matrix)
    work = [[*map(Fraction, row), *(Fraction(int(i == j)) for j in range(p))] for i, row in enumerate(matrix)]
    for i in range(p):
        pivot = next((k for k in range(i, p) if work[k][i]), None)
        if pivot is None:
            return None
        work[i], work[pivot] = work[pivot], work[i]
        work[i] = [value / work[i][i] for value in work[i]]
        for k in range(p):
            if k != i and work[k][i]:
                work[k] = [a - work[k][i] * b for a, b in zip(work[k], work[i], strict=True)]
    return [row[p:] for row in work]


def least_squares(rows, y, lam=0):
    """Return (coefficients with the intercept first, residual sum of squares, diagonal of (X'X + λ)⁻¹), or None."""
    design = [[Fraction(1), *map(Fraction, row)] for row in rows]
    y = [Fraction(value) for value in y]
    p = len(design[0])
    gram = [[sum(row[i] * row[j] for row in design) + (lam if i == j > 0 else 0) for j in range(p)] for i in range(p)]
    inverted = inverse(gram)
    if inverted is None:
        return None
    moments = [sum(row[i] * value for row, value in zip(design, y, strict=True)) for i in range(p)]
    beta = [sum(a * b for a, b in zip(row, moments, strict=True)) for row in inverted]
    error = sum((v - sum(b * x for b, x in zip(beta, row, strict=True))) ** 2 for row, v in zip(design, y, strict=True))
    return beta, error, [inverted[i][i] for i in range(p)]


def square_root(value: Fraction) -> float:
    """Return √value rounded once from 120 digits."""
    with localcontext() as context:
        context.prec = 120
        return float((Decimal(value.numerator) / Decimal(value.denominator)).sqrt())
