"""Cross-validation by leaving out one part of the rows after the other, from the parts' summaries alone.

The squared errors of a linear prediction e = β₀ + Σβx − y add up to a quadratic form of a summary, n·β₀² + …, so a
model is scored exactly on rows that nobody sees. What takes more than sums of products (how often a class is right, a
probability) cannot be had in this way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm
from typing import Any

import msgspec
import numpy as np

from fedpeer.core.errors import ModelError
from fedpeer.core.models.classifier import Classifier, Group
from fedpeer.core.models.fit import fitted
from fedpeer.core.models.model import INTERCEPT, Model
from fedpeer.core.models.result import Result
from fedpeer.core.statistics.explore import mean, variance
from fedpeer.core.statistics.rounding import root, rounded
from fedpeer.core.statistics.summary import Summary

_MOST = 200  # values of an option that are tried


class Fold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With e = prediction − truth on rows that the model was fitted without: √(Σe²/n), 1 − Σe²/Σ(y − ȳ)², Σe/n."""

    name: str
    n: int
    rmse: float
    r2: float | None
    bias: float


class CrossValidation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How well a kind of model predicts the rows of each part from those of all others.

    `pooled` is of all rows together, its ȳ that of all rows. With an option that was tried, `chosen` is the value of
    the smallest pooled RMSE, the first of equals, `tried` has the pooled numbers of each, and the rest is of `chosen`.
    """

    kind: str
    target: str
    pooled: Fold
    folds: list[Fold]
    option: str | None = None
    chosen: str | None = None
    tried: list[Fold] = msgspec.field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        form: dict[str, Any] = msgspec.to_builtins(self)
        return form


def cross_validate(
    folds: Mapping[str, Summary],
    kind: str,
    target: str,
    features: Sequence[str] | None = None,
    *,
    grid: Mapping[str, Sequence[Any]] | None = None,
    **options: Any,
) -> CrossValidation:
    """Fit to all parts but one and score on that one, for each; `grid` names one option and the values to choose from.

    ModelError for fewer than two parts, for a part whose others determine no model, and for a kind that has no score
    that a summary can give.
    """
    if len(folds) < 2:
        raise ModelError(
            f"{len(folds)} part of the rows cannot be cross-validated: at least 2", hint="see docs/models.md"
        )
    if any(part.noise for part in folds.values()):
        raise ModelError(
            "models of parts that carry noise cannot be scored on each other",
            hint="evaluate on rows that are not in the data: `fedpeer evaluate`",
        )
    empty = next((name for name, part in folds.items() if part.rows < 1), None)
    if empty is not None:
        raise ModelError(f"{empty!r} has no rows to score on")
    total = sum(list(folds.values())[1:], next(iter(folds.values())))
    option, values = _tried(grid or {}, options)
    scored = [
        _validated(folds, total, (kind, target, features), options | ({option: value} if option else {}))
        for value in values
    ]
    best = min(range(len(scored)), key=lambda i: scored[i][0].square)
    pooled = [_fold(str(value), score) for value, (score, _) in zip(values, scored, strict=True)]
    return CrossValidation(
        kind=kind,
        target=target,
        pooled=msgspec.structs.replace(pooled[best], name="pooled"),
        folds=[_fold(name, score) for name, score in scored[best][1].items()],
        option=option,
        chosen=str(values[best]) if option else None,
        tried=pooled if option else [],
    )


@dataclass(frozen=True, slots=True)
class _Score:
    """Sums over rows (and, of a classifier, classes): their number, Σe, Σe² and Σ(y − ȳ)²."""

    n: int
    error: Fraction
    square: Fraction
    spread: Fraction

    def __add__(self, other: _Score) -> _Score:
        return _Score(
            self.n + other.n, self.error + other.error, self.square + other.square, self.spread + other.spread
        )


@dataclass(frozen=True, slots=True)
class _Error:
    """The error e = constant + Σ weight·x of a row; its truth moves by ± `scale` with the column `target`."""

    constant: Fraction
    weights: dict[str, Fraction]
    target: str
    scale: int = 1

    def spread(self, summary: Summary) -> Fraction:
        """Σ(y − ȳ)² over the rows of a summary."""
        return summary.rows * variance(summary, self.target) * self.scale**2

    def scored(self, summary: Summary) -> _Score:
        """The sums over the rows of a summary, exactly."""
        _check_whole(summary, [*self.weights])
        columns = [summary.schema.columns[summary.schema.index(name)] for name in self.weights]
        places, sums = [summary.schema.index(name) for name in self.weights], summary.sums()
        parts = [weight * column.step for weight, column in zip(self.weights.values(), columns, strict=True)]
        moved = (weight * column.origin for weight, column in zip(self.weights.values(), columns, strict=True))
        start = self.constant + sum(moved, Fraction(0))
        unit = lcm(start.denominator, *(part.denominator for part in parts))
        c, a = int(start * unit), np.array([int(part * unit) for part in parts], dtype=object)
        linear = int(a @ np.array([sums[i] for i in places], dtype=object))
        square = int(a @ summary.products()[np.ix_(places, places)] @ a)
        n = summary.rows
        error = Fraction(n * c + linear, unit)
        return _Score(n, error, Fraction(n * c * c + 2 * c * linear + square, unit * unit), self.spread(summary))


def _tried(grid: Mapping[str, Sequence[Any]], options: Mapping[str, Any]) -> tuple[str | None, Sequence[Any]]:
    if not grid:
        return None, [None]
    if len(grid) > 1:
        raise ModelError(f"{', '.join(grid)} cannot be chosen at once: name one option and its values")
    ((option, values),) = grid.items()
    if option in options:
        raise ModelError(f"{option} is given and to be chosen as well: say one of the two")
    if isinstance(values, str) or not 1 <= len(values) <= _MOST:
        raise ModelError(f"{option} needs a list of 1 to {_MOST} values to choose from")
    return option, values


def _validated(
    folds: Mapping[str, Summary],
    total: Summary,
    asked: tuple[str, str, Sequence[str] | None],
    options: Mapping[str, Any],
) -> tuple[_Score, dict[str, _Score]]:
    """The score of all parts together, and of each."""
    kind, target, features = asked
    scores, errors = {}, []
    for name, part in folds.items():
        try:
            errors = _errors(fitted(total - part, kind, target, features, options), part)
        except ModelError as error:
            raise ModelError(f"without {name}: {error}", hint=error.hint) from None
        scores[name] = _together([error.scored(part) for error in errors])
    pooled = _together(list(scores.values()))
    spread = sum((error.spread(total) for error in errors), Fraction(0))
    return replace(pooled, spread=spread), scores


def _together(scores: Sequence[_Score]) -> _Score:
    return sum(scores[1:], scores[0])


def _errors(model: Result, part: Summary) -> list[_Error]:
    """The error of a regression, or of each class of a least-squares classifier; ModelError for other kinds."""
    if isinstance(model, Model):
        weights = {name: Fraction(value) for name, value in model.coefficients.items() if name != INTERCEPT}
        return [_Error(Fraction(model.coefficients[INTERCEPT]), weights | {model.target: Fraction(-1)}, model.target)]
    if not isinstance(model, Classifier) or model.kind not in {"ridge_classifier", "ls_svm"}:
        raise ModelError(
            f"how good {model.kind} is takes every row, and cannot be computed from sums",
            hint="evaluate it on rows that were held out; ridge_classifier and regressions can be cross-validated",
        )
    category = part.schema.feature(model.target).kind == "category"
    labels = [*(group.label for group in model.classes), *model.empty]
    columns = {label: f"{model.target}${label}" if category else model.target for label in labels}
    lost = next((label for label in model.empty if category and mean(part, columns[label])), None)
    if lost is not None:
        raise ModelError(f"the class {lost!r} has no rows", hint="leave its level out, or join small parts")
    return [
        _of_class(model, group, columns[group.label], yes=category or k == 1) for k, group in enumerate(model.classes)
    ]


def _of_class(model: Classifier, group: Group, column: str, *, yes: bool) -> _Error:
    """Score − y, with y = 2b − 1 for the 0/1 column b of a class, or 1 − 2b if b tells the other class (not `yes`)."""
    weights = {name: Fraction(value) for name, value in group.weights.items()}
    moved = sum((weight * Fraction(model.centre[name]) for name, weight in weights.items()), Fraction(0))
    sign = 1 if yes else -1
    return _Error(Fraction(group.constant) - moved + sign, weights | {column: Fraction(-2 * sign)}, column, 2)


def _check_whole(summary: Summary, names: Sequence[str]) -> None:
    if any(summary.count(name) != summary.rows for name in names):
        raise ModelError(
            "values are missing in some rows, so the errors of rows cannot be added up",
            hint="name features that every row has",
        )


def _fold(name: str, score: _Score) -> Fold:
    explained = rounded(1 - score.square / score.spread) if score.spread else None
    return Fold(
        name=name,
        n=score.n,
        rmse=root(score.square / score.n),
        r2=explained,
        bias=rounded(score.error / score.n),
    )
