"""The exact Gram matrix of integer columns, at the speed of float64 matrix multiplication.

A column too wide for that is held in limbs, x = Σ lₐ·2**(w·a) with |lₐ| ≤ 2**(w−1), in planes: plane a has the a-th
limbs of the columns that have so many. Every entry of a plane, and every sum of two limbs, is at most 2**w, so a
product of two rows of a chunk is a sum of at most 2**13 integers of at most 2**(2w) = 2**40: all partial sums are
integers up to 2**53, which float64 holds exactly in whatever order BLAS adds them up.

The mixed products of two planes are symmetric in what is wanted, LₐᵀL_b + L_bᵀLₐ = (Lₐ+L_b)ᵀ(Lₐ+L_b) − LₐᵀLₐ − L_bᵀL_b,
so one symmetric product does the work of two general ones. Where few columns are wide, one symmetric product of all
planes at once is faster still: it has every LₐᵀL_b as a block.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from fedpeer.core.statistics.layout import layout, present, split
from fedpeer.core.statistics.residues import Residues, add, widen
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.shape import BITS, Floats, Integers, Shape, limbs

_CHUNK = 2**13  # rows; 2·w + 13 ≤ 53
_BLOCK = 2**20  # entries of plane 0 that a chunk is meant to have: what a cache holds
_STACKED = 1.5  # rows of all planes, to those of plane 0, up to which one product of all is faster
_SPILL = 2**8  # chunks; an int64 accumulator grows by at most 3·2**53 with each


class Gram:
    """Accumulates rows, sums, products and conditional squares of encoded rows, a chunk at a time.

    Rows of plane 0 lie in the order: wide continuous columns (widest first), other continuous ones, 0/1 columns, where
    features are present (if that is counted), ones.
    """

    def __init__(self, schema: Schema) -> None:
        columns = schema.columns
        p, (measured, indicators) = len(columns), split(schema)
        sizes = [limbs(column.bound) for column in columns]
        order = sorted(range(p), key=lambda i: (-sizes[i], columns[i].indicator))
        self._size = p + present(schema) + 1
        self.chunk = max(2**9, min(_CHUNK, _BLOCK // self._size))
        self._schema, self._split, self._filled = schema, (measured, indicators), 0
        self._place = np.empty(p, np.int64)
        self._place[order] = np.arange(p)
        ends = np.cumsum([0, self._size, *(sum(n > a for n in sizes) for a in range(1, max(sizes)))]).tolist()
        self._rows = [slice(*pair) for pair in pairwise(ends)]
        self._store: Floats = np.zeros((ends[-1], self.chunk))
        self._planes: list[Floats] = [self._store[rows] for rows in self._rows]
        self._at_once = ends[-1] <= _STACKED * self._size
        self._spare: Floats = np.empty((max(map(len, self._planes[1:]), default=0), self.chunk))
        self._wide = {i: np.zeros(self.chunk, _dtype(columns[i].bound)) for i in range(p) if sizes[i] > 1}
        self._total = Residues.zero(layout(schema))
        self._shape = Shape(schema, self.chunk)
        self._chunks = 0
        self._start()

    @property
    def room(self) -> int:
        """Rows that may be written before the chunk is full."""
        return self.chunk - self._filled

    def target(self, column: int, rows: int) -> npt.NDArray[Any]:
        """Where the next rows of a continuous column are to be written, as integers in float64 or int64."""
        home: npt.NDArray[Any] = self._wide.get(column, self._planes[0][self._place[column]])
        return home[self._filled : self._filled + rows]

    def targets(self, column: int, count: int, rows: int) -> Floats:
        """Where the next rows of `count` neighbouring 0/1 columns are to be written."""
        first = int(self._place[column])
        return self._planes[0][first : first + count, self._filled : self._filled + rows]

    def presence(self, feature: int, rows: int) -> Floats:
        """Where it is to be written for the next rows whether a feature is present, 1 or 0."""
        return self._planes[0][len(self._place) + feature, self._filled : self._filled + rows]

    def commit(self, rows: int, left_out: npt.NDArray[np.bool_] | None) -> None:
        """Count the rows just written, except those left out."""
        here = slice(self._filled, self._filled + rows)
        for column, q in self._wide.items():
            if left_out is not None:
                q[here][left_out] = 0
            self._part(self._place[column], q[here], here)
        self._planes[0][-1, here] = 1
        if left_out is not None:
            for plane in self._planes:
                plane[:, here][:, left_out] = 0
        self._filled += rows
        if self._filled == self.chunk:
            self._multiply()

    def residues(self) -> Residues:
        """Everything counted so far."""
        self._multiply()
        self._spill()
        return self._total

    def _part(self, place: int, q: npt.NDArray[Any], here: slice) -> None:
        """Split q into limbs: each is what is left after rounding to a multiple of 2**w."""
        rows = [plane[place, here] for plane in self._planes if place < len(plane)]
        for low, high in pairwise(rows):
            if q.dtype == np.int64:
                rest = (q + (1 << (BITS - 1))) >> BITS
                low[:], high[:] = q - (rest << BITS), rest
            else:
                rest = np.rint(np.multiply(q, 2.0**-BITS, out=high), out=high)
                np.subtract(q, rest * 2.0**BITS, out=low)
            q = rest

    def _multiply(self) -> None:
        """Add the products of the chunk's rows to the accumulators, and empty the chunk."""
        planes = [plane[:, : self._filled] for plane in self._planes]
        found = self._stacked() if self._at_once else self._paired(planes)
        for ab, products in found.items():
            self._products[ab] += products
        measured, indicators = (len(part) for part in self._split)
        zero_one = planes[0][measured:-1]
        for (a, b), squares in self._squares.items():
            rows = len(squares)
            squares += _integers((planes[a][:rows] * planes[b][:rows]) @ zero_one.T)
        if self._schema.blocks:
            self._shape.open(zero_one[:indicators])
            self._further(planes, found[0, 0])
        self._filled, self._chunks = 0, self._chunks + 1
        if self._chunks == _SPILL:
            self._spill()

    def _stacked(self) -> dict[tuple[int, int], Integers]:
        """The products of each pair of planes, out of one product of all of them."""
        rows = self._store[:, : self._filled]
        every = _integers(rows @ rows.T)
        found = {(a, b): every[self._rows[b], self._rows[a]] for a, b in self._products}
        return {(a, b): block if a == b else _mirrored(block) for (a, b), block in found.items()}

    def _paired(self, planes: list[Floats]) -> dict[tuple[int, int], Integers]:
        """The products of each pair of planes, each with a product of its own."""
        own = [_integers(plane @ plane.T) for plane in planes]
        spare = self._spare[:, : self._filled]
        return {
            (a, b): own[a] if a == b else _mixed((planes[a], planes[b]), (own[a], own[b]), spare)
            for a, b in self._products
        }

    def _further(self, planes: list[Floats], products: Integers) -> None:
        """Take the shape of each continuous column; zeros of rows without it do not count."""
        columns, presence = self._schema.columns, self._schema.presence
        for k, column in enumerate(self._split[0]):
            there = len(self._place) + presence[columns[column].feature] if self._schema.pairwise else -1
            place = self._place[column]
            rows = [plane[place] for plane in planes if place < len(plane)]
            wide = self._wide.get(column)
            zeros = self._filled - int(products[there, -1])
            self._shape.take(k, rows, rows[0] if wide is None else wide[: self._filled], zeros)
            if self._schema.pairwise:
                ones = products[len(self._split[0]) : len(self._place)]
                self._shape.miss(k, ones[:, -1] - ones[:, there])

    def _start(self) -> None:
        sizes = [len(plane) for plane in self._planes]
        pairs = [(a, b) for a in range(len(sizes)) for b in range(a, len(sizes))]
        measured, given = len(self._split[0]), self._size - 1 - len(self._split[0])
        self._products: dict[tuple[int, int], Integers] = {
            ab: np.zeros((sizes[ab[1]], sizes[ab[0]]), np.int64) for ab in pairs
        }
        self._squares: dict[tuple[int, int], Integers] = {
            (a, b): np.zeros((min(sizes[b], measured), given), np.int64) for a, b in pairs if measured and given
        }
        self._chunks = 0

    def _spill(self) -> None:
        """Move the accumulators into the wide total."""
        sizes = [block.limbs for block in self._total.layout]
        parts = list(self._total.parts)
        upper = np.triu_indices(len(self._place))
        for (a, b), products in self._products.items():
            shift, full = BITS * (a + b), np.zeros((self._size, self._size), np.int64)
            full[: len(products), : products.shape[1]] = products
            full[: products.shape[1], : len(products)] = products.T
            parts[0] = add(parts[0], widen(full[-1, -1], sizes[0], shift))
            parts[1] = add(parts[1], widen(self._sums(full), sizes[1], shift))
            parts[2] = add(parts[2], widen(full[self._place[upper[0]], self._place[upper[1]]], sizes[2], shift))
            if present(self._schema):
                parts[4] = add(parts[4], widen(self._counts(full), sizes[4], shift))
        for (a, b), squares in self._squares.items():
            measured, indicators = self._split
            full = np.zeros((len(measured), squares.shape[1]), np.int64)
            full[: len(squares)] = squares
            given = full[self._place[measured]]
            shift = BITS * (a + b) + (a != b)
            parts[3] = add(parts[3], widen(given[:, : len(indicators)], sizes[3], shift))
            if present(self._schema):
                parts[5] = add(parts[5], widen(given[:, len(indicators) :], sizes[5], shift))
        usual = 6 if present(self._schema) else 4
        for at, further in enumerate(self._shape.spill(self._total.layout[usual:]), usual):
            parts[at] = add(parts[at], further)
        self._total = Residues(self._total.layout, tuple(parts))
        self._start()

    def _sums(self, full: Integers) -> Integers:
        """Σq of each column, or, where presence is counted, over the rows where each feature is present."""
        m = present(self._schema)
        return full[self._place, -1 - m : -1] if m else full[-1, self._place]

    def _counts(self, full: Integers) -> Integers:
        """Rows where both of two features are present, upper triangle."""
        m = present(self._schema)
        both: Integers = full[-1 - m : -1, -1 - m : -1][np.triu_indices(m)]
        return both


def _dtype(bound: int) -> type[np.float64 | np.int64]:
    return np.float64 if bound < 2**52 else np.int64


def _mixed(planes: tuple[Floats, Floats], own: tuple[Integers, Integers], spare: Floats) -> Integers:
    """L_b Lₐᵀ, plus its mirror for the columns that both planes have: the first ones, all that the shorter has."""
    longer, shorter = planes
    n = len(shorter)
    head = np.add(longer[:n], shorter, out=spare[:n])
    square = _integers(head @ head.T) - own[0][:n, :n] - own[1]
    return np.hstack([square, _integers(shorter @ longer[n:].T)])


def _mirrored(product: Integers) -> Integers:
    """The same from L_b Lₐᵀ itself."""
    n, out = len(product), product.copy()
    out[:, :n] += product[:, :n].T
    return out


def _integers(exact: Floats) -> Integers:
    return exact.astype(np.int64)
