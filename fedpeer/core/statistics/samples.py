"""Samples to compare: two columns, a column where others hold, the levels of a category, or two peers' rows."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from fedpeer.core.errors import RequestError
from fedpeer.core.statistics.explore import given, mean, variance
from fedpeer.core.statistics.question import Answer, Question
from fedpeer.core.statistics.rounding import rounded
from fedpeer.core.statistics.summary import Summary


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows known by their count, mean and population variance, all exact."""

    name: str
    count: int
    mean: Fraction
    variance: Fraction

    @property
    def unbiased(self) -> Fraction:
        """Σ(x − x̄)² / (n − 1); there are two rows at least."""
        return self.variance * self.count / (self.count - 1)

    def told(self) -> Answer:
        """What is known, rounded."""
        unbiased = rounded(self.unbiased) if self.count > 1 else None
        mean_, variance_ = rounded(self.mean), rounded(self.variance)
        return {
            "sample": self.name,
            "count": self.count,
            "mean": mean_,
            "variance": variance_,
            "variance_unbiased": unbiased,
        }


def one(question: Question) -> Sample:
    """The one feature's rows."""
    (name,) = question.expect(1, 1)
    if question.other is not None:
        raise RequestError("rows are compared with a known value or with other rows, not with both")
    return _whole(question.summary, name, name)


def two(question: Question) -> tuple[Sample, Sample]:
    """Two samples: what the features, or one feature and the other summary, name."""
    x, *rest = question.expect(1, 3)
    question.column(x)
    if question.other is not None:
        question.expect(1, 1)
        return _whole(question.summary, x, f"{x} here"), _whole(question.other, x, f"{x} there")
    if not rest:
        raise RequestError(
            "one feature alone has nothing to be compared with",
            hint="name a second feature or the condition, or say whose rows to compare with (`against`)",
        )
    if len(rest) == 2:
        return _where(question, x, rest[0]), _where(question, x, rest[1])
    category = question.category(rest[0])
    if category is not None:
        levels = question.names("levels") or category.levels
        if len(levels) != 2:
            raise RequestError(f"{rest[0]!r} has {len(levels)} levels; choose two", hint="option levels=FIRST,SECOND")
        return _where(question, x, f"{rest[0]}${levels[0]}"), _where(question, x, f"{rest[0]}${levels[1]}")
    if question.column(x).indicator and not question.column(rest[0]).indicator:
        raise RequestError(f"{x!r} is 0/1 and {rest[0]!r} is not", hint="name the measured feature first")
    if question.column(rest[0]).indicator and not question.column(x).indicator:
        return _where(question, x, rest[0]), _where(question, x, rest[0], truth=False)
    return _whole(question.summary, x, x), _whole(question.summary, rest[0], rest[0])


def pair(question: Question) -> tuple[Sample, Sample]:
    """Two features over the rows that have both."""
    x, y = question.expect(2, 2)
    return _shared(question.summary, x, y), _shared(question.summary, y, x)


def groups(question: Question) -> list[Sample]:
    """Two or more samples: columns, or one column where each of some 0/1 columns that exclude each other holds."""
    x, *rest = question.expect(2, 1000)
    if len(rest) == 1 and (category := question.category(rest[0])) is not None:
        return _present(question, x, [f"{rest[0]}${level}" for level in question.names("levels") or category.levels])
    indicators = [question.column(name).indicator for name in rest]
    if all(indicators) and not question.column(x).indicator:
        if len(rest) == 1:
            return [_where(question, x, rest[0]), _where(question, x, rest[0], truth=False)]
        _exclusive(question.summary, rest)
        return _present(question, x, rest)
    if any(indicators) or question.column(x).indicator:
        raise RequestError("name two or more continuous features, or one and the 0/1 columns or category of its groups")
    return [_whole(question.summary, name, name) for name in question.features]


def _whole(summary: Summary, name: str, label: str) -> Sample:
    if summary.rows > 0 and summary.count(name) < 1:
        raise RequestError(f"no row has {name!r}")
    return Sample(label, summary.count(name), mean(summary, name), variance(summary, name))


def _shared(summary: Summary, name: str, other: str) -> Sample:
    return Sample(name, summary.count(name, other), mean(summary, name, other), variance(summary, name, other))


def _where(question: Question, x: str, condition: str, *, truth: bool = True) -> Sample:
    part, label = given(question.summary, x, condition, truth), f"{x} where {condition} is {1 if truth else 0}"
    if part.mean is None or part.variance is None:
        raise RequestError(f"there are no rows of {label}")
    return Sample(label, part.count, part.mean, part.variance)


def _present(question: Question, x: str, conditions: list[str]) -> list[Sample]:
    """Groups that have rows; a level that was never seen is none."""
    return [_where(question, x, name) for name in conditions if question.summary.sum(name)]


def _exclusive(summary: Summary, names: list[str]) -> None:
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            if summary.product(a, b):
                raise RequestError(f"{summary.product(a, b)} rows are both {a!r} and {b!r}: groups must not overlap")
