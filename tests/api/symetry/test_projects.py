"""Projects without a federation, from their first row to their last, by a client that knows only the description."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.served import SCHEMA, Served, key_text
from tests.support.symetry import Caller


def small(values: list[Any], kind: str = "C", name: str = "x") -> dict[str, Any]:
    return {"attributeNames": [name], "attributeTypes": [kind], "data": [[str(v)] for v in values]}


async def uni(user: Caller, pid: str, column: str = "0", **extra: Any) -> dict[str, Any]:
    asked = {"inputAttributes": [column], "extraParameters": extra}
    values = await user.good("POST", f"/projects/{pid}/explore", asked, query="metric=uni")
    found: dict[str, Any] = values["KSVDMap"]["values"][0]
    return found


async def test_a_project_takes_its_schema_from_its_first_rows(user: Caller, served: Served) -> None:
    status, told, _ = await user.ask("POST", "/projects", {"sml_project_autosave": "true"}, query="pid=p1&type=cpu")
    assert (status, told["statusString"]) == (201, "Project Created with id:p1")
    empty = (await user.good("GET", "/projects/p1/info"))["smlInfo"]
    assert (empty["attributeNames"], empty["hash"], empty["params"]["sml_rows"]) == ([], 0, "0")
    assert "no schema yet" in await user.bad("POST", "/projects/p1/explore", {}, query="metric=uni", status=409)
    frame = {
        "attributeNames": ["x", "flag", "site", "name", "left", "who"],
        "attributeTypes": ["C", "B", "T", "S", "X", "P"],
        "data": [["1.5", "0", " North ", "a", "1", "ann"], ["-2.25", "1", "south", "b", "2", "bob"]],
    }
    await user.good("POST", "/projects/p1/learn", frame)
    info = (await user.good("GET", "/projects/p1/info"))["smlInfo"]
    assert info["attributeNames"] == ["x", "flag", "site$north", "site$south"]
    assert info["attributeTypes"] == ["C", "B", "B", "B"]
    assert info["attributeIndexes"] == [0, 1, 2, 3]
    assert (info["categorySeparator"], info["type"], info["params"]["sml_rows"]) == ("$", "cpu", "2")
    assert (await served.good("GET", "/v1/federations/p1/schema"))["patient"] == "who"
    assert (await uni(user, "p1"))["mean"] == -0.375
    assert (await uni(user, "p1", "site$north"))["count"] == 2


@pytest.mark.parametrize(
    ("query", "body", "text"),
    [
        ("pid=a&type=gpu", {}, "type 'gpu' is not supported"),
        ("pid=a&type=sequence", {"sml_project_order": "2"}, "type 'sequence'"),
        ("pid=a", {"sml_project_autosave": "false"}, "'sml_project_autosave' is not supported"),
        ("pid=a", {"sml_project_rolling_window_size": "9"}, "'sml_project_rolling_window_size' is not supported"),
        ("pid=a", {"sml_schema": "{"}, "the body is not what"),
        ("pid=a", {"sml_schema": 7}, "neither an object"),
        ("pid=a&persist=false", {}, "persist=false"),
        ("pid=", {}, "pid must be"),
    ],
)
async def test_what_a_project_cannot_be_is_refused(user: Caller, query: str, body: Any, text: str) -> None:
    assert text in await user.bad("POST", "/projects", body, query=query)
    assert (await user.good("GET", "/projects/list"))["stringList"]["values"] == []


async def test_new_attributes_and_values_are_refused(user: Caller) -> None:
    await user.good("POST", "/projects", None, query="pid=p1")
    both = {"attributeNames": ["x", "t"], "attributeTypes": ["C", "T"], "data": [["1", "a"], ["2", "b"], ["3", "A "]]}
    await user.good("POST", "/projects/p1/learn", both)
    for change, text in (
        ({"data": [["1", "c"]]}, "'c' is no value of 't'"),
        ({"attributeNames": ["x", "u"]}, "'u' is not in the schema"),
        ({"attributeTypes": ["C", "X"]}, "'t' of the schema is not in the frame"),
        ({"attributeTypes": ["C", "C"]}, "'t' is of type C, and category in the schema"),
        ({"attributeTypes": ["P", "T"]}, "'x' is of type 'P'; patient ids are not in the schema"),
    ):
        assert text in await user.bad("POST", "/projects/p1/learn", {**both, **change})
    for frame, text in (
        (small(["a"], "T"), "has 1 value in the first rows"),
        (small([1], "X"), "nothing to count"),
        ({"attributeNames": ["a", "b"], "attributeTypes": ["P", "P"], "data": []}, "are of type P; one"),
    ):
        await user.good("POST", "/projects", {}, query="pid=bare")
        assert text in await user.bad("POST", "/projects/bare/learn", frame)
        await user.good("DELETE", "/projects/bare")


async def test_rows_are_learned_once_and_forgotten_exactly(user: Caller) -> None:
    await user.good("POST", "/projects", {}, query="pid=p1")
    await user.good("POST", "/projects/p1/learn", small([1, 2, 3]))
    assert "holds exactly the rows" in await user.bad("POST", "/projects/p1/learn", small([3, 2, 1]), status=409)
    await user.good("POST", "/projects/p1/learn", small([3, 2, 1]), query="force=true")
    assert "can be in any of 2 batches" in await user.bad("POST", "/projects/p1/forget", small([2]))
    lines = (await user.good("GET", "/projects/p1/getDsLog"))["stringList"]["values"]
    assert [line.split()[:4] for line in lines] == [["symetry:c1", "rows:3", "read:3", "rejected:0"]] * 2
    batch = lines[0].split("batch:")[1].split()[0]
    await user.good("POST", "/projects/p1/forget", small([2]), query=f"batch={batch}")
    assert (await uni(user, "p1"))["count"] == 5
    assert (await uni(user, "p1"))["mean"] == 2
    assert "are not all in" in await user.bad("POST", "/projects/p1/forget", small([9]), query=f"batch={batch}")
    values = await user.done("POST", "/projects/p1/learn", small([7]), query="async=true")
    assert values["jobinfo"]["isDone"]
    stats = (await user.good("GET", "/projects/p1/getLFStats"))["KSVDMap"]["values"][0]
    assert stats == {"symetry:c1": 6}


async def test_a_frozen_project_keeps_its_rows(user: Caller) -> None:
    await user.good("POST", "/projects", {}, query="pid=p1")
    await user.good("POST", "/projects/p1/learn", small([1, 2, 3]))
    await user.good("GET", "/projects/p1/freeze")
    assert (await user.good("GET", "/projects/p1/info"))["smlInfo"]["params"]["sml_project_is_freeze"] == "true"
    for what in ("learn", "forget"):
        assert "is frozen" in await user.bad("POST", f"/projects/p1/{what}", small([1]))
    await user.good("GET", "/projects/p1/unfreeze")
    await user.good("POST", "/projects/p1/forget", small([1]))
    for what in ("save", "unload"):
        status, told, _ = await user.ask("GET", f"/projects/p1/{what}")
        assert (status, told["statusString"][:13]) == (200, "nothing to do")


async def test_projects_are_listed_renamed_and_deleted(user: Caller, served: Served) -> None:
    for pid in ("p1", "p2"):
        await user.good("POST", "/projects", {}, query=f"pid={pid}")
    assert "already have" in await user.bad("POST", "/projects", {}, query="pid=p1", status=409)
    await user.good("POST", "/projects/p1/learn", small([1, 2]))
    assert "already have" in await user.bad("GET", "/projects/p1/rename", query="newName=p2", status=409)
    await user.good("GET", "/projects/p1/rename", query="newName=p3")
    assert (await user.good("GET", "/projects/list"))["stringList"]["values"] == ["p2", "p3"]
    assert "Cannot Find" in await user.bad("GET", "/projects/p1/info")
    found = await user.done("GET", "/projects/info", query="async=true")
    assert [one["pid"] for one in found["smlInfoList"]["values"]] == ["p2", "p3"]
    assert sorted(p["name"] for p in await served.good("GET", "/v1/projects")) == ["p2", "p3"]
    await user.good("DELETE", "/projects/p3")
    assert [one["pid"] for one in (await user.good("GET", "/projects/info"))["smlInfoList"]["values"]] == ["p2"]
    await user.good("POST", "/projects", {}, query="pid=p3")
    assert (await user.good("GET", "/projects/p3/info"))["smlInfo"]["attributeNames"] == []


async def test_a_project_is_seen_by_those_who_may(user: Caller, served: Served) -> None:
    await user.good("POST", "/projects", {}, query="pid=mine")
    await user.good("POST", "/projects/mine/learn", small([1, 2]))
    key = (await served.good("POST", "/v1/users", {"cid": "c2", "role": "none"}))["secret_key"]
    other = Caller(served.session, served.url, served.clock, cid="c2", key=key)
    assert (await other.ask("GET", "/projects/list"))[0] == 403
    assert "Cannot Find" in await other.bad("GET", "/projects/mine/info")
    scope = (await served.good("GET", "/v1/projects"))[0]["id"]
    await served.good("PUT", "/v1/users/c2", {"role": "none", "grants": {scope: "viewer"}})
    assert (await other.good("GET", "/projects/list"))["stringList"]["values"] == ["mine"]
    assert (await uni(other, "mine"))["mean"] == 1.5
    assert (await other.ask("POST", "/projects/mine/learn", small([9])))[0] == 403
    assert key != key_text()


async def test_projects_merge_and_travel(user: Caller) -> None:
    for pid, values in (("a", [1, 2]), ("b", [5, 6, 7])):
        await user.good("POST", "/projects", {}, query=f"pid={pid}")
        await user.good("POST", f"/projects/{pid}/learn", small(values))
    await user.good("GET", "/projects/a/merge", query="otherProjectName=b")
    assert (await uni(user, "a"))["count"] == 5
    assert (await uni(user, "b"))["count"] == 3
    assert "holds exactly" in await user.bad("GET", "/projects/a/merge", query="otherProjectName=b", status=409)
    values = await user.good("GET", "/projects/a/export")
    await user.good("POST", "/projects/import", {"values": values}, query="pid=copy&persist=true")
    assert await uni(user, "copy") == await uni(user, "a")
    infos = [(await user.good("GET", f"/projects/{pid}/info"))["smlInfo"] for pid in ("copy", "a")]
    assert infos[0]["hash"] == infos[1]["hash"]
    for body in ({"string": "?"}, {"string": "AAAA"}, {}, {"values": 3}):
        assert (await user.ask("POST", "/projects/import", body, query="pid=none"))[0] == 400
    await user.good("POST", "/projects", {}, query="pid=other")
    await user.good("POST", "/projects/other/learn", small([1, 2], name="y"))
    assert "has another schema" in await user.bad("GET", "/projects/a/merge", query="otherProjectName=other")


async def test_histograms_are_counted_from_the_first_row_on(user: Caller) -> None:
    asked = {"inputAttributes": ["0"], "extraParameters": {"hist_bins": "4"}}
    await user.good("POST", "/projects", {}, query="pid=p1")
    await user.good("POST", "/projects/p1/histogramEnable", query="enable=true")
    assert (await user.good("GET", "/projects/p1/info"))["smlInfo"]["histogramEnabled"] is True
    frame = {"attributeNames": ["x", "b"], "attributeTypes": ["C", "B"], "data": [["1", "0"], ["2", "1"], ["3", "1"]]}
    await user.good("POST", "/projects/p1/learn", frame)
    found = await uni(user, "p1")
    assert found["median"] == pytest.approx(2, abs=0.1)
    (density,) = (await user.good("POST", "/projects/p1/densityEstimate", asked))["densityList"]
    assert (density["attrName"], len(density["histogram"])) == ("x", 4)
    await user.good("POST", "/projects/p1/densityEstimate", {**asked, "extraParameters": {"hist_use_random": "false"}})
    for key in ("hist_min", "hist_max", "hist_use_random"):
        for rest in (
            "densityEstimate",
            "conditionalDensityEstimate",
            "vif",
            "explorepca",
            "exploresvd",
            "exploresvdfs",
        ):
            said = await user.bad("POST", f"/projects/p1/{rest}", {"extraParameters": {key: "1"}})
            assert f"{rest} has no option '{key}'" in said
    pairs = {"inputAttributes": ["0", "1"]}
    (given,) = (await user.good("POST", "/projects/p1/conditionalDensityEstimate", pairs))["densityList"]
    assert given["attrName"] == "x|b"
    assert "rows already" in await user.bad("POST", "/projects/p1/histogramEnable", query="enable=false", status=409)
    told = {"sml_schema": json.dumps(SCHEMA)}
    await user.good("POST", "/projects", told, query="pid=p2&enableHistogram=false")
    await user.good("POST", "/projects/p2/histogramEnable", query="enable=true")
    await user.good("POST", "/projects/p2/histogramEnable", query="enable=false")
    assert (await user.good("GET", "/projects/p2/info"))["smlInfo"]["histogramEnabled"] is False


async def test_drift_between_two_projects(user: Caller) -> None:
    for pid, values in (("a", [1, 2, 3]), ("b", [4, 5, 6])):
        await user.good("POST", "/projects", {}, query=f"pid={pid}")
        await user.good("POST", f"/projects/{pid}/learn", small(values))
    names = {"driftPreferenceProjectName": "a", "driftAnalysisProjectName": "b"}
    asked = {"extraParameters": {**names, "driftMetric": "marginal_stat"}}
    values = await user.good("POST", "/projects/dataDrift", asked)
    found = values["KSVDMap"]["values"][0]
    assert found == {"driftScore": 3.0, "x_drift": 3.0}
    for change, text in (
        ({"driftMetric": "global"}, "not supported"),
        ({"driftAnalysisProjectName": ""}, "are needed"),
    ):
        assert text in await user.bad("POST", "/projects/dataDrift", {"extraParameters": {**names, **change}})


async def test_a_federation_is_a_project_with_less_of_a_life(user: Caller) -> None:
    asked = {"fed_name": "hearts", "sync_sched": "d7", "fed_schema": SCHEMA}
    await user.good("POST", "/fedml/create", asked, query="pid=fed")
    for verb, rest in (
        ("DELETE", ""), ("GET", "/freeze"), ("GET", "/unfreeze"), ("GET", "/merge?otherProjectName=fed"),
        ("GET", "/export"), ("POST", "/histogramEnable?enable=true"),
    ):  # fmt: skip
        path, _, query = rest.partition("?")
        assert "federation" in await user.bad(verb, f"/projects/fed{path}", query=query)
    await user.good("GET", "/projects/fed/rename", query="newName=other")
    assert (await user.good("GET", "/projects/list"))["stringList"]["values"] == ["other"]
    assert (await user.good("GET", "/fedml/other/info"))["fedInfoEncrypted"]["fed_name"] == "hearts"


async def test_the_range_of_an_attribute_follows_its_first_numbers(user: Caller, served: Served) -> None:
    for pid, first, most in (
        ("a", 5, "1000000000"),
        ("b", -200_000_000, "1000000000000"),
        ("c", "1e999", "1000000000000"),
    ):
        await user.good("POST", "/projects", {}, query=f"pid={pid}")
        await user.good("POST", f"/projects/{pid}/learn", small([first, 0.25, "", "x"]))
        (feature,) = (await served.good("GET", f"/v1/federations/{pid}/schema"))["features"]
        assert (feature["max"], feature["resolution"]) == (most, "0.000001")
        assert (await uni(user, pid))["count"] == (1 if pid == "c" else 2)
