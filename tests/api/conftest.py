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
