"""Streams on a NATS server with JetStream, each message counted once.

1. The truth is the number up to which messages are stored here, with their rows. The consumer on the server has
   everything delivered in order and acknowledged after that, so that a stream which deletes what was acknowledged can.
2. What was delivered and not stored (we were killed, or the line broke) comes again late and out of order. So it is
   asked for by its number, before anything new, and thrown away when it comes again.
3. Deliveries are numbered without gaps. A gap says that something went to a line that is no more: begin again with 2.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import msgspec
import nats.aio.client
import nats.errors
import nats.js.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, RetentionPolicy

from fedpeer.adapters.files import facts
from fedpeer.adapters.messages import OPTIONS, Messages, UnreadableError
from fedpeer.adapters.tls import is_loopback
from fedpeer.core.errors import SourceError
from fedpeer.core.peer.streams import Stream
from fedpeer.core.statistics.schema import Schema
from fedpeer.ports import Gathered

GATHER_S = 1.0  # that messages are waited for, and that further ones are
SILENT_S = 10.0  # until it is asked whether there is still anything to hear
AGAIN_S = 30.0  # until the server tells again what was not acknowledged

_TOGETHER, _MOST, _MOST_BYTES = 100, 2_000, 4 << 20
_ANSWER_S = 5.0
_FILES = ("creds_file", "password_file", "token_file", "ca_file")
_MORE = ("stream", "user", "plain")
_SECRET_BYTES = 4096

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Place:
    """A subject on a server, and how to get at it."""

    server: str
    subject: str
    options: Mapping[str, Any]
    roots: tuple[Path, ...]

    @classmethod
    def of(cls, location: str, options: Mapping[str, Any], roots: tuple[Path, ...]) -> _Place:
        try:
            parts = urlsplit(location)
            port = parts.port or 4222
        except ValueError:
            parts, port = urlsplit(""), 0
        subject = unquote(parts.path[1:])
        if parts.scheme not in {"nats", "tls"} or not parts.hostname or not _is_subject(subject):
            raise SourceError(
                f"{location[:80]!r} is no subject", hint="write nats://HOST/SUBJECT or tls://HOST/SUBJECT"
            )
        if "@" in parts.netloc or parts.query or parts.fragment:
            hint = "give user and password_file, token_file or creds_file as options"
            raise SourceError("a location must not hold a password: it is shown and kept", hint=hint)
        unknown = next((key for key in options if key not in (*OPTIONS, *_FILES, *_MORE)), None)
        if unknown is not None:
            known = ", ".join((*OPTIONS, *_FILES, *_MORE))
            raise SourceError(f"{unknown!r:.60} is no option of a stream", hint=f"known are: {known}")
        if parts.scheme == "nats" and not is_loopback(parts.hostname) and options.get("plain") is not True:
            hint = "write tls://, or say plain=true if nobody else is on the network"
            raise SourceError(f"rows of {parts.hostname} would cross the network in clear", hint=hint)
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return cls(f"{parts.scheme}://{host}:{port}", subject, options, roots)

    @property
    def shown(self) -> str:
        return f"{self.server}/{self.subject}"

    def credential(self) -> dict[str, Any]:
        """What the server is shown, and how it is known; files are read anew each time."""
        found: dict[str, Any] = {}
        if "creds_file" in self.options:
            found["user_credentials"] = str(self._file("creds_file"))
        if "token_file" in self.options:
            found["token"] = _secret(self._file("token_file"))
        if "password_file" in self.options:
            found |= {"user": str(self.options.get("user", "")), "password": _secret(self._file("password_file"))}
        if self.server.startswith("tls:"):
            found["tls"] = _context(self._file("ca_file") if "ca_file" in self.options else None)
        return found

    def _file(self, option: str) -> Path:
        told = self.options[option]
        if not isinstance(told, str):
            raise SourceError(f"{option} is not the path of a file")
        path = Path(told).expanduser()
        facts(path)
        # Whoever may name files must not have any that the daemon can read sent to a server.
        real = path.resolve()
        if self.roots and not any(real.is_relative_to(root.resolve()) for root in self.roots):
            hint = f"data.roots allows {', '.join(map(str, self.roots))}"
            raise SourceError(f"{path} is outside the directories that data may be read from", hint=hint)
        if option != "ca_file" and facts(real).st_mode & 0o077:
            raise SourceError(f"{path} can be read by others on this machine", hint=f"chmod 600 {path}")
        return real


@dataclass(frozen=True, slots=True)
class NatsFeeds:
    """Opens streams. `roots` are the directories that files with credentials may be under; none allows any."""

    roots: tuple[Path, ...] = ()

    def check(self, location: str, schema: Schema, options: Mapping[str, Any]) -> str:
        """Return the location as it may be shown and kept; SourceError if these options do not fit it."""
        Messages.of(schema, options)
        place = _Place.of(location, options, self.roots)
        place.credential()
        return place.shown

    async def open(self, stream: Stream, schema: Schema) -> NatsFeed:
        """Connect, find the stream, and go on after what was counted; SourceError."""
        place = self._place(stream)
        messages = Messages.of(schema, place.options)
        client = await _connected(place)
        try:
            return await _begun(client, place, messages, stream)
        except BaseException:
            await _ended(client)
            raise

    async def forget(self, stream: Stream) -> None:
        """Delete our consumer; SourceError."""
        place = self._place(stream)
        client = await _connected(place)
        try:
            name = await _name(client.jetstream(timeout=_ANSWER_S), place)
            await _asked(place, client.jetstream(timeout=_ANSWER_S).delete_consumer(name, _durable(stream)))
        finally:
            await _ended(client)

    def _place(self, stream: Stream) -> _Place:
        return _Place.of(stream.location, msgspec.json.decode(stream.options), self.roots)


class NatsFeed:
    """Messages of one subject, over one connection."""

    def __init__(self, client: nats.aio.client.Client, place: _Place, messages: Messages, at: _At) -> None:
        """`at` is where it begins."""
        self._client, self._place, self._messages, self._at = client, place, messages, at
        self._open: list[Msg] = []
        self._next = at.deliveries + 1
        self._position = at.position
        self._heard_at = asyncio.get_running_loop().time()

    @property
    def origin(self) -> str:
        """The stream's name, and when it was made."""
        return self._at.origin

    async def gather(self) -> Gathered | None:
        """What was delivered and never stored, or what is new; None if there is neither."""
        told = await (self._missed() if self._position < self._at.delivered else self._delivered())
        if not told:
            return None
        self._position = told[-1][0]
        return self._read(told)

    async def acknowledge(self, until: int) -> None:
        """Acknowledge what was delivered up to this number."""
        done = [message for message in self._open if message.metadata.sequence.stream <= until]
        self._open = [message for message in self._open if message.metadata.sequence.stream > until]
        for message in done:
            await _asked(self._place, message.ack())
        if done:
            await _asked(self._place, self._client.flush())

    async def close(self) -> None:
        """Hang up."""
        await _ended(self._client)

    async def _missed(self) -> list[tuple[int, bytes, float]]:
        found: list[tuple[int, bytes, float]] = []
        size, at = 0, self._position
        while len(found) < _MOST and size < _MOST_BYTES:
            message = await self._stored(at + 1)
            if message is None or message[0] > self._at.delivered:
                if not found:
                    self._position = self._at.delivered
                break
            found.append(message)
            at, size = message[0], size + len(message[1])
        return found

    async def _stored(self, number: int) -> tuple[int, bytes, float] | None:
        """The first message of the subject with this number, or a higher one."""
        try:
            raw = await _asked(
                self._place,
                self._at.jetstream.get_msg(self._at.name, seq=number, subject=self._place.subject, next=True),
            )
        except _NotThereError:
            return None
        return int(raw.seq or 0), raw.data or b"", raw.time.timestamp() if raw.time else 0.0

    async def _delivered(self) -> list[tuple[int, bytes, float]]:
        found: list[tuple[int, bytes, float]] = []
        clock = asyncio.get_running_loop().time
        end, size, last = clock() + GATHER_S, 0, self._position
        while (left := end - clock()) > 0 and len(found) < _MOST and size < _MOST_BYTES:
            for message in await self._fetched(max(left, 0.01)):
                data = message.metadata
                if not self._is_next(data.sequence.consumer):
                    raise SourceError(f"messages of {self._place.shown} went to a line that is no more")
                self._open.append(message)
                if data.sequence.stream > last:
                    last, size = data.sequence.stream, size + len(message.data)
                    found.append((last, message.data, data.timestamp.timestamp()))
        if not found:
            await self.acknowledge(self._position)  # what has come again
            await self._check()
        self._heard_at = clock() if found else self._heard_at
        return found

    async def _check(self) -> None:
        """SourceError if nothing comes because our consumer is gone, which the server tells nobody."""
        now = asyncio.get_running_loop().time()
        if now >= self._heard_at + SILENT_S:
            await _asked(self._place, self._at.jetstream.consumer_info(self._at.name, self._at.durable))
            self._heard_at = now

    def _is_next(self, delivery: int) -> bool:
        self._next += 1
        return delivery == self._next - 1

    async def _fetched(self, wait_s: float) -> list[Msg]:
        if not self._client.is_connected:
            raise SourceError(f"lost {self._place.server}")
        try:
            return await self._at.subscription.fetch(_TOGETHER, timeout=wait_s)
        except TimeoutError:
            return []
        except (nats.errors.Error, OSError, AssertionError) as error:
            raise _explained(self._place, error) from None

    def _read(self, told: Iterable[tuple[int, bytes, float]]) -> Gathered:
        rows, faults, last, moment, count = list[list[Any]](), dict[str, int](), 0, 0.0, 0
        for number, body, at in told:
            last, moment, count = number, at, count + 1
            try:
                rows += self._messages.read(body)
            except UnreadableError as error:
                faults[str(error)] = faults.get(str(error), 0) + 1
        columns = {name: [row[i] for row in rows] for i, name in enumerate(self._messages.wanted)}
        return Gathered(last, count, int(moment), columns, faults)


