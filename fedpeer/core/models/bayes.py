"""Naive Bayes: within a class the columns are taken to be independent, Gaussian or 0/1."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import flint

from fedpeer.core.errors import ModelError
from fedpeer.core.models.classifier import Classifier, Group
from fedpeer.core.models.design import listed
from fedpeer.core.models.groups import Groups
from fedpeer.core.models.numbers import above, number
from fedpeer.core.statistics.explore import variance
from fedpeer.core.statistics.rounding import Number, certified, rational, rounded
from fedpeer.core.statistics.summary import Summary


def gaussian_nb(
    summary: Summary, target: str, features: Sequence[str] | None, *, priors: Any = "data", var_smoothing: Any = "1e-9"
) -> Classifier:
    """Score a class by independent normal densities; each variance is that of the class (÷ n_k) plus a share.

    The share is `var_smoothing` times the largest variance of any column over all rows. ModelError for a variance 0.
    """
    share = number("var_smoothing", var_smoothing)
    if share < 0:
        raise ModelError(f"var_smoothing is {var_smoothing!r}; it must not be below zero")
    groups = Groups.of(summary, target, features, whole=True)
    shares = groups.priors(priors)
    added = share * max(variance(summary, column.name) for column in groups.columns)
    spreads = [[value + added for value in row] for row in groups.variances()]
    _check_spreads(groups, spreads)

    def compute() -> list[Number | None]:
        return [_density(prior, spread) for prior, spread in zip(shares, spreads, strict=True)]

    rows = zip(groups.labels, groups.counts, shares, certified(compute), groups.means(), spreads, strict=True)
    classes = [
        Group(
            label=label,
            count=count,
            prior=rounded(prior),
            constant=constant or 0.0,
            means=_named(groups, means),
            variances=_named(groups, spread),
        )
        for label, count, prior, constant, means, spread in rows
    ]
    told = {"var_smoothing": str(var_smoothing), "priors": _told(priors)}
    return _classifier("gaussian_nb", groups, classes, told)


def bernoulli_nb(
    summary: Summary, target: str, features: Sequence[str] | None, *, priors: Any = "data", alpha: Any = 1
) -> Classifier:
    """Score a class by independent 0/1 columns, P = (ones + alpha)/(n_k + 2·alpha); ModelError for other columns."""
    extra = above("alpha", alpha)
    groups = Groups.of(summary, target, features, whole=True)
    other = [column.name for column in groups.columns if not column.indicator]
    if other:
        raise ModelError(
            f"not 0/1 columns: {listed(other)}", hint="name binary features and categories, or use gaussian_nb"
        )
    shares = groups.priors(priors)
    odds = [
        [(int(ones) + extra) / (int(n) + 2 * extra) for ones, n in zip(row, rows, strict=True)]
        for row, rows in zip(groups.sums, groups.seen, strict=True)
    ]

    def compute() -> list[Number | None]:
        return [value for prior, row in zip(shares, odds, strict=True) for value in _evidence(prior, row)]

    floats = iter(certified(compute))
    rows = zip(groups.labels, groups.counts, shares, odds, strict=True)
    classes = [
        Group(
            label=label,
            count=count,
            prior=rounded(prior),
            constant=next(floats) or 0.0,
            means=_named(groups, row),
            weights={column.name: next(floats) or 0.0 for column in groups.columns},
        )
        for label, count, prior, row in rows
    ]
    return _classifier("bernoulli_nb", groups, classes, {"alpha": str(alpha), "priors": _told(priors)})


def _density(prior: Fraction, spread: list[Fraction]) -> flint.arb:
    """What does not depend on the row: ln π − Σ ln(2π σ²)/2."""
    logs = (flint.arb(rational(value)).log() + (2 * flint.arb.pi()).log() for value in spread)
    return flint.arb(rational(prior)).log() - sum(logs, start=flint.arb(0)) / 2


def _evidence(prior: Fraction, odds: list[Fraction]) -> list[Number | None]:
    """Constant ln π + Σ ln(1 − p), and of each column ln p − ln(1 − p), which is exactly zero at p = 1/2."""
    no = [flint.arb(rational(1 - p)).log() for p in odds]
    constant = flint.arb(rational(prior)).log() + sum(no, start=flint.arb(0))
    weights = (flint.arb(rational(p / (1 - p))) for p in odds)
    return [constant, *(flint.fmpq(0) if w == 1 else w.log() for w in weights)]


def _check_spreads(groups: Groups, spreads: list[list[Fraction]]) -> None:
    for label, row in zip(groups.labels, spreads, strict=True):
        flat = [column.name for column, value in zip(groups.columns, row, strict=True) if value == 0]
        if flat:
            raise ModelError(
                f"without variation in the class {label!r}: {listed(flat)}",
                hint="leave these features out, or give var_smoothing",
            )


def _classifier(kind: str, groups: Groups, classes: list[Group], options: dict[str, str]) -> Classifier:
    return Classifier(
        kind=kind,
        target=groups.target,
        classes=classes,
        centre={column.name: 0.0 for column in groups.columns},
        probabilities=True,
        dropped=[],
        empty=groups.empty,
        options=options,
        n=sum(groups.counts),
        schema=groups.described(),
        summary=groups.summary.digest,
    )


def _named(groups: Groups, values: Sequence[Fraction]) -> dict[str, float]:
    return {column.name: rounded(value) for column, value in zip(groups.columns, values, strict=True)}


def _told(priors: Any) -> str:
    return priors if isinstance(priors, str) else "given"
