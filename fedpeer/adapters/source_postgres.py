"""Rows of a query to a PostgreSQL database, streamed to us in a transaction that cannot write.

A location never holds a password. It comes from a file that the option `password_file` names, or, as for every other
client, from PGPASSWORD or ~/.pgpass of the user that runs the daemon.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pyarrow as pa

from fedpeer.adapters.files import facts, first_line
from fedpeer.adapters.headers import places
from fedpeer.adapters.sql import QuerySource, quoted
from fedpeer.core.errors import SourceError

_KNOWN = ("connect_timeout", "dbname", "host", "port", "sslmode", "sslrootcert", "target_session_attrs", "user")
_PLAIN = frozenset({"int2", "int4", "int8", "float4", "float8", "bool", "text", "varchar"})  # as Arrow has them
_BATCH_BYTES = 4 * 2**20
_PASSWORD_BYTES = 1024
_OF_VALUES = ("22", "23", "P0", "XX")  # classes of SQLSTATE whose messages may quote a value of a row
_TROUBLES = (
    "in a read-only transaction", "division by zero", "invalid input syntax", "out of range", "canceling statement",
    "terminating connection", "server closed the connection",
)  # fmt: skip
_READ_ONLY = "-c default_transaction_read_only=on"


class PostgresSource(QuerySource):
    """A Source over the rows that `query` gives on the database at `location`."""

    def __init__(
        self, location: str, query: Any, *, password_file: Path | None = None, chunk_rows: int = 65_536
    ) -> None:
        self._name, self._told = _taken_apart(location)
        super().__init__(query, "adbc_driver_postgresql.dbapi", chunk_rows)
        self._password = _password(password_file) if password_file else ""

    @property
    def name(self) -> str:
        """The address without its parameters; neither a password nor the query is in it."""
        return self._name

    def _connected(self) -> Any:
        told = self._told | ({"password": self._password} if self._password else {}) | {"options": _READ_ONLY}
        return self._driver.connect(f"{self._name}?{urlencode(told, quote_via=quote)}")

    def _asked(self, connection: Any, columns: Sequence[str] | None) -> tuple[list[str], str]:
        """Return the names of the columns, and the statement for them; unusual types are asked for as texts."""
        whole = f"FROM (\n{self._query}\n) AS asked"
        with closing(connection.cursor()) as cursor:
            schema = cursor.adbc_execute_schema(f"SELECT * {whole}")
        wanted = places(schema.names, columns, self.name)
        return list(wanted), f"SELECT {', '.join(_column(schema.field(at)) for at in wanted.values())} {whole}"

    def _answers(self, connection: Any, statement: str) -> Iterator[pa.RecordBatch]:
        size = {"adbc.postgresql.batch_size_hint_bytes": str(_BATCH_BYTES)}
        with closing(connection.cursor(adbc_stmt_kwargs=size)) as cursor:
            cursor.execute(statement)
            yield from cursor.fetch_record_batch()

    def _explained(self, error: Exception) -> SourceError:
        """Return what an operator can use of the server's complaint: no value of a row, no password."""
        text = str(error).partition("ERROR:  ")[2] or str(error).partition("FATAL:  ")[2] or str(error)
        line = first_line(ValueError(text)).removeprefix("IO: [libpq] Failed to connect: ").strip()
        state = error.sqlstate or "" if isinstance(error, self._driver.Error) else _OF_VALUES[0]
        if state.startswith(_OF_VALUES):  # what is said once rows are read may quote them, and in any language
            line = next((words for words in _TROUBLES if words in line), "the query failed")
            line = f"{line} (what else is said may hold values, and is left out)"
        for secret in (self._password, quote(self._password, safe="")):
            line = line.replace(secret, "***") if secret else line
        if "password" in line:
            hint = "put the password into a file of its own and name it: --option password_file=FILE"
            return SourceError(f"{self._name} does not let us in: {line}", hint=hint)
        return SourceError(f"{self._name} cannot answer: {line}", hint="try the query with psql, as the same user")


def _taken_apart(location: str) -> tuple[str, dict[str, str]]:
    """Return the address that may be shown, and its parameters; SourceError if there is a secret in it."""
    try:
        parts = urlsplit(location)
        secret, told = parts.password is not None, dict(parse_qsl(parts.query, keep_blank_values=True))
        shown = f"postgresql://{parts.netloc}{parts.path}"
    except ValueError:
        raise SourceError("the location is not an address such as postgresql://user@host/database") from None
    if secret or any("pass" in key.lower() for key in told):
        raise SourceError(
            "a location must not hold a password: it is shown and kept",
            hint="give postgresql://user@host/database, and the password in a file: --option password_file=FILE",
        )
    unknown = next((key for key in told if key not in _KNOWN), None)
    if unknown is not None or parts.fragment:
        what = repr(unknown[:40]) if unknown else "what follows a #"
        raise SourceError(f"{what} has no place in a location", hint=f"known are: {', '.join(_KNOWN)}")
    return shown, told


def _password(path: Path) -> str:
    if facts(path).st_mode & 0o077:
        raise SourceError(f"{path} can be read by others on this machine", hint=f"chmod 600 {path}")
    with path.open("rb") as file:
        data = file.read(_PASSWORD_BYTES + 1)
    text = data.decode("utf-8", "replace").rstrip("\r\n")
    if not text or len(data) > _PASSWORD_BYTES or "\n" in text or "\0" in text:
        raise SourceError(f"{path} does not hold a password: one line, of at most {_PASSWORD_BYTES} bytes")
    return text


def _column(field: pa.Field) -> str:
    kind = (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode()
    return quoted(field.name) if kind in _PLAIN else f"{quoted(field.name)}::text"
