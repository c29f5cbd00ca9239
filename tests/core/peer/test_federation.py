"""Whole federations as values: what must hold when nothing goes wrong, and when everything does."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedpeer.core import canonical
from fedpeer.core.envelope.seal import read
from fedpeer.core.errors import MalformedError, PermissionRefusedError, StateError
from fedpeer.core.federation.charter import LABEL, Charter, SignedEntry
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.state import Settings
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.summary import Summary
from tests.support.simulation import SCHEMA, Node, Simulation, refused, totals


def rows(seed: int, count: int = 20) -> dict[str, list[float]]:
    rng = random.Random(seed)
    return {"x": [rng.randrange(-200, 201) / 2 for _ in range(count)], "y": [rng.randrange(1001) for _ in range(count)]}


def trio(seed: int = 0, **how: object) -> tuple[Simulation, Node, Node, Node]:
    simulation = Simulation(seed, **how)
    alfa = simulation.found("alfa")
    return simulation, alfa, simulation.join(alfa, "bravo"), simulation.join(alfa, "charlie")


def shared(simulation: Simulation, *nodes: Node) -> Summary:
    """Give every node rows and let all pulse; returns the summary of the pooled rows."""
    pooled = Summary.zero(SCHEMA)
    for i, node in enumerate(nodes):
        table = rows(i)
        simulation.add(node, table)
        simulation.act(node, ev.SyncNow())
        pooled = pooled + collect(SCHEMA, table)
    simulation.run()
    simulation.pass_time(1)
    return pooled


def test_three_peers_hold_the_pooled_summary_bit_for_bit():
    simulation, *nodes = trio()
    pooled = shared(simulation, *nodes)
    assert totals(simulation) == {pooled.digest}
    assert all(n.peer.ledger.total == pooled and not n.peer.disagreeing for n in nodes)


def test_a_pulse_with_nothing_new_sends_no_contribution():
    simulation, *nodes = trio()
    shared(simulation, *nodes)
    before = [s for s, _ in simulation.recorded if ".all." in s]
    for node in nodes:
        simulation.act(node, ev.PulseDue())
    simulation.run()
    assert [s for s, _ in simulation.recorded if ".all." in s] == before


def test_a_late_joiner_sees_everything_current_even_of_those_who_are_away():
    simulation, alfa, bravo, charlie = trio()
    pooled = shared(simulation, alfa, bravo, charlie)
    simulation.crash(charlie)
    simulation.now += 60
    delta = simulation.join(alfa, "delta")
    simulation.pass_time(3)
    assert delta.peer.ledger.total == pooled


def test_a_peer_that_was_away_catches_up_by_itself():
    simulation, alfa, bravo, charlie = trio()
    shared(simulation, alfa, bravo, charlie)
    simulation.crash(bravo)
    simulation.add(alfa, rows(9))
    simulation.act(alfa, ev.SyncNow())
    simulation.act(alfa, ev.SetSchedule("m30"))
    simulation.run()
    simulation.restart(bravo)
    simulation.pass_time(4)
    assert bravo.peer.ledger.total == alfa.peer.ledger.total
    assert bravo.peer.roster.schedule.text == "m30"
    assert not bravo.peer.disagreeing


def test_asking_makes_the_others_pulse_and_convergence_waits_for_their_answers():
    simulation, alfa, bravo, charlie = trio()
    shared(simulation, alfa, bravo, charlie)
    simulation.add(bravo, rows(11))
    simulation.act(alfa, ev.SyncNow())
    assert set(alfa.peer.disagreeing) == {bravo.peer.me.peer, charlie.peer.me.peer}
    simulation.run()
    assert alfa.peer.ledger.total.rows == 80
    assert not alfa.peer.disagreeing


def test_a_peer_whose_pulse_is_stopped_shares_nothing_when_asked():
    simulation, alfa, bravo, charlie = trio()
    simulation.act(bravo, ev.SetPulsing(pulsing=False))
    simulation.add(bravo, rows(1))
    simulation.act(alfa, ev.SyncNow())
    simulation.act(bravo, ev.PulseDue())
    simulation.run()
    assert alfa.peer.ledger.total.rows == 0


def test_a_removed_member_reads_and_writes_nothing_afterwards():
    simulation, alfa, bravo, charlie = trio()
    pooled = shared(simulation, alfa, bravo, charlie)
    out = charlie.peer
    simulation.act(alfa, ev.RemoveMember(out.me.peer, "trial"))
    simulation.run()
    assert charlie.peer.phase == "removed"
    assert charlie.peer.secrets == ()
    assert alfa.peer.ledger.total == pooled - collect(SCHEMA, rows(2))
    recorded = len(simulation.recorded)
    simulation.add(alfa, rows(20))
    simulation.act(alfa, ev.SyncNow())
    simulation.run()
    later = [read(body) for subject, body in simulation.recorded[recorded:] if ".join." not in subject]
    known = {secret.epoch for secret in out.secrets}
    assert later
    assert all(h.epoch not in known and h.recipient != out.me.peer for h in later)
    # What it kept of its keys is worth nothing: its own messages, as it would have sealed them, have no effect.
    from fedpeer.core.envelope.messages import Share
    from fedpeer.core.peer.turn import Turn

    turn = Turn(out, simulation.now, b"x" * 32)
    turn.say(Share(out.released.signed))
    before = alfa.peer.ledger
    for send in turn.effects:
        simulation.act(alfa, ev.Received(send.subject, send.body))
    assert alfa.peer.ledger is before
    assert alfa.peer.counters.receive_errors == 1


def test_leaving_tells_the_admin_who_begins_a_new_epoch():
    simulation, alfa, bravo, charlie = trio()
    epoch = alfa.peer.roster.epoch
    simulation.act(bravo, ev.Leave())
    simulation.run()
    assert bravo.peer.phase == "left"
    assert alfa.peer.roster.member(bravo.peer.me.peer) is None
    assert alfa.peer.roster.epoch == epoch + 1
    assert refused(simulation, bravo, ev.SyncNow()).code == StateError.code


@pytest.mark.parametrize(
    "event",
    [
        ev.SetSchedule("h1"),
        ev.SetContract("COUNT(x) >= 1"),
        ev.IssueInvite("member", 60),
        ev.RemoveMember("a" * 26, ""),
        ev.RevokeInvite("0" * 16),
    ],
)
def test_what_only_the_admin_may_do_is_refused_to_members_and_leaves_no_trace(event):
    simulation, _, bravo, _ = trio()
    before, sent = bravo.state, len(simulation.recorded)
    error = refused(simulation, bravo, event)
    assert error is not None
    assert error.code == PermissionRefusedError.code
    assert "alfa" in str(error)
    assert bravo.state is before
    assert len(simulation.recorded) == sent


def test_a_charter_entry_forged_by_a_member_changes_nothing():
    simulation, alfa, bravo, charlie = trio()
    from fedpeer.core.envelope.messages import CatchUp
    from fedpeer.core.federation.charter import Entry, _signed
    from fedpeer.core.federation.decisions import ScheduleSet
    from fedpeer.core.peer.turn import Turn

    peer = bravo.peer
    entry = Entry(peer.federation, peer.charter.version + 1, peer.charter.head, int(simulation.now), ScheduleSet("d7"))
    turn = Turn(peer, simulation.now, b"y" * 32)
    turn.tell(charlie.peer.me.peer, CatchUp((_signed(entry, peer.me),), 0, b"", ()))
    before = charlie.peer.charter
    for send in turn.effects:
        simulation.act(charlie, ev.Received(send.subject, send.body))
    assert charlie.peer.charter is before
    assert charlie.peer.counters.receive_errors == 1
    assert any("dropped a message" in text for text in charlie.said("receive"))


def test_two_entries_of_one_number_by_the_admin_are_an_alarm_and_stop_rounds():
    simulation, alfa, bravo, charlie = trio()
    from fedpeer.core.envelope.messages import CatchUp
    from fedpeer.core.federation.decisions import ScheduleSet
    from fedpeer.core.peer.turn import Turn

    one = alfa.peer.charter.decide(ScheduleSet("h1"), alfa.peer.me, int(simulation.now))
    two = alfa.peer.charter.decide(ScheduleSet("h2"), alfa.peer.me, int(simulation.now))
    turn = Turn(alfa.peer, simulation.now, b"z" * 32)
    turn.tell(bravo.peer.me.peer, CatchUp((one.entries[-1],), 0, b"", ()))
    turn.tell(bravo.peer.me.peer, CatchUp((two.entries[-1],), 0, b"", ()))
    for send in turn.effects:
        simulation.act(bravo, ev.Received(send.subject, send.body))
    assert bravo.peer.phase == "alarmed"
    assert "both signed by the admin" in bravo.peer.alarm
    assert refused(simulation, bravo, ev.SyncNow()).code == StateError.code


def test_a_restored_backup_catches_up_and_its_next_contribution_still_counts():
    simulation, alfa, bravo, charlie = trio()
    shared(simulation, alfa, bravo, charlie)
    backup = dict(bravo.disk)
    simulation.add(bravo, rows(30))
    simulation.act(bravo, ev.SyncNow())
    simulation.run()
    simulation.crash(bravo)
    simulation.restart(bravo, backup)
    simulation.pass_time(4)
    simulation.add(bravo, rows(31, 30))
    simulation.act(bravo, ev.SyncNow())
    simulation.pass_time(4)
    assert bravo.peer.local == collect(SCHEMA, rows(1)) + collect(SCHEMA, rows(31, 30))
    assert alfa.peer.ledger.held[bravo.peer.me.peer].summary == bravo.peer.local
    assert len(totals(simulation)) == 1


def test_an_admin_restored_from_an_old_backup_hears_of_its_own_decisions_before_it_makes_new_ones():
    simulation, alfa, bravo, charlie = trio()
    backup = dict(alfa.disk)
    simulation.act(alfa, ev.SetSchedule("h7"))
    simulation.run()
    simulation.crash(alfa)
    simulation.now += 2 * 86_400
    simulation.restart(alfa, backup)
    assert "is the newest" in str(refused(simulation, alfa, ev.SetSchedule("h9")))
    simulation.act(alfa, ev.Tick())
    simulation.pass_time(12)
    assert {n.peer.phase for n in (alfa, bravo, charlie)} == {"active"}
    assert alfa.peer.roster.schedule.text == "h7"
    simulation.act(alfa, ev.SetSchedule("h9"))
    simulation.pass_time(2)
    assert {n.peer.roster.schedule.text for n in (alfa, bravo, charlie)} == {"h9"}


def test_an_admin_whose_members_are_all_away_may_decide_after_a_while():
    simulation, alfa, bravo, charlie = trio()
    simulation.crash(bravo)
    simulation.crash(charlie)
    simulation.crash(alfa)
    simulation.restart(alfa)
    assert refused(simulation, alfa, ev.RemoveMember(alfa.peer.roster.active[-1], "")) is not None
    simulation.pass_time(6)
    gone = next(p for p in alfa.peer.roster.active if p != alfa.peer.me.peer)
    simulation.act(alfa, ev.RemoveMember(gone, "away"))
    assert alfa.peer.roster.member(gone) is None


def test_a_charter_that_asks_for_another_mode_is_refused_whole():
    simulation = Simulation()
    alfa = simulation.found("alfa")
    signed = canonical.decode(alfa.peer.charter.entries[0], SignedEntry)
    forged = signed.body.replace(b"open", b"lock")
    assert forged != signed.body
    entry = SignedEntry(forged, alfa.peer.me.sign(LABEL, forged))
    with pytest.raises(MalformedError):
        Charter.open(canonical.encode(entry))


def test_a_contribution_that_fails_the_contract_here_is_left_out_counted_and_named():
    simulation = Simulation()
    alfa = simulation.found("alfa", contract="COUNT(x) >= 100")
    bravo = simulation.join(alfa, "bravo", settings=Settings(pulsing=True, send_action="allow"))
    charlie = simulation.join(alfa, "charlie", settings=Settings(pulsing=True, receive_action="allow"))
    simulation.add(bravo, rows(1))
    outcome, _ = simulation.act(bravo, ev.SyncNow())
    simulation.run()
    assert outcome == "sent"
    assert bravo.peer.counters.send_contract_failures == 1
    assert alfa.peer.counters.receive_contract_failures == {bravo.peer.me.peer: 1}
    assert alfa.peer.ledger.total.rows == 0
    assert charlie.peer.ledger.total.rows == 20
    assert charlie.peer.counters.receive_contract_failures == {bravo.peer.me.peer: 1}
    simulation.pass_time(1)
    assert alfa.peer.differing == (charlie.peer.me.peer,)
    assert set(charlie.peer.differing) == {alfa.peer.me.peer, bravo.peer.me.peer}
    assert any("measured COUNT(x) = 20" in text for text in alfa.said("contract"))


def test_a_blocked_contribution_is_not_sent_and_the_log_has_rule_and_value():
    simulation = Simulation()
    alfa = simulation.found("alfa", contract="COUNT(x) >= 100")
    simulation.add(alfa, rows(1))
    outcome, detail = simulation.act(alfa, ev.SyncNow())
    assert outcome == "refused"
    assert "COUNT(x) >= 100" in detail
    assert "measured COUNT(x) = 20" in detail
    assert not [s for s, _ in simulation.recorded if ".all." in s]


def test_rows_that_are_all_withdrawn_are_taken_back_everywhere_as_if_they_had_never_been():
    simulation, alfa, bravo, charlie = trio()
    shared(simulation, alfa, bravo, charlie)
    simulation.act(bravo, ev.WithdrawBatch(next(iter(bravo.peer.batches))))
    assert simulation.act(bravo, ev.SyncNow())[0] == "sent"
    simulation.run()
    simulation.pass_time(1)
    left = collect(SCHEMA, rows(0)) + collect(SCHEMA, rows(2))
    assert totals(simulation) == {left.digest}
    assert alfa.peer.counters.receive_contract_failures == {}
    assert simulation.act(bravo, ev.SyncNow())[0] == "unchanged"


def test_a_new_contract_is_put_to_what_is_already_held():
    simulation, *nodes = trio()
    shared(simulation, *nodes)
    simulation.act(nodes[0], ev.SetContract("COUNT(x) >= 1000"))
    simulation.run()
    simulation.pass_time(1)
    assert all(n.peer.ledger.total.rows == 0 for n in nodes)


FATES = ["ok", "ok", "ok", "drop", "twice"]


@pytest.mark.long
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**9), data=st.data())
def test_whatever_the_bus_and_the_power_do_everyone_ends_with_the_pooled_summary(seed, data):
    chaos = {"on": False}
    simulation, *nodes = trio(seed, fate=lambda rng, subject: rng.choice(FATES) if chaos["on"] else "ok")
    chaos["on"] = True
    given_rows = dict.fromkeys((n.name for n in nodes), Summary.zero(SCHEMA))
    for turn in range(data.draw(st.integers(3, 14))):
        node = data.draw(st.sampled_from(nodes))
        match data.draw(st.sampled_from(["add", "pulse", "crash", "restart", "epoch", "deliver", "deliver"])):
            case "add" if node.online:
                table = rows(seed % 1000 + turn)
                simulation.add(node, table)
                given_rows[node.name] += collect(SCHEMA, table)
            case "pulse" if node.online:
                simulation.act(node, ev.SyncNow())
            case "crash" if node.online:
                simulation.crash(node)
            case "restart" if not node.online:
                simulation.restart(node)
            case "epoch" if nodes[0].online:
                # Just restarted, it may not decide before it has heard the others.
                refused(simulation, nodes[0], ev.SetSchedule(f"m{turn + 1}"))
            case "deliver":
                for _ in range(min(len(simulation.wire), 5)):
                    simulation.deliver(simulation.rng.randrange(len(simulation.wire)))
    chaos["on"] = False
    for node in nodes:
        if not node.online:
            simulation.restart(node)
    for node in nodes:
        simulation.act(node, ev.SyncNow())
    simulation.pass_time(40, tick=4)
    pooled = sum(given_rows.values(), Summary.zero(SCHEMA))
    assert totals(simulation) == {pooled.digest}
    assert all(not n.peer.disagreeing for n in nodes)
