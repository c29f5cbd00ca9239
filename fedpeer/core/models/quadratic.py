"""Quadratic discriminant analysis: each class has its own covariance, made exact by declared products.

A class scores ln π_k − ln det Σ_k / 2 − (x − x̄_k)′Σ_k⁻¹(x − x̄_k)/2 (Hastie, Tibshirani, Friedman, Elements of
Statistical Learning, 4.3). With Σ_k = LL′ the last term is half the square of L⁻¹(x − x̄_k). From the integers S of
Bareiss' elimination (1968), with leading minors Δ_i and rows R_i of what turns S triangular, the rows of the inverse
factor are R_i/√(Δ_i·Δ_{i+1}): each number is a root of a rational, rounded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import flint
import numpy as np

from fedpeer.core.errors import ModelError
from fedpeer.core.models.classifier import Classifier, Group
from fedpeer.core.models.design import listed
from fedpeer.core.models.exact import IMPOSSIBLE, Matrix, relations
from fedpeer.core.models.groups import Groups
from fedpeer.core.models.products import Products, single
from fedpeer.core.statistics.rounding import Number, certified, rational, root, rounded
from fedpeer.core.statistics.summary import Summary

_FORMS = {"likelihood": 0, "unbiased": 1}


def qda(
    summary: Summary,
    target: str,
    features: Sequence[str] | None,
    *,
    priors: Any = "data",
    form: str = "likelihood",
) -> Classifier:
    """Separate the classes of `target` by quadratic scores; ModelError for a singular class and undeclared products."""
    if form not in _FORMS:
        raise ModelError(f"form is {form!r:.40}; it must be one of {', '.join(_FORMS)}")
    groups = Groups.of(summary, target, single(summary.schema, target) if features is None else features)
    shares = groups.priors(priors)
    _check_rows(groups)
    matrices = scatters(groups)
    for label, matrix in zip(groups.labels, matrices, strict=True):
        _check_regular(groups, label, matrix)
    found = [_inverse(matrix) for matrix in matrices]
    divisors = [count * (count - _FORMS[form]) for count in groups.counts]

    def constants() -> list[Number | None]:
        volumes = [_determinant(groups, minors[-1], d) for (_, minors), d in zip(found, divisors, strict=True)]
        return [flint.arb(rational(prior**2 / v)).log() / 2 for prior, v in zip(shares, volumes, strict=True)]

    rows = zip(groups.labels, groups.counts, shares, certified(constants), groups.means(), strict=True)
    classes = [
        Group(
            label=label,
            count=count,
            prior=rounded(share),
            constant=constant or 0.0,
            means={column.name: rounded(value) for column, value in zip(groups.columns, means, strict=True)},
            whitening=_whitening(groups, *inverse, divisor),
        )
        for (label, count, share, constant, means), inverse, divisor in zip(rows, found, divisors, strict=True)
    ]
    return Classifier(
        kind="qda",
        target=target,
        classes=classes,
        centre={column.name: 0.0 for column in groups.columns},
        probabilities=True,
        dropped=[],
        empty=groups.empty,
        options={"form": form, "priors": priors if isinstance(priors, str) else "given"},
        n=summary.rows,
        schema=groups.described(),
        summary=summary.digest,
    )


def scatters(groups: Groups) -> list[Matrix]:
    """Of each class n_k·Σqq′ − Σq·Σq′, in encoded integers; ModelError says which products to declare."""
    products, summary = Products.of(groups.summary), groups.summary
    found = [_crossed(groups, products, k) for k in range(len(groups.labels))]
    gaps = [sum(value is None for value in matrix.ravel()) for matrix in found]
    rest = gaps.index(max(gaps))  # one class is what the others leave of all rows
    if any(gap for k, gap in enumerate(gaps) if k != rest):
        raise _undeclared(groups, products, [k for k, gap in enumerate(gaps) if gap and k != rest], found)
    if gaps[rest]:
        places = [summary.schema.index(column.name) for column in groups.columns]
        others = [matrix for k, matrix in enumerate(found) if k != rest]
        found[rest] = summary.products()[np.ix_(places, places)] - sum(others)
    return [
        count * matrix - np.multiply.outer(sums, sums)
        for count, matrix, sums in zip(groups.counts, found, groups.sums, strict=True)
    ]


def _level(groups: Groups, k: int) -> str | None:
    """The 0/1 column of a class; None for the rows where a binary target is 0."""
    if groups.target in {column.name for column in groups.summary.schema.columns}:
        return groups.target if groups.labels[k] == _ones(groups) else None
    return f"{groups.target}${groups.labels[k]}"


def _ones(groups: Groups) -> str:
    levels = groups.summary.schema.feature(groups.target).levels
    return levels[1] if levels else "1"


def _crossed(groups: Groups, products: Products, k: int) -> Matrix:
    """Σqq′ of a class, None where nothing counts it."""
    p, level = len(groups.columns), _level(groups, k)
    matrix = np.full((p, p), None, dtype=object)
    for i, x in enumerate(groups.columns):
        for j, y in enumerate(groups.columns[: i + 1]):
            total = None if level is None else products.total((x.name, y.name, level))
            if total is not None:
                left = total - x.origin * y.origin * groups.counts[k]
                left -= x.origin * y.step * groups.sums[k][j] + y.origin * x.step * groups.sums[k][i]
                matrix[i, j] = matrix[j, i] = _whole(left / (x.step * y.step))
    return matrix


def _whole(value: Fraction) -> int:
    if value.denominator != 1:
        raise ModelError(IMPOSSIBLE)
    return value.numerator


def _undeclared(groups: Groups, products: Products, lacking: list[int], found: list[Matrix]) -> ModelError:
    """For each pair that is not counted by class, the product of its first column and the class."""
    wanted = [
        (column.name, _level(groups, k) or "")
        for k in lacking
        for i, column in enumerate(groups.columns)
        if any(value is None for value in found[k][i, i:])
    ]
    return ModelError(
        "quadratic discriminant analysis needs the products of two columns by class, and nothing counts them in "
        f"{listed([groups.labels[k] for k in lacking])}",
        hint=f"{products.hint(wanted)}; or take gaussian_nb, its diagonal form, or lda, which shares one covariance",
    )


def _check_rows(groups: Groups) -> None:
    p = len(groups.columns)
    few = next((k for k, count in enumerate(groups.counts) if count <= p), None)
    if few is not None:
        raise ModelError(
            f"the class {groups.labels[few]!r} has {groups.counts[few]} rows, too few for the covariance of "
            f"{listed([column.name for column in groups.columns])}: at least {p + 1}",
            hint="name fewer features, or wait for more data",
        )


def _check_regular(groups: Groups, label: str, matrix: Matrix) -> None:
    if any(value < 0 for value in matrix.diagonal()):
        raise ModelError(IMPOSSIBLE)
    names, found = [column.name for column in groups.columns], relations(matrix)
    if found:
        first, others = next(iter(found.items()))
        told = f"determined exactly by {listed([names[i] for i in others])}" if others else "constant"
        raise ModelError(
            f"singular in the class {label!r}: {listed([names[j] for j in found])}; {names[first]!r} is {told} there",
            hint="leave these features out",
        )


def _inverse(matrix: Matrix) -> tuple[Matrix, list[int]]:
    """Bareiss' R and its leading minors, from 1 to the determinant; ModelError unless positive definite."""
    p, minors = len(matrix), [1]
    work = np.hstack([matrix, np.eye(p, dtype=object)])
    for k in range(p):
        pivot = int(work[k, k])
        if pivot <= 0:
            raise ModelError(IMPOSSIBLE)
        below = work[k + 1 :]
        work[k + 1 :] = (pivot * below - np.multiply.outer(below[:, k], work[k])) // minors[-1]
        minors.append(pivot)
    return work[:, p:], minors


def _determinant(groups: Groups, minor: int, divisor: int) -> Fraction:
    """That of a class's covariance, in the columns' units."""
    value = Fraction(minor)
    for column in groups.columns:
        value *= column.step**2 / divisor
    return value


def _whitening(groups: Groups, rows: Matrix, minors: list[int], divisor: int) -> list[list[float]]:
    """The rows of L⁻¹, up to the diagonal, in one over the columns' units."""
    return [
        [
            (1 if row[j] >= 0 else -1)
            * root(Fraction(int(row[j]) ** 2 * divisor, minors[i] * minors[i + 1]) / groups.columns[j].step ** 2)
            for j in range(i + 1)
        ]
        for i, row in enumerate(rows)
    ]
