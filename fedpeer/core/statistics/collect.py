"""From a table to its summary, and an account of every value that could not be counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from fedpeer.core.errors import OverflowRefusedError
from fedpeer.core.statistics.encode import Measured, Writer
from fedpeer.core.statistics.faults import Fault, Faults
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.gram import Gram
from fedpeer.core.statistics.levels import Leveled
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from fedpeer.core.statistics.table import batches


@dataclass(frozen=True, slots=True)
class Collected:
    """A summary and how it came about: of the `read` rows, `counted` are in it; the others had a fault.

    `rejected` has, by feature and reason, every value that kept its row out: a row with two faults is in it twice.
    `clipped` has, by feature, the values that were moved to the limit of their range; their rows count.
    """

    summary: Summary
    read: int
    counted: int
    rejected: dict[str, dict[str, int]]
    clipped: dict[str, int]

    def report(self) -> dict[str, Any]:
        """Return the account as JSON-able values."""
        left_out = self.read - self.counted
        counts = {"read": self.read, "counted": self.counted, "left_out": left_out}
        return counts | {"rejected": self.rejected, "clipped": self.clipped}


def collect(schema: Schema, table: Any) -> Summary:
    """Return the summary of a table's rows under the schema; TableError, OverflowRefusedError."""
    return tally(schema, table).summary


def tally(schema: Schema, table: Any, progress: Callable[[int], None] | None = None) -> Collected:
    """Return the summary of a table and the account of its rows; `progress` hears how many were read so far."""
    counter = _Counter(schema)
    for batch in batches(table, [feature.name for feature in schema.features]):
        counter.take(batch, progress)
    return counter.collected()


class _Counter:
    """Reads batches piece by piece: encode, note the faults, hand the rows to the Gram matrix."""

    def __init__(self, schema: Schema) -> None:
        self._schema, self._gram = schema, Gram(schema)
        self._read = self._counted = 0
        self._faults = np.zeros((len(schema.features), len(Fault)), np.int64)
        self._coders = [self._coder(feature) for feature in schema.features]
        sizes = [1 if feature.kind != "category" else len(feature.levels) for feature in schema.features]
        self._places = list(zip(np.cumsum([0, *sizes]).tolist(), sizes, strict=False))

    def take(self, batch: pa.RecordBatch, progress: Callable[[int], None] | None) -> None:
        """Count the rows of one batch."""
        writers = [coder.open(column) for coder, column in zip(self._coders, batch.columns, strict=True)]
        start = 0
        while start < batch.num_rows:
            stop = min(batch.num_rows, start + self._gram.room)
            self._piece(writers, start, stop)
            start = stop
            if progress:
                progress(self._read)

    def collected(self) -> Collected:
        """Everything so far."""
        names = [feature.name for feature in self._schema.features]
        counts = {
            name: dict(zip(Fault, row, strict=True)) for name, row in zip(names, self._faults.tolist(), strict=True)
        }
        found = {name: {f.reason: n for f, n in row.items() if n and f.fatal} for name, row in counts.items()}
        rejected = {name: reasons for name, reasons in found.items() if reasons}
        clipped = {name: row[Fault.CLIPPED] for name, row in counts.items() if row[Fault.CLIPPED]}
        summary = Summary(self._schema, self._gram.residues())
        return Collected(summary, self._read, summary.rows, rejected, clipped)

    def _piece(self, writers: list[Writer], start: int, stop: int) -> None:
        rows, lost = stop - start, None
        for i, (write, (column, count)) in enumerate(zip(writers, self._places, strict=True)):
            continuous = self._schema.features[i].kind == "continuous"
            out = self._gram.target(column, rows) if continuous else self._gram.targets(column, count, rows)
            codes = write(start, stop, out)
            if codes is not None:
                lost = self._noted(i, codes, lost)
        self._read += rows
        self._counted += rows - (0 if lost is None else int(np.count_nonzero(lost)))
        if self._counted > self._schema.row_bound:
            raise OverflowRefusedError(
                f"the table has more rows than the schema's row bound of {self._schema.row_bound}",
                hint="agree on a schema with a larger row_bound",
            )
        self._gram.commit(rows, lost)

    def _noted(self, feature: int, codes: Faults, lost: Any) -> Any:
        self._faults[feature] += np.bincount(codes, minlength=len(Fault))
        fault = (codes != Fault.NONE) & (codes != Fault.CLIPPED)
        return fault if lost is None else lost | fault

    def _coder(self, feature: Feature) -> Measured | Leveled:
        if feature.kind != "continuous":
            return Leveled(feature)
        column = self._schema.columns[self._schema.index(feature.name)]
        return Measured(feature, column, clip=self._schema.invalid == "clip", chunk=self._gram.chunk)
