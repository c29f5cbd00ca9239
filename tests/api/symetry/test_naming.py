"""What users call projects: each by names of its own, none of which ever stands for another's project."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from fedpeer.api.auth import user_token
from tests.api.symetry.conftest import iris_frame
from tests.support.served import SCHEMA, Served
from tests.support.symetry import Caller


async def another(served: Served, cid: str, role: str, **grants: str) -> Caller:
    told = await served.good("POST", "/v1/users", {"cid": cid, "role": role, "grants": grants})
    return Caller(served.session, served.url, served.clock, cid=cid, key=told["secret_key"])


async def listed(user: Caller) -> list[str]:
    names: list[str] = (await user.good("GET", "/projects/list"))["stringList"]["values"]
    return names


async def made(user: Caller, pid: str, served: Served) -> str:
    """The id of a new project that the user calls so."""
    before = {project["id"] for project in await served.good("GET", "/v1/projects")}
    await user.good("POST", "/projects", {"sml_schema": SCHEMA}, query=f"pid={pid}")
    (found,) = {project["id"] for project in await served.good("GET", "/v1/projects")} - before
    return str(found)


async def test_what_is_asked_twice_reaches_nobody_elses_project(user: Caller, served: Served) -> None:
    theirs, other = await made(user, "p1", served), await another(served, "c2", "operator")
    for verb, rest, query in (("DELETE", "", ""), ("GET", "/rename", "newName=p2")):
        await made(other, "p1", served)
        await other.good(verb, f"/projects/p1{rest}", query=query)
        for again, path in ((verb, rest), ("GET", "/freeze"), ("GET", "/info")):
            said = await other.bad(again, f"/projects/p1{path}", query=query)
            assert said == "Cannot Find SYMETRYML id[p1] for Customer id [c2]"
    assert await listed(other) == ["p2", theirs]
    assert (await other.good("GET", f"/projects/{theirs}/info"))["smlInfo"]["pid"] == theirs
    assert await listed(user) == sorted(["p1", "p2"])
    assert {project["name"]: project["frozen"] for project in await served.good("GET", "/v1/projects")} == {
        "p1": False,
        "p2": False,
    }


async def test_what_is_listed_is_found_by_that_name(user: Caller, served: Served) -> None:
    first, other = await made(user, "p1", served), await another(served, "c2", "operator")
    second = await made(other, "p1", served)
    lone = await made(other, "alone", served)
    viewer = await another(served, "c3", "viewer")
    assert await listed(viewer) == sorted(["alone", first, second])
    assert await listed(user) == sorted(["alone", "p1", second])
    for one in (user, other, viewer):
        for name in await listed(one):
            assert (await one.good("GET", f"/projects/{name}/info"))["smlInfo"]["pid"] == name
    assert "Cannot Find" in await viewer.bad("GET", "/projects/p1/info")
    assert {first, second, lone} == {project["id"] for project in await served.good("GET", "/v1/projects")}


async def test_nobody_learns_of_a_hidden_project_by_its_name(user: Caller, served: Served) -> None:
    scope = await made(user, "p1", served)
    guest = await another(served, "c2", "none", **{scope: "viewer"})
    token = user_token("c2", base64.b64decode(guest.key))

    async def answers() -> list[tuple[int, Any]]:
        told, native = (
            await guest.ask("GET", "/projects/p1/info"),
            await served.ask("GET", "/v1/projects/p1", token=token),
        )
        return [told[:2], native[:2]]

    before = await answers()
    assert [status for status, _ in before] == [200, 200]
    await made(await another(served, "c3", "operator"), "p1", served)
    assert await answers() == before
    assert await listed(guest) == ["p1"]


async def test_a_name_is_given_once_though_two_ask_at_once(user: Caller, served: Served) -> None:
    first, second = await made(user, "a", served), await made(user, "b", served)
    told = await asyncio.gather(*(user.ask("GET", f"/projects/{pid}/rename", query="newName=c") for pid in "ab"))
    assert sorted(status for status, *_ in told) == [200, 409]
    (left,) = {"a", "b"} & set(await listed(user))
    assert await listed(user) == [left, "c"]
    assert {first, second} == {project["id"] for project in await served.good("GET", "/v1/projects")}


async def test_no_beginning_stands_for_a_model_a_batch_or_a_stream(iris: Caller, served: Served) -> None:
    body = {"inputAttributes": ["0"], "targets": ["1"]}
    await iris.good("POST", "/projects/iris/build", body, query="modelid=beefbeefbeefbeef&algo=mlr&async=false")
    (scope,) = (project["id"] for project in await served.good("GET", "/v1/projects"))
    batch = (await served.good("GET", f"/v1/federations/{scope}/data"))[0]["id"]
    assert (await served.good("GET", f"/v1/federations/{scope}/models/beef"))["id"] == "beefbeefbeefbeef"
    assert "Cannot Find model id[beef]" in await iris.bad("GET", "/projects/iris/models/beef")
    said = await iris.bad("POST", "/projects/iris/forget", iris_frame([0]), query=f"batch={batch[:6]}")
    assert said == f"there is no batch '{batch[:6]}': getDsLog lists them"
    await iris.good("POST", "/projects/iris/forget", iris_frame([0]), query=f"batch={batch}")
    assert "Cannot Find Stream id[beef]" in await iris.bad("GET", "/projects/iris/streams/beef/metrics")


async def test_a_project_says_that_it_has_no_federation(iris: Caller) -> None:
    for verb, rest in (("GET", "info"), ("GET", "startPulse"), ("GET", "getSyncLog"), ("DELETE", "clearErrorLog")):
        said = await iris.bad(verb, f"/fedml/iris/{rest}")
        assert said == "project [iris] has no federation: it is this node's own"


async def test_a_name_stands_for_the_federation_that_goes_on(joined: tuple[Served, Served]) -> None:
    south = joined[1]
    first = (await south.good("POST", "/v1/federations/hearts/leave"))["id"]
    assert (await south.good("GET", "/v1/federations/hearts"))["id"] == first
    body = {"name": "hearts", "schema": SCHEMA, "contract": "ROWS() >= 1", "schedule": "d7"}
    second = (await south.good("POST", "/v1/federations", body))["id"]
    assert (await south.good("GET", "/v1/federations/hearts"))["id"] == second
    assert await listed(Caller(south.session, south.url, south.clock)) == sorted([first, second])
    await south.good("POST", "/v1/federations", body)
    status, told, _ = await south.ask("GET", "/v1/federations/hearts")
    assert (status, "say which by its id" in told["hint"], first in told["hint"]) == (404, True, False)
