"""The bus on NATS: an embedded server, an external one or a cluster, by the credential of an `Access`.

A connection is used once. When it ends, for whatever reason, the next one is a new client that follows the same
subjects again, and `connected` is true only when they certainly are followed. nats-py's own reconnection is off: it
gives up for ever on some refusals, and keeps publishes back that our outbox repeats anyway.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
from nats.aio.msg import Msg

from fedpeer.adapters.connection import MAX_BODY, Connection, Dial, Timings, report_fault
from fedpeer.adapters.subject import check_literals, check_patterns
from fedpeer.adapters.tls import is_loopback
from fedpeer.core.envelope import grants, passes
from fedpeer.core.envelope.access import Access
from fedpeer.core.errors import BusError
from fedpeer.ports import Delivery, Level, Notice

_MAX_TOLD = 100
_OTHER_CONFIGURATION = 10058


class NatsBus:
    """A Bus over NATS for one federation. `peer` names our inbox: a peer id, or the invite's id for a joiner."""

    def __init__(
        self,
        access: Access,
        *,
        federation: str,
        peer: str,
        timings: Timings | None = None,
        stream_bytes: int = 256 << 20,
    ) -> None:
        """Check the access; BusError if it contradicts itself."""
        self._servers = _checked_servers(access)
        self._dial = Dial(access, peer, timings or Timings(), _tls_context(access))
        self._federation = federation
        self._stream_bytes = stream_bytes
        self._followed: dict[str, None] = {}
        self._current: Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._closed = False
        self._receive: Callable[[Delivery], None] = _nobody
        self._notice: Callable[[Notice], None] = _nobody
        self._told: dict[str, float] = {}

    @property
    def connected(self) -> bool:
        """Whether a publish has a chance to leave now."""
        return self._current is not None and not self._current.lost.done()

    async def open(self, receive: Callable[[Delivery], None], notice: Callable[[Notice], None]) -> None:
        """Begin connecting and keep trying for ever; returns at once."""
        self._receive, self._notice = receive, notice
        if self._dial.context is None and self._dial.access.kind in {"password", "token"}:
            for server in self._servers:
                if not is_loopback(urlsplit(server).hostname or ""):
                    notice(
                        Notice("warning", f"{server} is not tls://: our credential crosses the network in clear", False)
                    )
        self._task = asyncio.create_task(self._stay_connected())
        self._task.add_done_callback(report_fault)

    async def follow(self, subjects: Sequence[str]) -> None:
        """Follow subjects from now on and after every reconnect; waits for a connection; BusError if refused."""
        check_patterns(subjects)
        self._followed.update(dict.fromkeys(subjects))
        while True:
            connection = await self._connection()
            try:
                refused = await connection.follow(subjects)
            except BusError:
                if self._closed or not connection.lost.done():
                    raise
                continue
            if refused:
                for subject in refused:
                    self._followed.pop(subject, None)
                raise BusError(f"the bus does not let us hear {', '.join(refused)}")
            return

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Publish and wait until the server has read everything. A refused subject is told as a Notice."""
        check_literals(subject for subject, _ in messages)
        for subject, body in messages:
            if len(body) > MAX_BODY:
                raise BusError(f"a message of {len(body)} bytes for {subject} is over the bus's limit of {MAX_BODY}")
        if messages:
            await self._live().publish(messages)

    async def newest(self, subject: str) -> bytes | None:
        """Ask JetStream for the newest message on one subject."""
        check_literals([subject])
        answer = await self._live().ask(grants.newest_request(self._federation, subject), b"")
        headers = answer.headers or {}
        if headers.get("Nats-Subject") == subject:
            return answer.data
        if headers.get("Status") == "404":
            return None
        raise BusError(f"the bus cannot say what is newest on {subject}: {_reason(headers)}")

    async def ensure_stream(self, *, max_bytes: int = 0, storage: str = "file", replicas: int = 1) -> None:
        """Make or adjust the federation's stream, which keeps the newest message of each subject."""
        name = grants.stream_name(self._federation)
        wanted = msgspec.json.encode(
            {
                "name": name,
                "subjects": grants.stream_subjects(self._federation),
                "max_msgs_per_subject": 1,
                "max_bytes": max_bytes or self._stream_bytes,
                "max_msg_size": MAX_BODY,
                "discard": "old",
                "storage": storage,
                "num_replicas": replicas,
                "allow_direct": True,
                "no_ack": True,
            }
        )
        error = await self._stream_request("CREATE", name, wanted)
        if error.get("err_code") == _OTHER_CONFIGURATION:
            error = await self._stream_request("UPDATE", name, wanted)
        if error:
            raise BusError(f"the bus will not keep messages: {error.get('description', 'no reason given')}")

    async def close(self) -> None:
        """Stop for good."""
        self._closed = True
        self._changed.set()
        if self._task is not None:
            # Said again after the time that closing may take: `wait_for` within nats-py can swallow a cancellation.
            while not self._task.done():
                self._task.cancel()
                await asyncio.wait({self._task}, timeout=2 * self._dial.timings.connect_s)
            self._task = None

    async def _stream_request(self, verb: str, name: str, wanted: bytes) -> dict[str, Any]:
        answer = await self._live().ask(f"$JS.API.STREAM.{verb}.{name}", wanted)
        try:
            return dict(msgspec.json.decode(answer.data, type=dict[str, Any]).get("error") or {})
        except msgspec.DecodeError as error:
            raise BusError(f"the bus gave no answer that can be read when asked to keep messages: {error}") from error

    def _live(self) -> Connection:
        if self._current is None or self._current.lost.done():
            raise BusError("not connected to the bus" if not self._closed else "the bus connection is closed")
        return self._current

    async def _connection(self) -> Connection:
        while not self._closed:
            if self._current is not None and not self._current.lost.done():
                return self._current
            self._changed.clear()
            await self._changed.wait()
        raise BusError("the bus connection is closed")

    async def _stay_connected(self) -> None:
        rounds = 0
        while True:
            for server in self._servers:
                if await self._use(Connection(self._dial, server, self._deliver, self._tell)):
                    rounds = 0
                    break
            rounds += 1
            await asyncio.sleep(self._dial.wait(rounds))

    async def _use(self, connection: Connection) -> bool:
        """Connect and stay until the connection is lost; return whether it lasted, so that it was worth having."""
        began = asyncio.get_running_loop().time()
        try:
            await connection.connect(list(self._followed))
            self._current = connection
            self._told.clear()
            self._changed.set()
            self._notice(Notice("info", f"connected to the bus at {connection.server}", connected=True))
            reason = await asyncio.shield(connection.lost)
        except BusError as error:
            self._tell("warning", f"{error}", f"{error}; trying again")
            return False
        finally:
            self._current = None
            await connection.close()
        self._notice(Notice("warning", f"lost the bus at {connection.server}: {reason}", connected=False))
        return asyncio.get_running_loop().time() - began > self._dial.timings.longest_wait_s

    def _deliver(self, message: Msg) -> None:
        self._receive(Delivery(message.subject, message.data))

    def _tell(self, level: Level, kind: str, text: str) -> None:
        """Pass a notice on, unless one of this kind was passed on a short while ago."""
        now = asyncio.get_running_loop().time()
        if now - self._told.get(kind, float("-inf")) < self._dial.timings.quiet_s:
            return
        if len(self._told) >= _MAX_TOLD:
            self._told.pop(next(iter(self._told)))
        self._told[kind] = now
        self._notice(Notice(level, text, connected=self.connected))


