"""A look at places that rows can be read from: what is in a folder, and the first rows of a source.

Only below the directories of `data.roots`, and only if there are any: what is looked at here is shown to whoever asks,
while rows that are counted are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fedpeer.adapters.catalogue import Catalogue
from fedpeer.core.errors import SourceError

_MOST = 10_000  # names of one folder


class FileShelf:
    """Looks at files with the catalogue that opens them."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Its roots are the directories that may be looked at."""
        self._catalogue = catalogue

    def listed(self, folder: str) -> list[tuple[str, bool, int]]:
        """The names in a folder, whether each is one too, and its bytes; without a folder, the roots."""
        roots = self._roots()
        if not folder:
            return [(str(root), True, 0) for root in roots]
        path = self._within(folder)
        try:
            found = sorted(path.iterdir())
        except OSError as error:
            raise SourceError(f"cannot list {path}: {(error.strerror or str(error)).lower()}") from None
        if len(found) > _MOST:
            raise SourceError(f"{path} has {len(found)} names; at most {_MOST} are listed")
        return [(each.name, each.is_dir(), _size(each)) for each in found if each.name[0] != "."]

    def sample(self, location: str, options: Mapping[str, Any], most: int) -> dict[str, list[Any]]:
        """The first rows of a file, by column, as texts or numbers."""
        self._within(location)
        source = self._catalogue.open(location, None, options)
        columns: dict[str, list[Any]] = {}
        for batch in source.batches():
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                columns.setdefault(name, []).extend(column.slice(0, most - len(columns.get(name, ()))).to_pylist())
            if columns and len(next(iter(columns.values()))) >= most:
                break
        return columns

    def _within(self, text: str) -> Path:
        """The real path, if it is below a root."""
        try:
            real = Path(text).expanduser().resolve()
        except (OSError, ValueError, RuntimeError):
            raise SourceError(f"{text[:200]!r} is not a path") from None
        if not any(real.is_relative_to(root) for root in self._roots()):
            raise SourceError(f"{text[:200]} is not below data.roots", hint="rows are shown of files there only")
        return real

    def _roots(self) -> list[Path]:
        if not self._catalogue.roots:
            hint = "name the directories whose files may be shown, in fedpeer.yaml: docs/configuration.md"
            raise SourceError("data.roots names no directories, so none is looked at", hint=hint)
        return [root.expanduser().resolve() for root in self._catalogue.roots]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0
