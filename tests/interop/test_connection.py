"""Connections to servers of every kind: other people's, encrypted ones, clusters, dead, frozen and hostile ones."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

import psutil
import pytest

from fedpeer.adapters import connection
from fedpeer.adapters.bus_nats import NatsBus
from fedpeer.adapters.connection import Timings
from fedpeer.adapters.server import EmbeddedServer
from fedpeer.adapters.system import SystemEntropy
from fedpeer.adapters.tls import certify
from fedpeer.core.envelope import grants, passes
from fedpeer.core.envelope.access import Access
from fedpeer.core.errors import BusError
from tests.support import nats
from tests.support.nats import IMPATIENT, QUICK, Ear, until

FED = "f" * 26
A, B = ("a" * 26, "b" * 26)
GROUP = f"fp.{FED}.all.>"
SECRET = "correct horse battery staple"


@asynccontextmanager
async def bus_to(access: Access, peer: str = A, timings: Timings = QUICK) -> AsyncIterator[tuple[NatsBus, Ear]]:
    bus, ear = await nats.opened(access, FED, peer, timings)
    try:
        yield bus, ear
    finally:
        await bus.close()


async def carries(access: Access) -> None:
    """Assert that two buses by this access hear each other."""
    async with bus_to(access, A) as (speaker, _), bus_to(access, B) as (listener, ear):
        await listener.follow([GROUP])
        await speaker.follow([])
        await speaker.publish([(f"fp.{FED}.all.{A}.0", b"hello")])
        await until(lambda: ear.deliveries)
        assert ear.bodies == [b"hello"]


async def refuses(access: Access, words: str) -> None:
    """Assert that no connection comes about, that the reason is told once, and that no secret is."""
    async with bus_to(access) as (bus, ear):
        await until(lambda: ear.told(words))
        await asyncio.sleep(0.1)
        assert not bus.connected
        assert len(ear.notices) == len({n.text for n in ear.notices}), "each reason is told once"
        assert not any(access.secret and access.secret in n.text for n in ear.notices)


NKEY = passes.seed("user", b"n" * 32)
CREDENTIALS = {
    "none": ("", {}),
    "password": (
        f'authorization {{ user: u, password: "{SECRET}" }}',
        {"kind": "password", "user": "u", "secret": SECRET},
    ),
    "token": (f'authorization {{ token: "{SECRET}" }}', {"kind": "token", "secret": SECRET}),
    "nkey": (
        f"authorization {{ users: [ {{ nkey: {passes.public_key(NKEY, 'user')} }} ] }}",
        {"kind": "nkey", "secret": NKEY},
    ),
}
WRONG = {
    "password": {"kind": "password", "user": "u", "secret": "wrong horse"},
    "token": {"kind": "token", "secret": "wrong horse"},
    "nkey": {"kind": "nkey", "secret": passes.seed("user", b"w" * 32)},
    "missing": {},
}


@pytest.mark.parametrize("kind", CREDENTIALS)
async def test_an_external_server_by_each_kind_of_credential(kind, tmp_path):
    config, credential = CREDENTIALS[kind]
    async with nats.plain_server(tmp_path, config) as where:
        await carries(Access((f"nats://{where}",), **credential))


@pytest.mark.parametrize("kind", WRONG)
async def test_a_wrong_credential_is_refused_and_not_shown(kind, tmp_path):
    config, _ = CREDENTIALS["password" if kind == "missing" else kind]
    async with nats.plain_server(tmp_path, config) as where:
        await refuses(Access((f"nats://{where}",), **WRONG[kind]), "our credential is refused")


async def test_an_external_server_with_jetstream_keeps_and_one_without_says_so(tmp_path):
    jetstream = f'jetstream {{ store_dir: "{tmp_path}/js" }}'
    async with nats.plain_server(tmp_path / "a", jetstream) as where, bus_to(Access((f"nats://{where}",))) as (bus, _):
        await bus.follow([])
        await bus.ensure_stream(max_bytes=1 << 20)
        await bus.ensure_stream(max_bytes=2 << 20)
        await bus.publish([(f"fp.{FED}.all.{A}.0", b"kept")])

        async def kept() -> bool:
            return await bus.newest(f"fp.{FED}.all.{A}.0") == b"kept"

        await until(kept)
    async with nats.plain_server(tmp_path / "b") as where, bus_to(Access((f"nats://{where}",))) as (bus, _):
        await bus.follow([])
        for asking in (bus.newest(f"fp.{FED}.all.{A}.0"), bus.ensure_stream()):
            with pytest.raises(BusError, match="keeps no messages"):
                await asking
        assert bus.connected


async def test_a_cluster_is_used_past_its_dead_nodes(tmp_path):
    """Three addresses, the first of which is dead; later the node in use dies too."""
    routes, dead = (nats.free_port(), nats.free_port()), nats.free_port()
    configs = [
        f'server_name: n{i}\ncluster {{ name: c, listen: "127.0.0.1:{routes[i]}", '
        f'routes: ["nats://127.0.0.1:{routes[1 - i]}"] }}'
        for i in (0, 1)
    ]
    async with contextlib.AsyncExitStack() as stack:
        first_node = contextlib.AsyncExitStack()
        one = await first_node.enter_async_context(nats.plain_server(tmp_path / "1", configs[0]))
        two = await stack.enter_async_context(nats.plain_server(tmp_path / "2", configs[1]))
        urls = [f"nats://127.0.0.1:{dead}", f"nats://{one}", f"nats://{two}"]
        speaker, told = await stack.enter_async_context(bus_to(Access(tuple(urls)), A))
        listener, ear = await stack.enter_async_context(bus_to(Access((urls[2],)), B))
        await listener.follow([GROUP])
        await speaker.follow([])

        async def spoken(body: bytes) -> bool:
            with contextlib.suppress(BusError):
                await speaker.publish([(f"fp.{FED}.all.{A}.0", body)])
            return body in ear.bodies

        # Interest crosses the route a moment after `follow`: in a cluster the first message may still be lost.
        await until(lambda: spoken(b"through node one"))
        assert told.told(f"connected to the bus at {urls[1]}")
        await first_node.aclose()
        await until(lambda: told.told(f"connected to the bus at {urls[2]}"))
        await until(lambda: spoken(b"through node two"))


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    server = nats.embedded(tmp_path / "bus", listen="0.0.0.0:0", names=("127.0.0.1", "bus.example"))
    await server.set_account(FED, {})
    await server.start()
    yield server
    await server.stop()


def member(server: EmbeddedServer, peer: str = A) -> Access:
    return nats.pass_for(server, FED, peer, grants.permissions_for_member(FED, peer))[0]


def changed(access: Access, **fields: object) -> Access:
    return Access(**{**{name: getattr(access, name) for name in access.__struct_fields__}, **fields})


async def test_beyond_loopback_the_embedded_server_speaks_tls_with_the_pinned_authority(secure, tmp_path):
    access = member(secure)
    port = secure.url.rpartition(":")[2]
    assert secure.url == f"tls://127.0.0.1:{port}"
    assert secure.urls == (f"tls://127.0.0.1:{port}", f"tls://bus.example:{port}")
    local = changed(access, servers=(secure.url,))
    async with bus_to(local) as (bus, ear):
        await bus.follow([GROUP])
        await bus.publish([(f"fp.{FED}.all.{A}.0", b"x" * (1 << 20))])
        await until(lambda: ear.deliveries)
    (tmp_path / "other").mkdir()
    other = certify(tmp_path / "other", ["127.0.0.1"], entropy=SystemEntropy(), now=nats.SteppedClock().now()).ca
    await refuses(changed(local, ca=other), "TLS certificate is refused")
    await refuses(changed(local, ca=""), "TLS certificate is refused")
    await refuses(changed(local, ca="", servers=(f"nats://127.0.0.1:{port}",)), "TLS certificate is refused")


async def test_a_certificate_for_another_name_is_refused(tmp_path):
    made = certify(tmp_path, ["bus.example"], entropy=SystemEntropy(), now=nats.SteppedClock().now())
    config = f'tls {{ cert_file: "{made.certificate}", key_file: "{made.key}" }}'
    async with nats.plain_server(tmp_path / "plain", config) as where:
        await refuses(Access((f"tls://{where}",), ca=made.ca), "TLS certificate is refused")


async def test_a_certificate_near_its_end_is_renewed_without_a_restart(tmp_path):
    clock = nats.SteppedClock(-370 * 86_400)
    server = nats.embedded(tmp_path / "bus", listen="0.0.0.0:0", names=("127.0.0.1",), clock=clock)
    await server.set_account(FED, {})
    await server.start()
    ca, pid, old = server.ca, server.pid, await serial(server)
    await server.renew()
    assert await serial(server) == old
    clock.ahead = 0
    async with bus_to(member(server)) as (bus, _):
        await bus.follow([])
        await server.renew()
        assert await serial(server) != old
        assert (server.ca, server.pid) == (ca, pid)
        assert bus.connected
    await server.stop()


async def serial(server: EmbeddedServer) -> str:
    host, port = server.url.removeprefix("tls://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await reader.readline()
    await writer.start_tls(ssl.create_default_context(cadata=server.ca), server_hostname=host)
    found = writer.get_extra_info("ssl_object").getpeercert()["serialNumber"]
    writer.transport.abort()
    return found


class Impostor:
    """A server of our own making: greets, then does with each connection what `act` says; keeps what it was sent."""

    def __init__(self, act: Callable, **info: object) -> None:
        self._act = act
        self._info = {"server_id": "X", "version": "2.15.1", "headers": True, "max_payload": 1 << 20, **info}
        self.sent = bytearray()
        self.connections = 0
        self._serving: set[asyncio.Task] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.where = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for serving in list(self._serving):
            serving.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._serving.add(asyncio.current_task())
        try:
            writer.write(b"INFO " + json.dumps(self._info).encode() + b"\r\n")
            await self._act(self, reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Keep what is sent, and answer each PING."""
        while data := await reader.read(65536):
            self.sent += data
            writer.write(b"PONG\r\n" * data.count(b"PING\r\n"))


