"""Rows of a CSV file, plain or compressed, in bounded memory.

1. What a cell means depends on the cell and the schema alone, never on the cells around it, so that a file may be split
   anywhere. A column of up to 15 significant digits is read as the nearest double; a wider one stays text, exactly.
2. A double that cannot be read must reach the statistics as a countable text. So the file is read as doubles until the
   first cell that is none; from that batch on the columns are read as texts and turned into doubles batch by batch.
   Where that fails, the batch has texts: the good cells as the shortest text of their double, which means the same.
3. A row with too few or too many values, bytes that are not UTF-8 in a wanted column, an unclosed quote at the end, or
   a file that changes meanwhile is an error that says where; nothing of a row's content is repeated in it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from fedpeer.adapters.files import CODECS, FileSource, row_ends, sliced, steady
from fedpeer.adapters.headers import doubles, places
from fedpeer.core.errors import SourceError
from fedpeer.core.statistics.numerals import MISSING
from fedpeer.core.statistics.schema import Schema

_BLOCK_BYTES = 2**20
_NULLS = sorted({spelling for text in MISSING for spelling in (text, text.upper(), text.title())} | {"NaN"})
_PLAIN = r"^[+-]?\d+(\.\d*)?([eE][+-]?\d+)?$"


class CsvSource(FileSource):
    """A Source over the CSV file at `path`; `schema` says which columns are numbers (without one, all are texts).

    `names` has, by feature, the column of the file where it is called otherwise.
    """

    def __init__(
        self,
        path: Path | str,
        schema: Schema | None = None,
        *,
        delimiter: str = ",",
        names: Mapping[str, str] | None = None,
        chunk_rows: int = 65_536,
        span: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(path, chunk_rows, span=span, head=row_ends(Path(path), 0, first=True) if span else 0)
        self._delimiter = delimiter
        self._numbers = doubles(schema, names)
        self._codec = CODECS.get(self._path.suffix.lower())

    def batches(
        self, columns: Sequence[str] | None = None, progress: Callable[[int], None] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows; a number column has doubles, or texts in a batch where a cell is not a number."""
        with steady(self._path, grows=self._span is not None):
            header = self._header()
            wanted = places(header.names, columns, self.name)
            if header.rows:
                for batch, done in self._read(header, wanted):
                    yield from sliced(batch, self._chunk_rows)
                    if progress:
                        progress(done)

    def _header(self) -> _Header:
        with self._text() as text:
            _refuse_binary(text, self.name)
            reader = csv.reader(_lines(text, self.name), delimiter=self._delimiter)
            try:
                names = next((row for row in reader if row), None)
                more = text.readline(_BLOCK_BYTES)
            except (csv.Error, OSError, pa.ArrowException) as error:
                raise SourceError(f"{self.name} cannot be read: {error}") from None
        if names is None:
            raise SourceError(f"{self.name} is empty", hint="its first row must name the columns")
        for name in names:
            if any("\udc80" <= sign <= "\udcff" for sign in name):  # how bytes that are not UTF-8 were let through
                raise SourceError(
                    f"{self.name}: the column name {name!a} in the first row is not UTF-8 text",
                    hint="save the file as UTF-8 (it may be in Latin-1 or Windows-1252)",
                )
        return _Header(names, reader.line_num, more != "")

    def _read(self, header: _Header, wanted: dict[str, int]) -> Iterator[tuple[pa.RecordBatch, int]]:
        """Yield batches of the wanted columns and the bytes read so far."""
        doubles = {str(place) for name, place in wanted.items() if name in self._numbers}
        rows, last = 0, None
        try:
            for batch, done in self._scan(header, wanted, doubles, rows):
                rows, last = rows + batch.num_rows, batch
                yield _renamed(batch, wanted), done
        except _NotANumberError:
            for batch, done in self._scan(header, wanted, set(), rows):
                last = batch
                yield _renamed(_with_doubles(batch, doubles), wanted), done
        if last is not None and _ends_within_quotes(last) and self._quotes() % 2:
            raise SourceError(f'{self.name} ends within quotes: one of its " is never closed', hint="mend the file")

    def _scan(
        self, header: _Header, wanted: dict[str, int], doubles: set[str], skip: int
    ) -> Iterator[tuple[pa.RecordBatch, int]]:
        """Yield the file's batches after `skip` rows, columns named by their place; the last one is always there."""
        width = len(header.names)
        kinds = {str(width - 1): pa.binary()} | {str(place): pa.string() for place in wanted.values()}
        kinds |= dict.fromkeys(doubles, pa.float64())
        faults: list[pyarrow.csv.InvalidRow] = []
        raw = self._raw()
        try:
            reader = pyarrow.csv.open_csv(
                pa.CompressedInputStream(raw, self._codec) if self._codec else raw,
                pyarrow.csv.ReadOptions(
                    # One thread is as fast for a stream, and knows the number of a faulty row.
                    use_threads=False,
                    block_size=_BLOCK_BYTES,
                    column_names=[str(place) for place in range(width)],
                    skip_rows=header.lines,
                    skip_rows_after_names=skip,
                ),
                pyarrow.csv.ParseOptions(
                    delimiter=self._delimiter,
                    newlines_in_values=True,
                    # An empty line is a row without a value if there is one column, and nothing otherwise.
                    ignore_empty_lines=width > 1,
                    invalid_row_handler=_noting(faults),
                ),
                pyarrow.csv.ConvertOptions(
                    include_columns=sorted(kinds, key=int),
                    column_types=kinds,
                    null_values=_NULLS,
                    strings_can_be_null=False,
                ),
            )
            for batch in reader:
                yield batch, raw.tell()
        except (pa.ArrowException, OSError) as error:
            raise self._explained(error, faults) from None
        finally:
            raw.close()

    def _explained(self, error: Exception, faults: list[pyarrow.csv.InvalidRow]) -> Exception:
        """Return what an operator can use of Arrow's complaint; the values it quotes stay out of every log."""
        text = str(error)
        if faults:
            row = faults[0]
            return SourceError(
                f"{self.name}: row {row.number} (the header is row 1) has {row.actual_columns} values, "
                f"the header {row.expected_columns}",
                hint="mend the row; a value that contains the delimiter or a line break must be in quotes",
            )
        if "conversion error to double" in text:
            return _NotANumberError()
        if "invalid UTF8" in text:
            return self._undecodable()
        if "straddling" in text or "block size" in text:
            return SourceError(
                f"{self.name} has a row of more than {_BLOCK_BYTES // 2**20} MiB",
                hint='a quote (") that is opened and never closed is the usual reason',
            )
        return SourceError(f"{self.name} cannot be read: {text.splitlines()[0]}")

    def _undecodable(self) -> SourceError:
        line, offset = 1, 0
        with self._bytes() as file:
            while data := file.readline(_BLOCK_BYTES):
                try:
                    data.decode()
                except UnicodeDecodeError as error:
                    return SourceError(
                        f"{self.name}: byte {offset + error.start}, on line {line}, is not UTF-8 text",
                        hint="save the file as UTF-8 (it may be in Latin-1 or Windows-1252)",
                    )
                line, offset = line + data.endswith(b"\n"), offset + len(data)
        return SourceError(f"{self.name} is not UTF-8 text", hint="save the file as UTF-8")

    def _quotes(self) -> int:
        with self._bytes() as file:
            return sum(data.count(b'"') for data in iter(lambda: file.read(_BLOCK_BYTES), b""))

    def _bytes(self) -> io.BufferedReader:
        try:
            if self._span is not None:
                return io.BufferedReader(self._part())
            return io.BufferedReader(pa.input_stream(str(self._path), compression=self._codec))
        except (OSError, pa.ArrowException) as error:
            raise SourceError(f"cannot open {self._path}: {getattr(error, 'strerror', None) or error}") from None

    def _text(self) -> io.TextIOWrapper:
        return io.TextIOWrapper(self._bytes(), "utf-8-sig", errors="surrogateescape", newline="")


