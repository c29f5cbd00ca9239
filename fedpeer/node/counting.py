"""Rows in and out: what is counted once, what is taken out again, and the places that are watched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from fedpeer.core.envelope.access import Access
from fedpeer.core.errors import DuplicateError, RequestError
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.kept import Seen, Watch, seen_key
from fedpeer.core.peer.persons import patient_key
from fedpeer.core.peer.project import Project
from fedpeer.core.peer.state import Batch, Local, Peer
from fedpeer.core.statistics.collect import Collected, tally
from fedpeer.core.statistics.schema import Schema
from fedpeer.node import origins, shapes
from fedpeer.node.assessing import HeldOut
from fedpeer.node.drafts import Drafts
from fedpeer.node.engine import Engine, World
from fedpeer.node.jobs import Jobs, Progress
from fedpeer.node.naming import named
from fedpeer.node.sources import Sources
from fedpeer.node.views import Views, batch_shape
from fedpeer.ports import Commit, Feeds, Lookout, Scribe, Shelf, Source, Spot

Rows = Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Means:
    """What commands need besides the engine.

    Sources by location, rows as a source, an external bus if any, how long invites last that do not say, eyes for the
    files at a location, where streams are found, eyes for people who look for rows, and a hand that writes files.
    """

    open_source: Callable[[str, Schema | None, Mapping[str, Any]], Source]
    open_rows: Callable[[str, Rows, Schema], Source]
    external: Access | None
    invite_s: int = 72 * 3600
    lookout: Lookout | None = None
    feeds: Feeds | None = None
    shelf: Shelf | None = None
    scribe: Scribe | None = None


class Counting(Views):
    """The half of a node's commands that deals with its own rows."""

    def __init__(self, engine: Engine, jobs: Jobs, world: World, means: Means, about: shapes.NodeInfo) -> None:
        """`world` and `engine` are the same that the daemon started."""
        super().__init__(engine, jobs, world.clock, about)
        self._world = world
        self._means = means
        self.sources = Sources(engine, means.shelf)
        self.drafts = Drafts(engine, world.entropy.draw, means.scribe)

    async def add_source(
        self, fed: str, location: str, *, options: Mapping[str, Any], force: bool = False
    ) -> shapes.Job:
        """Count the rows of a file that this node can read, or of a source that has a name, as `source:NAME`."""
        scope, peer = self.resolve(fed), self._held(fed)
        location, options = self.sources.placed(location, options)
        source = await asyncio.to_thread(self._means.open_source, location, schema_of(peer), options)
        spot = None
        if self._means.lookout is not None and isinstance(peer, Peer):
            spot = await asyncio.to_thread(self._means.lookout.alone, location)
            if spot is not None and not force:
                await asyncio.to_thread(_refuse_longer, self._means.lookout, peer, spot)
        return self._count(scope, source, spot, force=force)

    async def add_rows(self, fed: str, rows: Rows, *, source: str, force: bool = False) -> shapes.Job:
        """Count rows that were posted."""
        scope, schema = self.resolve(fed), schema_of(self._held(fed))
        posted = await asyncio.to_thread(self._means.open_rows, source, rows, schema)
        return self._count(scope, posted, None, force=force)

    async def withdraw(self, fed: str, batch_id: str) -> shapes.Batch:
        """Take a batch's rows out again; a beginning of its id is enough if no other begins so."""
        scope = self.resolve(fed)
        local = self._batch_of(scope, batch_id)
        gone = batch_shape(local, self._held(scope))
        await self._tell(scope, ev.WithdrawBatch(local.batch.id))
        return gone

    async def withdraw_rows(self, fed: str, rows: HeldOut, batch_id: str = "") -> shapes.Job:
        """Take rows out of the batch that has them; the job's result is that batch as it then is."""
        scope, held = self.resolve(fed), self._held(fed)
        batch = self._batch_of(scope, batch_id).batch.id if batch_id else ""
        source = await asyncio.to_thread(rows.opened, self._open, self._means.open_rows, schema_of(held))

        async def work(progress: Progress) -> shapes.Batch:
            collected = await asyncio.to_thread(counted, source, held, progress)
            event = ev.WithdrawRows(source.name, collected.summary, batch, collected.patients)
            local: Local = await self._tell(scope, event)
            return batch_shape(local, self._held(scope))

        return self._jobs.start(reading_job("withdrawal", scope, source), work)

    async def cancel_job(self, job_id: str) -> shapes.Job:
        """Have a job stop; nothing of it remains."""
        job = self._jobs.cancel(job_id)
        told = self._engine.entry(job.federation, "data", f"stopped the job {job.id} ({job.kind})")
        await self._engine.store(Commit(entries=[told]))
        return job

    # Watching

    async def watch_data(
        self, fed: str, location: str, *, every_s: int, options: Mapping[str, Any], force: bool = False
    ) -> origins.Watch:
        """Look at a folder, a pattern or a file that grows again and again, and count what is new."""
        scope, lookout = self.resolve(fed), self._means.lookout
        if lookout is None:
            raise RequestError("this node has no files to watch")
        schema = self._engine.peer(scope).agreed
        location, options = self.sources.placed(location, options)
        place, spots = await asyncio.to_thread(lookout.check, location, schema, options)
        told = msgspec.json.encode(dict(options))
        watch = Watch(self._world.entropy.draw(8).hex(), place, every_s, told, int(self._world.clock.now()))
        forget = tuple(seen_key(spot.path) for spot in spots) if force else ()
        await self._engine.ask(scope, ev.AddWatch(watch, forget))
        return self._watch_shape(scope, watch)

    async def unwatch_data(self, fed: str, watch_id: str) -> origins.Watch:
        """Look at a place no more; what was counted stays."""
        scope = self.resolve(fed)
        watches = self._engine.peer(scope).watches
        watch = named(watches, watch_id, "watches", "fedpeer data watches")
        told = self._watch_shape(scope, watch)
        await self._engine.ask(scope, ev.RemoveWatch(watch.id))
        return told

    def watches(self, fed: str) -> list[origins.Watch]:
        """The places that are watched."""
        scope = self.resolve(fed)
        watches = self._engine.peer(scope).watches.values()
        return [self._watch_shape(scope, w) for w in sorted(watches, key=lambda w: (w.added_at, w.id))]

    # Inside

    def _open(self, location: str, schema: Schema | None, options: Mapping[str, Any]) -> Source:
        """The rows at a place, or at one that has a name."""
        location, options = self.sources.placed(location, options)
        return self._means.open_source(location, schema, options)

    def _watch_shape(self, scope: str, watch: Watch) -> origins.Watch:
        peer = self._engine.peer(scope)
        files = [seen for seen in peer.seen.values() if seen.watch == watch.id]
        batches = {seen.batch for seen in files} & peer.batches.keys()
        return origins.Watch(
            id=watch.id,
            location=watch.location,
            every_s=watch.every_s,
            options=msgspec.json.decode(watch.options),
            added_at=float(watch.added_at),
            files=len(files),
            rows=sum(peer.batches[batch].batch.rows for batch in batches),
        )

    def _batch_of(self, scope: str, batch_id: str) -> Local:
        return named(self._held(scope).batches, batch_id, "batches", "fedpeer data list")

    def _count(self, scope: str, source: Source, spot: Spot | None, *, force: bool) -> shapes.Job:
        async def work(progress: Progress) -> shapes.Batch:
            collected = await asyncio.to_thread(counted, source, self._held(scope), progress)
            batch = batch_for(self._world, source.name, collected)
            seen = None
            if spot is not None and self._means.lookout is not None:
                digest = await asyncio.to_thread(self._means.lookout.mark, spot.path, spot.size, whole=False)
                seen = Seen(spot.path, spot.size, spot.mtime_ns, spot.size, digest, False, batch.id, "")
            event = ev.AddBatch(batch, collected.summary, force, seen, None, collected.patients)
            await self._tell(scope, event)
            return batch_shape(Local(batch, collected.summary), self._held(scope))

        return self._jobs.start(reading_job("data", scope, source), work)

    async def _tell(self, scope: str, event: ev.Event) -> Any:
        """Have an event of rows dealt with where they are: in a project, or in a membership."""
        if scope in self._projects.states:
            return await self._projects.tell(scope, event)
        return await self._engine.ask(scope, event)


