"""Noise over the API: asked for when a federation is founded, foreseen in a preview, and accounted for."""

from __future__ import annotations

from fractions import Fraction

from fedpeer.core.peer.events import Tick
from fedpeer.core.privacy.purse import Declared, Purse
from tests.support.served import CONTRACT, SCHEMA, VIEWER, Served, rows

NOISE = {"epsilon": 0.5, "exponent": 6, "rows": 1}
BUDGET = "/v1/privacy/budget"


async def noisy(served: Served, name: str, **more: object) -> str:
    body = {"name": name, "schema": SCHEMA, "contract": CONTRACT, "profile": "relaxed", "noise": NOISE}
    made = await served.good("POST", "/v1/federations", body | more)
    return f"/v1/federations/{made['name']}"


async def declare(served: Served) -> None:
    """Have a budget from here on, as after a start with other settings."""
    engine, purse = served.node._engine, Purse.restored({}, Declared("patients", Fraction(1), 6))
    while engine.purse is not purse:  # what was under way puts back the purse that it began with
        engine.purse = purse
        await engine.ask(next(iter(engine.states)), Tick())


async def test_what_noise_costs_is_foreseen_paid_and_listed(served: Served) -> None:
    none = await served.good("GET", BUDGET)
    assert (none["dataset"], none["limit"], none["charges"]) == ("", {"rho": 0.0, "epsilon": 0.0}, [])
    fed = await noisy(served, "quiet")
    await served.good("POST", f"{fed}/data/rows?wait=30", {"rows": rows(200)})
    told = await served.good("GET", f"{fed}/preview")
    assert told["outcome"] == "withheld"
    assert "no privacy budget" in told["detail"]
    await declare(served)
    told = await served.good("GET", f"{fed}/preview")
    assert told["outcome"] == "sent"
    assert told["noise"]["rows"] > 1
    assert 0 < told["noise_cost"] < told["budget_left"]
    before = await served.good("GET", BUDGET)
    assert (await served.good("POST", f"{fed}/sync"))["outcome"] == "sent"
    status, after, _ = await served.ask("GET", BUDGET, token=VIEWER)
    assert status == 200
    assert before["spent"] == {"rho": 0.0, "epsilon": 0.0}
    assert after["dataset"] == "patients"
    assert [charge["rho"] for charge in after["charges"]] == [told["noise_cost"]]
    assert 0.4 < after["spent"]["epsilon"] <= 0.5
    assert after["limit"]["epsilon"] <= 1
    answer = await served.good("POST", f"{fed}/explore", {"features": []})
    assert all("noise" in each for each in answer["values"]["univariate"].values() if each["kind"] != "category")


async def test_noise_that_those_who_collude_all_know_is_refused(served: Served) -> None:
    body = {"name": "loud", "schema": SCHEMA, "contract": CONTRACT, "exchange": {"mode": "secure", "least": 3}}
    status, told, _ = await served.ask("POST", "/v1/federations", body | {"noise": NOISE | {"colluders": 3}})
    assert status == 400
    assert "may collude" in told["detail"]
    for wrong in ({"epsilon": 0}, {"epsilon": 1, "rows": 0}, {"rows": 1}):
        status, _, _ = await served.ask("POST", "/v1/federations", body | {"noise": wrong})
        assert status in {400, 422}
