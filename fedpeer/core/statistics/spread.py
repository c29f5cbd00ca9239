"""How several columns vary together: correlations, and how far each is made up of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import flint
import numpy as np

from fedpeer.core.errors import SchemaError
from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.explore import centred, covariance, variance
from fedpeer.core.statistics.fisher import interval, signed_root
from fedpeer.core.statistics.question import Answer, Question, undefined
from fedpeer.core.statistics.rounding import Number, certified, root
from fedpeer.core.statistics.summary import Matrix, Summary

MOST = 500  # columns of one matrix

_CONSTANT = "constant in all rows"
_ENDS = ("correlation_low", "correlation_high")


@dataclass(frozen=True, slots=True)
class Spread:
    """Columns and their exact centred products n·Σqq′ − Σq·Σq′."""

    columns: tuple[Column, ...]
    products: Matrix
    rows: int

    @classmethod
    def of(cls, question: Question, *, first: bool = True) -> Spread:
        """The columns of a question's features; SchemaError without rows."""
        columns = question.columns(MOST, first=first)
        summary = question.summary.among([column.name for column in columns])
        if summary.rows < 1:
            raise SchemaError("the summary has no rows", hint="add data first")
        products = centred(summary, [summary.schema.index(column.name) for column in columns])
        if any(value < 0 for value in products.diagonal()):
            raise SchemaError("no rows could give this summary: a variance is negative")
        return cls(tuple(columns), products, summary.rows)

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [column.name for column in self.columns]

    @property
    def varying(self) -> list[int]:
        """Which columns are not constant."""
        return [i for i in range(len(self.columns)) if self.products[i, i]]

    def only(self, places: Sequence[int]) -> Spread:
        """These columns alone."""
        return Spread(tuple(self.columns[i] for i in places), self.products[np.ix_(places, places)], self.rows)

    def constant(self) -> dict[str, str]:
        """Why each constant column has no correlations."""
        return {column.name: _CONSTANT for i, column in enumerate(self.columns) if not self.products[i, i]}

    def correlations(self) -> list[list[float | None]]:
        """Pearson's r of every pair, each the float nearest to the true value; None for constant columns."""
        p, a = len(self.columns), self.products
        told: list[list[float | None]] = [[None] * p for _ in range(p)]
        for i in range(p):
            for j in range(i + 1):
                if a[i, i] and a[j, j]:
                    size = root(Fraction(int(a[i, j]) ** 2, int(a[i, i] * a[j, j])))
                    told[i][j] = told[j][i] = size if a[i, j] >= 0 else -size
        return told

    def intervals(self, confidence: Fraction) -> list[list[Sequence[float | None]]]:
        """Fisher's interval of each correlation; None for constant columns and for fewer than four rows."""
        p, a = len(self.columns), self.products
        told: list[list[Sequence[float | None]]] = [[(None, None)] * p for _ in range(p)]
        for i in range(p):
            for j in range(i + 1):
                shared, spread = Fraction(int(a[i, j])), Fraction(int(a[i, i] * a[j, j]))
                told[i][j] = told[j][i] = interval(shared, spread, self.rows, confidence)
        return told

    def relations(self) -> list[dict[int, flint.fmpz]]:
        """Independent weights w with Σ wᵢ (xᵢ − x̄ᵢ) = 0 in every row, in encoded integers: none if of full rank."""
        null, count = _whole(self.products).nullspace()
        return [{i: null[i, k] for i in range(len(self.columns)) if null[i, k] != 0} for k in range(count)]


def correlation(question: Question) -> Answer:
    """Pearson's correlations of all columns, or of those of the features named; with `confidence`, their intervals."""
    if question.summary.schema.pairwise:
        return _by_pairs(question)
    spread = Spread.of(question)
    told: Answer = {"count": spread.rows, "correlation": _table(spread, spread.correlations())}
    if "confidence" in question.options:
        ends = spread.intervals(question.confidence)
        told |= {key: _table(spread, [[pair[k] for pair in row] for row in ends]) for k, key in enumerate(_ENDS)}
    return undefined(told, spread.constant())


