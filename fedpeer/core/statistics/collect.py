"""From a table to its summary, and an account of every value that could not be counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fedpeer.core.errors import OverflowRefusedError
from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.dates import Dated
from fedpeer.core.statistics.derived import Multiplied
from fedpeer.core.statistics.encode import Measured, Writer
from fedpeer.core.statistics.faults import Fault, Faults
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.gram import Gram
from fedpeer.core.statistics.levels import Leveled
from fedpeer.core.statistics.patients import Identified, Patients, Tokens, grown
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from fedpeer.core.statistics.table import batches

_TOKENS = 2**18  # held before they are counted


@dataclass(frozen=True, slots=True)
class Collected:
    """A summary and how it came about: of the `read` rows, `counted` are in it; the others had a fault.

    `rejected` has, by feature and reason, every value that kept its row out: a row with two faults is in it twice.
    `clipped` has, by feature, the values that were moved to the limit of their range; their rows count. `missing` has,
    by feature and reason, the values that rows were counted without, which only the rule `pairwise` does. `patients`
    are those of the counted rows, if the schema has a column of their ids and a key was given.
    """

    summary: Summary
    read: int
    counted: int
    rejected: dict[str, dict[str, int]]
    clipped: dict[str, int]
    missing: dict[str, dict[str, int]] = field(default_factory=dict)
    patients: Patients = field(default_factory=Patients.none)

    @property
    def gaps(self) -> dict[str, int]:
        """Of each feature that some counted rows lack, how many do."""
        return lacking(self.summary)

    def report(self) -> dict[str, Any]:
        """Return the account as JSON-able values."""
        left_out = self.read - self.counted
        counts = {"read": self.read, "counted": self.counted, "left_out": left_out}
        missing = {"missing": self.missing} if self.summary.schema.pairwise else {}
        return counts | {"rejected": self.rejected, "clipped": self.clipped} | missing


def lacking(summary: Summary) -> dict[str, int]:
    """Of each feature that some rows of a summary lack, how many do."""
    lost = {name: summary.rows - summary.count(name) for name in summary.schema.presence}
    return {name: rows for name, rows in lost.items() if rows}


def collect(schema: Schema, table: Any) -> Summary:
    """Return the summary of a table's rows under the schema; TableError, OverflowRefusedError."""
    return tally(schema, table).summary


def tally(schema: Schema, table: Any, progress: Callable[[int], None] | None = None, *, key: bytes = b"") -> Collected:
    """Return the summary of a table and the account of its rows; `progress` hears how many were read so far.

    With a `key`, patients are told apart by tokens that nobody can make without it.
    """
    counter = _Counter(schema, key)
    for batch in batches(table, schema.needed):
        counter.take(batch, progress)
    return counter.collected()


