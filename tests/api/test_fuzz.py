"""Hostile requests: whatever comes, no server error, no hang, one shape, and nothing has changed."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import aiohttp
import pytest
import yarl

from fedpeer.api.routes import ROUTES
from fedpeer.api.symetry.routes import BASE, ENDPOINTS
from tests.support.served import ADMIN, KEY, SCHEMA, VIEWER, Served, key_text
from tests.support.symetry import Caller, encrypt

COUNT = 4_000
TOGETHER = 16

PARTS = [
    "hearts", "x", "..", "%2e%2e", "%2f", "%00", "a" * 500, "%ff", "%", "é", "%F0%9F%92%A9", "*", "{fed}", "0", "-1",
    "'; drop table", "\u202e", "a%0d%0aSet-Cookie:x", "null", " ", ".", "~", "%252e",
]  # fmt: skip
SCALARS = [
    "null", "true", "0", "-1", "1e400", "-0.0", "NaN", "Infinity", "1" * 400, '""', '"\\u0000"', '"\\ud800"', '"x"',
    '"' + "a" * 3000 + '"', "[]", "{}", "[[[[]]]]", '{"a":1,"a":2}', "[" * 50 + "]" * 50, '"s10"', '"hearts"', '"ols"',
    '["age"]', '{"age":[1,2]}', '[{"age":1}]', '"total"', '"block"', '"ROWS() > 1"', '"(((((((((((((((((((((("',
    "1e-400", "99999999999999999999", '"ROWS() > 1e999"', '"COUNT(\\"age"', '{"age":[null]}', '[{"":""}]',
]  # fmt: skip
QUERIES = [
    "", "?", "?wait=0.01", "?wait=1e9", "?wait=nan", "?limit=0", "?limit=1e3", "?after=x", "?before=-1", "?a=b&a=c",
    "?wait=%00", "?kinds=,,,", "?levels=x", "?reason=" + "a" * 2000, "?=", "?&&&", "?%ff=%ff", "?force=true", "?pid=p",
    "?newSchedule=h3", "?newSchedule=%F0%9F%92%A9", "?allowExplore=maybe", "?async=1", "?encrypted=",
    "?after=" + "9" * 40,
]  # fmt: skip
TYPES = ["application/json", "text/plain", "application/json; charset=utf-7", "", "a" * 300, "multipart/form-data"]
STRANGE = [
    {}, {"Origin": "null"}, {"Host": "evil"}, {"Content-Encoding": "gzip"}, {"Last-Event-ID": "0x1"},
    {"Accept": "text/html"}, {"X-HTTP-Method-Override": "DELETE"}, {"Range": "bytes=0-"}, {"Cookie": "a=b" * 500},
    {"Upgrade": "websocket", "Connection": "Upgrade"}, {"Expect": "200-maybe"}, {"Transfer-Encoding": "chunked"},
    {"Sec-Fetch-Site": "cross-site"}, {"If-None-Match": "*"}, {"Content-MD5": "AAAA"},
]  # fmt: skip
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "BREW"]
# A stream ends only when its listener leaves, and leaving is no answer: it has tests of its own.
PATHS = [r.path for r in ROUTES if not r.path.endswith("/events")] + [BASE + p.path for p in ENDPOINTS]
FIELDS = [
    *sorted({name for r in ROUTES if r.body for name in r.body.__struct_fields__}),
    "values", "attributeNames", "attributeTypes", "data", "fed_name", "sync_sched", "fed_schema", "passwd",
]  # fmt: skip


class Maker:
    """Makes requests by chance, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def path(self) -> str:
        path = self.chance.choice(PATHS)
        while "{" in path:
            head, _, rest = path.partition("{")
            part = self.chance.choice(["hearts", "c1", self.chance.choice(PARTS)]).replace("{", "%7B")
            path = head + yarl.URL.build(path="/" + part, encoded="%" in part).raw_path[1:] + rest.partition("}")[2]
        return path + (self.chance.choice(["/", "//", "/..", ";x"]) if self.chance.random() < 0.05 else "")

    def body(self) -> bytes | None:
        kind = self.chance.random()
        if kind < 0.15:
            return None
        if kind < 0.25:
            return self.chance.randbytes(self.chance.randrange(60))
        names = self.chance.sample(FIELDS, self.chance.randrange(6))
        text = "{" + ",".join(f'"{name}":{self.chance.choice(SCALARS)}' for name in names) + "}"
        if kind < 0.35:
            text = text[: self.chance.randrange(len(text) + 1)]
        return text.encode("utf-8", "surrogatepass")

    def headers(self) -> dict[str, str]:
        token = self.chance.choice([ADMIN, ADMIN, ADMIN, VIEWER, "x", ""])
        told = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        if self.chance.random() < 0.3:
            told["Content-Type"] = self.chance.choice(TYPES)
        if self.chance.random() < 0.2:
            told.update(self.chance.choice(STRANGE))
        return told


