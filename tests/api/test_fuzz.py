"""Hostile requests: whatever comes, no server error, no hang, one shape, and nothing has changed."""

from __future__ import annotations

import asyncio
import io
import random
from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest
import yarl

from fedpeer.api.routes import ROUTES
from fedpeer.api.symetry.routes import BASE, ENDPOINTS
from tests.support.served import ADMIN, SCHEMA, VIEWER, Served, key_text, rows
from tests.support.symetry import Caller, encrypt

COUNT, SOAKED = 2_000, 100_000
TOGETHER = 16
LONG, LARGE = 1 << 16, 1 << 20

PARTS = [
    "hearts", "x", "..", "%2e%2e", "%2f", "%00", "a" * 500, "%ff", "%", "é", "%F0%9F%92%A9", "*", "{fed}", "0", "-1",
    "'; drop table", "\u202e", "a%0d%0aSet-Cookie:x", "null", " ", ".", "~", "%252e", "..%2f..%2fv1%2fusers", "%5c..",
    "c1%00", "hearts%20", "HEARTS", "%c0%ae%c0%ae", "%ed%a0%80", "hearts;x=1", "hearts%3fx", "%2e", "c%31",
]  # fmt: skip
SCALARS = [
    "null", "true", "0", "-1", "1e400", "-0.0", "NaN", "Infinity", "1" * 400, '""', '"\\u0000"', '"\\ud800"', '"x"',
    '"' + "a" * 3000 + '"', "[]", "{}", "[[[[]]]]", '{"a":1,"a":2}', "[" * 50 + "]" * 50, '"s10"', '"hearts"', '"ols"',
    '["age"]', '{"age":[1,2]}', '[{"age":1}]', '"total"', '"block"', '"ROWS() > 1"', '"(((((((((((((((((((((("',
    "1e-400", "99999999999999999999", '"ROWS() > 1e999"', '"COUNT(\\"age"', '{"age":[null]}', '[{"":""}]', "-Infinity",
    "9007199254740993", "0x10", "01", "1.", "+1", "'a'", "undefined", '"\\ud83d"', '"\\x"',
    '{"a":{"a":{"a":[1,[2,[3]]]}}}',
    '{"age":[1],"age":[2]}', '{"values":[{"values":[]}]}', '[["1","2"],["3"]]', '["C","B","P","S","T","X","L"]',
    "[1e308,1e309]",
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
GIANTS = [
    b"[" * 200_000, b'{"a":' * 50_000 + b"1" + b"}" * 50_000, b'{"rows":[' + b"1," * 100_000 + b"1]}",
    b'{"rows":{"age":["' + b"9" * 300_000 + b'"]}}', b'{"' + b"a" * 300_000 + b'":1}',
    b'"' + b"\\u0000" * 50_000 + b'"',
    b'{"rows":[' + b'{"age":1,"age":1},' * 5_000 + b"{}]}", b" " * 1_100_000, b"-" * 1_100_000,
]  # fmt: skip
CODINGS = ["utf-16", "utf-16-le", "utf-8-sig", "utf-32", "latin-1", "utf-7"]
TWICE = ["Content-Type", "Authorization", "Sym-Date", "Host", "Content-MD5", "Accept", "Origin"]
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "BREW"]
# A stream ends only when its listener leaves, and leaving is no answer: it has tests of its own.
PATHS = [r.path for r in ROUTES if not r.path.endswith("/events")] + [BASE + p.path for p in ENDPOINTS]
FIELDS = [
    *sorted({name for r in ROUTES if r.body for name in r.body.__struct_fields__}),
    "values", "attributeNames", "attributeTypes", "data", "fed_name", "sync_sched", "fed_schema", "passwd",
]  # fmt: skip


class Maker:
    """Makes requests by chance, the same for the same seed."""

    def __init__(self, seed: int, tokens: Sequence[str] = (ADMIN, ADMIN, ADMIN, VIEWER, "x", "")) -> None:
        self.chance, self.tokens = random.Random(seed), tokens

    def path(self) -> str:
        path = self.chance.choice(PATHS)
        while "{" in path:
            head, _, rest = path.partition("{")
            part = self.chance.choice(["hearts", "c1", "c2", self.chance.choice(PARTS)]).replace("{", "%7B")
            path = head + yarl.URL.build(path="/" + part, encoded="%" in part).raw_path[1:] + rest.partition("}")[2]
        return path + (self.chance.choice(["/", "//", "/..", ";x"]) if self.chance.random() < 0.05 else "")

    def body(self) -> bytes | None:
        kind = self.chance.random()
        if kind < 0.15:
            return None
        if kind < 0.18:
            return self.chance.choice(GIANTS)
        if kind < 0.25:
            return self.chance.randbytes(self.chance.randrange(60))
        names = self.chance.sample(FIELDS, self.chance.randrange(6))
        text = "{" + ",".join(f'"{name}":{self.chance.choice(SCALARS)}' for name in names) + "}"
        if kind < 0.35:
            text = text[: self.chance.randrange(len(text) + 1)]
        coding = self.chance.choice(CODINGS) if self.chance.random() < 0.1 else "utf-8"
        return text.encode(coding, "surrogatepass" if coding.startswith("utf") else "replace")

    def headers(self) -> dict[str, str]:
        token = self.chance.choice(self.tokens)
        told = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        if self.chance.random() < 0.3:
            told["Content-Type"] = self.chance.choice(TYPES)
        if self.chance.random() < 0.2:
            told.update(self.chance.choice(STRANGE))
        return told


