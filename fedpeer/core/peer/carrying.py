"""A project as records and as bytes that another node reads, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from msgspec import structs

from fedpeer.core import canonical
from fedpeer.core.canonical import Value
from fedpeer.core.errors import FedpeerError, MismatchError, StoreError
from fedpeer.core.peer.project import Head, Project, made
from fedpeer.core.peer.records import StoredBatch
from fedpeer.core.peer.state import Local
from fedpeer.core.peer.streams import Stream
from fedpeer.core.statistics.summary import Summary

_HEAD, _BATCH, _STREAM, _FORM = "project", "batch/", "stream/", 1


class Carried(Value, frozen=True):
    """A whole project as bytes that another node reads; `models` are theirs, as JSON."""

    form: int
    head: Head
    batches: tuple[StoredBatch, ...]
    models: tuple[bytes, ...] = ()


def changes(before: Project | None, after: Project | None) -> dict[str, bytes | None]:
    """What must be written (or, None, deleted) so that the store holds `after` instead of `before`."""
    old, new = (p.batches if p is not None else {} for p in (before, after))
    found: dict[str, bytes | None] = {_BATCH + k: None for k in old.keys() - new.keys()}
    found |= {_BATCH + k: canonical.encode(_stored(b)) for k, b in new.items() if old.get(k) is not b}
    was, now = (p.streams if p is not None else {} for p in (before, after))
    found |= {_STREAM + k: None for k in was.keys() - now.keys()}
    found |= {_STREAM + k: canonical.encode(s) for k, s in now.items() if was.get(k) is not s}
    return found | {_HEAD: None if after is None else canonical.encode(after.head)}


def restore(id_: str, records: Mapping[str, bytes]) -> Project:
    """The project that these records hold; StoreError if they are not whole."""
    try:
        stored = [canonical.decode(v, StoredBatch) for k, v in records.items() if k.startswith(_BATCH)]
        streams = [canonical.decode(v, Stream) for k, v in records.items() if k.startswith(_STREAM)]
        project = _read(id_, canonical.decode(records[_HEAD], Head), stored)
        return replace(project, streams={stream.id: stream for stream in streams})
    except (KeyError, FedpeerError) as fault:
        raise StoreError(f"the records of project {id_} are not whole: {fault}") from fault


def carried(project: Project, models: tuple[bytes, ...]) -> bytes:
    """The project as bytes."""
    return canonical.encode(Carried(_FORM, project.head, tuple(map(_stored, project.batches.values())), models))


def received(id_: str, data: bytes, name: str) -> tuple[Project, tuple[bytes, ...]]:
    """The project in these bytes, under a name of its own, and its models; MalformedError, MismatchError."""
    told = canonical.decode(data, Carried)
    if told.form != _FORM:
        raise MismatchError(f"form {told.form} of a project is not known here")
    return _read(id_, structs.replace(told.head, name=name or told.head.name), told.batches), told.models


def _read(id_: str, head: Head, stored: Iterable[StoredBatch]) -> Project:
    empty = made(id_, head)
    found = {b.batch.id: Local(b.batch, Summary.from_bytes(b.summary, empty.schema)) for b in stored}
    return made(id_, head, found)


def _stored(local: Local) -> StoredBatch:
    return StoredBatch(local.batch, local.summary.to_bytes())
