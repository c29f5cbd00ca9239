"""The embedded bus: a nats-server process of our own, configured, started, supervised and stopped by the daemon.

1. One daemon per folder: an exclusive lock, which the kernel drops with the daemon.
2. The server dies with the daemon (Linux: parent-death signal). One that outlived its daemon all the same is ended by
   the next, which knows it by its pid *and* by the configuration file in its command line; only then are port and
   store free.
3. The port is chosen once and kept, so that invites stay valid. If it is taken, nothing is started.
4. Accounts change by rewriting the configuration and SIGHUP. The server answers with the digest of the file it took:
   a change counts only when that is the file we wrote.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import signal
import socket
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fedpeer.adapters.connection import report_fault
from fedpeer.adapters.program import check, end_stale, find_server, launch
from fedpeer.adapters.realm import Facts, Realm
from fedpeer.adapters.tls import Certificates, certify, is_loopback, write_private
from fedpeer.core.errors import BusError, HomeError
from fedpeer.ports import Clock, Entropy, Level, Notice

_READY_S = 10.0
_RELOAD_S = 5.0
_STOP_S = 5.0
_RENEW_S = 6 * 3600.0
_QUIET_S = 60.0
_LASTED_S = 30.0
_LONGEST_WAIT_S = 5.0
_DIED = "it died"
_REFUSED = re.compile(r"(Publish|Subscription) Violation|authentication error|Authorization Violation")


@dataclass(frozen=True, slots=True)
class Setup:
    """Where to listen (port 0: a free one, kept), how others reach it, and how much it may take.

    `names` are hosts, or host:port where something on the way has another port than the server.
    """

    listen: str = "127.0.0.1:0"
    names: tuple[str, ...] = ()
    binary: Path | None = None
    max_store_bytes: int = 4 << 30
    max_connections: int = 1024


class EmbeddedServer:
    """A supervised nats-server whose whole state is in `folder`. Notices tell of its deaths and of what it refuses."""

    def __init__(
        self, folder: Path, setup: Setup, *, entropy: Entropy, clock: Clock, notice: Callable[[Notice], None]
    ) -> None:
        """Take nothing yet; BusError if `setup` cannot be understood."""
        self._folder = folder
        self._setup = setup
        self._entropy = entropy
        self._clock = clock
        self._notice = notice
        self._host, self._port = _endpoint(setup.listen)
        self._realm: Realm | None = None
        self._certificates: Certificates | None = None
        self._lock: int | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._reading: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._reloaded: asyncio.Future[str] | None = None
        self._applied = ""
        self._binary = Path("nats-server")
        self._lines: deque[str] = deque(maxlen=50)
        self._told: dict[str, float] = {}

    @property
    def url(self) -> str:
        """Where this machine reaches the server."""
        return f"{self._scheme}://{_bracketed(_local(self._host))}:{self._port}"

    @property
    def urls(self) -> tuple[str, ...]:
        """Where others reach the server: what invites carry."""
        own = _local(self._host) if is_loopback(self._host) else _reachable(self._host)
        places = [_place(name) for name in self._setup.names] or [(own, 0)]
        return tuple(f"{self._scheme}://{_bracketed(host)}:{port or self._port}" for host, port in places)

    @property
    def ca(self) -> str:
        """The authority (PEM) that clients must pin; empty on loopback, where there is no TLS."""
        return self._certificates.ca if self._certificates else ""

    @property
    def pid(self) -> int | None:
        """The server's process, None while there is none."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start, and return when the server answers. BusError (or HomeError) if it cannot; nothing is left behind."""
        self._take_folder()
        try:
            self._binary = await find_server(self._setup.binary)
            await end_stale(self._folder / "server.pid", str(self._config))
            await self._choose_port()
            self._renew_certificates()
            async with self._turn:
                await self._launch()
        except BaseException:
            await self.stop()
            raise
        self._tasks += [asyncio.create_task(self._supervise()), asyncio.create_task(self._tend())]
        for task in self._tasks:
            task.add_done_callback(report_fault)

    def account_seed(self, name: str) -> str:
        """Return the seed text that signs the passes of an account."""
        return self._opened().account_seed(name)

    async def set_account(self, name: str, revoked: Mapping[str, int]) -> None:
        """Have an account with these revocations (user key → UTC second), in force when this returns. Idempotent."""
        async with self._turn:
            self._opened().declare(name, revoked)
            await self._apply()

    async def renew(self) -> None:
        """Make a new server certificate if the old one is near its end, and have the server use it."""
        async with self._turn:
            self._renew_certificates()
            if self._certificates and self._certificates.renewed:
                self._applied = ""
            await self._apply()

    async def stop(self) -> None:
        """Stop the server and let go of the folder. Idempotent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._end()
        if self._reading is not None:
            await self._reading
        if self._lock is not None:
            (self._folder / "server.pid").unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    @property
    def _scheme(self) -> str:
        return "nats" if is_loopback(self._host) else "tls"

    @property
    def _config(self) -> Path:
        return self._folder.absolute() / "server.conf"

    def _opened(self) -> Realm:
        if self._realm is None:
            _private_folder(self._folder)
            self._realm = Realm(self._folder / "realm", entropy=self._entropy, clock=self._clock)
        return self._realm

    def _take_folder(self) -> None:
        self._opened()
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise BusError(f"another daemon runs the bus in {self._folder}") from error
        self._lock = lock

    async def _choose_port(self) -> None:
        kept = self._folder / "port"
        earlier = kept.exists()
        if self._port == 0 and earlier:
            self._port = _number(kept.read_text().strip())
        # A server of ours that is just dying may hold the port a little longer than it can be seen to live.
        for turns in range(40 if earlier else 0, -1, -1):
            try:
                self._port = _bindable(self._host, self._port)
                break
            except OSError as error:
                if not turns:
                    raise BusError(
                        f"the bus cannot listen on {self._host}:{self._port}: {error.strerror or error}",
                        hint="stop the program that listens there, or configure another address for the bus",
                    ) from error
            await asyncio.sleep(0.025)
        write_private(kept, f"{self._port}\n".encode())

    def _renew_certificates(self) -> None:
        if self._scheme == "tls":
            names = ("localhost", "127.0.0.1", "::1", *(_place(name)[0] for name in self._setup.names))
            reached = () if self._setup.names else (_reachable(self._host),)
            self._certificates = certify(self._folder, (*names, *reached), entropy=self._entropy, now=self._clock.now())

    async def _write_config(self) -> str:
        """Write the configuration and return the digest by which the server will say that it runs on it."""
        facts = Facts(
            host=self._host,
            port=self._port,
            name=self._opened().name,
            store=self._folder.absolute() / "jetstream",
            certificates=self._certificates,
            max_store_bytes=self._setup.max_store_bytes,
            max_connections=self._setup.max_connections,
        )
        write_private(self._config, self._opened().configuration(facts).encode())
        return await check(self._binary, self._config)

    async def _launch(self) -> None:
        self._applied = await self._write_config()
        self._process = await launch(self._binary, "-c", str(self._config))
        write_private(self._folder / "server.pid", f"{self._process.pid}\n".encode())
        self._lines.clear()
        self._reading = asyncio.create_task(self._read_log(self._process))
        await self._ready(self._process)

    async def _ready(self, process: asyncio.subprocess.Process) -> None:
        try:
            async with asyncio.timeout(_READY_S):
                while await _greeting(_local(self._host), self._port) != self._opened().name:
                    if process.returncode is not None:
                        raise BusError(f"the bus did not start: {self._last_words()}")
                    await asyncio.sleep(0.005)
        except TimeoutError as error:
            raise BusError(f"the bus did not answer within {_READY_S:g} s: {self._last_words()}") from error

    async def _apply(self) -> None:
        """Have the running server take the configuration, if it is new. If it dies meanwhile, its successor will."""
        process = self._process
        if process is None or process.returncode is not None or (digest := await self._write_config()) == self._applied:
            return
        self._reloaded = asyncio.get_running_loop().create_future()
        try:
            process.send_signal(signal.SIGHUP)
            answer = await asyncio.wait_for(self._reloaded, _RELOAD_S)
        except ProcessLookupError:
            answer = _DIED
        except TimeoutError:
            answer = "it gave no answer"
        finally:
            self._reloaded = None
        if answer != _DIED and not answer.endswith(f"({digest})"):
            raise BusError(f"the bus did not take its new configuration: {answer}")
        self._applied = digest

    async def _read_log(self, process: asyncio.subprocess.Process) -> None:
        stream = process.stderr
        while stream is not None:
            try:
                line = (await stream.readline()).decode(errors="replace").strip()
            except ValueError:
                continue
            if not line and stream.at_eof():
                self._answered(_DIED)
                return
            self._heed(line.partition("] ")[2] or line)

    def _heed(self, line: str) -> None:
        self._lines.append(line)
        text = line.partition("] ")[2]
        if text.startswith(("Reloaded server configuration", "Failed to reload")):
            self._answered(text)
        elif refused := _REFUSED.search(text):
            self._tell("warning", refused[0], f"the bus refused someone: {text[:300]}")

    def _answered(self, text: str) -> None:
        if self._reloaded is not None and not self._reloaded.done():
            self._reloaded.set_result(text)

    def _tell(self, level: Level, kind: str, text: str) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._told.get(kind, float("-inf")) >= _QUIET_S:
            self._told[kind] = now
            self._notice(Notice(level, text, connected=self.pid is not None))

    async def _supervise(self) -> None:
        loop, failures = asyncio.get_running_loop(), 0
        while self._process is not None:
            began = loop.time()
            code = await self._process.wait()
            failures = 0 if loop.time() - began > _LASTED_S else failures + 1
            self._notice(
                Notice("warning", f"the bus ended by itself (code {code}); starting it again", connected=False)
            )
            await asyncio.sleep(min(0.02 * 2.0**failures, _LONGEST_WAIT_S))
            try:
                async with self._turn:
                    await self._launch()
            except (BusError, OSError) as error:
                self._notice(Notice("error", f"{error}", connected=False))
                await self._end()
            else:
                self._notice(Notice("info", "the bus is up again", connected=True))

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(_RENEW_S)
            try:
                await self.renew()
            except (BusError, OSError) as error:
                self._notice(Notice("error", f"the certificate of the bus cannot be renewed: {error}", connected=True))

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    def _last_words(self) -> str:
        grave = [line for line in self._lines if line.startswith(("[FTL]", "[ERR]"))]
        return "; ".join(grave[-3:] or list(self._lines)[-1:]) or "it said nothing"


async def _greeting(host: str, port: int) -> str:
    """The name of the server that answers there, empty if none does."""
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return ""
    try:
        line = await reader.readline()
        return str(json.loads(line.removeprefix(b"INFO ")).get("server_name", ""))
    except (OSError, ValueError):
        return ""
    finally:
        writer.transport.abort()


def _bindable(host: str, port: int) -> int:
    """Return the port, or a free one for 0; OSError if it cannot be had."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return int(probe.getsockname()[1])


def _private_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077 or folder.stat().st_uid != os.getuid():
        raise HomeError(f"{folder} holds the keys of the bus and others can reach into it: `chmod 700 {folder}`")


def _endpoint(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not host:
        raise BusError(f"{listen!r} is no address to listen on: write host:port, as in 127.0.0.1:4222")
    return host.strip("[]"), _number(port)


def _number(port: str) -> int:
    if not port.isdecimal() or int(port) > 65_535:
        raise BusError(f"{port!r} is not a port: a number from 0 (choose a free one) to 65535")
    return int(port)


def _local(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared with, not bound to


def _reachable(host: str) -> str:
    return socket.gethostname() if host != _local(host) else host


def _place(name: str) -> tuple[str, int]:
    """Split host or host:port (0: none given); an IPv6 address with a port is written [::1]:4222."""
    match = re.fullmatch(r"\[?(.+?)\]?:(\d+)", name)
    if match is None or (match[1].count(":") and not name.startswith("[")):
        return name.strip("[]"), 0
    return match[1], _number(match[2])


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
