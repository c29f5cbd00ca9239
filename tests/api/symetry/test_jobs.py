"""Whose long work is whose: a job is seen where it works, and what it found by nobody who may not see all of that."""

from __future__ import annotations

from typing import Any

from tests.api.symetry.test_naming import another, made
from tests.support.served import Served
from tests.support.symetry import Caller


def rows(start: int) -> dict[str, Any]:
    data = [[str(start + i), "1", str(i % 2)] for i in range(9)]
    return {"attributeNames": ["age", "dose", "sick"], "attributeTypes": ["C", "C", "B"], "data": data}


async def test_how_two_projects_differ_is_told_to_nobody_who_sees_one_of_them(user: Caller, served: Served) -> None:
    scopes = {pid: await made(user, pid, served) for pid in ("a", "b")}
    for start, pid in enumerate(scopes):
        await user.good("POST", f"/projects/{pid}/learn", rows(20 + 9 * start))
    names = {"driftPreferenceProjectName": "b", "driftAnalysisProjectName": "a"}
    asked = {"extraParameters": names}
    _, _, headers = await user.ask("POST", "/projects/dataDrift", asked, query="async=true")
    job = headers["sym-job-id"]
    half = await another(served, "c2", "none", **{scopes["a"]: "operator"})
    for verb in ("GET", "DELETE"):
        assert await half.bad(verb, f"/jobs/{job}") == "No such job"
    kinds = [one["jobType"] for one in (await half.good("GET", "/jobs"))["jobinfo"]]
    assert kinds == ["data"]  # what its project learned
    both = await another(served, "c3", "none", **dict.fromkeys(scopes.values(), "viewer"))
    found = await both.done("POST", "/projects/dataDrift", asked, query="async=true")
    assert found["KSVDMap"]["values"][0]["age_drift"] > 1
    for viewer, owners in ((await another(served, "c4", "viewer"), {"c1", "c3"}), (both, {"c3"})):
        told = [one for one in (await viewer.good("GET", "/jobs"))["jobinfo"] if one["jobType"] == "symetry dataDrift"]
        assert {one["owner"] for one in told} == owners
        assert all(set(one["details"]) == {"state", "unit"} for one in told)


async def test_who_sees_single_projects_sees_its_own_list_of_them(user: Caller, served: Served) -> None:
    scope = await made(user, "a", served)
    await made(user, "b", served)
    guest = await another(served, "c2", "none", **{scope: "viewer"})
    found = await guest.done("GET", "/projects/info", query="async=true")
    assert [one["pid"] for one in found["smlInfoList"]["values"]] == ["a"]
    assert found["jobinfo"]["owner"] == "c2"
    other = await another(served, "c3", "none", **{scope: "viewer"})
    assert await other.bad("GET", f"/jobs/{found['jobinfo']['jobId']}") == "No such job"
