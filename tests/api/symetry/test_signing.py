"""Signatures: fixed ones that openssl made, every refusal in its words, and once is once."""

from __future__ import annotations

import asyncio
import base64
import re
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fedpeer.api.call import SERVED
from fedpeer.api.endpoint import INLINE
from fedpeer.api.symetry import cipher, signing
from fedpeer.api.symetry.envelope import DialectError
from fedpeer.node.users import KeptUsers
from tests.support import symetry
from tests.support.served import CONTRACT, KEY, NOW, SCHEMA, MovableClock, Served, memory_broker, node_on, serving
from tests.support.symetry import Caller

FOUNDED = {"name": "hearts", "schema": SCHEMA, "contract": CONTRACT, "schedule": "d7", "profile": "relaxed"}
DATE = "2027-01-15 08:00:00;000000"
GET = signing.Signed(
    method="GET", path="/symetry/rest/c1/fedml/p1/info", query="", body=b"", cid="c1", date=DATE,
    authorization="4ocxVc6ehy/lC6FITQnSwbaH4OQyEetV5iYV32sd92I=",
)  # fmt: skip
POST = signing.Signed(
    method="POST", path="/symetry/rest/c1/fedml/p1/addContract", query="async=true&x=1",
    body=b'{"values":["ROWS() >= 5"]}', cid="c1", date=DATE, content_md5="moHRdWoS4MKSp+nrsu2VpQ==",
    authorization="pYQPDlcUKqAg1Gy7+uN9yfOkmHKSJqml+HDarEMzeD0=",
)  # fmt: skip


def test_the_published_vector() -> None:
    mac = signing._mac(b"0f2100e34b54d50fd0138f300d3497579dae5279", b"secret-message")
    assert base64.b64encode(mac).decode() == "op/4IM8dc5DwpUYBhywVl0V5ddlEMjFRq6qfKOj2+io="


@pytest.mark.parametrize("signed", [GET, POST])
def test_signatures_that_openssl_made(signed: signing.Signed) -> None:
    assert signing.sign(signed, KEY) == signed.authorization
    assert signing.check(signed, (KEY,), NOW)[0] == KEY


async def test_the_commands_of_the_page_are_signed_as_it_says(founded: Served) -> None:
    page = Path(__file__).parents[3] / "docs" / "symetry.md"
    block = page.read_text("utf-8").partition("```bash\n")[2].partition("```")[0]
    made, _, rest = block.partition("\n")
    assert made.startswith("KEY=$(fedpeer user add c1")
    founded.clock.at += time.time() - founded.clock.now()
    lines = f"KEY={base64.b64encode(KEY).decode()}\n" + rest.replace("http://127.0.0.1:8440", founded.url)
    shell = await asyncio.create_subprocess_exec("bash", "-euc", lines, stdout=asyncio.subprocess.PIPE)
    answer, _ = await shell.communicate()
    assert shell.returncode == 0
    assert msgspec.json.decode(answer)["values"]["fedInfoEncrypted"]["fed_name"] == "hearts"


@pytest.mark.parametrize("name", ["method", "path", "query", "body", "cid", "date"])
def test_every_part_is_signed(name: str) -> None:
    value = getattr(POST, name)
    other = value + (b" " if isinstance(value, bytes) else "1")
    if name == "date":
        other = DATE[:-1] + "1"
    md5 = None if name == "body" else POST.content_md5
    with pytest.raises(DialectError, match="Invalid Signature") as caught:
        signing.check(replace(POST, **{name: other, "content_md5": md5}), (KEY,), NOW)
    assert caught.value.status == 401
    assert "SECRETKEY" in caught.value.values["stringToSign"]
    assert base64.b64encode(KEY).decode() not in caught.value.values["stringToSign"]


