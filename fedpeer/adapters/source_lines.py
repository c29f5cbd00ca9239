"""Rows of a file of JSON lines, an object a line, plain or compressed, in bounded memory.

1. The meaning of a value is the one it has in posted rows; the file may be split at any line.
2. A block of whole lines is read by Arrow, told which type each column has. Where that fails, because a column mixes
   types or the types are not known yet, the block is read object by object, and what was seen is told to Arrow next.
3. A column is missing if no row of the whole file has its key; in a row without the key it is a missing value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.json

from fedpeer.adapters.files import CODECS, FileSource, first_line, sliced, steady
from fedpeer.adapters.headers import doubles, folded, places
from fedpeer.core.errors import SourceError
from fedpeer.core.statistics.arrays import array_of
from fedpeer.core.statistics.schema import Schema

_BLOCK_BYTES = 2**20
_BOM = b"\xef\xbb\xbf"
_OBJECTS = msgspec.json.Decoder(dict[str, Any])


class LinesSource(FileSource):
    """A Source over the JSON lines at `path`; `names` has, by feature, the key where it is called otherwise."""

    def __init__(
        self,
        path: Path | str,
        schema: Schema | None = None,
        *,
        names: Mapping[str, str] | None = None,
        chunk_rows: int = 65_536,
        span: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(path, chunk_rows, span=span)
        self._narrow = doubles(schema, names)
        self._codec = CODECS.get(self._path.suffix.lower())

    def batches(
        self, columns: Sequence[str] | None = None, progress: Callable[[int], None] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of the wanted keys; with None, of every key of the file, which reads it twice."""
        with steady(self._path, grows=self._span is not None):
            view = _View(self.name, self._keys() if columns is None else list(columns), self._narrow)
            for block, done in self._blocks():
                yield from sliced(view.read(block), self._chunk_rows)
                if progress:
                    progress(done)
            # A key that only earlier rows have is a missing value in these.
            if self._span is None or self._span[0] == 0:
                view.finish()

    def _keys(self) -> list[str]:
        keys: dict[str, None] = {}
        for block, _ in self._blocks():
            keys.update(dict.fromkeys(key for row in _decoded(block, self.name) for key in row))
        return [folded(key) for key in keys]

    def _blocks(self) -> Iterator[tuple[_Block, int]]:
        """Yield whole lines, about a MiB at a time, and the bytes read so far."""
        try:
            with self._raw() as raw:
                yield from self._cut(pa.CompressedInputStream(raw, self._codec) if self._codec else raw, raw.tell)
        except (pa.ArrowException, OSError) as error:
            raise SourceError(f"{self.name} cannot be read: {first_line(error)}") from None

    def _cut(self, stream: pa.NativeFile, told: Callable[[], int]) -> Iterator[tuple[_Block, int]]:
        line, rest = 1, b""
        while data := stream.read(_BLOCK_BYTES):
            lines, end, tail = data.rpartition(b"\n")
            if not end and len(rest) + len(data) > _BLOCK_BYTES:
                raise SourceError(
                    f"{self.name}: line {line} is longer than {_BLOCK_BYTES // 2**20} MiB",
                    hint="each line is one row, a JSON object; a list of all rows is not JSON lines",
                )
            if end:
                block = _Block((rest + lines + end).removeprefix(_BOM) if line == 1 else rest + lines + end, line)
                yield block, told()
                line, rest = line + block.data.count(b"\n"), tail
            else:
                rest += data
        if rest.strip():
            yield _Block(rest.removeprefix(_BOM) if line == 1 else rest, line), told()


@dataclass(frozen=True, slots=True)
class _Block:
    """Whole lines of a file, and the number of the first."""

    data: bytes
    line: int


