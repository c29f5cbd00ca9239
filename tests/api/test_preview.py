"""A preview over the API: what it says is what a sync then does, and asking it does nothing."""

from __future__ import annotations

from tests.support.served import VIEWER, Served, rows

FED = "/v1/federations/hearts"


async def test_a_preview_says_what_a_sync_does(joined: tuple[Served, Served]) -> None:
    _, south = joined
    empty = await south.good("GET", f"{FED}/preview")
    assert (empty["outcome"], empty["signed_bytes"], empty["changes"]) == ("empty", 0, [])
    await south.good("POST", f"{FED}/data/rows?wait=30", {"rows": rows(60)})
    told = await south.good("GET", f"{FED}/preview")
    assert (told["outcome"], told["rows"], told["readers"]) == ("sent", 60, ["north"])
    assert sum(told["sealed_bytes"]) > told["signed_bytes"] > 100
    assert all(rule["passed"] for rule in told["rules"] + told["contract"])
    assert (await south.good("GET", FED))["released_rows"] == 0
    assert (await south.good("POST", f"{FED}/sync"))["outcome"] == "sent"
    again = await south.good("GET", f"{FED}/preview")
    assert (again["outcome"], again["digest"], again["signed_bytes"]) == ("unchanged", told["digest"], 0)


async def test_a_preview_names_the_rule_that_would_withhold_it_and_what_would_be_learned(
    joined: tuple[Served, Served],
) -> None:
    _, south = joined
    await south.good("POST", f"{FED}/data/rows?wait=30", {"rows": rows(60)})
    await south.good("POST", f"{FED}/sync")
    await south.good("POST", f"{FED}/data/rows?wait=30", {"rows": [{"age": 30, "dose": 1.5, "sick": 1}]})
    told = await south.good("GET", f"{FED}/preview")
    assert told["outcome"] == "withheld"
    assert [rule["measured"] for rule in told["rules"] if not rule["passed"]] == ["1"]
    assert told["changes"] == [{"since": "the last release", "rows": 1, "learned": "one row, exactly"}]
    synced = await south.good("POST", f"{FED}/sync")
    assert (synced["outcome"], synced["detail"]) == (told["outcome"], told["detail"])


async def test_whoever_may_look_may_look_ahead(founded: Served) -> None:
    status, told, _ = await founded.ask("GET", f"{FED}/preview", token=VIEWER)
    assert (status, told["outcome"], told["readers"]) == (200, "empty", [])
