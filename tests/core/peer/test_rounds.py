"""Rounds of the secure sum between whole peers: called, entered, opened, refused, lost, and never opened twice."""

from __future__ import annotations

import random
from dataclasses import replace

import msgspec
import pytest

from fedpeer.core import canonical
from fedpeer.core.envelope.messages import Round
from fedpeer.core.errors import MismatchError
from fedpeer.core.federation.exchange import Exchange
from fedpeer.core.federation.secure.audit import Transcript
from fedpeer.core.federation.secure.contributor import Own
from fedpeer.core.federation.secure.opened import read_opened, terms_of
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.preview import preview
from fedpeer.core.peer.recording import record
from fedpeer.core.peer.turn import Turn
from fedpeer.core.statistics.schema import Feature, Schema
from fedpeer.core.statistics.summary import Summary
from tests.support.simulation import SCHEMA, Node, Simulation, totals

pytestmark = pytest.mark.long

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


def test_a_round_without_one_who_is_away_is_the_sum_of_those_who_are_there():
    simulation = federation()
    away = simulation.nodes["echo"]
    away.online = False
    outcome, _ = pulse(simulation)
    simulation.pass_time(15)
    nodes = simulation.up()
    assert totals(simulation) == {pooled(nodes).digest}
    assert away.peer.me.peer not in nodes[0].peer.ledger.contributors


def test_whoever_comes_back_gets_the_opened_sum_and_whoever_restarts_still_has_it():
    simulation = federation()
    away = simulation.nodes["echo"]
    simulation.crash(away)
    pulse(simulation)
    simulation.pass_time(15)
    simulation.restart(away)
    simulation.pass_time(15)
    digest = simulation.nodes["alfa"].peer.ledger.total.digest
    assert away.peer.ledger.total.digest == digest != Summary.zero(SCHEMA).digest
    for node in list(simulation.up()):
        simulation.crash(node)
        simulation.restart(node)
    assert totals(simulation) == {digest}


def test_two_sums_that_differ_by_one_or_two_members_are_never_both_opened():
    simulation = federation()
    pulse(simulation)
    first = simulation.nodes["alfa"].peer.ledger
    simulation.nodes["echo"].online = False
    pulse(simulation)
    simulation.pass_time(30)
    assert simulation.nodes["alfa"].peer.ledger.opened == first.opened
    assert any("only 1 (echo) differ" in text for text in simulation.nodes["bravo"].said("contract"))
    simulation.nodes["echo"].online = True
    rng = random.Random(5)
    for name in ("alfa", "bravo"):
        simulation.add(simulation.nodes[name], table(rng))
    pulse(simulation)
    simulation.pass_time(30)
    assert simulation.nodes["charlie"].peer.ledger.opened == first.opened
    simulation.add(simulation.nodes["charlie"], table(rng))
    pulse(simulation)
    simulation.pass_time(5)
    assert totals(simulation) == {pooled(simulation.up()).digest}


def version(node: Node) -> bytes:
    """What tells the vector that a node would bring now from others of its own."""
    peer = node.peer
    which = Round(peer.federation, peer.charter.head, 0, 0)
    return Own(terms_of(peer.charter, which), peer.me, peer.local.residues, b"").version


def troubled(rng: random.Random, subject: str) -> str:
    return rng.choices(["ok", "drop", "twice", "late"], [80, 8, 6, 6])[0]


@pytest.mark.parametrize("seed", range(12))
def test_whatever_the_bus_loses_and_whoever_dies_a_sum_is_that_of_its_contributors_or_is_not_there(seed: int):
    simulation = federation(seed=seed)
    simulation.fate = troubled
    rng, brought, sums = random.Random(seed), {}, {}
    for turn in range(6):
        for node in simulation.up():
            if rng.random() < 0.8:
                simulation.add(node, table(rng))
            brought[version(node)] = node.peer.local
        pulse(simulation, rng.choice([n.name for n in simulation.up()]))
        if turn % 2:
            simulation.crash(victim := rng.choice(simulation.up()))
            simulation.pass_time(25)
            simulation.restart(victim)
        simulation.pass_time(25)
        for node in simulation.up():
            if node.peer.ledger.opened:
                concluded, opened = read_opened(node.peer.ledger.opened.data, node.peer.charter)
                expected = sum((brought[v] for v in concluded.versions.values()), Summary.zero(SCHEMA))
                assert opened.total == expected
                assert sums.setdefault(opened.serial, expected) == expected
    assert sums, "no round at all was opened"


