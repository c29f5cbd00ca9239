"""Rows of an Arrow IPC file or stream, record batch by record batch.

A file is read, never mapped: a mapped one that somebody shortens would end the process. So memory is that of the wanted
columns of one record batch as the file has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc

from fedpeer.adapters.files import FileSource, first_line, sliced, steady
from fedpeer.adapters.headers import places
from fedpeer.core.errors import SourceError

_FILE, _FEATHER_1 = b"ARROW1", b"FEA1"


class ArrowSource(FileSource):
    """A Source over the Arrow IPC file (also called Feather) or stream at `path`; its first bytes tell which."""

    def __init__(self, path: Path | str, *, chunk_rows: int = 65_536) -> None:
        super().__init__(path, chunk_rows)

    def batches(
        self, columns: Sequence[str] | None = None, progress: Callable[[int], None] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of the wanted columns; a column of lists or structures is refused."""
        with steady(self._path), self._opened() as raw:
            schema = self._reader(raw).schema
            wanted = places(schema.names, columns, self.name)
            for name, place in wanted.items():
                if pa.types.is_nested(schema.field(place).type):
                    raise SourceError(f"{self.name}: column {name!r} has lists or structures, not single values")
            raw.seek(0)
            # Arrow gives the included columns in the order of the file.
            fields = sorted(wanted.values())
            order = [fields.index(place) for place in wanted.values()]
            for batch in self._read(raw, fields):
                arrays = [_plain(batch.column(at)) for at in order]
                kept = [
                    pa.field(name, array.type, metadata=batch.schema.field(at).metadata)
                    for name, array, at in zip(wanted, arrays, order, strict=True)
                ]
                yield from sliced(pa.RecordBatch.from_arrays(arrays, schema=pa.schema(kept)), self._chunk_rows)
                if progress:
                    progress(raw.tell())
            if progress:
                progress(self.size)

    def _read(self, raw: pa.NativeFile, fields: list[int]) -> Iterator[pa.RecordBatch]:
        reader, read = self._reader(raw, fields), 0
        try:
            if isinstance(reader, pyarrow.ipc.RecordBatchFileReader):
                parts = (reader.get_batch(at) for at in range(reader.num_record_batches))
            else:
                parts = iter(reader)
            for batch in parts:
                batch.validate(full=True)
                read += batch.num_rows
                yield batch
        except (pa.ArrowException, OSError) as error:
            raise SourceError(f"{self.name} is damaged after row {read}: {first_line(error)}") from None

    def _reader(
        self, raw: pa.NativeFile, fields: list[int] | None = None
    ) -> pyarrow.ipc.RecordBatchFileReader | pyarrow.ipc.RecordBatchStreamReader:
        head = raw.read(len(_FILE))
        raw.seek(0)
        if head.startswith(_FEATHER_1):
            raise SourceError(f"{self.name} is a Feather file of version 1", hint="write it again, as version 2")
        options = pyarrow.ipc.IpcReadOptions(included_fields=fields or [], use_threads=False)
        try:
            if head == _FILE:
                return pyarrow.ipc.open_file(raw, options=options)
            return pyarrow.ipc.open_stream(raw, options=options)
        except (pa.ArrowException, OSError) as error:
            raise SourceError(f"{self.name} is not an Arrow file: {first_line(error)}") from None

    @contextmanager
    def _opened(self) -> Iterator[pa.NativeFile]:
        try:
            raw = pa.OSFile(str(self._path))
        except OSError as error:
            raise SourceError(f"cannot open {self.name}: {(error.strerror or first_line(error)).lower()}") from None
        try:
            yield raw
        finally:
            raw.close()


def _plain(array: pa.Array) -> pa.Array:
    """Return the values without the meaning that an extension gives them."""
    return array.storage if isinstance(array, pa.ExtensionArray) else array
