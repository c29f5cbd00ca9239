"""What a node brings from one federation into another follows from the charter, whatever was left undone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from fedpeer.core.peer import events as ev
from fedpeer.core.peer.bridge import SetBridge
from fedpeer.core.peer.state import BRIDGE
from fedpeer.node.bridging import steps
from tests.support.engines import Lone, running

ROWS = {"x": [1.5] * 9 + [0.0], "y": [float(i) for i in range(10)]}


@pytest.fixture
async def bridged() -> AsyncIterator[tuple[Lone, str, str]]:
    """A node, whose first federation is brought into its second as if it had been killed before that one was told."""
    async with running("alfa") as node:
        source, target = await node.found(), await node.found()
        node.fed = source
        await node.add(ROWS)
        await node.engine.ask(source, ev.SyncNow())
        await node.engine.ask(source, SetBridge(target, "trial", True))
        await node.until(lambda: BRIDGE in node.engine.peer(target).batches)
        yield node, source, target


async def test_a_bridge_that_the_charter_has_is_made_and_ended_though_nobody_says_so_to_the_target(bridged):
    node, source, target = bridged
    assert node.engine.peer(target).local == node.engine.peer(source).ledger.total
    await node.add(ROWS)
    await node.engine.ask(source, ev.SyncNow())
    await node.until(lambda: node.engine.peer(target).local.rows == 20)
    outcome, _ = await node.engine.ask(target, ev.SyncNow())
    assert (outcome, node.engine.peer(target).ledger.total.rows) == ("sent", 20)
    await node.engine.ask(source, SetBridge(target, "trial", False))
    await node.until(lambda: node.engine.peer(target).inflow is None)
    assert node.engine.peer(target).ledger.total.rows == 0


async def test_a_bridge_is_ended_though_its_source_is_alarmed_and_decides_nothing(bridged):
    node, source, target = bridged
    alarmed = replace(node.engine.peer(source), phase="alarmed")
    decided, told = steps(alarmed, node.engine.peer(target), on=False)
    assert decided is None
    node.engine.states[source] = alarmed
    await node.engine.ask(target, told)
    assert node.engine.peer(target).inflow is None
    assert node.engine.peer(target).local.rows == 0
