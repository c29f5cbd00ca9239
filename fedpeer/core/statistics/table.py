"""Anything tabular, as Arrow record batches of the wanted columns, without copying where that can be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.interchange

from fedpeer.core.errors import TableError

_KNOWN = (
    "a pyarrow, pandas or polars table, a mapping of columns, a structured array, (array, names), or several of them"
)


class Spare(str):
    """The name of a column that a table may be without; its values are then missing in all rows."""

    __slots__ = ()


def lacked(missing: Iterable[str]) -> list[str]:
    """Of names that are not there, those that should be."""
    return [name for name in missing if not isinstance(name, Spare)]


def batches(table: Any, names: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a table in batches that have exactly the columns `names`, in that order (None: all).

    A spare column that is not there has nulls.
    TableError says which columns are missing, which is there twice, or that this is no table.
    """
    if isinstance(table, pa.RecordBatch):
        yield _selected(table, names)
    elif isinstance(table, pa.Table | pa.RecordBatchReader):
        yield from _streamed(table, names)
    elif (columns := _columns(table, names)) is not None:
        yield from _streamed(_table(columns), names)
    elif hasattr(table, "__arrow_c_array__"):
        yield _selected(pa.record_batch(table), names)
    elif hasattr(table, "__arrow_c_stream__"):
        yield from _streamed(pa.RecordBatchReader.from_stream(table), names)
    elif hasattr(table, "__dataframe__"):
        yield from _streamed(pyarrow.interchange.from_dataframe(table), names)
    elif isinstance(table, Iterable) and not isinstance(table, str | bytes | np.ndarray):
        for part in table:
            _check_part(part)
            yield from batches(part, names)
    else:
        raise TableError(f"a {type(table).__name__} is not a table", hint=f"give {_KNOWN}")


def _check_part(part: Any) -> None:
    if isinstance(part, str | bytes | int | float | bool | None):
        raise TableError(f"a list of {type(part).__name__} is not a list of tables", hint=f"give {_KNOWN}")


def _columns(table: Any, names: Sequence[str] | None) -> Mapping[str, Any] | None:
    """The wanted columns of what is held by columns, or None."""
    if isinstance(table, tuple) and len(table) == 2 and isinstance(table[0], np.ndarray):
        table = _named(*table)
    elif isinstance(table, np.ndarray) and table.dtype.names:
        table = {name: table[name] for name in table.dtype.names}
    elif hasattr(table, "columns") and hasattr(table, "__getitem__"):  # a frame of pandas, polars or their like
        table = {str(name): table[name] for name in table.columns if names is None or str(name) in names}
    if not isinstance(table, Mapping):
        return None
    return table if names is None else {name: table[name] for name in _present(list(table), names)}


def _named(array: np.ndarray[Any, Any], names: Any) -> dict[str, Any]:
    listed = [str(name) for name in names]
    if array.ndim != 2 or array.shape[1] != len(listed):
        raise TableError(f"an array of shape {array.shape} does not have {len(listed)} named columns")
    if len(set(listed)) < len(listed):
        raise TableError("an array has two columns of one name")
    return {name: array[:, i] for i, name in enumerate(listed)}


def _present(have: list[str], wanted: Sequence[str]) -> list[str]:
    """The wanted columns that are there; TableError."""
    known = set(have)
    missing = lacked(name for name in wanted if name not in known)
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise TableError(f"the table has no column {', '.join(map(repr, missing[:5]))}{more}")
    twice = next((name for name in wanted if have.count(name) > 1), None)
    if twice is not None:
        raise TableError(f"the table has column {twice!r} twice")
    return [name for name in wanted if name in known]


def _streamed(table: pa.Table | pa.RecordBatchReader, names: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    _present(table.schema.names, names or [])  # so that a table without rows is checked as well
    try:
        for batch in table.to_batches() if isinstance(table, pa.Table) else table:
            yield _selected(batch, names)
    except pa.ArrowException as error:
        raise TableError(f"the table cannot be read: {error}") from None


def _selected(batch: pa.RecordBatch, names: Sequence[str] | None) -> pa.RecordBatch:
    there = _present(batch.schema.names, batch.schema.names if names is None else names)
    if names is None or len(there) == len(names):
        return batch.select(there)
    known, gone = set(there), pa.nulls(batch.num_rows)
    return pa.RecordBatch.from_arrays([batch.column(n) if n in known else gone for n in names], names=list(names))


def _table(columns: Mapping[str, Any]) -> pa.Table:
    arrays = {str(name): _array(name, values) for name, values in columns.items()}
    lengths = [(len(array), name) for name, array in arrays.items()]
    other = next((pair for pair in lengths if pair[0] != lengths[0][0]), None)
    if other is not None:
        (a, x), (b, y) = lengths[0], other
        raise TableError(f"column {x!r} has {a} rows and column {y!r} has {b}")
    return pa.table(arrays)


def _array(name: str, values: Any) -> pa.Array | pa.ChunkedArray:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    if _strange(values):
        return _mixed(name, values)
    try:
        if hasattr(values, "__arrow_c_stream__"):
            return pa.chunked_array(values)
        if hasattr(values, "__arrow_c_array__"):
            return pa.array(values)
        if isinstance(values, np.ma.MaskedArray):
            return pa.array(values.data, mask=np.ma.getmaskarray(values))
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        pass  # a column of mixed values, read as texts below
    if hasattr(values, "to_list"):
        values = values.to_list()
    if isinstance(values, str | bytes) or not hasattr(values, "__len__") or getattr(values, "ndim", 1) != 1:
        raise TableError(f"column {name!r} is not a sequence of values")
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return _mixed(name, values)


def _strange(values: Any) -> bool:
    """Whether these are scalars of numpy among others, which Arrow can end the process of."""
    objects = getattr(values, "dtype", None) == np.object_ and getattr(values, "ndim", 1) == 1
    if not (objects or isinstance(values, list | tuple)):
        return False
    kinds = set(map(type, values)) - {type(None)}
    return len(kinds) > 1 and any(issubclass(kind, np.generic) for kind in kinds)


def _mixed(name: str, values: Any) -> pa.Array:
    """Values of several kinds as the texts that Python writes for them."""
    try:
        return pa.array([None if value is None else str(value) for value in values], pa.large_string())
    except UnicodeEncodeError:
        raise TableError(f"column {name!r} has a text that is not Unicode") from None
    except ValueError as error:  # an integer of more digits than Python writes
        raise TableError(f"column {name!r} has a value that cannot be read: {error}") from None
