"""What the tests of the API stand on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.served import CONTRACT, SCHEMA, MovableClock, Served, memory_broker, node_on, serving


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """One node without federations."""
    clock = MovableClock()
    async with node_on(memory_broker(), clock, "north") as node, serving(node, clock) as one:
        yield one


@pytest.fixture
async def founded(served: Served) -> Served:
    """One node with the federation `hearts`, whose admin it is."""
    told = {"name": "hearts", "schema": SCHEMA, "contract": CONTRACT, "schedule": "d7", "profile": "relaxed"}
    await served.good("POST", "/v1/federations", told)
    return served


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Served, Served]]:
    """Two nodes on one bus, served each."""
    clock, broker = MovableClock(), memory_broker()
    async with (
        node_on(broker, clock, "north") as north,
        node_on(broker, clock, "south") as south,
        serving(north, clock) as one,
        serving(south, clock) as two,
    ):
        yield one, two


@pytest.fixture
async def joined(pair: tuple[Served, Served]) -> tuple[Served, Served]:
    """Two nodes in one federation, `hearts`, of which the first is the admin."""
    north, south = pair
    told = {"name": "hearts", "schema": SCHEMA, "contract": CONTRACT, "schedule": "d7", "profile": "relaxed"}
    await north.good("POST", "/v1/federations", told)
    invite = await north.good("POST", "/v1/federations/hearts/invites", {})
    asked = {"text": invite["text"], "passphrase": invite["passphrase"], "display": "the south", "schema": SCHEMA}
    status, fed, headers = await south.ask("POST", "/v1/joins?wait=30", asked)
    assert (status, fed["state"], headers["Location"]) == (201, "active", f"/v1/federations/{fed['id']}")
    return north, south
