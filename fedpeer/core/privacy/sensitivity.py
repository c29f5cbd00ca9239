"""How far one person's rows can move a summary: the sensitivity of every block of a schema.

1. A row is counted as a vector: 1, its q, their products, and so on. Adding or taking away one row moves each block by
   that vector, and one row moves all blocks furthest at once: every |q| at its bound, every 0/1 column 1, one level of
   each category, nothing missing. So `added` is exact, for each block and for all together.
2. `replaced` moves a block by the difference of two such vectors. Without gaps it is exact, but for products, where it
   is a bound: the inner product of the products of two rows is never negative, as it is half of (Σ qq′)² + Σ (qq′)²
   over columns, so the square of their difference is at most twice that of one. With gaps it is a bound, as it adds up
   what each entry can move by.
3. Rows add up, and the rows of one person may all be alike: with k of them everything is k times as far.
4. In units of the most that a row gives to each entry, one row still moves all of them furthest at once, by 1 at most.
5. Derived columns are taken as if they were free of their factors: with them, all of this is a bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.layout import layout, present
from fedpeer.core.statistics.schema import Schema


@dataclass(frozen=True, slots=True)
class Reach:
    """The most that somebody changes in a block of so many entries: Σ|x| (L1), Σx² (L2, squared) and max |x| (L∞)."""

    block: str
    entries: int
    total: int
    square: int
    largest: int

    def times(self, rows: int) -> Self:
        """That of so many rows."""
        return type(self)(self.block, self.entries, rows * self.total, rows**2 * self.square, rows * self.largest)


def added(schema: Schema, rows: int = 1) -> tuple[Reach, ...]:
    """The reach in each block of adding, or taking away, the at most `rows` rows of a person."""
    return _reaches(schema, _Added.of(schema).norms(), rows)


def scaled(schema: Schema, rows: int = 1) -> tuple[Reach, ...]:
    """The reach of the same where every entry is told in units of the most that one row gives to it."""
    one = _Added.of(schema)
    return _reaches(schema, _Added([1] * len(one.bounds), one.ones, one.present).norms(), rows)


def replaced(schema: Schema, rows: int = 1) -> tuple[Reach, ...]:
    """The reach in each block of putting other counted rows in the place of the at most `rows` rows of a person."""
    one = _Added.of(schema).norms()
    return _reaches(schema, one | _exchanged(schema, one), rows)


_Norms = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Added:
    """What one row can have at most: the bounds of the continuous columns, 0/1 columns that are 1, features."""

    bounds: list[int]
    ones: int
    present: int

    @classmethod
    def of(cls, schema: Schema) -> _Added:
        columns = schema.columns
        return cls([c.bound for c in columns if not c.indicator], _ones(columns, 1), present(schema))

    def sum(self, power: int) -> int:
        return sum(bound**power for bound in self.bounds)

    def norms(self) -> dict[str, _Norms]:
        """The norms of each block that a schema can ask for."""
        m, ones, bins = self.present, self.ones, len(self.bounds)
        s1, s2, s3, s4, s6, s8 = (self.sum(power) for power in (1, 2, 3, 4, 6, 8))
        most = max([*self.bounds, min(1, ones)])
        wide = max(self.bounds, default=0)
        pairs, f = m * (m + 1) // 2, max(1, m)
        return {
            "rows": (1, 1, 1),
            "sums": (f * (s1 + ones), f * (s2 + ones), most),
            "products": (_pairs(s1 + ones, s2 + ones), _pairs(s2 + ones, s4 + ones), most**2),
            "squares": (s2 * ones, s4 * ones, wide**2 * min(1, ones)),
            "counts": (pairs, pairs, min(1, m)),
            "spreads": (m * s2, m * s4, wide**2),
            "third": (s3, s6, wide**3),
            "fourth": (s4, s8, wide**4),
            "histogram": (bins, bins, min(1, bins)),
            "conditional_histogram": (bins * ones, bins * ones, min(1, bins * ones)),
        }


def _exchanged(schema: Schema, one: dict[str, _Norms]) -> dict[str, _Norms]:
    """The norms of a difference of two rows, where they are not those of one: counts, spreads, fourth powers."""
    measured = [c for c in schema.columns if not c.indicator]
    f = max(1, present(schema))
    widths = [c.high - c.low for c in measured]
    cubes = [c.high**3 - c.low**3 for c in measured]
    moved = _ones(schema.columns, 2)  # a row that leaves one level of a category enters another
    gaps = [w**2 for w in widths], [c.bound**2 for c in measured], [c.bound**4 for c in measured]
    (l1, l2, most), flat = one["products"], one["squares"][2]
    return {
        "rows": (0, 0, 0),
        "sums": (f * (sum(widths) + moved), f * (sum(gaps[0]) + moved), max([*widths, min(1, moved)])),
        "products": (2 * l1, 2 * l2, 2 * most),
        "squares": (moved * sum(gaps[1]), moved * sum(gaps[2]), flat),
        "third": (sum(cubes), sum(cube**2 for cube in cubes), max(cubes, default=0)),
        **{name: (2 * one[name][0], 2 * one[name][1], one[name][2]) for name in ("histogram", "conditional_histogram")},
    }


def _ones(columns: tuple[Column, ...], levels: int) -> int:
    """So many for each category, and one for each other 0/1 column."""
    flags = sum(column.kind == "binary" for column in columns)
    return flags + levels * len({column.feature for column in columns if column.kind == "category"})


def _pairs(total: int, squares: int) -> int:
    """Σᵢ≤ⱼ xᵢxⱼ from Σx and Σx²."""
    return (total**2 + squares) // 2


def _reaches(schema: Schema, norms: dict[str, _Norms], rows: int) -> tuple[Reach, ...]:
    if rows < 1:
        raise ValueError("a person has at least one row")
    return tuple(Reach(block.name, block.entries, *norms[block.name]).times(rows) for block in layout(schema))
