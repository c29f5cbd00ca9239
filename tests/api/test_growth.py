"""Proposals to grow a schema over the API: who may make them, who decides, and what is said of them."""

from __future__ import annotations

from tests.support.served import VIEWER, Served, rows

PROPOSALS = "/v1/federations/hearts/schema/proposals"


async def synced(*nodes: Served) -> None:
    for one in (*nodes, *nodes):
        await one.good("POST", "/v1/federations/hearts/sync?wait=30")


async def gaps(north: Served, south: Served) -> None:
    """Both nodes in a federation whose rows may have gaps."""
    features = [
        {"name": "age", "kind": "continuous", "min": "0", "max": "120", "resolution": "1"},
        {"name": "ward", "kind": "category", "levels": ["a", "b"]},
    ]
    schema = {"features": features, "missing": "pairwise"}
    told = {"name": "hearts", "schema": schema, "contract": "ROWS() >= 1", "schedule": "d7", "profile": "relaxed"}
    await north.good("POST", "/v1/federations", told)
    invite = await north.good("POST", "/v1/federations/hearts/invites", {})
    asked = {"text": invite["text"], "passphrase": invite["passphrase"], "display": "the south"}
    await south.good("POST", "/v1/joins?wait=30", asked)


async def test_a_schema_grows_by_proposals(pair: tuple[Served, Served]) -> None:
    north, south = pair
    await gaps(north, south)
    table = {"age": rows(40)["age"], "ward": ["a", "b"] * 20}
    for one in pair:
        job = await one.good("POST", "/v1/federations/hearts/data/rows", {"rows": table, "source": one.url})
        assert (await one.good("GET", f"/v1/jobs/{job['id']}?wait=30"))["state"] == "done"
    await synced(*pair)
    wish = {
        "additions": {"levels": {"ward": ["c"]}, "features": [{"name": "tall", "kind": "binary"}]},
        "comment": "new\x1b[2J",
    }
    told = await south.good("POST", PROPOSALS, wish)
    assert (told["text"], told["by"], told["comment"]) == ("ward$c, tall", "the south", "new\\x1b[2J")
    assert told["additions"] == wish["additions"]
    assert (await south.good("POST", PROPOSALS, wish))["id"] == told["id"]
    other = await south.good("POST", PROPOSALS, {"additions": {"levels": {"ward": ["d"]}}})
    await synced(*pair)
    first, second = await north.good("GET", PROPOSALS)
    assert {first["id"], second["id"]} == {told["id"], other["id"]}
    assert (await south.ask("POST", f"{PROPOSALS}/{told['id']}/accept"))[0] == 403
    assert (await north.good("POST", f"{PROPOSALS}/{told['id']}/accept"))["state"] == "accepted"
    declined = await north.good("POST", f"{PROPOSALS}/{other['id']}/decline", {"reason": "d is c"})
    assert (declined["state"], declined["reason"]) == ("declined", "d is c")
    status, problem, _ = await north.ask("POST", f"{PROPOSALS}/{told['id']}/accept")
    assert (status, problem["detail"]) == (409, f"proposal {told['id']} is accepted already")
    await synced(*pair)
    for one in pair:
        federation = await one.good("GET", "/v1/federations/hearts")
        schema = await one.good("GET", "/v1/federations/hearts/schema")
        assert schema["features"][1]["levels"] == ["a", "b", "c"]
        assert schema["features"][2] == {"name": "tall", "kind": "binary", "optional": True}
        assert (federation["rows"], federation["converged"]) == (80, True)
        assert {p["id"]: p["state"] for p in await one.good("GET", PROPOSALS)} == {
            told["id"]: "accepted",
            other["id"]: "declined",
        }
        last = (await one.good("GET", "/v1/federations/hearts/charter"))[-1]
        assert "ward$c, tall" in last["text"]


async def test_what_cannot_be_added_is_not_proposed(founded: Served) -> None:
    for additions, code, said in (
        ({}, "FP", ""),
        ({"features": [{"name": "tall", "kind": "binary"}]}, "FP101", "`missing` is listwise"),
        ({"levels": {"sick": ["maybe"]}}, "FP101", "feature 'sick' is binary"),
        ({"feature": []}, "FP101", "did you mean 'features'"),
    ):
        status, told, _ = await founded.ask("POST", PROPOSALS, {"additions": additions})
        assert status in (400, 409, 422), told
        assert told["code"].startswith(code)
        assert said in told["detail"]
    assert await founded.good("GET", PROPOSALS) == []
    assert (await founded.ask("POST", PROPOSALS, {"additions": {}}, token=VIEWER))[0] == 403
