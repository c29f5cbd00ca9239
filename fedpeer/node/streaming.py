"""Listening to streams, and counting their messages a group at a time.

1. A group is what came within a second, or as much as fits. Its rows, and how far the stream was counted with them, are
   one commit; only after it is the group acknowledged. Killed in between, the node knows that it has them.
2. Each stream has a line of its own. One that breaks is begun again, after a while that doubles.
3. A fault is said once, and again only when it was over or is another one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from fedpeer.core.errors import FedpeerError, StateError
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.state import Peer
from fedpeer.core.peer.streams import Flow, Stream
from fedpeer.core.statistics.schema import Schema
from fedpeer.node.counting import batch_for, counted
from fedpeer.node.engine import Engine, World
from fedpeer.ports import Entry, Feed, Feeds, Gathered, Source

LOOKS_EVERY_S = 0.2
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 30.0
_INSIST_S = 1.0

_log = logging.getLogger(__name__)

Key = tuple[str, str]
Rows = Callable[[str, Mapping[str, Sequence[Any]], Schema], Source]


class Streaming:
    """Listens to the streams of all memberships until it is closed. `told` has how each of them is, by id."""

    def __init__(self, engine: Engine, world: World, feeds: Feeds, rows: Rows, told: dict[str, str]) -> None:
        """Nothing is listened to before `start`; `rows` makes a source of posted rows."""
        self._engine, self._world, self._feeds, self._rows, self._told = engine, world, feeds, rows, told
        self._running: dict[Key, tuple[Stream, asyncio.Task[None]]] = {}
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._loop = asyncio.create_task(self._look())

    async def close(self) -> None:
        """Stop; what was not stored is told again at the next start."""
        if self._loop is not None:
            await _ended(self._loop)
        await asyncio.gather(*(_ended(task) for _, task in self._running.values()))

    async def _look(self) -> None:
        while True:
            wanted = self._wanted()
            for key, (stream, task) in list(self._running.items()):
                if task.done() or key not in wanted or wanted[key].options != stream.options:
                    await _ended(task)
                    del self._running[key]
                    self._told.pop(key[1], None)
            for key in wanted.keys() - self._running.keys():
                self._running[key] = wanted[key], asyncio.create_task(self._listen(*key))
            await asyncio.sleep(LOOKS_EVERY_S)

    def _wanted(self) -> dict[Key, Stream]:
        peers = [(s, p) for s, p in self._engine.states.items() if isinstance(p, Peer) and p.phase == "active"]
        return {(s, stream.id): stream for s, p in peers for stream in p.streams.values() if stream.running}

    async def _listen(self, scope: str, stream: str) -> None:
        wait = FIRST_WAIT_S
        while True:
            try:
                await self._follow(scope, stream)
            except FedpeerError as error:
                wait = FIRST_WAIT_S if self._told.get(stream) == "" else min(2 * wait, LONGEST_WAIT_S)
                self._say(scope, stream, str(error))
            except Exception:  # noqa: BLE001 a bug with one message must not end the listening for ever
                _log.exception("a bug while listening to a stream")
                self._say(scope, stream, "a fault of this program: the daemon's log has it")
            await asyncio.sleep(wait)

    async def _follow(self, scope: str, stream: str) -> None:
        feed = await self._feeds.open(self._stream(scope, stream), self._engine.peer(scope).roster.schema)
        try:
            self._told[stream] = ""
            while True:
                gathered = await feed.gather()
                if gathered is not None:
                    await self._count(scope, self._stream(scope, stream), feed, gathered)
        finally:
            await feed.close()

    async def _count(self, scope: str, stream: Stream, feed: Feed, gathered: Gathered) -> None:
        if not stream.running:
            return
        since, until = stream.sequence, gathered.until
        flow = Flow(stream.id, feed.origin, since, until, gathered.messages, gathered.at, gathered.faults)
        await self._engine.ask(scope, await self._event(scope, stream, flow, gathered))
        await feed.acknowledge(until)

    async def _event(self, scope: str, stream: Stream, flow: Flow, gathered: Gathered) -> ev.AddBatch | ev.Flowed:
        if not any(gathered.columns.values()):
            return ev.Flowed(flow)
        peer = self._engine.peer(scope)
        source = self._rows(stream.location, gathered.columns, peer.roster.schema)
        collected = await asyncio.to_thread(counted, source, peer)
        batch = batch_for(self._world, stream.location, collected)
        if stream.batch in peer.batches:
            batch = msgspec.structs.replace(batch, id=stream.batch)
        # The same sums again are other messages: a stream's own numbers tell them apart.
        return ev.AddBatch(batch, collected.summary, True, patients=collected.patients, flow=flow)

    def _stream(self, scope: str, stream: str) -> Stream:
        found = self._engine.peer(scope).streams.get(stream)
        if found is None:
            raise StateError(f"stream {stream} was forgotten")
        return found

    def _say(self, scope: str, stream: str, text: str) -> None:
        """Tell people of a fault once; "" says that there is none any more."""
        if self._told.get(stream) == text:
            return
        self._told[stream] = text
        self._engine.note(Entry(self._world.clock.now(), scope, "data", "error", text, data={"stream": stream}))


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancel a task until it has ended: a wait that is over in the same moment can swallow one cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_INSIST_S)
    if not task.cancelled():
        task.exception()
