"""What queries have in common, whatever database answers them."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from importlib import import_module
from typing import Any

import pyarrow as pa

from fedpeer.adapters.files import sliced
from fedpeer.core.errors import SourceError

_LONGEST = 65_536


class QuerySource(ABC):
    """What sources over a query have in common: each says how to connect, how to ask, and what a complaint means."""

    def __init__(self, query: Any, library: str, chunk_rows: int) -> None:
        self._query = checked(query, self.name)
        self._driver = driver(library)
        self._chunk_rows = chunk_rows

    @property
    @abstractmethod
    def name(self) -> str:
        """The place; neither a password nor the query is in it."""

    @property
    def unit(self) -> str:
        """What `progress` counts."""
        return "rows"

    @property
    def size(self) -> int:
        """Unknown: a query tells when it is done."""
        return 0

    def batches(
        self, columns: Sequence[str] | None = None, progress: Callable[[int], None] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of the answer."""
        read = 0
        try:
            with closing(self._connected()) as connection:
                wanted, statement = self._asked(connection, columns)
                for batch in _valid(self._answers(connection, statement), self.name):
                    yield from sliced(pa.RecordBatch.from_arrays(batch.columns, wanted), self._chunk_rows)
                    read += batch.num_rows
                    if progress:
                        progress(read)
        except (self._driver.Error, pa.ArrowException, OSError) as error:
            raise self._explained(error) from None

    @abstractmethod
    def _connected(self) -> Any:
        """Connect, for reading only."""

    @abstractmethod
    def _asked(self, connection: Any, columns: Sequence[str] | None) -> tuple[list[str], str]:
        """Return the names of the columns, and the statement for them."""

    @abstractmethod
    def _answers(self, connection: Any, statement: str) -> Iterable[pa.RecordBatch]:
        """Yield what the statement gives, the columns in the order of their names."""

    @abstractmethod
    def _explained(self, error: Exception) -> SourceError:
        """Return what an operator can use of a complaint."""


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


def _valid(batches: Iterable[pa.RecordBatch], place: str) -> Iterator[pa.RecordBatch]:
    """Yield batches whose texts are texts; SourceError for one that a database did not check."""
    read = 0
    for batch in batches:
        try:
            batch.validate(full=True)
        except pa.ArrowException:
            raise SourceError(f"{place}: a text after row {read} is not UTF-8") from None
        read += batch.num_rows
        yield batch
