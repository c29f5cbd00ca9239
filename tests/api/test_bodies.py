"""Bodies over the wire: how long, how slow, in what form."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest

from fedpeer.api import app
from fedpeer.api.call import Limits
from fedpeer.core.statistics.schema import Schema
from tests.support.served import ADMIN, CONTRACT, SCHEMA, MovableClock, Served, memory_broker, node_on, serving
from tests.support.symetry import Caller

SMALL = replace(Limits(), body=2_000, upload=20_000, failures=1000)
HEADERS = {"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json"}


@pytest.fixture
async def small() -> AsyncIterator[Served]:
    clock = MovableClock()
    async with node_on(memory_broker(), clock, "north") as node, serving(node, clock, limits=SMALL) as served:
        await node.create("x", Schema.from_dict(SCHEMA), CONTRACT, "h1", display="north")
        yield served


@pytest.mark.parametrize(
    ("path", "size", "code"),
    [
        ("/v1/federations", 1_900, "FP118"),
        ("/v1/federations", 2_100, "FP133"),
        ("/v1/federations", 30_000_000, "FP133"),
        ("/v1/federations/x/data/rows", 19_000, "FP118"),
        ("/v1/federations/x/data/rows", 21_000, "FP133"),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_has_a_limit(small: Served, path: str, size: int, code: str, *, chunked: bool) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, size, 65_536):
            yield b"x" * min(65_536, size - start)

    data = parts() if chunked else io.BytesIO(b"x" * size)
    try:
        async with small.session.post(small.url + path, data=data, headers=HEADERS) as answer:
            told = await answer.json(content_type=None)
    except aiohttp.ClientError:
        assert size > 1_000_000, "the server may close on a body that goes on and on"
        return
    assert answer.status == (413 if code == "FP133" else 400)
    assert told["code"] == code


@pytest.mark.parametrize(
    ("cid", "rest", "size", "status"),
    [
        ("c1", "/fedml/create", 1_900, 400),
        ("c1", "/fedml/create", 2_100, 413),
        ("c1", "/projects/x/learn", 19_000, 400),
        ("c1", "/projects/x/learn", 21_000, 413),
        ("stranger", "/projects/x/learn", 1_900, 401),
        ("stranger", "/projects/x/learn", 2_100, 413),
    ],
)
async def test_a_signed_body_has_a_limit_too(small: Served, cid: str, rest: str, size: int, status: int) -> None:
    caller = Caller(small.session, small.url, small.clock, cid=cid)
    got, told, _ = await caller.ask("POST", rest, "x" * (size - 2))
    assert got == status
    assert status != 413 or told["values"]["code"] == "FP133"


async def test_a_body_that_does_not_arrive_is_given_up() -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    clock, quick = MovableClock(), replace(SMALL, read_s=0.3)
    async with node_on(memory_broker(), clock, "north") as node, serving(node, clock, limits=quick) as served:
        async with served.session.post(served.url + "/v1/federations", data=parts(), headers=HEADERS) as answer:
            told = await answer.json(content_type=None)
        assert (answer.status, told["code"], answer.headers["Connection"]) == (408, "FP136", "close")


@pytest.mark.parametrize("said", [b"", b"GET /v1/health HT", b"GET /v1/health HTTP/1.1\r\nHost: loc"])
async def test_a_request_that_does_not_arrive_is_given_up(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "_IDLE_S", 0.2)
    clock = MovableClock()
    async with node_on(memory_broker(), clock, "north") as node, serving(node, clock) as served:
        host, port = served.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(said)
        async with asyncio.timeout(60):
            assert await reader.read() == b""
        writer.close()


async def test_a_body_that_is_cut_off_changes_nothing(small: Served) -> None:
    host, port = small.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /v1/federations HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {ADMIN}\r\n"
    writer.write(f'{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"name": "a"'.encode())
    writer.write_eof()
    assert await reader.read() in (b"", await _anything(reader))
    writer.close()
    assert len(await small.good("GET", "/v1/federations")) == 1


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip"])
async def test_compressed_bodies_are_refused_unopened(small: Served, encoding: str) -> None:
    headers = {**HEADERS, "Content-Encoding": encoding}
    async with small.session.post(small.url + "/v1/federations", data=b"\x1f\x8b", headers=headers) as answer:
        assert (answer.status, (await answer.json(content_type=None))["code"]) == (415, "FP134")


async def test_long_rows_are_read_off_the_loop() -> None:
    clock = MovableClock()
    async with node_on(memory_broker(), clock, "north") as node, serving(node, clock) as served:
        body = b'{"rows": {"age": [' + b"1," * 200_000 + b"1]}}"
        status, told, _ = await served.ask("POST", "/v1/federations/hearts/data/rows", body)
        assert (status, told["code"]) == (404, "FP110")


async def _anything(reader: asyncio.StreamReader) -> bytes:
    return await reader.read()