@pytest.mark.parametrize(
    ("change", "now", "status", "text"),
    [
        ({"authorization": None}, NOW, 400, "Authentication header is null"),
        ({"date": None}, NOW, 400, "sym-date header is null"),
        ({"date": "2027-01-15T08:00:00"}, NOW, 400, "Invalid Date Format"),
        ({"date": "2027-02-30 08:00:00;0"}, NOW, 400, "Invalid Date Format"),
        ({"date": "2027-01-15 08:00:00;"}, NOW, 400, "Invalid Date Format"),
        ({"date": "2027-01-15 08:00:00;1234567890"}, NOW, 400, "Invalid Date Format"),
        ({"date": "٢٠٢٧-01-15 08:00:00;0"}, NOW, 400, "Invalid Date Format"),
        ({}, NOW + 301, 400, "Please update your server time, it is likely out of sync with UTC"),
        ({}, NOW - 61, 400, "Please update your server time, it is likely out of sync with UTC"),
        ({"content_md5": "AAAA"}, NOW, 400, "Md5 do not match"),
        ({"authorization": "AAAA"}, NOW, 401, "Invalid Signature"),
        ({"authorization": "not base64 ü"}, NOW, 401, "Invalid Signature"),
        ({"authorization": ""}, NOW, 401, "Invalid Signature"),
    ],
)
def test_refusals_are_in_the_dialect_s_words(change: dict[str, Any], now: float, status: int, text: str) -> None:
    with pytest.raises(DialectError, match=f"^{re.escape(text)}$") as caught:
        signing.check(replace(POST, **change), (KEY,), now)
    assert caught.value.status == status


def test_an_unknown_user_is_invalid() -> None:
    with pytest.raises(DialectError, match=r"^Invalid User$") as caught:
        signing.check(POST, (), NOW)
    assert caught.value.status == 401


@pytest.mark.parametrize("now", [NOW + 299, NOW, NOW - 59])
def test_the_window(now: float) -> None:
    signing.check(POST, (KEY,), now)


def test_dates_with_and_without_a_fraction() -> None:
    assert signing.dated("2027-01-15 08:00:00") == NOW
    assert signing.dated("2027-01-15 08:00:00;500000000") == NOW + 0.5
    assert signing.dated("2027-01-15 08:00:00;7") == pytest.approx(NOW)
    assert [signing.coarse(f"2027-01-15 08:00:00{end}") for end in ("", ";000000", ";7")] == [True, True, False]


def test_the_md5_is_optional_but_binding_when_sent() -> None:
    signing.check(replace(POST, content_md5=None), (KEY,), NOW)
    empty = replace(POST, content_md5=None)
    key = base64.b64encode(KEY).decode()
    bare = base64.b64encode(signing._mac(KEY, empty.text(key, md5=""))).decode()
    signing.check(replace(empty, authorization=bare), (KEY,), NOW)
    with pytest.raises(DialectError):
        signing.check(replace(POST, authorization=bare), (KEY,), NOW)


def test_the_whole_address_is_taken_too() -> None:
    url = "http://peer:8080" + GET.path
    whole = signing.sign(replace(GET, path=url), KEY)
    signing.check(replace(GET, url=url, authorization=whole), (KEY,), NOW)
    with pytest.raises(DialectError):
        signing.check(replace(GET, authorization=whole), (KEY,), NOW)


TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)
LINES = st.text(alphabet="abcXYZ/09-_.=&%", min_size=1, max_size=20)


@given(LINES, LINES, TEXTS, st.binary(min_size=16, max_size=16))
def test_the_other_implementation_agrees(path: str, query: str, body: str, key: bytes) -> None:
    signed = signing.Signed("PUT", path, query, body.encode(), "c9", DATE, None)
    text = base64.b64encode(key).decode()
    other = symetry.signature(
        "PUT", path, query, body, cid="c9", key=text, date=DATE, md5=symetry.digest(body)
    )  # fmt: skip
    assert signing.sign(signed, key) == other


@given(st.binary(max_size=100), st.binary(min_size=16, max_size=16))
def test_bodies_come_back_as_they_were(body: bytes, key: bytes) -> None:
    assert cipher.decrypt(cipher.encrypt(body, key).encode(), key) == body


def test_a_body_that_openssl_encrypted() -> None:
    sealed = b"MIey38IN6q0yue09wgr3v90Z8A7g/z4RvHeV4Y3rPM8UMWjoIDN8hLIOhnxHQZoN"
    assert cipher.encrypted(sealed)
    assert cipher.decrypt(sealed, KEY) == b'{"passwd":"a long enough password"}'
    assert cipher.decrypt(b'"' + sealed + b'"\n', KEY) == b'{"passwd":"a long enough password"}'
    assert not cipher.encrypted(b' {"passwd": 1}')


@pytest.mark.parametrize("body", [b"x", b"AAAA", b"A" * 64, "é".encode(), b"MIey38IN6q0yue09wgr3v90Z8A7g"])
def test_what_is_not_a_body_is_refused(body: bytes) -> None:
    with pytest.raises(DialectError, match="neither JSON nor encrypted"):
        cipher.decrypt(body, KEY)


