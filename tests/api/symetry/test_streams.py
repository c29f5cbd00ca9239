"""Streams of the dialect on a real NATS server: begun, looked at, stopped, gone on with, deleted."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nats
import pytest

from fedpeer.adapters import feed_nats
from fedpeer.adapters.feed_nats import NatsFeeds
from fedpeer.node import streaming
from fedpeer.node.streaming import Streaming
from tests.support.nats import plain_server, until
from tests.support.served import SCHEMA, Served
from tests.support.symetry import Caller

pytestmark = pytest.mark.long


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[str]:
    config = f'jetstream {{ store_dir: "{tmp_path}/js" }}\nauthorization {{ user: me, password: sesame }}'
    async with plain_server(tmp_path / "nats", config) as address:
        yield address


@pytest.fixture
async def bus(server: str) -> AsyncIterator[Any]:
    client = await nats.connect(f"nats://{server}", user="me", password="sesame")
    await client.jetstream().add_stream(name="BEDS", subjects=["beds.>"])
    yield client.jetstream()
    await client.close()


@pytest.fixture
async def ward(served: Served, user: Caller, tmp_path: Path, monkeypatch: Any) -> AsyncIterator[Caller]:
    """A user with a project, at a node that listens and may show rows."""
    monkeypatch.setattr(feed_nats, "GATHER_S", 0.05)
    monkeypatch.setattr(streaming, "LOOKS_EVERY_S", 0.01)
    node = served.node
    node._means = replace(node._means, feeds=NatsFeeds((tmp_path,)))
    listener = Streaming(node, node._engine, served.clock)
    listener.start()
    await user.good("POST", "/projects", {"sml_schema": SCHEMA}, query="pid=ward")
    yield user
    await listener.close()


def info(server: str, subject: str = "beds.a", form: str = "json", **more: Any) -> dict[str, Any]:
    inner = {"nats_hosts": f"nats://{server}", "nats.subject": subject, "data.format": form}
    let_in = {"nats_sec_user": "me", "nats_sec_passwd": "sesame", "nats_req_timeout": "30"}
    return {"type": "nats", "name": "beds", "info": inner | let_in, **more}


async def publish(bus: Any, numbers: range, subject: str = "beds.a") -> None:
    for i in numbers:
        await bus.publish(subject, json.dumps({"age": 20 + i, "dose": 1.5, "sick": i % 2}).encode())


async def metrics(user: Caller, name: str = "beds") -> dict[str, str]:
    (found,) = (await user.good("GET", f"/projects/ward/streams/{name}/metrics"))["KSVSMap"]["values"]
    return dict(found)


async def learned(user: Caller, rows: int, name: str = "beds") -> None:
    async def there() -> bool:
        return (await metrics(user, name))["rows_learned"] == str(rows)

    await until(there)


async def test_a_stream_is_created_counted_stopped_started_and_deleted(server: str, bus: Any, ward: Caller) -> None:
    base = "/projects/ward/streams"
    await publish(bus, range(5))
    status, told, _ = await ward.ask("POST", f"{base}/create", info(server), query="fromBeginning=true", hidden=True)
    assert (status, told["statusCode"], told["statusString"]) == (201, "CREATED", "Stream Created with name:beds")
    await publish(bus, range(5, 30))
    await learned(ward, 30)
    assert await ward.bad("POST", f"{base}/create", info(server), status=409)
    assert (await ward.good("GET", f"{base}/list"))["stringList"]["values"] == ["beds"]
    assert (await ward.good("GET", "/projects/ward/info"))["smlInfo"]["dsList"] == [f"nats://{server}/beds.a"]
    await ward.good("GET", f"{base}/beds/stop")
    assert (await metrics(ward))["status"] == "stopped"
    await publish(bus, range(30, 40))
    await ward.good("GET", f"{base}/beds/start")
    await bus.publish("beds.a", b"secret, and not JSON")
    await learned(ward, 40)
    await until(lambda: _wrong(ward))
    (line,) = (await ward.good("GET", f"{base}/beds/errorLog"))["stringList"]["values"]
    assert "1 not JSON" in line
    assert "secret" not in line
    await ward.good("GET", f"{base}/beds/start", query="fromBeginning=true")
    await learned(ward, 40)
    await ward.good("DELETE", f"{base}/beds")
    assert (await ward.good("GET", f"{base}/list"))["stringList"]["values"] == []
    assert await ward.bad("GET", f"{base}/beds/metrics") == "Cannot Find Stream id[beds] in SYMETRYML id[ward]"
    rows = (await ward.good("GET", "/projects/ward/info"))["smlInfo"]["params"]["sml_rows"]
    assert rows == "80"


async def _wrong(user: Caller) -> bool:
    lines = (await user.good("GET", "/projects/ward/streams/beds/errorLog"))["stringList"]["values"]
    return bool(lines != ["no error"])


async def test_without_from_beginning_a_stream_is_what_comes(server: str, bus: Any, ward: Caller) -> None:
    await publish(bus, range(5))
    told = info(server, form="csv", subject="beds.csv")
    await ward.good("POST", "/projects/ward/streams/create", told | {"extra": {"delimiter": ";"}})
    await ward.good("POST", "/projects/ward/streams/create", info(server) | {"name": "json"})
    await bus.publish("beds.csv", b"30;1.5;1\n31;2;0\n")
    await publish(bus, range(3))
    await learned(ward, 2)
    await learned(ward, 3, "json")
    lines = (await ward.good("GET", "/projects/ward/streams/json/errorLog"))["stringList"]["values"]
    assert lines == ["no error"]


async def test_subjects_are_browsed_and_a_preview_counts_nothing(server: str, bus: Any, ward: Caller) -> None:
    await publish(bus, range(3))
    for place in ("", "/projects/ward"):
        told = {**info(server), "info": {k: v for k, v in info(server)["info"].items() if k != "nats.subject"}}
        listing = (await ward.good("POST", f"{place}/streams/browse", told))["dsdirectoryListing"]
        assert (listing["ok"], listing["files"], listing["dirs"]) == (True, ["beds.a:3"], [])
        frame = (await ward.good("POST", f"{place}/streams/preview", info(server)))["dataframe"]
        assert frame["attributeNames"] == ["age", "dose", "sick"]
        assert frame["data"] == [["20", "1.5", "0"], ["21", "1.5", "1"], ["22", "1.5", "0"]]
    assert (await bus.stream_info("BEDS")).state.consumer_count == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"type": "kafka", "info": {"bootstrap.servers": "b:9092", "kafka.topic": "t"}}, "Kafka is not read"),
        ({"type": "s3"}, "it is nats"),
        ({"name": ""}, "name is missing"),
        ({"name": "a b"}, "1 to 64 of the letters"),
        ({"info": {"data.format": "protobuf", "protobuf.schema": "x"}}, "protobuf is not read"),
        ({"info": {"nats_hosts": "nats://localhost", "nats.subject": "a", "data.format": "xml"}}, "json or csv"),
        ({"info": {"nats_hosts": "nats://localhost", "nats.subject": "a"}}, "data.format is missing"),
        ({"info": {"nats_hosts": "nats://localhost", "data.format": "json"}}, "nats.subject is missing"),
        ({"info": {"nats.subject": "a", "data.format": "json"}}, "nats_hosts is missing"),
        ({"info": {"nats_hosts": "a:1,b:2", "nats.subject": "a", "data.format": "json"}}, "several servers"),
        ({"info": {"nats_hosts": "db.example.org", "nats.subject": "a", "data.format": "json"}}, "in clear"),
        ({"info": {"nats_subject": "a"}}, "is not a key of a stream"),
        ({"extra": {"creds_file": "/etc/shadow"}}, "/etc/shadow"),
    ],
)
async def test_what_is_no_stream_is_refused(ward: Caller, change: dict[str, Any], says: str) -> None:
    body = info("localhost:1") | change
    assert says in await ward.bad("POST", "/projects/ward/streams/create", body, query="fromBeginning=true")
