"""Tail probabilities and quantiles of the test distributions, as balls that hold the true value.

With a statistic F on (m, ν) degrees of freedom, P(F > f) is the integral of T^(m−1) (1 + T²/ν)^(−(m+ν)/2) beyond
T = √(m f), divided by the integral over all T > 0; Student's t is the case m = 1. Where the series of the incomplete
beta function is quick it is used; elsewhere the integral is taken numerically, or a series of positive terms is summed,
with a proved bound for the error.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import flint
import scipy  # its parts are loaded when they are first used

from fedpeer.core.statistics.rounding import rational

arb, acb = flint.arb, flint.acb

_NEGLIGIBLE = -800.0  # natural logarithm of what is less than half the smallest float, e^-745
_QUICK = 2000  # degrees of freedom up to which the series is the quicker way for every f
_SMALL = 0.01  # below this f the complement is quick, and loses nothing
_SMOOTH, _FEW = 60, 360  # degrees of freedom from which, and lost bits up to which, Student's complement is quick
_MANY = 400  # degrees of freedom from which, for wider m, the sums are never slow as the series can be
_NARROW = 60  # m up to which the integral is the quicker way
_LONGEST = 400_000  # terms that a sum may have

Degrees = int | Fraction


def beyond_f(f: flint.arb, m: int, nu: Degrees) -> flint.arb:
    """P(F > f) for Fisher's F on (m, nu) degrees of freedom; not a number where that would take too long."""
    if f == 0:
        return arb(1)
    square, size = f * m, _real(nu)
    if not square > 0:
        return arb.nan()
    a, b, wide = arb(m) / 2, size / 2, m + nu > _QUICK
    if m > _NARROW and m + nu > _MANY:
        with flint.ctx.extraprec(2 * int(m + nu).bit_length()):
            return _summed(square, m, size)
    if f < _SMALL:
        return 1 - (square / (size + square)).beta_lower(a, b, regularized=1)
    if m == 1 and nu >= _SMOOTH and (lost := _lost(square, nu)) < _FEW:
        left = _left(square, nu, lost)
        if left.is_finite():
            return left
    if nu < 3 or not wide or (square < 30 and nu < 10**7):
        return (size / (size + square)).beta_lower(b, a, regularized=1)
    with flint.ctx.extraprec(2 * int(m + nu).bit_length()):  # what the gamma functions cancel
        return _integrated(square, m, size)


def beyond_t(square: flint.arb, nu: Degrees) -> flint.arb:
    """P(|t| > √square) for Student's t on nu degrees of freedom."""
    return beyond_f(square, 1, nu)


def beyond_chi2(x: flint.arb, nu: int) -> flint.arb:
    """P(χ² > x) on nu degrees of freedom."""
    return (x / 2).gamma_upper(arb(nu) / 2, regularized=1) if x != 0 else arb(1)


def beyond_z(square: flint.arb) -> flint.arb:
    """P(|z| > √square) for a standard normal z."""
    return (square / 2).sqrt().erfc()


def student_quantile(confidence: Fraction, nu: Degrees) -> flint.arb:
    """The t that |t| stays below with this probability, on nu degrees of freedom, at the precision now set."""
    guard = 24 + 2 * int(nu).bit_length()
    with flint.ctx.extraprec(guard):
        return _quantile(confidence, nu, guard)


def normal_quantile(confidence: Fraction) -> flint.arb:
    """The z that |z| stays below with this probability."""
    return arb(2).sqrt() * arb(rational(confidence)).erfinv()