def test_a_node_restored_from_a_backup_brings_its_older_rows_and_is_known_to_have_moved():
    simulation = federation()
    echo = simulation.nodes["echo"]
    backup = dict(echo.disk)
    for node in simulation.up():
        simulation.add(node, table(random.Random(9)))
    pulse(simulation)
    simulation.crash(echo)
    simulation.restart(echo, backup)
    simulation.pass_time(2)
    before = simulation.nodes["alfa"].peer.ledger.opened
    pulse(simulation)
    simulation.pass_time(30)
    assert simulation.nodes["alfa"].peer.ledger.opened == before
    assert any("only 1 (echo) differ" in text for text in simulation.nodes["bravo"].said("contract"))


def test_rows_that_were_all_withdrawn_go_out_of_the_next_sum():
    simulation = federation()
    pulse(simulation)
    for name in ("charlie", "delta", "echo"):
        node = simulation.nodes[name]
        for batch in list(node.peer.batches):
            simulation.act(node, ev.WithdrawBatch(batch))
    outcome, _ = pulse(simulation, "echo")
    assert outcome == "called"
    rest = [simulation.nodes["alfa"], simulation.nodes["bravo"]]
    assert totals(simulation) == {pooled(rest).digest}


def test_a_member_whose_pulse_is_stopped_brings_nothing_and_still_sees_the_sum():
    simulation = federation()
    quiet = simulation.nodes["echo"]
    simulation.act(quiet, ev.SetPulsing(False))
    pulse(simulation)
    simulation.pass_time(10)
    assert totals(simulation) == {pooled([n for n in simulation.up() if n is not quiet]).digest}
    assert quiet.peer.sums.given is None


def test_a_federation_that_is_too_small_calls_no_round_and_says_why():
    simulation = Simulation()
    admin = simulation.found("alfa", exchange=SECURE)
    simulation.join(admin, "bravo")
    simulation.add(admin, table(random.Random(1)))
    assert pulse(simulation) == ("refused", "2 members can contribute, and the charter wants at least 3")
    assert admin.peer.session.round is None


def test_rows_that_could_overflow_the_sum_are_not_brought():
    schema = Schema([Feature("x", "continuous", min=-100, max=100, resolution="0.5")], row_bound=200)
    simulation = Simulation()
    admin = simulation.found("alfa", exchange=SECURE, schema=schema)
    for name in NAMES[1:]:
        simulation.join(admin, name)
    for node in simulation.up():
        rows = 41 if node is admin else 40
        simulation.add(node, {"x": [0.0] * rows})
    outcome, reason = pulse(simulation)
    assert (outcome, reason) == ("refused", "41 rows, and 5 members may have 40 each, lest sums overflow")
    simulation.pass_time(10)
    assert simulation.nodes["bravo"].peer.ledger.total.rows == 160


@pytest.mark.parametrize("change", range(1, 10))
def test_a_change_of_few_rows_of_one_member_is_not_brought(change: int):
    simulation = federation(profile="standard")
    pulse(simulation)
    node = simulation.nodes["bravo"]
    simulation.add(node, table(random.Random(3), change))
    outcome, reason = pulse(simulation, "bravo")
    assert outcome == "withheld"
    assert str(change) in reason
    assert node.peer.sums.given == node.peer.ledger.total - pooled([n for n in simulation.up() if n is not node])