class _View:
    """The wanted columns of a file, and what is known of them so far."""

    def __init__(self, name: str, wanted: list[str], narrow: frozenset[str]) -> None:
        self._name, self._wanted, self._narrow = name, wanted, narrow
        self._seen: dict[str, None] = {}  # keys as the file spells them
        self._keys: dict[str, str] = {}  # by wanted name
        self._types: dict[str, pa.DataType] = {}  # by wanted name, where Arrow may read it

    def read(self, block: _Block) -> pa.RecordBatch:
        """Return the rows of a block."""
        try:
            block.data.decode()
        except UnicodeDecodeError as error:
            line = block.line + block.data.count(b"\n", 0, error.start)
            raise SourceError(f"{self._name}: line {line} is not UTF-8 text", hint="save the file as UTF-8") from None
        batch = self._quickly(block) if len(self._types) == len(self._wanted) else None
        return self._carefully(block) if batch is None else batch

    def finish(self) -> None:
        """Refuse a file in whose rows a wanted key never was."""
        if self._seen:
            places(list(self._seen), self._wanted, self._name)

    def _quickly(self, block: _Block) -> pa.RecordBatch | None:
        """Return the rows as Arrow reads them; None if the values are not of the types that they were."""
        schema = pa.schema([(self._keys[name], self._types[name]) for name in self._wanted])
        try:
            table = pyarrow.json.read_json(
                pa.BufferReader(block.data),
                pyarrow.json.ReadOptions(use_threads=False, block_size=len(block.data) + 1),
                pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
            )
        except pa.ArrowException:
            return None
        arrays = [table.column(self._keys[name]).combine_chunks() for name in self._wanted]
        return pa.RecordBatch.from_arrays(arrays, self._wanted)

    def _carefully(self, block: _Block) -> pa.RecordBatch:
        rows = _decoded(block, self._name)
        if len(self._keys) < len(self._wanted):
            self._seen.update(dict.fromkeys(key for row in rows for key in row))
            spelled = {folded(key): key for key in self._seen}
            there = [name for name in self._wanted if folded(name) in spelled]
            places(list(self._seen), there, self._name)
            self._keys = {name: spelled[folded(name)] for name in there}
        arrays = [self._column(name, rows, block) for name in self._wanted]
        return pa.RecordBatch.from_arrays(arrays, self._wanted)

    def _column(self, name: str, rows: list[dict[str, Any]], block: _Block) -> pa.Array:
        key = self._keys.get(name)
        values = [row.get(key) for row in rows] if key is not None else [None] * len(rows)
        at = next((at for at, value in enumerate(values) if isinstance(value, dict | list)), None)
        if at is not None:
            raise SourceError(
                f"{self._name}: row {at + 1} of those from line {block.line} on has a list or an object in {name!r}",
                hint="a value is a number, a text, true, false or null",
            )
        try:
            array = array_of(values)
        except UnicodeEncodeError:
            raise SourceError(f"{self._name}: column {name!r} has a text that is not Unicode") from None
        self._learn(name, array, values)
        return array

    def _learn(self, name: str, array: pa.Array, values: list[Any]) -> None:
        mixed = pa.types.is_string(array.type) and not all(isinstance(v, str | None) for v in values)
        # A double that stands for more digits than it keeps must not be told from an integer by its neighbours.
        wide = pa.types.is_floating(array.type) and self._keys.get(name) not in self._narrow
        if mixed or wide:
            self._types.pop(name, None)
        elif array.null_count < len(array):
            self._types[name] = array.type


def _decoded(block: _Block, name: str) -> list[dict[str, Any]]:
    try:
        return _OBJECTS.decode_lines(block.data)
    except (msgspec.DecodeError, RecursionError):
        lines = enumerate(block.data.split(b"\n"), start=block.line)
        return [_object(line, name, number) for number, line in lines if line.strip()]


def _object(line: bytes, name: str, number: int) -> dict[str, Any]:
    """Return one row, also with the NaN and Infinity that many programs write."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise SourceError(
            f"{name}: line {number} is not a JSON object",
            hint='each line is one row, such as {"age": 61, "ill": true}; a list of all rows is not JSON lines',
        )
    return row
