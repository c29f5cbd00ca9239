"""What the sums of a product must have to do with those of its factors, exactly.

The sum of a product of two is Σx̂x̂′ of the two; a product is nothing wherever one of its 0/1 factors is 0.
"""

from __future__ import annotations

from fractions import Fraction
from math import prod

from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.layout import split
from fedpeer.core.statistics.residues import Residues, integer
from fedpeer.core.statistics.schema import Schema


def mismatched(schema: Schema, residues: Residues) -> str | None:
    """Name a product whose sums cannot be those of its factors, or return None."""
    told = _Told(schema, residues)
    for at, column in enumerate(schema.columns):
        if column.of and not (_sums_agree(told, at, column) and all(_zero(told, at, b) for b in _flags(told, column))):
            return f"{column.name}: sums that a product of {', '.join(column.of)} does not have"
    return None


class _Told:
    """Entries of a summary by the places of columns, over the rows where those columns are present."""

    def __init__(self, schema: Schema, residues: Residues) -> None:
        self.columns, self.place = schema.columns, schema.index
        self._residues = residues
        self._measured, self._indicators = split(schema)
        self._there = [schema.presence[column.feature] for column in schema.columns] if schema.pairwise else None
        self._features = len(schema.presence)

    def rows(self, a: int, b: int) -> int:
        """Rows where both are present."""
        if self._there is None:
            return self._entry("rows", 0)
        i, j = sorted((self._there[a], self._there[b]))
        return self._entry("counts", i * (2 * self._features - i - 1) // 2 + j)

    def sum(self, a: int, given: int) -> int:
        """Σq of a column over the rows where another is present too."""
        return self._entry("sums", a if self._there is None else a * self._features + self._there[given])

    def product(self, a: int, b: int) -> int:
        """Σqq′."""
        i, j = sorted((a, b))
        return self._entry("products", i * (2 * len(self.columns) - i - 1) // 2 + j)

    def square(self, x: int, b: int) -> int:
        """Σq²b of a continuous column and a 0/1 column."""
        return self._entry("squares", self._measured.index(x) * len(self._indicators) + self._indicators.index(b))

    def crossed(self, a: int, b: int) -> Fraction:
        """Σx̂x̂′, in units."""
        one, other = self.columns[a], self.columns[b]
        return (
            one.step * other.step * self.product(a, b)
            + one.origin * other.step * self.sum(b, a)
            + other.origin * one.step * self.sum(a, b)
            + one.origin * other.origin * self.rows(a, b)
        )

    def _entry(self, block: str, at: int) -> int:
        return integer(self._residues.part(block)[at])


def _flags(told: _Told, column: Column) -> list[int]:
    places = [told.place(name) for name in column.of]
    return [place for place in places if told.columns[place].indicator]


def _sums_agree(told: _Told, at: int, column: Column) -> bool:
    """Whether Σx̂ of a product of two is Σx̂x̂′, or as near as its rounding leaves it."""
    if len(column.of) != 2:
        return True
    a, b = (told.place(name) for name in column.of)
    rows = told.rows(at, at)
    exact = column.step == prod(told.columns[place].step for place in (a, b))
    slack = 0 if exact else rows * column.step / 2
    total = rows * column.origin + column.step * told.sum(at, at)
    return rows == told.rows(a, b) and abs(total - told.crossed(a, b)) <= slack


def _zero(told: _Told, at: int, b: int) -> bool:
    """Whether Σx̂ and Σx̂² are the same over the rows where a 0/1 factor is 1 as over all."""
    column, rows = told.columns[at], told.rows(at, at)
    if column.indicator:
        return told.product(at, b) == told.sum(at, at)
    whole = _totals(column, rows, told.sum(at, at), told.product(at, at))
    return whole == _totals(column, told.sum(b, at), told.product(at, b), told.square(at, b))


def _totals(column: Column, rows: int, sums: int, squares: int) -> tuple[Fraction, Fraction]:
    """Σx̂ and Σx̂², in units, of Σq and Σq²."""
    o, step = column.origin, column.step
    return rows * o + step * sums, rows * o**2 + 2 * o * step * sums + step**2 * squares
