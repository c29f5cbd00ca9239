"""How much the shares of two sets of rows differ, cell by cell: bins, levels, or zeros and ones."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import flint

from fedpeer.core.statistics.rounding import Number, certified, rational

Cells = Sequence[tuple[int, int]]  # rows of the one set and of the other in each cell; both have rows


def stability(cells: Cells) -> float | None:
    """The population stability index Σ (p − q) ln(p/q), with half a row added to each cell of both sets."""
    shares = _shares([(2 * a + 1, 2 * b + 1) for a, b in cells])
    if all(p == q for p, q in shares):
        return 0.0

    def index() -> list[Number]:
        return [sum(((rational(p - q) * _log(p / q)) for p, q in shares), flint.arb(0))]

    return certified(index)[0]


def jensen_shannon(cells: Cells) -> Sequence[float | None]:
    """The divergence ½ Σ p log₂(p/m) + ½ Σ q log₂(q/m), m = (p + q)/2, in bits; and its root, the distance."""
    shares = _shares(cells)
    if all(p == q for p, q in shares):
        return 0.0, 0.0

    def bits() -> list[Number]:
        parts = (rational(x) * _log(2 * x / (p + q)) for p, q in shares for x in (p, q) if x)
        total = sum(parts, flint.arb(0)) / (2 * flint.arb.const_log2())
        return [total, total.sqrt()]

    return certified(bits)


def total_variation(cells: Cells) -> Fraction:
    """½ Σ |p − q|: the largest difference of the shares of any set of cells."""
    return sum((abs(p - q) for p, q in _shares(cells)), Fraction(0)) / 2


def _shares(cells: Cells) -> list[tuple[Fraction, Fraction]]:
    n, m = (sum(side) for side in zip(*cells, strict=True))
    return [(Fraction(a, n), Fraction(b, m)) for a, b in cells]


def _log(value: Fraction) -> flint.arb:
    return flint.arb(rational(value)).log()
