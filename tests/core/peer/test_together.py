"""Whoever decides who is heard, round after round, wants to subtract sums until one member is left."""

from __future__ import annotations

import random

import pytest

from fedpeer.core.federation.exchange import Exchange
from fedpeer.core.peer import concluding
from fedpeer.core.peer import events as ev
from tests.core.federation.test_together import LINES, TEN
from tests.support.simulation import Simulation

ROWS = [40 + 2**i for i in range(10)]  # so that a number of rows tells whose they are


def lived() -> Simulation:
    """Ten members with rows that do not change."""
    simulation = Simulation(2)
    admin = simulation.found("a", exchange=Exchange(mode="secure", least=3))
    for name in TEN[1:]:
        simulation.join(admin, name)
    simulation.run()
    rng = random.Random(2)
    for node, rows in zip(simulation.up(), ROWS, strict=True):
        xs = [rng.randrange(-200, 201) / 2 for _ in range(rows)]
        simulation.add(node, {"x": xs, "y": [rng.randrange(1001) for _ in range(rows)]})
    simulation.run()
    return simulation


def opened(simulation: Simulation, without: str) -> int:
    """Hold rounds in which some are not heard; the number of rows in the sum, or 0 if members refuse their votes."""
    for name, node in simulation.nodes.items():
        node.online = name not in without
    peer = simulation.nodes["j"]
    before, refused = peer.peer.ledger.opened, len(peer.said("contract"))
    simulation.pass_time(70)
    for _ in range(9):
        # Those who collect in a round may all be away; another attempt has others.
        simulation.act(peer, ev.SyncNow())
        simulation.run()
        simulation.pass_time(60)
        if peer.peer.ledger.opened != before:
            return peer.peer.ledger.total.rows
        if len(peer.said("contract")) > refused:
            return 0
    raise AssertionError("no round came to an end")


@pytest.mark.long
def test_sums_that_would_give_members_together_are_not_all_opened(monkeypatch) -> None:
    wanted = [sum(ROWS) - sum(ROWS[TEN.index(p)] for p in line) for line in ("", *LINES)]
    simulation = lived()
    assert [opened(simulation, line) for line in ("", *LINES[:5])] == [*wanted[:5], 0]
    assert any("would show together what" in text for text in simulation.nodes["j"].said("contract"))
    monkeypatch.setattr(concluding, "shown", lambda *_: ())
    simulation = lived()
    assert [opened(simulation, line) for line in ("", *LINES[:5])] == wanted[:6], "what two of them have is then known"
