"""Metrics over HTTP: the body, the answer, and the consent of the other side."""

from __future__ import annotations

from typing import Any

import pytest

from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.metrics import METRICS, measure
from fedpeer.core.statistics.schema import Schema
from fedpeer.plots.gallery import picture
from tests.support.nats import until
from tests.support.served import SCHEMA, VIEWER, Served, rows

FED = "/v1/federations/hearts"
FIT = {"kind": "ols", "target": "age", "features": ["dose"]}


@pytest.fixture
async def counted(founded: Served) -> Served:
    """One node with sixty rows, which its federation knows."""
    await founded.good("POST", f"{FED}/data/rows?wait=30", {"rows": rows(60)})
    await founded.good("POST", f"{FED}/sync")
    return founded


async def test_a_metric_is_answered_from_the_total(counted: Served) -> None:
    asked = {"features": ["dose", "sick"], "metric": "t_test", "options": {"confidence": "0.9"}}
    told = await counted.good("POST", f"{FED}/explore", asked, token=VIEWER)
    summary = collect(Schema.from_dict(SCHEMA), rows(60))
    assert told["values"] == measure(summary, "t_test", ["dose", "sick"], options={"confidence": "0.9"})
    assert (told["metric"], told["of"], told["against"], told["rows"]) == ("t_test", "total", "", 60)
    assert told["digest"] == summary.digest


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "metric": ({"metric": "vifs"}, 400, "no metric 'vifs'; did you mean 'vif'"),
    "option": ({"metric": "vif", "options": {"a": 1}}, 400, "metric vif has no option 'a'"),
    "number": ({"metric": "z_test", "features": ["age"], "options": {"known": [1]}}, 400, "not a number"),
    "features": ({"features": ["age", "dose", "sick"]}, 400, "name one feature, two, or none"),
    "feature": ({"metric": "vif", "features": ["ages"]}, 422, "no column 'ages'"),
    "against": ({"metric": "vif", "against": "local"}, 400, "everybody's rows"),
    "nobody": ({"of": "local", "against": "rest"}, 404, "nobody else has contributed"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_cannot_be_answered_is_refused(counted: Served, case: str) -> None:
    body, expected, detail = REFUSED[case]
    status, told, _ = await counted.ask("POST", f"{FED}/explore", body)
    assert status == expected, told
    assert detail in told["detail"]


async def test_every_metric_can_be_asked_for(counted: Served) -> None:
    """What a metric lacks is said in the request's or the schema's words: none fails as a bug does."""
    for metric in METRICS:
        status, told, _ = await counted.ask("POST", f"{FED}/explore", {"metric": metric, "features": ["dose", "age"]})
        assert status in (200, 400, 422), (metric, told)


async def test_my_site_is_compared_with_the_other_that_lets_it(joined: tuple[Served, Served]) -> None:
    north, south = joined
    for one, start in ((north, 0), (south, 7)):
        await one.good("POST", f"{FED}/data/rows?wait=30", {"rows": rows(60, start)})
        await one.good("POST", f"{FED}/sync")
    assert (await north.good("POST", f"{FED}/sync?wait=30"))["converged"]
    asked = {"features": ["age"], "of": "local", "against": "rest"}
    for path, body in (("explore", asked), ("explore", {"of": "rest"}), ("models", {**FIT, "of": "rest of local"})):
        status, told, _ = await north.ask("POST", f"{FED}/{path}", body)
        assert (status, told["code"]) == (403, "FP109"), body
    await south.good("PUT", f"{FED}/explorable", {"explorable": True})
    await south.good("POST", f"{FED}/sync?wait=30")

    async def may_look() -> bool:
        await north.good("POST", f"{FED}/sync?wait=1")
        return bool((await north.ask("POST", f"{FED}/explore", asked))[0] == 200)

    await until(may_look)
    told = await north.good("POST", f"{FED}/explore", asked)
    schema = Schema.from_dict(SCHEMA)
    mine, other = collect(schema, rows(60)), collect(schema, rows(60, 7))
    assert told["values"] == measure(mine, "difference", ["age"], other=other)
    assert (told["of"], told["against"], told["metric"]) == ("local", "rest", "difference")
    told = await north.good("POST", f"{FED}/explore", {**asked, "features": [], "metric": "drift"})
    assert told["values"] == measure(mine, "drift", other=other)
    status, drawn, _ = await north.ask("GET", f"{FED}/plots/drift_by_member.svg?features=sick")
    parts = {"north": measure(mine, "drift", ["sick"], other=other)}
    parts |= {"the south": measure(other, "drift", ["sick"], other=mine)}
    told = await north.good("POST", f"{FED}/explore", asked | {"of": "each", "features": ["sick"], "metric": "drift"})
    assert told["values"] == {"parts": parts}
    assert (status, drawn.encode()) == (200, picture("drift_by_member", told["values"]))
    told = await north.good("POST", f"{FED}/explore", {"of": "rest", "metric": "uni", "features": ["age"]})
    assert (told["digest"], told["of"]) == (other.digest, "rest")
    told = await north.good("POST", f"{FED}/explore", {"of": "local, the south", "features": ["age"]})
    assert told["digest"] == (mine + other).digest
    fitted = await north.good("POST", f"{FED}/models", {**FIT, "of": "rest"})
    assert (fitted["digest"], fitted["of"], fitted["rows"]) == (other.digest, "rest", 60)


async def test_a_member_that_is_explored_or_modelled_alone_reads_so(joined: tuple[Served, Served]) -> None:
    north, south = joined
    fed = "/v1/federations/hearts"
    for one, start in ((north, 0), (south, 7)):
        await one.good("POST", f"{fed}/data/rows?wait=30", {"rows": rows(60, start)})
        await one.good("PUT", f"{fed}/explorable", {"explorable": True})
        await one.good("POST", f"{fed}/sync")
    assert (await south.good("POST", f"{fed}/sync?wait=30"))["converged"]
    members = await north.good("GET", f"{fed}/members")
    other = next(m["id"] for m in members if not m["me"])
    name = next(m["name"] for m in members if m["me"])
    await north.good("POST", f"{fed}/explore", {"features": ["age"], "of": other})
    await north.good("POST", f"{fed}/explore", {"features": ["age"]})
    await north.good("POST", f"{fed}/models", {"kind": "ols", "target": "dose", "features": ["age"], "of": other})
    assert (await north.good("POST", f"{fed}/sync?wait=30"))["converged"]

    async def said() -> list[str]:
        log = await south.good("GET", f"{fed}/log?kinds=audit")
        return [entry["text"] for entry in log["entries"] if "looked at" in entry["text"]]

    async def all_said() -> bool:
        return len(await said()) >= 2

    await until(all_said)
    assert await said() == [
        f"{name} looked at this node's contribution alone: a model: ols of dose",
        f"{name} looked at this node's contribution alone: statistics of age",
    ]
