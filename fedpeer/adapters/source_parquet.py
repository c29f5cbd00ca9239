"""Rows of a Parquet file, column by column and batch by batch, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from fedpeer.adapters.files import FileSource, first_line
from fedpeer.adapters.headers import places
from fedpeer.core.errors import SourceError

_BUFFER_BYTES = 2**20


class ParquetSource(FileSource):
    """A Source over the Parquet file at `path`. Values keep the types that the file gives them."""

    def __init__(self, path: Path | str, *, chunk_rows: int = 65_536) -> None:
        super().__init__(path, chunk_rows)

    @property
    def unit(self) -> str:
        """What `size` and `progress` count."""
        return "rows"

    @property
    def size(self) -> int:
        """Rows of the file; `progress` counts these."""
        with self._open() as file:
            return int(file.metadata.num_rows)

    def batches(
        self, columns: Sequence[str] | None = None, progress: Callable[[int], None] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of the wanted columns; a column of lists or structures is refused."""
        with self._open() as file:
            schema = file.schema_arrow
            wanted = places(schema.names, columns, self.name)
            for name, place in wanted.items():
                if pa.types.is_nested(schema.field(place).type):
                    raise SourceError(f"{self.name}: column {name!r} has lists or structures, not single values")
            named = [schema.names[place] for place in wanted.values()]
            read = 0
            try:
                for batch in file.iter_batches(self._chunk_rows, columns=named, use_threads=False):
                    read += batch.num_rows
                    yield batch.select(named).rename_columns(list(wanted))
                    if progress:
                        progress(read)
            except (pa.ArrowException, OSError) as error:
                raise SourceError(f"{self.name} is damaged after row {read}: {first_line(error)}") from None

    def _open(self) -> pyarrow.parquet.ParquetFile:
        try:
            # With a buffer, pages are read when they are needed instead of whole column chunks.
            return pyarrow.parquet.ParquetFile(self._path, buffer_size=_BUFFER_BYTES, pre_buffer=False)
        except OSError as error:
            raise SourceError(f"cannot open {self.name}: {(error.strerror or first_line(error)).lower()}") from None
        except pa.ArrowException as error:
            raise SourceError(f"{self.name} is not a Parquet file: {first_line(error)}") from None
