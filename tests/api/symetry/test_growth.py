"""Rows with what a schema does not have: a federation hears of it as a proposal, a project grows if that is asked."""

from __future__ import annotations

from typing import Any

import pytest

from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Schema
from tests.support.served import Served
from tests.support.symetry import Caller

SCHEMA: dict[str, Any] = {
    "missing": "pairwise",
    "features": [
        {"name": "age", "kind": "continuous", "min": "0", "max": "120", "resolution": "1"},
        {"name": "stage", "kind": "category", "levels": ["I", "II"]},
    ],
}
OLD = {"attributeNames": ["age", "stage"], "attributeTypes": ["C", "T"]}
NEW = {"attributeNames": ["age", "stage", "bmi"], "attributeTypes": ["C", "T", "C"]}


def old(count: int, start: int = 0) -> dict[str, Any]:
    return {**OLD, "data": [[str(20 + i % 60), ("I", "II")[i % 2]] for i in range(start, start + count)]}


def new(count: int, held: int) -> dict[str, Any]:
    """Rows of which so many have the new level."""
    data = [[str(30 + i), "iv" if i < held else "I", str(20 + i % 9)] for i in range(count)]
    return {**NEW, "data": data}


def columns(*frames: dict[str, Any]) -> dict[str, list[Any]]:
    """All rows of some frames as one table under the grown schema."""
    rows = [dict(zip(frame["attributeNames"], row, strict=True)) for frame in frames for row in frame["data"]]
    return {name: [row.get(name) for row in rows] for name in NEW["attributeNames"]}


@pytest.fixture
async def hearts(pair: tuple[Served, Served]) -> tuple[Served, Served]:
    """Two nodes in a federation whose rows may have gaps."""
    north, south = pair
    told = {"name": "hearts", "schema": SCHEMA, "contract": "ROWS() >= 1", "schedule": "d7", "profile": "relaxed"}
    await north.good("POST", "/v1/federations", told)
    invite = await north.good("POST", "/v1/federations/hearts/invites", {})
    asked = {"text": invite["text"], "passphrase": invite["passphrase"], "display": "the south"}
    await south.good("POST", "/v1/joins?wait=30", asked)
    return north, south


async def synced(*nodes: Served) -> None:
    for one in (*nodes, *nodes):
        await one.good("POST", "/v1/federations/hearts/sync?wait=30")


async def test_what_is_new_is_proposed_and_learned_once_it_is_accepted(hearts: tuple[Served, Served]) -> None:
    north, south = hearts
    first, second = (Caller(one.session, one.url, one.clock) for one in hearts)
    await first.good("POST", "/projects/hearts/learn", old(60))
    await second.good("POST", "/projects/hearts/learn", old(50, 7))
    await synced(north, south)
    said = await second.bad("POST", "/projects/hearts/learn", new(40, 12), status=409)
    assert "nothing was learned" in said
    (told,) = await south.good("GET", "/v1/federations/hearts/schema/proposals")
    assert told["id"] in said
    assert told["text"] == "stage$iv, bmi"
    assert await second.bad("POST", "/projects/hearts/learn", new(40, 12), status=409) == said  # it is proposed once
    assert len(await south.good("GET", "/v1/federations/hearts/data")) == 1
    await synced(south, north)
    (seen,) = await north.good("GET", "/v1/federations/hearts/schema/proposals")
    assert (seen["state"], seen["by"], seen["comment"]) == ("open", "the south", "learning as c1")
    await north.good("POST", f"/v1/federations/hearts/schema/proposals/{seen['id']}/accept")
    await synced(north, south)
    await second.good("POST", "/projects/hearts/learn", new(40, 12))
    await first.good("POST", "/projects/hearts/learn", old(30, 70))  # without the attribute, as before
    await synced(south, north)
    grown = Schema.from_dict(await north.good("GET", "/v1/federations/hearts/schema"))
    assert [column.name for column in grown.columns] == ["age", "stage$I", "stage$II", "stage$iv", "bmi"]
    table = columns(old(60), old(50, 7), new(40, 12), old(30, 70))
    pooled = collect(grown, table)
    for one in hearts:
        federation = await one.good("GET", "/v1/federations/hearts")
        assert (federation["rows"], federation["total_digest"]) == (180, pooled.digest)


