"""What is kept of earlier releases, so that no later one differs from any of them by too few rows.

Everything that the release rules ask of the difference of two releases is linear in them: how many rows there are in
each cell, and whether all that is told of the rows on one side of a 0/1 column, or of a gap, is nothing. So of a
release only its counts are kept, and of each side a *mark*: the value at a secret point of the polynomial over
GF(2^127 − 1) whose coefficients are the numbers that are told. Marks subtract as the numbers do. Different numbers have
equal marks with a chance below their count / 2^127, and nobody who does not know the point can choose them so.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np

from fedpeer.core import canonical
from fedpeer.core.canonical import Value
from fedpeer.core.errors import MalformedError
from fedpeer.core.privacy.cells import Counted, Counts
from fedpeer.core.privacy.disclosure import Release
from fedpeer.core.privacy.people import People
from fedpeer.core.privacy.sides import Side, exchanged, gapped, valued
from fedpeer.core.statistics.extension import project
from fedpeer.core.statistics.lineage import Lineage
from fedpeer.core.statistics.summary import Summary

_PRIME = 2**127 - 1
_MARK = 16


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What release rules ask of the difference of two releases; `since` names the earlier one.

    `nothing` says that both are equal; `valued` and `gapped` name a side where as many rows came as went, if any.
    `serial` is that of the earlier release, 0 for the last.
    """

    since: str
    nothing: bool
    counted: Counted
    valued: str | None
    gapped: str | None
    serial: int = 0

    @property
    def rows(self) -> int:
        """Rows added less rows withdrawn."""
        return self.counted.rows

    @classmethod
    def between(cls, release: Release, last: Release, since: str) -> Change:
        """The difference itself, of two releases that are known in full, under whatever schemas."""
        change = release.change(last)
        found = exchanged(valued(change)), exchanged(gapped(change))
        return cls(since, change.nothing, Counted.of(change), *found)


@dataclass(frozen=True, slots=True)
class Past:
    """The earlier releases of one peer: their traces by name, as bytes, its secret, and the schemas there were.

    `people` are whose rows are here and were released, if the schema has their ids; `last` is the newest serial.
    """

    secret: bytes = field(repr=False)
    traces: Mapping[str, bytes]
    lineage: Lineage
    people: People | None = None
    last: int = 0

    def changes(self, summary: Summary, release: Release) -> Iterator[Change]:
        """The difference of a release from each earlier one, the newest first.

        From one under an older schema it is that over its columns: in all others the older has nothing, and the
        difference is what the release shows by itself.
        """
        seen = {summary.schema.digest: _Trace.of(summary, release, self.secret)} if self.traces else {}
        for name in sorted(self.traces, reverse=True):
            serial, schema = int(name.split("-")[0]), _schema_of(self.traces[name])
            if schema not in seen:
                older = project(summary, self.lineage.find(schema))
                seen[schema] = _Trace.of(older, Release.of(older), self.secret)
            new = seen[schema]
            change = new.change(_Trace.read(self.traces[name], new.counted), f"contribution {serial}")
            yield replace(change, serial=serial)

    def kept(self, serial: int, summary: Summary) -> dict[str, bytes]:
        """The traces with that of one more release, which a newer one replaces; of an empty one none is needed."""
        trace = f"{canonical.ordinal(serial)}-{summary.digest[:16]}"
        if not summary.rows or trace in self.traces:
            return dict(self.traces)
        return {**self.traces, trace: _Trace.of(summary, Release.of(summary), self.secret).to_bytes()}


def check(traces: Mapping[str, bytes], lineage: Lineage) -> None:
    """RemoteError unless each is the trace of a release under one of these schemas, and has the name of one."""
    like: dict[str, Counted] = {}
    for name, trace in traces.items():
        schema = _schema_of(trace)
        if schema not in like:
            like[schema] = Counted.of(Release.of(Summary.zero(lineage.find(schema))))
        serial, _, digest = name.partition("-")
        if _Trace.read(trace, like[schema]).digest.hex()[:16] != digest or canonical.ordinal(int(serial)) != serial:
            raise MalformedError(f"the trace of a release by another name, {name}")


class _Written(Value, frozen=True):
    """A trace as it is kept: digests of schema and summary, its rows, and the counts and marks in a row, compressed."""

    schema: bytes
    digest: bytes
    rows: int
    counts: bytes
    marks: bytes


