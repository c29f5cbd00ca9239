"""The kinds of data sources and which of them a location means: a new kind is one row here."""

from __future__ import annotations

import glob
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fedpeer.adapters.source_arrow import ArrowSource
from fedpeer.adapters.source_csv import CsvSource
from fedpeer.adapters.source_duckdb import DuckdbSource
from fedpeer.adapters.source_lines import LinesSource
from fedpeer.adapters.source_parquet import ParquetSource
from fedpeer.adapters.source_postgres import PostgresSource
from fedpeer.adapters.source_rows import RowsSource
from fedpeer.adapters.source_several import MappedSource, SeveralSource, mapping
from fedpeer.adapters.source_sqlite import SqliteSource
from fedpeer.core.errors import SourceError
from fedpeer.core.statistics.schema import Schema
from fedpeer.ports import Source

_Options = Mapping[str, Any]
_NEVER = '"\0\r\n\\.+-'  # signs with a meaning of their own in a CSV file or a number
_MOST = 100_000  # files in one location


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a source is to be read: for which schema, by how many rows, with which columns for which features."""

    schema: Schema | None
    chunk_rows: int
    names: Mapping[str, str]
    options: _Options
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class _Kind:
    """How to open files of a kind, and the options that they know with their defaults."""

    open: Callable[[Path, Wanted], Source]
    options: Mapping[str, str]


def _csv(path: Path, wanted: Wanted) -> Source:
    sign = _checked_delimiter(wanted.options["delimiter"])
    rows, span = wanted.chunk_rows, wanted.span
    return CsvSource(path, wanted.schema, delimiter=sign, names=wanted.names, chunk_rows=rows, span=span)


def _parquet(path: Path, wanted: Wanted) -> Source:
    return ParquetSource(path, chunk_rows=wanted.chunk_rows)


def _arrow(path: Path, wanted: Wanted) -> Source:
    return ArrowSource(path, chunk_rows=wanted.chunk_rows)


def _lines(path: Path, wanted: Wanted) -> Source:
    return LinesSource(path, wanted.schema, names=wanted.names, chunk_rows=wanted.chunk_rows, span=wanted.span)


_COMMAS, _TABS = _Kind(_csv, {"delimiter": ","}), _Kind(_csv, {"delimiter": "\t"})
_PARQUET, _ARROW, _LINES = _Kind(_parquet, {}), _Kind(_arrow, {}), _Kind(_lines, {})
KINDS: dict[str, _Kind] = {
    **dict.fromkeys((".csv", ".csv.gz", ".csv.zst"), _COMMAS),
    **dict.fromkeys((".tsv", ".tsv.gz", ".tsv.zst"), _TABS),
    **dict.fromkeys((".parquet", ".pq"), _PARQUET),
    **dict.fromkeys((".arrow", ".arrows", ".feather", ".ipc"), _ARROW),
    **{f"{suffix}{packed}": _LINES for suffix in (".jsonl", ".ndjson") for packed in ("", ".gz", ".zst")},
}


@dataclass(frozen=True, slots=True)
class _Database:
    """How to ask a database, given the allowed directories, and the options that it knows."""

    open: Callable[[str, Wanted, tuple[Path, ...]], Source]
    options: tuple[str, ...]


def _sqlite(location: str, wanted: Wanted, roots: tuple[Path, ...]) -> Source:
    path = _allowed(Path(_within(location)).expanduser(), roots)
    return SqliteSource(path, wanted.options.get("query"), chunk_rows=wanted.chunk_rows)


def _postgres(location: str, wanted: Wanted, roots: tuple[Path, ...]) -> Source:
    told = wanted.options.get("password_file")
    if told is not None and not isinstance(told, str):
        raise SourceError("password_file is not the path of a file")
    # Whoever may ask for rows must not have any file that the daemon can read sent to a server as a password.
    file = _allowed(Path(told).expanduser(), roots) if told else None
    return PostgresSource(location, wanted.options.get("query"), password_file=file, chunk_rows=wanted.chunk_rows)


def _duckdb(location: str, wanted: Wanted, roots: tuple[Path, ...]) -> Source:
    within = _within(location)
    path = _allowed(Path(within).expanduser(), roots) if within else None
    query, rows = wanted.options.get("query"), wanted.chunk_rows
    return DuckdbSource(query, path=path, roots=roots or (Path("/"),), chunk_rows=rows)


DATABASES: dict[str, _Database] = {
    "sqlite": _Database(_sqlite, ("query",)),
    **dict.fromkeys(("postgresql", "postgres"), _Database(_postgres, ("query", "password_file"))),
    "duckdb": _Database(_duckdb, ("query",)),
}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Opens sources. `roots` are the directories that files may be under; none allows any."""

    chunk_rows: int = 65_536
    roots: tuple[Path, ...] = ()

    def open(
        self,
        location: str,
        schema: Schema | None = None,
        options: _Options | None = None,
        *,
        span: tuple[int, int] | None = None,
    ) -> Source:
        """Return the source at a path, a folder, a pattern or an address; SourceError if there is none to be read.

        The option `map` is for every kind: an object of features by the column that means them. `span`: these bytes of
        a text file only.
        """
        told = dict(options or {})
        names = mapping(told.pop("map", {}), schema)
        wanted, scheme = Wanted(schema, self.chunk_rows, names, told, span), location.partition(":")[0]
        source = self._database(scheme, location, wanted) if scheme in DATABASES else self._files(location, wanted)
        return MappedSource(source, names) if names else source

    def rows(
        self, name: str, rows: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]], _schema: Schema | None = None
    ) -> Source:
        """Return posted rows as a source of this name."""
        return RowsSource(rows, name=name or "posted rows", chunk_rows=self.chunk_rows)

    def _database(self, scheme: str, location: str, wanted: Wanted) -> Source:
        database = DATABASES[scheme]
        unknown = sorted(wanted.options.keys() - set(database.options))
        if unknown:
            known = f"known are: {', '.join(database.options)}"
            raise SourceError(f"{unknown[0]!r} is not an option of {scheme} queries", hint=known)
        return database.open(location, wanted, self.roots)

    def _files(self, location: str, wanted: Wanted) -> Source:
        paths, alone = self.found(location)
        if alone:
            return _opened(paths[0], _kind(paths[0]), wanted)
        path = _path(location)
        if not paths and path.is_dir():
            raise SourceError(f"{path} has no files", hint="for folders in it, give a pattern such as FOLDER/**/*.csv")
        if not paths:
            raise SourceError(f"no file fits {path}", hint="** stands for folders in folders, * for part of a name")
        parts = [_opened(each, kind, wanted) for each, kind in _of_one_kind(paths, path)]
        return SeveralSource(str(path), parts)

    def found(self, location: str) -> tuple[list[Path], bool]:
        """Return the files at a path, folder or pattern in order, and whether it is the path of one file."""
        path = _path(location)
        if glob.has_magic(str(path)) and not path.exists():
            return self._matched(path), False
        real = _allowed(path, self.roots)
        if real.is_dir():
            return [_allowed(each, self.roots) for each in _listed(real)], False
        return [real], True

    def _matched(self, pattern: Path) -> list[Path]:
        fixed = next(parent for parent in pattern.parents if not glob.has_magic(str(parent)))
        _allowed(fixed, self.roots)
        # A pattern may climb out of its beginning again, so each of its files is looked at by itself.
        paths = sorted(path for path in fixed.glob(str(pattern.relative_to(fixed))) if path.is_file())
        return [_allowed(path, self.roots) for path in paths if path.name[0] not in "._"]


