"""The log-rank test: whether events come at the same rate in every group, as an exact fraction and its tail."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import flint

from fedpeer.core.errors import RequestError
from fedpeer.core.statistics.lifetimes import Lifetimes, lifetimes
from fedpeer.core.statistics.question import Answer, Question, undefined
from fedpeer.core.statistics.rounding import certified, rounded
from fedpeer.core.statistics.tails import beyond_chi2

WEIGHTS = ("log-rank", "gehan")

_Rationals = list[flint.fmpq]


def log_rank(question: Question) -> Answer:
    """Observed and expected events by group, and χ² of the differences on the rank of their covariances."""
    weights, lives = question.choice("weights", WEIGHTS), lifetimes(question)
    if len(lives.groups) < 2:
        raise RequestError("one group alone has nothing to be compared with", hint="name a category or 0/1 columns")
    expected, apart, covariance = _moments(lives, weights)
    statistic, df = _quadratic(apart, covariance)
    (p,) = certified(lambda: [beyond_chi2(flint.arb(statistic), df)]) if df else (None,)
    groups = {
        group.name: {"count": sum(group.ended), "observed": sum(group.events), "expected": rounded(_fraction(e))}
        for group, e in zip(lives.groups, expected, strict=True)
    }
    told = {"chi2": rounded(_fraction(statistic)) if df else None, "df": df, "p": p}
    reasons = {} if df else dict.fromkeys(("chi2", "p"), "no event while two groups were at risk")
    return undefined({"exact": lives.exact, "weights": weights} | told | {"groups": groups}, reasons)


def _moments(lives: Lifetimes, weights: str) -> tuple[_Rationals, _Rationals, list[_Rationals]]:
    """Expected events, weighted observed less expected ones, and the covariances of these, given who is at risk.

    At a time with d events among r rows, those of the groups are hypergeometric.
    """
    size = len(lives.groups)
    expected, apart = [flint.fmpq(0)] * size, [flint.fmpq(0)] * size
    covariance = [[flint.fmpq(0)] * size for _ in range(size)]
    for at_risk, events in _tables(lives):
        r, d = sum(at_risk), sum(events)
        weight = r if weights == "gehan" else 1
        spread = flint.fmpq(weight**2 * d * (r - d), r**2 * (r - 1)) if r > 1 else flint.fmpq(0)
        for i in range(size):
            mean = flint.fmpq(d * at_risk[i], r)
            expected[i] += mean
            apart[i] += weight * (events[i] - mean)
            for j in range(size):
                covariance[i][j] += spread * at_risk[i] * ((r if i == j else 0) - at_risk[j])
    return expected, apart, covariance


def _tables(lives: Lifetimes) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """At each time with an event, the rows at risk and the events by group."""
    at_risk = [group.at_risk for group in lives.groups]
    for k in range(len(lives.times)):
        events = tuple(group.events[k] for group in lives.groups)
        if any(events):
            yield tuple(rows[k] for rows in at_risk), events


def _quadratic(apart: _Rationals, covariance: list[_Rationals]) -> tuple[flint.fmpq, int]:
    """z′V⁻z and the rank of V, decided exactly; the differences lie in what the covariances span."""
    reduced, rank = flint.fmpq_mat(covariance).rref()
    kept = [next(j for j in range(len(apart)) if reduced[i, j] != 0) for i in range(rank)]
    if not kept:
        return flint.fmpq(0), 0
    matrix = flint.fmpq_mat([[covariance[i][j] for j in kept] for i in kept])
    solved = matrix.solve(flint.fmpq_mat([[apart[i]] for i in kept]))
    return sum((apart[i] * solved[k, 0] for k, i in enumerate(kept)), start=flint.fmpq(0)), rank


def _fraction(value: flint.fmpq) -> Fraction:
    return Fraction(int(value.p), int(value.q))