def counted(source: Source, held: Peer | Project, progress: Progress | None = None) -> Collected:
    """The rows of a source as they are counted here; `progress` is told in the source's own unit."""
    schema, key = schema_of(held), patient_key(held.me) if isinstance(held, Peer) else b""
    if source.size:
        return tally(schema, source.batches(schema.needed, progress), key=key)
    return tally(schema, source.batches(schema.needed), progress, key=key)


def batch_for(world: World, source: str, collected: Collected) -> Batch:
    """A batch of what was counted just now, under an id of its own."""
    return Batch(
        id=world.entropy.draw(8).hex(),
        source=source,
        added_at=int(world.clock.now()),
        rows=collected.counted,
        read=collected.read,
        rejected=collected.rejected,
        content=collected.summary.digest,
    )


def reading_job(kind: str, scope: str, source: Source) -> shapes.Job:
    """A job that reads a source, before it begins."""
    return shapes.Job(
        id="",
        kind=kind,
        federation=scope,
        state="running",
        started_at=0.0,
        ended_at=0.0,
        current=0,
        maximum=source.size,
        unit=source.unit,
    )


def schema_of(held: Peer | Project) -> Schema:
    """What rows are counted under."""
    return held.schema if isinstance(held, Project) else held.agreed


def _refuse_longer(lookout: Lookout, peer: Peer, spot: Spot) -> None:
    """DuplicateError if the file begins with what was counted of it before, and that is still here."""
    seen = peer.seen.get(seen_key(spot.path))
    if seen is None or seen.batch not in peer.batches or spot.size < seen.until or not lookout.same(seen):
        return
    raise DuplicateError(
        f"{spot.path} begins with the rows of batch {seen.batch}, which were counted from it before",
        hint=f"count only what is new: `fedpeer data watch {spot.path}`; withdraw that batch; or force it",
    )
