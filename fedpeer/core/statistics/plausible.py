"""What no rows could have given: exact checks on a summary that came from somewhere else.

A summary that passes may still be made up. One that fails cannot have come from rows under the schema: a sum is beyond
rows times the range, a variance is negative, two columns go together more than each varies.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from fedpeer.core.statistics.checks import Checks, Ints, bounded, ints, triangle, unmet, within
from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.layout import split
from fedpeer.core.statistics.multiples import mismatched
from fedpeer.core.statistics.pairs import Pairs
from fedpeer.core.statistics.residues import Residues, floats, integer, integers
from fedpeer.core.statistics.schema import Schema


def implausible(schema: Schema, residues: Residues) -> str | None:
    """Say why no rows under this schema could have these sums, or None."""
    rows = integer(residues.part("rows")[0])
    if not 0 <= rows <= schema.row_bound:
        return f"{rows} rows"
    moments = Pairs(schema, residues, rows) if schema.pairwise else _Moments(schema, residues, rows)
    return moments.fault() or mismatched(schema, residues) or _Further(schema, residues, moments).fault()


class _Moments:
    """The sums as arrays of Python integers, and the names to speak of them."""

    def __init__(self, schema: Schema, residues: Residues, rows: int) -> None:
        columns, p = schema.columns, len(schema.columns)
        self.n, self.columns = rows, columns
        self.measured, self.indicators = split(schema)
        self.low, self.high = ints([c.low for c in columns]), ints([c.high for c in columns])
        self.sums = ints(integers(residues.part("sums")))
        self.products = residues.part("products")  # the upper triangle, row by row
        self.first, self.second = triangle(p)
        self.starts = np.flatnonzero(self.first == self.second)  # where each column meets itself
        self.squares = ints(integers(residues.part("squares"))).reshape(len(self.measured), len(self.indicators))
        self.own = self.entries(self.starts)
        self.ones = self.sums[self.indicators]  # rows where each 0/1 column is 1

    def fault(self) -> str | None:
        """The first thing that cannot be."""
        names = [column.name for column in self.columns]
        given = [f"{names[i]} given {names[j]}" for i in self.measured for j in self.indicators]
        return (
            unmet(self._singles(), names.__getitem__)
            or unmet(self._pairs(), lambda k: f"{names[self.first[k]]} with {names[self.second[k]]}")
            or unmet(self._squares(), given.__getitem__)
            or self._wholes()
        )

    def product(self, i: int, others: list[int]) -> Ints:
        """Σqᵢqⱼ for several j."""
        return self.entries([self.starts[min(i, j)] + abs(i - j) for j in others])

    def entries(self, places: Any) -> Ints:
        """Some of the products as Python integers: all of them are seldom needed, and slow."""
        return ints(integers(self.products[places]))

    def _singles(self) -> Checks:
        n, s, own = self.n, self.sums, self.own
        one = ints([column.indicator for column in self.columns]).astype(bool)
        return [
            ((n * self.low <= s) & (s <= n * self.high), "a sum beyond the range"),
            (within(n, s, own, self.low, self.high), "a sum of squares beyond the range"),
            ((own >= 0) & (n * own >= s * s), "a negative variance"),
            ((own - s) % 2 == 0, "a sum and a sum of squares of which one is odd"),
            (~one | (own == s), "squares of zeros and ones that are not themselves"),
        ]

    def _pairs(self) -> Checks:
        """Cauchy and Schwarz about the means: with the variances, that implies it about zero where there are rows."""
        checks = [
            (self.n > 0 or not self.products.any(), "a product of no rows"),
            (self._covariances(), "a covariance greater than the variances"),
        ]
        one = np.array([column.indicator for column in self.columns])
        k = np.flatnonzero(one[self.first] & one[self.second])
        if k.size:
            a, b, both = self.sums[self.first[k]], self.sums[self.second[k]], self.entries(k)
            holds = np.ones(len(self.products), bool)
            holds[k] = (both >= 0) & (both >= a + b - self.n) & (both <= np.minimum(a, b))
            checks.append((holds, "more or fewer rows with both than there can be"))
        return checks

    def _covariances(self) -> npt.NDArray[np.bool_]:
        """Where (n·Σqq′ − Σq·Σq′)² ≤ the spreads' product: floats decide what is clear, integers what is not."""
        n, i, j = self.n, self.first, self.second
        spread = n * self.own - self.sums * self.sums
        sums, bound = self.sums.astype(np.float64), spread.astype(np.float64)
        left, right = n * floats(self.products), sums[i] * sums[j]

        def exact(k: int) -> bool:
            shared = n * int(self.entries([k])[0]) - self.sums[i[k]] * self.sums[j[k]]
            return bool(shared**2 <= spread[i[k]] * spread[j[k]])

        # Of a column with itself it is the spread, squared.
        return bounded(left, right, bound[i] * bound[j], exact, sure=self.starts)

    def _squares(self) -> Checks:
        """Both halves of the rows, those with b = 1 and those with b = 0, are rows themselves."""
        if not self.squares.size:
            return []
        total = np.array([self.product(i, self.indicators) for i in self.measured], dtype=object)
        count, squares = self.sums[self.indicators], self.squares
        every, own = self.sums[self.measured, None], self.own[self.measured, None]
        low, high = self.low[self.measured, None], self.high[self.measured, None]
        holds = [
            (n * low <= s) & (s <= n * high) & (q >= 0) & (n * q >= s * s) & within(n, s, q, low, high)
            for n, s, q in ((count, total, squares), (self.n - count, every - total, own - squares))
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


class _Further:
    """The blocks that a schema asks for beside the usual ones, one row of the arrays for each continuous column."""

    def __init__(self, schema: Schema, residues: Residues, usual: _Moments | Pairs) -> None:
        self.schema, self.residues, self.usual, at = schema, residues, usual, usual.measured
        self.columns = [schema.columns[i] for i in at]
        self.n, self.sums, self.own, self.low, self.high = (
            usual.n[at] if isinstance(usual, Pairs) else usual.n,
            usual.sums[at], usual.own[at], usual.low[at], usual.high[at],
        )  # fmt: skip
        powers = ("third", "fourth") if "powers" in schema.blocks else ()
        self.powers = [ints(integers(residues.part(name))) for name in powers]

    def fault(self) -> str | None:
        """The first thing that cannot be."""
        names = [column.name for column in self.columns]
        return (
            (self.powers and unmet(self._moments(), names.__getitem__))
            or ("histogram" in self.schema.blocks and unmet(self._histograms(), names.__getitem__))
            or ("conditional_histogram" in self.schema.blocks and self._conditional())
            or None
        )

    def _moments(self) -> Checks:
        """Four moments are those of rows on [low, high], fractions allowed, exactly if two forms are not negative.

        They are Σf² and Σ(q−low)(high−q)g² for polynomials f of degree two and g of degree one (Hausdorff's problem).
        """
        n, s, own, (third, fourth) = self.n, self.sums, self.own, self.powers
        middle, ends = self.low + self.high, self.low * self.high
        inner = [middle * b - c - ends * a for a, b, c in ((n, s, own), (s, own, third), (own, third, fourth))]
        whole = n * (own * fourth - third * third) - s * (s * fourth - third * own) + own * (s * third - own * own)
        return [
            ((third - s) % 6 == 0, "a sum of third powers that no whole numbers have"),
            ((fourth - own) % 12 == 0, "a sum of fourth powers that no whole numbers have"),
            (
                (n * fourth >= own * own) & (own * fourth >= third * third) & (whole >= 0),
                "powers that vary less than none",
            ),
            ((inner[2] >= 0) & (inner[0] * inner[2] >= inner[1] * inner[1]), "sums of powers beyond the range"),
        ]

    def _histograms(self) -> Checks:
        """The bins share out the rows, and the sums lie between what the lower and the upper ends of the bins give."""
        counts, (first, last) = self._counts(), self._ends()
        checks: Checks = [
            (((counts >= 0) & ((first <= last) | (counts == 0))).all(axis=1), "a bin of too few or too many rows"),
            (counts.sum(axis=1) == self.n, "bins that do not share out the rows"),
        ]
        for power, total in enumerate([self.sums, self.own, *self.powers], 1):
            least, most = _reach(first, last, power)
            inside = ((counts * least).sum(axis=1) <= total) & (total <= (counts * most).sum(axis=1))
            checks.append((inside, "sums that no rows in these bins can have"))
        return checks

    def _conditional(self) -> str | None:
        """The rows with b = 1 and those with b = 0 are rows themselves, and levels share out those of each bin."""
        schema, usual = self.schema, self.usual
        flags = [schema.columns[j] for j in usual.indicators]
        counts, sums = self._counts(), usual.ones
        given = ints(integers(self.residues.part("conditional_histogram")))
        given = given.reshape(len(self.columns), len(flags), schema.bins)
        names = [f"{column.name} given {flag.name}" for column in self.columns for flag in flags]
        checks: Checks = [
            (((given >= 0) & (given <= counts[:, None])).all(axis=2), "a bin of too few or too many rows"),
            (given.sum(axis=2) == sums, "bins that do not share out the rows"),
        ]
        crossed = [usual.product(i, usual.indicators) for i in usual.measured]
        for power, totals in enumerate(
            (np.array(crossed, dtype=object).reshape(usual.squares.shape), usual.squares), 1
        ):
            every = (self.sums, self.own)[power - 1]
            ends = _reach(*self._ends(), power)
            for part, total in ((given, totals), (counts[:, None] - given, every[:, None] - totals)):
                least, most = ((part * end[:, None]).sum(axis=2) for end in ends)
                checks.append(((least <= total) & (total <= most), "sums that no rows in these bins can have"))
        return (
            unmet(checks, names.__getitem__) or self._levels(flags, given, counts) or self._both(flags, given, counts)
        )

    def _levels(self, flags: list[Column], given: Ints, counts: Ints) -> str | None:
        """The levels of a category share out the rows of every bin."""
        for name, group in groupby(range(len(flags)), key=lambda j: flags[j].feature):
            at = list(group)
            total = given[:, at].sum(axis=1)
            wrong = total > counts if self.schema.pairwise else total != counts
            if flags[at[0]].kind == "category" and wrong.any():
                return f"{name}: levels that do not share out the rows of a bin"
        return None

    def _both(self, flags: list[Column], given: Ints, counts: Ints) -> str | None:
        """A product of 0/1 columns has no more rows in a bin than each of them, and no fewer than they must share."""
        at = {column.name: j for j, column in enumerate(flags)}
        for column in (flag for flag in flags if flag.of):
            parts, rows = given[:, [at[name] for name in column.of]], given[:, at[column.name]]
            shared = parts.sum(axis=1) - (len(column.of) - 1) * counts
            if (rows[:, None] > parts).any() or ((rows < shared).any() and not self.schema.pairwise):
                return f"{column.name}: more or fewer rows in a bin than its factors have"
        return None

    def _counts(self) -> Ints:
        return ints(integers(self.residues.part("histogram"))).reshape(len(self.columns), self.schema.bins)

    def _ends(self) -> tuple[Ints, Ints]:
        """The first and the last q of each bin of each column."""
        bins, width = self.schema.bins, len(self.columns)
        edges = np.array([column.edges(bins) for column in self.columns], dtype=object).reshape(width, bins + 1)
        return edges[:, :-1], edges[:, 1:] - 1


def _reach(first: Ints, last: Ints, power: int) -> tuple[Ints, Ints]:
    """The least and the most that such a power of a q from first to last can be."""
    ends = first**power, last**power
    least, most = np.minimum(*ends), np.maximum(*ends)
    return (np.where((first <= 0) & (last >= 0), 0, least) if power % 2 == 0 else least), most
