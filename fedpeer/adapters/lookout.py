"""Looking at folders whose files are whole, and at files that grow at their end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from fedpeer.adapters.catalogue import KINDS, Catalogue
from fedpeer.adapters.files import facts, row_ends
from fedpeer.core.canonical import digest
from fedpeer.core.errors import SourceError
from fedpeer.core.peer.kept import Seen
from fedpeer.core.statistics.schema import Schema
from fedpeer.ports import Source, Spot

# A file that only grows cannot lose its beginning or what was last read of it without having been written anew. Of a
# middle that was changed in place, and both left as they were, only reading all of it each time would tell.
_ENDS_BYTES = 2**16
_BLOCK_BYTES = 2**20
_QUOTED = (".csv", ".tsv")
_GROWING = (*_QUOTED, ".jsonl", ".ndjson")


class FileLookout:
    """Eyes for the files that a catalogue may open."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def check(self, location: str, schema: Schema, options: Mapping[str, Any]) -> tuple[str, list[Spot]]:
        """Return the place as an absolute path or pattern, and its files; SourceError if it cannot be watched."""
        paths, alone = self._catalogue.found(location)
        if alone and not _grows(paths[0]):
            raise SourceError(
                f"{paths[0]} cannot be watched: rows are added at the end of {', '.join(_GROWING)} files only",
                hint="watch its folder: each new file in it becomes a batch",
            )
        # Options that fit no file are refused now; of which kind files will come, nobody knows yet.
        for path in [path for path in paths if path.name.lower().endswith(tuple(KINDS))][:1]:
            self._catalogue.open(str(path), schema, options)
        place = str(paths[0]) if alone else str(Path(location.removeprefix("file://")).expanduser().absolute())
        return place, self.look(place)

    def look(self, place: str) -> list[Spot]:
        """Return the files at a place now."""
        paths, alone = self._catalogue.found(place)
        return list(_spots(paths, grows=alone))

    def alone(self, location: str) -> Spot | None:
        """Return the one file that a location means, if it means one."""
        try:
            paths, alone = self._catalogue.found(location)
        except SourceError:
            return None
        return next(_spots(paths, grows=True), None) if alone and _grows(paths[0]) else None

    def mark(self, path: str, until: int, *, whole: bool) -> bytes:
        """Return a digest of the first `until` bytes: of all of them, or of their beginning and end."""
        try:
            with Path(path).open("rb") as file:
                return _whole(file, until) if whole else _ends(file, until)
        except OSError as error:
            raise SourceError(f"cannot open {path}: {(error.strerror or str(error)).lower()}") from None

    def same(self, seen: Seen) -> bool:
        """Whether a file still begins with the bytes that were counted of it."""
        return self.mark(seen.path, seen.until, whole=seen.whole) == seen.digest

    def ends(self, path: str, since: int) -> int:
        """Where the last whole row ends that begins at or after `since`."""
        try:
            _refuse_within(path, since)
            return row_ends(Path(path), since, quotes=path.lower().endswith(_QUOTED))
        except OSError as error:
            raise SourceError(f"cannot open {path}: {(error.strerror or str(error)).lower()}") from None

    def open(self, path: str, schema: Schema, options: Mapping[str, Any], span: tuple[int, int] | None) -> Source:
        """Return the rows of a file, or of this span of its bytes."""
        return self._catalogue.open(path, schema, options, span=span)


def _refuse_within(path: str, since: int) -> None:
    """SourceError if what was counted ended within a line: as one file, its last line may have been half a row."""
    with Path(path).open("rb") as file:
        file.seek(max(since - 1, 0))
        around = file.read(2)
    if since and len(around) > 1 and b"\n" not in around:
        raise SourceError(
            f"{path} was counted when its last line had no end, and that line has grown since",
            hint="withdraw its batch, then watch it anew with --force",
        )


def _grows(path: Path) -> bool:
    return path.name.lower().endswith(_GROWING)


def _spots(paths: list[Path], *, grows: bool) -> Iterator[Spot]:
    for path in paths:
        try:
            found = facts(path)
        except SourceError:
            continue  # gone since it was listed, or no file
        yield Spot(str(path), found.st_size, found.st_mtime_ns, grows)


def _whole(file: BinaryIO, until: int) -> bytes:
    state, left = hashlib.sha256(), until
    while left and (data := file.read(min(_BLOCK_BYTES, left))):
        state.update(data)
        left -= len(data)
    return digest("whole file", state.digest(), (until - left).to_bytes(8, "big"))


def _ends(file: BinaryIO, until: int) -> bytes:
    first = file.read(min(_ENDS_BYTES, until))
    file.seek(max(len(first), until - _ENDS_BYTES))
    last = file.read(until - file.tell())
    return digest("file ends", first, last, until.to_bytes(8, "big"))