@dataclass(frozen=True, slots=True, eq=False)
class _Trace:
    """The counts of a release, and the marks of its sides: first of values, then of gaps."""

    schema: bytes
    digest: bytes
    counted: Counted
    marks: tuple[int, ...]
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, summary: Summary, release: Release, secret: bytes) -> _Trace:
        point = int.from_bytes(canonical.digest("trace", secret), "big") % _PRIME
        sides = [*valued(release), *gapped(release)]
        marks = tuple(_mark(side, point) for side in sides)
        schema, digest = bytes.fromhex(summary.schema.digest), bytes.fromhex(summary.digest)
        return cls(schema, digest, Counted.of(release), marks, tuple(side.name for side in sides))

    def change(self, last: _Trace, since: str) -> Change:
        counted = self.counted.less(last.counted)
        moved = [a != b for a, b in zip(self.marks, last.marks, strict=True)]
        of_values, of_gaps = _sizes(counted)
        rows = np.concatenate([of_values, of_gaps])
        places = [k for k, differs in enumerate(moved) if differs and not rows[k]]
        value = next((self.names[k] for k in places if k < of_values.size), None)
        gap = next((self.names[k] for k in places if k >= of_values.size), None)
        return Change(since, self.digest == last.digest, counted, value, gap)

    def to_bytes(self) -> bytes:
        counts = np.concatenate(_parts(self.counted)).astype("<i8").tobytes()
        marks = b"".join(mark.to_bytes(_MARK, "big") for mark in self.marks)
        return canonical.encode(_Written(self.schema, self.digest, self.counted.rows, zlib.compress(counts), marks))

    @classmethod
    def read(cls, data: bytes, like: Counted) -> _Trace:
        """A trace of a release with the columns of another; MalformedError if it is none."""
        written = canonical.decode(data, _Written)
        try:
            flat = np.frombuffer(zlib.decompress(written.counts), "<i8")
        except (zlib.error, ValueError) as error:
            raise MalformedError(f"not the counts of a release: {error}") from None
        sides = sum(each.size for each in _sizes(like))
        if flat.size != sum(part.size for part in _parts(like)) or len(written.marks) != _MARK * sides:
            raise MalformedError("the trace of a release under another schema")
        marks = tuple(int.from_bytes(written.marks[k : k + _MARK], "big") for k in range(0, _MARK * sides, _MARK))
        return cls(written.schema, written.digest, _rebuilt(like, written.rows, flat), marks)


def _schema_of(trace: bytes) -> str:
    return canonical.decode(trace, _Written).schema.hex()


def _mark(side: Side, point: int) -> int:
    numbers = (int(number) for block in side.blocks for number in block.reshape(-1))
    return reduce(lambda mark, number: (mark * point + number) % _PRIME, numbers, 0)


def _sizes(counted: Counted) -> tuple[Counts, Counts]:
    """Rows on both sides of each 0/1 column and, where rows have gaps, of each feature's gap: as the sides go."""
    here, there = counted.gaps.diagonal(), counted.gaps.diagonal()[counted.belong]
    values = np.stack([counted.ones, there - counted.ones], axis=1).reshape(-1)
    return values, np.stack([here, counted.rows - here], axis=1).reshape(-1)[: None if counted.pairwise else 0]


def _parts(counted: Counted) -> list[Counts]:
    """The counts that the others follow from, flat."""
    pairs, features = np.triu_indices(counted.ones.size, 1), np.triu_indices(len(counted.gaps))
    parts = [counted.ones, counted.both[pairs], counted.bins.reshape(-1), counted.crossed.reshape(-1)]
    return [*parts, counted.given.reshape(-1), counted.gaps[features]] if counted.pairwise else parts


def _rebuilt(like: Counted, rows: int, flat: Counts) -> Counted:
    """Counts from their flat parts, in the shapes of others."""
    ends = np.cumsum([part.size for part in _parts(like)])
    ones, pairs, bins, crossed, *gaps = np.split(flat, ends[:-1])
    both = _symmetric(pairs, ones.size, 1)
    both[np.diag_indices(ones.size)] = ones
    m = len(like.gaps)
    if like.pairwise:
        given, counts = gaps[0].reshape(like.given.shape), _symmetric(gaps[1], m, 0)
    else:
        given, counts = np.repeat(ones[:, None], m, axis=1), np.full((m, m), rows, np.int64)
    shaped = bins.reshape(like.bins.shape), crossed.reshape(like.crossed.shape)
    return Counted(like.columns, like.pairwise, rows, ones, both, given, counts, *shaped)


def _symmetric(upper: Counts, size: int, above: int) -> Counts:
    full = np.zeros((size, size), np.int64)
    full[np.triu_indices(size, above)] = upper
    full.T[np.triu_indices(size, above)] = upper
    return full