async def _fire(served: Served, maker: Maker, sign: Caller | None) -> int:
    """Send what chance makes, and look at the answer; its status, 0 without one."""
    method, path, body, headers = maker.chance.choice(METHODS), maker.path(), maker.body(), maker.headers()
    query = maker.chance.choice(QUERIES)
    if sign is not None and path.startswith(f"/symetry/rest/{sign.cid}/"):
        body = (body or b"").decode("utf-8", "ignore").encode() if maker.chance.random() < 0.9 else body or b""
        if maker.chance.random() < 0.3 and body:
            body = encrypt(body.decode("utf-8", "surrogateescape"), sign.key).encode()
        headers = {
            **headers,
            **sign.headers(method, path, query[1:], body.decode("utf-8", "surrogateescape")),
            "Content-Type": "application/json",
        }
    if headers.get("Transfer-Encoding") and body is None:
        headers.pop("Transfer-Encoding")
    url, sent = yarl.URL(served.url + path + query, encoded=True), list(headers.items())
    if maker.chance.random() < 0.05:
        name = maker.chance.choice(TWICE)
        sent.append((name, headers.get(name, maker.chance.choice(["0", "x", "evil"]))))
    if body and len(body) > LONG:
        # Our client forgets the rest of a body when the answer comes first, and uses the connection again.
        sent.append(("Connection", "close"))
    data = io.BytesIO(body) if body and len(body) > LARGE else body  # the client wants it so
    try:
        async with asyncio.timeout(60), served.session.request(method, url, headers=sent, data=data) as answer:
            text = await answer.read()
    except TimeoutError:
        pytest.fail(f"no answer: {method} {url} {sent} {(body or b'')[:2000]!r}")
    except (ValueError, aiohttp.ClientError):
        return 0  # our own client would not send it, or what came of it was a plain end of the connection
    told = (method, str(url), headers, body, answer.status, text[:300])
    assert answer.status < 500, told
    assert text or answer.status == 204 or method == "HEAD", told
    if answer.status >= 400 and method != "HEAD" and b"statusCode" not in text:
        assert b'"code":"FP' in text or answer.content_type == "text/plain", told
    return answer.status


async def _storm(served: Served, maker: Maker, count: int, sign: Caller) -> None:
    for _ in range(count // TOGETHER):
        await asyncio.gather(*(_fire(served, maker, sign if number % 2 else None) for number in range(TOGETHER)))
    assert (await served.ask("GET", "/v1/health", token=None))[0] == 200


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
async def test_nothing_that_is_sent_makes_it_fail(founded: Served, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    await _storm(founded, Maker(seed), COUNT // 4, Caller(founded.session, founded.url, founded.clock))
    assert "incident" not in caplog.text


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 120))
async def test_nothing_at_length_makes_it_fail(founded: Served, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    await _storm(founded, Maker(seed), SOAKED // 20, Caller(founded.session, founded.url, founded.clock))
    assert "incident" not in caplog.text


# Requests that would change something if they were allowed.
WELL_FORMED: list[tuple[str, str, Any]] = [
    ("PUT", "/v1/federations/hearts/pulse", {"pulsing": False}),
    ("PUT", "/v1/federations/hearts/explorable", {"explorable": True}),
    ("PUT", "/v1/federations/hearts/rules", {"rows": 25}),
    ("PUT", "/v1/federations/hearts/schedule", {"schedule": "h3"}),
    ("PUT", "/v1/federations/hearts/contract", {"text": "ROWS() > 2"}),
    ("POST", "/v1/federations/hearts/invites", {}),
    ("POST", "/v1/federations/hearts/data/rows?wait=30", {"rows": rows(40, 7)}),
    ("POST", "/v1/users", {"cid": "c3", "role": "admin"}),
]
SWITCHES = [("startPulse", ""), ("newSchedule", "newSchedule=h1"), ("setExplorePeers", "allowExplore=false")]


def _state(served: Served) -> dict[str, dict[str, bytes]]:
    """Every record that the node keeps, but for the second until which somebody has signed."""
    store = served.node._engine._world.store
    found = {scope: dict(store.load(scope)) for scope in store.scopes()}
    found[""].pop("signed", None)
    return found


@pytest.mark.long
@pytest.mark.parametrize("right", [False, True])
async def test_those_who_may_only_look_change_nothing(
    founded: Served, monkeypatch: pytest.MonkeyPatch, *, right: bool
) -> None:
    told = await founded.good("POST", "/v1/users", {"cid": "c2", "role": "admin" if right else "viewer"})
    await founded.good("POST", "/v1/federations/hearts/data/rows?wait=30", {"rows": rows(60)})
    before = _state(founded)
    tokens = [told["token"], told["token"] if right else VIEWER, told["token"][:-1], "", "c2.", key_text()]
    sign = Caller(founded.session, founded.url, founded.clock, cid="c2", key=told["secret_key"])
    await _storm(founded, Maker(7, tokens), COUNT // 4, sign)
    for method, path, body in WELL_FORMED:
        status, _, _ = await founded.ask(method, path, body, token=told["token"])
        assert (status < 400) is right, path
    for rest, query in SWITCHES:
        assert ((await sign.ask("GET", f"/fedml/hearts/{rest}", query=query))[0] == 200) is right, rest
    assert (_state(founded) == before) is not right


@pytest.mark.long
async def test_what_is_refused_has_changed_nothing(founded: Served) -> None:
    maker, sign = Maker(11), Caller(founded.session, founded.url, founded.clock)
    await founded.good("POST", "/v1/federations/hearts/data/rows?wait=30", {"rows": rows(60)})
    before, refusals = _state(founded), 0
    for number in range(COUNT // 5):
        status = await _fire(founded, maker, sign if number % 2 else None)
        after = _state(founded)
        if status >= 400:
            assert after == before
            refusals += 1
        before = after
    assert refusals > COUNT // 10


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
    async with asyncio.timeout(60):
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