@dataclass(frozen=True, slots=True)
class _Header:
    """The first row: its names, the lines of text it ends after, and whether anything follows."""

    names: list[str]
    lines: int
    rows: bool


def _noting(faults: list[pyarrow.csv.InvalidRow]) -> Callable[[pyarrow.csv.InvalidRow], str]:
    def note(row: pyarrow.csv.InvalidRow) -> str:
        faults.append(row)
        return "error"

    return note


class _NotANumberError(Exception):
    """A cell of a number column is not a number: not a fault, but it must be read another way."""


def _bytes(path: Path, codec: str | None) -> io.BufferedReader:
    try:
        return io.BufferedReader(pa.input_stream(str(path), compression=codec))
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"cannot open {path}: {getattr(error, 'strerror', None) or error}") from None


def _text(path: Path, codec: str | None) -> io.TextIOWrapper:
    return io.TextIOWrapper(_bytes(path, codec), "utf-8-sig", errors="surrogateescape", newline="")


def _refuse_binary(text: io.TextIOWrapper, name: str) -> None:
    try:
        head = text.buffer.peek(4096)[:4096]  # type: ignore[attr-defined]
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{name} cannot be read: {error}") from None
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SourceError(f"{name} is UTF-16 text", hint="save the file as UTF-8")
    if b"\0" in head:
        raise SourceError(f"{name} is not text", hint="a compressed file must be named .csv.gz or .csv.zst")


