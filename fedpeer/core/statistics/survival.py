"""Kaplan and Meier's estimate of survival: exact fractions, and the intervals around them, each rounded once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any

import flint

from fedpeer.core.errors import RequestError
from fedpeer.core.statistics.lifetimes import Group, Lifetimes, lifetimes
from fedpeer.core.statistics.question import Answer, Question, undefined
from fedpeer.core.statistics.rounding import Number, certified, rational, root, rounded
from fedpeer.core.statistics.tails import normal_quantile

INTERVALS = ("log-log", "log", "plain")

_Ends = tuple[Number, Number] | tuple[None, None]


@dataclass(frozen=True, slots=True)
class _Step:
    """What happened at a time, and the estimate from then on; `spread` is Σ d/(r(r − d)), None once nobody is left."""

    time: Fraction
    at_risk: int
    events: int
    censored: int
    survival: flint.fmpq
    spread: flint.fmpq | None


def kaplan_meier(question: Question) -> Answer:
    """Survival by group: the table of steps, the median with its limits, and the mean up to a horizon."""
    lives, level = lifetimes(question), question.confidence
    interval = question.choice("interval", INTERVALS)
    horizon = _horizon(question, lives)
    groups = {g.name: _told(_steps(lives.times, g), (interval, level), horizon) for g in lives.groups if any(g.ended)}
    if not groups:
        raise RequestError("there are no rows in these groups")
    return {
        "exact": lives.exact,
        "confidence": float(level),
        "interval": interval,
        "horizon": rounded(horizon),
        "groups": groups,
    }


def _horizon(question: Question, lives: Lifetimes) -> Fraction:
    """The time up to which means are taken: the last of the group that is first to end, unless it is given."""
    last = [max(t for t, rows in zip(lives.times, g.ended, strict=True) if rows) for g in lives.groups if any(g.ended)]
    horizon = question.number("horizon", min(last, default=Fraction(0)))
    if horizon < 0:
        raise RequestError("a horizon is a time from zero")
    return horizon


def _steps(times: tuple[Fraction, ...], group: Group) -> list[_Step]:
    """The times at which rows of the group end."""
    found: list[_Step] = []
    survival, spread = flint.fmpq(1), flint.fmpq(0)
    for time, r, d, ended in zip(times, group.at_risk, group.events, group.ended, strict=True):
        if ended:
            survival *= flint.fmpq(r - d, r)
            spread += flint.fmpq(d, r * (r - d)) if r > d else 0
            found.append(_Step(time, r, d, ended - d, survival, None if survival == 0 else spread))
    return found


def _told(steps: list[_Step], limits: tuple[str, Fraction], horizon: Fraction) -> Answer:
    table = _table(steps, *limits)
    events, count = sum(step.events for step in steps), steps[0].at_risk
    answer: Answer = {"count": count, "events": events, "censored": count - events}
    answer |= {name: _first(table, key) for name, key in _MEDIAN.items()}
    answer |= _mean(steps, horizon) | {"table": table}
    reasons = {name: f"{what} stays above one half" for name, what in _ABOVE.items() if answer[name] is None}
    if steps[-1].spread is None:
        reasons["std_error"] = "nobody is left"
    return undefined(answer, reasons)


_MEDIAN = {"median": "survival", "median_low": "ci_low", "median_high": "ci_high"}
_ABOVE = {"median": "the curve", "median_low": "its lower limit", "median_high": "its upper limit"}


def _table(steps: list[_Step], interval: str, level: Fraction) -> list[dict[str, Any]]:
    def ends() -> list[Number | None]:
        z = normal_quantile(level)
        return [end for step in steps for end in _ends(step, _WAYS[interval], z)]

    reach = iter(certified(ends))
    return [
        {
            "time": rounded(step.time),
            "at_risk": step.at_risk,
            "events": step.events,
            "censored": step.censored,
            "survival": rounded(_fraction(step.survival)),
            "std_error": None if step.spread is None else root(_fraction(step.survival**2 * step.spread)),
            "variance": None if step.spread is None else rounded(_fraction(step.survival**2 * step.spread)),
            "ci_low": next(reach),
            "ci_high": next(reach),
        }
        for step in steps
    ]


def _ends(step: _Step, way: Callable[[flint.arb, flint.arb], _Ends], z: flint.arb) -> _Ends:
    if step.spread is None:
        return None, None
    if step.spread == 0:
        return flint.fmpq(1), flint.fmpq(1)
    return way(flint.arb(step.survival), z * flint.arb(step.spread).sqrt())


def _log_log(survival: flint.arb, reach: flint.arb) -> _Ends:
    """Limits of ln(−ln S)."""
    log = survival.log()
    return (log * (-reach / log).exp()).exp(), (log * (reach / log).exp()).exp()


def _log(survival: flint.arb, reach: flint.arb) -> _Ends:
    return survival * (-reach).exp(), (survival * reach.exp()).min(1)


def _plain(survival: flint.arb, reach: flint.arb) -> _Ends:
    return (survival * (1 - reach)).max(0), (survival * (1 + reach)).min(1)


_WAYS: dict[str, Callable[[flint.arb, flint.arb], _Ends]] = {"log-log": _log_log, "log": _log, "plain": _plain}


def _first(table: list[dict[str, Any]], key: str) -> float | None:
    """The first time at which so much is at most one half; where nobody is left, the lower limit is."""
    low = {"survival": 0.0, "ci_low": 0.0, "ci_high": 1.0}[key]
    return next((row["time"] for row in table if (low if row[key] is None else row[key]) <= 0.5), None)


def _mean(steps: list[_Step], horizon: Fraction) -> Answer:
    """The area under the curve up to the horizon, and its error: Σ A²d/(r(r − d)), A the area beyond each time."""
    past = [step for step in steps if step.time <= horizon]
    corners = [Fraction(0), *(step.time for step in past), horizon]
    heights = [flint.fmpq(1), *(step.survival for step in past)]
    areas = [height * rational(right - left) for height, (left, right) in zip(heights, pairwise(corners), strict=True)]
    beyond = list(accumulate(reversed(areas[1:])))[::-1]
    variance = sum(
        (
            area**2 * flint.fmpq(step.events, step.at_risk * (step.at_risk - step.events))
            for step, area in zip(past, beyond, strict=True)
            if step.at_risk > step.events
        ),
        start=flint.fmpq(0),
    )
    return {
        "mean": rounded(_fraction(sum(areas, start=flint.fmpq(0)))),
        "mean_std_error": root(_fraction(variance)),
    }


def _fraction(value: flint.fmpq) -> Fraction:
    return Fraction(int(value.p), int(value.q))
