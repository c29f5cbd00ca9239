"""Streams on a NATS server with JetStream, each message counted once.

1. The truth is the number up to which messages are stored here, with their rows. The consumer on the server has
   everything delivered in order and acknowledged after that, so that a stream which deletes what was acknowledged can.
2. What was delivered and not stored (we were killed, or the line broke) comes again late and out of order. So it is
   asked for by its number, before anything new, and thrown away when it comes again.
3. Deliveries are numbered without gaps. A gap says that something went to a line that is no more: begin again with 2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import nats.aio.client
import nats.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, RetentionPolicy

from fedpeer.adapters.jetlook import first, kept_subjects
from fedpeer.adapters.jetstream import (
    ANSWER_S,
    NotThereError,
    Place,
    asked,
    connected,
    ended,
    explained,
    opened,
    origin,
    stored,
    stream_name,
)
from fedpeer.adapters.messages import Messages, UnreadableError, sampled
from fedpeer.core.errors import SourceError
from fedpeer.core.peer.streams import Credential, Inlet, Stream
from fedpeer.core.statistics.schema import Schema
from fedpeer.ports import Gathered

GATHER_S = 1.0  # that messages are waited for, and that further ones are
SILENT_S = 10.0  # until it is asked whether there is still anything to hear
AGAIN_S = 30.0  # until the server tells again what was not acknowledged

_TOGETHER, _MOST, _MOST_BYTES = 100, 2_000, 4 << 20


@dataclass(frozen=True, slots=True)
class NatsFeeds:
    """Opens streams. `roots` are the directories that files with credentials may be under; none allows any.

    People are shown what is in messages only if there are such directories: as with files, it is for whoever set up
    the node to say that rows may be looked at.
    """

    roots: tuple[Path, ...] = ()

    def check(self, inlet: Inlet, schema: Schema) -> str:
        """Return the location as it may be shown and kept; SourceError if these options do not fit it."""
        Messages.of(schema, inlet.options)
        place = Place.of(inlet, self.roots)
        place.credential()
        return place.shown

    async def open(self, stream: Stream, schema: Schema, credential: Credential) -> NatsFeed:
        """Connect, find the stream, and go on after what was counted; SourceError."""
        place = self._place(stream, credential)
        messages = Messages.of(schema, place.options)
        client = await connected(place)
        try:
            return await _begun(client, place, messages, stream)
        except BaseException:
            await ended(client)
            raise

    async def forget(self, stream: Stream, credential: Credential) -> None:
        """Delete our consumer; SourceError."""
        async with opened(self._place(stream, credential)) as (place, jetstream):
            name = await stream_name(jetstream, place)
            await asked(place, jetstream.delete_consumer(name, _durable(stream)))

    async def stands(self, inlet: Inlet) -> tuple[str, int]:
        """Return what tells the stream from another one, and the number of its last message; SourceError."""
        async with opened(Place.of(inlet, self.roots)) as (place, jetstream):
            name = await stream_name(jetstream, place)
            info = await asked(place, jetstream.stream_info(name))
            if info.config.retention == RetentionPolicy.WORK_QUEUE:
                hint = "count it from its first message, or take out of it what is not to be counted"
                raise SourceError(f"the stream {name} is a queue, of which no message is passed over", hint=hint)
            return origin(name, info), info.state.last_seq

    async def subjects(self, inlet: Inlet) -> dict[str, int]:
        """Return the subjects that are kept, and how many messages of each; without one in the location, all."""
        self._need_roots()
        async with opened(Place.of(inlet, self.roots, subject=">")) as (place, jetstream):
            return await kept_subjects(place, jetstream)

    async def sample(self, inlet: Inlet, most: int) -> dict[str, list[Any]]:
        """Return the first rows that are kept of a subject, by column."""
        self._need_roots()
        async with opened(Place.of(inlet, self.roots)) as (place, jetstream):
            found = await first(place, jetstream, most)
            return await asyncio.to_thread(sampled, found, place.options, most)

    def _need_roots(self) -> None:
        if not self.roots:
            raise SourceError("data.roots names no directories, so no rows are shown", hint="docs/configuration.md")

    def _place(self, stream: Stream, credential: Credential) -> Place:
        return Place.of(Inlet(stream.location, msgspec.json.decode(stream.options), credential), self.roots)


class NatsFeed:
    """Messages of one subject, over one connection."""

    def __init__(self, client: nats.aio.client.Client, place: Place, messages: Messages, at: _At) -> None:
        """`at` is where it begins."""
        self._client, self._place, self._messages, self._at = client, place, messages, at
        self._open: list[Msg] = []
        self._next = at.deliveries + 1
        self._position = at.position
        self._heard_at = asyncio.get_running_loop().time()
        self._behind: int | None = None

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
        # Seconds for millions of bytes, in which nothing else would be answered.
        return await asyncio.to_thread(self._read, told)

    async def acknowledge(self, until: int) -> None:
        """Acknowledge what was delivered up to this number."""
        done = [message for message in self._open if message.metadata.sequence.stream <= until]
        self._open = [message for message in self._open if message.metadata.sequence.stream > until]
        for message in done:
            await asked(self._place, message.ack())
        if done:
            await asked(self._place, self._client.flush())

    async def close(self) -> None:
        """Hang up."""
        await ended(self._client)

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
        return await stored(self._place, self._at.jetstream, self._at.name, number)

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
                self._behind = data.num_pending
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
            await asked(self._place, self._at.jetstream.consumer_info(self._at.name, self._at.durable))
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
            raise explained(self._place, error) from None

    def _read(self, told: Iterable[tuple[int, bytes, float]]) -> Gathered:
        rows, faults, last, moment, count = list[list[Any]](), dict[str, int](), 0, 0.0, 0
        for number, body, at in told:
            last, moment, count = number, at, count + 1
            try:
                rows += self._messages.read(body)
            except UnreadableError as error:
                faults[str(error)] = faults.get(str(error), 0) + 1
        columns = {name: [row[i] for row in rows] for i, name in enumerate(self._messages.wanted)}
        return Gathered(last, count, int(moment), columns, faults, self._behind)


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


async def _begun(client: nats.aio.client.Client, place: Place, messages: Messages, stream: Stream) -> NatsFeed:
    jetstream = client.jetstream(timeout=ANSWER_S)
    name = await stream_name(jetstream, place)
    info = await asked(place, jetstream.stream_info(name))
    began = origin(name, info)
    if stream.origin not in ("", began) or info.state.last_seq < stream.sequence:
        raise SourceError(
            f"the stream {name} was made anew since {stream.messages} messages of it were counted",
            hint="begin anew with --force, if it holds none of those that were counted",
        )
    durable = _durable(stream)
    try:
        consumer = await asked(place, jetstream.consumer_info(name, durable))
    except NotThereError:
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
        consumer = await asked(place, jetstream.add_consumer(name, config))
    subscription = await asked(place, jetstream.pull_subscribe_bind(durable=durable, stream=name))
    reached = consumer.delivered
    stood = (reached.stream_seq, reached.consumer_seq) if reached else (0, 0)
    return NatsFeed(
        client, place, messages, _At(jetstream, subscription, name, durable, began, stream.sequence, *stood)
    )


def _durable(stream: Stream) -> str:
    return f"fedpeer-{stream.id}"
