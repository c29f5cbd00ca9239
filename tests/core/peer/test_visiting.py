"""Looking at one member alone: it is told, the charter logs its consent, and there is an end to it."""

from __future__ import annotations

import random

import pytest

from fedpeer.core.errors import TooOftenError
from fedpeer.core.peer import events as ev
from fedpeer.core.peer import visiting
from tests.core.peer.test_rounds import table
from tests.support.simulation import Node, Simulation


@pytest.fixture
def lived() -> tuple[Simulation, list[Node]]:
    simulation = Simulation(3)
    admin = simulation.found("alfa")
    nodes = [admin, simulation.join(admin, "bravo"), simulation.join(admin, "charlie")]
    for seed, node in enumerate(nodes):
        simulation.add(node, table(random.Random(seed)))
        simulation.act(node, ev.SyncNow())
    simulation.run()
    return simulation, nodes


def test_a_member_that_is_looked_at_reads_who_did_and_what_was_asked(lived):
    simulation, (alfa, bravo, charlie) = lived
    simulation.act(alfa, ev.LookAt(bravo.peer.me.peer, "statistics of x"))
    simulation.run()
    assert bravo.said("audit") == ["alfa looked at this node's contribution alone: statistics of x"]
    assert alfa.said("audit") == ["looked at bravo alone: statistics of x"]
    assert charlie.said("audit") == []


def test_one_that_is_away_reads_it_later(lived):
    simulation, (alfa, bravo, _) = lived
    simulation.crash(bravo)
    simulation.act(alfa, ev.LookAt(simulation.nodes["charlie"].peer.roster.active[0], "x"))
    peers = {n.peer.me.peer for n in simulation.up()}
    away = next(p for p in alfa.peer.roster.active if p not in peers)
    simulation.act(alfa, ev.LookAt(away, "statistics of y"))
    simulation.restart(bravo)
    simulation.run()
    assert "alfa looked at this node's contribution alone: statistics of y" in bravo.said("audit")


def test_there_is_an_end_to_looking_and_it_passes(lived):
    simulation, (alfa, bravo, _) = lived
    for _ in range(visiting.MOST):
        simulation.act(alfa, ev.LookAt(bravo.peer.me.peer, "x"))
    with pytest.raises(TooOftenError, match="60 times within a minute"):
        simulation.act(alfa, ev.LookAt(bravo.peer.me.peer, "x"))
    simulation.run()
    simulation.now += visiting.WITHIN_S
    simulation.act(alfa, ev.LookAt(bravo.peer.me.peer, "x"))


def test_consent_holds_at_once_and_stands_in_the_charter_of_everybody(lived):
    simulation, nodes = lived
    alfa, bravo, _ = nodes
    for explorable in (True, False):
        simulation.act(bravo, ev.SetExplorable(explorable))
        simulation.run()
        assert alfa.peer.session.heard[bravo.peer.me.peer].status.explorable is explorable
        simulation.now += visiting.LOGGED_S
        simulation.pass_time(12)
        assert {bravo.peer.me.peer in n.peer.roster.consenting for n in nodes} == {explorable}
        assert len({n.peer.charter.head for n in nodes}) == 1


def test_a_member_that_keeps_changing_its_mind_does_not_fill_the_charter(lived):
    simulation, (alfa, bravo, _) = lived
    before = alfa.peer.charter.version
    for turn in range(40):
        simulation.act(bravo, ev.SetExplorable(turn % 2 == 0))
        simulation.run()
        simulation.now += 0.1
    assert alfa.peer.charter.version == before + 1


def test_the_admins_own_consent_stands_there_too(lived):
    simulation, nodes = lived
    simulation.act(nodes[0], ev.SetExplorable(True))
    simulation.run()
    simulation.pass_time(6)
    assert all(nodes[0].peer.me.peer in n.peer.roster.consenting for n in nodes)
