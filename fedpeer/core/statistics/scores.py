"""Test statistics of means and variances. They are exact until they are rounded, once, with their p and interval."""

from __future__ import annotations

from fractions import Fraction

import flint

from fedpeer.core.errors import RequestError
from fedpeer.core.statistics.question import Answer, Question, undefined
from fedpeer.core.statistics.rounding import Number, certified, rational, root, rounded
from fedpeer.core.statistics.samples import Sample
from fedpeer.core.statistics.tails import (
    beyond_chi2,
    beyond_f,
    beyond_t,
    beyond_z,
    normal_quantile,
    student_quantile,
)

_CONSTANT = "the values do not vary"
_FEW = "too few rows"
_LONG = "more degrees of freedom than a certified tail can be computed for"

_ZERO = Fraction(0)


def scored(question: Question, difference: Fraction, square: Fraction | None) -> Answer:
    """The z of a difference with this squared standard error, its two-sided p and interval."""
    told: Answer = {"difference": rounded(difference), "z": None, "p": None, "ci_low": None, "ci_high": None}
    told["confidence"] = float(question.confidence)
    if not square:
        return undefined(told, {"z": _FEW if square is None else _CONSTANT})

    def values() -> list[Number]:
        reach = normal_quantile(question.confidence) * flint.arb(rational(square)).sqrt()
        p = beyond_z(flint.arb(rational(difference**2 / square)))
        return [p, rational(difference) - reach, rational(difference) + reach]

    p, low, high = certified(values)
    return told | {"z": signed(difference, square), "p": p, "ci_low": low, "ci_high": high}


def student(question: Question, difference: Fraction, square: Fraction | None, df: Fraction | int) -> Answer:
    """The t of a difference with this squared standard error, its degrees of freedom, two-sided p and interval."""
    told: Answer = {"difference": rounded(difference), "t": None, "df": None, "p": None}
    told |= {"ci_low": None, "ci_high": None, "confidence": float(question.confidence)}
    if square is None or (square and df <= 0):
        return undefined(told, {"t": _FEW})
    if not square:
        return undefined(told, {"t": _CONSTANT})

    def values() -> list[Number]:
        reach = student_quantile(question.confidence, df) * flint.arb(rational(square)).sqrt()
        p = beyond_t(flint.arb(rational(difference**2 / square)), df)
        return [p, rational(difference) - reach, rational(difference) + reach]

    p, low, high = certified(values)
    size = df if isinstance(df, int) else rounded(df)
    return told | {"t": signed(difference, square), "df": size, "p": p, "ci_low": low, "ci_high": high}


def pooled(question: Question, a: Sample, b: Sample) -> Answer:
    """Student's t of two means, for equal variances."""
    df = a.count + b.count - 2
    spread = (a.variance * a.count + b.variance * b.count) / df if df > 0 else None
    square = None if spread is None else spread * (Fraction(1, a.count) + Fraction(1, b.count))
    return student(question, a.mean - b.mean, square, df)


def welch(question: Question, a: Sample, b: Sample) -> Answer:
    """Welch's t of two means, with Satterthwaite's degrees of freedom."""
    first, second = error(a), error(b)
    if first is None or second is None or first + second == 0:
        return student(question, a.mean - b.mean, _sum(first, second), _ZERO)
    df = (first + second) ** 2 / (first**2 / (a.count - 1) + second**2 / (b.count - 1))
    return student(question, a.mean - b.mean, first + second, df)


def ratio(a: Sample, b: Sample) -> Answer:
    """F of two unbiased variances."""
    told: Answer = {"f": None, "df1": a.count - 1, "df2": b.count - 1, "p": None, "p_less": None, "p_greater": None}
    if min(a.count, b.count) < 2:
        return undefined(told, {"f": _FEW})
    if not (a.variance and b.variance):
        return undefined(told, {"f": _CONSTANT})
    f, m, nu = a.unbiased / b.unbiased, a.count - 1, b.count - 1
    greater = certified(lambda: [beyond_f(flint.arb(rational(f)), m, nu)])
    less = certified(lambda: [beyond_f(1 / flint.arb(rational(f)), nu, m)])
    return _tailed(told | {"f": rounded(f)}, less[0], greater[0])


def known_variance(sample: Sample, known: Fraction) -> Answer:
    """χ² = (n − 1) s² / known, and F = s² / known on (n − 1, ∞) degrees of freedom, which is the same test."""
    if known <= 0:
        raise RequestError("a known variance must be above zero")
    df = sample.count - 1
    told: Answer = {"chi2": None, "f": None, "df": df, "p": None, "p_less": None, "p_greater": None}
    if df < 1:
        return undefined(told, {"f": _FEW})
    f = sample.unbiased / known

    def tails() -> list[Number]:
        above = beyond_chi2(flint.arb(rational(f * df)), df)
        below = (flint.arb(rational(f * df)) / 2).gamma_lower(flint.arb(df) / 2, regularized=1)
        return [below, above]

    less, greater = certified(tails)
    return _tailed(told | {"chi2": rounded(f * df), "f": rounded(f)}, less, greater)


def _tailed(told: Answer, less: float | None, greater: float | None) -> Answer:
    if less is None or greater is None:
        return undefined(told, {"p": _LONG})
    return told | {"p": min(1.0, 2 * min(less, greater)), "p_less": less, "p_greater": greater}


def error(sample: Sample) -> Fraction | None:
    """The squared standard error of a mean."""
    return sample.variance / (sample.count - 1) if sample.count > 1 else None


def _sum(a: Fraction | None, b: Fraction | None) -> Fraction | None:
    return None if a is None or b is None else a + b


def signed(difference: Fraction, square: Fraction) -> float:
    """A difference / √square, rounded once."""
    size = root(difference**2 / square)
    return size if difference >= 0 else -size
