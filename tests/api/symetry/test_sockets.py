"""Messages in the frame format of the reference's client: signed one by one, answered in order, never twice."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from contextlib import AbstractAsyncContextManager
from typing import Any

import aiohttp
import pytest

from fedpeer.api.call import SERVED
from tests.api.symetry.conftest import iris_frame
from tests.support.served import Served, key_text
from tests.support.symetry import ASKED, Caller, current, digest, encrypt

NAMES = ["petal_length", "petal_width"]


def sealed(user: Caller, url: str, keys: list[str], payload: str, **how: Any) -> str:
    """A message as the vendor's client makes it: the whole address signed, with a line's end at the end."""
    ASKED.append((current(), "WS", url.partition("/symetry")[2]))
    date, md5 = how.get("date") or user.date(), digest(payload)
    lines = [md5, user.key, date, user.cid, how.get("signed", payload), how.get("address", url), *keys]
    text = "\n".join(lines) + how.get("end", "\n")
    mac = hmac.new(base64.b64decode(how.get("key", user.key)), text.encode(), hashlib.sha256).digest()
    head = json.dumps({"headers": [date, md5, base64.b64encode(mac).decode(), user.cid], "extraKeys": keys})
    return f"{len(head)},{head}{payload}"


def place(user: Caller, what: str) -> str:
    return f"{user.url.replace('http', 'ws', 1)}/symetry/ws/{what}"


def opened(user: Caller, what: str) -> AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse]:
    return user.session.ws_connect(place(user, what))


async def said(socket: aiohttp.ClientWebSocketResponse, message: str | bytes) -> dict[str, Any]:
    """Send a message; return the envelope that answers it."""
    await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))
    told: dict[str, Any] = json.loads(await socket.receive_str(timeout=30))
    assert list(told) == ["statusCode", "statusString", "values"]
    return told


@pytest.fixture
async def project(user: Caller) -> Caller:
    """A user with a project of half of iris and a model of it."""
    await user.good("POST", "/projects", {}, query="pid=p")
    await user.good("POST", "/projects/p/learn", iris_frame(range(75), NAMES))
    body = {"inputAttributes": ["0"], "targets": ["1"]}
    await user.good("POST", "/projects/p/build", body, query="modelid=m&algo=mlr&async=false")
    return user


async def test_rows_are_learned_forgotten_and_predicted_over_sockets(project: Caller) -> None:
    payload = json.dumps(iris_frame(range(75, 150), NAMES))
    async with opened(project, "learn") as socket:
        told = await said(socket, sealed(project, place(project, "learn"), ["p"], payload))
        assert (told["statusCode"], told["values"]["jobinfo"]["details"]["rows"]) == ("OK", "75")
        again = await said(socket, sealed(project, place(project, "learn"), ["p"], payload))
        assert again["statusCode"] == "CONFLICT"
    async with opened(project, "forget") as socket:
        batch = json.dumps(iris_frame(range(75, 150), NAMES))
        told = await said(socket, sealed(project, place(project, "forget"), ["p"], batch).encode())
        assert told["statusString"] == "Job is finished"
    info = (await project.good("GET", "/projects/p/info"))["smlInfo"]
    assert info["params"]["sml_rows"] == "75"
    frame = iris_frame([120], NAMES)
    expected = (await project.good("POST", "/projects/p/predict/m", frame))["KSVSMap"]
    async with opened(project, "predict") as socket:
        for _ in range(3):
            message = sealed(project, place(project, "predict"), ["p", "m"], json.dumps(frame))
            assert (await said(socket, message))["values"]["KSVSMap"] == expected


async def test_both_forms_of_the_string_are_taken(project: Caller) -> None:
    payload = json.dumps(iris_frame([120], NAMES))
    async with opened(project, "predict") as socket:
        for address in (place(project, "predict"), "/symetry/ws/predict"):
            for end in ("\n", ""):
                message = sealed(project, place(project, "predict"), ["p", "m"], payload, address=address, end=end)
                assert (await said(socket, message))["statusCode"] == "OK"
        hidden = encrypt(payload, project.key)
        message = sealed(project, place(project, "predict"), ["p", "m"], hidden)
        assert (await said(socket, message))["statusCode"] == "OK"


async def test_a_message_is_good_once_and_for_what_it_says(project: Caller, served: Served) -> None:
    payload = json.dumps(iris_frame([120], NAMES))
    learn = place(project, "learn")
    async with opened(project, "learn") as socket:
        message = sealed(project, learn, ["p"], payload)
        assert (await said(socket, message))["statusCode"] == "OK"
        assert "Signature already used" in (await said(socket, message))["statusString"]
        for how in (
            {"key": key_text(bytes(16))},
            {"address": place(project, "forget")},
            {"signed": payload.replace("120", "121") + " "},
            {"end": "\n\n"},
        ):
            told = await said(socket, sealed(project, learn, ["p"], payload, **how))
            assert (told["statusCode"], told["statusString"]) == ("UNAUTHORIZED", "Invalid Signature")
            assert "SECRETKEY" in told["values"]["stringToSign"]
        other = sealed(project, learn, ["p"], payload).replace('["p"]', '["q"]')
        assert (await said(socket, other))["statusString"] == "Invalid Signature"
        old = sealed(project, learn, ["p"], payload, date=project.date(-400))
        assert "out of sync" in (await said(socket, old))["statusString"]
        assert (await said(socket, sealed(project, learn, ["nobody"], payload)))["statusString"].startswith(
            "Cannot Find"
        )
        key = (await served.good("POST", "/v1/users", {"cid": "c2", "role": "viewer"}))["secret_key"]
        viewer = Caller(served.session, served.url, served.clock, cid="c2", key=key)
        scope = (await served.good("GET", "/v1/projects"))[0]["id"]
        told = await said(socket, sealed(viewer, learn, [scope], payload))
        assert told["statusCode"] == "FORBIDDEN"
        assert (await said(socket, sealed(project, learn, ["p"], "{")))["statusCode"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    "message",
    [
        "",
        "x",
        "5",
        ",{}",
        "0,",
        "99999999,{}",
        "9000,{}",
        "-2,{}",
        "2,{}",
        "2,[]{}",
        "40,{}",
        '{"headers": []}',
        "²,{}",
    ],
)
async def test_what_is_no_message_is_refused(project: Caller, message: str) -> None:
    async with opened(project, "learn") as socket:
        assert (await said(socket, message))["statusCode"] == "BAD_REQUEST"
        for broken in ({"headers": ["a"], "extraKeys": ["p"]}, {"headers": ["", "", "", ""], "extraKeys": []}):
            head = json.dumps(broken)
            assert (await said(socket, f"{len(head)},{head}{{}}"))["statusCode"] == "BAD_REQUEST"
        assert (await said(socket, b"\xff\xfe"))["statusCode"] == "BAD_REQUEST"


async def test_wrong_signatures_are_logged_and_are_not_taken_without_end(
    project: Caller, served: Served, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.app[SERVED].throttle, "_most", 3)
    async with opened(project, "learn") as socket:
        wrong = [sealed(project, place(project, "learn"), ["p"], "{}", key=key_text(bytes(16))) for _ in range(4)]
        told = [(await said(socket, message))["statusCode"] for message in wrong]
    assert told == ["UNAUTHORIZED"] * 3 + ["TOO_MANY_REQUESTS"]
    logged = [entry.getMessage() for entry in caplog.records if "/symetry/ws/" in entry.getMessage()]
    assert logged == ["refused 'user c1': GET '/symetry/ws/learn': Invalid Signature"] * 3


async def test_what_is_no_socket_is_refused_and_too_much_is_ended(project: Caller) -> None:
    async with project.session.get(f"{project.url}/symetry/ws/learn") as answer:
        assert answer.status == 400
    async with opened(project, "learn") as socket:
        await socket.send_str("x" * (2 << 20))
        assert (await socket.receive(timeout=30)).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
