"""A project: rows of this node, counted under a schema of its own and without any federation.

It takes rows in batches and gives them back as a member does (`rows.py`), and has nothing else in common with one: no
key, no charter, nothing that leaves. A project without a schema takes one before its first row, and keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from msgspec import structs

from fedpeer.core.canonical import Value
from fedpeer.core.errors import MismatchError, StateError, UnknownError
from fedpeer.core.peer import flowing
from fedpeer.core.peer.events import AddBatch, AddStream, Flowed, ForgetStream, StopStream, WithdrawBatch, WithdrawRows
from fedpeer.core.peer.rows import having, longer, refuse_twin
from fedpeer.core.peer.state import Batch, Local
from fedpeer.core.peer.streams import Stream
from fedpeer.core.statistics.extension import embed, extends
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary


class Head(Value, frozen=True):
    """What a project is, but for its rows; `schema` is JSON, empty while there is none, `added` counts batches.

    `histogram` says that a schema which is made for its first rows should count histograms.
    """

    name: str
    schema: str
    created_at: int
    changed_at: int
    added: int = 0
    frozen: bool = False
    histogram: bool = False


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Project:
    """A project. `agreed` is its schema, if it has one yet, and `total` the sum of its batches."""

    id: str
    head: Head
    agreed: Schema | None = None
    total: Summary | None = None
    batches: Mapping[str, Local] = field(default_factory=dict)
    streams: Mapping[str, Stream] = field(default_factory=dict)

    @property
    def schema(self) -> Schema:
        """The schema; StateError while there is none."""
        if self.agreed is None:
            raise StateError(f"project {self.head.name} has no schema yet", hint="set one before its first rows")
        return self.agreed

    @property
    def local(self) -> Summary:
        """The summary of all rows; StateError while there is no schema."""
        if self.total is None:
            raise StateError(f"project {self.head.name} has no schema yet, and no rows")
        return self.total


def made(id_: str, head: Head, batches: Mapping[str, Local] | None = None) -> Project:
    """The project that a head and its batches are; SchemaError if the head's schema is none."""
    schema = Schema.from_json(head.schema) if head.schema else None
    zero = None if schema is None else Summary.zero(schema)
    total = None if zero is None else sum((b.summary for b in (batches or {}).values()), zero)
    return Project(id_, head, schema, total, batches or {})


def heard(project: Project, event: object, now: int) -> tuple[Project, Local]:
    """The project with rows added or taken out, and the batch that this is about; DuplicateError, UnknownError."""
    _need_thawed(project)
    match event:
        case AddBatch():
            return _added(project, event, now)
        case WithdrawBatch():
            local = project.batches.get(event.batch)
            if local is None:
                raise UnknownError(f"there is no batch {event.batch[:40]}")
            rest = {k: b for k, b in project.batches.items() if k != event.batch}
            return _with(project, rest, project.local - local.summary, now), local
        case WithdrawRows():
            return _taken(project, event, now)
    raise StateError(f"a project knows nothing of {type(event).__name__}")


def listened(project: Project, event: object) -> tuple[Project, Stream]:
    """The project when a stream is begun, stopped, forgotten or gone on with; DuplicateError, UnknownError."""
    match event:
        case AddStream():
            streams, stream = flowing.begun(project.streams, event.stream, anew=event.anew)
        case StopStream():
            streams, stream = flowing.stopped(project.streams, event.stream)
        case ForgetStream():
            streams, stream = flowing.without(project.streams, event.stream)
        case Flowed():
            _need_thawed(project)
            before = flowing.expecting(project.streams, event.flow)
            stream = before.after(event.flow, before.batch, 0, 0, {})
            streams = {**project.streams, stream.id: stream}
        case _:
            raise StateError(f"a project knows nothing of {type(event).__name__}")
    return replace(project, streams=streams), stream


def agreed(project: Project, schema: Schema, now: int) -> Project:
    """The project under this schema; StateError if it has rows under one that this does not extend, or counts some."""
    if project.batches and not extends(project.schema, schema):
        raise StateError(
            f"project {project.head.name} has rows under its schema, so that is fixed but for what can be added",
            hint="count them anew in a project of another schema",
        )
    if any(stream.running for stream in project.streams.values()):
        raise StateError(f"streams of project {project.head.name} are counted under its schema", hint="stop them first")
    head = structs.replace(project.head, schema=schema.to_json(), changed_at=now)
    rows = {k: replace(local, summary=embed(local.summary, schema)) for k, local in project.batches.items()}
    return replace(made(project.id, head, rows), streams=project.streams)


def merged(project: Project, other: Project, now: int, *, force: bool) -> Project:
    """The project with the rows of another too, which must be under the same schema; all of them or none."""
    if other.schema.digest != project.schema.digest:
        raise MismatchError(f"{other.head.name} has another schema than {project.head.name}")
    for local in other.batches.values():
        batch = structs.replace(local.batch, id=f"{local.batch.id}-{project.head.added + 1}")
        project, _ = heard(project, AddBatch(batch, local.summary, force), now)
    return project


def changed(project: Project, now: int, **fields: object) -> Project:
    """The project with another name, or frozen, or no longer."""
    return replace(project, head=structs.replace(project.head, changed_at=now, **fields))


def _added(project: Project, event: AddBatch, now: int) -> tuple[Project, Local]:
    if event.summary.schema.digest != project.schema.digest:
        raise StateError("the rows were counted under another schema than the project's")
    if event.flow is not None:
        stream, batch = flowing.expecting(project.streams, event.flow), event.batch
        stream = stream.after(event.flow, batch.id, batch.read, batch.rows, batch.rejected)
        project = replace(project, streams={**project.streams, stream.id: stream})
    before = project.batches.get(event.batch.id)
    if before is not None:
        local = longer(before, event.batch, event.summary)
    else:
        if event.batch.rows and not event.force:
            refuse_twin(project.batches, event.batch, (event.batch.content,))
        number = project.head.added + 1
        local = Local(structs.replace(event.batch, number=number), event.summary)
        project = replace(project, head=structs.replace(project.head, added=number))
    batches = {**project.batches, local.batch.id: local}
    return _with(project, batches, project.local + event.summary, now), local


def _need_thawed(project: Project) -> None:
    if project.head.frozen:
        raise StateError(f"project {project.head.name} is frozen", hint="unfreeze it to change its rows")


def _taken(project: Project, event: WithdrawRows, now: int) -> tuple[Project, Local]:
    local, rows = having(project.batches, event), event.summary.rows
    rest = local.summary - event.summary
    batch: Batch = structs.replace(local.batch, rows=rest.rows, withdrawn=local.batch.withdrawn + rows)
    left = Local(batch, rest)
    batches = {k: left if k == batch.id else b for k, b in project.batches.items() if k != batch.id or rest.rows}
    return _with(project, batches, project.local - event.summary, now), left


def _with(project: Project, batches: Mapping[str, Local], total: Summary, now: int) -> Project:
    head = structs.replace(project.head, changed_at=now)
    return replace(project, head=head, batches=batches, total=total)
