"""Server-sent events: as they happen, again after a break, and an end for everyone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import msgspec
import pytest

from fedpeer.api.call import SERVED, Limits
from fedpeer.node.shapes import LogEntry
from tests.support.served import CONTRACT, SCHEMA, VIEWER, MovableClock, Served, memory_broker, node_on, serving

FED = "/v1/federations/hearts"


class Listener:
    """Reads events as a browser would."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer

    async def frame(self) -> dict[str, str]:
        """The next event, or comment, by its fields."""
        async with asyncio.timeout(60):
            block = await self.answer.content.readuntil(b"\n\n")
        lines = [line.partition(": ") for line in block.decode().strip().splitlines()]
        return {name: value for name, _, value in lines}

    async def entry(self) -> LogEntry:
        """The next entry, past comments and what the bus says."""
        while True:
            while "data" not in (frame := await self.frame()):
                pass
            entry = msgspec.json.decode(frame["data"], type=LogEntry)
            assert frame.get("id", "0") == str(entry.id)
            if entry.kind != "bus":
                return entry


@asynccontextmanager
async def listening(served: Served, query: str = "", **headers: str) -> AsyncIterator[Listener]:
    told = {"Authorization": f"Bearer {VIEWER}", **{k.replace("_", "-"): v for k, v in headers.items()}}
    async with served.session.get(f"{served.url}/v1/events{query}", headers=told) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["Cache-Control"] == "no-store"
        listener = Listener(answer)
        assert await listener.frame() == {"retry": "2000"}
        yield listener


async def test_entries_arrive_as_they_happen(founded: Served) -> None:
    async with listening(founded) as one, listening(founded, "?federation=hearts") as two:
        await founded.good("PUT", f"{FED}/schedule", {"schedule": "h3"})
        for listener in (one, two):
            assert "h3" in (await listener.entry()).text


async def test_only_the_federation_that_was_asked_for(founded: Served) -> None:
    await founded.good("POST", "/v1/federations", {"name": "lungs", "schema": SCHEMA, "contract": CONTRACT})
    async with listening(founded, "?federation=lungs") as listener:
        await founded.good("PUT", f"{FED}/schedule", {"schedule": "h3"})
        await founded.good("PUT", "/v1/federations/lungs/schedule", {"schedule": "h4"})
        assert "h4" in (await listener.entry()).text


async def test_nothing_is_lost_or_repeated_after_a_break(founded: Served) -> None:
    for hours in range(1, 6):
        await founded.good("PUT", f"{FED}/schedule", {"schedule": f"h{hours}"})
    whole = (await founded.good("GET", f"{FED}/log?limit=1000"))["entries"][::-1]
    whole = [entry for entry in whole if entry["kind"] != "bus"]
    last = whole[1]["id"]
    async with listening(founded, Last_Event_ID=str(last)) as one, listening(founded, f"?after={last}") as two:
        await founded.good("PUT", f"{FED}/schedule", {"schedule": "h9"})
        for listener in (one, two):
            again = [await listener.entry() for _ in whole[2:]]
            assert [entry.id for entry in again] == [entry["id"] for entry in whole[2:]]
            assert "h9" in (await listener.entry()).text


async def test_a_quiet_stream_is_pinged() -> None:
    clock = MovableClock()
    limits = replace(Limits(), ping_s=0.05)
    async with (
        node_on(memory_broker(), clock, "n") as node,
        serving(node, clock, limits=limits) as served,
        listening(served) as listener,
    ):
        for _ in range(2):
            assert await listener.frame() == {"": "ping"}


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("?federation=nobody", {}, 404),
        ("", {"Last-Event-ID": "x"}, 400),
        ("", {"Last-Event-ID": "9" * 40}, 400),
        ("?after=-1", {}, 400),
    ],
)
async def test_what_cannot_be_followed_is_refused(
    founded: Served, query: str, headers: dict[str, str], status: int
) -> None:
    assert (await founded.ask("GET", f"/v1/events{query}", headers=headers))[0] == status


async def test_listeners_have_a_limit_and_leave_nothing() -> None:
    clock = MovableClock()
    limits = replace(Limits(), streams=2)
    async with node_on(memory_broker(), clock, "n") as node, serving(node, clock, limits=limits) as served:
        async with listening(served), listening(served):
            status, told, _ = await served.ask("GET", "/v1/events")
            assert (status, told["code"]) == (429, "FP137")
        async with asyncio.timeout(60):
            # A listener that left is noticed at the next write: give the streams something to write.
            while served.app[SERVED].streams:
                await served.ask("POST", "/v1/federations", {"name": "x", "schema": SCHEMA, "contract": CONTRACT})


async def test_a_node_that_stops_lets_its_listeners_go(founded: Served) -> None:
    async with listening(founded) as listener:
        founded.app[SERVED].closing.set()
        frame = await listener.frame()
        assert frame["event"] == "end"
        assert "id" not in frame
        assert msgspec.json.decode(frame["data"], type=LogEntry).kind == "node"
        assert await listener.answer.content.read() == b""


class _Ending:
    """A node whose watch ends after one entry."""

    def __init__(self, node: Any) -> None:
        self._node = node

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    async def watch(self) -> AsyncIterator[LogEntry]:
        yield LogEntry(id=5, at=0.0, federation="", kind="node", level="info", text="one", peer="", pulse=0, data={})


async def test_a_watch_that_ends_ends_the_stream(served: Served) -> None:
    object.__setattr__(served.app[SERVED], "node", _Ending(served.node))
    async with listening(served) as listener:
        assert (await listener.entry()).text == "one"
        assert (await listener.frame())["event"] == "end"
        assert await listener.answer.content.read() == b""
