"""An invite admits exactly one peer, whoever asks, however often, and wherever the admin is cut off in between."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from fedpeer.core.envelope import join as joins
from fedpeer.core.envelope import passes
from fedpeer.core.envelope.access import Access
from fedpeer.core.envelope.keys import Identity
from fedpeer.core.errors import InviteError
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.joining import issue_invite
from fedpeer.core.peer.records import restore
from fedpeer.core.peer.state import Bus, Joining, Peer
from fedpeer.core.peer.tending import void_passes
from fedpeer.core.peer.turn import Turn
from tests.support.simulation import Node, Simulation, totals


def _open(simulation: Simulation) -> list[Node]:
    return [n for n in simulation.nodes.values() if isinstance(n.state, Joining)]


def _asked(simulation: Simulation, invitation, *, seed: int = 1, name: str = "eve", **changed: str) -> bytes:
    """A request by somebody who holds the invite, with some of its card exchanged."""
    identity = Identity.of(bytes([seed]) * 32)
    card = identity.card(name)
    if changed:
        identity = _Masked(identity, replace(card, **changed))
    return joins.request(invitation, identity, name)


class _Masked:
    """An identity that shows another card."""

    def __init__(self, identity: Identity, card) -> None:
        self._card = card
        self.sign = identity.sign
        self.peer = card.peer

    def card(self, name: str):
        return self._card


def _subject(simulation: Simulation, invitation) -> str:
    return f"fp.{simulation.federation}.join.{invitation.invite}.0"


@pytest.mark.long
@pytest.mark.parametrize("seed", [0, 1])
def test_fifty_who_redeem_one_invite_at_once_are_one_member(seed):
    simulation = Simulation(seed)
    alfa = simulation.found("alfa")
    invitation = simulation.invite(alfa)
    joiners = [simulation.ask_to_join(alfa, f"joiner {i}", invitation) for i in range(50)]
    random.Random(seed).shuffle(simulation.wire)
    simulation.run()
    members = [n for n in joiners if isinstance(n.state, Peer)]
    assert len(members) == 1
    assert alfa.peer.roster.active == tuple(sorted([alfa.peer.me.peer, members[0].peer.me.peer]))
    record = alfa.peer.invites[invitation.invite]
    assert (record.state, record.redeemed_by) == ("contested", members[0].peer.me.peer)
    assert len([t for t in alfa.said("member") if "then by someone else" in t]) == 1
    assert alfa.peer.counters.receive_errors >= 49
    simulation.pass_time(10)
    others = [n.state for n in joiners if n is not members[0]]
    assert {(s.phase, s.reason) for s in others} == {("declined", "the invite was used already, by someone else")}
    assert len(alfa.peer.roster.members) == 2
    assert members[0].peer.secret is not None
    assert len(totals(simulation)) == 1


def test_the_same_joiner_gets_the_same_stored_reply_however_often_it_asks():
    simulation = Simulation()
    alfa = simulation.found("alfa")
    invitation = simulation.invite(alfa)
    bravo = simulation.ask_to_join(alfa, "bravo", invitation)
    (request,) = [body for subject, body in simulation.recorded if ".join." in subject]
    simulation.run()
    charter, stored = alfa.peer.charter, alfa.peer.invites[invitation.invite]
    for _ in range(3):
        simulation.act(alfa, ev.Received(_subject(simulation, invitation), request))
    again = joins.request(invitation, bravo.peer.me, "bravo")
    simulation.act(alfa, ev.Received(_subject(simulation, invitation), again))
    simulation.run()
    replies = {body for subject, body in simulation.recorded if ".welcome." in subject}
    assert replies == {stored.reply}
    assert alfa.peer.charter is charter
    assert alfa.peer.invites[invitation.invite].state == "redeemed"
    assert bravo.peer.counters.receive_errors == 0


def test_a_joiner_that_restarts_is_still_the_same():
    simulation = Simulation()
    alfa = simulation.found("alfa")
    bravo = simulation.ask_to_join(alfa, "bravo", simulation.invite(alfa))
    me = bravo.state.me
    simulation.crash(bravo)
    simulation.restart(bravo)
    simulation.pass_time(4)
    assert bravo.peer.me == me
    assert len(alfa.peer.roster.active) == 2
    assert [i.state for i in alfa.peer.invites.values()] == ["redeemed"]


def test_a_second_joiner_after_the_first_is_told_and_the_first_stays_whole():
    simulation = Simulation()
    alfa = simulation.found("alfa")
    invitation = simulation.invite(alfa)
    bravo = simulation.ask_to_join(alfa, "bravo", invitation)
    simulation.run()
    eve = simulation.ask_to_join(alfa, "eve", invitation)
    simulation.run()
    assert (eve.state.phase, eve.line) == ("declined", None)
    assert any("used already" in text for text in eve.said("member"))
    assert alfa.peer.invites[invitation.invite].state == "contested"
    # The broker now keeps what was told to eve; bravo, restarted as if it had heard nothing, still gets its own.
    simulation.act(
        alfa, ev.Received(_subject(simulation, invitation), joins.request(invitation, bravo.peer.me, "bravo"))
    )
    (last,) = [body for subject, body in simulation.kept.items() if ".welcome." in subject]
    assert last == alfa.peer.invites[invitation.invite].reply


@pytest.mark.parametrize(("state", "reason"), [("expired", "expired"), ("late", "expired"), ("revoked", "taken back")])
def test_an_invite_that_is_over_admits_nobody_and_says_why(state, reason):
    simulation = Simulation()
    alfa = simulation.found("alfa")
    invitation = simulation.invite(alfa, expires_in_s=100)
    request = _asked(simulation, invitation)
    if state == "revoked":
        simulation.act(alfa, ev.RevokeInvite(invitation.invite))
    else:
        simulation.now += 101
    if state == "expired":
        simulation.act(alfa, ev.Tick())
        assert alfa.peer.invites[invitation.invite].state == "expired"
    charter = alfa.peer.charter
    simulation.act(alfa, ev.Received(_subject(simulation, invitation), request))
    reply = simulation.kept[f"fp.{simulation.federation}.welcome.{invitation.invite}.0"]
    assert reason.encode() in joins.open_reply(reply, invitation, Identity.of(bytes([1]) * 32), "eve")
    assert alfa.peer.charter is charter
    assert alfa.peer.invites[invitation.invite].redeemed_by == ""


def test_an_expired_invite_is_refused_before_anything_is_sent():
    simulation = Simulation()
    alfa = simulation.found("alfa")
    invitation = simulation.invite(alfa, expires_in_s=100)
    simulation.now += 100
    with pytest.raises(InviteError, match="expired"):
        simulation.ask_to_join(alfa, "bravo", invitation)
    assert simulation.nodes["bravo"].state is None


def test_an_invite_that_expires_while_the_joiner_waits_ends_its_asking():
    simulation = Simulation()
    alfa = simulation.found("alfa")
    invitation = simulation.invite(alfa, expires_in_s=100)
    simulation.crash(alfa)
    bravo = simulation.ask_to_join(alfa, "bravo", invitation)
    simulation.pass_time(50, tick=10)
    assert bravo.state.phase == "joining"
    simulation.pass_time(60, tick=10)
    assert (bravo.state.phase, bravo.line) == ("declined", None)
    sent = len(simulation.recorded)
    simulation.pass_time(60, tick=10)
    assert len(simulation.recorded) == sent


def _forged(simulation, alfa, invitation):
    """Requests by somebody who has not the token, or not what it says it has."""
    other = Simulation(99)
    stranger = other.found("xray")
    theirs = other.invite(stranger)
    good = _asked(simulation, invitation)
    return {
        "never issued": replace(invitation, invite="0" * 16),
        "another token": replace(invitation, token=b"t" * 32),
        "another federation": theirs,
        "the token of another federation": replace(invitation, token=theirs.token),
        "empty": b"",
        "cut": good[:-1],
        "altered": good[:700] + bytes([good[700] ^ 1]) + good[701:],
        "huge": good + bytes(600_000),
    }


@pytest.mark.parametrize(
    "name",
    [
        "never issued",
        "another token",
        "another federation",
        "the token of another federation",
        "empty",
        "cut",
        "altered",
        "huge",
    ],
)
def test_a_request_without_a_right_admits_nobody_and_is_not_answered(name):
    simulation = Simulation()
    alfa = simulation.found("alfa")
    invitation = simulation.invite(alfa)
    made = _forged(simulation, alfa, invitation)[name]
    request = made if isinstance(made, bytes) else _asked(simulation, made)
    charter, sent = alfa.peer.charter, len(simulation.recorded)
    for subject in {
        _subject(simulation, invitation),
        _subject(simulation, made if not isinstance(made, bytes) else invitation),
    }:
        errors = alfa.peer.counters.receive_errors
        simulation.act(alfa, ev.Received(subject, request))
        assert alfa.peer.counters.receive_errors == errors + 1
    assert alfa.peer.charter is charter
    assert alfa.peer.invites[invitation.invite].state == "open"
    assert not [s for s, _ in simulation.recorded[sent:] if ".welcome." in s]


def test_nobody_may_join_with_the_broker_key_of_another():
    """Else, by leaving again, it would have the admin cut off that other."""
    simulation = Simulation()
    alfa = simulation.found("alfa")
    bravo = simulation.join(alfa, "bravo")
    for victim in (alfa, bravo):
        invitation = simulation.invite(alfa)
        key = victim.peer.roster.members[victim.peer.me.peer].card.broker
        request = _asked(simulation, invitation, broker=key)
        simulation.act(alfa, ev.Received(_subject(simulation, invitation), request))
        assert len(alfa.peer.roster.members) == 2
        assert alfa.peer.invites[invitation.invite].state == "open"
    assert any("broker key that is another" in text for text in alfa.said("receive"))


@pytest.mark.parametrize("name", ["", " ", "a" * 65, "tab\there", "turned\u202eround"])
def test_a_name_that_could_deceive_is_not_admitted(name):
    simulation = Simulation()
    alfa = simulation.found("alfa")
    invitation = simulation.invite(alfa)
    identity = Identity.of(b"1" * 32)

    from fedpeer.core import canonical
    from fedpeer.core.envelope.keys import seal_to
    from fedpeer.core.envelope.padding import pad

    card = identity.card(name)
    parts = (invitation.federation, invitation.invite, invitation.admin.peer)
    proof = Identity.from_secret(invitation.token).sign(joins._PROOF, joins._transcript(*parts, card))
    body = canonical.encode(joins.JoinRequest(*parts, card, proof))
    signed = canonical.encode(joins._Signed(body, identity.sign(joins._REQUEST, body)))
    request = seal_to(invitation.admin.seal, joins._info(joins._REQUEST, parts[0], parts[1]), pad(signed))
    simulation.act(alfa, ev.Received(_subject(simulation, invitation), request))
    assert len(alfa.peer.roster.members) == 1
    assert alfa.peer.counters.receive_errors == 1


def test_a_member_that_comes_back_with_its_old_keys_is_refused():
    simulation = Simulation()
    alfa = simulation.found("alfa")
    bravo = simulation.join(alfa, "bravo")
    me = bravo.peer.me
    simulation.act(alfa, ev.RemoveMember(me.peer, ""))
    simulation.run()
    invitation = simulation.invite(alfa)
    simulation.act(alfa, ev.Received(_subject(simulation, invitation), joins.request(invitation, me, "bravo")))
    assert len(alfa.peer.roster.active) == 1
    assert any("a peer joins with new keys" in text or "broker key" in text for text in alfa.said("receive"))


def test_an_admin_cut_off_after_redeeming_answers_the_same_after_its_restart():
    simulation = Simulation()
    alfa = simulation.found("alfa")
    invitation = simulation.invite(alfa)
    bravo = simulation.ask_to_join(alfa, "bravo", invitation)
    while simulation.wire:
        name, subject, _ = simulation.wire[0]
        if name == "bravo":
            simulation.wire.pop(0)
            continue
        simulation.deliver(0)
        if alfa.peer.invites[invitation.invite].state == "redeemed":
            break
    stored = alfa.peer.invites[invitation.invite].reply
    simulation.wire.clear()
    simulation.kept.clear()
    simulation.crash(alfa)
    eve = simulation.ask_to_join(alfa, "eve", invitation)
    simulation.restart(alfa)
    simulation.pass_time(6)
    assert alfa.peer.invites[invitation.invite].reply == stored
    assert isinstance(bravo.state, Peer)
    assert bravo.peer.secret is not None
    assert eve.state.phase == "declined"
    assert len(alfa.peer.roster.active) == 2


def test_an_admin_cut_off_before_redeeming_has_lost_nothing():
    simulation = Simulation()
    alfa = simulation.found("alfa")
    invitation = simulation.invite(alfa)
    before = dict(alfa.disk)
    bravo = simulation.ask_to_join(alfa, "bravo", invitation)
    simulation.crash(alfa)
    simulation.restart(alfa, before)
    simulation.pass_time(6)
    assert isinstance(bravo.state, Peer)
    assert len(alfa.peer.roster.active) == 2


def test_only_a_hash_of_the_token_is_kept():
    simulation = Simulation()
    alfa = simulation.found("alfa")
    invitation = simulation.invite(alfa)
    assert not [name for name, value in alfa.disk.items() if invitation.token in value]
    assert invitation.token not in repr(invitation).encode()
    assert restore(simulation.federation, alfa.disk, alfa.peer.session).invites == alfa.peer.invites


@pytest.mark.long
def test_open_invites_are_bounded(monkeypatch):
    simulation = Simulation()
    alfa = simulation.found("alfa")
    monkeypatch.setattr("fedpeer.core.envelope.invite.write", lambda *_: "")
    turn = Turn(alfa.peer, simulation.now, b"e" * 32)
    for _ in range(1_000):
        issue_invite(turn, ev.IssueInvite("member", 60))
    with pytest.raises(InviteError, match="too many"):
        issue_invite(turn, ev.IssueInvite("member", 60))
    assert len({r.id for r in turn.state.invites.values()}) == 1_000


def test_an_id_that_was_drawn_before_serves_one_invite(monkeypatch):
    simulation = Simulation()
    alfa = simulation.found("alfa")
    monkeypatch.setattr("fedpeer.core.envelope.invite.write", lambda *_: "")
    turn = Turn(alfa.peer, simulation.now, b"e" * 32)
    event = ev.IssueInvite("member", 60, None, "ab" * 8)
    issue_invite(turn, event)
    before = turn.state.invites
    assert list(before) == [event.name]
    with pytest.raises(InviteError, match="already"):
        issue_invite(turn, event)
    assert turn.state.invites == before


def test_an_embedded_bus_gives_each_joiner_a_pass_of_its_own():
    simulation = Simulation()
    alfa = simulation.found("alfa")
    seed = passes.seed("account", b"a" * 32)
    alfa.state = alfa.peer.with_session()
    from dataclasses import replace as swapped

    alfa.state = swapped(alfa.peer, bus=Bus(Access(servers=("nats://127.0.0.1:1",)), ("nats://h:1",), "x", seed))
    invitation = simulation.invite(alfa)
    assert invitation.access.kind == "pass"
    assert alfa.peer.invites[invitation.invite].broker == passes.public_key(invitation.access.secret, "user")
    assert seed not in invitation.access.jwt
    bravo = simulation.ask_to_join(alfa, "bravo", invitation)
    simulation.run()
    assert bravo.peer.bus.access.secret == bravo.peer.me.broker_seed() != invitation.access.secret
    simulation.act(alfa, ev.RevokeInvite(simulation.invite(alfa).invite))
    simulation.act(alfa, ev.RemoveMember(bravo.peer.me.peer, ""))
    assert len(void_passes(alfa.peer)) == 2
