"""Streams through the API: begun, listed, stopped, gone on with, forgotten. Listening itself is tested on a server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fedpeer.adapters.feed_nats import NatsFeeds
from fedpeer.core.peer.streams import Stream
from tests.support.served import CONTRACT, SCHEMA, Served

FED = "/v1/federations/hearts"
PLACE = "nats://localhost:4222/vitals.%3E"


class Absent(NatsFeeds):
    """Streams of a server that is not there."""

    async def forget(self, stream: Stream) -> None:
        return None


@pytest.fixture
async def listening(served: Served) -> Served:
    told = {"name": "hearts", "schema": SCHEMA, "contract": CONTRACT, "schedule": "d7", "profile": "relaxed"}
    await served.good("POST", "/v1/federations", told)
    served.node._means = replace(served.node._means, feeds=Absent())
    return served


async def begun(served: Served, **more: Any) -> dict[str, Any]:
    return await served.good("POST", f"{FED}/streams", {"location": PLACE, **more})


async def test_a_stream_is_begun_stopped_gone_on_with_and_forgotten(listening: Served) -> None:
    stream = await begun(listening, options={"map": {"Alter": "age"}})
    assert (stream["location"], stream["state"]) == ("nats://localhost:4222/vitals.>", "connecting")
    assert (stream["messages"], stream["rows"], stream["last_at"], stream["unreadable"]) == (0, 0, 0.0, {})
    assert await listening.good("GET", f"{FED}/streams") == [stream]
    status, problem, _ = await listening.ask("POST", f"{FED}/streams", {"location": PLACE})
    assert (status, problem["code"]) == (409, "FP112")
    stopped = await listening.good("DELETE", f"{FED}/streams/{stream['id'][:5]}")
    assert stopped == stream | {"state": "stopped"}
    assert await listening.good("DELETE", f"{FED}/streams/{stream['id']}") == stopped
    again = await begun(listening)
    assert again == stream | {"options": {}}
    anew = await begun(listening, force=True)
    assert anew["id"] != stream["id"]
    assert [each["id"] for each in await listening.good("GET", f"{FED}/streams")] == [anew["id"]]
    await listening.good("DELETE", f"{FED}/streams/{anew['id']}?forget=true")
    assert await listening.good("GET", f"{FED}/streams") == []
    texts = [entry["text"] for entry in (await listening.good("GET", f"{FED}/log"))["entries"]]
    assert sum("vitals" in text for text in texts) == 5


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"location": "nats://me:secret@localhost/a"}, "must not hold a password"),
        ({"location": "nats://localhost/a", "options": {"format": "xml"}}, "cannot be"),
        ({"location": "file:///etc/passwd"}, "is no subject"),
    ],
)
async def test_what_cannot_be_listened_to_is_the_requests_fault(
    listening: Served, body: dict[str, Any], says: str
) -> None:
    status, problem, _ = await listening.ask("POST", f"{FED}/streams", body)
    assert 400 <= status < 500
    assert says in problem["detail"]
    assert "secret" not in str(problem)


async def test_unknown_streams_and_nodes_that_cannot_listen(listening: Served) -> None:
    status, problem, _ = await listening.ask("DELETE", f"{FED}/streams/abc")
    assert (status, problem["code"]) == (404, "FP110")
    listening.node._means = replace(listening.node._means, feeds=None)
    status, problem, _ = await listening.ask("POST", f"{FED}/streams", {"location": PLACE})
    assert (status, "no streams" in problem["detail"]) == (400, True)
