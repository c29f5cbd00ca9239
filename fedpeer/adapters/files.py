"""What files of every kind have in common: their facts, their bytes, and what Arrow says of them."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from fedpeer.core.errors import SourceError

_LINE_BYTES = 2**20
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


class Part(io.RawIOBase):
    """The bytes of a file before `head`, which is where its header ends, and those of a span of it, as one stream."""

    def __init__(self, path: Path, head: int, span: tuple[int, int]) -> None:
        super().__init__()
        start, end = span
        self._pieces = [(0, end)] if start <= head else [(0, head), (start, end)]
        self._file = path.open("rb")
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """How many bytes were read."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with what comes next of the current piece."""
        before = 0
        for start, end in self._pieces:
            here = self._at - before
            if here < end - start:
                self._file.seek(start + here)
                data = self._file.read(min(len(buffer), end - start - here))
                buffer[: len(data)] = data
                self._at += len(data)
                return len(data)
            before += end - start
        return 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


class FileSource:
    """What sources over one file have in common; `size` and `progress` count its bytes as they lie on disk.

    With `span`, only those of its bytes are read, after its first `head`: of a file that grows at its end.
    """

    def __init__(
        self, path: Path | str, chunk_rows: int, *, span: tuple[int, int] | None = None, head: int = 0
    ) -> None:
        self._path = Path(path)
        self._chunk_rows = chunk_rows
        self._span, self._head = span, head

    @property
    def name(self) -> str:
        """The path, and which of its bytes if not all are meant."""
        return str(self._path) if self._span is None else f"{self._path} from byte {self._span[0]} on"

    @property
    def unit(self) -> str:
        """What `size` and `progress` count."""
        return "bytes"

    @property
    def size(self) -> int:
        """Bytes of the file, or of the span."""
        return facts(self._path).st_size if self._span is None else self._span[1] - self._span[0]

    def _raw(self) -> pa.NativeFile:
        """The bytes as they lie there."""
        return pa.OSFile(str(self._path)) if self._span is None else pa.PythonFile(self._part(), "r")

    def _part(self) -> Part:
        return Part(self._path, self._head, self._span or (0, 0))


@contextmanager
def steady(path: Path, *, grows: bool = False) -> Iterator[None]:
    """Refuse, at the end, a file that changed meanwhile; one that `grows` may have become longer."""
    before = facts(path)
    yield
    after = facts(path)
    if grows and before.st_ino == after.st_ino and before.st_size <= after.st_size:
        return
    if (before.st_mtime_ns, before.st_size, before.st_ino) != (after.st_mtime_ns, after.st_size, after.st_ino):
        raise SourceError(f"{path} changed while it was read", hint="wait until it is written, then read it again")


def row_ends(path: Path, since: int, *, quotes: bool = True, first: bool = False) -> int:
    """Where the last (or the first) whole line ends that begins at or after `since`; `since` if there is none.

    With `quotes`, a line break between quotes does not end a row: it follows an odd number of them, since a quote
    within quotes is doubled. In a file whose quotes do not come in pairs the reader finds a faulty row.
    """
    end, at, odd, blank = since, since, False, True
    with path.open("rb") as file:
        file.seek(since)
        for line in iter(lambda: file.readline(_LINE_BYTES), b""):
            at += len(line)
            odd ^= quotes and line.count(b'"') % 2 == 1
            blank = blank and not line.strip(b"\xef\xbb\xbf\r\n")
            if line.endswith(b"\n") and not odd:
                end = at
                if first and not blank:
                    break
    return end


def first_line(error: Exception) -> str:
    """Return the first line of what a library complains of."""
    return (str(error).splitlines() or ["unreadable"])[0]


def sliced(batch: pa.RecordBatch, most: int) -> Iterator[pa.RecordBatch]:
    """Yield a batch in pieces of at most so many rows."""
    for start in range(0, batch.num_rows, most):
        yield batch.slice(start, most)
