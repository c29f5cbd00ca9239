"""Skewness and kurtosis, where third and fourth powers are counted; of a 0/1 column they always are: 0³ = 0, 1³ = 1."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from fedpeer.core.errors import SchemaError
from fedpeer.core.statistics.rounding import root, rounded
from fedpeer.core.statistics.summary import Summary


@dataclass(frozen=True, slots=True)
class Moments:
    """Central moments Σ(q − q̄)ᵏ / n of a column, exact, in encoded units: the shape does not depend on units."""

    count: int
    second: Fraction
    third: Fraction
    fourth: Fraction

    @classmethod
    def of(cls, summary: Summary, column: str | int) -> Moments | None:
        """The moments of a column; None where its powers are not counted, or there are no rows, or it is constant."""
        n, place = summary.count(column), summary.schema.columns[summary.schema.index(column)]
        if n < 1 or not (place.indicator or summary.has("powers")):
            return None
        total, square = summary.sum(column), summary.product(column, column)
        cube, fourth = (total, total) if place.indicator else (summary.power(column, 3), summary.power(column, 4))
        m = Fraction(total, n)
        second = Fraction(square, n) - m**2
        third = Fraction(cube, n) - 3 * m * Fraction(square, n) + 2 * m**3
        top = Fraction(fourth, n) - 4 * m * Fraction(cube, n) + 6 * m**2 * Fraction(square, n) - 3 * m**4
        if second < 0 or top < 0:
            raise SchemaError("no rows could give this summary: an even moment is negative")
        return cls(n, second, third, top) if second else None

    def skewness(self, factor: Fraction = Fraction(1)) -> float:
        """g₁ = m₃ / m₂^1.5, times a factor, rounded once."""
        size = root(factor**2 * self.third**2 / self.second**3)
        return size if self.third >= 0 else -size

    def told(self) -> dict[str, float | None]:
        """g₁ and G₁, g₂ and G₂ (both kurtoses less 3); None for too few rows."""
        n, excess = self.count, self.fourth / self.second**2 - 3
        size = root(Fraction(n * (n - 1), (n - 2) ** 2) * self.third**2 / self.second**3) if n > 2 else None
        unbiased = (n - 1) * ((n + 1) * excess + 6) / ((n - 2) * (n - 3)) if n > 3 else None
        return {
            "skewness": self.skewness(),
            "skewness_unbiased": -size if size is not None and self.third < 0 else size,
            "kurtosis_excess": rounded(excess),
            "kurtosis_excess_unbiased": None if unbiased is None else rounded(unbiased),
        }