@dataclass(frozen=True, slots=True)
class _At:
    """Where a feed begins: after `position`; up to `delivered`, deliveries were made, and as many as `deliveries`."""

    jetstream: JetStreamContext
    subscription: JetStreamContext.PullSubscription
    name: str
    durable: str
    origin: str
    position: int
    delivered: int
    deliveries: int


class _NotThereError(SourceError):
    """There is none of what was asked for."""


class _Client(nats.aio.client.Client):
    """nats-py's client, which by itself would show credentials without TLS."""

    def _connect_command(self) -> bytes:
        private = self._current_server is not None and self._current_server.uri.scheme == "tls"
        if private and not self._server_info.get("tls_required", False):
            raise nats.errors.Error("the server does not offer TLS; nothing was sent to it")
        return super()._connect_command()


async def _connected(place: _Place) -> _Client:
    client, said = _Client(), list[str]()

    async def faulty(error: Exception) -> None:
        said.append(str(error).removeprefix("nats: "))

    options = place.credential()
    try:
        await client.connect(
            place.server,
            name="fedpeer",
            error_cb=faulty,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            connect_timeout=int(_ANSWER_S),
            ping_interval=10,
            **options,
        )
    except Exception as error:  # noqa: BLE001 whatever nats-py makes of what a server says is a failed try
        await _ended(client)
        text = said[0] if said else str(error).removeprefix("nats: ") or type(error).__name__
        raise SourceError(f"cannot connect to {place.server}: {text}") from None
    return client


