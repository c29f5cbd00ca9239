"""What a table has that a schema does not: columns that could be features, and values that could be levels.

It is what a member may propose to all others, who then know it. So limits of numbers are powers of ten, those of dates
centuries, and of each level it is told how many rows hold it: whoever proposes decides whether these are enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fedpeer.core.errors import FedpeerError, SchemaError
from fedpeer.core.statistics.additions import Additions, Declaration, NewLevels
from fedpeer.core.statistics.feature import LEVELS, Feature, check_name, listed
from fedpeer.core.statistics.infer import Seen
from fedpeer.core.statistics.levels import spelled
from fedpeer.core.statistics.numerals import MISSING, spelling
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.table import batches

TELLABLE = 5  # rows that hold a name, at least, before it is told to others by itself

_PIECE = 2**16  # rows looked at together


@dataclass(frozen=True, slots=True)
class Wanted:
    """What could be added, the `rows` that hold each new feature or level, and why other columns cannot be `unfit`.

    Levels, also those of new categories, are named `feature$level`.
    """

    additions: Additions
    rows: dict[str, int] = field(default_factory=dict)
    unfit: dict[str, str] = field(default_factory=dict)

    def rare(self, least: int) -> dict[str, int]:
        """Those that fewer rows hold."""
        return {name: rows for name, rows in self.rows.items() if rows < least}


def wanted(schema: Schema, table: Any, kinds: Mapping[str, str] | None = None) -> Wanted:
    """Compare a table with a schema; `kinds` has that of new columns where it is known. TableError if it is no table.

    A table is read once, and may be batches of one.
    """
    categories = {feature.name: feature for feature in schema.features if feature.kind == "category"}
    known = {feature.name for feature in schema.features} | {schema.patient}
    new: dict[str, _Column] = {}
    values: dict[str, _Values] = {}
    for batch in batches(table):
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            if name in categories:
                values.setdefault(name, _Values(categories[name])).look(array)
            elif name not in known:
                new.setdefault(name, _Column(name, (kinds or {}).get(name))).look(array)
    return _found([values[name] for name in sorted(values)], list(new.values()))


def _found(values: list[_Values], new: list[_Column]) -> Wanted:
    rows: dict[str, int] = {}
    unfit: dict[str, str] = {}
    levels, features = [], []
    for each in values:
        try:
            told = each.levels()
        except FedpeerError as error:
            unfit[each.name] = str(error)
            continue
        if told:
            levels.append(NewLevels(each.name, told))
            rows |= each.rows(told)
    for column in new:
        try:
            feature = column.feature()
        except FedpeerError as error:
            unfit[column.name] = str(error)
            continue
        features.append(Declaration.saying(feature))
        rows |= column.values.rows(feature.levels) if feature.kind == "category" else {column.name: column.present}
    return Wanted(Additions(tuple(features), tuple(levels)), rows, unfit)


class _Values:
    """The different values of a column that are no levels of its category, and how many rows hold each."""

    def __init__(self, feature: Feature | None, name: str = "") -> None:
        self.name = feature.name if feature else name
        self._known = set(map(spelling, feature.levels)) if feature else set()
        self._counts: dict[str, int] = {}

    def look(self, array: pa.Array) -> None:
        """Count some rows; once there are too many different values, no longer."""
        for start in range(0, len(array), _PIECE):
            if len(self._counts) <= LEVELS:
                self._count(array.slice(start, _PIECE))

    def levels(self) -> tuple[str, ...]:
        """They as levels, in order of the alphabet; SchemaError for one that cannot be, or too many."""
        return listed(repr(self.name)[:60], sorted(self._counts)) if len(self._counts) <= LEVELS else self._many()

    def rows(self, levels: tuple[str, ...]) -> dict[str, int]:
        """By name of their columns, the rows that hold these levels."""
        return {f"{self.name}${level}": self._counts.get(level, 0) for level in levels}

    def _many(self) -> tuple[str, ...]:
        return Feature(self.name, "category", levels=list(self._counts)).levels  # which says how many there may be

    def _count(self, part: pa.Array) -> None:
        if pa.types.is_decimal(part.type):
            part = part.cast(pa.large_string())
        coded = part if pa.types.is_dictionary(part.type) else part.dictionary_encode()
        indices = coded.indices.drop_null().cast(pa.int64()).to_numpy(zero_copy_only=False)
        counts = np.bincount(indices, minlength=len(coded.dictionary)).tolist()
        for value, count in zip(spelled(coded.dictionary), counts, strict=True):
            text = spelling(value)
            if count and text.lower() not in MISSING and text not in self._known:
                self._counts[text] = self._counts.get(text, 0) + count


class _Column:
    """A column that the schema does not have."""

    def __init__(self, name: str, kind: str | None) -> None:
        self.name, self._kind = name, kind
        self.values, self.present = _Values(None, name), 0
        self._seen = Seen(name)
        self._fault: FedpeerError | None = None

    def look(self, array: pa.Array) -> None:
        """Take note of some rows."""
        self.present += _present(array)
        if self._fault is None:
            try:
                check_name(self.name, "the column's name")
                for start in range(0, len(array), _PIECE):
                    self._seen.look(array.slice(start, _PIECE))
                self.values.look(array)
            except FedpeerError as error:
                self._fault = error

    def feature(self) -> Feature:
        """The feature that it could be; SchemaError, TableError."""
        if self._fault is not None:
            raise self._fault
        if self._kind == "category":
            return Feature(self.name, "category", levels=self.values.levels())
        if self._kind == "binary":
            return Feature(self.name, "binary")
        if self._kind == "continuous":
            return self._seen.number(coarse=True)
        if self._seen.identifies:
            raise SchemaError(f"column {self.name!r} is called like an id, and no id is a feature")
        return self._seen.feature(coarse=True)


def _present(array: pa.Array) -> int:
    """How many values are not missing."""
    array = array.drop_null()
    if pa.types.is_floating(array.type):
        return len(array) - int(pc.sum(pc.is_nan(array)).as_py() or 0)
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        return len(array)
    folded = pc.utf8_lower(pc.utf8_trim_whitespace(array))
    return len(array) - int(pc.sum(pc.is_in(folded, pa.array(sorted(MISSING), array.type))).as_py() or 0)
