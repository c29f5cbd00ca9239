"""Rows that were posted, as JSON gives them: a list of objects, or an object of columns, which may be Arrow's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from fedpeer.adapters.headers import places
from fedpeer.core.errors import SourceError
from fedpeer.core.statistics.arrays import array_of

_SCALARS = (type(None), bool, int, float, str)
_PLAIN = frozenset(_SCALARS)


class RowsSource:
    """A Source over values in memory. An object without one of the keys has no value there, which is counted."""

    def __init__(
        self,
        rows: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any] | pa.Array],
        *,
        name: str = "posted rows",
        chunk_rows: int = 65_536,
    ) -> None:
        """SourceError names the row or the column that is not what it should be."""
        self._name = name
        self._chunk_rows = chunk_rows
        self._columns = _columns(rows, name)
        self._rows = len(next(iter(self._columns.values()), ()))

    @property
    def name(self) -> str:
        """What these rows are called."""
        return self._name

    @property
    def unit(self) -> str:
        """What `size` and `progress` count."""
        return "rows"

    @property
    def size(self) -> int:
        """The number of rows; `progress` counts these."""
        return self._rows

    def batches(
        self, columns: Sequence[str] | None = None, progress: Callable[[int], None] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of the wanted columns."""
        wanted = places(list(self._columns), columns, self._name)
        lists = list(self._columns.values())
        arrays = [self._array(name, lists[place]) for name, place in wanted.items()]
        for start in range(0, self._rows, self._chunk_rows):
            yield pa.RecordBatch.from_arrays([a.slice(start, self._chunk_rows) for a in arrays], list(wanted))
            if progress:
                progress(min(start + self._chunk_rows, self._rows))

    def _array(self, name: str, values: list[Any] | pa.Array) -> pa.Array:
        if isinstance(values, pa.Array):
            return values
        try:
            return array_of(values)
        except UnicodeEncodeError:
            raise SourceError(f"{self._name}: column {name!r} has a text that is not Unicode") from None


def _columns(rows: Any, place: str) -> dict[str, list[Any] | pa.Array]:
    if rows in ([], {}):
        raise SourceError(f"{place}: there are none", hint="send at least the names of the columns")
    columns = _by_column(rows, place) if isinstance(rows, Mapping) else _by_row(rows, place)
    for name, values in columns.items():
        if isinstance(values, pa.Array) or {*map(type, values)} <= _PLAIN:
            continue
        for number, value in enumerate(values, start=1):
            if not isinstance(value, _SCALARS):
                raise SourceError(
                    f"{place}: row {number}, column {name!r} is {_kind(value)}",
                    hint="a value is a number, a text, true, false or null",
                )
    return columns


def _by_column(rows: Mapping[str, Any], place: str) -> dict[str, list[Any] | pa.Array]:
    first = None
    for name, values in rows.items():
        if isinstance(values, str | bytes) or not isinstance(values, Sequence | pa.Array):
            raise SourceError(f"{place}: column {name!r} is {_kind(values)}, not a list of values")
        first = first or (name, len(values))
        if len(values) != first[1]:
            raise SourceError(f"{place}: column {first[0]!r} has {first[1]} values and column {name!r} {len(values)}")
    return {name: values if isinstance(values, pa.Array) else list(values) for name, values in rows.items()}


def _by_row(rows: Any, place: str) -> dict[str, list[Any] | pa.Array]:
    if isinstance(rows, str | bytes) or not isinstance(rows, Sequence):
        raise SourceError(f"{place} are {_kind(rows)}", hint='send [{"age": 61, ...}, ...] or {"age": [61, ...], ...}')
    names: dict[str, None] = {}
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            raise SourceError(f"{place}: row {number} is {_kind(row)}, not an object with the values by column")
        names.update(dict.fromkeys(row))
    return {name: [row.get(name) for row in rows] for name in names}


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, Sequence) else f"a {type(value).__name__}"
