"""Centralised federations: the admin alone receives, by encryption and by what the others can follow and say."""

from __future__ import annotations

import random

import pytest

from fedpeer.core.envelope import grants, subjects
from fedpeer.core.envelope.messages import Hello, Share
from fedpeer.core.errors import ConfigError, MismatchError
from fedpeer.core.federation.exchange import Exchange
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.recording import record
from fedpeer.core.peer.turn import Turn
from fedpeer.core.statistics.summary import Summary
from tests.core.peer.test_rounds import table, troubled
from tests.support.simulation import SCHEMA, Node, Simulation, matches

CENTRAL = Exchange(topology="centralised")
NAMES = ("alfa", "bravo", "charlie")


def federation(seed: int = 1) -> tuple[Simulation, list[Node]]:
    simulation = Simulation(seed)
    admin = simulation.found("alfa", exchange=CENTRAL)
    nodes = [admin, *(simulation.join(admin, name) for name in NAMES[1:])]
    rng = random.Random(seed)
    for node in nodes:
        simulation.add(node, table(rng))
    simulation.run()
    return simulation, nodes


def test_the_admin_has_the_pooled_sum_and_the_others_have_only_their_own():
    simulation, nodes = federation()
    for node in nodes:
        simulation.act(node, ev.SyncNow())
    simulation.run()
    simulation.pass_time(3)
    admin, *others = nodes
    assert admin.peer.ledger.total == sum((n.peer.local for n in nodes), Summary.zero(SCHEMA))
    for node in others:
        assert set(node.peer.ledger.held) == {node.peer.me.peer}
        assert set(node.peer.session.heard) == {admin.peer.me.peer}
        assert not node.peer.disagreeing
        held = node.peer.session.heard[admin.peer.me.peer].status.standing.holds
        assert [h.peer for h in held] == [node.peer.me.peer]
    assert not admin.peer.disagreeing


def test_nothing_that_a_member_says_can_be_heard_by_another():
    simulation, nodes = federation()
    simulation.act(nodes[1], ev.SyncNow())
    simulation.run()
    simulation.pass_time(40)
    ids = {n.peer.me.peer: n for n in nodes}
    fed = nodes[0].peer.federation
    rights = grants.permissions_for_sender(fed, nodes[1].peer.me.peer, nodes[0].peer.me.peer)
    assert set(subjects.followed_by_sender(fed, nodes[1].peer.me.peer)) <= set(rights.subscribe)
    for subject, _ in simulation.recorded:
        kind, *rest = subject.split(".")[2:]
        assert kind in {"to", "talk", "join", "welcome"}, subject
        if kind in {"to", "talk"}:
            assert nodes[0].peer.me.peer in rest[:2], "a word between two members"
            sender = ids[rest[1]]
            if sender is not nodes[0]:
                mine = grants.permissions_for_sender(fed, rest[1], nodes[0].peer.me.peer)
                assert any(matches(pattern, subject) for pattern in mine.publish)
                other = next(n for n in nodes[1:] if n is not sender)
                assert not any(matches(p, subject) for p in other.line.subjects)


def test_a_contribution_that_comes_to_a_member_all_the_same_is_refused():
    simulation, nodes = federation()
    for node in nodes:
        simulation.act(node, ev.SyncNow())
    simulation.run()
    signed = nodes[1].peer.released.signed
    turn = Turn(nodes[2].peer, simulation.now, bytes(32))
    with pytest.raises(MismatchError, match="the admin alone"):
        record(turn, signed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_lost_the_admin_has_it_in_the_end_and_gives_a_restored_member_back_its_own(seed: int):
    simulation, nodes = federation(seed)
    simulation.fate = troubled
    rng = random.Random(seed)
    backup = dict(nodes[2].disk)
    for _ in range(4):
        simulation.add(rng.choice(nodes), table(rng))
        simulation.act(rng.choice(nodes), ev.SyncNow())
        simulation.crash(victim := rng.choice(nodes[1:]))
        simulation.pass_time(4)
        simulation.restart(victim)
        simulation.pass_time(12)
    for node in nodes:
        simulation.act(node, ev.SyncNow())
    simulation.fate = lambda rng, subject: "ok"
    simulation.pass_time(30)
    admin, *others = nodes
    assert admin.peer.ledger.total == sum((n.peer.local for n in nodes), Summary.zero(SCHEMA))
    assert all(not n.peer.disagreeing for n in nodes)
    serial = nodes[2].peer.released.contribution.serial
    simulation.crash(nodes[2])
    simulation.restart(nodes[2], backup)
    simulation.pass_time(20)
    assert nodes[2].peer.ledger.serial(nodes[2].peer.me.peer) >= serial
    assert set(nodes[2].peer.ledger.held) == {nodes[2].peer.me.peer}


def test_only_open_contributions_can_be_gathered():
    for mode in ("secure", "paillier", "ckks"):
        with pytest.raises(ConfigError, match="is not centralised"):
            Exchange(mode=mode, topology="centralised").check()


def test_what_members_ask_each_other_is_said_to_the_admin_alone():
    simulation, nodes = federation()
    turn = Turn(nodes[1].peer, simulation.now, bytes(32))
    turn.say(Share(b"x"))
    turn.tell(nodes[0].peer.me.peer, Hello(nodes[1].peer.standing))
    assert {e.subject.split(".")[3] for e in turn.effects} == {nodes[0].peer.me.peer}
    turn = Turn(nodes[0].peer, simulation.now, bytes(32))
    turn.say(Share(b"x"))
    assert turn.effects == []
