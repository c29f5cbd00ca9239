"""Writing files for people: tables as CSV, whole or not at all, and never over anything that is not ours."""

from __future__ import annotations

import csv
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import mkstemp
from typing import Any, TextIO

from fedpeer.core.errors import DuplicateError, SourceError
from fedpeer.ports import Ours

_ENDING = ".csv"


class FileScribe:
    """Writes below `roots`, and nothing if there are none."""

    def __init__(self, roots: Sequence[Path]) -> None:
        """`roots` are the directories that may be written to."""
        self._roots = roots

    def begin(self, location: str, ours: Ours | None) -> CsvSheet:
        """Begin a file at a path, in place of one only if that is still the one that we wrote; SourceError."""
        path = self._place(location)
        there = _facts(path)
        if there is not None and there != ours:
            hint = "choose another name; overwrite replaces what the node wrote itself and nobody has changed"
            raise DuplicateError(f"{path} is there already, and is not overwritten", hint=hint)
        return CsvSheet(path, replaced=there)

    def _place(self, location: str) -> Path:
        if not self._roots:
            raise SourceError("data.roots names no directories, so none is written to", hint="docs/configuration.md")
        if "\0" in location:
            raise SourceError("a path has no zero byte")
        path = Path(location.removeprefix("file://")).expanduser()
        try:
            folder = path.parent.resolve(strict=True)
        except (OSError, RuntimeError):
            raise SourceError(f"there is no folder {path.parent}") from None
        if not any(folder.is_relative_to(root.expanduser().resolve()) for root in self._roots):
            raise SourceError(f"{location[:200]} is not below data.roots", hint="files are written there only")
        if path.suffix.lower() != _ENDING or path.name.startswith((".", "_")):
            raise SourceError(f"{path.name[:80]!r} is no name for it", hint=f"a file's name ends with {_ENDING}")
        return folder / path.name


class CsvSheet:
    """A CSV file in the making, beside the place where it will be, under a name that nobody looks at."""

    def __init__(self, path: Path, *, replaced: Ours | None) -> None:
        """Nothing is at `path` before `finish`, or what is to be replaced."""
        self._path, self._replaced = path, replaced
        self._names: list[str] = []
        try:
            # A name of its own: what a node that was killed has left here must not be in the way.
            handle, draft = mkstemp(suffix=".part", prefix=f".{path.name}.", dir=path.parent)
        except OSError as error:
            raise SourceError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from None
        self._draft = Path(draft)
        self._file: TextIO = os.fdopen(handle, "w", encoding="utf-8", newline="")

    @property
    def name(self) -> str:
        """Where the file will be."""
        return str(self._path)

    def write(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Add rows; the first ones name the columns."""
        lines = csv.writer(self._file, lineterminator="\n")
        try:
            if not self._names:
                self._names = list(columns)
                lines.writerow(self._names)
            lines.writerows(zip(*(map(_text, columns[name]) for name in self._names), strict=True))
        except OSError as error:
            raise self._failed(error) from None

    def finish(self) -> Ours:
        """Have the file there, whole; DuplicateError if somebody has put one there meanwhile."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            if self._replaced is not None and _facts(self._path) == self._replaced:
                self._draft.replace(self._path)
            else:
                os.link(self._draft, self._path, follow_symlinks=False)  # which a file that is there forbids
                self._draft.unlink()
        except FileExistsError:
            self.abandon()
            raise DuplicateError(f"{self._path} is there by now, and is not overwritten") from None
        except OSError as error:
            self.abandon()
            raise self._failed(error) from None
        written = _facts(self._path)
        if written is None:
            raise SourceError(f"{self._path} was taken away as soon as it was written")
        return written

    def abandon(self) -> None:
        """Leave nothing."""
        self._file.close()
        self._draft.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> SourceError:
        return SourceError(f"cannot write {self._path}: {(error.strerror or str(error)).lower()}")


def _facts(path: Path) -> Ours | None:
    """What tells a file from another one in its place; SourceError for what is no file."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SourceError(f"cannot look at {path}: {(error.strerror or str(error)).lower()}") from None
    if not stat.S_ISREG(found.st_mode):
        raise SourceError(f"{path} is there, and is no file")
    return Ours(found.st_ino, found.st_size, found.st_mtime_ns)


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value)
