"""Listening to streams, and counting their messages a group at a time.

1. A group is what came within a second, or as much as fits. Its rows, and how far the stream was counted with them, are
   one commit; only after it is the group acknowledged. Killed in between, the node knows that it has them.
2. Each stream has a line of its own. One that breaks is begun again, after a while that doubles.
3. A fault is said once, and again only when it was over or is another one.
"""

from __future__ import annotations

import asyncio
import logging

from fedpeer.core.errors import FedpeerError
from fedpeer.node.engine import Engine
from fedpeer.node.subjects import Subjects
from fedpeer.ports import Clock, Entry

LOOKS_EVERY_S = 0.2
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 30.0
_INSIST_S = 1.0

_log = logging.getLogger(__name__)

Key = tuple[str, str]
Manner = tuple[object, ...]


class Streaming:
    """Listens to the streams of all memberships and projects until it is closed, and tells the node how each is."""

    def __init__(self, node: Subjects, engine: Engine, clock: Clock) -> None:
        """Nothing is listened to before `start`."""
        self._node, self._engine, self._clock, self._told = node, engine, clock, node.flowing
        self._running: dict[Key, tuple[Manner, asyncio.Task[None]]] = {}
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
            streams = self._node.running_streams()
            wanted = {key: self._node.manner(key[0], stream) for key, stream in streams.items()}
            for key, (manner, task) in list(self._running.items()):
                if task.done() or wanted.get(key) != manner:
                    await _ended(task)
                    del self._running[key]
                    self._told.pop(key[1], None)
                    self._node.behind.pop(key[1], None)
            for key in wanted.keys() - self._running.keys():
                self._running[key] = wanted[key], asyncio.create_task(self._listen(*key))
            await asyncio.sleep(LOOKS_EVERY_S)

    async def _listen(self, scope: str, stream: str) -> None:
        wait = FIRST_WAIT_S
        while True:
            try:
                await self._follow(scope, stream)
            except FedpeerError as error:
                wait = FIRST_WAIT_S if self._told.get(stream) == "" else min(2 * wait, LONGEST_WAIT_S)
                self._broken(scope, stream, str(error))
            except Exception:  # noqa: BLE001 a bug with one message must not end the listening for ever
                _log.exception("a bug while listening to a stream")
                self._broken(scope, stream, "a fault of this program: the daemon's log has it")
            await asyncio.sleep(wait)

    async def _follow(self, scope: str, stream: str) -> None:
        manner = self._manner(scope, stream)
        feed = await self._node.open_stream(scope, stream)
        try:
            self._told[stream] = ""
            while True:
                gathered = await feed.gather()
                self._node.behind[stream] = 0 if gathered is None else gathered.behind
                if self._manner(scope, stream) not in (manner, None):
                    return  # what was gathered lacks what the schema has by now, and comes again
                if gathered is not None and await self._node.count_messages(scope, stream, feed.origin, gathered):
                    await feed.acknowledge(gathered.until)
        finally:
            await feed.close()

    def _manner(self, scope: str, stream: str) -> Manner | None:
        found = self._node.running_streams().get((scope, stream))
        return None if found is None else self._node.manner(scope, found)

    def _broken(self, scope: str, stream: str, text: str) -> None:
        """A line broke: how much it has left untold is not known any more."""
        self._node.broken[stream] = self._node.broken.get(stream, 0) + 1
        self._node.behind[stream] = None
        self._say(scope, stream, text)

    def _say(self, scope: str, stream: str, text: str) -> None:
        """Tell people of a fault once; "" says that there is none any more."""
        if self._told.get(stream) == text:
            return
        self._told[stream] = text
        self._engine.note(Entry(self._clock.now(), scope, "data", "error", text, data={"stream": stream}))


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancel a task until it has ended: a wait that is over in the same moment can swallow one cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_INSIST_S)
    if not task.cancelled():
        task.exception()
