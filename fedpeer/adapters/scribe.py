"""Writing files for people: tables as CSV, whole or not at all, and never over anything that is not ours."""

from __future__ import annotations

import contextlib
import csv
import errno
import os
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from fedpeer.core.errors import DuplicateError, SourceError
from fedpeer.ports import Ours

_ENDING = ".csv"
_DRAFT = re.compile(r"\..+\.csv\.[0-9a-f]+\.part", re.IGNORECASE | re.DOTALL | re.ASCII)


class FileScribe:
    """Writes below `roots`, and nothing if there are none."""

    def __init__(self, roots: Sequence[Path]) -> None:
        """`roots` are the directories that may be written to."""
        self._roots = roots

    def place(self, location: str) -> str:
        """Where a file of this name would be, whatever links lead there; SourceError if none may be written."""
        if not self._roots:
            raise SourceError("data.roots names no directories, so none is written to", hint="docs/configuration.md")
        if "\0" in location:
            raise SourceError("a path has no zero byte")
        path = self._below(Path(location.removeprefix("file://")).expanduser())
        if path.suffix.lower() != _ENDING or path.name.startswith((".", "_")):
            raise SourceError(f"{path.name[:80]!r} is no name for it", hint=f"a file's name ends with {_ENDING}")
        return str(path)

    def begin(self, place: str, ours: Sequence[Ours], *, draft: str) -> CsvSheet:
        """A file in the making, in place of one only if that is still one of ours; nothing is written yet."""
        path = Path(place)
        there = _facts(path)
        if there is not None and there not in ours:
            hint = "choose another name; overwrite replaces what the node wrote itself and nobody has changed"
            raise DuplicateError(f"{path} is there already, and is not overwritten", hint=hint)
        return CsvSheet(path, path.with_name(f".{path.name}.{draft}.part"), replaced=there)

    def discard(self, draft: str) -> None:
        """Take away what is left of a file in the making; SourceError if it cannot be."""
        path = self._below(Path(draft))
        if not _DRAFT.fullmatch(path.name):
            raise SourceError(f"{path} is no file in the making")
        _discard(path)

    def _below(self, path: Path) -> Path:
        try:
            folder = path.parent.resolve(strict=True)
        except (OSError, RuntimeError):
            raise SourceError(f"there is no folder {path.parent}") from None
        if not any(folder.is_relative_to(root.expanduser().resolve()) for root in self._roots):
            raise SourceError(f"{str(path)[:200]} is not below data.roots", hint="files are written there only")
        return folder / path.name


class CsvSheet:
    """A CSV file in the making, beside the place where it will be, under a name that nobody looks at."""

    def __init__(self, path: Path, draft: Path, *, replaced: Ours | None) -> None:
        """Nothing is at `path` before `finish`, or what is to be replaced."""
        self._path, self._draft, self._replaced = path, draft, replaced
        self._names: list[str] = []
        self._file: TextIO | None = None

    @property
    def name(self) -> str:
        """Where the file will be."""
        return str(self._path)

    @property
    def draft(self) -> str:
        """Where it is in the making."""
        return str(self._draft)

    def open(self) -> None:
        """Have a draft, which nothing is written to yet."""
        try:
            handle = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise self._failed(error) from None
        self._file = os.fdopen(handle, "w", encoding="utf-8", newline="")

    def write(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Add rows; the first ones name the columns."""
        lines = csv.writer(self._opened(), lineterminator="\n")
        try:
            if not self._names:
                self._names = list(columns)
                lines.writerow(self._names)
            lines.writerows(zip(*(map(_text, columns[name]) for name in self._names), strict=True))
        except OSError as error:
            raise self._failed(error) from None

    def seal(self) -> Ours:
        """Have all of the draft on the disk; what the file will be told by."""
        file = self._opened()
        try:
            file.flush()
            os.fsync(file.fileno())
            file.close()
        except OSError as error:
            raise self._failed(error) from None
        written = _facts(self._draft)
        if written is None:
            raise SourceError(f"{self._draft} was taken away before it was whole")
        return written

    def finish(self) -> None:
        """Have the file in its place, also after a loss of power; DuplicateError if somebody has put one there."""
        try:
            if self._replaced is not None and _facts(self._path) == self._replaced:
                self._draft.replace(self._path)
            else:
                os.link(self._draft, self._path, follow_symlinks=False)  # which a file that is there forbids
                self._draft.unlink()
            _sync(self._path.parent)
        except FileExistsError:
            raise DuplicateError(f"{self._path} is there by now, and is not overwritten") from None
        except OSError as error:
            raise self._failed(error) from None

    def abandon(self) -> None:
        """Leave no draft."""
        if self._file is None:
            return
        with contextlib.suppress(OSError):  # closing writes what could not be written, which is not wanted any more
            self._file.close()
        _discard(self._draft)

    def _opened(self) -> TextIO:
        if self._file is None:
            raise SourceError(f"{self._draft} was not begun")
        return self._file

    def _failed(self, error: OSError) -> SourceError:
        return SourceError(f"cannot write {self._path}: {(error.strerror or str(error)).lower()}")


def _discard(draft: Path) -> None:
    try:
        draft.unlink(missing_ok=True)
    except OSError as error:
        raise SourceError(f"cannot take away {draft}: {(error.strerror or str(error)).lower()}") from None


def _sync(folder: Path) -> None:
    """Have the names in a folder on the disk, as far as its file system knows how."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)


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