@pytest.mark.parametrize("info", [{}, {"tls_available": True}, {"tls_required": False, "nonce": "n"}])
async def test_a_server_that_does_not_offer_tls_is_told_nothing(info):
    async with Impostor(Impostor.listen, auth_required=True, **info) as impostor:
        for credential in ({"kind": "password", "user": "u", "secret": SECRET}, {"kind": "token", "secret": SECRET}):
            await refuses(Access((f"tls://{impostor.where}",), **credential), "does not offer TLS")
    assert impostor.connections
    assert impostor.sent == b""


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_older_than_1_3_is_refused(version, tmp_path):
    made = certify(tmp_path, ["127.0.0.1"], entropy=SystemEntropy(), now=nats.SteppedClock().now())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.certificate, made.key)
    context.maximum_version = version

    async def upgrade(self: Impostor, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await writer.start_tls(context)
        await self.listen(reader, writer)

    async with Impostor(upgrade, tls_required=True) as impostor:
        access = Access((f"tls://{impostor.where}",), ca=made.ca)
        if version is ssl.TLSVersion.TLSv1_2:
            await refuses(access, "cannot connect")
            assert impostor.sent == b""
        else:
            async with bus_to(access) as (bus, _):
                await bus.follow([])
            assert impostor.sent.startswith(b"CONNECT")


async def test_a_barrier_is_a_ping_after_all_that_came_before_it():
    """nats-py's own flush writes its PING first: then the answer says nothing of what was to be flushed."""
    async with Impostor(Impostor.listen) as impostor, bus_to(Access((f"nats://{impostor.where}",))) as (bus, _):
        await bus.follow([])
        for turn in range(10):
            await bus.follow([f"fp.{FED}.{turn}"])
            assert b"PING" in impostor.sent.partition(b"SUB fp.%b.%d " % (FED.encode(), turn))[2]
            await bus.publish([(f"fp.{FED}.all.{A}.{turn}", b"body %d" % turn)] * 3)
            assert b"PING" in impostor.sent.rpartition(b"body %d" % turn)[2]


HOSTILE = {
    "empty error": (b"-ERR \r\n", "connection broke"),
    "endless line": (b"MSG " + b"x" * (1 << 20), "protocol error"),
    "endless body": (b"MSG fp.x 1 99999999999\r\n" + b"x" * (1 << 20), "protocol error"),
    "noise": (bytes(range(256)) * 512 + b"\r\n", "protocol error"),
    "pongs from nowhere": (b"PONG\r\n" * 1000 + b"INFO nonsense\r\n", "connection broke"),
}


@pytest.mark.parametrize("attack", HOSTILE)
async def test_a_hostile_server_costs_a_reconnection_and_bounded_memory(attack):
    trusted = asyncio.Event()

    async def assault(self: Impostor, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.connections > 1:
            return await self.listen(reader, writer)
        await reader.readuntil(b"PING\r\n")
        writer.write(b"PONG\r\n")
        for _ in range(2):
            await reader.readuntil(b"PING\r\n")
            writer.write(b"PONG\r\n")
        await trusted.wait()
        writer.write(HOSTILE[attack][0])
        return await self.listen(reader, writer)

    async with Impostor(assault) as impostor, bus_to(Access((f"nats://{impostor.where}",))) as (bus, ear):
        await until(lambda: bus.connected)
        trusted.set()
        await until(lambda: ear.told("lost the bus"))
        assert HOSTILE[attack][1] in ear.told("lost the bus")[0].text
        await until(lambda: len(ear.told("connected to")) == 2)
        await bus.publish([(f"fp.{FED}.all.{A}.0", b"goes on")])
        assert b"goes on" in impostor.sent


async def test_what_a_server_complains_of_is_not_taken_for_followed_though_its_answer_comes_too():
    """nats-py hangs up a moment after the complaint, and until then all else that came with it counts."""

    async def complain(self: Impostor, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.readuntil(b"PING\r\n"):
            self.sent += data
            wrong = b"-ERR 'maximum subscriptions exceeded'\r\n" if b"SUB" in self.sent else b""
            writer.write(wrong + b"PONG\r\n")

    async with Impostor(complain) as impostor, bus_to(Access((f"nats://{impostor.where}",))) as (bus, ear):
        following = asyncio.create_task(bus.follow([GROUP]))
        await until(lambda: impostor.connections > 2)
        assert not following.done()
        assert ear.told("maximum subscriptions exceeded")
    with pytest.raises(BusError, match="closed"):
        await following


async def raw_member(server: EmbeddedServer, peer: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A member with a pass of its own who does not use our client."""
    access = member(server, peer)
    reader, writer = await asyncio.open_connection(*server.url.removeprefix("nats://").split(":"))
    nonce = json.loads((await reader.readline())[5:])["nonce"]
    hello = {
        "jwt": access.jwt,
        "sig": passes.sign_nonce(access.secret, nonce).decode(),
        "headers": True,
        "verbose": False,
    }
    writer.write(b"CONNECT " + json.dumps(hello).encode() + b"\r\nPING\r\n")
    await reader.readuntil(b"PONG\r\n")
    return reader, writer


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    made = nats.embedded(tmp_path / "bus")
    await made.set_account(FED, {})
    await made.start()
    yield made
    await made.stop()


async def test_hostile_subjects_and_headers_of_a_member_are_dropped(server):
    """Either of these ends the reader of an unguarded nats-py client, which then believes itself connected."""
    own = f"fp.{FED}.all.{B}".encode()
    lines = [b"NATS/1.0\xff\xff", b"NATS/1.0 \xff\xfe\xfd", b"NATS/1.0 503", b"NATS/1.0\r\n:"]
    async with bus_to(member(server)) as (bus, ear):
        await bus.follow([GROUP])
        _, writer = await raw_member(server, B)
        writer.write(b"PUB %b.\xff\xfe 2\r\nhi\r\nPUB %b.0 \xff.x 2\r\nhi\r\n" % (own, own))
        for i, header in enumerate(line + b"\r\n\r\n" for line in lines):
            writer.write(b"HPUB %b.h%d %d %d\r\n%b%d\r\n" % (own, i, len(header), len(header) + 1, header, i))
        writer.write(b"PUB %b.last 4\r\nlast\r\nPING\r\n" % own)
        await until(lambda: ear.bodies[-1:] == [b"last"])
        assert set(ear.bodies) <= {b"0", b"1", b"2", b"3", b"last", b"hi"}
        assert len(ear.told("cannot be read")) == 1
        assert bus.connected
        assert not ear.told("lost")
        writer.close()


async def test_a_message_above_our_limit_is_dropped_where_the_server_lets_it_through(tmp_path):
    big = "max_payload: 8388608"
    async with nats.plain_server(tmp_path, big) as where, bus_to(Access((f"nats://{where}",))) as (bus, ear):
        await bus.follow([GROUP])
        _, writer = await asyncio.open_connection(*where.split(":"))
        writer.write(b"CONNECT {}\r\nPUB fp.%b.all.x 3000000\r\n%b\r\n" % (FED.encode(), b"x" * 3_000_000))
        writer.write(b"PUB fp.%b.all.x 4\r\nlast\r\n" % FED.encode())
        await until(lambda: ear.deliveries)
        assert ear.bodies == [b"last"]
        assert ear.told("too large")
        assert not ear.told("lost")
        writer.close()


async def test_a_flood_costs_bounded_memory_and_loses_no_connection(server):
    count, body = 20_000, b"x" * 4096
    seen = 0

    def receive(delivery: object) -> None:
        nonlocal seen
        seen += 1

    bus = NatsBus(member(server), federation=FED, peer=A, timings=QUICK)
    ear = Ear()
    await bus.open(receive, ear.notice)
    await bus.follow([GROUP])
    _, writer = await raw_member(server, B)
    process = psutil.Process()
    before = process.memory_info().rss
    message = b"PUB fp.%b.all.%b.0 4096\r\n%b\r\n" % (FED.encode(), B.encode(), body)
    for sent in range(100, count + 1, 100):
        writer.write(message * 100)
        await writer.drain()
        await until(lambda least=sent - 8_000: seen >= least)  # half of what a server keeps before it cuts one off
    await until(lambda: seen == count)
    assert process.memory_info().rss - before < 32 << 20, "80 MB went through"
    assert [n.level for n in ear.notices] == ["info"]
    writer.close()
    await bus.close()


async def test_what_comes_faster_than_it_is_taken_is_dropped_and_told_once(server, monkeypatch):
    monkeypatch.setattr(connection, "_MAX_WAITING", 4)
    async with bus_to(member(server)) as (bus, ear), bus_to(member(server, B), B) as (speaker, _):
        await bus.follow([GROUP])
        await speaker.follow([])
        await speaker.publish([(f"fp.{FED}.all.{B}.0", b"%d" % i) for i in range(500)])
        await until(lambda: ear.told("some are lost"))
        await bus.follow([])
        assert 0 < len(ear.deliveries) < 500
        assert len(ear.told("some are lost")) == 1
        await speaker.publish([(f"fp.{FED}.all.{B}.0", b"last")])
        await until(lambda: ear.bodies[-1] == b"last")


async def test_a_fault_of_the_receiver_is_told_and_the_next_message_comes(server):
    def receive(delivery) -> None:
        if delivery.body == b"bad":
            raise ZeroDivisionError
        ear.receive(delivery)

    bus, ear = NatsBus(member(server), federation=FED, peer=A, timings=QUICK), Ear()
    await bus.open(receive, ear.notice)
    await bus.follow([GROUP])
    await bus.publish([(f"fp.{FED}.all.{A}.0", b"bad"), (f"fp.{FED}.all.{A}.0", b"good")])
    await until(lambda: ear.bodies == [b"good"])
    assert ear.told("fault of this program: ZeroDivisionError")
    assert bus.connected
    await bus.close()


async def test_a_cancelled_publish_does_not_cost_the_connection(server):
    async with bus_to(member(server)) as (bus, ear):
        await bus.follow([GROUP])
        for turn in range(5):
            publishing = asyncio.create_task(bus.publish([(f"fp.{FED}.all.{A}.0", b"%d" % turn)]))
            for _ in range(turn):
                await asyncio.sleep(0)
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)
        await bus.publish([(f"fp.{FED}.all.{A}.0", b"last")])
        await until(lambda: ear.bodies[-1:] == [b"last"])
        assert [n.level for n in ear.notices] == ["info"]


async def test_a_frozen_server_is_found_out_and_nothing_is_claimed_to_have_left(server):
    async with bus_to(member(server), timings=IMPATIENT) as (bus, ear):
        await bus.follow([GROUP])
        os.kill(server.pid, signal.SIGSTOP)
        with pytest.raises(BusError, match="lost the bus"):
            await bus.publish([(f"fp.{FED}.all.{A}.0", b"x" * (1 << 20))] * 8)
        assert not bus.connected
        os.kill(server.pid, signal.SIGCONT)
        await until(lambda: bus.connected)
        await bus.publish([(f"fp.{FED}.all.{A}.1", b"again")])
        await until(lambda: ear.bodies[-1:] == [b"again"])


async def test_a_cancellation_that_a_library_swallows_does_not_hold_up_the_end(monkeypatch):
    swallowed = []

    async def deaf(self, subjects):
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            if swallowed:
                raise
            swallowed.append(self)
            await asyncio.sleep(30)

    monkeypatch.setattr(connection.Connection, "connect", deaf)
    bus, _ = await nats.opened(Access(("nats://127.0.0.1:1",)), FED, A, replace(QUICK, connect_s=0.1))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await bus.close()
    assert len(swallowed) == 1


async def test_a_server_that_is_not_there_yet_is_waited_for_quietly(tmp_path):
    port = nats.free_port()
    async with bus_to(Access((f"nats://127.0.0.1:{port}",))) as (bus, ear):
        following = asyncio.create_task(bus.follow([GROUP]))
        await until(lambda: ear.notices)
        await asyncio.sleep(0.6)
        assert [(n.level, n.connected) for n in ear.notices] == [("warning", False)]
        assert "Connect call failed" in ear.notices[0].text or "refused" in ear.notices[0].text
        with pytest.raises(BusError, match="not connected"):
            await bus.publish([(f"fp.{FED}.all.{A}.0", b"x")])
        async with nats.plain_server(tmp_path, port=port):
            await following
            await bus.publish([(f"fp.{FED}.all.{A}.0", b"x")])
            await until(lambda: ear.deliveries)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"servers": ()}, "at least one address"),
        ({"servers": ("localhost:4222",)}, "is written nats://"),
        ({"servers": ("http://x:1",)}, "is written nats://"),
        ({"servers": ("nats://",)}, "is written nats://"),
        ({"servers": (f"nats://u:{SECRET}@h:1",)}, "holds a credential"),
        ({"servers": ("nats://h:1", "tls://h:1")}, "all of them with TLS or all without"),
        ({"servers": ("nats://h:1",), "ca": "-----BEGIN"}, "must be tls://"),
        ({"servers": ("tls://h:1",), "ca": "no certificate"}, "not a certificate"),
        ({"servers": ("nats://h:1",), "kind": "nkey", "secret": SECRET}, "seed"),
        ({"servers": ("nats://h:1",), "kind": "pass", "secret": NKEY}, "no JWT"),
    ],
)
def test_an_access_that_contradicts_itself_is_refused_without_showing_it(fields, words):
    with pytest.raises(BusError, match=words) as caught:
        NatsBus(Access(**fields), federation=FED, peer=A)
    assert SECRET not in f"{caught.value} {caught.value.hint}"


async def test_a_credential_in_clear_beyond_the_machine_is_pointed_out():
    access = Access(("nats://192.0.2.1:4222",), kind="token", secret=SECRET)
    async with bus_to(access, timings=Timings(connect_s=0.1)) as (_, ear):
        assert len(ear.told("in clear")) == 1
