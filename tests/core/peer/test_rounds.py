"""Rounds of the secure sum between whole peers: called, entered, opened, refused, lost, and never opened twice."""

from __future__ import annotations

import random

import pytest

from fedpeer.core.federation.exchange import Exchange
from fedpeer.core.peer import events as ev
from fedpeer.core.statistics.collect import tally
from fedpeer.core.statistics.summary import Summary
from tests.support.simulation import SCHEMA, Node, Simulation, totals

NAMES = ("alfa", "bravo", "charlie", "delta", "echo")
SECURE = Exchange(mode="secure", least=3)


def table(rng: random.Random, rows: int = 60) -> dict[str, list[float]]:
    return {
        "x": [rng.randrange(-200, 201) / 2 for _ in range(rows)],
        "y": [float(rng.randrange(1001)) for _ in range(rows)],
    }


def federation(members: int = 5, *, seed: int = 1, profile: str = "relaxed", **how: object) -> Simulation:
    simulation = Simulation(seed, **how)
    admin = simulation.found(NAMES[0], exchange=SECURE, profile=profile)
    for name in NAMES[1:members]:
        simulation.join(admin, name)
    simulation.run()
    rng = random.Random(seed)
    for node in simulation.up():
        simulation.add(node, table(rng))
    simulation.run()
    return simulation


def pooled(nodes: list[Node]) -> Summary:
    return sum((node.peer.local for node in nodes), Summary.zero(SCHEMA))


def pulse(simulation: Simulation, caller: str = "alfa") -> tuple[str, str]:
    reply = simulation.act(simulation.nodes[caller], ev.SyncNow())
    simulation.run()
    return reply


def test_the_opened_sum_is_the_pooled_summary_bit_for_bit_and_nobody_has_anybodys():
    simulation = federation()
    outcome, _ = pulse(simulation)
    nodes = simulation.up()
    assert outcome == "called"
    assert totals(simulation) == {pooled(nodes).digest}
    for node in nodes:
        assert node.peer.ledger.held == {}
        assert set(node.peer.ledger.contributors) == {n.peer.me.peer for n in nodes}
        assert not node.peer.disagreeing