def _opened(path: Path, kind: _Kind, wanted: Wanted) -> Source:
    unknown = sorted(wanted.options.keys() - kind.options.keys())
    if unknown:
        suffix = next(end for end in sorted(KINDS, key=len, reverse=True) if path.name.lower().endswith(end))
        known = f"known are: {', '.join(kind.options)}" if kind.options else "there are none"
        raise SourceError(f"{unknown[0]!r} is not an option of {suffix} files", hint=known)
    return kind.open(path, replace(wanted, options={**kind.options, **wanted.options}))


def _kind(path: Path) -> _Kind:
    lower = path.name.lower()
    suffix = next((end for end in sorted(KINDS, key=len, reverse=True) if lower.endswith(end)), None)
    if suffix is None:
        raise SourceError(f"{path} is of no known kind", hint=f"known are files named {', '.join(KINDS)}")
    return KINDS[suffix]


def _listed(folder: Path) -> list[Path]:
    """Return the files of a folder in order, without those that programs hide or mark with a first _ or dot."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_file() and path.name[0] not in "._")
    except OSError as error:
        raise SourceError(f"cannot open {folder}: {(error.strerror or str(error)).lower()}") from None


def _of_one_kind(paths: list[Path], place: Path) -> list[tuple[Path, _Kind]]:
    if len(paths) > _MOST:
        raise SourceError(f"{place} has more than {_MOST} files", hint="add them in several parts")
    found = [(path, _kind(path)) for path in paths]
    other = next((path for path, kind in found if kind is not found[0][1]), None)
    if other is not None:
        raise SourceError(
            f"{place} has files of several kinds, such as {paths[0].name} and {other.name}",
            hint="give a pattern that fits one kind, such as FOLDER/*.csv",
        )
    return found


def _path(location: str) -> Path:
    scheme, found, rest = location.partition("://")
    if not found:
        return Path(location).expanduser()
    if scheme != "file":
        # What follows may hold credentials and is not repeated.
        raise SourceError(
            f"there is no way to read {scheme[:20]}:// here", hint=f"known are files and {', '.join(DATABASES)}"
        )
    return Path("/" + rest.lstrip("/"))


def _within(location: str) -> str:
    """Return the path in scheme:path or scheme://path."""
    return location.partition(":")[2].removeprefix("//")


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
