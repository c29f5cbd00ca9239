"""Principal components and singular values of rows that only their products are known of.

Vectors come from LAPACK. Each value is then its vector's Rayleigh quotient in ball arithmetic, whose error is of second
order in the vector's; and how many values are zero is known from the rank of exact integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import numpy.typing as npt
import scipy  # its parts are loaded when they are first used

from fedpeer.core.errors import RequestError
from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.explore import mean
from fedpeer.core.statistics.question import Answer, Question, undefined
from fedpeer.core.statistics.rounding import rational
from fedpeer.core.statistics.spread import Spread

SHOWN = 100  # components, unless asked otherwise

_BITS = 160

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Axes:
    """Eigenvalues in falling order and unit eigenvectors (columns) of a matrix of mean products.

    Of each vector, the entry of largest size is positive.
    """

    columns: tuple[Column, ...]
    values: list[float]
    vectors: Floats
    trace: float
    rank: int

    @classmethod
    def of(cls, question: Question, scale: str) -> Axes:
        """Columns "standardised" (to correlations), "centred" (to population covariances) or "raw" (Σxx′ / n)."""
        spread = Spread.of(question)
        if scale == "standardised":
            spread = spread.only(spread.varying)
        if not spread.columns:
            raise RequestError("no column varies: there is nothing to decompose")
        with flint.ctx.workprec(_BITS):
            matrix, rank = _matrix(question, spread, scale)
            p = len(spread.columns)
            floats = np.array([[float(matrix[i, j].mid()) for j in range(p)] for i in range(p)])
            vectors = _pointed(scipy.linalg.eigh(floats)[1])
            values = _quotients(matrix, vectors)
            trace = float(sum((matrix[i, i] for i in range(p)), flint.arb(0)).mid())
        order = sorted(range(p), key=lambda k: -values[k])
        falling = [values[k] if at < rank else 0.0 for at, k in enumerate(order)]
        return cls(spread.columns, falling, vectors[:, order], trace, rank)

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [column.name for column in self.columns]

    def told(self, k: int) -> dict[str, float]:
        """One vector, by column."""
        return dict(zip(self.names, self.vectors[:, k].tolist(), strict=True))


def components(question: Question) -> Answer:
    """Principal components of the correlations, or, with `matrix`, of the population covariances."""
    kind = question.choice("matrix", ("correlation", "covariance"))
    axes = Axes.of(question, "standardised" if kind == "correlation" else "centred")
    if not axes.trace:
        raise RequestError("no column varies: there is nothing to decompose")
    shares = [value / axes.trace for value in axes.values]
    sums = np.cumsum(shares).tolist()
    shown = _shown(question, sums)
    told: Answer = {
        "count": question.summary.rows,
        "matrix": kind,
        "total": axes.trace,
        "rank": axes.rank,
        "values": axes.values[:shown],
        "shares": shares[:shown],
        "cumulative": [min(1.0, value) for value in sums[:shown]],
        "vectors": [axes.told(k) for k in range(shown)],
    }
    return undefined(told, Spread.of(question).constant() if kind == "correlation" else {})


def singular(question: Question) -> Answer:
    """Singular values of the rows' matrix and their right vectors; option scale: standardised, centred or raw."""
    axes = Axes.of(question, question.choice("scale", ("standardised", "centred", "raw")))
    values = _singular(question, axes)
    full = axes.rank == len(values)
    shown = question.whole("components", SHOWN)
    told: Answer = {
        "count": question.summary.rows,
        "values": values[:shown],
        "rank": axes.rank,
        "condition": values[0] / values[-1] if full else None,
        "vectors": [axes.told(k) for k in range(min(shown, len(values)))],
    }
    return undefined(told, {} if full else {"condition": "infinite: some columns make up others exactly"})


def selection(question: Question) -> Answer:
    """The features that stand best for all: QR with column pivoting on the leading singular vectors.

    Method: Golub, Klema and Stewart, Rank degeneracy and least squares problems (1976).
    """
    axes = Axes.of(question, "standardised")
    keep = question.whole("keep", axes.rank)
    if keep > axes.rank:
        raise RequestError(f"{keep} columns cannot be independent: {axes.rank} of these are")
    order = scipy.linalg.qr(axes.vectors[:, :keep].T, pivoting=True, mode="r")[1][:keep]
    kept = [axes.names[k] for k in order]
    told: Answer = {
        "count": question.summary.rows,
        "kept": kept,
        "left_out": [name for name in axes.names if name not in set(kept)],
        "values": _singular(question, axes),
        "rank": axes.rank,
        "share": sum(axes.values[:keep]) / axes.trace,
    }
    return undefined(told, Spread.of(question).constant())


def _matrix(question: Question, spread: Spread, scale: str) -> tuple[Any, int]:
    """The matrix of mean products as balls, and its rank, from exact integers."""
    p, a, n = len(spread.columns), spread.products, spread.rows
    whole = flint.fmpz_mat(p, p, [int(value) for value in a.ravel()])
    if scale == "standardised":
        factors = [1 / flint.arb(int(a[i, i])).sqrt() for i in range(p)]
    else:
        factors = [flint.arb(rational(column.step)) / n for column in spread.columns]
    if scale != "raw":
        balls = [[flint.arb(int(a[i, j])) * factors[i] * factors[j] for j in range(p)] for i in range(p)]
        return flint.arb_mat(balls), whole.rank()
    means = [mean(question.summary, column.name) for column in spread.columns]
    steps = [column.step for column in spread.columns]
    exact = [
        [rational(Fraction(int(a[i, j]), n * n) * steps[i] * steps[j] + means[i] * means[j]) for j in range(p)]
        for i in range(p)
    ]
    return flint.arb_mat(flint.fmpq_mat(exact)), flint.fmpq_mat(exact).rank()


def _quotients(matrix: Any, vectors: Floats) -> list[float]:
    p = len(vectors)
    v = flint.arb_mat(p, p, [float(entry) for entry in vectors.ravel()])
    image = matrix * v
    told = []
    for k in range(p):
        above = sum((v[i, k] * image[i, k] for i in range(p)), flint.arb(0))
        below = sum((v[i, k] * v[i, k] for i in range(p)), flint.arb(0))
        told.append(max(0.0, float((above / below).mid())))
    return told


def _pointed(vectors: Floats) -> Floats:
    """The vectors, each with its largest entry positive; of entries alike in size, the first decides."""
    sizes = np.abs(vectors)
    largest = np.argmax(sizes > sizes.max(axis=0) * (1 - 1e-9), axis=0)
    signs = np.sign(vectors[largest, np.arange(len(vectors))])
    told: Floats = vectors * signs
    return told


def _singular(question: Question, axes: Axes) -> list[float]:
    return [float(np.sqrt(value * question.summary.rows)) for value in axes.values]


def _shown(question: Question, sums: Sequence[float]) -> int:
    """How many components: at most `components`, and as few as explain the share `explained`."""
    share, most = float(question.number("explained", Fraction(1))), question.whole("components", SHOWN)
    if not 0 < share <= 1:
        raise RequestError(f"a share of {share:g} is not between 0 and 1")
    enough = next((k + 1 for k, value in enumerate(sums) if value >= share < 1), len(sums))
    return min(most, enough)
