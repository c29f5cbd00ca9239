"""Sums under a cipher over the API: three parts, one sum, and nothing for those who are not to see it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from fedpeer.core.errors import ConfigError
from fedpeer.core.privacy.cipher import Terms
from tests.support.ciphers import NearCkks, SmallPaillier
from tests.support.served import CONTRACT, SCHEMA, Served, memory_broker, node_on, rows, serving
from tests.support.served import MovableClock as Clock

FED = "/v1/federations/hearts"
NAMES = ("bene", "coord", "c0", "c1", "c2")
PARTS = {"bene": "beneficiary", "coord": "coordinator"}


def ciphers(terms: Terms) -> Any:
    if terms.scheme == "ckks":
        return NearCkks(terms.layout, terms.addends, parameters=terms.parameters)
    return SmallPaillier(terms.layout, terms.addends)


def only_usual(terms: Terms) -> Any:
    if terms.parameters[0] != 8192:
        raise ConfigError("ckks with degree 4096, where this node wants usual", hint="change cipher.ckks")
    return ciphers(terms)


@pytest.fixture
async def nodes() -> AsyncIterator[dict[str, Served]]:
    clock, broker = Clock(), memory_broker()
    async with AsyncExitStack() as stack:
        made = {}
        for name in (*NAMES, "picky", "bare"):
            how = {"picky": {"ciphers": only_usual}, "bare": {}}.get(name, {"ciphers": ciphers})
            node = await stack.enter_async_context(node_on(broker, clock, name, **how))
            made[name] = await stack.enter_async_context(serving(node, clock))
        yield made


def founding(mode: str) -> dict[str, Any]:
    exchange = {"mode": mode, "least": 3, "part": "beneficiary"}
    return {
        "name": "hearts",
        "schema": SCHEMA,
        "contract": CONTRACT,
        "schedule": "d7",
        "profile": "relaxed",
        "exchange": exchange,
    }


async def join(nodes: dict[str, Served], name: str) -> tuple[int, Any]:
    asked = {"role": PARTS.get(name, "contributor")}
    invite = await nodes["bene"].good("POST", f"{FED}/invites", asked)
    told = {"text": invite["text"], "passphrase": invite["passphrase"], "display": name}
    status, answer, _ = await nodes[name].ask("POST", "/v1/joins?wait=30", told)
    return status, answer


async def federate(nodes: dict[str, Served], mode: str) -> None:
    await nodes["bene"].good("POST", "/v1/federations", founding(mode))
    for name in NAMES[1:]:
        assert (await join(nodes, name))[0] == 201
    for i, name in enumerate(NAMES[2:]):
        await nodes[name].good("PUT", f"{FED}/pulse", {"pulsing": True})
        await nodes[name].good("POST", f"{FED}/data/rows?wait=30", {"rows": rows(60, 60 * i)})


@pytest.mark.long
async def test_in_paillier_the_beneficiary_fits_and_the_others_are_told_why_not(
    nodes: dict[str, Served],
) -> None:
    await federate(nodes, "paillier")
    synced = await nodes["bene"].good("POST", f"{FED}/sync?wait=30")
    assert (synced["outcome"], synced["converged"], synced["rows"]) == ("called", True, 180)
    fitted = await nodes["bene"].good("POST", f"{FED}/models", {"kind": "ols", "target": "dose"})
    assert fitted["rows"] == 180
    for name, part in (("coord", "coordinator"), ("c1", "contributor")):
        for path, body in (("models", {"kind": "ols", "target": "dose"}), ("explore", {"features": ["age"]})):
            status, told, _ = await nodes[name].ask("POST", f"{FED}/{path}", body)
            assert (status, told["code"]) == (403, "FP109")
            assert "only the beneficiary, bene, sees the sum" in told["detail"]
            assert f"this node is a {part}" in told["detail"]
        assert (await nodes[name].good("GET", FED))["rows"] == 0
    local = await nodes["c1"].good("POST", f"{FED}/explore", {"features": ["age"], "of": "local"})
    assert local["rows"] == 60


@pytest.mark.long
async def test_what_a_cipher_is_is_served_and_the_same_everywhere(nodes: dict[str, Served]) -> None:
    pytest.importorskip("tenseal")
    await federate(nodes, "ckks")
    told = [await nodes[name].good("GET", f"{FED}/cipher") for name in NAMES]
    assert told == [told[0]] * 5
    assert (told[0]["scheme"], told[0]["key_bits"], told[0]["addends"]) == ("ckks", 109, 3)
    assert told[0]["parameters"] == {"degree": 4096, "prime_bits": [60, 49], "scale_bits": 28, "digit_bits": 28}
    synced = await nodes["bene"].good("POST", f"{FED}/sync?wait=30")
    assert synced["rows"] == 180
    assert (await nodes["c0"].good("GET", FED))["rows"] == 180
    status, answer = await join(nodes, "picky")
    assert (status, answer["code"]) == (422, "FP113")
    assert "cannot take part in hearts: ckks with degree 4096, where this node wants usual" in answer["detail"]
    status, answer = await join(nodes, "bare")
    assert "this node has no cipher ckks" in answer["detail"]


async def test_without_a_cipher_none_is_served_and_no_federation_is_founded(nodes: dict[str, Served]) -> None:
    bare = nodes["bare"]
    status, told, _ = await bare.ask("POST", "/v1/federations", founding("paillier"))
    assert (status, told["code"]) == (422, "FP113")
    assert "cannot take part in hearts: this node has no cipher paillier" in told["detail"]
    await bare.good("POST", "/v1/federations", founding("open"))
    status, told, _ = await bare.ask("GET", f"{FED}/cipher")
    assert (status, told["code"]) == (409, "FP111")


@pytest.mark.long
async def test_a_second_coordinator_is_not_invited(nodes: dict[str, Served]) -> None:
    await nodes["bene"].good("POST", "/v1/federations", founding("paillier"))
    assert (await join(nodes, "coord"))[0] == 201
    status, told, _ = await nodes["bene"].ask("POST", f"{FED}/invites", {"role": "coordinator"})
    assert status in (409, 422)
    assert "has a coordinator" in told["detail"]
    status, told, _ = await nodes["bene"].ask("POST", f"{FED}/invites", {"role": "member"})
    assert "there is no role 'member' in paillier mode" in told["detail"]
