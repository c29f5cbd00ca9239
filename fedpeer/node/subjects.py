"""Streams as people have them: begun, stopped, gone on with, forgotten; what a server has, and how it lets us in.

Credentials that are told with a stream are kept beside it, in a record that the store seals, and shown to nobody.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from fedpeer.core import canonical
from fedpeer.core.errors import FedpeerError, RequestError, SourceError, StateError
from fedpeer.core.peer import events as ev
from fedpeer.core.peer import flowing as core
from fedpeer.core.peer.project import Project
from fedpeer.core.peer.state import Joining, Peer
from fedpeer.core.peer.streams import Credential, Flow, Inlet, Stream
from fedpeer.node import origins, shapes
from fedpeer.node.cells import Cells
from fedpeer.node.counting import Counting, Means, batch_for, counted, schema_of
from fedpeer.node.engine import NODE, Engine, World
from fedpeer.node.jobs import Jobs
from fedpeer.node.naming import named
from fedpeer.node.sources import SAMPLE
from fedpeer.node.views import Metric, entry_shape
from fedpeer.ports import Commit, Entry, Feed, Feeds, Gathered

_KEPT = "secret/stream/"
_ALL = 1_000_000
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)


class Subjects(Counting):
    """The part of a node's commands that deals with streams."""

    def __init__(self, engine: Engine, jobs: Jobs, world: World, means: Means, about: shapes.NodeInfo) -> None:
        """As a node is made; credentials are known after `load_credentials`."""
        super().__init__(engine, jobs, world, means, about)
        self.flowing: dict[str, str] = {}  # the fault of each stream that is listened to, "" without one
        self.behind: dict[str, int | None] = {}  # how many messages of it are still to come, as far as is known
        self.broken: dict[str, int] = {}  # how often its line broke since the start
        self.credentials: dict[str, Credential] = {}  # of those streams that have one
        self.cells = Cells(engine, world.entropy.draw)

    async def load_credentials(self) -> None:
        """Read what streams are let in with; once, at the start."""
        for name, value in (await self._engine.records(NODE)).items():
            if name.startswith(_KEPT):
                self.credentials[name.removeprefix(_KEPT)] = canonical.decode(value, Credential)

    async def start_stream(self, fed: str, begin: origins.Begin, *, force: bool = False) -> origins.Stream:
        """Count the messages of a subject from now on, where it was left, or from the first that is there (`force`)."""
        scope, feeds = self.resolve(fed), self._feeds
        if begin.name and not _NAME.fullmatch(begin.name):
            raise RequestError("a stream's name has 1 to 64 of the letters, digits and the signs _ . -")
        location, options = self.sources.placed(begin.location, begin.options)
        inlet = Inlet(location, options, begin.credential)
        place = await asyncio.to_thread(feeds.check, inlet, schema_of(self._held(fed)))
        twin = next((each for each in self._streams(scope).values() if each.location == place), None)
        going_on = twin is not None and not force
        origin, last = ("", 0) if going_on or not begin.new else await feeds.stands(inlet)
        stream = Stream(
            twin.id if twin is not None and going_on else self._world.entropy.draw(8).hex(),
            place,
            msgspec.json.encode(dict(options)),
            int(self._world.clock.now()),
            origin=origin,
            sequence=last,
            name=begin.name,
        )
        # Refused before anything is kept, so that what is listened to goes on as it was let in.
        core.begun(self._streams(scope), stream, anew=force)
        before = self.credentials.get(stream.id, Credential())
        await self._let_in(stream.id, begin.credential)
        try:
            begun: Stream = await self._listen(scope, ev.AddStream(stream, force))
        except FedpeerError:
            await self._let_in(stream.id, before)
            raise
        if twin is not None and twin.id != begun.id:
            await self._let_in(twin.id, Credential())
        return self._stream_shape(scope, begun)

    async def set_stream(self, fed: str, stream_id: str, *, running: bool, force: bool = False) -> origins.Stream:
        """Listen to a known stream again, where it was left or from the first message (`force`), or no more."""
        scope = self.resolve(fed)
        stream = self._stream_of(scope, stream_id)
        if running and (force or not stream.running):
            options, credential = msgspec.json.decode(stream.options), self.credentials.get(stream.id, Credential())
            begin = origins.Begin(stream.location, options, credential, stream.name)
            return await self.start_stream(scope, begin, force=force)
        if not running and stream.running:
            stream = await self._listen(scope, ev.StopStream(stream.id))
        return self._stream_shape(scope, stream)

    async def forget_stream(self, fed: str, stream_id: str) -> origins.Stream:
        """Forget a stream, here and, if that can be done now, where it is; what was counted stays."""
        scope = self.resolve(fed)
        stream = self._stream_of(scope, stream_id)
        told, credential = self._stream_shape(scope, stream), self.credentials.get(stream.id, Credential())
        await self._listen(scope, ev.ForgetStream(stream.id))
        await self._let_in(stream.id, Credential())
        if self._means.feeds is not None:
            try:
                await self._means.feeds.forget(stream, credential)
            except SourceError as error:
                text = f"what {stream.location} keeps for us could not be deleted there: {error}"
                self._engine.note(Entry(self._world.clock.now(), scope, "data", "warning", text))
        return told

    def metrics(self) -> Mapping[str, Metric]:
        """Numbers for monitoring, with those of each stream."""
        scopes = {fed.id: fed.name for fed in self.federations()} | {one.id: one.name for one in self.projects()}
        found: dict[str, list[tuple[Mapping[str, str], float]]] = {}
        for scope, name in scopes.items():
            for each in self._heard(scope):
                labels = {"federation": scope, "name": name, "stream": each.name or each.id}
                for metric, value in flowing(each).items():
                    found.setdefault(metric, []).append((labels, value))
        return {**super().metrics(), **found}

    def streams(self, fed: str) -> list[origins.Stream]:
        """The streams that are, or were, listened to, and what came of them."""
        scope = self.resolve(fed)
        return self._heard(scope)

    def stream(self, fed: str, stream_id: str) -> origins.Stream:
        """One of them, by its name, its id, or a beginning of that."""
        scope = self.resolve(fed)
        return self._stream_shape(scope, self._stream_of(scope, stream_id))

    def stream_log(
        self, fed: str, stream_id: str, levels: Sequence[str] = (), *, after: int = 0, before: int = 0, limit: int = 100
    ) -> shapes.LogPage:
        """A page of what happened to a stream, newest first."""
        scope = self.resolve(fed)
        stream = self._stream_of(scope, stream_id).id
        timeline = self._engine.timeline
        found = timeline.page(scope, kinds=("data",), levels=levels, after=after, before=before, limit=_ALL)
        mine = [entry for entry in found if entry.data.get("stream") == stream]
        page = mine[:limit]
        return shapes.LogPage(entries=[entry_shape(e) for e in page], next=page[-1].id if len(mine) > limit else 0)

    async def browse_streams(self, inlet: Inlet) -> list[origins.Subject]:
        """The subjects that a server keeps messages of."""
        found = await self._feeds.subjects(inlet)
        return [origins.Subject(subject=subject, messages=count) for subject, count in found.items()]

    async def preview_stream(self, inlet: Inlet, rows: int) -> origins.Sample:
        """The first rows in the messages of a subject; they are not counted, and stay where they are."""
        if not 1 <= rows <= SAMPLE:
            raise RequestError(f"a preview has 1 to {SAMPLE} rows")
        columns = await self._feeds.sample(inlet, rows)
        lines = [[_plain(value) for value in row] for row in zip(*columns.values(), strict=True)]
        return origins.Sample(columns=list(columns), rows=lines)

    # For whoever listens

    def running_streams(self) -> dict[tuple[str, str], Stream]:
        """The streams that are to be listened to, by scope and id."""
        peers = [(s, p) for s, p in self._engine.states.items() if isinstance(p, Peer) and p.phase == "active"]
        streams = [(s, each) for s, p in peers for each in p.streams.values()]
        streams += [(s, each) for s, p in self._projects.states.items() for each in p.streams.values()]
        return {(scope, each.id): each for scope, each in streams if each.running}

    def manner(self, scope: str, stream: Stream) -> tuple[bytes, Credential | None, str]:
        """What a stream is listened to by: when that changes, it is begun again where it was left."""
        return stream.options, self.credentials.get(stream.id), schema_of(self._held(scope)).digest

    async def open_stream(self, scope: str, stream: str) -> Feed:
        """What comes after the messages of a stream that were counted; SourceError, StateError."""
        credential = self.credentials.get(stream, Credential())
        return await self._feeds.open(self._following(scope, stream), schema_of(self._held(scope)), credential)

    async def count_messages(self, scope: str, stream: str, origin: str, gathered: Gathered) -> bool:
        """Store the rows of messages, and how far the stream was counted with them; False if nobody listens now."""
        known = self._following(scope, stream)
        if not known.running:
            return False
        since, until = known.sequence, gathered.until
        flow = Flow(known.id, origin, since, until, gathered.messages, gathered.at, gathered.faults)
        await self._listen(scope, await self._event(scope, known, flow, gathered.columns))
        return True

    async def _event(
        self, scope: str, stream: Stream, flow: Flow, columns: Mapping[str, Sequence[Any]]
    ) -> ev.AddBatch | ev.Flowed:
        if not any(columns.values()):
            return ev.Flowed(flow)
        held = self._held(scope)
        source = await asyncio.to_thread(self._means.open_rows, stream.location, columns, schema_of(held))
        collected = await asyncio.to_thread(counted, source, held)
        batch = batch_for(self._world, stream.location, collected)
        if stream.batch in held.batches:
            batch = msgspec.structs.replace(batch, id=stream.batch)
        # The same sums again are other messages: a stream's own numbers tell them apart.
        return ev.AddBatch(batch, collected.summary, True, patients=collected.patients, flow=flow)

    def _following(self, scope: str, stream: str) -> Stream:
        found = self._streams(scope).get(stream)
        if found is None:
            raise StateError(f"stream {stream} was forgotten")
        return found

    # Inside

    @property
    def _feeds(self) -> Feeds:
        if self._means.feeds is None:
            raise RequestError("this node has no streams to listen to")
        return self._means.feeds

    async def _listen(self, scope: str, event: ev.Event) -> Any:
        """Have an event of streams dealt with where they are: in a project, or in a membership."""
        if scope in self._projects.states:
            return await self._projects.listen(scope, event)
        return await self._engine.ask(scope, event)

    async def _let_in(self, stream: str, credential: Credential) -> None:
        """Keep how a stream is let in, or forget it if that is nothing."""
        if credential == self.credentials.get(stream, Credential()):
            return
        name = (NODE, _KEPT + stream)
        if credential == Credential():
            await self._engine.store(Commit({name: None}))
            del self.credentials[stream]
        else:
            await self._engine.store(Commit({name: canonical.encode(credential)}))
            self.credentials[stream] = credential

    def _heard(self, scope: str) -> list[origins.Stream]:
        held = self._projects.states.get(scope) or self._engine.states[scope]
        streams = () if isinstance(held, Joining) else held.streams.values()
        return [self._stream_shape(scope, each) for each in sorted(streams, key=lambda s: (s.added_at, s.id))]

    def _streams(self, scope: str) -> Mapping[str, Stream]:
        held: Peer | Project = self._held(scope)
        return held.streams

    def _stream_of(self, scope: str, stream_id: str) -> Stream:
        streams = self._streams(scope)
        called = next((each for each in streams.values() if each.name and each.name == stream_id), None)
        return called or named(streams, stream_id, "streams", "fedpeer stream list")

    def _stream_shape(self, scope: str, stream: Stream) -> origins.Stream:
        fault = self.flowing.get(stream.id) if stream.running else ""
        going = "running" if stream.running else "stopped"
        return origins.Stream(
            id=stream.id,
            name=stream.name,
            location=stream.location,
            options=msgspec.json.decode(stream.options),
            added_at=float(stream.added_at),
            state="connecting" if fault is None else "waiting" if fault else going,
            error=fault or "",
            batch=stream.batch if stream.batch in self._held(scope).batches else "",
            messages=stream.messages,
            read=stream.read,
            rows=stream.rows,
            rejected=stream.rejected,
            unreadable=stream.faults,
            sequence=stream.sequence,
            last_at=float(stream.last_at),
            behind=self.behind.get(stream.id) if stream.running else None,
            broken=self.broken.get(stream.id, 0),
        )

    def _waiting(self, state: Peer) -> list[str]:
        faults = [each for each in state.streams.values() if each.running and self.flowing.get(each.id)]
        return [f"stream {each.name or each.id} waits: {self.flowing[each.id]}" for each in faults]


def flowing(stream: origins.Stream) -> dict[str, float]:
    """What is measured of a stream, by the names of metrics; what is not known is left out."""
    told: dict[str, float | None] = {
        "connected": None if stream.state == "stopped" else float(stream.state == "running"),
        "behind_messages": stream.behind,
        "last_message_timestamp_seconds": stream.last_at or None,
        "messages_total": stream.messages,
        "unreadable_messages_total": sum(stream.unreadable.values()),
        "rows_total": stream.rows,
        "rejected_rows_total": stream.read - stream.rows,
        "errors_total": stream.broken,
    }
    return {f"fedpeer_stream_{name}": float(value) for name, value in told.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, list | dict):
        return msgspec.json.encode(value).decode()
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
