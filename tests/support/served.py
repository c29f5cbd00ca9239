"""A node served over HTTP on a loopback port: the real node on memory ports, the real application, a real client."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from fedpeer.adapters.bus_memory import MemoryBroker, MemoryBus
from fedpeer.adapters.catalogue import Catalogue
from fedpeer.adapters.shelf import FileShelf
from fedpeer.adapters.source_rows import RowsSource
from fedpeer.adapters.store_memory import MemoryStore
from fedpeer.adapters.system import SystemEntropy
from fedpeer.api.app import make_app, make_runner
from fedpeer.api.auth import Tokens
from fedpeer.api.call import Limits
from fedpeer.api.symetry.door import Dialect
from fedpeer.api.symetry.users import Users
from fedpeer.core.envelope.access import Access
from fedpeer.core.errors import SourceError
from fedpeer.core.peer.session import Habits
from fedpeer.node.commands import Node
from fedpeer.node.computing import Ciphers, no_ciphers
from fedpeer.node.counting import Means
from fedpeer.node.engine import Engine, Manners, World
from fedpeer.node.jobs import Jobs
from fedpeer.node.shapes import NodeInfo
from fedpeer.node.users import KeptUsers

ADMIN, VIEWER = "admin-" + "a" * 40, "viewer-" + "v" * 40
NOW = 1_800_000_000.0
BUS = "nats://127.0.0.1:4222"
CID, KEY = "c1", bytes(range(16))

SCHEMA: dict[str, Any] = {
    "features": [
        {"name": "age", "kind": "continuous", "min": "0", "max": "120", "resolution": "1"},
        {"name": "dose", "kind": "continuous", "min": "0", "max": "10", "resolution": "0.5"},
        {"name": "sick", "kind": "binary"},
    ]
}
CONTRACT = "ROWS() >= 10\nMEAN(age) > 1"


def rows(count: int, start: int = 0) -> dict[str, list[Any]]:
    """Columns of rows that pass the release rules when there are a few dozen."""
    numbers = range(start, start + count)
    return {
        "age": [20 + i % 60 for i in numbers],
        "dose": [(i * 7 % 21) / 2 for i in numbers],
        "sick": [i % 2 for i in numbers],
    }


class MovableClock:
    """A clock that goes as time does, from a moment that can be moved."""

    def __init__(self) -> None:
        self.at = NOW
        self._begun = time.monotonic()

    def now(self) -> float:
        return self.at + time.monotonic() - self._begun


class _Keys:
    """Entropy for users' keys: the first is KEY, so that a client can know it."""

    def __init__(self) -> None:
        self._count = 0

    def draw(self, size: int) -> bytes:
        self._count += 1
        return KEY if self._count == 1 else hashlib.sha256(str(self._count).encode()).digest()[:size]


@dataclass(slots=True)
class Served:
    """A served node, and how to talk to it."""

    url: str
    node: Any
    clock: MovableClock
    users: Users
    session: aiohttp.ClientSession
    app: web.Application = field(repr=False)

    async def ask(
        self, method: str, path: str, body: Any = None, *, token: str | None = ADMIN, **more: Any
    ) -> tuple[int, Any, Any]:
        """Make a request; return its status, its JSON (or text) and its headers."""
        headers = dict(more.pop("headers", {}))
        if token is not None:
            headers.setdefault("Authorization", f"Bearer {token}")
        if body is not None:
            more["data"] = body if isinstance(body, bytes) else msgspec.json.encode(body)
            headers.setdefault("Content-Type", "application/json")
        async with self.session.request(method, self.url + path, headers=headers, **more) as answer:
            text = await answer.read()
            is_json = "json" in answer.content_type
            return (
                answer.status,
                msgspec.json.decode(text) if is_json and text else text.decode("utf-8", "replace"),
                answer.headers,
            )

    async def good(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Make a request that must succeed; return its JSON."""
        status, told, _ = await self.ask(method, path, body, **more)
        assert status < 400, (status, told)
        return told


@asynccontextmanager
async def node_on(
    broker: MemoryBroker,
    clock: MovableClock,
    name: str,
    *,
    ciphers: Ciphers = no_ciphers,
    store: MemoryStore | None = None,
) -> AsyncIterator[Node]:
    """A real node whose ports are in memory, begun anew or on what a store has."""
    entropy = SystemEntropy()
    world = World(
        store=store or MemoryStore(),
        clock=clock,
        entropy=entropy,
        open_bus=lambda line: MemoryBus(broker, federation=line.federation, name=f"{line.federation}/{line.name}"),
        broker=None,
        ciphers=ciphers,
    )
    engine, jobs = Engine(world, Manners(habits=Habits(status_every_s=0.5))), Jobs(clock.now, entropy.draw)
    means = Means(_no_source, lambda source, posted, _: RowsSource(posted, name=source), Access(servers=(BUS,)))
    about = NodeInfo(name=name, version="1.2.3", started_at=NOW, api="", bus=BUS, federations=[])
    node = Node(engine, jobs, world, means, about)
    await engine.start()
    try:
        yield node
    finally:
        await jobs.close()
        await engine.stop()


@asynccontextmanager
async def serving(
    node: Node, clock: MovableClock, *, limits: Limits | None = None, hosts: tuple[str, ...] = (), **dialect: Any
) -> AsyncIterator[Served]:
    """The application in front of a node, on a port of its own."""
    users = KeptUsers(node._engine, _Keys(), clock)
    await users.load()
    if users.get(CID) is None:
        await users.add(CID, "admin", {})
    app = make_app(
        node,
        tokens=Tokens(ADMIN, VIEWER),
        allowed_hosts=hosts,
        limits=limits or replace(Limits(), failures=100_000),
        dialect=Dialect(users, clock, **dialect),
    )
    runner = make_runner(app)
    runner._shutdown_timeout = 0.5  # a client that is cut off in the middle of a body is not waited for
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with aiohttp.ClientSession() as session:
        try:
            yield Served(f"http://127.0.0.1:{port}", node, clock, users, session, app)
        finally:
            await session.close()
            await runner.cleanup()


def looking(served: Served, *roots: Path) -> None:
    """Let a node read and show the files below these directories."""
    catalogue, node = Catalogue(roots=roots), served.node
    node._means = replace(node._means, open_source=catalogue.open)
    node.sources._shelf = FileShelf(catalogue)


def memory_broker() -> MemoryBroker:
    """A broker that keeps what a federation's stream keeps."""
    return MemoryBroker(keeps=["fp.*.all.>", "fp.*.to.>", "fp.*.join.>", "fp.*.welcome.>"])


def key_text(key: bytes = KEY) -> str:
    """A user's key as the dialect writes it."""
    return base64.b64encode(key).decode()


def _no_source(location: str, schema: Any, options: Any) -> Any:
    raise SourceError(f"there is nothing at {location[:80]}")