def test_a_signature_is_good_once_until_it_is_too_old() -> None:
    replays = signing.Replays()
    replays.use(b"a", NOW)
    for later in (0.0, 1.0, signing.OLDEST_S + signing.AHEAD_S - 1):
        with pytest.raises(DialectError, match="already used"):
            replays.use(b"a", NOW + later)
    replays.use(b"b", NOW + 1000)
    assert list(replays._until) == [b"b"]


def test_what_is_remembered_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "_MOST", 3)
    replays = signing.Replays()
    for name in b"abc":
        replays.use(bytes([name]), NOW)
    with pytest.raises(DialectError) as caught:
        replays.use(b"d", NOW)
    assert caught.value.status == 503


@pytest.fixture
def caller(founded: Served) -> Caller:
    return Caller(founded.session, founded.url, founded.clock)


async def test_a_replay_is_refused(caller: Caller, founded: Served) -> None:
    path = "/symetry/rest/c1/fedml/hearts/startPulse"
    for style in ("rust", "go"):
        caller.style = style
        headers = caller.headers("GET", path)
        assert (await caller.send("GET", path, headers))[0] == 200
        status, told, _ = await caller.send("GET", path, headers)
        assert (status, told["statusCode"]) == (401, "UNAUTHORIZED")
        assert "already used" in told["statusString"]
        founded.clock.at += 1


async def test_a_look_may_come_twice_only_from_a_clock_of_seconds(caller: Caller) -> None:
    path = "/symetry/rest/c1/fedml/hearts/info"
    for style, second in (("go", 200), ("rust", 401)):
        caller.style = style
        headers = caller.headers("GET", path)
        assert (await caller.send("GET", path, headers))[0] == 200
        assert (await caller.send("GET", path, headers))[0] == second


async def test_a_signature_from_before_the_start_changes_nothing(caller: Caller) -> None:
    path = "/symetry/rest/c1/fedml/hearts/stopPulse"
    headers = caller.headers("GET", path, date=caller.date(-30))
    status, told, _ = await caller.send("GET", path, headers)
    assert status == 401
    assert "older than this server" in told["statusString"]
    info = path.replace("stopPulse", "info")
    assert (await caller.send("GET", info, caller.headers("GET", info, date=caller.date(-30))))[0] == 200


@pytest.mark.parametrize("back_s", [0, 30, 3600])
@pytest.mark.parametrize("kept", [True, False])
async def test_a_restart_does_not_make_used_signatures_good_again(
    monkeypatch: pytest.MonkeyPatch, back_s: int, kept: bool
) -> None:
    path, clock = "/symetry/rest/c1/fedml/hearts/startPulse", MovableClock()
    if not kept:

        async def forget(*_: Any) -> None:
            pass

        monkeypatch.setattr(KeptUsers, "advance", forget)
    async with node_on(memory_broker(), clock, "n") as node:
        async with serving(node, clock) as before:
            await before.good("POST", "/v1/federations", FOUNDED)
            one = Caller(before.session, before.url, clock)
            used = one.headers("GET", path, date=one.date(50))  # dates may be a minute ahead
            assert (await one.send("GET", path, used))[0] == 200
        clock.at -= back_s
        async with serving(node, clock) as after:
            two = Caller(after.session, after.url, clock)
            told = []
            for clock.at in (NOW - back_s, NOW - back_s + 50, NOW + 60):
                told.append((await two.send("GET", path, used))[0])
            assert (200 in told) is not kept
            assert not kept or told[-1] == 401
            assert (await two.send("GET", path, two.headers("GET", path)))[0] == 200


