"""What queries have in common, whatever database answers them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

import pyarrow as pa

from fedpeer.core.errors import SourceError

_LONGEST = 65_536


def driver(module: str, extra: str = "sql") -> Any:
    """Import a library that is not installed with fedpeer itself; SourceError says how to get it."""
    try:
        return import_module(module)
    except ImportError:
        package = module.partition(".")[0].replace("_", "-")
        raise SourceError(
            f"this needs {package}, which is not installed", hint=f"pip install 'fedpeer[{extra}]'"
        ) from None


def checked(query: Any, place: str) -> str:
    """Return the query without what may end it; SourceError if there is none."""
    text = re.sub(r"[;\s]+\Z", "", query) if isinstance(query, str) else ""
    if not text.strip() or "\0" in text or len(text) > _LONGEST:
        raise SourceError(
            f"{place} needs the option query", hint="one SELECT, such as --option 'query=SELECT age, ill FROM visits'"
        )
    return text


def quoted(name: str) -> str:
    """Return a column's name as SQL writes it."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def valid(batches: Iterable[pa.RecordBatch], place: str) -> Iterator[pa.RecordBatch]:
    """Yield batches whose texts are texts; SourceError for one that a database did not check."""
    read = 0
    for batch in batches:
        try:
            batch.validate(full=True)
        except pa.ArrowException:
            raise SourceError(f"{place}: a text after row {read} is not UTF-8") from None
        read += batch.num_rows
        yield batch
