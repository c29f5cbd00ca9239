"""Rows of a DuckDB query over files, or over a DuckDB database, locked in.

DuckDB may read files under the allowed directories and nothing else: it neither writes, nor installs or loads
extensions, nor attaches or reaches other places, nor keeps rows on disk when memory is short; and none of this can be
changed by a query. Links within the directories are followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from fedpeer.adapters.files import first_line
from fedpeer.adapters.headers import places
from fedpeer.adapters.sql import QuerySource, quoted
from fedpeer.core.errors import SourceError

_MEMORY = "256MiB"
_PLAIN = (
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "FLOAT", "DOUBLE", "BOOLEAN",
    "VARCHAR", "DECIMAL",
)  # fmt: skip
_OF_VALUES = ("Conversion", "Invalid Input", "Out of Range", "Constraint")  # errors that quote a row


class DuckdbSource(QuerySource):
    """A Source over the rows that `query` gives, on files under `roots` and on the database at `path` if any."""

    def __init__(
        self, query: Any, *, path: Path | None = None, roots: Sequence[Path] = (Path("/"),), chunk_rows: int = 65_536
    ) -> None:
        self._path, self._roots = path, tuple(roots)
        super().__init__(query, "duckdb", chunk_rows)

    @property
    def name(self) -> str:
        """The database's path if there is one; the query is not repeated."""
        return f"duckdb:{self._path or ''}"

    def _connected(self) -> Any:
        found = self._driver.connect(str(self._path or ":memory:"), read_only=self._path is not None)
        try:
            for setting, value in (
                ("memory_limit", _MEMORY),
                ("temp_directory", ""),
                ("threads", 1),
                ("python_enable_replacements", False),
                ("autoinstall_known_extensions", False),
                ("autoload_known_extensions", False),
                ("allow_community_extensions", False),
                ("allowed_directories", [f"{root.resolve()}" for root in self._roots]),
                ("enable_external_access", False),
                ("lock_configuration", True),
            ):
                found.execute(f"SET {setting} = {_literal(value)}")
        except BaseException:
            found.close()
            raise
        return found

    def _check(self, connection: Any) -> None:
        """Refuse all but one SELECT."""
        found = connection.extract_statements(self._query)
        if len(found) != 1 or found[0].type != self._driver.StatementType.SELECT:
            raise SourceError(f"{self.name}: the query is not one SELECT", hint="it may read, and nothing else")

    def _asked(self, connection: Any, columns: Sequence[str] | None) -> tuple[list[str], str]:
        """Return the names of the columns, and the statement for them; unusual types are asked for as texts."""
        self._check(connection)
        whole = f"FROM (\n{self._query}\n) AS asked"
        told = connection.execute(f"DESCRIBE SELECT * {whole}").fetchall()
        wanted = places([name for name, *_ in told], columns, self.name)
        asked = (_column(*told[place][:2]) for place in wanted.values())
        return list(wanted), f"SELECT {', '.join(asked)} {whole}"

    def _answers(self, connection: Any, statement: str) -> Iterable[pa.RecordBatch]:
        reader: Iterable[pa.RecordBatch] = connection.sql(statement).to_arrow_reader(self._chunk_rows)
        return reader

    def _explained(self, error: Exception) -> SourceError:
        return SourceError(f"{self.name} cannot answer: {_reason(error)}")


def _column(name: str, kind: str) -> str:
    return quoted(name) if kind.partition("(")[0] in _PLAIN and "[" not in kind else f"{quoted(name)}::VARCHAR"


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, bool | int):
        return str(value).lower()
    escaped = value.replace("'", "''")
    return f"'{escaped}'"


def _reason(error: Exception) -> str:
    """Return what a complaint says, without what it repeats of values."""
    line = first_line(error)
    kind = next((kind for kind in _OF_VALUES if f"{kind} Error" in line), None)
    return f"a value cannot be computed by the query ({kind.lower()} error)" if kind else line
