"""A slow, plain second opinion on statistics: Fractions and Python integers, none of the code under test.

A raw value is what a person would type: text, or None. `encoded` follows the definition in docs/schema.md word by word.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction


def half_even(number: Fraction) -> int:
    """The nearest whole number; of two equally near, the even one."""
    below = number.numerator // number.denominator
    rest = number - below
    if rest > Fraction(1, 2) or (rest == Fraction(1, 2) and below % 2 == 1):
        return below + 1
    return below


def origin(low: str, high: str, step: str) -> Fraction:
    middle = (Fraction(low) + Fraction(high)) / 2
    return half_even(middle / Fraction(step)) * Fraction(step)


def encoded(text: str, low: str, high: str, step: str) -> int | None:
    """The integer counted for a value, None if it is out of range."""
    number = Fraction(Decimal(text))
    if number < Fraction(low) or number > Fraction(high):
        return None
    return half_even((number - origin(low, high, step)) / Fraction(step))


def moments(rows: list[list[int]], measured: list[int], indicators: list[int]) -> dict[str, list[int]]:
    """The four blocks of encoded rows, entry by entry."""
    p = len(rows[0]) if rows else max([*measured, *indicators]) + 1
    return {
        "rows": [len(rows)],
        "sums": [sum(row[i] for row in rows) for i in range(p)],
        "products": [sum(row[i] * row[j] for row in rows) for i in range(p) for j in range(i, p)],
        "squares": [sum(row[i] ** 2 * row[j] for row in rows) for i in measured for j in indicators],
    }


def shape(rows: list[list[int]], limits: dict[int, tuple[str, str, str]], bins: int) -> dict[str, list[int]]:
    """The powers and histograms of encoded rows: `limits` are those of each continuous column, by its place.

    A bin is found by walking up from the lowest q: bin k ends before the first q with (q − low)·bins ≥ (k + 1)·width.
    """
    return {
        "third": [sum(row[i] ** 3 for row in rows) for i in limits],
        "fourth": [sum(row[i] ** 4 for row in rows) for i in limits],
        "histogram": [count for i, each in limits.items() for count in histogram([row[i] for row in rows], each, bins)],
    }


def crossed(
    rows: list[list[int]], limits: dict[int, tuple[str, str, str]], bins: int, indicators: list[int]
) -> dict[str, list[int]]:
    """The histograms of the rows where each 0/1 column is 1."""
    found: list[int] = []
    for i, each in limits.items():
        for j in indicators:
            found += histogram([row[i] for row in rows if row[j]], each, bins)
    return {"conditional_histogram": found}


def histogram(values: list[int], limits: tuple[str, str, str], bins: int) -> list[int]:
    """How many of these q's are in each bin."""
    low, high = (encoded(text, *limits) for text in limits[:2])
    counts = [0] * bins
    for q in values:
        k = 0
        while (q - low) * bins >= (k + 1) * (high - low + 1):
            k += 1
        counts[k] += 1
    return counts


Sparse = list[list[int | None]]  # encoded rows, None where a value is missing


def pairs(rows: Sparse, features: list[int], measured: list[int], indicators: list[int]) -> dict[str, list[int]]:
    """The six blocks of the rule `pairwise`: `features` has for each column the place of its feature, in order."""
    firsts = [features.index(k) for k in sorted(set(features))]  # a column of each feature tells whether it is there
    p = len(features)

    def total(terms: list[tuple[int, int]], there: list[int]) -> int:
        kept = [row for row in rows if all(row[i] is not None for i in [*there, *(i for i, _ in terms)])]
        return sum(_product(row, terms) for row in kept)

    return {
        "rows": [len(rows)],
        "sums": [total([(i, 1)], [g]) for i in range(p) for g in firsts],
        "products": [total([(i, 1), (j, 1)], []) for i in range(p) for j in range(i, p)],
        "squares": [total([(i, 2), (j, 1)], []) for i in measured for j in indicators],
        "counts": [total([], [g, h]) for k, g in enumerate(firsts) for h in firsts[k:]],
        "spreads": [total([(i, 2)], [g]) for i in measured for g in firsts],
    }


def _product(row: list[int | None], terms: list[tuple[int, int]]) -> int:
    value = 1
    for i, power in terms:
        value *= (row[i] or 0) ** power
    return value
