"""The dialect whole, by a client that knows only its description."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from fedpeer.api.symetry.maps import Frame
from fedpeer.api.symetry.routes import ENDPOINTS
from tests.support import symetry
from tests.support.served import CONTRACT, SCHEMA, Served
from tests.support.symetry import Caller

PASSWORD = "correct horse battery"
CREATE = {"fed_name": "hearts", "sync_sched": "d7", "fed_profile": "relaxed", "fed_local_type": "cpu"}


def caller(served: Served, **how: Any) -> Caller:
    return Caller(served.session, served.url, served.clock, **how)


def frame(count: int, start: int = 0) -> dict[str, Any]:
    data = [[str(20 + i % 60), str((i * 7 % 21) / 2), str(i % 2), "note"] for i in range(start, start + count)]
    return {"attributeNames": ["age", "dose", "sick", "note"], "attributeTypes": ["C", "C", "B", "X"], "data": data}


async def good(who: Caller, verb: str, rest: str, body: Any = None, **how: Any) -> dict[str, Any]:
    status, told, _ = await who.ask(verb, rest, body, **how)
    assert status in (200, 201), (status, told)
    assert told["statusCode"] == {200: "OK", 201: "CREATED"}[status]
    return told


@pytest.mark.parametrize(("style", "hidden"), [("rust", False), ("go", True)])
async def test_two_parties_from_nothing_to_one_state(pair: tuple[Served, Served], style: str, *, hidden: bool) -> None:
    north, south = (caller(one, style=style) for one in pair)
    asked = {**CREATE, "fed_schema": json.dumps(SCHEMA), "nats_hosts": "nats://127.0.0.1:4222"}
    told = await good(north, "POST", "/fedml/create", asked, query="pid=p1&persist=true", hidden=hidden)
    assert told["statusString"] == "Project Created with id:p1"
    asked = {"passwd": PASSWORD, "fed_rest_host": north.url}
    values = (await good(north, "POST", "/fedml/p1/getInvitation", asked, hidden=hidden))["values"]
    text = values["encryptedGroupInfo"]
    assert values["fedInfoEncrypted"] == text
    assert PASSWORD not in json.dumps(values)
    asked = {"fedInfoEncrypted": text, "passwd": PASSWORD, "fed_local_type": "cpu"}
    told = await good(south, "POST", "/fedml/createJoin", asked, query="pid=mine&persist=true", hidden=hidden)
    assert told["statusString"] == "Fed Project created with join"
    for who, pid, start in ((north, "p1", 0), (south, "mine", 9)):
        told = await good(who, "POST", f"/projects/{pid}/learn", frame(60, start), hidden=hidden)
        assert told["statusString"] == "Job is finished"
        assert told["values"]["jobinfo"]["details"]["rows"] == "60"
        await good(who, "GET", f"/fedml/{pid}/startPulse")
        await good(who, "GET", f"/fedml/{pid}/fullSyncRequest")
    for one in pair:
        assert (await one.good("POST", "/v1/federations/hearts/sync?wait=30"))["converged"]
    info = (await good(south, "GET", "/fedml/mine/info"))["values"]["fedInfoEncrypted"]
    if hidden:
        info = json.loads(symetry.decrypt(info, south.key))
    assert (info["fed_name"], info["sync_sched"], info["is_pulsing"], info["fed_type"]) == (
        "hearts",
        "d7",
        True,
        "nats",
    )
    assert info["fed_secret_key"] == ""
    assert list(info["peersInfo"].values()) == ["north"]
    project = (await good(north, "GET", "/projects/p1/info"))["values"]["smlInfo"]
    assert project["attributeNames"] == ["age", "dose", "sick"]
    assert project["attributeTypes"] == ["C", "C", "B"]
    flags = {"fed_is_admin": "true", "fed_pulsing": "true", "fed_has_error": "false", "sml_project_is_freeze": "false"}
    assert project["params"].items() >= flags.items()
    assert project["params"]["fed_rows"] == "120"
    stats = (await good(north, "GET", "/fedml/p1/syncStats"))["values"]["fedSyncStats"]
    assert (stats["sndCount"], stats["rcvCount"], stats["errorLog"]) == (1, 1, ["no error"])
    lines = (await good(north, "GET", "/fedml/p1/getSyncLog"))["values"]["stringList"]["values"]
    assert any("contribution" in line and "time:2027-01-15T08.00" in line for line in lines)


@pytest.fixture
async def mine(served: Served) -> Caller:
    """A caller who created a federation."""
    who = caller(served)
    asked = {**CREATE, "fed_schema": SCHEMA, "fed_contract": CONTRACT}
    await good(who, "POST", "/fedml/create", asked, query="pid=p1")
    return who


async def test_an_invite_is_taken_as_its_map_too(pair: tuple[Served, Served]) -> None:
    north, south = (caller(one) for one in pair)
    await good(north, "POST", "/fedml/create", {**CREATE, "fed_schema": SCHEMA}, query="pid=p1")
    values = (await good(north, "POST", "/fedml/p1/getEncrypted", {"passwd": PASSWORD}))["values"]
    asked = {**values["fedInvitation"], "fed_secret_key": PASSWORD, "fed_local_name": "the south"}
    await good(south, "POST", "/fedml/createJoin", asked, query="pid=p2")
    for promise in ("fed_use_smpc", "fed_enforce_hipaa_compliance"):
        said = await south.bad("POST", "/fedml/createJoin", {**asked, promise: "true"}, query="pid=p3")
        assert said == f"{promise} is for whoever creates the federation: its charter says so to all"
    members = await pair[0].good("GET", "/v1/federations/hearts/members")
    assert sorted(m["name"] for m in members) == ["north", "the south"]
    status, told, _ = await south.ask("POST", "/fedml/createJoin", asked, query="pid=p2")
    assert (status, told["statusString"]) == (409, "Customer [c1] already have SYMETRYML with id[p2]")
    status, told, _ = await south.ask("POST", "/fedml/p2/getInvitation", {"passwd": PASSWORD})
    assert (status, told["values"]["code"]) == (403, "FP109")
    assert (await south.ask("GET", "/fedml/p2/newSchedule", query="newSchedule=h1"))[0] == 403


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"fed_schema": None}, "fed_schema is missing"),
        ({"fed_schema": "{"}, "the body is not what"),
        ({"fed_schema": '{"features": []}'}, "at least one feature"),
        ({"fed_schema": 5}, "fed_schema is neither"),
        ({"fed_name": ""}, "fed_name is missing"),
        ({"sync_sched": None}, "sync_sched is missing"),
        ({"sync_sched": "3h"}, "is not a schedule"),
        ({"aws_access_key": "AKIA"}, "not backed by AWS"),
        ({"s3_bucket": "b"}, "not backed by AWS"),
        ({"fed_use_smpc": "perhaps"}, "fed_use_smpc"),
        ({"fed_enforce_hipaa_compliance": "true"}, "fed_enforce_hipaa_compliance needs a column of patient ids"),
        (
            {"fed_enforce_hipaa_compliance": True, "fed_schema": SCHEMA | {"patient": "pid"}},
            "fed_enforce_hipaa_compliance tests distributions",
        ),
        ({"fed_enforce_hipaa_compliance": "perhaps"}, "it is true or false"),
        ({"fed_local_type": "gpu"}, "only cpu"),
        ({"nats_hosts": "nats://elsewhere:4222"}, "this node's bus is"),
        ({"surprise": "1"}, "'surprise' is not a key"),
        ({"fed_psr_contract_snd_fail_action": "maybe"}, "fed_psr_contract_snd_fail_action_block"),
        ({"fed_profile": "none"}, "fed_profile"),
        ({"fed_contract": "MEAN(nothing) > 1"}, "nothing"),
    ],
)
async def test_what_cannot_be_promised_is_refused(served: Served, change: dict[str, Any], text: str) -> None:
    asked = {**CREATE, "fed_schema": SCHEMA, **change}
    status, told, _ = await caller(served).ask("POST", "/fedml/create", asked, query="pid=p1")
    assert (status, told["statusCode"]) == (400, "BAD_REQUEST")
    assert text in told["statusString"]
    assert await served.good("GET", "/v1/federations") == []


async def test_rules_for_health_data_are_in_the_charter(served: Served) -> None:
    schema = SCHEMA | {"patient": "pid", "blocks": ["histogram"]}
    asked = {**CREATE, "fed_schema": schema, "fed_enforce_hipaa_compliance": "true"}
    status, _, _ = await caller(served).ask("POST", "/fedml/create", asked, query="pid=p1")
    assert status == 201
    told = await served.good("GET", "/v1/federations/hearts/rules")
    assert told["charter"]["tests"] == ["welch", "ks", "integral"]
    assert (told["charter"]["patients"], told["kept"]["patients"]) == (25, 25)


@pytest.mark.parametrize("query", ["", "pid=", "pid=a/b", "pid=" + "a" * 65, "pid=a&pid=b", "pid=a&persist=false"])
async def test_a_project_needs_a_name(served: Served, query: str) -> None:
    asked = {**CREATE, "fed_schema": SCHEMA}
    assert (await caller(served).ask("POST", "/fedml/create", asked, query=query))[0] == 400


async def test_actions_have_long_and_short_names(served: Served) -> None:
    asked = {
        **CREATE, "fed_schema": SCHEMA,
        "fed_psr_contract_snd_fail_action": "fed_psr_contract_snd_fail_action_allow",
        "fed_psr_contract_rcv_fail_action": "allow",
    }  # fmt: skip
    await good(caller(served), "POST", "/fedml/create", asked, query="pid=p1")
    fed = await served.good("GET", "/v1/federations/hearts")
    assert (fed["send_action"], fed["receive_action"]) == ("allow", "allow")


async def test_two_at_once_cannot_have_one_name(served: Served) -> None:
    who = caller(served)
    asked = [{**CREATE, "fed_name": name, "fed_schema": SCHEMA} for name in ("one", "two")]
    told = await asyncio.gather(*(who.ask("POST", "/fedml/create", body, query="pid=p1") for body in asked))
    assert sorted(status for status, _, _ in told) == [201, 409]
    assert len(await served.good("GET", "/v1/federations")) == 1


async def test_a_name_belongs_to_its_user(mine: Caller, served: Served) -> None:
    status, told, _ = await mine.ask("POST", "/fedml/create", {**CREATE, "fed_schema": SCHEMA}, query="pid=p1")
    assert (status, told["statusCode"]) == (409, "CONFLICT")
    key = (await served.good("POST", "/v1/users", {"cid": "c2", "role": "admin"}))["secret_key"]
    other = caller(served, cid="c2", key=key)
    status, told, _ = await other.ask("GET", "/fedml/p1/info")
    assert (status, told["statusString"]) == (400, "Cannot Find SYMETRYML id[p1] for Customer id [c2]")
    assert (await other.ask("GET", "/fedml/hearts/info"))[0] == 200
    await served.good("DELETE", "/v1/users/c2")
    assert (await other.ask("GET", "/fedml/hearts/info"))[0] == 401
    assert [u["cid"] for u in await served.good("GET", "/v1/users")] == ["c1"]


@pytest.mark.parametrize("name", ["contractValidate", "psrContractValidate"])
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: {"values": x}, lambda x: {"stringList": {"values": x}}])
async def test_contracts_are_tried(mine: Caller, name: str, wrap: Any) -> None:
    told = await good(mine, "POST", f"/fedml/p1/{name}", wrap(["COUNT(age) >= 5", "ROWS() > 1"]))
    assert told["values"] == {"string": "ok"}
    told = await good(mine, "POST", f"/fedml/p1/{name}", wrap(["COUNT(agee) >= 5"]))
    assert "agee" in told["values"]["string"]
    for body in ({"values": "COUNT"}, {"values": [1]}, {}, {"list": []}):
        assert (await mine.ask("POST", f"/fedml/p1/{name}", body))[0] == 400


@pytest.mark.parametrize("name", ["addContract", "addPsrContract"])
async def test_contracts_are_set_once_valid(mine: Caller, served: Served, name: str) -> None:
    await good(mine, "POST", f"/fedml/p1/{name}", ["COUNT(age) >= 5"])
    assert (await served.good("GET", "/v1/federations/hearts/contract"))["text"] == "COUNT(age) >= 5"
    status, told, _ = await mine.ask("POST", f"/fedml/p1/{name}", ["COUNT(agee) >= 5"])
    assert (status, told["values"]["code"]) == (400, "FP105")
    assert (await served.good("GET", "/v1/federations/hearts/contract"))["text"] == "COUNT(age) >= 5"


async def test_switches(mine: Caller, served: Served) -> None:
    for rest, query, key, value in (
        ("startPulse", "", "pulsing", True),
        ("stopPulse", "", "pulsing", False),
        ("newSchedule", "newSchedule=h3", "schedule", "h3"),
        ("setExplorePeers", "allowExplore=true", "explorable", True),
        ("setExplorePeers", "allowExplore=false", "explorable", False),
    ):
        await good(mine, "GET", f"/fedml/p1/{rest}", query=query)
        assert (await served.good("GET", "/v1/federations/hearts"))[key] == value
    for rest, query in (("newSchedule", ""), ("setExplorePeers", ""), ("setExplorePeers", "allowExplore=yes")):
        assert (await mine.ask("GET", f"/fedml/p1/{rest}", query=query))[0] == 400


async def test_there_is_no_aws(mine: Caller) -> None:
    status, told, _ = await mine.ask("POST", "/fedml/p1/awsinfo", {"aws_access_key": "x"})
    assert (status, told["statusString"]) == (400, "this federation is not backed by AWS")


async def test_the_error_log_is_cleared(mine: Caller) -> None:
    told = await good(mine, "GET", "/fedml/p1/getErrorLog")
    assert told["values"] == {"stringList": {"values": ["no error"]}}
    await good(mine, "DELETE", "/fedml/p1/clearErrorLog")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"attributeTypes": ["C", "C", "B"]}, "of one length"),
        ({"attributeNames": ["age", "age", "sick", "note"]}, "given twice"),
        ({"attributeTypes": ["C", "C", "L", "X"]}, "is of type 'L'"),
        ({"attributeTypes": ["C", "C", "P", "X"]}, "is of type 'P'"),
        ({"data": [["1", "1", "1"]]}, "row 1 has 3 values"),
        ({"surprise": 1}, "unknown field"),
        ({"data": "x"}, "expected `array`"),
    ],
)
async def test_a_frame_that_is_none_is_refused(mine: Caller, change: dict[str, Any], text: str) -> None:
    status, told, _ = await mine.ask("POST", "/projects/p1/learn", {**frame(5), **change})
    assert status == 400
    assert text in told["statusString"]


async def test_learning_later_is_a_job(mine: Caller, served: Served) -> None:
    status, told, headers = await mine.ask("POST", "/projects/p1/learn", frame(40), query="async=true")
    assert (status, told["statusCode"]) == (202, "ACCEPTED")
    job = headers["sym-job-id"]
    assert headers["Location"] == f"/symetry/rest/c1/jobs/{job}"
    assert (await served.good("GET", f"/v1/jobs/{job}?wait=30"))["state"] == "done"
    told = await good(mine, "GET", f"/jobs/{job}")
    assert told["statusString"] == "Job is finished"
    info = told["values"]["jobinfo"]
    assert (info["jobId"], info["isDone"], info["owner"]) == (job, True, "c1")
    told = await good(mine, "GET", "/jobs")
    assert [one["jobId"] for one in told["values"]["jobinfo"]] == [job]
    assert (await mine.ask("DELETE", f"/jobs/{job}"))[0] == 202
    for verb in ("GET", "DELETE"):
        status, told, _ = await mine.ask(verb, "/jobs/77")
        assert (status, told["statusString"]) == (400, "No such job")


async def test_the_same_rows_twice_are_a_conflict(mine: Caller) -> None:
    await good(mine, "POST", "/projects/p1/learn", frame(40))
    status, told, _ = await mine.ask("POST", "/projects/p1/learn", frame(40))
    assert (status, told["statusCode"]) == (409, "CONFLICT")
    await good(mine, "POST", "/projects/p1/learn", frame(40), query="force=true")


async def test_missing_values_are_counted(mine: Caller) -> None:
    body = frame(40)
    body["data"][0][0] = ""
    told = await good(mine, "POST", "/projects/p1/learn", body)
    assert told["values"]["jobinfo"]["details"]["rows"] == "39"


async def test_entities_are_answered_in_kind(mine: Caller) -> None:
    plain = (await good(mine, "GET", "/fedml/p1/info"))["values"]["fedInfoEncrypted"]
    sealed = (await good(mine, "GET", "/fedml/p1/info", query="encrypted=true"))["values"]["fedInfoEncrypted"]
    assert json.loads(symetry.decrypt(sealed, mine.key)) == plain
    await good(mine, "POST", "/fedml/p1/contractValidate", ["ROWS() > 1"], hidden=True)
    sealed = (await good(mine, "GET", "/fedml/p1/info"))["values"]["fedInfoEncrypted"]
    assert json.loads(symetry.decrypt(sealed, mine.key)) == plain
    again = (await good(mine, "GET", "/fedml/p1/info", query="encrypted=false"))["values"]["fedInfoEncrypted"]
    assert again == plain


async def test_a_short_password_makes_no_invite(mine: Caller) -> None:
    for body in ({"passwd": "short"}, {"passwd": ""}, {"fed_rest_host": "x"}, {"passwd": PASSWORD, "x": "y"}):
        status, told, _ = await mine.ask("POST", "/fedml/p1/getInvitation", body)
        assert status == 400, told
    status, told, _ = await mine.ask(
        "POST", "/fedml/createJoin", {"fedInfoEncrypted": "nonsense", "passwd": PASSWORD}, query="pid=p9"
    )
    assert status == 400, told


@pytest.mark.parametrize("point", [p for p in ENDPOINTS if "{pid}" in p.path], ids=lambda p: p.path)
async def test_an_unknown_project_is_not_found(mine: Caller, point: Any) -> None:
    body = {"passwd": PASSWORD} if "get" in point.path else ["ROWS() > 1"] if "ontract" in point.path else {}
    body = frame(3) if point.kind is Frame else body
    body = {"type": "nats"} if "/streams/" in point.path else {"values": []} if "/fusion/" in point.path else body
    query = "newSchedule=h1&allowExplore=true"
    rest = re.sub(r"\{\w+\}", "x", point.path.replace("{pid}", "r5"))
    status, told, _ = await mine.ask(point.method, rest, body if point.kind else None, query=query)
    assert (status, told["statusString"]) == (400, "Cannot Find SYMETRYML id[r5] for Customer id [c1]")


async def test_a_project_is_called_by_its_whole_id_or_name(mine: Caller, served: Served) -> None:
    (fed,) = (found.id for found in served.node.federations())
    for begun in (fed[:1], fed[:2], fed[:5], fed[:-1]):
        status, told, _ = await mine.ask("GET", f"/fedml/{begun}/info")
        assert (status, told["statusString"]) == (400, f"Cannot Find SYMETRYML id[{begun}] for Customer id [c1]")
    await good(mine, "GET", f"/fedml/{fed}/info")


async def test_what_is_not_an_endpoint_says_so(mine: Caller) -> None:
    for verb, rest in (("GET", "/fedml/p1/nothing"), ("POST", "/fedml/p1/info"), ("PATCH", "/jobs")):
        status, told, _ = await mine.ask(verb, rest, {} if verb != "GET" else None)
        assert (status, told["statusCode"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("body", ['{"fed_name": "a", "fed_name": "b"}', '{"fed_name": NaN}', "[" * 99, "{", '"a"'])
async def test_bodies_are_read_strictly(mine: Caller, body: str) -> None:
    path = "/symetry/rest/c1/fedml/create"
    status, told, _ = await mine.send("POST", path, mine.headers("POST", path, "", body), "", body)
    assert (status, told["statusCode"]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("point", [p for p in ENDPOINTS if p.why], ids=lambda p: f"{p.method}{p.path}")
async def test_what_is_not_supported_says_why(mine: Caller, point: Any) -> None:
    rest = re.sub(r"\{\w+\}", "x", point.path.replace("{pid}", "p1"))
    for body in ({"name": "x"} if point.method == "POST" else None, None):
        assert await mine.bad(point.method, rest, body) == point.why
