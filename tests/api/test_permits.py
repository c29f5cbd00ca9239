"""Users and what they may do: one rule for both dialects, nothing of what they may not see, and every no in the log."""

from __future__ import annotations

import base64
import logging
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedpeer.api import permits
from fedpeer.api.auth import user_token
from fedpeer.api.routes import ROUTES
from fedpeer.api.symetry import signing
from fedpeer.api.symetry.routes import ENDPOINTS
from fedpeer.node.users import Account
from tests.support.served import ADMIN, CONTRACT, KEY, SCHEMA, Served, key_text, rows
from tests.support.symetry import Caller

HIDDEN = "nothing here is called"


class Person:
    """A user with both of its credentials."""

    def __init__(self, served: Served, told: dict[str, Any]) -> None:
        self.served, self.cid, self.key, self.token = served, told["cid"], told["secret_key"], told["token"]
        self.caller = Caller(served.session, served.url, served.clock, cid=self.cid, key=self.key)

    async def native(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        return (await self.served.ask(method, path, body, token=self.token))[:2]

    async def signed(self, method: str, rest: str, body: Any = None, query: str = "") -> tuple[int, Any]:
        return (await self.caller.ask(method, rest, body, query=query))[:2]


async def person(served: Served, cid: str, role: str = "none", **grants: str) -> Person:
    return Person(served, await served.good("POST", "/v1/users", {"cid": cid, "role": role, "grants": grants}))


@pytest.fixture
async def two(founded: Served) -> Served:
    """A node with two federations, `hearts` and `lungs`."""
    told = {"name": "lungs", "schema": SCHEMA, "contract": CONTRACT, "schedule": "d7", "profile": "relaxed"}
    await founded.good("POST", "/v1/federations", told)
    return founded


ROLES = st.sampled_from(["none", "viewer", "operator", "admin"])
NEEDS = st.sampled_from(["viewer", "operator", "admin"])
RANK = ["none", "viewer", "operator", "admin"]


@given(ROLES, st.dictionaries(st.sampled_from("abc"), ROLES), NEEDS, st.sampled_from(["", "a", "b", "c"]))
def test_the_stronger_of_two_roles_counts(role: str, grants: dict[str, str], need: Any, scope: str) -> None:
    who = permits.Who("user x", role, grants)
    held = max(RANK.index(role), RANK.index(grants.get(scope, "none")))
    assert who.may(need, scope) is (held >= RANK.index(need))
    assert who.somewhere(need) is any(RANK.index(r) >= RANK.index(need) for r in (role, *grants.values()))


async def test_a_user_without_roles_can_do_nothing(two: Served) -> None:
    nobody = await person(two, "nobody")
    for route in ROUTES:
        if route.role == "anyone":
            continue
        where = re.sub(r"\{(\w+)\}", lambda m: "hearts" if m[1] == "fed" else "x", route.path)
        status, told = await nobody.native(route.method, where)
        assert status == (404 if route.federated else 403), route.path
        if route.federated:
            assert told["detail"] == f"{HIDDEN} 'hearts'"
    for point in ENDPOINTS:
        rest = re.sub(r"\{(\w+)\}", lambda m: "hearts" if m[1] == "pid" else "x", point.path)
        status, told = await nobody.signed(point.method, rest, {} if point.kind else None)
        assert status == (400 if "{pid}" in point.path else 403), point.path
        assert "{pid}" not in point.path or told["statusString"].startswith("Cannot Find SYMETRYML"), point.path


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
async def test_a_role_lets_do_what_its_routes_say_and_no_more(two: Served, role: str) -> None:
    some = await person(two, "c2", role)
    for route in ROUTES:
        if route.path.endswith("/events"):
            continue
        where = re.sub(r"\{(\w+)\}", "x", route.path)
        status, told = await some.native(route.method, where, {"surprise": 1})
        denied = RANK.index(role) < (RANK.index(route.role) if route.role in RANK else 0)
        assert (status == 403) is denied, (route.path, told)
    for point in ENDPOINTS:
        status, told = await some.signed(point.method, re.sub(r"\{(\w+)\}", "x", point.path), {"surprise": 1})
        denied = RANK.index(role) < RANK.index(point.need)
        refused = status == 403 and told["values"]["code"] == "FP130"
        assert refused is (denied and "{pid}" not in point.path), point.path
        if denied:
            assert status in (400, 403), point.path


async def test_a_grant_is_good_in_its_federation_only(two: Served) -> None:
    some = await person(two, "c2", hearts="operator")
    fed = "/v1/federations/hearts"
    assert (await some.native("GET", fed))[0] == 200
    assert (await some.native("POST", f"{fed}/data/rows?wait=30", {"rows": rows(40)}))[0] == 200
    assert (await some.native("PUT", f"{fed}/schedule", {"schedule": "h1"}))[0] == 403
    assert (await some.signed("GET", "/fedml/hearts/info"))[0] == 200
    assert (await some.signed("GET", "/fedml/hearts/startPulse"))[0] == 200
    status, told = await some.signed("GET", "/fedml/hearts/newSchedule", query="newSchedule=h1")
    assert (status, told["values"]["code"]) == (403, "FP130")
    assert [one["name"] for one in (await some.native("GET", "/v1/federations"))[1]] == ["hearts"]
    other, none = await some.native("GET", "/v1/federations/lungs"), await some.native("GET", "/v1/federations/brains")
    assert other[0] == none[0] == 404
    assert other[1]["detail"] == f"{HIDDEN} 'lungs'"
    assert {**other[1], "detail": "", "instance": ""} == {**none[1], "detail": "", "instance": ""}
    for pid in ("lungs", "brains"):
        status, told = await some.signed("GET", f"/fedml/{pid}/info")
        assert (status, told["statusString"]) == (400, f"Cannot Find SYMETRYML id[{pid}] for Customer id [c2]")
    assert (await two.good("GET", "/v1/federations/hearts"))["schedule"] == "d7"


async def test_long_work_of_other_federations_is_not_shown(two: Served) -> None:
    for fed in ("hearts", "lungs"):
        await two.good("POST", f"/v1/federations/{fed}/data/rows?wait=30", {"rows": rows(40)})
    mine, other = await two.good("GET", "/v1/jobs")
    some = await person(two, "c2", hearts="operator")
    assert [job["id"] for job in (await some.native("GET", "/v1/jobs"))[1]] == [mine["id"]]
    told = (await some.signed("GET", "/jobs"))[1]["values"]["jobinfo"]
    assert [job["jobId"] for job in told] == [mine["id"]]
    for method in ("GET", "DELETE"):
        assert (await some.native(method, f"/v1/jobs/{other['id']}"))[0] == 404
        status, told = await some.signed(method, f"/jobs/{other['id']}")
        assert (status, told["statusString"]) == (400, "No such job")
    assert (await some.native("GET", f"/v1/jobs/{mine['id']}"))[0] == 200
    assert (await some.native("GET", f"/v1/jobs/{other['id']}/plots/roc.svg"))[0] == 404


async def test_permissions_are_changed_at_once_and_name_federations(two: Served) -> None:
    some = await person(two, "c2", "viewer")
    hearts = (await two.good("GET", "/v1/federations/hearts"))["id"]
    assert (await some.native("GET", "/v1/federations/lungs"))[0] == 200
    told = await two.good("PUT", "/v1/users/c2", {"grants": {"hearts": "viewer"}})
    assert (told["role"], told["grants"], told["secret_key"], told["token"]) == ("none", {hearts: "viewer"}, "", "")
    assert (await some.native("GET", "/v1/federations/lungs"))[0] == 404
    assert (await some.native("GET", "/v1/federations/hearts"))[0] == 200
    for body in ({"grants": {"brains": "viewer"}}, {"role": "root"}, {"grants": {"hearts": "none"}}, {"cid": "c2"}):
        assert (await two.ask("PUT", "/v1/users/c2", body))[0] in (400, 404)
    assert (await two.ask("PUT", "/v1/users/c9", {"role": "viewer"}))[0] == 404


async def test_keys_are_rotated_and_revoked(two: Served) -> None:
    before = await person(two, "c2", "viewer")
    after = Person(two, await two.good("POST", "/v1/users/c2/key"))
    assert before.key != after.key
    for who, good in ((before, False), (after, True)):
        assert (await who.native("GET", "/v1/node"))[0] == (200 if good else 401)
        assert (await who.signed("GET", "/fedml/hearts/info"))[0] == (200 if good else 401)
    told = await two.good("DELETE", "/v1/users/c2/key")
    assert (told["active"], told["role"]) == (False, "viewer")
    assert (await after.native("GET", "/v1/node"))[0] == 401
    status, answer = await after.signed("GET", "/fedml/hearts/info")
    assert (status, answer["statusString"]) == (401, "Invalid User")
    empty = Caller(two.session, two.url, two.clock, cid="c2", key="")
    assert (await empty.ask("GET", "/fedml/hearts/info"))[0] == 401
    again = Person(two, await two.good("POST", "/v1/users/c2/key"))
    assert (await again.native("GET", "/v1/node"))[0] == 200


async def good(who: Person) -> list[bool]:
    """Whether a user's token, signature and signature over a long body are taken."""
    told = [(await who.native("GET", "/v1/node"))[0], (await who.signed("GET", "/fedml/hearts/info"))[0]]
    long = {"attributeNames": ["x"], "attributeTypes": ["C"], "data": [["1"]] * 20_000}
    told.append((await who.signed("POST", "/projects/nothing/learn", long))[0])
    return [status not in (401, 403) for status in told]


async def test_a_key_can_be_rotated_with_an_overlap(two: Served) -> None:
    first = await person(two, "c2", "operator")
    told = await two.good("POST", "/v1/users/c2/key", {"overlap_s": 3600})
    second = Person(two, told)
    assert 3598 < told["older_until"] - two.clock.now() <= 3600
    assert await good(first) == await good(second) == [True] * 3
    (shown,) = [u for u in await two.good("GET", "/v1/users") if u["cid"] == "c2"]
    assert (shown["older_until"], shown["secret_key"], shown["token"]) == (told["older_until"], "", "")
    two.clock.at += 3601
    assert (await good(first), await good(second)) == ([False] * 3, [True] * 3)
    (shown,) = [u for u in await two.good("GET", "/v1/users") if u["cid"] == "c2"]
    assert shown["older_until"] == 0
    third = Person(two, await two.good("POST", "/v1/users/c2/key", {"overlap_s": 2_592_000}))
    assert await good(second) == [True] * 3
    assert (await two.good("DELETE", "/v1/users/c2/key?older=true"))["active"]
    assert (await good(second), await good(third)) == ([False] * 3, [True] * 3)
    assert (await two.ask("DELETE", "/v1/users/c2/key?older=true"))[0] == 404
    for overlap in (-1, 2_592_001, 1.5, "1h"):
        assert (await two.ask("POST", "/v1/users/c2/key", {"overlap_s": overlap}))[0] == 400


async def test_the_end_of_an_overlap_is_what_ends_it(two: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await person(two, "c2", "operator")
    await two.good("POST", "/v1/users/c2/key", {"overlap_s": 60})
    two.clock.at += 61
    assert await good(first) == [False] * 3
    monkeypatch.setattr(Account, "keys", lambda account, _now: (account.key, account.older))
    assert await good(first) == [True] * 3


async def test_a_key_that_is_taken_away_while_a_long_body_is_checked_is_not_good(
    two: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, real = await person(two, "c2", "operator"), signing.check
    await two.good("POST", "/v1/users/c2/key", {"overlap_s": 3600})

    def check(*given: Any) -> Any:
        found = real(*given)
        two.clock.at += 3601 if given[0].body else 0
        return found

    monkeypatch.setattr(signing, "check", check)
    assert (await good(first))[2] is False


async def test_a_token_is_a_user_s_own(two: Served) -> None:
    some = await person(two, "c2", "viewer")
    assert some.token == user_token("c2", base64.b64decode(some.key))
    assert some.key.rstrip("=") not in some.token
    forged = [some.token[:-1], some.token + "=", "c1" + some.token[2:], some.token.upper(), "c2.", "c2", ".", some.key]
    forged += [f"c2.{some.key}", user_token("c1", b""), user_token("c2", KEY), "é." + some.token, "\udcff"]
    for token in forged:
        try:
            status, told, _ = await two.ask("GET", "/v1/node", token=token)
        except UnicodeEncodeError:
            continue
        assert (status, told["code"]) == (401, "FP117"), token
    assert (await two.ask("GET", "/v1/node", token=user_token("c1", KEY)))[0] == 200


async def test_every_no_is_logged_without_a_secret(two: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "fedpeer.api.access")
    some = await person(two, "c2", hearts="viewer")
    path = "/symetry/rest/c2/fedml/hearts/info"
    wrong = {**some.caller.headers("GET", path), "Authorization": "AAAA"}
    asked: list[tuple[Any, str]] = [
        (some.native("GET", "/v1/node"), "user c2: GET '/v1/node' needs the role viewer"),
        (some.native("GET", "/v1/federations/lungs"), "user c2: GET '/v1/federations/lungs' needs the role viewer in"),
        (some.native("POST", "/v1/federations/hearts/sync"), "needs the role operator in"),
        (some.signed("GET", "/fedml/hearts/startPulse"), "startPulse' needs the role operator in"),
        (some.signed("POST", "/fedml/create", {}), "'/symetry/rest/c2/fedml/create' needs the role admin"),
        (some.caller.send("GET", path, wrong), f"'user c2': GET '{path}': Invalid Signature"),
        (some.caller.send("GET", path, {}), "Authentication header is null"),
        (two.ask("GET", "/v1/node", token=some.token + "x"), "'127.0.0.1': GET '/v1/node': the token is not known"),
        (two.ask("GET", "/v1/node%0aforged", token=some.token), ""),
    ]
    for question, said in asked:
        caplog.clear()
        told = await question
        assert told[0] >= 400
        lines = [r.getMessage() for r in caplog.records if r.name == "fedpeer.api.access"]
        assert len(lines) == bool(said), lines
        assert said in "".join(lines)
        for secret in (some.key, some.token, ADMIN, key_text(), "\n"):
            assert secret not in "".join(lines)


def test_a_log_line_cannot_be_forged(caplog: pytest.LogCaptureFixture) -> None:
    permits.refused("user x\nrefused user admin", "GET '/'", "Invalid User")
    assert "\n" not in caplog.records[0].getMessage()


async def test_the_one_place_is_what_refuses(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    some = await person(served, "c2")
    asked = [r for r in ROUTES if r.role != "anyone" and not r.path.endswith("/events")]
    paths = [(r.method, re.sub(r"\{(\w+)\}", "x", r.path)) for r in asked]
    assert {(await some.native(*one))[0] for one in paths} == {403, 404}
    monkeypatch.setattr(permits.Who, "may", lambda *_: True)
    monkeypatch.setattr(permits.Who, "somewhere", lambda *_: True)
    told = [await some.native(method, path, {"surprise": 1}) for method, path in paths]
    assert 403 not in {status for status, _ in told}


async def test_a_project_of_others_cannot_be_merged_nor_found_out(served: Served) -> None:
    ids = [(await served.good("POST", "/v1/projects", {"name": n, "schema": SCHEMA}))["id"] for n in ("mine", "other")]
    some = await person(served, "c2", mine="operator")
    for name in ("other", ids[1], "nothing"):
        status, told = await some.native("POST", "/v1/projects/mine/merge", {"other": name})
        assert (status, told["detail"]) == (404, f"{HIDDEN} {name!r}")
    assert [p["name"] for p in (await some.native("GET", "/v1/projects"))[1]] == ["mine"]


async def test_a_federation_is_bridged_only_by_an_admin_of_both(two: Served) -> None:
    some = await person(two, "c2", hearts="admin", lungs="operator")
    await two.good("POST", "/v1/federations/lungs/data/rows?wait=30", {"rows": rows(40)})
    await two.good("POST", "/v1/federations/lungs/sync")
    body = {"source": "lungs", "on": True}
    assert (await some.native("PUT", "/v1/federations/hearts/bridge", body))[0] == 403
    assert (await some.native("PUT", "/v1/federations/lungs/bridge", {"source": "hearts", "on": True}))[0] == 403
    status, told = await some.native("PUT", "/v1/federations/hearts/bridge", {"source": "brains", "on": True})
    assert (status, told["detail"]) == (404, f"{HIDDEN} 'brains'")
    assert not await two.good("GET", "/v1/federations/hearts/data")
    await two.good("PUT", "/v1/users/c2", {"grants": {"hearts": "admin", "lungs": "admin"}})
    assert (await some.native("PUT", "/v1/federations/hearts/bridge", body))[0] == 200
    (batch,) = await two.good("GET", "/v1/federations/hearts/data")
    assert (batch["id"], batch["source"], batch["rows"]) == ("bridge", "federation lungs", 40)
