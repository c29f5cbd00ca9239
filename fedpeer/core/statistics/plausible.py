"""What no rows could have given: exact checks on a summary that came from somewhere else.

A summary that passes may still be made up. One that fails cannot have come from rows under the schema: a sum is beyond
rows times the range, a variance is negative, two columns go together more than each varies.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from fedpeer.core.statistics.layout import split
from fedpeer.core.statistics.residues import Residues, integer, integers
from fedpeer.core.statistics.schema import Schema

_Ints = npt.NDArray[np.object_]  # Python integers
_Checks = list[tuple[Any, str]]  # what must hold, an array or one truth; and what is wrong where it does not


def implausible(schema: Schema, residues: Residues) -> str | None:
    """Say why no rows under this schema could have these sums, or None."""
    rows = integer(residues.part("rows")[0])
    if not 0 <= rows <= schema.row_bound:
        return f"{rows} rows"
    return _Moments(schema, residues, rows).fault()


class _Moments:
    """The sums as arrays of Python integers, and the names to speak of them."""

    def __init__(self, schema: Schema, residues: Residues, rows: int) -> None:
        columns, p = schema.columns, len(schema.columns)
        self.n, self.columns = rows, columns
        self.measured, self.indicators = split(schema)
        self.low, self.high = _array([c.low for c in columns]), _array([c.high for c in columns])
        self.sums = _array(integers(residues.part("sums")))
        self.triangle = _array(integers(residues.part("products")))
        self.starts = [i * (2 * p - i + 1) // 2 for i in range(p)]  # of the rows of the triangle
        self.squares = _array(integers(residues.part("squares"))).reshape(len(self.measured), len(self.indicators))
        self.own = self.triangle[self.starts]

    def fault(self) -> str | None:
        """The first thing that cannot be."""
        names = [column.name for column in self.columns]
        found = _first(self._singles(), names)
        for i, name in enumerate(names):
            found = found or _first(self._pairs(i), [f"{name} with {other}" for other in names[i:]])
        given = [names[j] for j in self.indicators]
        for at, i in enumerate(self.measured):
            found = found or _first(self._squares(at, i), [f"{names[i]} given {other}" for other in given])
        return found or self._wholes()

    def product(self, i: int, others: list[int]) -> _Ints:
        """Σqᵢqⱼ for several j."""
        return self.triangle[[self.starts[min(i, j)] + abs(i - j) for j in others]]

    def _singles(self) -> _Checks:
        n, s, own = self.n, self.sums, self.own
        one = _array([column.indicator for column in self.columns]).astype(bool)
        return [
            ((n * self.low <= s) & (s <= n * self.high), "a sum beyond the range"),
            (_within(n, s, own, self.low, self.high), "a sum of squares beyond the range"),
            ((own >= 0) & (n * own >= s * s), "a negative variance"),
            ((own - s) % 2 == 0, "a sum and a sum of squares of which one is odd"),
            (~one | (own == s), "squares of zeros and ones that are not themselves"),
        ]

    def _pairs(self, i: int) -> _Checks:
        start, n, s = self.starts[i], self.n, self.sums
        own, products = self.own, self.triangle[start : start + len(s) - i]
        spread = n * own - s * s
        checks = [
            (products * products <= own[i] * own[i:], "a product greater than its squares allow"),
            ((n * products - s[i] * s[i:]) ** 2 <= spread[i] * spread[i:], "a covariance greater than the variances"),
        ]
        if self.columns[i].indicator:
            one = _array([column.indicator for column in self.columns[i:]]).astype(bool)
            both = (products >= 0) & (products >= s[i] + s[i:] - n) & (products <= np.minimum(s[i], s[i:]))
            checks.append((~one | both, "more or fewer rows with both than there can be"))
        return checks

    def _squares(self, at: int, i: int) -> _Checks:
        """Both halves of the rows, those with b = 1 and those with b = 0, are rows themselves."""
        count, total, squares = self.sums[self.indicators], self.product(i, self.indicators), self.squares[at]
        halves = [(count, total, squares), (self.n - count, self.sums[i] - total, self.own[i] - squares)]
        low, high = self.low[i], self.high[i]
        holds = [
            (n * low <= s) & (s <= n * high) & (q >= 0) & (n * q >= s * s) & _within(n, s, q, low, high)
            for n, s, q in halves
        ]
        return [(holds[0] & holds[1], "sums that no part of the rows can have")]

    def _wholes(self) -> str | None:
        """The levels of a category share out the rows, and the sums of every other column."""
        for name, group in groupby(self.indicators, key=lambda i: self.columns[i].feature):
            levels = list(group)
            if self.columns[levels[0]].kind != "category":
                continue
            at = [self.indicators.index(j) for j in levels]
            between = [self.product(j, [k for k in levels if k > j]) for j in levels]
            shared = all(self.product(i, levels).sum() == self.sums[i] for i in range(len(self.columns)))
            squared = all(self.squares[k][at].sum() == self.own[i] for k, i in enumerate(self.measured))
            if self.sums[levels].sum() != self.n or any(b.any() for b in between) or not (shared and squared):
                return f"{name}: levels that do not share out the rows"
        return None


def _within(n: Any, s: Any, squares: Any, low: Any, high: Any) -> Any:
    """Σ(q−low)(high−q) ≥ 0: no value lies beyond the limits (Bhatia and Davis)."""
    return (low + high) * s - squares - n * low * high >= 0


def _first(checks: _Checks, names: list[str]) -> str | None:
    for holds, wrong in checks:
        if not np.all(holds):
            return f"{names[int(np.argmin(holds))]}: {wrong}"
    return None


def _array(values: list[Any]) -> _Ints:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out
