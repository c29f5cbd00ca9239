"""Who changed what: the timeline and the log have it of every change, by whatever door it came, and no secret."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import msgspec
import pytest

from fedpeer.api import endpoint
from fedpeer.api.routes import ROUTES
from fedpeer.api.symetry.routes import ENDPOINTS
from fedpeer.core.peer.events import SetSchedule
from fedpeer.node.authors import acting, author
from tests.api.symetry.test_sockets import opened, place, said, sealed
from tests.api.test_permits import Person, person
from tests.support.served import ADMIN, SCHEMA, VIEWER, Served, key_text, rows

FED = "/v1/federations/hearts"


async def entries(served: Served, where: str = "/v1/log") -> list[dict[str, Any]]:
    """The timeline, oldest first, once every note that was under way is on it."""
    for _ in range(20):
        await asyncio.sleep(0)
    await served.node._engine.records("")
    return (await served.good("GET", f"{where}?limit=1000"))["entries"][::-1]


async def told(served: Served, begins: str, where: str = "/v1/log") -> tuple[str, str]:
    """Whose doing the only entry that begins so is."""
    found = [e for e in await entries(served, where) if e["text"].startswith(begins)]
    assert len(found) == 1, (begins, [e["text"] for e in await entries(served, where)])
    assert set(found[0]["data"]) & {"by", "via"} == set()
    return found[0]["by"], found[0]["via"]


async def work(served: Served) -> tuple[Person, Person]:
    """Two users of different roles change something, by token and by signature, and the node's admin by token."""
    feeds, decides = await person(served, "ward3", hearts="operator"), await person(served, "chief", "admin")
    job = await feeds.native("POST", f"{FED}/data/rows?wait=30", {"rows": rows(60), "source": "ward 3"})
    assert job[1]["state"] == "done"
    assert (await feeds.native("POST", f"{FED}/sync"))[0] == 200
    assert (await feeds.native("POST", f"{FED}/models", {"kind": "ols", "target": "dose"}))[0] == 201
    assert (await decides.signed("GET", "/fedml/hearts/newSchedule", query="newSchedule=h1"))[0] == 200
    assert (await decides.native("PUT", f"{FED}/contract", {"text": "ROWS() >= 11"}))[0] == 200
    assert (await decides.native("POST", "/v1/projects", {"name": "ward", "schema": SCHEMA}))[0] == 201
    assert (await decides.native("POST", "/v1/sources", {"name": "beds", "location": "/data/beds.csv"}))[0] == 201
    assert (await feeds.signed("GET", "/fedml/hearts/stopPulse"))[0] == 200
    await served.good("PUT", f"{FED}/explorable", {"explorable": True}, headers={"User-Agent": "fedpeer-cli/0.1.0"})
    return feeds, decides


async def test_two_users_of_different_roles_are_told_apart_by_whatever_door_they_come(founded: Served) -> None:
    await work(founded)
    ward3, chief, admin = "user ward3", "user chief", "the admin's token"
    assert await told(founded, "counted 60 rows of ward 3", f"{FED}/log") == (ward3, "token")
    assert await told(founded, "kept the model", f"{FED}/log") == (ward3, "token")
    assert await told(founded, "the pulse was stopped", f"{FED}/log") == (ward3, "signature")
    assert await told(founded, "the schedule is now h1", f"{FED}/log") == (chief, "signature")
    assert await told(founded, "the contract was changed", f"{FED}/log") == (chief, "token")
    assert await told(founded, "made the project ward") == (chief, "token")
    assert await told(founded, "source:beds stands for a place") == (chief, "token")
    assert await told(founded, "exploration of this node alone is allowed") == (admin, "command line")
    assert await told(founded, "added the user ward3: operator in") == (admin, "token")
    assert await told(founded, "added the user chief: admin on the whole node") == (admin, "token")
    assert await told(founded, "founded the federation hearts", f"{FED}/log") == (admin, "token")
    fed = (await founded.good("GET", FED))["id"]
    assert {e["federation"] for e in await entries(founded, f"{FED}/log")} == {fed}


