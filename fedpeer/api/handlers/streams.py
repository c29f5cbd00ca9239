"""Subjects whose messages are counted as they come."""

from __future__ import annotations

from fedpeer.api.bodies import Nothing, RunStream, StartStream
from fedpeer.api.call import Call
from fedpeer.node.shapes import Stream


async def every(call: Call[Nothing, Nothing]) -> list[Stream]:
    """The streams that are, or were, listened to, and what came of their messages."""
    return call.node.streams(call.fed)


async def start(call: Call[StartStream, Nothing]) -> Stream:
    """Count the messages of a subject from now on, where that was left if it was listened to before."""
    body = call.body
    return await call.node.start_stream(call.fed, body.location, options=body.options, force=body.force)


async def run(call: Call[RunStream, Nothing]) -> Stream:
    """Listen to a stream again where it was left, or no more; what was counted stays."""
    return await call.node.run_stream(call.fed, call.named("stream"), running=call.body.running)


async def forget(call: Call[Nothing, Nothing]) -> Stream:
    """Forget a stream and how far it was counted; what was counted stays."""
    return await call.node.forget_stream(call.fed, call.named("stream"))
