"""What files of every kind have in common: their facts, their bytes, and what Arrow says of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from fedpeer.core.errors import SourceError

CODECS = {".gz": "gzip", ".zst": "zstd"}  # by the last suffix of a name


def facts(path: Path) -> os.stat_result:
    """Return the facts of a regular file; SourceError if it is none."""
    try:
        found = path.stat()
    except OSError as error:
        raise SourceError(f"cannot open {path}: {(error.strerror or str(error)).lower()}") from None
    if not stat.S_ISREG(found.st_mode):
        raise SourceError(f"{path} is not a file")
    return found


class FileSource:
    """What sources over one file have in common; `size` and `progress` count its bytes as they lie on disk."""

    def __init__(self, path: Path | str, chunk_rows: int) -> None:
        self._path = Path(path)
        self._chunk_rows = chunk_rows

    @property
    def name(self) -> str:
        """The path."""
        return str(self._path)

    @property
    def unit(self) -> str:
        """What `size` and `progress` count."""
        return "bytes"

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return facts(self._path).st_size


@contextmanager
def steady(path: Path) -> Iterator[None]:
    """Refuse, at the end, a file that changed meanwhile."""
    before = facts(path)
    yield
    after = facts(path)
    if (before.st_mtime_ns, before.st_size, before.st_ino) != (after.st_mtime_ns, after.st_size, after.st_ino):
        raise SourceError(f"{path} changed while it was read", hint="wait until it is written, then read it again")


def first_line(error: Exception) -> str:
    """Return the first line of what a library complains of."""
    return (str(error).splitlines() or ["unreadable"])[0]


def sliced(batch: pa.RecordBatch, most: int) -> Iterator[pa.RecordBatch]:
    """Yield a batch in pieces of at most so many rows."""
    for start in range(0, batch.num_rows, most):
        yield batch.slice(start, most)
