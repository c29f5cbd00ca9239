"""Extreme values: tails beyond a threshold as generalised Pareto distributions, fitted to counts of bins.

Excesses over a high threshold follow P(Y > y) = (1 + ξy/σ)^(−1/ξ), nearly (Pickands 1975; Balkema and de Haan 1974).
Of values that are known by their bins the likelihood is that of the counts: Σ n_k ln(P(Y > a_k) − P(Y > b_k)).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, Self

import msgspec
import numpy as np
import scipy  # its parts are loaded when they are first used

from fedpeer.core.errors import ModelError
from fedpeer.core.models.design import chosen, described
from fedpeer.core.models.inputs import Floats
from fedpeer.core.models.numbers import number
from fedpeer.core.models.result import Result
from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.rounding import rounded
from fedpeer.core.statistics.summary import Summary

_SIDES = {"upper": ("upper",), "lower": ("lower",), "both": ("upper", "lower")}
_FEWEST = 10  # rows that a tail is fitted to
_HALF = Fraction(1, 2)
_NEVER = 1e300  # what costs this cannot be
_SHAPES = (-1.0, 5.0)  # between which ξ is searched: below, there is no most likely one


class Tail(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Beyond `start` are `rows` of all, as if of a generalised Pareto distribution; beyond `limit` one is unusual."""

    start: float
    rows: int
    all: int
    shape: float
    scale: float
    limit: float


class Extremes(Result, frozen=True, kw_only=True):
    """Limits that a value passes with the probability `risk` in each tail that is looked at."""

    risk: float
    tails: dict[str, dict[str, Tail]]
    options: dict[str, str]

    @property
    def columns(self) -> list[str]:
        """The columns that are looked at."""
        return list(self.tails)

    def answer(self, rows: int, columns: dict[str, Floats]) -> Floats:
        """1 for a row with a value beyond a limit, else 0; NaN where an input cannot be read."""
        found, unread = np.zeros(rows), np.zeros(rows, bool)
        for name, tails in self.tails.items():
            values = columns[name]
            unread |= np.isnan(values)
            for side, tail in tails.items():
                found[values > tail.limit if side == "upper" else values < tail.limit] = 1.0
        return np.where(unread, np.nan, found)

    def details(self, rows: int, columns: dict[str, Floats]) -> dict[str, Floats]:
        """Of each tail P of a value as far out as the row's, among all rows; 1 for what is not in the tail."""
        del rows
        return {
            f"{name} {side}": self._beyond(columns[name], side, tail)
            for name, tails in self.tails.items()
            for side, tail in tails.items()
        }

    def _beyond(self, values: Floats, side: str, tail: Tail) -> Floats:
        excess = values - tail.start if side == "upper" else tail.start - values
        share = np.exp(_survival(np.maximum(excess, 0), tail.shape, tail.scale)) * (tail.rows / tail.all)
        return np.where(np.isnan(values), np.nan, np.where(excess > 0, share, 1.0))

    @classmethod
    def from_dict(cls, form: Any) -> Self:
        """Read the dict form; ModelError for anything that is not a set of tails."""
        model = super().from_dict(form)
        tails = [tail for each in model.tails.values() for tail in each.items()]
        if not tails or any(side not in _SIDES["both"] or not _possible(tail) for side, tail in tails):
            raise ModelError("not a model: it has no tails")
        return model


def evt(
    summary: Summary,
    target: str | None,
    features: Sequence[str] | None,
    *,
    tail: str = "both",
    level: Any = "0.95",
    risk: Any = "0.0001",
) -> Extremes:
    """Fit the share 1 − level of the rows at each end of each feature's histogram, and tell what risk · n rows pass.

    ModelError for features that are not measured, without histograms, and for tails that say too little.
    """
    if target is not None:
        raise ModelError("evt has no target", hint="name the columns as features")
    if tail not in _SIDES:
        raise ModelError(f"tail is {tail!r:.40}; it must be one of {', '.join(_SIDES)}")
    share, far = 1 - number("level", level), number("risk", risk)
    if not 0 < far < share < 1:
        raise ModelError(f"level is {level} and risk is {risk}; they must be between 0 and 1, and risk below 1 − level")
    columns = [column for column in chosen(summary.schema, None, features) if features or not column.indicator]
    if not columns or any(column.indicator for column in columns):
        raise ModelError("evt takes measured columns, and values of 0 and 1 have no tails", hint="name such features")
    if not summary.has("histogram"):
        raise ModelError(
            "evt needs the block histogram, which the schema does not count",
            hint="agree on a schema with blocks: [histogram]",
        )
    tails = {
        column.name: {side: _tail(summary, column, side, (share, far)) for side in _SIDES[tail]} for column in columns
    }
    return Extremes(
        kind="evt",
        risk=rounded(far),
        tails=tails,
        options={"tail": tail, "level": str(level), "risk": str(risk)},
        n=summary.rows,
        schema=described(summary.schema, {column.feature for column in columns}),
        summary=summary.digest,
    )


