"""Engines on a bus in memory and any store: whole nodes without processes, sockets or files of their own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from fedpeer.adapters.bus_memory import MemoryBroker, MemoryBus
from fedpeer.adapters.store_memory import MemoryStore
from fedpeer.adapters.system import SystemClock, SystemEntropy
from fedpeer.core.envelope.access import Access
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.state import Batch, Bus, Peer, Settings
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.statistics.collect import tally
from fedpeer.node.engine import Engine, Manners, World
from fedpeer.ports import Store
from tests.support.served import memory_broker
from tests.support.simulation import CONTRACT, SCHEMA

WAIT_S = 60.0
SELDOM = "d365"  # a schedule whose pulse comes at no time at which a test runs


@dataclass
class Lone:
    """One engine and its ports."""

    name: str
    engine: Engine
    store: Store
    broker: MemoryBroker
    fed: str = ""
    added: int = 0
    stopped: bool = False

    @property
    def peer(self) -> Peer:
        return self.engine.peer(self.fed)

    async def found(self) -> str:
        bus = Bus(Access(servers=("nats://127.0.0.1:1",)))
        event = ev.Found("trial", self.name, SCHEMA, CONTRACT, SELDOM, Policy("relaxed"), Settings(pulsing=True), bus)
        self.fed = await self.engine.begin(event)
        return self.fed

    async def stop(self) -> None:
        if not self.stopped:
            self.stopped = True
            await self.engine.stop()

    async def add(self, rows: dict[str, list[float]]) -> None:
        self.added += 1
        found = tally(SCHEMA, rows)
        batch = Batch(f"b{self.added}", "t", 0, found.counted, found.read, {}, found.summary.digest)
        await self.engine.ask(self.fed, ev.AddBatch(batch, found.summary, True))

    async def until(self, ready: Callable[[], bool]) -> None:
        assert await self.engine.until(ready, WAIT_S), self.texts

    async def settled(self) -> None:
        """Wait until it is connected and has told of it, here and to the others: then nothing changes by itself."""
        await self.until(lambda: self.peer.session.connected_at > 0 and not self.peer.session.dirty)
        async with asyncio.timeout(WAIT_S):
            while "connected to the broker" not in self.texts:  # noqa: ASYNC110 notes wake nobody
                await asyncio.sleep(0.01)

    @property
    def texts(self) -> list[str]:
        return [e.text for e in self.engine.timeline.page("", limit=1000)]


@contextlib.asynccontextmanager
async def running(
    name: str, broker: MemoryBroker | None = None, store: Store | None = None, **world: Any
) -> AsyncIterator[Lone]:
    """An engine from start to stop."""
    broker = broker or memory_broker()
    store = store if store is not None else MemoryStore()
    ports = {
        "store": store,
        "clock": SystemClock(),
        "entropy": SystemEntropy(),
        "open_bus": lambda line: MemoryBus(broker, federation=line.federation, name=f"{line.federation}/{line.name}"),
        "broker": None,
    }
    engine = Engine(World(**(ports | world)), Manners())
    await engine.start()
    lone = Lone(name, engine, store, broker)
    lone.fed = next(iter(engine.states), "")
    try:
        yield lone
    finally:
        await lone.stop()


async def joined(admin: Lone, other: Lone, monkeypatch: Any) -> None:
    """Have one engine join the federation of another."""
    taken: list[Any] = []
    with monkeypatch.context() as patch:
        patch.setattr("fedpeer.core.envelope.invite.write", lambda invitation, *_: taken.append(invitation) or "text")
        await admin.engine.ask(admin.fed, ev.IssueInvite("member", 3600))
    other.fed = await other.engine.begin(ev.Join(taken[0], other.name, Settings(pulsing=True)))
    await other.until(lambda: isinstance(other.engine.states[other.fed], Peer) and other.peer.secret is not None)
