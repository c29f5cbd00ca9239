"""Covariance matrices that can be inverted where the plain one cannot, or whose inverse has zeros.

Oracle approximating shrinkage: Chen, Wiesel, Eldar, Hero (2010), in the form that scikit-learn uses. Another share:
Ledoit, Wolf, A well-conditioned estimator for large-dimensional covariance matrices (2004). The graphical lasso:
Friedman, Hastie, Tibshirani (2008), by scikit-learn on the correlations or covariances of the summary.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from typing import Any, Self

import numpy as np

from fedpeer.core.errors import ModelError
from fedpeer.core.models.design import chosen, described, listed
from fedpeer.core.models.exact import IMPOSSIBLE, Matrix, relations
from fedpeer.core.models.inputs import Floats
from fedpeer.core.models.moments import covariances
from fedpeer.core.models.numbers import above
from fedpeer.core.models.products import Products, single
from fedpeer.core.models.result import Result
from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.explore import centred, mean
from fedpeer.core.statistics.rounding import rounded
from fedpeer.core.statistics.summary import Summary

_GAP = 1e-6  # between the graphical lasso's objective and what it could at best be


class Covariance(Result, frozen=True, kw_only=True):
    """Means, covariance matrix and its inverse, in the order of `means`; it answers with squared Mahalanobis distances.

    `shrinkage` is the share of the scaled identity, of a kind that shrinks.
    """

    means: dict[str, float]
    covariance: list[list[float]]
    precision: list[list[float]]
    shrinkage: float | None
    options: dict[str, str]

    @property
    def columns(self) -> list[str]:
        """The columns of the matrix."""
        return list(self.means)

    def answer(self, rows: int, columns: dict[str, Floats]) -> Floats:
        """The squared Mahalanobis distance of each row from the means."""
        parts = [columns[name] - centre for name, centre in self.means.items()]
        result = np.zeros(rows)
        for part, line in zip(parts, self.precision, strict=True):
            result += part * sum((v * other for v, other in zip(line, parts, strict=True)), start=np.zeros(rows))
        return result

    @classmethod
    def from_dict(cls, form: Any) -> Self:
        """Read the dict form; ModelError for anything that is not a covariance."""
        model = super().from_dict(form)
        p = len(model.means)
        if not p or any(len(m) != p or any(len(row) != p for row in m) for m in (model.covariance, model.precision)):
            raise ModelError("not a model: its matrices do not have a row and a column for each mean")
        return model


def oas(summary: Summary, target: str | None, features: Sequence[str] | None) -> Covariance:
    """Shrink the covariance towards a multiple of the identity, by as much as its own size suggests."""
    columns, plain = _plain("oas", summary, target, features)
    n, p = summary.rows, len(columns)
    size, square = np.trace(plain) / p, np.mean(plain**2)
    below = (n + 1) * (square - size**2 / p)
    share = 1.0 if below == 0 else min(float((square + size**2) / below), 1.0)
    matrix = (1 - share) * plain + share * size * np.eye(p)
    return _covariance("oas", summary, columns, (matrix, np.linalg.inv(matrix)), shrinkage=share)


def graphical_lasso(
    summary: Summary, target: str | None, features: Sequence[str] | None, *, lam: Any = "0.01"
) -> Covariance:
    """Penalise the off-diagonal entries of the inverse by lam·Σ|entry|; the smallest become zero."""
    penalty = above("lam", lam)
    columns, plain = _plain("graphical_lasso", summary, target, features)
    if len(columns) < 2:
        raise ModelError("graphical_lasso needs two columns or more")
    flat = [column.name for column, value in zip(columns, plain.diagonal(), strict=True) if value == 0]
    if flat:
        raise ModelError(f"without variation in all {summary.rows} rows: {listed(flat)}", hint="leave them out")
    package, slow = import_module("sklearn.covariance"), import_module("sklearn.exceptions").ConvergenceWarning
    try:
        with warnings.catch_warnings(action="error", category=slow):
            found = package.graphical_lasso(plain, alpha=float(penalty), tol=_GAP, enet_tol=1e-8, max_iter=1000)
    except (FloatingPointError, ValueError, slow) as error:
        raise ModelError(f"the graphical lasso did not converge: {error}", hint="give a larger lam") from None
    return _covariance("graphical_lasso", summary, columns, found, options={"lam": str(lam)})


def ledoit_wolf(summary: Summary, target: str | None, features: Sequence[str] | None) -> Covariance:
    """Shrink as `oas` does, by a share that fourth moments suggest; ModelError where no products hold these."""
    if target is None and features is None:
        features = single(summary.schema, None)
    columns, _ = _plain("ledoit_wolf", summary, target, features)
    moments = _Moments.of(summary, columns)
    share, size = moments.shrinkage()
    if share == 0 and relations(centred(summary, [summary.schema.index(c.name) for c in columns])):
        raise ModelError(
            "the covariance is singular, and so regular that nothing is to be shrunk", hint="leave some features out"
        )
    shrunk = (1 - share) * moments.covariance + share * size * np.eye(len(columns), dtype=object)
    matrix: Floats = np.array([[rounded(Fraction(value)) for value in row] for row in shrunk])
    found = (matrix, np.asarray(np.linalg.inv(matrix), np.float64))
    return _covariance("ledoit_wolf", summary, columns, found, shrinkage=rounded(share))


@dataclass(frozen=True, slots=True)
class _Moments:
    """Exact, of p columns: their population covariance, and Σ over all pairs of the mean of (x − x̄)²(y − ȳ)²."""

    rows: int
    covariance: Matrix
    fourth: Fraction

    @classmethod
    def of(cls, summary: Summary, columns: Sequence[Column]) -> _Moments:
        products, names, n = Products.of(summary), [column.name for column in columns], summary.rows
        _check_declared(products, columns)
        centre = [mean(summary, name) for name in names]

        def average(*factors: str) -> Fraction:
            return (products.total(factors) or Fraction(0)) / n

        matrix, fourth = np.zeros((len(names), len(names)), dtype=object), Fraction(0)
        for i, (x, a) in enumerate(zip(names, centre, strict=True)):
            for j, (y, b) in enumerate(zip(names[: i + 1], centre, strict=False)):
                both = average(x, y)
                matrix[i, j] = matrix[j, i] = both - a * b
                moment = average(x, x, y, y) - 2 * b * average(x, x, y) - 2 * a * average(x, y, y)
                moment += b * b * average(x, x) + a * a * average(y, y) + 4 * a * b * both - 3 * (a * b) ** 2
                fourth += moment * (1 if i == j else 2)
        return cls(n, matrix, fourth)

    def shrinkage(self) -> tuple[Fraction, Fraction]:
        """The share of the identity, and what it is multiplied by: the mean variance."""
        p, size = len(self.covariance), Fraction(self.covariance.trace()) / len(self.covariance)
        square = Fraction((self.covariance**2).sum())
        far, noise = square - p * size**2, (self.fourth - square) / self.rows
        if noise < 0 or far < 0:
            raise ModelError(IMPOSSIBLE)
        return (min(noise / far, Fraction(1)) if far else Fraction(0)), size


def _check_declared(products: Products, columns: Sequence[Column]) -> None:
    """ModelError, with what to declare, unless each pair's squares are counted with each other and with the columns."""
    lacking: dict[str, None] = {}
    for i, x in enumerate(columns):
        for y in columns[: i + 1]:
            a, b = x.name, y.name
            if None in [products.total(names) for names in ((a, a, b), (a, b, b), (a, a, b, b))]:
                lacking |= {c.name: None for c in (y, x) if not (c.indicator or products.declared((c.name, c.name)))}
    if lacking:
        raise ModelError(
            f"Ledoit-Wolf shrinkage needs sums of squared products; nothing counts the squares of {listed([*lacking])}",
            hint=f"{products.hint([(name, name) for name in lacking])}; or take oas, which needs only the covariance",
        )


