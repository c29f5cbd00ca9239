"""From zero-concentrated privacy (ρ) to (ε, δ) and back.

With ρ, for every α > 1, δ(ε) is at most exp((α − 1)(αρ − ε)) (1 − 1/α)^α / (α − 1) (Canonne, Kamath and Steinke 2020).
The least of these bounds is searched for in floats; whichever α is found, the bound is then computed in balls and
rounded up, so what is said is never too little.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from importlib import import_module

import flint

from fedpeer.core.statistics.rounding import rational

UNIT = 10**12  # parts of ρ that are accounted for, one by one

_BITS = 256
_SEARCHED = (-40.0, 40.0)  # ln(α − 1)


def epsilon(rho: Fraction, delta: Fraction) -> float:
    """The ε that holds for this ρ with this δ, rounded up."""
    _check(delta)
    if rho < 0:
        raise ValueError("ρ is not negative")
    if rho == 0:
        return 0.0
    r, log_delta = float(rho), math.log(delta)
    alpha = _best(lambda a: (1 + a) * r + (a * _log_share(a) - math.log1p(a) - log_delta) / a)
    with flint.ctx.workprec(_BITS):
        a, alpha_ = rational(alpha), rational(alpha + 1)
        rest = a * (1 - 1 / flint.arb(alpha_)).log() - flint.arb(alpha_).log() - flint.arb(rational(delta)).log()
        return max(0.0, _up(alpha_ * flint.arb(rational(rho)) + rest / a))


def delta(rho: Fraction, epsilon: Fraction) -> float:
    """The δ that holds for this ρ with this ε, rounded up."""
    if rho < 0 or epsilon < 0:
        raise ValueError("ρ and ε are not negative")
    if rho == 0:
        return 0.0
    r, e = float(rho), float(epsilon)
    alpha = _best(lambda a: a * ((1 + a) * r - e) + (1 + a) * _log_share(a) - math.log(a))
    with flint.ctx.workprec(_BITS):
        a, alpha_ = rational(alpha), rational(alpha + 1)
        power = a * (alpha_ * flint.arb(rational(rho)) - rational(epsilon))
        bound = (power + alpha_ * (1 - 1 / flint.arb(alpha_)).log() - flint.arb(a).log()).exp()
        return min(1.0, _up(bound))


@lru_cache(maxsize=64)
def budget(epsilon_: Fraction, delta_: Fraction) -> Fraction:
    """The most ρ, in whole parts of 1/UNIT, for which (ε, δ) holds."""
    _check(delta_)
    low, high = 0, UNIT
    while _within(high, epsilon_, delta_):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _within(middle, epsilon_, delta_) else (low, middle)
    return Fraction(low, UNIT)


def _within(parts: int, most: Fraction, delta_: Fraction) -> bool:
    return Fraction(epsilon(Fraction(parts, UNIT), delta_)) <= most


def _log_share(a: float) -> float:
    """ln(1 − 1/α), of α − 1."""
    return math.log(a) - math.log1p(a)


def _best(bound: Callable[[float], float]) -> Fraction:
    """The α − 1 with about the least bound."""
    optimize = import_module("scipy.optimize")  # which takes a third of a second, and few nodes ask
    how = {"bounds": _SEARCHED, "method": "bounded", "options": {"xatol": 1e-9}}
    found = optimize.minimize_scalar(lambda x: bound(math.exp(x)), **how)
    return Fraction(math.exp(float(found.x)))


def _up(ball: flint.arb) -> float:
    return math.nextafter(float(ball.upper()), math.inf)


def _check(delta_: Fraction) -> None:
    if not 0 < delta_ < 1:
        raise ValueError("δ lies between 0 and 1")
