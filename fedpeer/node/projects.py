"""The projects of this node: rows without a federation, kept in the store as its memberships are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from fedpeer.core.errors import UnknownError
from fedpeer.core.peer import project as core
from fedpeer.core.peer.carrying import carried, changes, received, restore
from fedpeer.core.peer.events import AddBatch, AddStream, Flowed, ForgetStream, StopStream, WithdrawBatch, WithdrawRows
from fedpeer.core.peer.flowing import unread
from fedpeer.core.peer.project import Head, Project
from fedpeer.core.peer.state import Local
from fedpeer.core.peer.streams import Flow, Stream
from fedpeer.core.statistics.schema import Schema
from fedpeer.node import shapes
from fedpeer.node.engine import NODE, PROJECT, Engine
from fedpeer.ports import Clock, Commit, Entropy, Entry

T = TypeVar("T")

_TOLD_S = 60.0


class Projects:
    """What there is of projects, and every change of one: stored first, and only then so."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        """Nothing is known before `load`."""
        self.states: Mapping[str, Project] = {}
        self._engine = engine
        self._clock = clock
        self._changing = asyncio.Lock()
        self._spoken: dict[str, float] = {}  # when people were last told of a stream

    async def load(self) -> None:
        """Read the records; once, at the start."""
        self.states = {s: restore(s, await self._engine.records(s)) for s in await self._engine.projects()}

    def get(self, scope: str) -> Project:
        """A project by its id."""
        found = self.states.get(scope)
        if found is None:
            raise UnknownError(f"there is no project {scope[:64]}")
        return found

    async def make(self, name: str, schema: Schema | None, entropy: Entropy) -> Project:
        """A new project without rows."""
        now, text = self._now, "" if schema is None else schema.to_json()
        project = core.made(_drawn(entropy), Head(name, text, now, now))
        return await self._put(project, f"made the project {name}")

    async def take(
        self, data: bytes, name: str, entropy: Entropy, read: Callable[[Sequence[bytes]], list[T]]
    ) -> tuple[Project, list[T]]:
        """A project out of the bytes of another, which may come from another node; its models, as read, come along.

        Nothing is made of what cannot be read in full.
        """

        def work() -> tuple[Project, list[T]]:
            project, models = received(_drawn(entropy), data, name)
            return project, read(models)

        project, models = await asyncio.to_thread(work)
        return await self._put(project, f"took in the project {project.head.name}"), models

    async def tell(self, scope: str, event: Any) -> Local:
        """Have rows added or taken out; returns the batch that this is about."""
        found: list[Local] = []

        def work(project: Project) -> Project:
            after, local = core.heard(project, event, self._now)
            found.append(local)
            return after

        flow = event.flow if isinstance(event, AddBatch) else None
        await self._change(scope, work, lambda: self._said(event, found[0]), stream=flow.stream if flow else "")
        if flow is not None:
            self._passed_over(scope, flow)
        return found[0]

    async def listen(self, scope: str, event: Any) -> Stream | Local:
        """Have a stream begun, stopped, forgotten or gone on with; returns it, or the batch of its rows."""
        if isinstance(event, AddBatch):
            return await self.tell(scope, event)
        found: list[Stream] = []

        def work(project: Project) -> Project:
            after, stream = core.listened(project, event)
            found.append(stream)
            return after

        flow = event.flow if isinstance(event, Flowed) else None
        named = flow.stream if flow else event.stream
        known = named if isinstance(named, str) else named.id
        await self._change(scope, work, lambda: _listening(event, found[0]), stream=known)
        if flow is not None:
            self._passed_over(scope, flow)
        return found[0]

    async def change(self, scope: str, schema: Schema | None, fields: Mapping[str, Any]) -> Project:
        """A schema, and other fields of its head; what is None stays."""

        def work(project: Project) -> Project:
            if schema is not None:
                project = core.agreed(project, schema, self._now)
            return core.changed(project, self._now, **{k: v for k, v in fields.items() if v is not None})

        return await self._change(scope, work, lambda: "changed what the project is")

    async def merge(self, scope: str, other: str, *, force: bool) -> Project:
        """Count the rows of another project here too."""
        more = self.get(other)
        return await self._change(
            scope,
            lambda project: core.merged(project, more, self._now, force=force),
            lambda: f"took over {more.local.rows} rows of {more.head.name}",
        )

    async def drop(self, scope: str) -> None:
        """Delete a project with everything it has."""
        async with self._changing:
            told = self._engine.entry(NODE, "node", f"deleted the project {self.get(scope).head.name}")
            records = await self._engine.records(scope)
            await self._engine.store(Commit({(scope, name): None for name in records}, entries=[told]))
            self.states = {k: p for k, p in self.states.items() if k != scope}

    def carried(self, scope: str, models: tuple[bytes, ...]) -> bytes:
        """The project with these models as bytes."""
        return carried(self.get(scope), models)

    @property
    def _now(self) -> int:
        return int(self._clock.now())

    async def _change(
        self, scope: str, work: Callable[[Project], Project], text: Callable[[], str], *, stream: str = ""
    ) -> Project:
        async with self._changing:
            before = self.get(scope)
            after = await asyncio.to_thread(work, before)
            await self._store(before, after)
        said = text()
        if said:
            data = {"stream": stream} if stream else {}
            self._engine.note(Entry(self._clock.now(), scope, "data", "info", said, data=data))
        return after

    def _said(self, event: Any, local: Local) -> str:
        """What people are told of rows; of those of a stream, which come without end, now and then only."""
        if not isinstance(event, AddBatch) or event.flow is None:
            return _told(event, local)
        if not self._seldom(event.flow.stream):
            return ""
        return f"counted {local.batch.rows} rows of {local.batch.source} by now"

    def _passed_over(self, scope: str, flow: Flow) -> None:
        """Tell people of messages that cannot be read, now and then."""
        stream = self.get(scope).streams.get(flow.stream)
        if stream is not None and flow.faults and self._seldom(f"{stream.id}/faults"):
            said, data = unread(stream), {"stream": stream.id, "faults": dict(stream.faults)}
            self._engine.note(Entry(self._clock.now(), scope, "data", "error", said, data=data))

    def _seldom(self, what: str) -> bool:
        now = self._clock.now()
        if now < self._spoken.get(what, 0.0) + _TOLD_S:
            return False
        self._spoken[what] = now
        return True

    async def _put(self, project: Project, text: str) -> Project:
        async with self._changing:
            await self._store(None, project)
        self._engine.note(Entry(self._clock.now(), project.id, "data", "info", text))
        return project

    async def _store(self, before: Project | None, after: Project) -> None:
        records = {(after.id, name): value for name, value in changes(before, after).items()}
        await self._engine.store(Commit(records))
        self.states = {**self.states, after.id: after}


def project_shape(project: Project) -> shapes.Project:
    """A project for people."""
    head = project.head
    return shapes.Project(
        id=project.id,
        name=head.name,
        created_at=float(head.created_at),
        changed_at=float(head.changed_at),
        frozen=head.frozen,
        histogram="histogram" in project.agreed.blocks if project.agreed is not None else head.histogram,
        rows=project.total.rows if project.total is not None else 0,
        batches=len(project.batches),
        schema_digest=project.agreed.digest if project.agreed is not None else "",
        digest=project.total.digest if project.total is not None else "",
    )


def _drawn(entropy: Entropy) -> str:
    return PROJECT + entropy.draw(8).hex()


def _listening(event: Any, stream: Stream) -> str:
    match event:
        case AddStream():
            return f"listens to {stream.location}" + (f", after message {stream.sequence}" if stream.sequence else "")
        case StopStream():
            return f"listens to {stream.location} no more"
        case ForgetStream():
            return f"forgot {stream.location}"
    return ""


def _told(event: Any, local: Local) -> str:
    batch = local.batch
    if isinstance(event, WithdrawBatch):
        return f"withdrew {batch.rows} rows of {batch.source}"
    if isinstance(event, WithdrawRows):
        return f"withdrew {event.summary.rows} rows of {batch.source}, as told by {event.source}"
    rejected = batch.read - batch.rows
    return f"counted {batch.rows} rows of {batch.source}" + (f", rejected {rejected}" if rejected else "")
