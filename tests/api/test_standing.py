"""What a federation's status says of this node's own standing: part, topology, noise and budget, bridges, trouble."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from fedpeer.core.peer.proposals import DeclineProposal, Propose
from fedpeer.core.privacy.epsilon import budget
from fedpeer.core.privacy.purse import Declared, Purse
from fedpeer.core.statistics.additions import Additions
from tests.support.ciphers import SmallPaillier
from tests.support.served import CONTRACT, SCHEMA, MovableClock, Served, memory_broker, node_on, rows, serving

GROWN = {"features": [{"name": "bmi", "kind": "continuous", "min": "5", "max": "90", "resolution": "0.1"}]}


async def made(served: Served, name: str = "hearts", **more: Any) -> dict[str, Any]:
    body = {"name": name, "schema": SCHEMA, "contract": CONTRACT, "schedule": "d7", "profile": "relaxed"}
    return await served.good("POST", "/v1/federations", body | more)


async def standing(served: Served, name: str = "hearts") -> dict[str, Any]:
    one = await served.good("GET", f"/v1/federations/{name}")
    among = next(f for f in await served.good("GET", "/v1/federations") if f["name"] == name)
    assert [one[key] for key in PLAIN] == [among[key] for key in PLAIN]
    return {key: one[key] for key in PLAIN}


PLAIN = {"topology": "decentralised", "part": "", "noise": None, "brings": [], "brought": [], "trouble": []}


async def test_a_plain_federation_has_nothing_to_tell_and_a_centralised_one_says_so(served: Served) -> None:
    await made(served)
    await made(served, "lungs", exchange={"topology": "centralised"})
    assert await standing(served) == PLAIN
    assert await standing(served, "lungs") == PLAIN | {"topology": "centralised"}


async def test_the_part_under_a_cipher() -> None:
    clock = MovableClock()
    ciphers = {"ciphers": lambda terms: SmallPaillier(terms.layout, terms.addends)}
    async with node_on(memory_broker(), clock, "north", **ciphers) as node, serving(node, clock) as served:
        for part in ("contributor", "beneficiary", "coordinator"):
            await made(served, part, exchange={"mode": "paillier", "least": 3, "part": part})
            assert (await standing(served, part))["part"] == part


async def test_without_a_budget_noise_lets_nothing_leave_and_that_is_trouble(served: Served) -> None:
    await made(served, noise={"epsilon": 0.5, "exponent": 6})
    first = await standing(served)
    assert (first["noise"]["declared"], first["noise"]["left"], first["trouble"]) == (False, 0, [])
    await served.good("POST", "/v1/federations/hearts/data/rows?wait=30", {"rows": rows(200)})
    (trouble,) = (await standing(served))["trouble"]
    assert "declares no privacy budget" in trouble


async def test_what_noise_costs_and_how_many_releases_the_budget_allows(served: Served) -> None:
    served.node._engine.purse = Purse.restored({}, Declared("patients", Fraction(1), 6))
    await made(served, noise={"epsilon": 0.5, "exponent": 6})
    await served.good("POST", "/v1/federations/hearts/data/rows?wait=30", {"rows": rows(200)})
    one, whole = (budget(Fraction(text), Fraction(1, 10**6)) for text in ("0.5", "1"))
    told = await standing(served)
    assert (told["noise"]["left"], told["noise"]["declared"], told["trouble"]) == (whole // one, True, [])
    assert told["noise"]["rho"] == float(one)
    assert 0.4999 < told["noise"]["epsilon"] <= 0.5
    assert told["noise"]["delta"] == 1e-6
    for start in range(whole // one):
        more = {"rows": rows(100 + start, 7), "source": f"more {start}"}
        await served.good("POST", "/v1/federations/hearts/data/rows?wait=30", more)
        assert (await served.good("POST", "/v1/federations/hearts/sync"))["outcome"] == "sent"
        assert (await standing(served))["noise"]["left"] == whole // one - start - 1
    assert (await standing(served))["trouble"] == [
        "too little is left of the privacy budget for another release (`fedpeer budget`)"
    ]


async def test_bridges_are_named_at_both_ends(served: Served) -> None:
    await made(served)
    await made(served, "lungs")
    await served.good("POST", "/v1/federations/lungs/data/rows?wait=30", {"rows": rows(40)})
    await served.good("POST", "/v1/federations/lungs/sync")
    await served.good("PUT", "/v1/federations/hearts/bridge", {"source": "lungs", "on": True})
    assert await standing(served) == PLAIN | {"brings": ["lungs"]}
    assert await standing(served, "lungs") == PLAIN | {"brought": ["hearts"]}
    await served.good("PUT", "/v1/federations/hearts/bridge", {"source": "lungs", "on": False})
    assert await standing(served) == await standing(served, "lungs") == PLAIN


async def test_a_proposal_that_waits_for_the_admin_is_trouble_until_it_is_decided(served: Served) -> None:
    fed = (await made(served, display="the north", schema=SCHEMA | {"missing": "pairwise"}))["id"]
    proposal = await served.node._engine.ask(fed, Propose(Additions.from_dict(GROWN)))
    told = f"the north would have the schema grow by bmi (proposal {proposal.id})"
    assert (await standing(served))["trouble"] == [told]
    await served.node._engine.ask(fed, DeclineProposal(proposal.id))
    assert (await standing(served))["trouble"] == []
