"""From exact centred products to float64 covariances, and to few rows of pseudo-data with the same products."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from fedpeer.core.errors import ModelError
from fedpeer.core.models.exact import IMPOSSIBLE, Matrix
from fedpeer.core.models.inputs import Floats
from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.rounding import root, rounded
from fedpeer.core.statistics.summary import Summary


def spreads(products: Matrix, columns: Sequence[Column], n: int) -> Floats:
    """Population standard deviations of columns whose centred products n·Σqq′ − Σq·Σq′ these are."""
    return np.array(
        [root(Fraction(int(v)) * c.step**2 / n**2) for v, c in zip(products.diagonal(), columns, strict=True)]
    )


def correlations(products: Matrix) -> Floats:
    """Correlations of the columns, rounded from exact integers; 0 for a constant column, its own included."""
    p = len(products)
    result = np.zeros((p, p))
    for i in range(p):
        for j in range(i + 1):
            top, spread = int(products[i, j]), int(products[i, i]) * int(products[j, j])
            if top * top > spread:
                raise ModelError(IMPOSSIBLE)
            if spread:
                size = root(Fraction(top * top, spread))
                result[i, j] = result[j, i] = size if top >= 0 else -size
    return result


def from_zero(summary: Summary, columns: Sequence[int]) -> Matrix:
    """n·Σ(x/step)(x/step)′ of these columns: n times their products, in steps from zero, and without any rounding."""
    sums = np.array(summary.sums(), dtype=object)[list(columns)]
    chosen = [summary.schema.columns[at] for at in columns]
    zero = np.array([int(column.origin / column.step) for column in chosen], dtype=object)
    mixed = np.multiply.outer(zero, sums)
    moved = summary.products()[np.ix_(columns, columns)] + mixed + mixed.T
    result: Matrix = summary.rows * (moved + summary.rows * np.multiply.outer(zero, zero))
    return result


def covariances(products: Matrix, columns: Sequence[Column], n: int, divisor: int) -> Floats:
    """Covariances of the columns in their own units, ÷ divisor, each rounded once."""
    return np.array(
        [
            [rounded(Fraction(int(v), n * divisor) * a.step * b.step) for v, b in zip(row, columns, strict=True)]
            for row, a in zip(products, columns, strict=True)
        ]
    ).reshape(len(columns), len(columns))


def pseudo(gram: Floats) -> Floats:
    """As many rows as columns, whose products are this positive semidefinite matrix (to float64)."""
    values, vectors = np.linalg.eigh(gram)
    rows: Floats = np.sqrt(np.clip(values, 0, None))[:, None] * vectors.T
    return rows
