"""What no rows with gaps could have given: each pair of features has its own rows, which rows can have given."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from fedpeer.core.statistics.checks import Checks, Ints, bounded, ints, triangle, unmet, within
from fedpeer.core.statistics.layout import split
from fedpeer.core.statistics.residues import Residues, floats, integers
from fedpeer.core.statistics.schema import Schema


class Pairs:
    """The sums of a summary under the rule `pairwise` as arrays of Python integers, and the names to speak of them.

    `n`, `sums` and `own` are of each column over the rows that have it; `ones` has the rows where a 0/1 column is 1,
    for each continuous column those that have it.
    """

    def __init__(self, schema: Schema, residues: Residues, rows: int) -> None:
        p, m = len(schema.columns), len(schema.presence)
        self.rows, self.columns, self.features = rows, schema.columns, list(schema.presence)
        self.belong = np.array([schema.presence[column.feature] for column in schema.columns])
        self.measured, self.indicators = split(schema)
        self.low, self.high = ints([c.low for c in schema.columns]), ints([c.high for c in schema.columns])
        self.counts = _symmetric(integers(residues.part("counts")), m)
        self.given = ints(integers(residues.part("sums"))).reshape(p, m)
        self.spreads = self.given.copy()  # of a 0/1 column the square is the value
        self.spreads[self.measured] = ints(integers(residues.part("spreads"))).reshape(len(self.measured), m)
        self.products = residues.part("products")
        self.first, self.second = triangle(p)
        self.starts = np.flatnonzero(self.first == self.second)
        self.squares = ints(integers(residues.part("squares"))).reshape(len(self.measured), len(self.indicators))
        at = np.arange(p)
        self.n, self.sums = self.counts[self.belong, self.belong], self.given[at, self.belong]
        self.own = self.entries(self.starts)
        self.ones = self.given[np.ix_(np.array(self.indicators, int), self.belong[self.measured])].T

    def fault(self) -> str | None:
        """The first thing that cannot be."""
        names, m = [column.name for column in self.columns], len(self.features)
        given = [f"{names[i]} given {names[j]}" for i in self.measured for j in self.indicators]
        return (
            unmet(self._patterns(), lambda k: f"{self.features[k // m]} with {self.features[k % m]}")
            or unmet(self._singles(), lambda k: f"{names[k // m]} with {self.features[k % m]}")
            or unmet(self._pairs(), lambda k: f"{names[self.first[k]]} with {names[self.second[k]]}")
            or unmet(self._squares(), given.__getitem__)
            or self._wholes()
        )

    def product(self, i: int, others: list[int]) -> Ints:
        """Σqᵢqⱼ for several j."""
        return self.entries([self.starts[min(i, j)] + abs(i - j) for j in others])

    def entries(self, places: Any) -> Ints:
        """Some of the products as Python integers."""
        return ints(integers(self.products[places]))

    def _patterns(self) -> Checks:
        """Rows that have both of two features; a row that is counted has one at least."""
        c, own = self.counts, self.counts.diagonal()
        return [
            ((c >= 0) & (c <= np.minimum.outer(own, own)) & (own[:, None] <= self.rows), "more rows than there can be"),
            (c >= np.add.outer(own, own) - self.rows, "fewer rows than there must be"),
            (self.rows <= own.sum(), "rows that have nothing"),
        ]

    def _singles(self) -> Checks:
        """A column over the rows that have another feature as well, and over those that lack it."""
        n, s, q = self.counts[self.belong], self.given, self.spreads
        rest = self.n[:, None] - n, self.sums[:, None] - s, self.own[:, None] - q
        checks: Checks = [(q[np.arange(len(q)), self.belong] == self.own, "squares that are not those of the column")]
        for part in ((n, s, q), rest):
            checks += _possible(part, self.low[:, None], self.high[:, None])
        return [
            (np.broadcast_to(holds if holds.ndim == 2 else holds[:, None], n.shape), said) for holds, said in checks
        ]

    def _pairs(self) -> Checks:
        i, j = self.first, self.second
        n = self.counts[self.belong[i], self.belong[j]]
        a, b = self.given[i, self.belong[j]], self.given[j, self.belong[i]]
        checks: Checks = [
            ((n > 0) | ~self.products.any(axis=1), "a product of no rows"),
            (self._covariances(n, a, b), "a covariance greater than the variances"),
        ]
        one = np.array([column.indicator for column in self.columns])
        k = np.flatnonzero(one[i] & one[j])
        if k.size:
            both, holds = self.entries(k), np.ones(len(n), bool)
            holds[k] = (both >= 0) & (both >= a[k] + b[k] - n[k]) & (both <= np.minimum(a[k], b[k]))
            checks.append((holds, "more or fewer rows with both than there can be"))
        return checks

    def _covariances(self, n: Ints, a: Ints, b: Ints) -> npt.NDArray[np.bool_]:
        """Where (n·Σqq′ − Σq·Σq′)² ≤ the spreads' product, over the rows that have both."""
        i, j = self.first, self.second
        one = n * self.spreads[i, self.belong[j]] - a * a
        other = n * self.spreads[j, self.belong[i]] - b * b
        bound = one.astype(np.float64) * other.astype(np.float64)

        def exact(k: int) -> bool:
            return bool((n[k] * self.entries([k])[0] - a[k] * b[k]) ** 2 <= one[k] * other[k])

        left, right = n.astype(np.float64) * floats(self.products), a.astype(np.float64) * b.astype(np.float64)
        return bounded(left, right, bound, exact, sure=self.starts)

    def _squares(self) -> Checks:
        """Both halves of the rows that have both, those with b = 1 and those with b = 0, are rows themselves."""
        if not self.squares.size:
            return []
        x, b = np.array(self.measured), np.array(self.indicators)
        total = np.array([self.product(i, self.indicators) for i in self.measured], dtype=object)
        there = np.ix_(x, self.belong[b])
        every = self.counts[np.ix_(self.belong[x], self.belong[b])], self.given[there], self.spreads[there]
        inside = self.ones, total, self.squares
        low, high = self.low[x, None], self.high[x, None]
        return [
            check
            for part in (inside, tuple(e - i for e, i in zip(every, inside, strict=True)))
            for check in _possible(part, low, high)
        ]

    def _wholes(self) -> str | None:
        """The levels of a category share out the rows that have it, and the sums of every other column over these."""
        for name, group in groupby(self.indicators, key=lambda i: self.columns[i].feature):
            levels = list(group)
            if self.columns[levels[0]].kind != "category":
                continue
            at, feature = [self.indicators.index(j) for j in levels], self.belong[levels[0]]
            between = [self.product(j, [k for k in levels if k > j]) for j in levels]
            shared = all(self.product(i, levels).sum() == self.given[i, feature] for i in range(len(self.columns)))
            squared = all(self.squares[k][at].sum() == self.spreads[i, feature] for k, i in enumerate(self.measured))
            counted = (self.given[levels].sum(axis=0) == self.counts[feature]).all()
            if not (counted and shared and squared) or any(b.any() for b in between):
                return f"{name}: levels that do not share out the rows"
        return None


def _possible(part: Sequence[Any], low: Any, high: Any) -> Checks:
    """What must hold of n values with this sum and sum of squares."""
    n, s, squares = part
    return [
        ((n >= 0) & (n * low <= s) & (s <= n * high), "a sum beyond the range"),
        (within(n, s, squares, low, high), "a sum of squares beyond the range"),
        ((squares >= 0) & (n * squares >= s * s), "a negative variance"),
        ((squares - s) % 2 == 0, "a sum and a sum of squares of which one is odd"),
    ]


def _symmetric(upper: list[int], size: int) -> Ints:
    full = np.empty((size, size), dtype=object)
    full[triangle(size)] = upper
    full.T[triangle(size)] = full[triangle(size)]
    return full