def _possible(tail: Tail) -> bool:
    return tail.scale > 0 and 0 < tail.rows <= tail.all and _SHAPES[0] <= tail.shape <= _SHAPES[1]


def _tail(summary: Summary, column: Column, side: str, shares: tuple[Fraction, Fraction]) -> Tail:
    """The bins from the end on that hold no more than the share of the rows, and the distribution of these."""
    counts, edges = _bins(summary, column)
    sign = 1 if side == "upper" else -1
    if sign < 0:
        counts, edges = counts[::-1], [-edge for edge in edges[::-1]]
    n = sum(counts)
    inside, first = 0, len(counts)
    while first and inside + counts[first - 1] <= shares[0] * n:
        first -= 1
        inside += counts[first]
    used = [count for count in counts[first:] if count]
    if inside < _FEWEST or len(used) < 3:
        raise ModelError(
            f"the {side} {float(shares[0]):.3g} of {column.name!r} is {inside} rows in {len(used)} bins, which say too "
            f"little of a tail: at least {_FEWEST} rows in 3",
            hint='lower the level, have more rows or narrower bins, or look at one tail="upper"',
        )
    if shares[1] * n >= inside:
        raise ModelError(
            f"risk is {float(shares[1]):.3g}, and in the bins of the {side} tail of {column.name!r} are only "
            f"{inside} of {n} rows",
            hint="name a smaller risk or a lower level, or have narrower bins",
        )
    limits = np.array([float(edge - edges[first]) for edge in edges[first:]])
    shape, scale = _fitted(np.array(counts[first:], np.float64), limits)
    ratio = float(shares[1] * n / inside)
    away = scale * (-math.log(ratio) if not shape else math.expm1(-shape * math.log(ratio)) / shape)
    start = rounded(edges[first])
    return Tail(start=sign * start, rows=inside, all=n, shape=shape, scale=scale, limit=sign * (start + away))


def _bins(summary: Summary, column: Column) -> tuple[list[int], list[Fraction]]:
    """Rows in each bin that can hold a value, and its edges in the feature's unit."""
    edges = column.edges(summary.schema.bins)
    able = [k for k, (a, b) in enumerate(pairwise(edges)) if a < b]
    counts = summary.histogram(column.name)
    return [counts[k] for k in able], [column.value(q - _HALF) for q in sorted(set(edges))]


def _fitted(counts: Floats, edges: Floats) -> tuple[float, float]:
    """The most likely (ξ, σ) of excesses counted between edges, the last bin without an end."""
    middle = float(counts @ (edges[:-1] + edges[1:]) / 2 / counts.sum())

    def cost(at: Floats) -> float:
        shape, scale = float(at[0]), middle * math.exp(float(at[1]))
        if not _SHAPES[0] <= shape <= _SHAPES[1] or abs(float(at[1])) > 20:
            return _NEVER
        above = np.exp(_survival(edges, shape, scale))
        above[-1] = 0.0
        shares = above[:-1] - above[1:]
        if (shares[counts > 0] <= 0).any():
            return _NEVER
        return -float(counts[counts > 0] @ np.log(shares[counts > 0]))

    tight = {"xatol": 1e-10, "fatol": 1e-12, "maxiter": 4000, "maxfev": 8000}
    found = min(
        (
            scipy.optimize.minimize(cost, [start, 0.0], method="Nelder-Mead", options=tight)
            for start in (0.1, -0.2, 0.6)
        ),
        key=lambda each: float(each.fun),
    )
    if found.fun >= _NEVER:
        raise ModelError("no generalised Pareto distribution has such counts", hint="choose another level")
    return float(found.x[0]), middle * math.exp(float(found.x[1]))


def _survival(excess: Floats, shape: float, scale: float) -> Floats:
    """Ln P(Y > y)."""
    ratio = excess / scale
    if abs(shape) < 1e-9:
        return np.asarray(-ratio, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(-np.log1p(np.maximum(shape * ratio, -1.0)) / shape, np.float64)