async def _fire(served: Served, maker: Maker, sign: Caller | None) -> None:
    method, path, body, headers = maker.chance.choice(METHODS), maker.path(), maker.body(), maker.headers()
    query = maker.chance.choice(QUERIES)
    if sign is not None and path.startswith("/symetry/rest/c1/"):
        body = (body or b"").decode("utf-8", "ignore").encode()
        if maker.chance.random() < 0.3 and body:
            body = encrypt(body.decode(), key_text(KEY)).encode()
        headers = {
            **headers,
            **sign.headers(method, path, query[1:], body.decode()),
            "Content-Type": "application/json",
        }
    if headers.get("Transfer-Encoding") and body is None:
        headers.pop("Transfer-Encoding")
    url = yarl.URL(served.url + path + query, encoded=True)
    try:
        async with asyncio.timeout(20), served.session.request(method, url, headers=headers, data=body) as answer:
            text = await answer.read()
    except (ValueError, aiohttp.ClientError):
        return  # our own client would not send it, or what came of it was a plain end of the connection
    told = (method, str(url), headers, body, answer.status, text[:300])
    assert answer.status < 500, told
    assert text or answer.status == 204 or method == "HEAD", told
    if answer.status >= 400 and method != "HEAD" and b"statusCode" not in text:
        assert b'"code":"FP' in text or answer.content_type == "text/plain", told


@pytest.mark.parametrize("seed", range(4))
async def test_nothing_that_is_sent_makes_it_fail(founded: Served, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    maker = Maker(seed)
    sign = Caller(founded.session, founded.url, founded.clock)
    for _ in range(COUNT // 4 // TOGETHER):
        await asyncio.gather(*(_fire(founded, maker, sign if number % 2 else None) for number in range(TOGETHER)))
    assert "incident" not in caplog.text
    assert (await founded.ask("GET", "/v1/health", token=None))[0] == 200


RAW: list[bytes] = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET /v1/node HTTP/1.0\r\n\r\n",
    b"GET http://evil/v1/node HTTP/1.1\r\nHost: evil\r\n\r\n",
    b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n",
    b"POST /v1/federations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    b"POST /v1/federations HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/federations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"POST /v1/federations HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"\x00" * 100,
    b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"b" * 20_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X%d: y\r\n" % i for i in range(500)) + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + ADMIN.encode() + b"\x01\r\n\r\n",
    b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"* * *\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
]


@pytest.mark.parametrize("raw", RAW, ids=range(len(RAW)))
async def test_what_is_hardly_http_is_survived(served: Served, raw: bytes, caplog: pytest.LogCaptureFixture) -> None:
    host, port = served.url.removeprefix("http://").split(":")
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(raw)
        writer.write_eof()
        answer: Any = await reader.read()
        writer.close()
    assert not answer.startswith(b"HTTP/1.1 5")
    assert not answer.startswith(b"HTTP/1.1 2") or b"GET /v1/health" in raw
    assert ADMIN not in caplog.text
    assert (await served.ask("GET", "/v1/health", token=None))[0] == 200
    assert SCHEMA
