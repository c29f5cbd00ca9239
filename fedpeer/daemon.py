"""The composition root: settings become adapters, adapters a node, the node is served. Nothing else chooses adapters.

Order of starting: the home is locked, the store opened, the broker started, memberships restored and connected, and
only then is the API there and `ready` said. Stopping goes the other way.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import logging
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aiohttp import web

from fedpeer import config
from fedpeer.adapters import logs
from fedpeer.adapters.bus_nats import NatsBus
from fedpeer.adapters.catalogue import Catalogue
from fedpeer.adapters.cipher_ckks import CkksCipher
from fedpeer.adapters.cipher_paillier import PaillierCipher
from fedpeer.adapters.feed_nats import NatsFeeds
from fedpeer.adapters.fitting import fit
from fedpeer.adapters.home import Home
from fedpeer.adapters.lookout import FileLookout
from fedpeer.adapters.scribe import FileScribe
from fedpeer.adapters.server import EmbeddedServer, Setup
from fedpeer.adapters.shelf import FileShelf
from fedpeer.adapters.store_sqlite import SqliteStore
from fedpeer.adapters.system import SystemClock, SystemEntropy
from fedpeer.api.app import make_app, make_runner
from fedpeer.api.auth import Tokens
from fedpeer.api.call import Limits
from fedpeer.api.symetry.door import Dialect
from fedpeer.core.envelope.access import Access
from fedpeer.core.envelope.chunks import Assembly, Bounds
from fedpeer.core.errors import ConfigError, RequestError
from fedpeer.core.peer.session import Habits
from fedpeer.core.privacy.cipher import CKKS, Terms
from fedpeer.core.statistics.schema import Schema
from fedpeer.node.commands import Node
from fedpeer.node.counting import Means
from fedpeer.node.engine import NODE, PROBES, Engine, Manners, World
from fedpeer.node.jobs import Jobs
from fedpeer.node.link import Line
from fedpeer.node.shapes import NodeInfo
from fedpeer.node.streaming import Streaming
from fedpeer.node.users import KeptUsers
from fedpeer.node.watching import Watching
from fedpeer.ports import Bus, Entry, Notice, Source, SumCipher

_MIB = 1 << 20
_log = logging.getLogger("fedpeer")


@dataclass(frozen=True, slots=True)
class Options:
    """How a daemon is started: its home, settings that go before the file's, how to ask for the home's passphrase.

    `ready` is called once the API is there.
    """

    home: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    passphrase: Callable[[], str] | None = None
    ready: Callable[[], None] = lambda: None


def init(home: Path, passphrase: Callable[[], str] | None = None) -> Path:
    """Make a home with the default configuration in it; HomeError if there is one already."""
    made = Home.create(home, passphrase=passphrase)
    try:
        made.token("admin")
        made.token("viewer")
    finally:
        made.close()
    return made.path


def problems(home: Path) -> list[tuple[str, str]]:
    """What would keep a daemon from using this home, each with its remedy."""
    return Home.problems(home)


def source(location: Path | str, schema: Schema | None = None, options: Mapping[str, Any] | None = None) -> Source:
    """A file or another source, opened as a daemon opens it."""
    return Catalogue().open(str(location), schema, options)


def compared(found: Source, schema: Schema) -> dict[str, Any]:
    """How a source differs from a schema, before anything is counted."""
    return fit(found, schema).to_dict()


def settings_of(options: Options) -> config.Settings:
    """The settings in force: defaults, then the home's fedpeer.yaml, then the options."""
    path = options.home / "fedpeer.yaml"
    settings = config.parse(_text(path), source=str(path)) if path.exists() else config.Settings()
    return config.anchored(config.override(settings, options.settings), str(options.home.expanduser().absolute()))


def serve(options: Options) -> int:
    """Run a daemon until SIGTERM or SIGINT; the exit code."""
    settings = settings_of(options)
    logs.set_up(settings.log.level, as_json=settings.log.format == "json")
    home = Home.open(options.home, passphrase=options.passphrase)
    try:
        asyncio.run(_serve(home, settings, options.ready))
    finally:
        home.close()
    return 0


