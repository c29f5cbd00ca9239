"""Several sources one after the other, as one; and a source whose columns are called otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from fedpeer.adapters.headers import folded
from fedpeer.core.errors import SourceError
from fedpeer.core.statistics.schema import Schema
from fedpeer.ports import Source


class SeveralSource:
    """A Source over the rows of several of one kind, in order."""

    def __init__(self, name: str, parts: Sequence[Source]) -> None:
        """`parts` has at least one."""
        self._name, self._parts = name, tuple(parts)
        self._sizes = [part.size for part in self._parts]  # each asks a file, and there may be many

    @property
    def name(self) -> str:
        """What all of them together are called."""
        return self._name

    @property
    def unit(self) -> str:
        """What `size` and `progress` count."""
        return self._parts[0].unit

    @property
    def size(self) -> int:
        """What all of them have."""
        return sum(self._sizes)

    def batches(
        self, columns: Sequence[str] | None = None, progress: Callable[[int], None] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of each; with None, the columns that the first one has."""
        before = 0
        for part, size in zip(self._parts, self._sizes, strict=True):
            for batch in part.batches(columns, _shifted(progress, before)):
                columns = batch.schema.names if columns is None else columns
                yield batch
            before += size
            if progress:
                progress(before)


class MappedSource:
    """A Source with columns under other names; `names` has the column by the feature that it means."""

    def __init__(self, source: Source, names: Mapping[str, str]) -> None:
        self._source, self._names = source, dict(names)

    @property
    def name(self) -> str:
        """What the source is called."""
        return self._source.name

    @property
    def unit(self) -> str:
        """What `size` and `progress` count."""
        return self._source.unit

    @property
    def size(self) -> int:
        """What the source has."""
        return self._source.size

    def batches(
        self, columns: Sequence[str] | None = None, progress: Callable[[int], None] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows, each column under its feature's name."""
        features = {folded(column): feature for feature, column in self._names.items()}
        if columns is not None:
            features = {self._names.get(name, name): name for name in columns}
        asked = None if columns is None else list(features)
        for batch in self._source.batches(asked, progress):
            yield batch.rename_columns([features.get(name, name) for name in batch.schema.names])


def mapping(told: Any, schema: Schema | None) -> dict[str, str]:
    """Return the column by feature of a told {column: feature}; SourceError says what is wrong with it."""
    if not isinstance(told, Mapping) or not all(isinstance(x, str) and x for pair in told.items() for x in pair):
        raise SourceError("map is not an object of features by column", hint='such as {"Alter": "age"}')
    features = schema.needed if schema else []
    for column, feature in told.items():
        if schema and feature != schema.patient and schema.feature(feature).derived:
            raise SourceError(f"feature {feature!r} is computed from others: no column is read for it")
        if column in features and column != feature and column not in told.values():
            raise SourceError(
                f"column {column!r} is mapped to {feature!r}, so nothing is left for the feature {column!r}",
                hint="map another column to it as well",
            )
    twice = next((feature for feature, count in Counter(told.values()).items() if count > 1), None)
    if twice is not None:
        raise SourceError(f"two columns are mapped to {twice!r}")
    return {feature: column for column, feature in told.items()}


def _shifted(progress: Callable[[int], None] | None, by: int) -> Callable[[int], None] | None:
    return None if progress is None else lambda done: progress(by + done)