async def _begun(client: _Client, place: _Place, messages: Messages, stream: Stream) -> NatsFeed:
    jetstream = client.jetstream(timeout=_ANSWER_S)
    name = await _name(jetstream, place)
    info = await _asked(place, jetstream.stream_info(name))
    origin = f"{name} {info.created.isoformat() if info.created else ''}"
    if stream.origin not in ("", origin) or info.state.last_seq < stream.sequence:
        raise SourceError(
            f"the stream {name} was made anew since {stream.messages} messages of it were counted",
            hint="begin anew with --force, if it holds none of those that were counted",
        )
    durable = _durable(stream)
    try:
        consumer = await _asked(place, jetstream.consumer_info(name, durable))
    except _NotThereError:
        queue = info.config.retention == RetentionPolicy.WORK_QUEUE
        config = ConsumerConfig(
            durable_name=durable,
            filter_subject=place.subject,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=AGAIN_S,
            deliver_policy=DeliverPolicy.ALL if queue else DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=None if queue else stream.sequence + 1,
            max_ack_pending=10 * _MOST,
        )
        consumer = await _asked(place, jetstream.add_consumer(name, config))
    subscription = await _asked(place, jetstream.pull_subscribe_bind(durable=durable, stream=name))
    reached = consumer.delivered
    stood = (reached.stream_seq, reached.consumer_seq) if reached else (0, 0)
    return NatsFeed(
        client, place, messages, _At(jetstream, subscription, name, durable, origin, stream.sequence, *stood)
    )


async def _name(jetstream: JetStreamContext, place: _Place) -> str:
    if "stream" in place.options:
        return str(place.options["stream"])
    try:
        return await _asked(place, jetstream.find_stream_name_by_subject(place.subject))
    except _NotThereError:
        raise SourceError(
            f"no stream of {place.server} keeps the messages of {place.subject}",
            hint="make one with JetStream: messages that nobody keeps are gone when nobody listens",
        ) from None


async def _asked(place: _Place, answer: Awaitable[_T]) -> _T:
    try:
        return await answer
    except nats.js.errors.NotFoundError:
        raise _NotThereError(f"{place.server} has nothing of that name") from None
    except (nats.errors.Error, OSError, TimeoutError, AssertionError) as error:
        raise _explained(place, error) from None


def _explained(place: _Place, error: BaseException) -> SourceError:
    text = str(error).removeprefix("nats: ") or type(error).__name__
    return SourceError(f"{place.server} does not answer as it should: {text.splitlines()[0][:200]}")


async def _ended(client: nats.aio.client.Client) -> None:
    closing = asyncio.create_task(client.close())
    await asyncio.wait({closing}, timeout=_ANSWER_S)
    if closing.done() and not closing.cancelled():
        closing.exception()
    closing.cancel()


def _durable(stream: Stream) -> str:
    return f"fedpeer-{stream.id}"


def _is_subject(text: str) -> bool:
    return text.isprintable() and " " not in text and all(text.split("."))


def _secret(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(_SECRET_BYTES + 1)
    text = data.decode("utf-8", "replace").rstrip("\r\n")
    if not text or len(data) > _SECRET_BYTES or "\n" in text or "\0" in text:
        raise SourceError(f"{path} does not hold a secret: one line, of at most {_SECRET_BYTES} bytes")
    return text


def _context(ca: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca)
    except (ssl.SSLError, OSError):
        raise SourceError(f"{ca} is not a certificate in PEM") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