def vif(question: Question) -> Answer:
    """Variance inflation 1 / (1 − R²) of each column on the others; None, with the reason, where it is infinite.

    Of a category, the first level is left out, as in a model.
    """
    spread = Spread.of(question, first=False)
    told: Answer = dict.fromkeys(spread.names)
    varying = spread.only(spread.varying)
    related = varying.relations()
    aliased = {i: sorted(weights.keys() - {i}) for weights in related for i in weights}
    base = _basis(varying, related)
    values = dict(zip(base, _inflations(varying.only(base)), strict=True))
    told |= {name: values[i] for i, name in enumerate(varying.names) if i not in aliased}
    reasons = {varying.names[i]: _made_of([varying.names[k] for k in others]) for i, others in aliased.items()}
    return undefined({"count": spread.rows, "vif": told}, spread.constant() | reasons)


def _table(spread: Spread, rows: Sequence[Sequence[float | None]]) -> dict[str, dict[str, float | None]]:
    return {name: dict(zip(spread.names, row, strict=True)) for name, row in zip(spread.names, rows, strict=True)}


def _by_pairs(question: Question) -> Answer:
    """Each correlation over the rows that have both columns, and how many these are."""
    summary, names = question.summary, [column.name for column in question.columns(MOST)]
    counts = {a: {b: summary.count(a, b) for b in names} for a in names}
    told: Answer = {"count": summary.rows, "counts": counts, "correlation": {a: {} for a in names}}
    ends = _ENDS if "confidence" in question.options else ()
    told |= {key: {a: {} for a in names} for key in ends}
    reasons: dict[str, str] = {}
    for i, a in enumerate(names):
        for b in names[: i + 1]:
            shared, spread = _pair(summary, a, b)
            if not spread:
                where = "in all rows" if a == b else "in the rows that have both"
                reasons[a if a == b else f"{a}, {b}"] = f"constant {where}" if counts[a][b] else "no row has both"
            values = [signed_root(shared, spread) if spread else None]
            values += interval(shared, spread, counts[a][b], question.confidence) if ends else []
            for key, value in zip(("correlation", *ends), values, strict=True):
                told[key][a][b] = told[key][b][a] = value
    return undefined(told, reasons)


def _pair(summary: Summary, a: str, b: str) -> tuple[Fraction, Fraction]:
    """The covariance of two columns over the rows that have both, and the product of their variances there."""
    if summary.count(a, b) < 1:
        return Fraction(0), Fraction(0)
    return covariance(summary, a, b), variance(summary, a, b) * variance(summary, b, a)


def _made_of(names: Sequence[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"infinite: determined exactly by {', '.join(names[:8])}{more}"


def _basis(spread: Spread, related: list[dict[int, flint.fmpz]]) -> list[int]:
    """Columns that are independent and make up the others: the pivots of the relations are left out."""
    p = len(spread.columns)
    if not related:
        return list(range(p))
    # Reversed, so that of columns that depend on each other the last are those left out.
    weights = flint.fmpz_mat([[w.get(i, flint.fmpz(0)) for i in reversed(range(p))] for w in related]).rref()[0]
    rows = weights.tolist()
    left = {
        p - 1 - next(j for j, value in enumerate(row) if value != 0) for row in rows if any(value != 0 for value in row)
    }
    return [i for i in range(p) if i not in left]


def _inflations(spread: Spread) -> list[float | None]:
    """The diagonal of the inverse correlation matrix; independent columns."""
    if not spread.columns:
        return []
    whole, a = _whole(spread.products), spread.products

    def values() -> list[Number]:
        inverse = flint.arb_mat(whole).inv(nonstop=True)
        return [inverse[i, i] * flint.fmpz(int(a[i, i])) for i in range(len(spread.columns))]

    return certified(values)


def _whole(matrix: Matrix) -> flint.fmpz_mat:
    rows, columns = matrix.shape
    return flint.fmpz_mat(rows, columns, [int(value) for value in matrix.ravel()])