def _checked_servers(access: Access) -> tuple[str, ...]:
    for server in access.servers:
        parts = urlsplit(server)
        if parts.scheme not in {"nats", "tls"} or not parts.hostname:
            raise BusError("a bus address is written nats://host:port or tls://host:port")
        if "@" in parts.netloc:
            raise BusError("a bus address holds a credential: give it as user and password, token or nkey instead")
    schemes = {urlsplit(server).scheme for server in access.servers}
    if len(schemes) != 1:
        raise BusError("the bus needs at least one address, and all of them with TLS or all without")
    if access.ca and schemes != {"tls"}:
        raise BusError("a CA is pinned for the bus, so its addresses must be tls://")
    if access.kind in {"nkey", "pass"}:
        passes.public_key(access.secret, "user")
    if access.kind == "pass" and not access.jwt:
        raise BusError("a pass of the bus has no JWT: it is cut or damaged")
    return access.servers


def _tls_context(access: Access) -> ssl.SSLContext | None:
    if urlsplit(access.servers[0]).scheme != "tls":
        return None
    try:
        context = ssl.create_default_context(cadata=access.ca or None)
    except (ssl.SSLError, ValueError) as error:
        raise BusError("the pinned CA of the bus is not a certificate in PEM") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def _reason(headers: Mapping[str, str]) -> str:
    return headers.get("Description") or headers.get("Status") or "an answer of unknown form"


def _nobody(_: object) -> None:
    """Hear nothing: before `open`."""
