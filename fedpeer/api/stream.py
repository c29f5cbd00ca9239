"""Server-sent events: the timeline as it grows, with nothing lost between two connections of one listener.

The order matters: the watch begins before the past is read, so that an entry of the moment in between is in one of
the two; those in both are told apart by their id and sent once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec
from aiohttp import web

from fedpeer.api.bodies import EventQuery, Nothing
from fedpeer.api.call import Call, Served
from fedpeer.api.faults import ThrottledError
from fedpeer.api.node import Node
from fedpeer.core.errors import RequestError
from fedpeer.node.shapes import LogEntry

_PAGE = 500
_PAST = 10_000  # entries that one connection may ask for again
_LATE = "this listener was too slow, or the node stops: connect again with the header Last-Event-ID"
_GAP = f"more than {_PAST} entries were missed: read the older ones from the log"


async def events(call: Call[Nothing, EventQuery]) -> web.StreamResponse:
    """Tell entries until the client goes, the node stops or the client reads too slowly."""
    served = call.served
    if len(served.streams) >= served.limits.streams:
        raise ThrottledError(f"{served.limits.streams} listeners are connected already")
    fed = call.node.federation(call.query.federation).id if call.query.federation else ""
    since = _since(call)
    ended = asyncio.get_running_loop().create_future()
    served.streams.add(ended)
    try:
        return await _told(call, fed, since)
    finally:
        served.streams.discard(ended)
        ended.set_result(None)


async def _told(call: Call[Nothing, EventQuery], fed: str, since: int | None) -> web.StreamResponse:
    served, reader = call.served, _Reader(call.node.watch())
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    try:
        await asyncio.sleep(0)  # the watch begins with the reader's first step
        past = _past(call.node, fed, since) if since is not None else []
        await response.prepare(call.request)
        await _write(served, response, b"retry: 2000\n\n")
        last = since or 0
        for entry in past:
            await _write(served, response, _frame(entry))
            last = max(last, entry.id)
        await _live(served, response, reader, _Wanted(fed, last))
    except ConnectionError:
        pass  # the listener left, which is how most streams end
    finally:
        await reader.close()
    return response


class _Wanted(msgspec.Struct, frozen=True):
    """Entries of one federation ("": all) that were not sent yet."""

    federation: str
    last: int

    def takes(self, entry: LogEntry) -> bool:
        return entry.id > self.last and self.federation in ("", entry.federation)


class _Reader:
    """Reads a watch one entry ahead, so that waiting for it can be given up without losing any."""

    def __init__(self, watch: AsyncIterator[LogEntry]) -> None:
        self._watch = watch
        self._ahead: asyncio.Future[LogEntry] = asyncio.ensure_future(anext(watch))

    async def entry(self, closing: asyncio.Event, patience_s: float) -> LogEntry | None:
        """Return the next entry, None when there is none yet; StopAsyncIteration at the end."""
        stop = asyncio.ensure_future(closing.wait())
        both: set[asyncio.Future[Any]] = {self._ahead, stop}
        await asyncio.wait(both, timeout=patience_s, return_when="FIRST_COMPLETED")
        stop.cancel()
        if not self._ahead.done():
            return None
        entry = self._ahead.result()
        self._ahead = asyncio.ensure_future(anext(self._watch))
        return entry

    async def close(self) -> None:
        """End the watch: its pending step first, or a generator would refuse to be closed."""
        self._ahead.cancel()
        await asyncio.wait({self._ahead})
        if not self._ahead.cancelled():
            self._ahead.exception()
        if isinstance(self._watch, AsyncGenerator):
            await self._watch.aclose()


async def _live(served: Served, response: web.StreamResponse, reader: _Reader, wanted: _Wanted) -> None:
    while not served.closing.is_set():
        try:
            entry = await reader.entry(served.closing, served.limits.ping_s)
        except StopAsyncIteration:
            break
        if entry is None and not served.closing.is_set():
            await _write(served, response, b": ping\n\n")
        elif entry is not None and wanted.takes(entry):
            await _write(served, response, _frame(entry))
    await _write(served, response, _frame(_notice(_LATE), name="end"))


async def _write(served: Served, response: web.StreamResponse, frame: bytes) -> None:
    """Write a frame; a client that does not read for the length of a read timeout is let go."""
    try:
        async with asyncio.timeout(served.limits.read_s):
            await response.write(frame)
    except TimeoutError:
        raise ConnectionResetError("the listener does not read") from None


def _past(node: Node, fed: str, since: int) -> list[LogEntry]:
    """What came after an entry, oldest first."""
    found: list[LogEntry] = []
    before = 0
    while len(found) <= _PAST:
        page = node.log(fed, after=since, before=before, limit=_PAGE)
        found += page.entries
        before = page.next
        if not before:
            return found[::-1]
    return [_notice(_GAP), *found[:_PAST][::-1]]


def _since(call: Call[Nothing, EventQuery]) -> int | None:
    text = call.request.headers.get("Last-Event-ID", "").strip()
    if not text:
        return call.query.after or None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise RequestError("the header Last-Event-ID is not the number of an entry")
    return int(text)


def _frame(entry: LogEntry, *, name: str = "") -> bytes:
    """One event. A notice has no id, so that a browser does not take it for its place in the timeline."""
    head = f"id: {entry.id}\n" if entry.id else ""
    event = f"event: {name}\n" if name else ""
    return f"{head}{event}data: ".encode() + msgspec.json.encode(entry) + b"\n\n"


def _notice(text: str) -> LogEntry:
    return LogEntry(id=0, at=0.0, federation="", kind="node", level="warning", text=text, peer="", pulse=0, data={})
