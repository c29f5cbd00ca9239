"""From a table to its summary, and an account of every value that could not be counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from fedpeer.core.statistics.layout import layout, split
from fedpeer.core.statistics.numerals import MISSING, decimal, spelling
from fedpeer.core.statistics.residues import Residues
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from fedpeer.core.statistics.table import batches

Faults = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Collected:
    """A summary and how it came about: `read` rows are `counted` rows and those left out."""

    summary: Summary
    read: int
    counted: int
    rejected: Faults
    clipped: dict[str, int]

    def report(self) -> dict[str, Any]:
        """Return the account as JSON-able values."""
        return {
            "read": self.read,
            "counted": self.counted,
            "left_out": self.read - self.counted,
            "rejected": self.rejected,
            "clipped": self.clipped,
        }


def collect(schema: Schema, table: Any) -> Summary:
    """Return the summary of a table's rows under the schema; TableError, OverflowRefusedError."""
    return tally(schema, table).summary


def tally(schema: Schema, table: Any, progress: Callable[[int], None] | None = None) -> Collected:
    """Return the summary of a table and the account of its rows; `progress` hears how many were read so far."""
    names = [feature.name for feature in schema.features]
    p, (measured, indicators) = len(schema.columns), split(schema)
    rejected: Faults = {}
    read, total = 0, Summary.zero(schema)
    for batch in batches(table, names):
        rows = []
        for values in zip(*(batch.column(i).to_pylist() for i in range(len(names))), strict=True):
            read += 1
            row: list[int] | None = []
            for feature, value in zip(schema.features, values, strict=True):
                q = _encoded(schema, feature, value)
                if isinstance(q, str):
                    counts = rejected.setdefault(feature.name, {})
                    counts[q] = counts.get(q, 0) + 1
                    row = None
                elif row is not None:
                    row += q
            if row is not None:
                rows.append(row)
        q_ = np.array(rows, dtype=object).reshape(len(rows), p)
        gram = q_.T @ q_
        squares = (q_[:, measured] ** 2).T @ q_[:, indicators]
        total += Summary(
            schema,
            Residues.of(layout(schema), [[len(rows)], q_.sum(axis=0), gram[np.triu_indices(p)], squares.reshape(-1)]),
        )
        if progress:
            progress(read)
    return Collected(total, read, total.rows, rejected, {})


def _encoded(schema: Schema, feature: Any, value: Any) -> list[int] | str:
    if value is None or (isinstance(value, str) and value.strip().lower() in MISSING) or value != value:
        return "missing"
    if feature.kind != "continuous":
        levels = [spelling(level) for level in feature.levels] or ["0", "1"]
        text = (
            {"true": "1", "false": "0"}.get(spelling(value), spelling(value)) if not feature.levels else spelling(value)
        )
        if text not in levels:
            return "unknown level"
        at = levels.index(text)
        return [at] if feature.kind == "binary" else [int(i == at) for i in range(len(levels))]
    if str(value).strip().lower().lstrip("+-") in {"inf", "infinity"}:
        return "not finite"
    try:
        number = decimal(value)
    except ValueError:
        return "unparsable"
    if not feature.min <= number <= feature.max:
        return "out of range"
    column = schema.columns[schema.index(feature.name)]
    return [round((Fraction(number) - column.origin) / column.step)]
