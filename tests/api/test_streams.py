"""Streams through the API: begun, listed, stopped, gone on with, forgotten. Listening itself is tested on a server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fedpeer.adapters.feed_nats import NatsFeeds
from fedpeer.core.peer.streams import Credential, Inlet, Stream
from tests.support.served import CONTRACT, SCHEMA, VIEWER, Served

FED = "/v1/federations/hearts"
PLACE = "nats://localhost:4222/vitals.%3E"


class Absent(NatsFeeds):
    """Streams of a server that is not there."""

    async def forget(self, stream: Stream, credential: Credential) -> None:
        return None


class Shown(Absent):
    """The same, of which something is seen."""

    async def subjects(self, inlet: Inlet) -> dict[str, int]:
        assert (inlet.location, inlet.credential.token) == ("nats://localhost", "sesame")
        return {"vitals.a": 3}

    async def sample(self, inlet: Inlet, most: int) -> dict[str, list[Any]]:
        return {"age": [61], "more": [{"a": [1]}]}


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


async def test_what_a_server_has_is_shown_to_operators(listening: Served, tmp_path: Path) -> None:
    status, problem, _ = await listening.ask("POST", "/v1/streams/browse", {"location": "nats://127.0.0.1:9"})
    assert (status, "names no directories" in problem["detail"]) == (422, True)
    listening.node._means = replace(listening.node._means, feeds=Shown((tmp_path,)))
    place = {"location": "nats://localhost", "credential": {"token": "sesame"}}
    assert await listening.good("POST", "/v1/streams/browse", place) == [{"subject": "vitals.a", "messages": 3}]
    sample = await listening.good("POST", "/v1/streams/preview", place | {"location": PLACE, "rows": 1})
    assert sample == {"columns": ["age", "more"], "rows": [[61, '{"a":[1]}']]}
    for what in ("browse", "preview"):
        assert (await listening.ask("POST", f"/v1/streams/{what}", place, token=VIEWER))[0] == 403
    assert (await listening.ask("POST", "/v1/streams/preview", place | {"rows": 129}))[0] == 400


async def test_a_stream_has_a_name_a_log_and_a_credential_that_nobody_sees(listening: Served) -> None:
    stream = await begun(listening, name="beds", credential={"user": "me", "password": "sesame"})
    assert stream["name"] == "beds"
    assert await listening.good("GET", f"{FED}/streams/beds") == stream
    stopped = await listening.good("PUT", f"{FED}/streams/beds", {"running": False})
    assert (stopped["state"], stopped["id"]) == ("stopped", stream["id"])
    assert await listening.good("PUT", f"{FED}/streams/beds", {"running": True}) == stream
    assert await listening.good("PUT", f"{FED}/streams/beds", {"running": True}) == stream
    log = await listening.good("GET", f"{FED}/streams/beds/log?levels=info")
    places = ["listens to {}", "listens to {} no more", "listens to {}"]
    assert [e["text"] for e in log["entries"]] == [text.format(stream["location"]) for text in places]
    assert (await listening.good("GET", f"{FED}/streams/beds/log?levels=error"))["entries"] == []
    other = {"location": "nats://localhost/b", "name": "beds"}
    status, problem, _ = await listening.ask("POST", f"{FED}/streams", other)
    assert (status, problem["detail"]) == (409, "there is a stream beds already")
    assert "sesame" not in str([stream, log, await listening.good("GET", f"{FED}/log")])
    assert list(listening.node.credentials.values()) == [Credential("me", "sesame")]
    await listening.good("DELETE", f"{FED}/streams/beds?forget=true")
    assert listening.node.credentials == {}


async def test_unknown_streams_and_nodes_that_cannot_listen(listening: Served) -> None:
    status, problem, _ = await listening.ask("DELETE", f"{FED}/streams/abc")
    assert (status, problem["code"]) == (404, "FP110")
    listening.node._means = replace(listening.node._means, feeds=None)
    status, problem, _ = await listening.ask("POST", f"{FED}/streams", {"location": PLACE})
    assert (status, "no streams" in problem["detail"]) == (400, True)