async def test_a_message_over_a_socket_has_an_author_too(founded: Served) -> None:
    some = await person(founded, "ward3", hearts="operator")
    frame = {"attributeNames": ["age", "dose", "sick"], "attributeTypes": ["C", "C", "B"], "data": [["40", "1", "0"]]}
    async with opened(some.caller, "learn") as socket:
        sent = sealed(some.caller, place(some.caller, "learn"), ["hearts"], msgspec.json.encode(frame).decode())
        assert (await said(socket, sent))["statusCode"] == "OK"
    assert await told(founded, "counted 1 rows", f"{FED}/log") == ("user ward3", "signature")


async def test_without_the_mark_at_the_door_nobody_would_be_named(
    founded: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "acting", lambda *_: contextlib.nullcontext())
    await founded.good("PUT", f"{FED}/schedule", {"schedule": "h3"})
    assert await told(founded, "the schedule is now h3") == ("", "")


async def test_nobody_is_named_for_what_the_node_does_by_itself(founded: Served) -> None:
    await work(founded)
    await founded.node._engine.ask((await founded.good("GET", FED))["id"], SetSchedule("d3"))
    await founded.good("GET", "/v1/node")
    assert (await entries(founded))[-1]["by"] == ""
    assert author() is None


async def test_a_mark_ends_with_the_request_and_goes_along_with_what_that_began() -> None:
    async def later() -> str:
        await asyncio.sleep(0)
        found = author()
        return found.name if found else ""

    with acting("user a", "token"):
        mine = asyncio.create_task(later())
        with acting("user b", "signature"):
            other = asyncio.create_task(later())
        again = asyncio.create_task(later())
    whose = [await one for one in (mine, other, again, asyncio.create_task(later()))]
    assert whose == ["user a", "user b", "user a", ""]


async def test_every_change_of_either_dialect_is_a_line_of_the_log_and_no_look_is(
    founded: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "fedpeer.api.access")
    feeds, decides = await work(founded)
    await feeds.native("GET", FED)
    await decides.signed("GET", "/fedml/hearts/info")
    await decides.native("POST", f"{FED}/explore", {"features": ["age"]})
    lines = [r.getMessage() for r in caplog.records if r.name == "fedpeer.api.access"]
    assert f"user ward3 (token): POST '{FED}/data/rows'" in lines
    assert "user ward3 (signature): GET '/symetry/rest/ward3/fedml/hearts/stopPulse'" in lines
    assert "user chief (signature): GET '/symetry/rest/chief/fedml/hearts/newSchedule'" in lines
    assert f"the admin's token (command line): PUT '{FED}/explorable'" in lines
    assert not [line for line in lines if "explore'" in line or "info'" in line or line.endswith(f"'{FED}'")]


async def test_no_secret_is_on_the_timeline_or_in_the_log(founded: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    people = await work(founded)
    again = await founded.good("POST", "/v1/users/ward3/key")
    await founded.good("PUT", "/v1/users/ward3", {"role": "viewer"})
    await founded.good("DELETE", "/v1/users/ward3/key")
    assert (await founded.ask("DELETE", "/v1/users/chief"))[0] == 204
    url = "postgresql://me:sesame@host/beds"
    status, refused, _ = await founded.ask("POST", "/v1/sources", {"name": "pg", "location": url})
    assert (status, "must not hold a password" in refused["detail"]) == (400, True)
    text = msgspec.json.encode(await entries(founded)).decode() + caplog.text
    keys = [key for one in people for key in (one.key, one.token)] + [again["secret_key"], again["token"]]
    for secret in (*keys, ADMIN, VIEWER, key_text(), "sesame"):
        assert secret not in text
    texts = [entry["text"] for entry in await entries(founded)]
    assert texts[-4:] == [
        "gave the user ward3 a new key",
        "the user ward3 is now viewer on the whole node",
        "took the key of the user ward3 away",
        "removed the user chief",
    ]


def test_what_changes_something_is_known_of_every_route() -> None:
    looks = {route.name for route in ROUTES if not route.changes and route.method != "GET"}
    assert {route.name for route in ROUTES if route.role == "viewer" and route.method != "GET"} <= looks
    assert {name for name in looks if name.startswith(("sources", "streams"))} == {
        "sources_browse", "streams_browse", "streams_preview",
    }  # fmt: skip
    assert not [name for name in looks if name.startswith(("people", "federations", "data", "projects"))]
    assert all(point.changes or point.why for point in ENDPOINTS if point.method in ("PUT", "DELETE"))