def _lines(text: io.TextIOWrapper, name: str) -> Iterator[str]:
    while line := text.readline(_BLOCK_BYTES):
        if len(line) >= _BLOCK_BYTES:
            raise SourceError(f"the first row of {name} is longer than {_BLOCK_BYTES // 2**20} MiB")
        yield line


def _renamed(batch: pa.RecordBatch, wanted: dict[str, int]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([batch.column(str(place)) for place in wanted.values()], list(wanted))


def _ends_within_quotes(batch: pa.RecordBatch) -> bool:
    """Whether the last value of the last row has a line break, as it has when it swallowed the rest of the file."""
    value: Any = batch.column(batch.num_columns - 1)[-1].as_py() if batch.num_rows else None
    text = value.encode() if isinstance(value, str) else value
    return isinstance(text, bytes) and (b"\n" in text or b"\r" in text)


def _with_doubles(batch: pa.RecordBatch, names: set[str]) -> pa.RecordBatch:
    pairs = zip(batch.schema.names, batch.columns, strict=True)
    columns = [_as_doubles(array) if name in names else array for name, array in pairs]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


def _as_doubles(texts: pa.Array) -> pa.Array:
    """Return doubles, or, if a text is not one, texts of which each says what its double would have said."""
    # Cheapest first: most batches hold numbers alone, or numbers and the usual words for none.
    for known in _simpler(texts):
        try:
            return pc.cast(known, pa.float64())
        except pa.ArrowInvalid:
            pass
    coded = known.dictionary_encode()
    return _respelled(coded.dictionary).take(coded.indices)


def _simpler(texts: pa.Array) -> Iterator[pa.Array]:
    yield texts
    yield pc.if_else(pc.is_in(texts, pa.array(_NULLS)), None, texts)
    trimmed = pc.utf8_trim_whitespace(texts)
    yield pc.if_else(pc.is_in(pc.utf8_lower(trimmed), pa.array(sorted(MISSING))), None, trimmed)


def _respelled(words: pa.Array) -> pa.Array:
    """Return each word that is read as a double as that double's shortest text, and the others as they are."""
    plain = pc.match_substring_regex(words, _PLAIN)
    spelled = pc.cast(pc.cast(pc.if_else(plain, words, None), pa.float64()), pa.string())
    others = [_respelled_one(word) for word in words.filter(pc.invert(plain))]
    return pc.replace_with_mask(spelled, pc.invert(plain), pa.array(others, pa.string()))


def _respelled_one(word: pa.StringScalar) -> str:
    try:
        return str(word.cast(pa.float64()).as_py())
    except pa.ArrowInvalid:
        return str(word)
