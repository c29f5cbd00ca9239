"""Rows of a query to an SQLite file, which is opened for reading only.

SQLite gives each value a type of its own, but Arrow and ADBC know one for each column, and take it from the first row.
So each column is asked for three times, as integers, as doubles and as texts, after a first row that has one of each;
the three are put together again batch by batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from fedpeer.adapters.files import facts, first_line
from fedpeer.adapters.headers import places
from fedpeer.adapters.sql import QuerySource, quoted
from fedpeer.core.errors import SourceError

_EXACT_INT = 2**53


class SqliteSource(QuerySource):
    """A Source over the rows that `query` gives on the database file at `path`."""

    def __init__(self, path: Path | str, query: Any, *, chunk_rows: int = 65_536) -> None:
        self._path = Path(path)
        super().__init__(query, "adbc_driver_sqlite.dbapi", chunk_rows)
        facts(self._path)

    @property
    def name(self) -> str:
        """The path; the query is not repeated."""
        return f"sqlite://{self._path}"

    def _connected(self) -> Any:
        return self._driver.connect(f"file:{quote(str(self._path.absolute()))}?mode=ro")

    def _asked(self, connection: Any, columns: Sequence[str] | None) -> tuple[list[str], str]:
        """Return the names of the columns, and the statement that asks for each of them three times."""
        with closing(connection.cursor()) as cursor:
            cursor.execute(f"SELECT * FROM (\n{self._query}\n) LIMIT 0")  # noqa: S608 the query is the operator's own
            have = cursor.fetch_record_batch().schema.names
        wanted = places(have, columns, self.name)
        asked = [_thrice(quoted(have[place])) for place in wanted.values()]
        first = ", ".join(["0, 0.0, ''"] * len(asked))
        statement = f"SELECT {first} UNION ALL SELECT {', '.join(asked)} FROM (\n{self._query}\n)"  # noqa: S608 likewise
        return list(wanted), statement

    def _answers(self, connection: Any, statement: str) -> Iterator[pa.RecordBatch]:
        """Yield what the statement gives, without the first row, each three columns as one.

        One statement reads one state of the database, whoever writes to it meanwhile.
        """
        rows = {"adbc.sqlite.query.batch_rows": min(self._chunk_rows, 16_384)}
        with closing(connection.cursor(adbc_stmt_kwargs=rows)) as cursor:
            cursor.execute(statement)
            first = True
            for batch in cursor.fetch_record_batch():
                rest = batch.slice(1) if first else batch
                columns = [_together(*rest.columns[at : at + 3]) for at in range(0, rest.num_columns, 3)]
                yield pa.RecordBatch.from_arrays(columns, [str(at) for at in range(len(columns))])
                first = False

    def _explained(self, error: Exception) -> SourceError:
        return SourceError(f"{self.name} cannot answer: {_reason(error)}")


def _thrice(name: str) -> str:
    return (
        f"CASE typeof({name}) WHEN 'integer' THEN {name} END, CASE typeof({name}) WHEN 'real' THEN {name} END, "
        f"CASE typeof({name}) WHEN 'text' THEN {name} WHEN 'blob' THEN hex({name}) END"
    )


def _together(whole: pa.Array, real: pa.Array, text: pa.Array) -> pa.Array:
    """Return the values as numbers where that loses nothing, and else as the texts that stand for them."""
    there = [array for array in (whole, real, text) if array.null_count < len(array)]
    if len(there) < 2:
        return there[0] if there else whole
    if text.null_count == len(text) and (pc.max(pc.abs(whole)).as_py() or 0) <= _EXACT_INT:
        return pc.coalesce(real, whole.cast(pa.float64()))
    return pc.coalesce(text, whole.cast(pa.string()), real.cast(pa.string()))


def _reason(error: Exception) -> str:
    line = first_line(error).rpartition("] ")[2]
    return "it is not a database, or not there for this user" if "allocate memory" in line else line
