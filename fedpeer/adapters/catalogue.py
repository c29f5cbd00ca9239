"""The kinds of data sources and which of them a location means: a new kind is one row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedpeer.adapters.source_csv import CsvSource
from fedpeer.adapters.source_parquet import ParquetSource
from fedpeer.adapters.source_rows import RowsSource
from fedpeer.core.errors import SourceError
from fedpeer.core.statistics.schema import Schema
from fedpeer.ports import Source

_Options = Mapping[str, Any]
_NEVER = '"\0\r\n\\.+-'  # signs with a meaning of their own in a CSV file or a number


@dataclass(frozen=True, slots=True)
class _Kind:
    """How to open files of a kind, and the options that they know with their defaults."""

    open: Callable[[Path, Schema | None, int, _Options], Source]
    options: Mapping[str, str]


def _csv(path: Path, schema: Schema | None, chunk_rows: int, options: _Options) -> Source:
    return CsvSource(path, schema, delimiter=_checked_delimiter(options["delimiter"]), chunk_rows=chunk_rows)


def _parquet(path: Path, _schema: Schema | None, chunk_rows: int, _options: _Options) -> Source:
    return ParquetSource(path, chunk_rows=chunk_rows)


_COMMAS, _TABS = _Kind(_csv, {"delimiter": ","}), _Kind(_csv, {"delimiter": "\t"})
KINDS: dict[str, _Kind] = {
    ".csv": _COMMAS,
    ".csv.gz": _COMMAS,
    ".csv.zst": _COMMAS,
    ".tsv": _TABS,
    ".tsv.gz": _TABS,
    ".tsv.zst": _TABS,
    ".parquet": _Kind(_parquet, {}),
    ".pq": _Kind(_parquet, {}),
}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Opens sources. `roots` are the directories that files may be under; none allows any."""

    chunk_rows: int = 65_536
    roots: tuple[Path, ...] = ()

    def open(self, location: str, schema: Schema | None = None, options: _Options | None = None) -> Source:
        """Return the source at a path or file:// address; SourceError if it is unknown, not there or not allowed."""
        path = _allowed(_path(location), self.roots)
        lower = path.name.lower()
        suffix = next((end for end in sorted(KINDS, key=len, reverse=True) if lower.endswith(end)), None)
        if suffix is None:
            raise SourceError(f"{path} is of no known kind", hint=f"known are files named {', '.join(KINDS)}")
        kind = KINDS[suffix]
        unknown = sorted((options or {}).keys() - kind.options.keys())
        if unknown:
            known = f"known are: {', '.join(kind.options)}" if kind.options else "there are none"
            raise SourceError(f"{unknown[0]!r} is not an option of {suffix} files", hint=known)
        return kind.open(path, schema, self.chunk_rows, {**kind.options, **(options or {})})

    def rows(
        self, name: str, rows: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]], _schema: Schema | None = None
    ) -> Source:
        """Return posted rows as a source of this name."""
        return RowsSource(rows, name=name or "posted rows", chunk_rows=self.chunk_rows)


def _path(location: str) -> Path:
    scheme, found, rest = location.partition("://")
    if not found:
        return Path(location).expanduser()
    if scheme != "file":
        # What follows may hold credentials and is not repeated.
        raise SourceError(f"there is no way to read {scheme[:20]}:// here", hint="known are files, by path or file://")
    return Path("/" + rest.lstrip("/"))


def _allowed(path: Path, roots: tuple[Path, ...]) -> Path:
    """Return the path with every link followed, so that what was checked is what is opened."""
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        text = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"cannot open {path}: {text.lower()}") from None
    if roots and not any(real.is_relative_to(root.resolve()) for root in roots):
        raise SourceError(
            f"{path} is outside the directories that data may be read from",
            hint=f"data.roots allows {', '.join(map(str, roots))}",
        )
    return real


def _checked_delimiter(sign: Any) -> str:
    if not isinstance(sign, str) or len(sign) != 1 or not sign.isascii() or sign.isalnum() or sign in _NEVER:
        raise SourceError(f"{sign!r:.20} cannot separate columns", hint="use one sign, such as , ; or a tab")
    return sign