async def _serve(home: Home, settings: config.Settings, ready: Callable[[], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        listening = _listen(settings.api.listen)
        stack.callback(listening.close)
        node, users = await _node(stack, home, settings, listening)
        await _api(stack, home, settings, _Front(node, users, listening))
        facts = {
            "api": _url(settings, listening),
            "bus": node.node().bus,
            "token_file": str(home.token_file("admin")),
            "pid": os.getpid(),
        }
        home.write_ready(facts)
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()
        ready()
        await stop.wait()


async def _node(
    stack: contextlib.AsyncExitStack, home: Home, settings: config.Settings, listening: socket.socket
) -> tuple[Node, KeptUsers]:
    """Everything behind the API, started; undone by the stack."""
    clock, entropy = SystemClock(), SystemEntropy()
    store = SqliteStore(
        home.database, wrapping_key=home.wrapping_key, keep_entries=settings.log.keep_entries, entropy=entropy
    )
    engines: list[Engine] = []

    def noticed(notice: Notice) -> None:
        _log.log(logging.getLevelName(notice.level.upper()), "bus server: %s", notice.text)
        for engine in engines:
            engine.note(Entry(clock.now(), NODE, "bus", notice.level, notice.text))

    broker = None
    if settings.bus.kind == "embedded":
        binary = Path(settings.bus.server_binary) if settings.bus.server_binary else None
        setup = Setup(listen=settings.bus.listen, names=settings.bus.advertise, binary=binary)
        broker = EmbeddedServer(home.path / "bus", setup, entropy=entropy, clock=clock, notice=noticed)
        await broker.start()
        stack.push_async_callback(broker.stop)
    world = World(store, clock, entropy, _bus_opener(settings), broker, _probe(), _ciphers(settings))
    engine = Engine(world, _manners(settings))
    await engine.start()
    stack.push_async_callback(engine.stop)
    engines.append(engine)
    jobs = Jobs(clock.now, entropy.draw)
    stack.push_async_callback(jobs.close)
    about = NodeInfo(
        name=settings.node.name or socket.gethostname(),
        version=version("fedpeer"),
        started_at=clock.now(),
        api=_url(settings, listening),
        bus=broker.url if broker else ", ".join(settings.bus.servers),
        federations=[],
    )
    means = _means(settings)
    node = Node(engine, jobs, world, means, about)
    await node.load()
    if means.lookout is not None:
        watching = Watching(engine, world, means.lookout)
        watching.start()
        stack.push_async_callback(watching.close)
    if means.feeds is not None:
        streaming = Streaming(node, engine, clock)
        streaming.start()
        stack.push_async_callback(streaming.close)
    users = KeptUsers(engine, entropy, clock)
    await users.load()
    return node, users


@dataclass(frozen=True, slots=True)
class _Front:
    """What is served, and where."""

    node: Node
    users: KeptUsers
    listening: socket.socket


async def _api(stack: contextlib.AsyncExitStack, home: Home, settings: config.Settings, front: _Front) -> None:
    limits = Limits(
        body=settings.api.body_mib * _MIB, upload=settings.api.upload_mib * _MIB, read_s=settings.api.read_timeout_s
    )
    app = make_app(
        front.node,
        tokens=Tokens(home.token("admin"), home.token("viewer")),
        allowed_hosts=(*settings.api.allowed_hosts, *_own_hosts(settings.api.listen)),
        limits=limits,
        dialect=Dialect(
            front.users, SystemClock(), encryption=settings.api.symetry_encryption, plain=settings.api.allow_plain
        ),
    )
    runner = make_runner(app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, front.listening, ssl_context=_tls(settings)).start()


def _listen(text: str) -> socket.socket:
    host, port = config.address(text)
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ConfigError(
            f"the API cannot listen on {text}: {(error.strerror or str(error)).partition(' (')[0].lower()}",
            hint="choose another address, or port 0 for a free one",
        ) from None


def _own_hosts(listen: str) -> list[str]:
    """The host that the API listens on, as requests name it; none if it listens on every address."""
    host, _ = config.address(listen)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return [host]
    if address.is_unspecified:
        return []
    return [f"[{text}]" for text in (host, address.compressed)] if address.version == 6 else [host]


def _url(settings: config.Settings, listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    scheme = "https" if settings.api.tls.cert else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _tls(settings: config.Settings) -> ssl.SSLContext | None:
    if not settings.api.tls.cert:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.api.tls.cert, settings.api.tls.key or None)
    except OSError as error:
        raise ConfigError(f"the API's certificate {settings.api.tls.cert} cannot be used: {error}") from None
    return context


def _manners(settings: config.Settings) -> Manners:
    return Manners(
        jitter=settings.pulse.jitter_fraction,
        keep_entries=settings.log.keep_entries,
        habits=Habits(
            status_every_s=settings.federation.status_every_s,
            absent_after_s=settings.pulse.absent_after_s,
            offline_after_s=settings.federation.offline_after_s,
            kept_for_s=int(settings.federation.envelope_ttl_s),
            policy=settings.rules.policy,
        ),
        assembly=Assembly(Bounds(settings.limits.reassembly_sender_mib * _MIB, settings.limits.reassembly_mib * _MIB)),
        declared=settings.privacy.declared,
    )


def _means(settings: config.Settings) -> Means:
    catalogue = Catalogue(settings.data.chunk_rows, tuple(Path(root) for root in settings.data.roots))
    invite_s = round(settings.invites.expiry_hours * 3600)
    feeds = NatsFeeds(catalogue.roots)
    looks = FileLookout(catalogue), feeds, FileShelf(catalogue), FileScribe(catalogue.roots)
    return Means(catalogue.open, catalogue.rows, _external(settings), invite_s, *looks)


def _external(settings: config.Settings) -> Access | None:
    if settings.bus.kind == "embedded":
        return None
    bus = settings.bus
    if not bus.servers:
        raise ConfigError("bus.kind is external, and bus.servers is empty", hint="name at least one server")
    ca = _read(bus.ca_file)
    if bus.nkey_file:
        return Access(bus.servers, ca, "nkey", secret=_read(bus.nkey_file).strip())
    if bus.token_file:
        return Access(bus.servers, ca, "token", secret=_read(bus.token_file).strip())
    if bus.user:
        return Access(bus.servers, ca, "password", bus.user, _read(bus.password_file).strip())
    return Access(bus.servers, ca)


def _read(path: str) -> str:
    return _text(Path(path)) if path else ""


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text") from None


def _bus_opener(settings: config.Settings) -> Callable[[Line], Bus]:
    stream_bytes = settings.bus.stream_max_mib * _MIB

    def opened(line: Line) -> Bus:
        return NatsBus(line.access, federation=line.federation, peer=line.name, stream_bytes=stream_bytes)

    return opened


def _ciphers(settings: config.Settings) -> Callable[[Terms], SumCipher]:
    """What makes a cipher for given terms; ConfigError for those that this node is not to take part with."""

    def made(terms: Terms) -> SumCipher:
        wanted = settings.cipher
        if terms.scheme == "paillier":
            (bits,) = terms.parameters
            if bits < wanted.paillier_bits:
                hint = "ask the federation's admin, or change cipher.paillier_bits"
                raise ConfigError(f"a modulus of {bits} bits, where this node wants {wanted.paillier_bits}", hint=hint)
            return PaillierCipher(terms.layout, terms.addends, bits=bits)
        if wanted.ckks != "any" and terms.parameters != CKKS[wanted.ckks]:
            theirs, ours = (_numbers(p) for p in (terms.parameters, CKKS[wanted.ckks]))
            hint = "ask the federation's admin, or change cipher.ckks"
            raise ConfigError(f"ckks with {theirs}, where this node wants {wanted.ckks}: {ours}", hint=hint)
        return CkksCipher(terms.layout, terms.addends, parameters=terms.parameters)

    return made


def _numbers(parameters: tuple[int, ...]) -> str:
    return f"degree {parameters[0]} and primes of {', '.join(map(str, parameters[1:]))} bits"


def _probe() -> Callable[[str], None]:
    """What tests set to be killed at a boundary: FEDPEER_CRASH_AT=name or name:n for the n-th time."""
    name, _, nth = os.environ.get("FEDPEER_CRASH_AT", "").partition(":")
    if not name:
        return lambda _: None
    if name not in PROBES:
        raise RequestError(f"FEDPEER_CRASH_AT names no probe: choose one of {', '.join(PROBES)}")
    left = [int(nth or 1)]

    def probe(here: str) -> None:
        if here == name:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return probe