def _plain(
    kind: str, summary: Summary, target: str | None, features: Sequence[str] | None
) -> tuple[tuple[Column, ...], Floats]:
    """The columns and their population covariance."""
    if target is not None:
        raise ModelError(f"{kind} has no target", hint="name the columns as features")
    n, columns = summary.rows, chosen(summary.schema, None, features)
    if n < 2 or not columns:
        raise ModelError(f"{kind} needs two rows and a column; there are {n} rows and {len(columns)} columns")
    matrix = covariances(centred(summary, [summary.schema.index(c.name) for c in columns]), columns, n, n)
    if not matrix.any():
        raise ModelError(f"without variation in all {n} rows: {listed([column.name for column in columns])}")
    return columns, matrix


def _covariance(
    kind: str,
    summary: Summary,
    columns: Sequence[Column],
    found: tuple[Floats, Floats],
    *,
    shrinkage: float | None = None,
    options: dict[str, str] | None = None,
) -> Covariance:
    return Covariance(
        kind=kind,
        means={column.name: rounded(mean(summary, column.name)) for column in columns},
        covariance=found[0].tolist(),
        precision=(found[1] + 0.0).tolist(),  # scikit-learn writes some zeros as −0
        shrinkage=shrinkage,
        options=options or {},
        n=summary.rows,
        schema=described(summary.schema, {column.feature for column in columns}),
        summary=summary.digest,
    )
