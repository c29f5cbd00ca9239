"""What noise does to what is read from a summary that carries it."""

from __future__ import annotations

from fractions import Fraction

from fedpeer.core.statistics.rounding import root
from fedpeer.core.statistics.summary import Summary

OVERSHADOWED = "the noise is larger than what it hides"


def unaccounted(summary: Summary) -> dict[str, str]:
    """What an answer says that takes sums with noise as they are."""
    return {"noise": "not accounted for: the sums are taken as they are"} if summary.noise else {}


def variances(summary: Summary) -> dict[str, int]:
    """The variance of the noise in an entry of each block, in units of the most that a row gives to it, squared."""
    return {block.name: v for block, v in zip(summary.residues.layout, summary.noise, strict=False)}


def deviations(summary: Summary) -> dict[str, float]:
    """Their square roots; nothing where sums are exact."""
    return {name: root(Fraction(variance)) for name, variance in variances(summary).items()}


def of_count(summary: Summary) -> int:
    """The variance of the noise in the number of rows that have a feature."""
    return variances(summary)["counts" if summary.schema.pairwise else "rows"]


def of_sum(summary: Summary, column: str | int) -> int:
    """The variance of the noise in Σq, in encoded units; a 0/1 column is its own square, which may have less."""
    known, place = variances(summary), summary.schema.columns[summary.schema.index(column)]
    return min(known["sums"], known["products"]) if place.indicator else known["sums"] * max(1, place.bound) ** 2


def of_mean(summary: Summary, column: str | int) -> Fraction:
    """The variance of the noise in a mean, in the column's unit, squared: to first order, exact otherwise."""
    if not summary.noise:
        return Fraction(0)
    n, place = summary.count(column), summary.schema.columns[summary.schema.index(column)]
    middle = Fraction(summary.sum(column), n)
    return (of_sum(summary, column) + middle**2 * of_count(summary)) / n**2 * place.step**2
