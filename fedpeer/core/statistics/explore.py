"""What a summary says about one feature, and about two: exact fractions, each rounded once.

Definitions and formulas are in docs/statistics.md. Nothing here is estimated twice: counts are counts, and population
(÷ n) and unbiased (÷ (n − 1)) forms stand side by side under their own names. What is undefined is None.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import numpy as np

from fedpeer.core.errors import SchemaError
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.fisher import interval, signed_root
from fedpeer.core.statistics.moments import Moments
from fedpeer.core.statistics.numerals import iso
from fedpeer.core.statistics.rounding import certified, rational, root, rounded
from fedpeer.core.statistics.summary import Matrix, Summary
from fedpeer.core.statistics.tails import student_quantile
from fedpeer.core.statistics.uncertain import OVERSHADOWED, of_count, of_mean, unaccounted

_QUIETER = "more rows, or more of the privacy budget for a release, make noise small beside what is measured"
_SHAPE = ("skewness", "skewness_unbiased", "kurtosis_excess", "kurtosis_excess_unbiased")


@dataclass(frozen=True, slots=True)
class Given:
    """A column over the rows where a 0/1 column has one value; mean and (population) variance None without rows.

    So is a variance that noise has made negative.
    """

    count: int
    mean: Fraction | None
    variance: Fraction | None


@dataclass(frozen=True, slots=True)
class Exploration:
    """Answers about one summary; `confidence` is the level of its intervals."""

    summary: Summary
    confidence: Fraction = Fraction(19, 20)

    def univariate(self, name: str) -> dict[str, Any]:
        """Count, mean, variances, deviations, standard error and interval of a feature, or the counts of a category."""
        feature = _category(self.summary, name)
        if feature is not None:
            return {
                "feature": name,
                "kind": "category",
                "count": self.summary.count(name),
                "levels": self._levels(feature),
            }
        column = self.summary.schema.columns[self.summary.schema.index(name)]
        answer = {"feature": name, "kind": column.kind} | _described(_all(self.summary, name)) | self._interval(name)
        if not column.indicator and self.summary.has("powers"):
            moments = None if _overshadowed(answer) else _moments(self.summary, name)
            answer |= dict.fromkeys(_SHAPE) if moments is None else moments.told()
        if self.summary.schema.feature(column.feature).kind == "date":
            middle = mean(self.summary, name) if answer["count"] > 0 else None
            answer |= {"kind": "date", "mean_date": None if middle is None else iso(round(middle))}
        if column.indicator:
            ones = self.summary.sum(name)
            answer |= {"count_true": ones, "count_false": self.summary.count(name) - ones}
        return answer | self._noise(name, answer)

    def bivariate(self, a: str, b: str) -> dict[str, Any]:
        """Covariances and correlation of two features; `a` within each value of `b` if that is 0/1 or a category."""
        first, second = _category(self.summary, a), _category(self.summary, b)
        answer: dict[str, Any] = {"a": a, "b": b, "count": self.summary.count(a, b)} | unaccounted(self.summary)
        if first is not None and second is not None:
            return answer | {"table": self._table(first, second)}
        if first is not None:
            return answer | {"levels": self._within(b, first)}
        if second is not None:
            return answer | {"levels": self._within(a, second)}
        answer |= self._together(a, b)
        if self.summary.schema.columns[self.summary.schema.index(b)].indicator:
            answer["when_true"] = _described(given(self.summary, a, b))
            answer["when_false"] = _described(given(self.summary, a, b, truth=False))
        return answer

    def _levels(self, feature: Feature) -> dict[str, dict[str, Any]]:
        n = self.summary.count(feature.name)
        counts = {level: self.summary.sum(_column(feature, level)) for level in feature.levels}
        shares = {level: Fraction(k, n) if n > 0 else None for level, k in counts.items()}
        return {level: {"count": k, "proportion": _float(shares[level])} for level, k in counts.items()}

    def _within(self, x: str, feature: Feature) -> dict[str, dict[str, Any]]:
        return {level: _described(given(self.summary, x, _column(feature, level))) for level in feature.levels}

    def _table(self, a: Feature, b: Feature) -> dict[str, dict[str, int]]:
        product = self.summary.product
        return {x: {y: product(_column(a, x), _column(b, y)) for y in b.levels} for x in a.levels}

    def _interval(self, name: str) -> dict[str, Any]:
        n, bounds = self.summary.count(name), {"stderr": None, "ci_low": None, "ci_high": None, "confidence": None}
        spread = _all(self.summary, name).variance
        if n < 2 or spread is None:
            return bounds
        middle, square = mean(self.summary, name), spread / (n - 1) + of_mean(self.summary, name)

        def ends() -> list[flint.arb | flint.fmpq]:
            reach = student_quantile(self.confidence, n - 1) * flint.arb(rational(square)).sqrt() if square else 0
            return [rational(middle) - reach, rational(middle) + reach]

        low, high = certified(ends)
        return {"stderr": root(square), "ci_low": low, "ci_high": high, "confidence": float(self.confidence)}

    def _noise(self, name: str, answer: dict[str, Any]) -> dict[str, Any]:
        """How far noise moves a count and a mean (one standard deviation), and what it leaves undefined."""
        if not self.summary.noise:
            return {}
        known = {"count": root(Fraction(of_count(self.summary)))}
        known |= {"mean": root(of_mean(self.summary, name))} if answer["count"] > 0 else {}
        return {"noise": known} | ({"undefined": {"variance": OVERSHADOWED}} if _overshadowed(answer) else {})

    def _together(self, a: str, b: str) -> dict[str, Any]:
        n = self.summary.count(a, b)
        if n <= 0:
            names = ("covariance", "covariance_unbiased", "correlation", "correlation_low", "correlation_high")
            return dict.fromkeys((*names, "confidence"))
        shared = covariance(self.summary, a, b)
        answer: dict[str, Any] = {
            "covariance": rounded(shared),
            "covariance_unbiased": _float(shared * n / (n - 1) if n > 1 else None),
        }
        try:
            spread = variance(self.summary, a, b) * variance(self.summary, b, a)
            _possible(spread - shared * shared, self.summary)
        except SchemaError:
            if not self.summary.noise:
                raise
            answer |= dict.fromkeys(("correlation", "correlation_low", "correlation_high"))
            return answer | {"confidence": float(self.confidence), "undefined": {"correlation": OVERSHADOWED}}
        low, high = interval(shared, spread, n, self.confidence)
        answer |= {"correlation": signed_root(shared, spread) if spread else None}
        return answer | {"correlation_low": low, "correlation_high": high, "confidence": float(self.confidence)}


def explore(summary: Summary, *, confidence: str | float | Fraction = "0.95") -> Exploration:
    """Return answers about a summary, with intervals of the given confidence; ValueError unless that is in (0, 1)."""
    level = Fraction(str(confidence))
    if not 0 < level < 1:
        raise ValueError(f"a confidence of {confidence} is not between 0 and 1")
    return Exploration(summary, level)


def mean(summary: Summary, column: str | int, given: str | int | None = None) -> Fraction:
    """The exact mean of a column, in the feature's unit; SchemaError for a summary without rows.

    It is over the rows that have the column, and, if `given` names another, that have this one as well.
    """
    place = summary.schema.columns[summary.schema.index(column)]
    return place.value(Fraction(summary.sum(column, given), _rows(summary, column, given)))


def variance(summary: Summary, column: str | int, given: str | int | None = None) -> Fraction:
    """The exact population variance (÷ n) of a column, over the same rows as its mean; SchemaError without rows."""
    if given is None:
        return _possible(covariance(summary, column, column), summary)
    n, total = _rows(summary, column, given), summary.sum(column, given)
    step = summary.schema.columns[summary.schema.index(column)].step
    return _possible(Fraction(n * summary.square(column, given) - total * total, n * n) * step**2, summary)


def covariance(summary: Summary, a: str | int, b: str | int) -> Fraction:
    """The exact population covariance (÷ n) of two columns, over rows that have both; SchemaError without such rows."""
    n, columns = _rows(summary, a, b), summary.schema.columns
    centred_sum = n * summary.product(a, b) - summary.sum(a, b) * summary.sum(b, a)
    steps = columns[summary.schema.index(a)].step * columns[summary.schema.index(b)].step
    return Fraction(centred_sum, n * n) * steps


def given(summary: Summary, x: str | int, b: str | int, truth: bool = True) -> Given:
    """Describe column `x` over the rows where the 0/1 column `b` is 1 (or, with truth=False, is 0), exactly.

    They are rows that have both. SchemaError if `b` is not a 0/1 column.
    """
    schema = summary.schema
    place, condition = schema.columns[schema.index(x)], schema.columns[schema.index(b)]
    if not condition.indicator:
        raise SchemaError(f"{condition.name!r} is not a 0/1 column: nothing can be conditional on it")
    count, total = summary.sum(b, x), summary.product(x, b)
    square = total if place.indicator else summary.square_given(x, b)
    if not truth:
        every = summary.count(x, b), summary.sum(x, b), summary.square(x, b)
        count, total, square = every[0] - count, every[1] - total, every[2] - square
    if count == 0 or (count < 0 and summary.noise):
        return Given(count, None, None)
    spread = Fraction(count * square - total * total, count * count)
    middle = place.value(Fraction(total, count))
    if spread < 0 and summary.noise:
        return Given(count, middle, None)
    return Given(count, middle, _possible(spread, summary) * place.step**2)


def centred(summary: Summary, columns: Sequence[int]) -> Matrix:
    """n·Σqq′ − Σq·Σq′ of these columns: n² times their covariances, in encoded integers and without any rounding.

    SchemaError unless the same n rows have each of them.
    """
    rows = summary.among(columns).rows
    sums = np.array(summary.sums(), dtype=object)[list(columns)]
    result: Matrix = rows * summary.products()[np.ix_(columns, columns)] - np.multiply.outer(sums, sums)
    return result


def _rows(summary: Summary, a: str | int, b: str | int | None) -> int:
    if summary.rows <= 0 and not summary.noise:
        raise SchemaError("the summary has no rows", hint="add data first")
    count = summary.count(a, b)
    if count <= 0 and summary.noise:
        raise SchemaError(f"{OVERSHADOWED}: {count} rows", hint=_QUIETER)
    if count <= 0:
        names = dict.fromkeys(summary.schema.columns[summary.schema.index(x)].name for x in (a, b) if x is not None)
        raise SchemaError(f"no row has {' and '.join(map(repr, names))}", hint="add data that have it")
    return count


def _possible(square: Fraction, summary: Summary) -> Fraction:
    """The value itself: a mean of squares, which rows of data cannot make negative, but a wrong subtraction can."""
    if square < 0 and summary.noise:
        raise SchemaError(f"{OVERSHADOWED}: a variance is below zero", hint=_QUIETER)
    if square < 0:
        raise SchemaError("no rows could give this summary: a variance is negative", hint="were rows taken out twice?")
    return square


def _category(summary: Summary, name: str) -> Feature | None:
    return next((f for f in summary.schema.features if f.name == name and f.kind == "category"), None)


def _column(feature: Feature, level: str) -> str:
    return f"{feature.name}${level}"


def _all(summary: Summary, name: str) -> Given:
    count = summary.count(name)
    if count <= 0:
        return Given(count, None, None)
    spread = covariance(summary, name, name)
    if spread < 0 and summary.noise:
        return Given(count, mean(summary, name), None)
    return Given(count, mean(summary, name), _possible(spread, summary))


def _overshadowed(answer: dict[str, Any]) -> bool:
    return answer["count"] > 0 and answer["variance"] is None


def _moments(summary: Summary, name: str) -> Moments | None:
    """The moments; None where noise leaves none."""
    try:
        return Moments.of(summary, name)
    except SchemaError:
        if not summary.noise:
            raise
        return None


def _described(part: Given) -> dict[str, Any]:
    """Count, mean, and both forms of variance and standard deviation."""
    unbiased = part.variance * part.count / (part.count - 1) if part.variance is not None and part.count > 1 else None
    return {
        "count": part.count,
        "mean": _float(part.mean),
        "variance": _float(part.variance),
        "variance_unbiased": _float(unbiased),
        "stddev": None if part.variance is None else root(part.variance),
        "stddev_unbiased": None if unbiased is None else root(unbiased),
    }


def _float(value: Fraction | None) -> float | None:
    return None if value is None else rounded(value)
