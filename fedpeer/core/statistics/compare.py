"""Tests of means, proportions and variances: z, t and F, of one sample or two."""

from __future__ import annotations

from fractions import Fraction

from fedpeer.core.errors import RequestError
from fedpeer.core.statistics.explore import covariance
from fedpeer.core.statistics.question import Answer, Question, undefined
from fedpeer.core.statistics.rounding import rounded
from fedpeer.core.statistics.samples import Sample, one, pair, two
from fedpeer.core.statistics.scores import error, known_variance, pooled, ratio, scored, signed, student, welch

_ZERO, _ONE = Fraction(0), Fraction(1)


def z_test(question: Question) -> Answer:
    """A z test of a mean against `known`, or of two means, with unbiased variances."""
    if "known" in question.options:
        sample, known = one(question), question.number("known", _ZERO)
        told = scored(question, sample.mean - known, error(sample))
        return _single(sample, known) | told
    a, b = two(question)
    first, second = error(a), error(b)
    square = None if first is None or second is None else first + second
    return _pair(a, b) | scored(question, a.mean - b.mean, square)


def proportion_test(question: Question) -> Answer:
    """A z test of a proportion against `known`, or of two, with the variance of the null hypothesis."""
    if "known" in question.options:
        sample, known = one(question), question.number("known", _ZERO)
        if not 0 < known < 1:
            raise RequestError(f"a proportion of {float(known):g} is not between 0 and 1")
        _binary(question)
        return _single(sample, known) | scored(question, sample.mean - known, known * (1 - known) / sample.count)
    _binary(question)
    a, b = two(question)
    both = (a.mean * a.count + b.mean * b.count) / (a.count + b.count)
    square = both * (1 - both) * (Fraction(1, a.count) + Fraction(1, b.count))
    return _pair(a, b) | scored(question, a.mean - b.mean, square)


def t_test(question: Question) -> Answer:
    """Student's t: of a mean against `known`, of two means pooled and Welch's, or `paired`."""
    if question.flag("paired"):
        return _paired(question)
    if "known" in question.options:
        sample, known = one(question), question.number("known", _ZERO)
        return _single(sample, known) | student(question, sample.mean - known, error(sample), sample.count - 1)
    a, b = two(question)
    told = _pair(a, b) | {"pooled": pooled(question, a, b), "welch": welch(question, a, b)}
    both = a.count + b.count - 2
    spread = (a.variance * a.count + b.variance * b.count) / both if both > 0 else _ZERO
    if not spread:
        return undefined(told | {"cohen_d": None}, {"cohen_d": "the values do not vary"})
    return told | {"cohen_d": signed(a.mean - b.mean, spread)}


def f_test(question: Question) -> Answer:
    """F of two variances, or χ² of one against `known`, a variance; p of both tails, and of each."""
    if "known" in question.options:
        sample, known = one(question), question.number("known", _ONE)
        return _single(sample, known) | known_variance(sample, known)
    a, b = two(question)
    return _pair(a, b) | ratio(a, b)


def _paired(question: Question) -> Answer:
    x, y = question.expect(2, 2)
    alike = question.category(y) is None and question.column(x).kind == question.column(y).kind
    if question.other is not None or not alike:
        raise RequestError("a paired test takes two features of the same rows")
    a, b = pair(question)
    spread = a.variance + b.variance - 2 * covariance(question.summary, x, y)
    square = spread / (a.count - 1) if a.count > 1 else None
    known = question.number("known", _ZERO)
    return _pair(a, b) | {"paired": student(question, a.mean - b.mean - known, square, a.count - 1)}


def _binary(question: Question) -> None:
    for name in question.features:
        if question.category(name) is None and not question.column(name).indicator:
            raise RequestError(f"{name!r} is not a 0/1 column: it has no proportion")


def _single(sample: Sample, known: Fraction) -> Answer:
    return {"samples": [sample.told()], "known": rounded(known)}


def _pair(a: Sample, b: Sample) -> Answer:
    return {"samples": [a.told(), b.told()]}
