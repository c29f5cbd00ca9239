"""Rows in the messages of a stream: JSON objects, or lines of CSV. Of an unreadable one only the reason is told."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from fedpeer.adapters.headers import folded
from fedpeer.adapters.source_several import mapping
from fedpeer.core.errors import SourceError
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.table import lacked

LONGEST = 1 << 20  # bytes of a message
OPTIONS = ("format", "columns", "delimiter", "map")

_FORMATS = ("json", "csv")
_NEVER = "\"'\\\n\r\0"


class UnreadableError(Exception):
    """Why a message holds no rows, in words that repeat nothing of it."""


@dataclass(frozen=True, slots=True)
class Messages:
    """How to read messages: `wanted` has the column of each needed one, `columns` those of a line of CSV, in order."""

    wanted: Mapping[str, str]
    columns: tuple[str, ...]
    delimiter: str

    @classmethod
    def of(cls, schema: Schema, options: Mapping[str, Any]) -> Messages:
        """Read the options; SourceError says what is wrong with them."""
        form = options.get("format", "json")
        if form not in _FORMATS:
            raise SourceError(f"messages cannot be {form!r:.40}", hint=f"choose {' or '.join(_FORMATS)}")
        names = mapping(options["map"], schema) if "map" in options else {}
        wanted = {name: folded(names.get(name, name)) for name in schema.needed}
        if form == "json":
            if given := next((key for key in ("columns", "delimiter") if key in options), None):
                raise SourceError(f"{given} is an option of messages of CSV", hint="say format=csv as well")
            return cls(wanted, (), "")
        columns = _columns(options.get("columns"))
        missing = [wanted[name] for name in lacked(wanted) if wanted[name] not in columns]
        if missing:
            raise SourceError(f"columns has no {', '.join(map(repr, missing[:5]))}, which the schema needs")
        return cls(wanted, columns, _delimiter(options.get("delimiter", ",")))

    def read(self, body: bytes) -> list[list[Any]]:
        """Return the rows of a message, each with the needed values in order; UnreadableError."""
        if len(body) > LONGEST:
            raise UnreadableError("longer than 1 MiB")
        rows = [
            self._picked(row)
            for row in (_lines(body, self.columns, self.delimiter) if self.columns else _objects(body))
        ]
        if not rows:
            raise UnreadableError("without a row")
        return rows

    def _picked(self, row: Mapping[str, Any]) -> list[Any]:
        values = [row.get(column) for column in self.wanted.values()]
        for value in values:
            if isinstance(value, list | dict):
                raise UnreadableError("with a list or an object for a value")
            if isinstance(value, str) and not _is_unicode(value):
                raise UnreadableError("with a text that is not Unicode")
        return values


def sampled(bodies: Iterable[bytes], options: Mapping[str, Any], most: int) -> dict[str, list[Any]]:
    """Return the first rows of messages by column, whatever columns they have; what cannot be read is passed over."""
    rows: list[Mapping[str, Any]] = []
    for body in bodies:
        try:
            rows += list(_lines_of(body, options) if options.get("format") == "csv" else _objects(body))
        except UnreadableError:
            continue
        if len(rows) >= most:
            break
    names = list(dict.fromkeys(name for row in rows[:most] for name in row))
    return {name: [row.get(name) for row in rows[:most]] for name in names}


def _lines_of(body: bytes, options: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Lines of CSV; without names for their values these are numbered."""
    sign = _delimiter(options.get("delimiter", ","))
    if "columns" in options:
        return _lines(body, _columns(options["columns"]), sign)
    count = body.partition(b"\n")[0].count(sign.encode()) + 1
    return _lines(body, tuple(f"column {number}" for number in range(1, count + 1)), sign)


def _lines(body: bytes, columns: tuple[str, ...], delimiter: str) -> Iterator[Mapping[str, Any]]:
    try:
        text = body.decode()
        for values in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            if values and len(values) != len(columns):
                raise UnreadableError("with another number of values than columns")
            if values:
                yield dict(zip(columns, values, strict=True))
    except UnicodeDecodeError:
        raise UnreadableError("not UTF-8") from None
    except csv.Error:
        raise UnreadableError("not CSV") from None


def _objects(body: bytes) -> Iterator[Mapping[str, Any]]:
    """One object, a list of them, or one a line."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        told = _by_line(body)
    for row in told if isinstance(told, list) else [told]:
        if not isinstance(row, dict):
            raise UnreadableError("not an object of values by column")
        yield {folded(key): value for key, value in row.items()}


def _by_line(body: bytes) -> list[Any]:
    """Objects line by line, also with the NaN and Infinity that many programs write."""
    try:
        told = [json.loads(line) for line in body.split(b"\n") if line.strip()]
    except (ValueError, RecursionError):
        raise UnreadableError("not JSON") from None
    return told[0] if len(told) == 1 and isinstance(told[0], list) else told


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _columns(told: Any) -> tuple[str, ...]:
    if isinstance(told, str):
        told = told.split(",")
    if not isinstance(told, list) or not told or not all(isinstance(name, str) and name.strip() for name in told):
        raise SourceError("messages of CSV need columns: the names of their values", hint="such as columns=age,ill")
    names = tuple(map(folded, told))
    if len(set(names)) < len(names):
        raise SourceError("columns has a name twice")
    return names


def _delimiter(sign: Any) -> str:
    if not isinstance(sign, str) or len(sign) != 1 or not sign.isascii() or sign.isalnum() or sign in _NEVER:
        raise SourceError(f"{sign!r:.20} cannot separate columns", hint="use one sign, such as , ; or a tab")
    return sign
