"""Release rules over the API: what the charter says of them, and what a node adds for itself."""

from __future__ import annotations

import msgspec
import pytest

from fedpeer import config
from fedpeer.api import bodies
from fedpeer.cli import rules as cli
from fedpeer.core.privacy.floor import Policy
from fedpeer.node import shapes
from tests.support.served import CONTRACT, SCHEMA, VIEWER, Served, rows

FED = "/v1/federations/hearts"
NONE = dict.fromkeys(("rows", "cell", "change", "total", "patients", "dominance", "risk"), 0)
TOLD = {"schema": SCHEMA, "contract": CONTRACT, "schedule": "d7"}


def test_a_rule_has_one_name_default_and_range_wherever_it_is_said() -> None:
    """`noise` is only a charter's; a profile is not among a charter's further rules, which are beyond one."""
    kept = [name for name in Policy.__struct_fields__ if name != "noise"]
    for place in (config._Rules, shapes.Rules, bodies.SetRules):
        assert sorted(place.__struct_fields__) == sorted(kept), place
    assert bodies.Rules.__struct_fields__ == tuple(name for name in kept if name != "profile")
    assert [*cli._TOLD, "tests"] == [name for name in kept if name != "profile"]
    told = {kind: msgspec.json.schema(kind)["$defs"][kind.__name__]["properties"] for kind in (Policy, config._Rules)}
    for kind in (bodies.Rules, bodies.SetRules):
        said = msgspec.json.schema(kind)["$defs"][kind.__name__]["properties"]
        for name in bodies.Rules.__struct_fields__:
            assert said[name] == told[Policy][name] == told[config._Rules][name], (kind, name)
    assert told[config._Rules]["profile"]["default"] == "relaxed" == bodies.SetRules().profile


async def test_a_node_keeps_stricter_rules_than_the_charter_and_never_laxer_ones(joined: tuple[Served, Served]) -> None:
    north, south = joined
    await south.good("POST", f"{FED}/data/rows?wait=30", {"rows": rows(60)})
    before = await south.good("GET", f"{FED}/rules")
    assert before["charter"] == before["own"] == {"profile": "relaxed", "tests": [], **NONE}
    told = await south.good("PUT", f"{FED}/rules", {"rows": 90, "risk": 70})
    assert told["own"] == {"profile": "relaxed", "tests": [], **NONE, "rows": 90, "risk": 70}
    assert told["kept"]["rows"] == 90 > before["kept"]["rows"]
    assert (await south.good("GET", f"{FED}/preview"))["outcome"] == "withheld"
    synced = await south.good("POST", f"{FED}/sync")
    assert (synced["outcome"], "at least 90" in synced["detail"]) == ("withheld", True)
    assert (await south.good("GET", FED))["rules"] == "relaxed, rows 90, risk 70"
    assert (await north.good("GET", f"{FED}/rules"))["own"] == before["own"]
    await south.good("PUT", f"{FED}/rules", {})
    assert (await south.good("GET", f"{FED}/rules")) == before
    assert (await south.good("POST", f"{FED}/sync"))["outcome"] == "sent"
    fed = await south.good("GET", FED)
    assert 0.5 < fed["released_risk"] < 1
    assert fed["released_risk"] == (await south.good("GET", f"{FED}/preview"))["membership_risk"]


async def test_a_charter_is_founded_with_rules_of_its_own(joined: tuple[Served, Served]) -> None:
    north, _ = joined
    rules = {"rows": 40, "total": 300, "dominance": 20, "tests": ["welch"]}
    await north.good("POST", "/v1/federations", {"name": "lungs", **TOLD, "profile": "strict", "rules": rules})
    told = await north.good("GET", "/v1/federations/lungs/rules")
    assert told["charter"] == {**NONE, "profile": "strict", **rules}
    kept = {"rows": 40, "cell": 10, "change": 10, "total": 300, "patients": 25, "dominance": 20, "risk": 60}
    assert told["kept"] == kept
    assert told["tests"] == ["welch"]


@pytest.mark.parametrize(
    "body", [{"rows": -1}, {"risk": 40}, {"dominance": 2000}, {"tests": ["ks"]}, {"noise": 1}, {"profile": "lax"}]
)
async def test_rules_that_cannot_be_kept_are_refused(founded: Served, body: dict[str, object]) -> None:
    status, _, _ = await founded.ask("PUT", f"{FED}/rules", body)
    assert status in (400, 422)
    create = {"name": "lungs", **TOLD, "rules": body}
    status, _, _ = await founded.ask("POST", "/v1/federations", create)
    assert status in (400, 422)


async def test_whoever_may_look_sees_the_rules_and_does_not_change_them(founded: Served) -> None:
    status, _, _ = await founded.ask("GET", f"{FED}/rules", token=VIEWER)
    assert status == 200
    status, _, _ = await founded.ask("PUT", f"{FED}/rules", {"rows": 90}, token=VIEWER)
    assert status == 403