async def test_what_the_operator_has_not_agreed_to_is_not_learned(hearts: tuple[Served, Served]) -> None:
    north, south = hearts
    first, second = (Caller(one.session, one.url, one.clock) for one in hearts)
    await first.bad("POST", "/projects/hearts/learn", new(40, 12), status=409)
    (told,) = await north.good("GET", "/v1/federations/hearts/schema/proposals")
    await north.good("POST", f"/v1/federations/hearts/schema/proposals/{told['id']}/accept")
    await synced(north, south)
    said = await second.bad("POST", "/projects/hearts/learn", new(40, 12), status=409)
    assert "has grown by stage$iv, bmi" in said
    assert "fedpeer schema agree" in said
    assert len(await south.good("GET", "/v1/federations/hearts/schema/proposals")) == 0
    await second.good("POST", "/projects/hearts/learn", old(50))
    agreement = await south.good("GET", "/v1/federations/hearts/schema/agreement")
    await south.good("PUT", "/v1/federations/hearts/schema/agreement", {"schema": agreement["newest"]})
    await second.good("POST", "/projects/hearts/learn", new(40, 12))
    await synced(south, north)
    grown = Schema.from_dict(await north.good("GET", "/v1/federations/hearts/schema"))
    pooled = collect(grown, columns(old(50), new(40, 12)))
    assert (await north.good("GET", "/v1/federations/hearts"))["total_digest"] == pooled.digest


async def test_names_that_few_rows_hold_are_not_told_by_themselves(hearts: tuple[Served, Served]) -> None:
    user = Caller(hearts[1].session, hearts[1].url, hearts[1].clock)
    said = await user.bad("POST", "/projects/hearts/learn", new(40, 4))
    assert "fewer than 5 rows hold stage$iv (4)" in said
    assert "fedpeer schema propose" in said
    assert await hearts[1].good("GET", "/v1/federations/hearts/schema/proposals") == []


async def test_what_can_be_no_level_is_said(hearts: tuple[Served, Served]) -> None:
    user = Caller(hearts[1].session, hearts[1].url, hearts[1].clock)
    strange = {**OLD, "data": [["30", "a\u200b"]] * 9}
    assert "control characters" in await user.bad("POST", "/projects/hearts/learn", strange)
    assert await hearts[1].good("GET", "/v1/federations/hearts/schema/proposals") == []


async def test_where_no_row_may_have_gaps_only_levels_can_be_new(joined: tuple[Served, Served]) -> None:
    user = Caller(joined[1].session, joined[1].url, joined[1].clock)
    names = ["age", "dose", "sick", "tall"]
    frame = {"attributeNames": names, "attributeTypes": ["C", "C", "B", "C"], "data": [["30", "1", "0", "180"]] * 9}
    assert "`missing` is listwise" in await user.bad("POST", "/projects/hearts/learn", frame)


async def test_a_project_grows_if_that_is_asked_for(user: Caller, served: Served) -> None:
    await user.good("POST", "/projects", {"sml_schema": SCHEMA}, query="pid=ward")
    await user.good("POST", "/projects/ward/learn", old(20))
    said = await user.bad("POST", "/projects/ward/learn", new(10, 1))
    assert "with grow=true it grows by stage$iv, bmi" in said
    await user.good("POST", "/projects/ward/learn", new(10, 1), query="grow=true")
    await user.good("POST", "/projects/ward/learn", old(10, 30))
    assert "holds exactly the rows" in await user.bad("POST", "/projects/ward/learn", old(20), status=409)
    (project,) = await served.good("GET", "/v1/projects")
    grown = served.node.schema(project["id"])
    assert project["digest"] == collect(grown, columns(old(20), new(10, 1), old(10, 30))).digest
    assert project["rows"] == 40