async def test_a_key_that_is_revoked_while_a_long_body_is_looked_at_is_no_key(
    founded: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = Caller(founded.session, founded.url, founded.clock)
    users, loop, check = founded.app[SERVED].users, asyncio.get_running_loop(), signing.check
    assert users is not None
    seen = []

    def slowly(*what: Any) -> Any:
        found = check(*what)
        seen.append(threading.current_thread() is not threading.main_thread())
        asyncio.run_coroutine_threadsafe(users.revoke("c1"), loop).result(60)
        return found

    body = {"attributeNames": ["age"], "attributeTypes": ["C"], "data": [["1"]], "errorHandling": "x" * INLINE}
    monkeypatch.setattr(signing, "check", slowly)
    status, told, _ = await caller.ask("POST", "/projects/hearts/learn", body)
    assert (seen, status, told["statusString"]) == ([True], 401, "Invalid User")


async def test_headers_that_are_given_twice_are_none(caller: Caller) -> None:
    path = "/symetry/rest/c1/fedml/hearts/info"
    for name in ("Sym-Date", "Authorization", "Content-MD5"):
        headers = list(caller.headers("GET", path).items())
        headers.append((name, dict(headers)[name]))
        async with caller.session.get(caller.url + path, headers=headers) as answer:
            told = await answer.json()
        assert (answer.status, told["statusString"]) == (400, f"the header {name} is given 2 times")


async def test_encrypted_bodies_are_warned_of(caller: Caller, caplog: pytest.LogCaptureFixture) -> None:
    for hidden, warned in ((False, 0), (True, 1), (True, 0), (False, 0), (True, 1)):
        caplog.clear()
        asked = ["ROWS() > 1"]
        assert (await caller.ask("POST", "/fedml/hearts/contractValidate", asked, hidden=hidden))[0] == 200
        assert sum("this is no protection" in record.getMessage() for record in caplog.records) == warned


def test_looks_leave_room_for_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "_CHEAP", 2)
    replays = signing.Replays()
    for name in b"abcd":
        replays.use(bytes([name]), NOW, dear=False)
    assert list(replays._until) == [b"a", b"b"]
    with pytest.raises(DialectError, match="already used"):
        replays.use(b"a", NOW, dear=False)
    replays.use(b"d", NOW)
    with pytest.raises(DialectError, match="already used"):
        replays.use(b"d", NOW)


async def test_a_wrong_signature_is_shown_what_was_signed(caller: Caller) -> None:
    path = "/symetry/rest/c1/fedml/hearts/getSyncLog"
    headers = caller.headers("GET", path, key=base64.b64encode(b"x" * 16).decode())
    status, told, _ = await caller.send("GET", path, headers)
    assert (status, told["statusCode"], told["statusString"]) == (401, "UNAUTHORIZED", "Invalid Signature")
    date = headers["Sym-Date"]
    assert told["values"] == {"stringToSign": f"GET\n\nSECRETKEY\n{date}\nc1\n{path}\n"}
    other = path.replace("c1", "nobody")
    status, told, _ = await caller.send("GET", other, caller.headers("GET", other, cid="nobody"))
    assert (status, told["statusString"]) == (401, "Invalid User")


async def test_the_path_is_signed_as_it_was_sent(caller: Caller) -> None:
    path = "/symetry/rest/c1/fedml/he%61rts/info"
    headers = caller.headers("GET", path)
    import yarl

    async with caller.session.get(yarl.URL(caller.url + path, encoded=True), headers=headers) as answer:
        assert answer.status == 200, await answer.text()


async def test_without_a_signature_nothing_is_done(founded: Served) -> None:
    from fedpeer.api.symetry.routes import BASE, ENDPOINTS

    for point in ENDPOINTS:
        path = re.sub(r"\{(\w+)\}", lambda m: {"cid": "c1", "pid": "hearts"}.get(m[1], "1"), BASE + point.path)
        status, told, _ = await founded.ask(point.method, path, token=None)
        assert (status, told["statusString"]) == (400, "Authentication header is null"), path
        status, told, _ = await founded.ask(point.method, path)
        assert (status, told["statusString"]) == (400, "sym-date header is null"), path


async def test_the_native_token_signs_nothing_and_the_signature_opens_nothing(caller: Caller) -> None:
    path = "/v1/federations"
    async with caller.session.get(caller.url + path, headers=caller.headers("GET", path)) as answer:
        assert answer.status == 401


async def test_a_dialect_that_is_off_is_not_there() -> None:
    from fedpeer.api.app import make_app
    from fedpeer.api.auth import Tokens
    from tests.support.served import ADMIN, VIEWER

    clock = MovableClock()
    async with node_on(memory_broker(), clock, "n") as node:
        app = make_app(node, tokens=Tokens(ADMIN, VIEWER))
        paths = [route.resource.canonical for route in app.router.routes()]
        assert paths
        assert not [path for path in paths if path.startswith("/symetry")]


async def test_encryption_can_be_switched_off() -> None:
    clock = MovableClock()
    async with node_on(memory_broker(), clock, "n") as node, serving(node, clock, encryption=False) as served:
        caller = Caller(served.session, served.url, clock)
        status, told, _ = await caller.ask("POST", "/fedml/create", {"fed_name": "x"}, hidden=True)
        assert status == 400
        assert "switched off" in told["statusString"]