def test_a_sum_that_breaks_the_charters_rules_for_sums_is_shown_to_nobody():
    simulation = Simulation()
    exchange = Exchange(mode="secure", least=3, release="ROWS() >= 1000")
    admin = simulation.found("alfa", exchange=exchange)
    for name in NAMES[1:]:
        simulation.join(admin, name)
    rng = random.Random(1)
    for node in simulation.up():
        simulation.add(node, table(rng))
    pulse(simulation)
    simulation.pass_time(10)
    assert all(node.peer.ledger.opened is None for node in simulation.up())
    told = [text for node in simulation.up() for text in node.said("sync")]
    assert sum("ROWS() >= 1000" in text for text in told) == 1, "only the collector's own log says what was measured"
    assert sum("did not pass its release rules" in text for text in told) == 5


def test_a_contribution_of_one_member_alone_is_refused_in_secure_mode():
    simulation = federation()
    open_ = Simulation(7)
    alone = open_.found("alfa")
    open_.add(alone, table(random.Random(1)))
    open_.act(alone, ev.SyncNow())
    signed = alone.peer.released.signed
    bravo = simulation.nodes["bravo"]
    turn = Turn(bravo.peer, simulation.now, bytes(32))
    with pytest.raises(MismatchError, match="by itself"):
        record(turn, signed)


def test_the_evidence_of_a_sum_opens_it_again_for_whoever_asks_its_collector():
    simulation = federation()
    pulse(simulation)
    for node in simulation.up():
        rank = simulation.act(node, ev.AuditRound())
        simulation.run()
        simulation.pass_time(2)
        assert node.peer.session.audits == {rank: ""}
        assert any("opened again from its evidence" in text for text in node.said("audit"))


def test_evidence_that_is_not_what_was_announced_is_found_out_and_its_collector_named():
    simulation = federation()
    pulse(simulation)
    concluded, opened = read_opened(
        simulation.nodes["alfa"].peer.ledger.opened.data, simulation.nodes["alfa"].peer.charter
    )
    collector = next(n for n in simulation.up() if n.peer.me.peer == concluded.collector)
    asker = next(n for n in simulation.up() if n is not collector)
    name, kept = next(iter(collector.peer.sums.evidence.items()))
    transcript = canonical.decode(kept, Transcript)
    forged = msgspec.structs.replace(transcript, reveals=transcript.reveals[:-1])
    turn = Turn(collector.peer, simulation.now, bytes(32))
    turn.change(sums=replace(collector.peer.sums, evidence={name: canonical.encode(forged)}))
    collector.state = turn.state
    rank = simulation.act(asker, ev.AuditRound())
    simulation.run()
    assert "not the one that the result names" in asker.peer.session.audits[rank]
    assert asker.peer.counters.receive_contract_failures == {concluded.collector: 1}


def test_a_preview_says_what_would_be_hidden_from_whom_and_changes_nothing():
    simulation = federation(profile="standard")
    node = simulation.nodes["bravo"]
    said = len(simulation.recorded)
    told = preview(node.peer, simulation.now)
    assert (told.outcome, told.readers, len(told.watchers)) == ("called", (), 4)
    assert told.signed == len(node.peer.local.residues.to_bytes())
    assert all(finding.passed for finding in told.examined.findings)
    assert len(simulation.recorded) == said
    pulse(simulation)
    simulation.add(node, table(random.Random(3), 3))
    told = preview(node.peer, simulation.now)
    assert (told.outcome, told.signed) == ("withheld", 0)
    assert next(f.measured for f in told.examined.findings if not f.passed) == "3"


def test_rounds_go_on_after_the_schedule_became_slower_or_faster():
    simulation = federation()
    pulse(simulation)
    for schedule in ("d7", "s10", "h1"):
        simulation.act(simulation.nodes["alfa"], ev.SetSchedule(schedule))
        simulation.run()
        simulation.pass_time(3)
        for node in simulation.up():
            simulation.add(node, table(random.Random(schedule)))
        assert pulse(simulation, "bravo")[0] == "called"
        simulation.pass_time(2)
        assert totals(simulation) == {pooled(simulation.up()).digest}
