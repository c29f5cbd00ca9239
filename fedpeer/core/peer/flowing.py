"""What becomes of a set of streams, in a membership as in a project: begun, stopped, gone on with, counted further."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from fedpeer.core.errors import DuplicateError, StateError, UnknownError
from fedpeer.core.peer.streams import Flow, Stream

Streams = Mapping[str, Stream]


def begun(streams: Streams, stream: Stream, *, anew: bool) -> tuple[Streams, Stream]:
    """The streams when this is listened to, and it: one of its location is gone on with, or begun `anew`."""
    twin = next((each for each in streams.values() if each.location == stream.location), None)
    rest = {key: each for key, each in streams.items() if each is not twin}
    if twin is not None:
        if twin.running and not anew:
            raise DuplicateError(f"{stream.location} is listened to already, as stream {twin.id}")
        name = stream.name or twin.name
        stream = replace(stream if anew else twin, options=stream.options, running=True, name=name)
    if stream.name and any(each.name == stream.name for each in rest.values()):
        raise DuplicateError(f"there is a stream {stream.name} already")
    return {**rest, stream.id: stream}, stream


def stopped(streams: Streams, stream: str) -> tuple[Streams, Stream]:
    """The streams when this is not listened to any more, and it."""
    after = replace(known(streams, stream), running=False)
    return {**streams, after.id: after}, after


def known(streams: Streams, stream: str) -> Stream:
    """A stream by its id; UnknownError."""
    found = streams.get(stream)
    if found is None:
        raise UnknownError(f"there is no stream {stream}")
    return found


def expecting(streams: Streams, flow: Flow) -> Stream:
    """The stream whose next messages these are; DuplicateError if they were counted, StateError if nobody listens."""
    stream = streams.get(flow.stream)
    if stream is None or not stream.running:
        raise StateError(f"stream {flow.stream} is not listened to any more")
    if stream.sequence != flow.since or flow.until <= flow.since:
        raise DuplicateError(f"{stream.location} is counted up to message {stream.sequence}, not {flow.since}")
    return stream


def unread(stream: Stream) -> str:
    """What people are told of messages that cannot be read."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(stream.faults.items()))
    return f"messages of {stream.location} cannot be read and are passed over, by now: {reasons}"


def without(streams: Streams, stream: str) -> tuple[Streams, Stream]:
    """The streams when nothing is known of this one any more, and it."""
    gone = known(streams, stream)
    return {key: each for key, each in streams.items() if each is not gone}, gone
