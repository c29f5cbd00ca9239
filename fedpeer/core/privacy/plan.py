"""How much noise a release needs: the variance of each block, and what it costs in zero-concentrated privacy (ρ).

1. A block that somebody moves by at most Δ (L2) under noise of variance σ² costs Δ²/2σ², and blocks add up (Bun and
   Steinke 2016; for the discrete Gaussian Canonne, Kamath and Steinke 2020).
2. Within a block the deviation is in proportion to the most that one row gives to an entry, its unit: so a count of
   few has the noise of counts, whatever is beside it. In these units Δ² is what one row can give to the block at most.
3. A budget is split among blocks in proportion to √entries. With Δ²/entries as the square of an entry's own size,
   that makes the sum over blocks of the relative variance of an entry as small as it can be for this ρ.
4. If several bring a share each, any `enough` of them bring the whole variance. Their sum is not quite a discrete
   Gaussian: with shares of variance s, the logarithm of the ratio of the two is at most τ/2 everywhere, where
   τ = 10 Σₖ exp(−2π²s·k/(k + 1)) over 0 < k < enough (Kairouz, Liu and Steinke 2021). Two such steps of pure privacy
   around one of ρ make (√ρ + √(Σ τ²/2))² over all entries. Shares of more than `enough` only add to that noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Self

from msgspec import Meta

from fedpeer.core.canonical import Value
from fedpeer.core.errors import OverflowRefusedError
from fedpeer.core.privacy.epsilon import UNIT, budget
from fedpeer.core.privacy.sensitivity import Reach, scaled
from fedpeer.core.statistics.layout import layout
from fedpeer.core.statistics.noised import scales
from fedpeer.core.statistics.residues import Block
from fedpeer.core.statistics.schema import Schema

_LEAST = 16  # the smallest variance of a share: what is lost by rule 4 is then below 2**-200 for each entry
_SLACK = 2**30  # of ρ, one part is kept back for rule 4
_BITS = 14  # exp(−π²) is below 2**−14
_SPARE = 20  # an entry holds noise of 2**10 standard deviations
_FINE = 64  # bits of a weight, and of a root


@dataclass(frozen=True, slots=True)
class Plan:
    """The variance of the noise that each contributor adds to each block, so that any `enough` of them suffice.

    It is in units of the `scales` of the entries, squared, and so are the `reaches` of a person who has at most `rows`
    rows.
    """

    layout: tuple[Block, ...]
    reaches: tuple[Reach, ...]
    variances: tuple[int, ...]
    rows: int = 1
    enough: int = 1
    scales: tuple[tuple[int, ...], ...] = ()

    @property
    def each(self) -> list[list[int]]:
        """The variance of the noise in each entry of each block."""
        scales = self.scales or tuple((1,) * block.entries for block in self.layout)
        return [[v * unit**2 for unit in units] for v, units in zip(self.variances, scales, strict=True)]

    @property
    def rho(self) -> Fraction:
        """What a release costs, at most."""
        pairs = list(zip(self.reaches, self.variances, strict=True))
        whole = sum((Fraction(r.square, 2 * self.enough * v) for r, v in pairs if r.square), Fraction())
        lost = sum((r.entries * _tau(v, self.enough) ** 2 / 2 for r, v in pairs if v), Fraction())
        return whole + lost + 2 * _root(whole * lost)

    def spread(self, block: str) -> Fraction:
        """The variance of the noise in an entry of a block, of `enough` contributors, in units of its scale."""
        found = next(v for b, v in zip(self.layout, self.variances, strict=True) if b.name == block)
        return Fraction(self.enough * found)


class Noise(Value, frozen=True):
    """What a charter says of noise: `cost` of every release, in parts of ρ, where nobody has more than `rows` rows.

    Of the contributors to a sum, `colluders` may put together what they know: their own noise, for one.
    """

    cost: Annotated[int, Meta(ge=1, le=2**62)]
    rows: Annotated[int, Meta(ge=1, le=2**20)] = 1
    colluders: Annotated[int, Meta(ge=1, le=10_000)] = 1

    @classmethod
    def of(cls, epsilon: Fraction, *, exponent: int, rows: int = 1, colluders: int = 1) -> Self:
        """The noise of which one release is (ε, 10**−exponent)-private."""
        return cls(max(1, int(budget(epsilon, Fraction(1, 10**exponent)) * UNIT)), rows, colluders)

    def plan(self, schema: Schema, enough: int = 1) -> Plan:
        """The variances; `enough` contributors whose noise an onlooker does not know. OverflowRefusedError."""
        return _planned(schema, self.cost, self.rows, enough)


@lru_cache(maxsize=64)
def _planned(schema: Schema, cost: int, rows: int, enough: int) -> Plan:
    return allot(schema, Fraction(cost, UNIT), rows=rows, enough=enough)


def allot(schema: Schema, rho: Fraction, *, rows: int = 1, enough: int = 1) -> Plan:
    """Return the least noise that costs at most ρ where no person has more than so many rows.

    `enough` counts contributors whose noise an onlooker does not know: survivors of a round less those who collude.
    OverflowRefusedError if the noise would not fit the schema's integers.
    """
    if rho <= 0 or enough < 1:
        raise ValueError("noise needs a positive budget and a contributor")
    blocks, reaches, units = layout(schema), scaled(schema, rows), scales(schema)
    budget = rho if enough == 1 else rho * (1 - Fraction(1, _SLACK))
    weights = [math.isqrt(r.entries << _FINE) if r.square else 0 for r in reaches]
    least = 1 if enough == 1 else _LEAST
    variances = tuple(
        max(least, math.ceil(r.square * sum(weights) / (2 * budget * weight * enough))) if weight else 0
        for r, weight in zip(reaches, weights, strict=True)
    )
    for block, variance, own in zip(blocks, variances, units, strict=True):
        if variance * enough * max(own, default=1) ** 2 >> (2 * (64 * block.limbs - 2) - _SPARE):
            raise OverflowRefusedError(
                f"the noise of so small a budget does not fit the integers of {block.name}",
                hint="spend more on a release, or agree on a schema with a larger row_bound",
            )
    return Plan(blocks, reaches, variances, rows, enough, units)


def _tau(variance: int, enough: int) -> Fraction:
    """At least 10 Σ exp(−2π²s·k/(k + 1)): every k/(k + 1) is at least a half."""
    return Fraction(10 * (enough - 1), 1 << (_BITS * min(variance, _FINE)))


def _root(value: Fraction) -> Fraction:
    """A number that is not below √value, and little above."""
    up = 2 * _FINE + 2 * value.denominator.bit_length()
    return Fraction(math.isqrt((value.numerator << up) // value.denominator) + 1, 1 << up // 2) if value else value
