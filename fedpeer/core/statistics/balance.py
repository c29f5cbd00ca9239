"""Standardised mean differences: two peers, one peer and the rest, or the rows where a 0/1 column is 1 and is 0."""

from __future__ import annotations

from fractions import Fraction

import flint

from fedpeer.core.errors import RequestError
from fedpeer.core.statistics.explore import Given, given, mean, variance
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.question import Answer, Question, undefined
from fedpeer.core.statistics.rounding import rational, root, rounded
from fedpeer.core.statistics.summary import Summary

_ALIKE = "the feature does not vary on either side, nor between them"

Pair = tuple[Given, Given]


def difference(question: Question) -> Answer:
    """The standardised mean difference of each feature between two sets of rows, and the one that differs most."""
    names = question.features or tuple(f.name for f in question.summary.schema.features if f.name != split_by(question))
    told, reasons = {}, {}
    for name in names:
        feature = question.category(name)
        told[name] = _measured(question, name) if feature is None else _levels(question, feature)
        if told[name]["smd"] is None:
            reasons[name] = told[name].pop("reason")
    sizes = {name: abs(values["smd"]) for name, values in told.items() if values["smd"] is not None}
    answer: Answer = {
        "counts": _rows(question),
        "largest": max(sizes, key=lambda name: sizes[name]) if sizes else None,
        "features": told,
    }
    return undefined(answer, reasons)


def split_by(question: Question) -> str | None:
    """The 0/1 column whose values tell two sets of rows apart, or None for this summary and another; RequestError."""
    by = question.options.get("by")
    if (by is None) == (question.other is None):
        raise RequestError(
            "say which rows are compared: other rows, or those of a 0/1 column",
            hint="`against` names whose rows to compare with, option by=COLUMN splits these rows",
        )
    return by if by is None else str(by)


def _rows(question: Question) -> list[int]:
    """How many rows each side has, whether or not they have every feature."""
    by = split_by(question)
    if by is not None:
        ones = question.summary.sum(by)
        return [ones, question.summary.count(by) - ones]
    return [side.rows for side in (question.summary, question.other) if side is not None]


def _pair(question: Question, column: str) -> Pair:
    by = split_by(question)
    if by is not None:
        return given(question.summary, column, by), given(question.summary, column, by, truth=False)
    return _whole(question.summary, column), _whole(question.other, column)


def _whole(summary: Summary | None, column: str) -> Given:
    if summary is None or summary.count(column) < 1:
        return Given(0, None, None)
    return Given(summary.count(column), mean(summary, column), variance(summary, column))


def _measured(question: Question, name: str) -> Answer:
    """(x̄₁ − x̄₂) / √((s₁² + s₂²) / 2); of a 0/1 column, with p(1 − p) for s²."""
    a, b = _pair(question, name)
    indicator = question.column(name).indicator
    told: Answer = {"mean": [_float(a.mean), _float(b.mean)], "smd": None} | _counts(question, (a, b))
    spreads = [_spread(part, indicator) for part in (a, b)]
    first, second = spreads
    if a.mean is None or b.mean is None or first is None or second is None:
        return told | {"reason": "too few rows on one side"}
    if not indicator:
        told["variance_ratio"] = rounded(first / second) if second else None
    if not first + second:
        return told | {"reason": _ALIKE if a.mean == b.mean else "the feature is constant on both sides, and differs"}
    apart = a.mean - b.mean
    size = root(apart**2 / ((first + second) / 2))
    return told | {"smd": size if apart >= 0 else -size}


def _counts(question: Question, sides: Pair) -> Answer:
    """The rows of each side that have the feature, where these may be fewer."""
    return {"counts": [side.count for side in sides]} if question.summary.schema.pairwise else {}


def _levels(question: Question, feature: Feature) -> Answer:
    """√(d′ S⁻¹ d) for the differences d of the proportions and their mean covariance S (Yang and Dalton, 2012)."""
    pairs = {level: _pair(question, f"{feature.name}${level}") for level in feature.levels}
    shares = {level: [_float(part.mean) for part in pair] for level, pair in pairs.items()}
    told: Answer = {"proportions": shares, "smd": None} | _counts(question, pairs[feature.levels[0]])
    seen = [
        (a.mean, b.mean) for a, b in pairs.values() if a.mean is not None and b.mean is not None and a.mean + b.mean
    ]
    if not seen:
        return told | {"reason": "too few rows on one side"}
    square = _distance([x for x, _ in seen[1:]], [y for _, y in seen[1:]])
    if square is None:
        return told | {"reason": "the levels of one side and of the other exclude each other"}
    return told | {"smd": root(square)}


def _distance(a: list[Fraction], b: list[Fraction]) -> Fraction | None:
    if not a:
        return Fraction(0)
    size = range(len(a))
    spread = [
        [((x if i == j else 0) - x * a[j] + (y if i == j else 0) - y * b[j]) / 2 for j in size]
        for i, (x, y) in enumerate(zip(a, b, strict=True))
    ]
    apart = flint.fmpq_mat([[rational(x - y)] for x, y in zip(a, b, strict=True)])
    try:
        square = (apart.transpose() * flint.fmpq_mat([[rational(v) for v in row] for row in spread]).solve(apart))[0, 0]
    except ZeroDivisionError:
        return None
    return Fraction(int(square.p), int(square.q))


def _spread(part: Given, indicator: bool) -> Fraction | None:
    if part.variance is None or indicator:
        return part.variance
    return part.variance * part.count / (part.count - 1) if part.count > 1 else None


def _float(value: Fraction | None) -> float | None:
    return None if value is None else rounded(value)
