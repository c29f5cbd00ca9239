"""Proposals to grow a schema over the API: who may make them, who decides, and what is said of them."""

from __future__ import annotations

from tests.support.served import VIEWER, Served, rows

AGREEMENT = "/v1/federations/hearts/schema/agreement"
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


async def test_who_would_have_too_few_rows_is_told_before_it_is_so(pair: tuple[Served, Served]) -> None:
    north, south = pair
    await gaps(north, south)
    for one, count in zip(pair, (40, 9), strict=True):
        table = {"age": rows(count)["age"], "ward": (["a", "b"] * 20)[:count]}
        job = await one.good("POST", "/v1/federations/hearts/data/rows?wait=30", {"rows": table, "source": one.url})
        assert job["state"] == "done"
    await synced(*pair)
    small = {"levels": {"ward": ["d"]}}
    wish = {"levels": {"ward": ["c"]}, "features": [{"name": "tall", "kind": "binary"}]}
    told = [await north.good("POST", PROPOSALS, {"additions": additions}) for additions in (small, wish)]
    now = {"columns": 3, "rows": 8, "change": 8, "total": 0}
    # One level is a column; a feature is one, and whether rows have it another.
    assert [each["now"] for each in told] == [now, now]
    assert told[0]["then"] == {"columns": 4, "rows": 9, "change": 9, "total": 0}
    assert told[1]["then"] == {"columns": 6, "rows": 11, "change": 11, "total": 0}
    assert [each["short"] for each in told] == [[], ["the south"]]
    assert (await north.good("GET", PROPOSALS))[0]["then"] is not None
    settled = await north.good("POST", f"{PROPOSALS}/{told[1]['id']}/accept")
    assert (settled["now"], settled["then"], settled["short"]) == (None, None, [])
    await synced(*pair)
    # As was said: what it has shared stands, and one row more does not go.
    more = {"rows": {"age": [33], "ward": ["a"]}, "source": "more"}
    await south.good("POST", "/v1/federations/hearts/data/rows?wait=30", more)
    previewed = await south.good("GET", "/v1/federations/hearts/preview")
    assert ("rows >= 11", "10", False) in {(r["rule"], r["measured"], r["passed"]) for r in previewed["rules"]}
    await synced(*pair)
    assert (await north.good("GET", "/v1/federations/hearts"))["rows"] == 49


async def test_nobody_counts_what_it_has_not_agreed_to(pair: tuple[Served, Served]) -> None:
    north, south = pair
    await gaps(north, south)
    table = {"age": rows(40)["age"], "ward": ["a", "b", "c", "c"] * 10, "hiv": [0, 1] * 20}
    told = await north.good("POST", PROPOSALS, {"additions": {"features": [{"name": "hiv", "kind": "binary"}]}})
    await north.good("POST", f"{PROPOSALS}/{told['id']}/accept")
    await synced(*pair)
    agreement = await south.good("GET", AGREEMENT)
    assert (agreement["text"], agreement["additions"]["features"][0]["name"]) == ("hiv", "hiv")
    trouble = (await south.good("GET", "/v1/federations/hearts"))["trouble"]
    assert any("grown by hiv" in text for text in trouble)
    assert not any("grown by" in text for text in (await north.good("GET", "/v1/federations/hearts"))["trouble"])

    async def counted() -> list[int]:
        job = await south.good("POST", "/v1/federations/hearts/data/rows?wait=30", {"rows": table, "force": True})
        assert job["state"] == "done", job
        await synced(*pair)
        held = north.node._engine.peer(north.node.resolve("hearts")).ledger.total
        return [held.rows, held.count("hiv")]

    assert await counted() == [20, 0]  # a column that the file happens to have, and a level that nobody knows
    status, problem, _ = await south.ask("PUT", AGREEMENT, {"schema": "ab" * 32})
    assert (status, problem["code"]) == (404, "FP110")
    assert (await south.ask("PUT", AGREEMENT, {"schema": agreement["newest"]}, token=VIEWER))[0] == 403
    schemas = [await south.good("GET", f"/v1/federations/hearts/schema?counted={c}") for c in ("false", "true")]
    assert [len(schema["features"]) for schema in schemas] == [3, 2]
    agreed = await south.good("PUT", AGREEMENT, {"schema": agreement["newest"]})
    assert (agreed["schema"], agreed["text"]) == (agreement["newest"], "")
    assert (await south.good("GET", "/v1/federations/hearts"))["trouble"] == []
    assert await counted() == [40, 20]


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
