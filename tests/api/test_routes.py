"""Every route of the table: what it does, and whom and what it refuses."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from fedpeer import config, daemon
from fedpeer.api.bodies import Nothing
from fedpeer.api.routes import EVENTS, JSON, ROUTES, Route
from fedpeer.core.peer.state import Batch
from fedpeer.node import counting
from fedpeer.node.shapes import LogEntry
from tests.support.nats import until
from tests.support.served import ADMIN, CONTRACT, SCHEMA, VIEWER, Served, looking, rows

SHAPE = ["type", "title", "status", "code", "detail", "hint", "instance"]


@dataclass(frozen=True)
class Example:
    """A request that works, in the federation `hearts` with 60 rows, an invite, a model and a finished job."""

    parts: dict[str, str]
    body: Any = None
    query: str = ""


async def _ready(served: Served) -> dict[str, str]:
    """Give the federation what examples speak of; return the ids."""
    fed = "/v1/federations/hearts"
    job = await served.good("POST", f"{fed}/data/rows?wait=30", {"rows": rows(60)})
    assert job["state"] == "done", job
    await served.good("POST", f"{fed}/sync")
    invite = await served.good("POST", f"{fed}/invites", {"passphrase": "a phrase of enough letters"})
    model = await served.good("POST", f"{fed}/models", {"kind": "ols", "target": "dose", "features": ["age"]})
    for name in ("ward", "spare"):
        await served.good("POST", "/v1/projects", {"name": name, "schema": SCHEMA})
    await served.good("POST", "/v1/sources", {"name": "rows", "location": "/nowhere/rows.csv"})
    return {
        "source": "rows", "project": "ward", "fed": "hearts",
        "job": job["id"], "batch": job["result"]["id"], "invite": invite["id"], "model": model["id"],
        "cid": "c1", "watch": "nosuchwatch", "stream": "nosuchstream", "member": "nobody",
        "text": invite["text"], "picture": "correlation.svg",
        "proposal": "nosuchproposal",
    }  # fmt: skip


BODIES: dict[str, Any] = {
    "contracts_check_text": {"text": CONTRACT, "schema": SCHEMA},
    "contracts_check": {"text": CONTRACT},
    "contracts_put": {"text": "ROWS() >= 11"},
    "data_add_rows": {"rows": [{"age": 30, "dose": 1.5, "sick": 0}, {"age": 31, "dose": 2, "sick": True}]},
    "data_watch": {"location": "x.csv"},
    "streams_start": {"location": "nats://127.0.0.1:9/x"},
    "streams_change": {"running": True},
    "writing_predict": {"location": "/nowhere/in.csv", "to": "/nowhere/out.csv"},
    "streams_browse": {"location": "nats://127.0.0.1:9"},
    "streams_preview": {"location": "nats://127.0.0.1:9/x"},
    "data_withdraw_rows": {"rows": {name: column[:1] for name, column in rows(60).items()}},
    "growth_propose": {"additions": {"features": [{"name": "tall", "kind": "binary"}]}},
    "federations_create": {"name": "lungs", "schema": SCHEMA, "contract": CONTRACT},
    "federations_set_explorable": {"explorable": True},
    "federations_set_rules": {"rows": 25},
    "federations_set_pulse": {"pulsing": False},
    "federations_set_schedule": {"schedule": "h3"},
    "models_choose": {
        "kinds": {"ols": {}},
        "target": "dose",
        "rows": {"age": [30, 31], "sick": [0, 1], "dose": [1, 2]},
    },
    "models_evaluate": {"rows": {"age": [30, 31], "dose": [1.5, 2]}},
    "models_explore": {"features": ["age"]},
    "models_fit": {"kind": "ols", "target": "dose"},
    "models_predict": {"rows": {"age": [30, 31], "sick": [0, 1]}},
    "models_validate": {"kind": "ols", "target": "dose"},
    "sources_keep": {"name": "beds", "location": "/nowhere/beds.csv"},
    "projects_change": {"name": "another"},
    "projects_create": {"name": "beds"},
    "projects_merge": {"other": "spare"},
    "people_add_user": {"cid": "c2"},
    "people_rotate_key": {"overlap_s": 60},
    "people_permit_user": {"role": "operator", "grants": {"hearts": "admin"}},
    "people_invite": {"expires_in_s": 3600},
}
# Routes whose happy path needs a second node or a file; each has a test of its own, named here.
ELSEWHERE = {
    "federations_audit_round": "test_daemons_open_the_pooled_sum_and_nothing_else_and_it_can_be_audited",
    "federations_bridge": "test_a_node_bridges_two_federations",
    "federations_cipher": "test_what_a_cipher_is_is_served_and_the_same_everywhere",
    "federations_join": "test_two_nodes_join_and_agree",
    "models_validate": "test_there_is_nothing_to_leave_out_of_one_node",
    "people_remove": "test_a_member_is_removed",
    "sources_browse": "test_sources_have_names_and_are_looked_at",
    "sources_sample": "test_sources_have_names_and_are_looked_at",
    "projects_take_in": "test_a_project_is_kept_without_a_federation",
    "growth_agree": "test_nobody_counts_what_it_has_not_agreed_to",
    "growth_propose": "test_a_schema_grows_by_proposals",
    "growth_accept": "test_a_schema_grows_by_proposals",
    "growth_decline": "test_a_schema_grows_by_proposals",
    "federations_leave": "test_a_member_leaves",
    "data_add_source": "test_a_location_that_cannot_be_read_is_refused",
    "data_watch": "test_watches_are_added_listed_and_removed_over_the_api",
    "data_unwatch": "test_watches_are_added_listed_and_removed_over_the_api",
    "data_cancel": "test_a_job_that_is_over_cannot_be_cancelled",
    "pictures_of_model": "test_a_model_is_drawn",
    "pictures_of_job": "test_an_evaluation_is_drawn",
    "service_events": "test_entries_arrive_as_they_happen",
    "streams_start": "test_a_stream_is_begun_stopped_gone_on_with_and_forgotten",
    "writing_predict": "test_predictions_are_written_to_a_new_file",
    "streams_change": "test_a_stream_is_begun_stopped_gone_on_with_and_forgotten",
    "streams_one": "test_a_stream_is_begun_stopped_gone_on_with_and_forgotten",
    "streams_log": "test_a_stream_is_begun_stopped_gone_on_with_and_forgotten",
    "streams_browse": "test_what_a_server_has_is_shown_to_operators",
    "streams_preview": "test_what_a_server_has_is_shown_to_operators",
    "streams_stop": "test_a_stream_is_begun_stopped_gone_on_with_and_forgotten",
}


PARTS = ("proposal", "source", "fed", "job", "batch", "invite", "model", "cid", "member", "watch", "stream", "picture")


def path(route: Route, parts: dict[str, str]) -> str:
    if route.base.startswith("/v1/projects"):
        parts = {**parts, "fed": parts.get("project", parts["fed"])}
    return re.sub(r"\{(\w+)\}", lambda m: parts[m[1]], route.path)


def named(routes: Any) -> Any:
    return pytest.mark.parametrize("route", routes, ids=lambda r: r.name)


@pytest.fixture
async def ready(founded: Served) -> tuple[Served, dict[str, str]]:
    return founded, await _ready(founded)


def test_every_route_has_a_happy_path() -> None:
    names = {route.name for route in ROUTES}
    taking = {route.name for route in ROUTES if route.body is not None}
    assert len(names) == len(ROUTES)
    assert set(BODIES) | set(ELSEWHERE) >= taking
    assert set(ELSEWHERE) <= names


@named([route for route in ROUTES if route.name not in ELSEWHERE])
async def test_a_route_answers_in_its_shape(ready: tuple[Served, dict[str, str]], route: Route) -> None:
    served, parts = ready
    status, told, headers = await served.ask(route.method, path(route, parts), BODIES.get(route.name))
    assert status == route.status, told
    assert headers["Content-Type"].startswith(route.media[0]) if route.answer else told == ""
    if route.media[0] == JSON and route.answer:
        msgspec.convert(told, route.answer)
    if status in (201, 202) and "cid" not in route.path and route.name not in ("people_invite", "people_add_user"):
        assert (await served.ask("GET", headers["Location"]))[0] == 200


@named(ROUTES)
async def test_only_those_with_a_token_are_let_in(served: Served, route: Route) -> None:
    where = path(route, dict.fromkeys(PARTS, "x"))
    for headers in ({}, {"Authorization": "Bearer " + "z" * 40}, {"Authorization": "Basic " + "a" * 40}):
        status, told, _ = await served.ask(route.method, where, token=None, headers=headers)
        if route.role == "anyone":
            assert status == 200
        else:
            assert (status, told["code"], list(told)) == (401, "FP117", SHAPE)


@named([route for route in ROUTES if route.role == "admin"])
async def test_a_viewer_may_only_look(served: Served, route: Route) -> None:
    where = path(route, dict.fromkeys(PARTS, "x"))
    status, told, _ = await served.ask(route.method, where, token=VIEWER)
    assert (status, told["code"], list(told)) == (403, "FP130", SHAPE)


@named([route for route in ROUTES if "{" in route.path])
async def test_an_unknown_id_is_not_found(founded: Served, route: Route) -> None:
    body = BODIES.get(route.name, {"location": "x.csv"} if route.name == "data_add_source" else None)
    parts = dict.fromkeys(PARTS, "nosuchthing")
    if re.findall(r"\{(\w+)\}", route.path) != ["fed"]:
        parts["fed"] = "hearts"
    status, told, _ = await founded.ask(route.method, path(route, parts), body)
    assert (status, told["code"], list(told)) == (404, "FP110", SHAPE)
    assert told["type"] == "/docs/errors/FP110.md"


@named([route for route in ROUTES if route.body is not None])
@pytest.mark.parametrize(
    ("body", "content", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"strange": 1}', "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"{}", "application/json; charset=latin-1", 415),
        (b'{"text": "\xff"}', "application/json", 400),
    ],
)
async def test_a_body_that_is_none_is_refused(
    founded: Served, route: Route, body: bytes, content: str, status: int
) -> None:
    where = path(route, dict.fromkeys(PARTS, "hearts"))
    got, told, _ = await founded.ask(route.method, where, body, headers={"Content-Type": content})
    if route.name == "people_invite" and body == b"{}" and status == 400:
        return
    assert (got, list(told)) == (status, SHAPE)


@named([route for route in ROUTES if route.body is None and EVENTS not in route.media])
async def test_what_takes_no_body_takes_none(ready: tuple[Served, dict[str, str]], route: Route) -> None:
    served, parts = ready
    status, told, _ = await served.ask(route.method, path(route, parts), {"surprise": 1})
    assert (status, told["code"]) == (400, "FP118")


@named(ROUTES)
async def test_a_query_is_read_strictly(founded: Served, route: Route) -> None:
    where = path(route, dict.fromkeys(PARTS, "hearts"))
    for query in ("?surprise=1", "?wait=nan", "?wait=-1", "?limit=1&limit=2", "?limit=x"):
        status, told, _ = await founded.ask(route.method, where + query)
        assert (status, told["code"]) == (400, "FP118"), query


@named(ROUTES)
def test_the_table_says_what_the_handler_takes(route: Route) -> None:
    hints = get_type_hints(route.handler)
    body, query = get_args(hints["call"])
    assert (route.body or Nothing, route.query) == (body, query)
    returns = hints["return"]
    if hasattr(returns, "__args__") or (isinstance(route.answer, type) and issubclass(route.answer, msgspec.Struct)):
        told_by_itself = route.answer is LogEntry
        assert returns == route.answer or returns.__name__ == "Reply" or told_by_itself


@named([route for route in ROUTES if route.method == "GET"])
async def test_looking_changes_nothing(ready: tuple[Served, dict[str, str]], route: Route) -> None:
    served, parts = ready
    if EVENTS in route.media:
        return

    async def quiet() -> bool:
        """Whether it has said to the bus how it stands, which it does a moment after all else."""
        return bool((await served.good("GET", "/v1/federations/hearts"))["converged"])

    await until(quiet)
    before = [(await served.ask("GET", p))[1] for p in ("/v1/federations", "/v1/federations/hearts/log")]
    await served.ask("GET", path(route, parts), token=VIEWER)
    assert [(await served.ask("GET", p))[1] for p in ("/v1/federations", "/v1/federations/hearts/log")] == before


async def test_there_is_nothing_to_leave_out_of_one_node(ready: tuple[Served, dict[str, str]]) -> None:
    served, _ = ready
    asked = {"kind": "ols", "target": "dose"}
    status, told, _ = await served.ask("POST", "/v1/federations/hearts/validate", asked)
    assert (status, told["code"]) == (400, "FP118")
    assert "needs two" in told["detail"]


async def test_a_member_is_removed(joined: tuple[Served, Served]) -> None:
    north, _ = joined
    members = "/v1/federations/hearts/members"
    other = next(m["id"] for m in await north.good("GET", members) if not m["me"])
    await north.good("DELETE", f"{members}/{other}?reason=test")
    assert next(m for m in await north.good("GET", members) if m["id"] == other)["removed_at"] > 0


async def test_a_member_leaves(joined: tuple[Served, Served]) -> None:
    left = await joined[1].good("POST", "/v1/federations/hearts/leave")
    assert left["state"] == "left"


async def test_a_schema_that_differs_is_not_joined(pair: tuple[Served, Served]) -> None:
    north, south = pair
    await north.good("POST", "/v1/federations", {"name": "hearts", "schema": SCHEMA, "contract": CONTRACT})
    invite = await north.good("POST", "/v1/federations/hearts/invites", {})
    other = {"features": SCHEMA["features"][:2]}
    asked = {"text": invite["text"], "passphrase": invite["passphrase"], "schema": other}
    status, told, _ = await south.ask("POST", "/v1/joins", asked)
    assert (status, told["code"]) == (422, "FP101")
    assert await south.good("GET", "/v1/federations") == []


async def test_two_nodes_join_and_agree(joined: tuple[Served, Served]) -> None:
    north, south = joined
    fed = "/v1/federations/hearts"
    for one, start in ((north, 0), (south, 7)):
        await one.good("POST", f"{fed}/data/rows?wait=30", {"rows": rows(60, start)})
        await one.good("POST", f"{fed}/sync")
    for one in (north, south):
        synced = await one.good("POST", f"{fed}/sync?wait=30")
        assert synced["converged"], synced
        assert synced["rows"] == 120
    digests = {(await one.good("GET", fed))["total_digest"] for one in (north, south)}
    assert len(digests) == 1
    invites = await north.good("GET", f"{fed}/invites")
    assert [(i["state"], i["text"], i["passphrase"]) for i in invites] == [("redeemed", "", "")]
    members = await north.good("GET", f"{fed}/members")
    other = next(m["id"] for m in members if not m["me"])
    assert (await south.ask("DELETE", f"{fed}/members/{other}"))[1]["code"] == "FP109"
    assert (await south.ask("PUT", f"{fed}/schedule", {"schedule": "h1"}))[0] == 403


async def test_a_wrong_passphrase_is_refused(founded: Served) -> None:
    invite = await founded.good("POST", "/v1/federations/hearts/invites", {"passphrase": "a phrase of enough letters"})
    asked = {"text": invite["text"], "passphrase": "another phrase of letters"}
    status, told, _ = await founded.ask("POST", "/v1/joins", asked)
    assert 400 <= status < 500
    assert list(told) == SHAPE
    assert "another phrase" not in str(told)


async def test_a_location_that_cannot_be_read_is_refused(founded: Served) -> None:
    status, told, _ = await founded.ask("POST", "/v1/federations/hearts/data", {"location": "/no/such.csv"})
    assert (status, told["code"]) == (422, "FP104")


async def test_a_job_that_is_over_cannot_be_cancelled(ready: tuple[Served, dict[str, str]]) -> None:
    served, parts = ready
    status, told, _ = await served.ask("DELETE", f"/v1/jobs/{parts['job']}")
    assert (status, told["code"]) == (409, "FP111")


async def test_rows_that_fail_make_a_failed_job(founded: Served) -> None:
    status, job, headers = await founded.ask("POST", "/v1/federations/hearts/data/rows?wait=30", {"rows": [{"a": 1}]})
    assert (status, job["state"]) == (200, "failed")
    assert set(job["error"]) == {"code", "detail", "hint"}
    assert job["error"]["code"] in ("FP103", "FP104")
    assert job["error"]["detail"]
    assert headers["Location"] == f"/v1/jobs/{job['id']}"


async def test_a_contract_error_shows_the_place(founded: Served) -> None:
    status, told, _ = await founded.ask("PUT", "/v1/federations/hearts/contract", {"text": "MEAN(age >= 1"})
    assert (status, told["code"]) == (422, "FP105")
    assert "MEAN(age >= 1" in told["detail"]
    assert "^" in told["detail"]


async def test_the_log_pages(ready: tuple[Served, dict[str, str]]) -> None:
    served, _ = ready
    whole = (await served.good("GET", "/v1/federations/hearts/log?limit=1000"))["entries"]
    found, before = [], 0
    while True:
        page = await served.good("GET", f"/v1/federations/hearts/log?limit=1&before={before}")
        found += page["entries"]
        before = page["next"]
        if not before:
            break
    assert found == whole
    only = await served.good("GET", "/v1/federations/hearts/log?kinds=charter,member&levels=info")
    assert {e["kind"] for e in only["entries"]} <= {"charter", "member"}


async def test_metrics_are_prometheus_text(ready: tuple[Served, dict[str, str]]) -> None:
    served, _ = ready
    status, text, headers = await served.ask("GET", "/v1/metrics", token=VIEWER)
    assert status == 200
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    line = re.compile(r'# TYPE [a-z_]+ (counter|gauge)|[a-z_]+(\{([a-z]+="([^"\\\n]|\\.)*",?)*\})? -?[0-9.e+]+')
    assert all(line.fullmatch(one) for one in text.splitlines())
    assert 'fedpeer_local_rows{federation="' in text


async def test_an_invite_that_does_not_say_lasts_as_the_node_is_set(founded):
    node = founded.node
    settings = config.override(config.Settings(), {"invites.expiry_hours": 0.5})
    node._means = replace(node._means, invite_s=daemon._means(settings).invite_s)
    ask = ("POST", "/v1/federations/hearts/invites")
    unsaid, said = [await founded.good(*ask, body) for body in ({}, {"expires_in_s": 3600})]
    assert unsaid["expires_at"] - unsaid["created_at"] == 1800
    assert said["expires_at"] - said["created_at"] == 3600


async def test_a_batch_goes_by_a_beginning_of_its_id_that_no_other_shares(founded: Served, monkeypatch) -> None:
    fed = "/v1/federations/hearts/data"
    for name in ("abcd12", "abcd34"):
        monkeypatch.setattr(counting, "batch_for", partial(_called, name, counting.batch_for))
        await founded.good("POST", f"{fed}/rows?wait=30", {"rows": rows(20), "source": name, "force": True})
        monkeypatch.undo()
    for text in ("abc", "abcd", "cd12", "abcd12x"):
        status, told, _ = await founded.ask("DELETE", f"{fed}/{text}")
        assert (status, told["code"], "fedpeer data list" in told["hint"]) == (404, "FP110", True)
    assert len(await founded.good("GET", fed)) == 2
    assert (await founded.good("DELETE", f"{fed}/abcd1"))["id"] == "abcd12"
    assert [batch["id"] for batch in await founded.good("GET", fed)] == ["abcd34"]


def _called(name: str, real: Callable[..., Batch], *given: Any) -> Batch:
    return msgspec.structs.replace(real(*given), id=name)


async def test_a_project_is_kept_without_a_federation(served: Served) -> None:
    made = await served.good("POST", "/v1/projects", {"name": "ward", "schema": SCHEMA})
    here = f"/v1/federations/{made['id']}"
    job = await served.good("POST", f"{here}/data/rows?wait=30", {"rows": rows(60)})
    assert (job["state"], job["result"]["rows"]) == ("done", 60)
    job = await served.good("POST", f"{here}/data/rows?wait=30", {"rows": rows(60)})
    assert (job["state"], job["error"]["code"]) == ("failed", "FP112")
    first = {name: column[:1] for name, column in rows(60).items()}
    job = await served.good("POST", f"{here}/data/withdrawn?wait=30", {"rows": first})
    assert job["result"]["rows"] == 59
    told = await served.good("POST", "/v1/federations/ward/explore", {"features": ["age"]})
    assert (told["rows"], told["values"]["count"]) == (59, 59)
    model = await served.good("POST", f"{here}/models", {"kind": "ols", "target": "dose", "features": ["age"]})
    assert model["federation"] == made["id"]
    assert model["model"]["certificate"]["basis"]["total"] == told["digest"]
    answer = await served.good("POST", f"{here}/models/{model['id']}/predict", {"rows": {"age": [30]}})
    assert answer["values"][0] is not None
    async with served.session.get(
        f"{served.url}/v1/projects/ward/export", headers={"Authorization": f"Bearer {ADMIN}"}
    ) as reply:
        data = await reply.read()
    body = {"project": base64.b64encode(data).decode(), "name": "copy"}
    copy = await served.good("POST", "/v1/projects/import", body)
    assert (copy["digest"], copy["name"], copy["rows"]) == (told["digest"], "copy", 59)
    assert [m["model"] for m in await served.good("GET", "/v1/federations/copy/models")] == [model["model"]]
    same = {"features": ["age"], "metric": "difference", "against": "copy"}
    assert (await served.good("POST", f"{here}/explore", same))["values"]["features"]["age"]["smd"] == 0
    for method, rest, status in (("GET", "", 404), ("POST", "/sync", 404), ("GET", "/members", 404)):
        assert (await served.ask(method, here + rest))[0] == status
    assert (await served.ask("POST", f"{here}/explore", {"features": ["age"], "of": "rest"}))[0] == 400
    assert (await served.ask("PUT", "/v1/projects/ward", {"schema": {"features": [{"name": "x", "kind": "binary"}]}}))[
        0
    ] == 409
    assert (await served.good("PUT", "/v1/projects/ward", {"frozen": True}))["frozen"] is True
    batch = (await served.good("GET", f"{here}/data"))[0]["id"]
    assert (await served.ask("DELETE", f"{here}/data/{batch}"))[0] == 409
    await served.good("PUT", "/v1/projects/ward", {"frozen": False, "name": "beds"})
    await served.good("DELETE", f"{here}/data/{batch}")
    assert (await served.good("GET", "/v1/projects/beds"))["rows"] == 0
    entries = (await served.good("GET", f"{here}/log"))["entries"]
    assert any("counted 60 rows" in entry["text"] for entry in entries)
    assert (await served.ask("DELETE", "/v1/projects/beds"))[0] == 204
    assert (await served.ask("GET", here))[0] == 404


async def test_sources_have_names_and_are_looked_at(served: Served, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("age,dose,sick\n" + "".join(f"{20 + i},1.5,{i % 2}\n" for i in range(60)))
    looking(served, tmp_path)
    told = {"name": "beds", "location": str(tmp_path / "rows.csv")}
    await served.good("POST", "/v1/sources", told)
    assert (await served.ask("POST", "/v1/sources", told))[0] == 409
    assert (await served.ask("POST", "/v1/sources", {**told, "name": "other", "anew": True}))[0] == 404
    await served.good("POST", "/v1/sources", {**told, "anew": True, "options": {"delimiter": ","}})
    kept = await served.good("GET", "/v1/sources")
    assert kept == [{**told, "options": {"delimiter": ","}}]
    shown = await served.good("GET", "/v1/sources/beds/sample?rows=2")
    assert shown == {"columns": ["age", "dose", "sick"], "rows": [["20", "1.5", "0"], ["21", "1.5", "1"]]}
    places = await served.good("POST", "/v1/sources/browse", {"folder": str(tmp_path)})
    assert places == [{"name": "rows.csv", "folder": False, "bytes": (tmp_path / "rows.csv").stat().st_size}]
    assert (await served.good("POST", "/v1/sources/browse"))[0]["name"] == str(tmp_path)
    for folder in ("/etc", str(tmp_path.parent), "\0"):
        assert (await served.ask("POST", "/v1/sources/browse", {"folder": folder}))[0] == 422
    await served.good("POST", "/v1/projects", {"name": "ward", "schema": SCHEMA})
    job = await served.good("POST", "/v1/federations/ward/data?wait=30", {"location": "source:beds"})
    assert (job["state"], job["result"]["rows"]) == ("done", 60)
    assert (await served.ask("POST", "/v1/federations/ward/data", {"location": "source:none"}))[0] == 404
    assert (await served.ask("DELETE", "/v1/sources/beds"))[0] == 204
    assert await served.good("GET", "/v1/sources") == []
