"""The timeline and what is counted from it."""

from __future__ import annotations

import msgspec

from fedpeer.api.bodies import LogQuery, Nothing, Page
from fedpeer.api.call import Call
from fedpeer.node.shapes import LogPage, SyncStats


class Cleared(msgspec.Struct, frozen=True):
    """How many entries there were."""

    cleared: int


async def whole(call: Call[Nothing, LogQuery]) -> LogPage:
    """A page of everything that happened on this node: in its federations, and to its users and sources."""
    query = call.query
    return call.node.log(
        "", listed(query.kinds), listed(query.levels), after=query.after, before=query.before, limit=query.limit
    )


async def timeline(call: Call[Nothing, LogQuery]) -> LogPage:
    """A page of everything that happened."""
    query = call.query
    return call.node.log(
        call.fed, listed(query.kinds), listed(query.levels), after=query.after, before=query.before, limit=query.limit
    )


async def sync(call: Call[Nothing, Page]) -> LogPage:
    """A page of what was sent and received."""
    query = call.query
    return call.node.sync_log(call.fed, after=query.after, before=query.before, limit=query.limit)


async def errors(call: Call[Nothing, Page]) -> LogPage:
    """A page of what went wrong."""
    query = call.query
    return call.node.error_log(call.fed, after=query.after, before=query.before, limit=query.limit)


async def clear(call: Call[Nothing, Nothing]) -> Cleared:
    """Forget the error log; the statistics keep their numbers."""
    return Cleared(await call.node.clear_errors(call.fed))


async def stats(call: Call[Nothing, Nothing]) -> SyncStats:
    """Counters of the federation's traffic."""
    return call.node.stats(call.fed)


def listed(text: str) -> tuple[str, ...]:
    """The parts of a list with commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
