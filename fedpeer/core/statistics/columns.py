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
    """One column of integers q, standing for origin + q·step, with low ≤ q ≤ high and |q| ≤ bound."""

    name: str
    feature: str
    kind: Literal["continuous", "binary", "category"]
    origin: Fraction
    step: Fraction
    low: int
    high: int
    level: str | None = None

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
    """The columns of one feature: one, or one a level (named `feature$level`) for a category."""
    if feature.kind == "continuous":
        return (_measured(feature),)
    if feature.kind == "binary":
        return (Column(feature.name, feature.name, "binary", _ZERO, _ONE, 0, 1),)
    return tuple(
        Column(f"{feature.name}${level}", feature.name, "category", _ZERO, _ONE, 0, 1, level)
        for level in feature.levels
    )


def _measured(feature: Feature) -> Column:
    low, high, step = map(Fraction, feature.limits())
    origin = step * nearest((low + high) / 2, _ZERO, step)
    ends = (nearest(low, origin, step), nearest(high, origin, step))
    return Column(feature.name, feature.name, "continuous", origin, step, *ends)
