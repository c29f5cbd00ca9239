"""The integer columns that features become: each has an origin, a step and a bound."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.numerals import nearest

_ZERO, _ONE = Fraction(0), Fraction(1)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of integers q, standing for origin + q·step, with low ≤ q ≤ high and |q| ≤ bound.

    Of a derived one, `of` are the columns that it is the product of.
    """

    name: str
    feature: str
    kind: Literal["continuous", "binary", "category"]
    origin: Fraction
    step: Fraction
    low: int
    high: int
    level: str | None = None
    of: tuple[str, ...] = ()

    @property
    def bound(self) -> int:
        """The largest |q|."""
        return max(-self.low, self.high)

    @property
    def indicator(self) -> bool:
        """Whether q is 0 or 1 (a binary feature, or one level of a category)."""
        return self.kind != "continuous"

    def edges(self, bins: int) -> list[int]:
        """The first q of each of so many equal bins from low to high, and one past the last: bins + 1 integers.

        Bin k holds the q with ⌊(q − low)·bins / (high − low + 1)⌋ = k; with more bins than q's some hold none.
        """
        width = self.high - self.low + 1
        return [self.low - (-k * width // bins) for k in range(bins + 1)]

    def value(self, q: Fraction | int) -> Fraction:
        """The exact number that q, or a mean of q's, stands for."""
        return self.origin + q * self.step


def columns_of(feature: Feature) -> tuple[Column, ...]:
    """The columns of a feature of the table: one, or one a level (named `feature$level`) for a category."""
    if feature.measured:
        low, high, step = map(Fraction, feature.limits())
        return (measured(feature.name, low, high, step),)
    if feature.kind == "binary":
        return (flag(feature.name),)
    return tuple(
        Column(f"{feature.name}${level}", feature.name, "category", _ZERO, _ONE, 0, 1, level)
        for level in feature.levels
    )


def measured(name: str, low: Fraction, high: Fraction, step: Fraction, of: tuple[str, ...] = ()) -> Column:
    """The one column of numbers from low to high in such steps."""
    origin = step * nearest((low + high) / 2, _ZERO, step)
    ends = (nearest(low, origin, step), nearest(high, origin, step))
    return Column(name, name, "continuous", origin, step, *ends, of=of)


def flag(name: str, of: tuple[str, ...] = ()) -> Column:
    """The one column of a quantity that is 0 or 1."""
    return Column(name, name, "binary", _ZERO, _ONE, 0, 1, of=of)
