"""What one continuous column looks like: sums of third and fourth powers, and histograms, exactly.

Histograms given 0/1 columns take several of these at once: their values are the bits of a code, rows are counted by bin
and code, and the counts of the codes with a bit are added up.

A column comes in limbs of w bits, q = Σ lₐ·2**(w·a). Its square is put into twice as many limbs, q² = Σ s_k·2**(w·k)
with |s_k| ≤ 2**w, rounding what is carried. Then Σq³ and Σq⁴ are sums of shifted Σ lₐs_k and Σ s_js_k, each of which is
exact in float64 for up to 2**13 rows; they are added up as Python integers, so nothing can overflow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.layout import split
from fedpeer.core.statistics.residues import Block, Limbs, Residues, widen
from fedpeer.core.statistics.schema import Schema

BITS = 20  # w

_CONDITIONAL = "conditional_histogram"
_ROUND = 1.5 * 2.0 ** (
    52 + BITS
)  # added and taken away again, it rounds a float below 2**(51 + w) to multiples of 2**w
_CODED = 2**12  # bins times codes that are counted at once: what a cache holds
_PLAIN = 2**32  # values of a column up to which a float alone tells its bins apart

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class Shape:
    """Accumulates powers and histograms of the continuous columns, a chunk of one column at a time."""

    def __init__(self, schema: Schema, chunk: int) -> None:
        measured, indicators = split(schema)
        columns = [schema.columns[i] for i in measured]
        self._powers, self._bins = "powers" in schema.blocks, schema.bins
        self._given = (
            _Given(len(columns), len(indicators), schema.bins, chunk) if _CONDITIONAL in schema.blocks else None
        )
        most = max((limbs(column.bound) for column in columns), default=0)
        self._size = len(columns)
        self._work, self._ints = np.empty((2 * most + 1, chunk)), np.empty(chunk, np.intp)
        self._grids = [_Grid.of(column, schema.bins) for column in columns] if schema.bins else []
        self._start()

    def open(self, zero_one: Floats) -> None:
        """Begin a chunk, with the rows of its 0/1 columns."""
        if self._given:
            self._given.open(zero_one)

    def take(self, at: int, rows: Sequence[Floats], q: npt.NDArray[Any], left_out: int) -> None:
        """Count a chunk of the column at this place: its limbs, and its q; `left_out` zeros among them do not count."""
        if self._powers:
            squares = self._squared(rows)
            self._third[at] += _product(rows, squares)
            self._fourth[at] += _product(squares, squares)
        if self._bins:
            grid = self._grids[at]
            places = self._binned(grid, q)
            self._counts[at] += np.bincount(places, minlength=self._bins)
            self._counts[at, grid.zero] -= left_out
            if self._given:
                self._given.take(at, places)

    def miss(self, at: int, ones: Integers) -> None:
        """Take back the rows of a chunk that lack the column at this place: so many where each 0/1 column is 1."""
        if self._given:
            self._given.counts[at, :, self._grids[at].zero] -= ones

    def spill(self, blocks: tuple[Block, ...]) -> tuple[Limbs, ...]:
        """Return what was counted since the last time, as parts of a summary with these blocks."""
        values = [self._third, self._fourth] if self._powers else []
        parts = Residues.of(blocks[: len(values)], values).parts
        if self._bins:
            parts += (widen(self._counts, blocks[len(parts)].limbs),)
        if self._given:
            parts += (widen(self._given.counts, blocks[-1].limbs),)
        self._start()
        return parts

    def _start(self) -> None:
        self._third, self._fourth = [0] * self._size, [0] * self._size
        self._counts = np.zeros((self._size, self._bins), np.int64)
        if self._given:
            self._given.counts[:] = 0

    def _squared(self, rows: Sequence[Floats]) -> list[Floats]:
        """The limbs of q² from those of q: twice as many. Each takes the carry of the one below, then its products."""
        n, count = len(rows), len(rows[0])
        *squares, spare = self._work[: 2 * n + 1, :count]
        for k, (low, high) in enumerate(pairwise(squares)):
            for a in range(max(0, k - n + 1), k // 2 + 1):
                product = np.multiply(rows[a], rows[k - a], out=spare if k else low)
                if 2 * a < k:
                    np.add(product, product, out=product)
                if k:
                    np.add(low, product, out=low)
            np.subtract(np.add(low, _ROUND, out=high), _ROUND, out=high)
            np.subtract(low, high, out=low)
            np.multiply(high, 2.0**-BITS, out=high)
        return squares

    def _binned(self, grid: _Grid, q: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
        """The bin of each q."""
        y, at = self._work[0, : len(q)], self._ints[: len(q)]
        np.add(np.multiply(q, grid.factor, out=y), grid.offset, out=y)
        np.copyto(at, y, casting="unsafe")
        if grid.edges is not None:
            np.clip(at, 0, self._bins - 1, out=at)
            at -= q < grid.edges[at]
            at += q >= grid.edges[at + 1]
        return at


class _Given:
    """Accumulates the rows in each bin where each 0/1 column is 1; a row that is left out has a 1 in none of them."""

    def __init__(self, measured: int, indicators: int, bins: int, chunk: int) -> None:
        self._bits = max(1, (_CODED // bins).bit_length() - 1)
        self._groups = [slice(at, min(at + self._bits, indicators)) for at in range(0, indicators, self._bits)]
        self._bins, self._codes = bins, np.zeros((len(self._groups), chunk), np.intp)
        self._places, self._rows = np.empty(chunk, np.intp), 0
        codes = np.arange(2**self._bits)
        self._has = ((codes[:, None] >> np.arange(self._bits)) & 1).astype(np.float64)  # code × bit
        self.counts = np.zeros((measured, indicators, bins), np.int64)

    def open(self, zero_one: Floats) -> None:
        self._rows = zero_one.shape[1]
        for codes, group in zip(self._codes, self._groups, strict=True):
            bits = zero_one[group]
            codes[: self._rows] = (2.0 ** np.arange(len(bits))) @ bits

    def take(self, at: int, bins: npt.NDArray[np.intp]) -> None:
        """Count a chunk of the column at this place by the bin of each row."""
        places = self._places[: self._rows]
        for codes, group in zip(self._codes, self._groups, strict=True):
            np.add(np.left_shift(bins, self._bits, out=places), codes[: self._rows], out=places)
            counted = np.bincount(places, minlength=self._bins << self._bits).reshape(self._bins, -1)
            found = counted.astype(np.float64) @ self._has[:, : group.stop - group.start]
            self.counts[at, group] += found.T.astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """How q becomes the number of its bin: ⌊q·factor + offset⌋, and for very many q's the edges to put that right.

    The offset is 1/(2·width) past what it should be: quotients are multiples of 1/width, so none is then nearer than
    that to a whole number, and the float's own error, below 2**-40, cannot matter.
    """

    factor: float
    offset: float
    zero: int  # the bin of q = 0
    edges: npt.NDArray[Any] | None

    @classmethod
    def of(cls, column: Column, bins: int) -> _Grid:
        width = column.high - column.low + 1
        kind = np.float64 if column.bound < 2**52 else np.int64
        edges = np.array(column.edges(bins), kind) if width > _PLAIN else None
        return cls(bins / width, (1 - 2 * column.low * bins) / (2 * width), -column.low * bins // width, edges)


def _product(a: Sequence[Floats], b: Sequence[Floats]) -> int:
    """Σxy of two columns in limbs; that of a column with itself takes each pair of limbs once."""
    if a is not b:
        return sum(int(x.dot(y)) << BITS * (i + j) for i, x in enumerate(a) for j, y in enumerate(b))
    pairs = combinations_with_replacement(enumerate(a), 2)
    return sum(int(x.dot(y)) << BITS * (i + j) + (i != j) for (i, x), (j, y) in pairs)


def limbs(bound: int) -> int:
    """How many limbs hold |q| ≤ bound: one up to 2**w, k up to 2**(w·k − 1)."""
    return 1 if bound <= 2**BITS else (bound - 1).bit_length() // BITS + 1