def _quantile(confidence: Fraction, nu: Degrees, guard: int) -> flint.arb:
    """Newton's steps from SciPy's quantile, then a bracket that the tail's own balls prove."""
    bits = flint.ctx.prec
    alpha = arb(rational(1 - confidence))
    t = arb(float(scipy.special.stdtrit(float(nu), float((1 + confidence) / 2))))
    for _ in range(bits.bit_length() + 2):
        step = (beyond_t(t * t, nu) - alpha) / (2 * _density(t, nu))
        t = (t + step).mid()
        if step.mid().abs_upper() < t * arb(2) ** (-bits // 2):
            break
    slack = arb(2) ** (guard - bits)
    low, high = t * (1 - slack), t * (1 + slack)
    if beyond_t(low * low, nu) > alpha and beyond_t(high * high, nu) < alpha:
        return low.union(high)
    return arb.nan()


def _density(t: flint.arb, nu: Degrees) -> flint.arb:
    size = _real(nu)
    scale = ((size + 1) / 2).lgamma() - (size / 2).lgamma() - (arb.pi() * size).log() / 2
    return (scale - (size + 1) / 2 * (t * t / size).log1p()).exp()


def _real(value: Degrees) -> flint.arb:
    return arb(rational(value))


def _lost(square: flint.arb, nu: Degrees) -> float:
    """Bits that 1 − P(|t| < √square) loses, about."""
    return float(nu) / 2 * math.log2(1 + float(square) / float(nu))


def _left(square: flint.arb, nu: Degrees, lost: float) -> flint.arb:
    """P(|t| > √square) as what the quick series leaves of 1, at the middle of the ball; its slope bounds the rest."""
    middle, size, t = square.mid(), _real(nu), square.sqrt()
    with flint.ctx.extraprec(int(lost) + 16 + int(nu).bit_length()):
        tail = 1 - (middle / (size + middle)).beta_lower(arb(1) / 2, size / 2, regularized=1)
    return tail + _density(t, nu) / t * arb(0, square.rad())


def _summed(square: flint.arb, m: int, nu: flint.arb) -> flint.arb:
    """The same tail as a sum: directly, or as what the other tail leaves, whichever has far fewer terms."""
    y, x = square / (nu + square), nu / (nu + square)
    a, b = nu / 2, arb(m) / 2
    direct, other = _terms(float(x), float(a), float(b)), _terms(float(y), float(b), float(a))
    if min(direct, other) > _LONGEST:
        return arb.nan()
    return _series(x, y, a, b) if direct <= 20 * other + 1000 else 1 - _series(y, x, b, a)


def _series(x: flint.arb, y: flint.arb, a: flint.arb, b: flint.arb) -> flint.arb:
    """I_x(a, b) as x^a y^b / (a B(a, b)) · Σ (a + b)…(a + b + k − 1) / ((a + 1)…(a + k)) x^k, for y = 1 − x.

    Ratios of terms go to x, from above if b > 1: so what follows a term is at most it · r / (1 − r) with the larger of
    its own ratio and x for r.
    """
    scale = a * x.log() + b * y.log() + (a + b).lgamma() - (a + 1).lgamma() - b.lgamma()
    if scale.upper() < _NEGLIGIBLE and (a + b) * x < a and float(scale) - math.log(float(1 - x)) < 2 * _NEGLIGIBLE:
        return arb(0, 0).union(arb(2) ** -1100)
    term, total, k, small = arb(1), arb(1), 0, arb(2) ** -flint.ctx.prec
    while True:
        for _ in range(16):
            term, k = term * ((a + b + k) / (a + 1 + k) * x), k + 1
            total += term
        bound = ((a + b + k) / (a + 1 + k) * x).max(x)
        if bound < 1 and term * bound < small * total * (1 - bound):
            return scale.exp() * total.union(total + term * bound / (1 - bound))


def _terms(x: float, a: float, b: float) -> float:
    """How many terms of the series matter at the precision now set."""

    def size(k: float) -> float:
        rise = math.lgamma(a + b + k) - math.lgamma(a + b) - math.lgamma(a + 1 + k) + math.lgamma(a + 1)
        return rise + k * math.log(x)

    if not 0 < x < 1:
        return math.inf
    peak = max(0.0, ((a + b) * x - a - 1) / (1 - x))
    goal, high = size(peak) - flint.ctx.prec * math.log(2), 16.0
    while peak + high < 4 * _LONGEST and size(peak + high) > goal:
        high *= 2
    return peak + high


def _integrated(square: flint.arb, m: int, nu: flint.arb) -> flint.arb:
    t, total, half = square.sqrt(), nu + square, (m + nu) / 2
    a, b = arb(m) / 2, nu / 2
    scale = half.lgamma() - a.lgamma() - b.lgamma() - a * nu.log()
    scale += (m - 1) * t.log() - half * (square / nu).log1p()
    if scale.upper() < _NEGLIGIBLE and float(_rest(arb(0), t, m, nu).abs_upper().log()) + float(scale) < _NEGLIGIBLE:
        return arb(0, 0).union(arb(2) ** -1100)
    end = _end(float(t), m, float(nu))
    integral = acb.integral(_integrand(t, total, half, m), 0, end, rel_tol=arb(2) ** (8 - flint.ctx.prec)).real
    return 2 * scale.exp() * integral.union(integral + _rest(arb(end), t, m, nu))


def _integrand(t: flint.arb, total: flint.arb, half: flint.arb, m: int) -> Callable[[flint.acb, bool], flint.acb]:
    """The density at t + w, divided by that at t, as a function of w."""
    one, twice, lead, power, below, start = acb(1), acb(2 * t), acb(m - 1), acb(-half), acb(total), acb(t)

    def density(w: flint.acb, analytic: bool) -> flint.acb:
        exponent = power * (one + (twice + w) * w / below).log(analytic=analytic)
        if m > 1:
            exponent += lead * (one + w / start).log(analytic=analytic)
        return exponent.exp()

    return density


def _rest(w: flint.arb, t: flint.arb, m: int, nu: flint.arb) -> flint.arb:
    """An upper bound of the integral beyond t + w, divided by the density at t; nu > 1.

    T^(m−1) is at most (ν + T²)^((m−1)/2), and ∫ (1 + T²/ν)^(−(ν+1)/2) beyond u is at most
    (1 + u²/ν)^(−(ν+1)/2) (ν + u²) / (u (ν − 1)), because T/u ≥ 1 there.
    """
    u = t + w
    growth = (1 + w / t) ** (m - 1) * (1 + (2 * t + w) * w / (nu + t * t)) ** (-(m + nu) / 2)
    return growth * (1 + nu / (u * u)) ** (arb(m - 1) / 2) * (nu + u * u) / (u * (nu - 1))


def _end(t: float, m: int, nu: float) -> float:
    """A point beyond which the rest is negligible at the precision now set."""

    def rest(w: float) -> float:
        u = t + w
        growth = (m - 1) * math.log1p(w / t) - (m + nu) / 2 * math.log1p((2 * t + w) * w / (nu + t * t))
        return growth + (m - 1) / 2 * math.log1p(nu / u**2) + math.log((nu + u * u) / (u * (nu - 1)))

    goal, low, high = -flint.ctx.prec * math.log(2), 0.0, 1.0
    while rest(high) > goal:
        low, high = high, 2 * high
    for _ in range(6):
        middle = (low + high) / 2
        low, high = (middle, high) if rest(middle) > goal else (low, middle)
    return high