class _Counter:
    """Reads batches piece by piece: encode, note the faults, hand the rows to the Gram matrix."""

    def __init__(self, schema: Schema, key: bytes) -> None:
        self._schema, self._gram = schema, Gram(schema)
        self._read = self._counted = 0
        self._inputs, sizes = schema.inputs, Counter(column.feature for column in schema.columns)
        self._persons = _Persons(schema.patient, key) if schema.patient else None
        self._faults = np.zeros((len(schema.needed), len(Fault)), np.int64)
        self._missing = np.zeros_like(self._faults)
        fatal = np.array([fault.fatal for fault in Fault])
        self._absent = fatal if schema.invalid == "missing" else np.array([fault == Fault.MISSING for fault in Fault])
        self._fatal = fatal & ~self._absent
        self._coders = [self._coder(feature) for feature in self._inputs]
        first = {column.feature: i for i, column in reversed(list(enumerate(schema.columns)))}
        self._places = [(first[feature.name], sizes[feature.name]) for feature in self._inputs]
        self._products = [self._product(i, column) for i, column in enumerate(schema.columns) if column.of]

    def take(self, batch: pa.RecordBatch, progress: Callable[[int], None] | None) -> None:
        """Count the rows of one batch."""
        pairs = zip(self._coders, batch.columns[: len(self._coders)], strict=True)
        writers = [coder.open(column) for coder, column in pairs]
        if self._persons is not None:
            self._persons.open(batch.columns[-1])
        start = 0
        while start < batch.num_rows:
            stop = min(batch.num_rows, start + self._gram.room)
            self._piece(writers, start, stop)
            start = stop
            if progress:
                progress(self._read)

    def collected(self) -> Collected:
        """Everything so far."""
        names = self._schema.needed
        moved = zip(names, self._faults[:, Fault.CLIPPED].tolist(), strict=True)
        clipped = {name: count for name, count in moved if count}
        rejected, missing = _told(names, self._faults), _told(names, self._missing)
        summary = Summary(self._schema, self._gram.residues())
        patients = self._persons.patients() if self._persons else Patients.none()
        return Collected(summary, self._read, summary.rows, rejected, clipped, missing, patients)

    def _piece(self, writers: list[Writer], start: int, stop: int) -> None:
        rows = stop - start
        nobody = self._nobody(start, stop)
        lost = (self._present if self._schema.pairwise else self._complete)(writers, start, stop, nobody)
        if self._persons is not None:
            self._persons.keep(lost)
        for product, column, factors in self._products:
            product.write([self._gram.target(i, rows) for i in factors], self._gram.target(column, rows))
            if self._schema.pairwise:
                self._multiply(column, factors, rows)
        self._read += rows
        self._counted += rows - (0 if lost is None else int(np.count_nonzero(lost)))
        if self._counted > self._schema.row_bound:
            raise OverflowRefusedError(
                f"the table has more rows than the schema's row bound of {self._schema.row_bound}",
                hint="agree on a schema with a larger row_bound",
            )
        self._gram.commit(rows, lost)

    def _nobody(self, start: int, stop: int) -> Any:
        """The rows of a piece that have no patient, noted; None if there are none."""
        gone = self._persons.read(start, stop) if self._persons else None
        if gone is None or not gone.any():
            return None
        self._faults[-1, Fault.MISSING] += np.count_nonzero(gone)
        return gone

    def _complete(self, writers: list[Writer], start: int, stop: int, lost: Any) -> Any:
        """Write a piece; the rows that are left out are those with any fault, and those `lost` already."""
        for i, write in enumerate(writers):
            codes = write(start, stop, self._out(i, stop - start))
            if codes is not None:
                lost = self._noted(i, codes, lost)
        return lost

    def _present(self, writers: list[Writer], start: int, stop: int, lost: Any) -> Any:
        """Write a piece, zeros where a value is missing; left out are rows with a fault, and those without values."""
        rows, told = stop - start, {}
        lost, empty = np.zeros(rows, bool) if lost is None else lost, np.ones(rows, bool)
        for i, write in enumerate(writers):
            out, there = self._out(i, rows), self._there(self._inputs[i].name, rows)
            codes, there[:] = write(start, stop, out), 1
            if codes is None:
                empty[:] = False
                continue
            told[i], absent = codes, self._absent[codes]
            out[..., absent], there[absent] = 0, 0
            lost, empty = lost | self._fatal[codes], empty & absent
        for i, codes in told.items():
            absent = self._absent[codes]
            self._faults[i] += np.bincount(codes[empty | ~absent], minlength=len(Fault))
            self._missing[i] += np.bincount(codes[absent & ~(lost | empty)], minlength=len(Fault))
        return lost | empty

    def _multiply(self, column: int, factors: list[int], rows: int) -> None:
        """A product is missing where one of its factors is."""
        columns = self._schema.columns
        there = self._there(columns[column].feature, rows)
        there[:] = 1
        for factor in factors:
            there *= self._there(columns[factor].feature, rows)
        self._gram.target(column, rows)[there == 0] = 0

    def _there(self, feature: str, rows: int) -> Any:
        """Where it goes whether a feature is present."""
        return self._gram.presence(self._schema.presence[feature], rows)

    def _out(self, feature: int, rows: int) -> Any:
        """Where the values of a feature of the table go."""
        column, count = self._places[feature]
        measured = self._inputs[feature].measured
        return self._gram.target(column, rows) if measured else self._gram.targets(column, count, rows)

    def _noted(self, feature: int, codes: Faults, lost: Any) -> Any:
        self._faults[feature] += np.bincount(codes, minlength=len(Fault))
        fault = (codes != Fault.NONE) & (codes != Fault.CLIPPED)
        return fault if lost is None else lost | fault

    def _coder(self, feature: Feature) -> Measured | Leveled | Dated:
        if not feature.measured:
            return Leveled(feature)
        column, clip = self._schema.columns[self._schema.index(feature.name)], self._schema.invalid == "clip"
        if feature.kind == "date":
            return Dated(feature, column, clip=clip)
        return Measured(feature, column, clip=clip, chunk=self._gram.chunk)

    def _product(self, at: int, column: Column) -> tuple[Multiplied, int, list[int]]:
        factors = [self._schema.index(name) for name in column.of]
        return Multiplied(column, [self._schema.columns[i] for i in factors]), at, factors


class _Persons:
    """Reads the column of patient ids, and keeps the patients of the rows that count."""

    def __init__(self, name: str, key: bytes) -> None:
        self._column, self._keyed = Identified(name, key), bool(key)
        self._tokens: list[Tokens] = []
        self._parts: tuple[Patients, ...] = ()

    def open(self, column: pa.Array) -> None:
        """Begin with the ids of a batch."""
        self._slice = self._column.open(column)

    def read(self, start: int, stop: int) -> npt.NDArray[np.bool_]:
        """Where a piece of the batch has no id."""
        there, self._piece = self._slice(start, stop)
        return ~there

    def keep(self, lost: Any) -> None:
        """Count the patients of the piece just read, but for the rows that were lost."""
        if not self._keyed:
            return
        self._tokens.append(self._piece if lost is None else self._piece[~lost])
        if sum(map(len, self._tokens)) >= _TOKENS:
            self._together()

    def patients(self) -> Patients:
        """Everybody so far."""
        self._together()
        return Patients.together(self._parts)

    def _together(self) -> None:
        if self._tokens:
            self._parts = grown(self._parts, Patients.of(np.concatenate(self._tokens)))
            self._tokens = []


def _told(names: list[str], faults: npt.NDArray[np.int64]) -> dict[str, dict[str, int]]:
    """By feature and reason, the values that were not counted."""
    found = {
        name: {fault.reason: n for fault, n in zip(Fault, row, strict=True) if n and fault.fatal}
        for name, row in zip(names, faults.tolist(), strict=True)
    }
    return {name: reasons for name, reasons in found.items() if reasons}
