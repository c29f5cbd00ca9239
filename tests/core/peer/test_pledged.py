"""A vote that was given stays the only one of its round, even for a process whose memory was set back."""

from __future__ import annotations

import random

import pytest

from fedpeer.core import canonical
from fedpeer.core.envelope.messages import Talk
from fedpeer.core.errors import MismatchError, PledgeError
from fedpeer.core.federation.exchange import Exchange
from fedpeer.core.federation.secure.contributor import Concealed, Voted
from fedpeer.core.federation.secure.documents import Proposal, Word, sign
from fedpeer.core.peer import contributing
from fedpeer.core.peer import events as ev
from fedpeer.core.peer import step as stepping
from fedpeer.core.peer.effects import Reconnect
from fedpeer.core.peer.state import Peer
from fedpeer.core.peer.turn import Turn
from tests.support.attack import Wire, said
from tests.support.simulation import Node, Simulation


def voting() -> tuple[Simulation, Node, Peer]:
    """A round up to the moment when somebody, who does not collect it, has voted; and what it was just before."""
    simulation, rng = Simulation(6), random.Random(6)
    admin = simulation.found("alfa", exchange=Exchange(mode="secure", least=3))
    for name in ("bravo", "charlie", "delta", "echo"):
        simulation.join(admin, name)
    simulation.run()
    for node in simulation.up():
        xs = [rng.randrange(-200, 201) / 2 for _ in range(40)]
        simulation.add(node, {"x": xs, "y": [rng.randrange(1001) for _ in range(40)]})
    simulation.run()
    simulation.act(admin, ev.SyncNow())
    while True:
        before = {name: node.peer for name, node in simulation.nodes.items()}
        simulation.deliver(0)
        for name, node in simulation.nodes.items():
            if isinstance(_state(node.peer), Voted) and isinstance(_state(before[name]), Concealed):
                ongoing = node.peer.session.round
                if ongoing.terms.collectors[0] != node.peer.me.peer:
                    return simulation, node, before[name]


def _state(peer: Peer) -> object:
    ongoing = peer.session.round
    return ongoing.contribution.state if ongoing and ongoing.contribution else None


def another(simulation: Simulation, voter: Node) -> list[Wire]:
    """The same collector's other proposal, which leaves one survivor out."""
    ongoing = voter.peer.session.round
    collector = next(n for n in simulation.nodes.values() if n.peer.me.peer == ongoing.terms.collectors[0])
    first = _state(voter.peer).proposal.document
    document = sign(Proposal(first.round, first.after, first.survivors[1:]), collector.peer.me)
    talk = Talk(ongoing.terms.round, False, canonical.encode(Word((document,))))
    return said(simulation, collector, talk, to=voter)


@pytest.mark.parametrize("kept", [True, False])
def test_a_process_that_is_set_back_in_memory_votes_for_nothing_else(kept: bool) -> None:
    simulation, voter, before = voting()
    again = another(simulation, voter)
    voted = _state(voter.peer).proposal.digest
    assert list(voter.pledges.values()) == [voted]
    voter.state = before  # and what it remembers of circles with it
    if not kept:
        voter.pledges.clear()
    for subject, body in again:
        if kept:
            with pytest.raises(PledgeError, match="another word already as round/"):
                simulation.act(voter, ev.Received(subject, body))
        else:
            simulation.act(voter, ev.Received(subject, body))
    state = _state(voter.peer)
    assert isinstance(state, Concealed if kept else Voted)
    assert kept or state.proposal.digest != voted, "without the store's memory it has voted twice"


@pytest.mark.parametrize("defended", [True, False])
def test_where_a_fault_follows_a_vote_the_vote_does_not_leave_without_its_pledge(
    defended: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulation, voter, before = voting()
    (subject, body), *_ = another(simulation, voter)
    voter.state = before
    voter.pledges.clear()
    simulation.wire.clear()
    say = contributing.say

    def said_and_failed(turn: Turn, word: Word) -> None:
        say(turn, word)
        raise MismatchError("found after the vote")

    monkeypatch.setattr(contributing, "say", said_and_failed)
    if not defended:
        monkeypatch.setattr(stepping, "Pledge", Reconnect)
    simulation.act(voter, ev.Received(subject, body))
    assert not voter.pledges
    assert bool(simulation.wire) is not defended, "without the defence the vote is on its way"
    assert isinstance(_state(voter.peer), Concealed if defended else Voted)
    assert voter.notes[-1].text == "dropped a message: found after the vote"
