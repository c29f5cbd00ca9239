"""Subjects whose messages are counted as they come, and a look at what a server has."""

from __future__ import annotations

from fedpeer.api.bodies import LevelQuery, Nothing
from fedpeer.api.call import Call
from fedpeer.api.handlers.logs import listed
from fedpeer.api.inlets import LookAtStream, PreviewStream, SetStream, StartStream, StopStream
from fedpeer.core.peer.streams import Inlet
from fedpeer.node.origins import Begin, Sample, Stream, Subject
from fedpeer.node.shapes import LogPage


async def every(call: Call[Nothing, Nothing]) -> list[Stream]:
    """The streams that are, or were, listened to, and what came of their messages."""
    return call.node.streams(call.fed)


async def one(call: Call[Nothing, Nothing]) -> Stream:
    """One of them, by its name, its id or a beginning of that."""
    return call.node.stream(call.fed, call.named("stream"))


async def start(call: Call[StartStream, Nothing]) -> Stream:
    """Count the messages of a subject from now on, where that was left if it was listened to before."""
    body = call.body
    begin = Begin(body.location, body.options, body.credential.credential, body.name, body.since == "new")
    return await call.node.start_stream(call.fed, begin, force=body.force)


async def change(call: Call[SetStream, Nothing]) -> Stream:
    """Listen to a stream that is known again, where that was left, or no more."""
    body = call.body
    return await call.node.set_stream(call.fed, call.named("stream"), running=body.running, force=body.force)


async def stop(call: Call[Nothing, StopStream]) -> Stream:
    """Listen to a stream no more; what was counted stays. With `forget`, nothing is known of it afterwards."""
    if call.query.forget:
        return await call.node.forget_stream(call.fed, call.named("stream"))
    return await call.node.set_stream(call.fed, call.named("stream"), running=False)


async def log(call: Call[Nothing, LevelQuery]) -> LogPage:
    """A page of what happened to a stream."""
    query, levels = call.query, listed(call.query.levels)
    return call.node.stream_log(
        call.fed, call.named("stream"), levels, after=query.after, before=query.before, limit=query.limit
    )


async def browse(call: Call[LookAtStream, Nothing]) -> list[Subject]:
    """The subjects that a server keeps messages of; needs `data.roots`, as all that shows what may be in rows."""
    return await call.node.browse_streams(_inlet(call.body))


async def preview(call: Call[PreviewStream, Nothing]) -> Sample:
    """The first rows in the messages of a subject, which are not counted; needs `data.roots`."""
    return await call.node.preview_stream(_inlet(call.body), call.body.rows)


def _inlet(body: LookAtStream) -> Inlet:
    return Inlet(body.location, body.options, body.credential.credential)
