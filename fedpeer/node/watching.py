"""Looking again and again at the places that are watched, and counting what is new.

1. A file of a folder is whole: it is counted once, when nobody has written to it for a while, as a batch of its own. If
   it changes afterwards, that is said and nothing is counted. If it vanishes, its rows stay counted, and that is said.
2. A file that is watched by itself grows: its whole new rows since the last time are counted, into one batch. If it no
   longer begins with what was counted, it was cut, exchanged or rotated: that is said and nothing is counted.
3. What was counted of a file is stored in one commit with the batch. Killed before it, the node counts again what it
   had not counted; killed after it, it knows.
4. A fault is said once, and again only when it was over or is another one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from fedpeer.core.errors import FedpeerError, SourceError, StateError, StoreError
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.kept import Seen, Watch, seen_key
from fedpeer.core.peer.state import Peer
from fedpeer.core.statistics.collect import Collected
from fedpeer.core.statistics.schema import Schema
from fedpeer.node.counting import batch_for, counted
from fedpeer.node.engine import Engine, World
from fedpeer.ports import Entry, Lookout, Spot

LOOKS_EVERY_S = 0.5
# Who writes a file and pauses longer than this has to write it under another name first (docs/data.md).
SETTLES_S = 5.0
AGAIN_S = 600.0  # until a file with a fault is read again although it looks the same

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Task:
    """A watch of a membership, as it is looked after now."""

    scope: str
    peer: Peer
    watch: Watch

    @property
    def schema(self) -> Schema:
        return self.peer.agreed

    @property
    def options(self) -> Mapping[str, Any]:
        options: dict[str, Any] = msgspec.json.decode(self.watch.options)
        return options


class Watching:
    """Looks after the watches of all memberships until it is closed."""

    def __init__(self, engine: Engine, world: World, lookout: Lookout) -> None:
        """Nothing is looked at before `start`."""
        self._engine, self._world, self._lookout = engine, world, lookout
        self._due: dict[str, float] = {}
        self._told: dict[tuple[str, str], str] = {}
        self._tried: dict[str, tuple[Spot, float]] = {}
        self._looked: dict[str, tuple[int, int]] = {}
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._loop = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop; a file that is being counted is counted again at the next start."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:  # noqa: BLE001 a bug with one file must not end the looking after all others
                _log.exception("a bug while looking at what is watched")
            await asyncio.sleep(LOOKS_EVERY_S)

    async def look(self) -> None:
        """Look at every place for which it is time."""
        for scope, state in list(self._engine.states.items()):
            if not isinstance(state, Peer) or state.phase != "active":
                continue
            for watch in list(state.watches.values()):
                if self._world.clock.now() >= self._due.get(watch.id, 0.0):
                    await self._watched(scope, watch)
                    self._due[watch.id] = self._world.clock.now() + watch.every_s

    async def _watched(self, scope: str, watch: Watch) -> None:
        try:
            spots = await asyncio.to_thread(self._lookout.look, watch.location)
        except FedpeerError as error:
            self._say(scope, watch, "", str(error))
            return
        self._say(scope, watch, "", "")
        for spot in spots:
            if watch.id not in self._engine.peer(scope).watches:
                return
            await self._file(_Task(scope, self._engine.peer(scope), watch), spot)
        self._missed(_Task(scope, self._engine.peer(scope), watch), {spot.path for spot in spots})

    async def _file(self, task: _Task, spot: Spot) -> None:
        name = f"{task.watch.id}/{spot.path}"
        tried, at = self._tried.get(name, (None, 0.0))
        if tried == spot and self._world.clock.now() < at + AGAIN_S:
            return
        try:
            await (self._grown(task, spot) if spot.grows else self._new(task, spot))
        except FedpeerError as error:
            # A fault of the file is there until the file, or who may read it, is another; one of the node may be over.
            if not isinstance(error, StoreError | StateError):
                self._tried[name] = spot, self._world.clock.now()
            self._say(task.scope, task.watch, spot.path, str(error))
        else:
            self._say(task.scope, task.watch, spot.path, "")

    def _missed(self, task: _Task, there: set[str]) -> None:
        for seen in task.peer.seen.values():
            if seen.watch == task.watch.id and seen.path not in there:
                text = f"{seen.path} is gone: its rows stay counted, in batch {seen.batch}"
                self._say(task.scope, task.watch, seen.path, text)

    # A file of a folder

    async def _new(self, task: _Task, spot: Spot) -> None:
        seen = task.peer.seen.get(seen_key(spot.path))
        if seen is not None:
            await self._known(task, spot, seen)
        elif self._settled(spot, task.watch.every_s):
            digest = await asyncio.to_thread(self._lookout.mark, spot.path, spot.size, whole=True)
            collected = await self._counted(task, spot, None)
            if not await self._is(spot):
                raise SourceError(f"{spot.path} changed while it was counted")
            batch = batch_for(self._world, spot.path, collected)
            new = Seen(spot.path, spot.size, spot.mtime_ns, spot.size, digest, True, batch.id, task.watch.id)
            event = ev.AddBatch(batch, collected.summary, False, new, 0, collected.patients)
            await self._engine.ask(task.scope, event)

    async def _is(self, spot: Spot) -> bool:
        now = await asyncio.to_thread(self._lookout.look, spot.path)
        return [(s.size, s.mtime_ns) for s in now] == [(spot.size, spot.mtime_ns)]

    async def _known(self, task: _Task, spot: Spot, seen: Seen) -> None:
        alike = (spot.size, spot.mtime_ns) == (seen.size, seen.mtime_ns)
        if alike and seen.watch == task.watch.id:
            return
        if not alike and (spot.size != seen.until or not await asyncio.to_thread(self._lookout.same, seen)):
            raise SourceError(
                f"{spot.path} has changed since it was counted: batch {seen.batch} has its rows as they were",
                hint="withdraw that batch and add the file by hand",
            )
        touched = msgspec.structs.replace(seen, size=spot.size, mtime_ns=spot.mtime_ns, watch=task.watch.id)
        await self._engine.ask(task.scope, ev.SawFile(touched))

    def _settled(self, spot: Spot, every_s: int) -> bool:
        """Whether nobody is likely to be writing still: not for a while, or not since it was last looked at."""
        looked, now = self._looked.get(spot.path), (spot.size, spot.mtime_ns)
        if looked == now or self._world.clock.now() - spot.mtime_ns / 1e9 >= min(every_s, SETTLES_S):
            self._looked.pop(spot.path, None)
            return True
        self._looked[spot.path] = now
        return False

    # A file that grows

    async def _grown(self, task: _Task, spot: Spot) -> None:
        seen = task.peer.seen.get(seen_key(spot.path))
        if seen is not None and (spot.size, spot.mtime_ns) == (seen.size, seen.mtime_ns):
            if seen.watch != task.watch.id:
                await self._engine.ask(task.scope, ev.SawFile(msgspec.structs.replace(seen, watch=task.watch.id)))
            return
        since = seen.until if seen else 0
        if seen is not None and (spot.size < since or not await asyncio.to_thread(self._lookout.same, seen)):
            raise SourceError(
                f"{spot.path} no longer begins with what was counted of it: it was cut, exchanged or rotated, "
                f"and nothing more of it is counted",
                hint="remove the watch; watch it anew with --force if none of its rows were counted before",
            )
        until = await asyncio.to_thread(self._lookout.ends, spot.path, since)
        if until == since:
            return
        collected = await self._counted(task, spot, (since, until))
        if collected.read:
            await self._add_grown(task, spot, (since, until), collected)

    async def _add_grown(self, task: _Task, spot: Spot, span: tuple[int, int], collected: Collected) -> None:
        (since, until), seen = span, task.peer.seen.get(seen_key(spot.path))
        batch = batch_for(self._world, spot.path, collected)
        if seen is not None and seen.batch in task.peer.batches:
            batch = msgspec.structs.replace(batch, id=seen.batch)
        digest = await asyncio.to_thread(self._lookout.mark, spot.path, until, whole=False)
        new = Seen(spot.path, spot.size, spot.mtime_ns, until, digest, False, batch.id, task.watch.id)
        event = ev.AddBatch(batch, collected.summary, False, new, since, collected.patients)
        await self._engine.ask(task.scope, event)

    # Both

    async def _counted(self, task: _Task, spot: Spot, span: tuple[int, int] | None) -> Collected:
        source = await asyncio.to_thread(self._lookout.open, spot.path, task.schema, task.options, span)
        return await asyncio.to_thread(counted, source, task.peer)

    def _say(self, scope: str, watch: Watch, path: str, text: str) -> None:
        """Tell people of a fault once; "" says that there is none any more."""
        if self._told.get((watch.id, path), "") == text:
            return
        self._told[watch.id, path] = text
        if text:
            data = {"watch": watch.id, "path": path}
            self._engine.note(Entry(self._world.clock.now(), scope, "data", "error", text, data=data))
