"""How far two distributions are apart whose values are known by bins: Kolmogorov's and Wasserstein's distances."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate
from math import comb

import flint

from fedpeer.core.statistics.grid import Grid
from fedpeer.core.statistics.rounding import certified, rational, rounded

_TURN = 1  # where both series of Kolmogorov's distribution are quick
_HALF = Fraction(1, 2)
_COUNTED = 100_000  # pairs of rows up to which p is counted, within milliseconds

Bounds = tuple[Fraction, Fraction]


def kolmogorov(a: Grid, b: Grid) -> Bounds:
    """Bounds of D = sup |F − G| of two empirical distributions in the same bins.

    At the ends of bins F and G are known. Within a bin of several values all of one sample may come before all of the
    other, so both bounds are reached by some rows; they are equal if no such bin has rows of both.
    """
    lower = upper = Fraction(0)
    for k in range(len(a.counts)):
        (f, before_f), (g, before_g) = _shares(a, k), _shares(b, k)
        lower = max(lower, abs(f - g))
        upper = max(upper, abs(f - g))
        if a.first[k] < a.last[k]:
            upper = max(upper, f - before_g, g - before_f)
    return lower, upper


def kolmogorov_tail(d: Fraction, n: int, m: int) -> float | None:
    """P(D ≥ d) for n and m rows of one continuous distribution, d being a difference of shares of such rows.

    Counted where n·m is at most 100,000; else by the limiting distribution of D·√(nm/(n + m)).
    """
    if n * m <= _COUNTED:
        return rounded(1 - Fraction(_inside(int(d * n * m), n, m), comb(n + m, n)))
    square = d * d * Fraction(n * m, n + m)
    return certified(lambda: [_limiting(flint.arb(rational(square)))])[0]


def _inside(reach: int, n: int, m: int) -> int:
    """The orders of n rows and m others in which, after any i of the ones and j of the others, |im − jn| < reach."""
    row, start = [1], 0
    for i in range(n + 1):
        low, high = max(0, (i * m - reach) // n + 1), min(m, (i * m + reach - 1) // n)
        if high < low:
            return 0
        came = row[low - start :]
        row, start = list(accumulate(came + [0] * (high - low + 1 - len(came)))), low
    return row[-1]


def _limiting(square: flint.arb) -> flint.arb:
    """P(K > λ) for Kolmogorov's distribution, of λ²: 2 Σ (−1)^(k−1) exp(−2k²λ²)."""
    if square == 0:
        return flint.arb(1)
    return _alternating(square) if square > _TURN else 1 - _turned(square)


def wasserstein(a: Grid, b: Grid, least: Fraction) -> tuple[Fraction, Fraction, Fraction]:
    """∫ |F − G| dx with each value taken for the middle of its bin, between bounds; `least` is the means' difference.

    No value is further from the middle than half of what its bin spans, and no distance is below that of the means.
    """
    total = slack = Fraction(0)
    for k in range(len(a.counts)):
        if k + 1 < len(a.counts):
            total += abs(_shares(a, k)[0] - _shares(b, k)[0]) * (_middle(a, k + 1) - _middle(a, k))
        low, high = a.span(k)
        slack += (Fraction(a.counts[k], a.rows) + Fraction(b.counts[k], b.rows)) * (high - low) / 2
    lower = max(total - slack, least)
    return lower, max(total, lower), total + slack


def _shares(grid: Grid, k: int) -> Bounds:
    """The share of rows up to a bin with it, and before it."""
    return Fraction(grid.below[k + 1], grid.rows), Fraction(grid.below[k], grid.rows)


def _middle(grid: Grid, k: int) -> Fraction:
    return grid.column.value((grid.first[k] + grid.last[k]) * _HALF)


def _alternating(square: flint.arb) -> flint.arb:
    """The series itself: terms fall, so it lies between any sum of terms and the next."""
    total, k, small = flint.arb(0), 1, flint.arb(2) ** -flint.ctx.prec
    while True:
        term = (-2 * k * k * square).exp()
        if k > 1 and term < small * total:
            return 2 * total.union(total + (term if k % 2 else -term))
        total, k = total + (term if k % 2 else -term), k + 1


def _turned(square: flint.arb) -> flint.arb:
    """P(K ≤ λ) = √(2π)/λ Σ exp(−(2k − 1)²π²/(8λ²)); for λ ≤ 1 each term is less than a thousandth of the one before."""
    total, k, small = flint.arb(0), 1, flint.arb(2) ** -flint.ctx.prec
    rate = flint.arb.pi() ** 2 / (8 * square)
    while True:
        term = (-((2 * k - 1) ** 2) * rate).exp()
        total, k = total + term, k + 1
        if term < small * total or rate > 4 * flint.ctx.prec:
            return (2 * flint.arb.pi() / square).sqrt() * total.union(total + term / 500)
