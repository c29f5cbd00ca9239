"""Subjects whose messages are counted as they come."""

from __future__ import annotations

from fedpeer.api.bodies import Nothing, StartStream, StopStream
from fedpeer.api.call import Call
from fedpeer.node.origins import Stream


async def every(call: Call[Nothing, Nothing]) -> list[Stream]:
    """The streams that are, or were, listened to, and what came of their messages."""
    return call.node.streams(call.fed)


async def start(call: Call[StartStream, Nothing]) -> Stream:
    """Count the messages of a subject from now on, where that was left if it was listened to before."""
    body = call.body
    return await call.node.start_stream(call.fed, body.location, options=body.options, force=body.force)


async def stop(call: Call[Nothing, StopStream]) -> Stream:
    """Listen to a stream no more; what was counted stays. With `forget`, nothing is known of it afterwards."""
    if call.query.forget:
        return await call.node.forget_stream(call.fed, call.named("stream"))
    return await call.node.stop_stream(call.fed, call.named("stream"))
