"""Real NATS for tests: embedded servers through their adapter, plain ones with small configurations, and ears."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import itertools
import os
import random
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from fedpeer.adapters.bus_nats import NatsBus
from fedpeer.adapters.connection import Timings
from fedpeer.adapters.server import EmbeddedServer, Setup
from fedpeer.adapters.system import SystemClock, SystemEntropy
from fedpeer.core.envelope import passes
from fedpeer.core.envelope.access import Access
from fedpeer.core.envelope.passes import Rights
from fedpeer.ports import Delivery, Notice

# Tries again at once, but takes nobody for lost who is only slow: a machine may be busy with other tests for seconds.
QUICK = Timings(connect_s=10.0, answer_s=20.0, ping_s=10.0, first_wait_s=0.02, longest_wait_s=0.2, quiet_s=60.0)
IMPATIENT = replace(QUICK, ping_s=0.5)
BINARY = Path(sys.executable).parent / "nats-server"

_LENT = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST = int(_LENT.read_text().split()[0]) if _LENT.exists() else 32_768
_PORTS = itertools.cycle(random.Random(os.getpid()).sample(range(10_000, _FIRST), 2_000))


async def until(state: Callable[[], object | Awaitable[object]], *, within_s: float = 60.0) -> None:
    """Wait until `state()` (which may be awaitable) holds; fail if it does not in time."""
    async with asyncio.timeout(within_s):
        while True:
            found = state()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(0.002)


@dataclass
class Ear:
    """What a bus handed over: deliveries and notices, in order."""

    deliveries: list[Delivery] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def receive(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)

    def notice(self, notice: Notice) -> None:
        self.notices.append(notice)

    @property
    def heard(self) -> list[tuple[str, bytes]]:
        return [(d.subject, d.body) for d in self.deliveries]

    @property
    def bodies(self) -> list[bytes]:
        return [d.body for d in self.deliveries]

    def told(self, words: str) -> list[Notice]:
        return [n for n in self.notices if words in n.text]


class SteppedClock:
    """The system's clock, moved by `ahead` seconds."""

    def __init__(self, ahead: float = 0.0) -> None:
        self.ahead = ahead

    def now(self) -> float:
        return time.time() + self.ahead


def embedded(
    folder: Path,
    *,
    listen: str = "127.0.0.1:0",
    names: tuple[str, ...] = (),
    clock: SteppedClock | None = None,
    notice: Callable[[Notice], None] = lambda _: None,
) -> EmbeddedServer:
    """An embedded server that is not started."""
    return EmbeddedServer(
        folder, Setup(listen, names), entropy=SystemEntropy(), clock=clock or SystemClock(), notice=notice
    )


def pass_for(server: EmbeddedServer, account: str, name: str, rights: Rights) -> tuple[Access, str]:
    """A new pass of an account, and the user's public key (what a revocation names)."""
    seed = passes.seed("user", os.urandom(32))
    public = passes.public_key(seed, "user")
    jwt = passes.user_jwt(server.account_seed(account), public, name, rights=rights, now=int(time.time()))
    return Access(server.urls, ca=server.ca, kind="pass", secret=seed, jwt=jwt), public


async def opened(access: Access, federation: str, peer: str, timings: Timings = QUICK) -> tuple[NatsBus, Ear]:
    """A bus that has begun to connect, and its ear."""
    bus, ear = NatsBus(access, federation=federation, peer=peer, timings=timings), Ear()
    await bus.open(ear.receive, ear.notice)
    return bus, ear


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody is given who asks for any, so that it is still free when a server is there to listen on it."""
    for port in _PORTS:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            return port
    raise AssertionError("no port is free")


@asynccontextmanager
async def plain_server(folder: Path, text: str = "", *, port: int = 0) -> AsyncIterator[str]:
    """A nats-server of somebody else, with this configuration; yields host:port."""
    port = port or free_port()
    config = _written(folder, f'listen: "127.0.0.1:{port}"\nlogtime: false\n{text}\n')
    process = await asyncio.create_subprocess_exec(BINARY, "-c", config, stderr=asyncio.subprocess.DEVNULL)
    try:
        await until(lambda: answers(port))
        yield f"127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
    except OSError:
        return False
    return True


def _written(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plain.conf").write_text(text)
    return folder / "plain.conf"
