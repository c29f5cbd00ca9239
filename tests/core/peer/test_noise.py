"""Noise in a whole federation: what leaves carries it, is paid for before, once, and told again as the same bytes."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fedpeer.core.federation.exchange import Exchange
from fedpeer.core.peer import events as ev
from fedpeer.core.peer import turn as turns
from fedpeer.core.peer.preview import preview
from fedpeer.core.peer.state import Peer
from fedpeer.core.privacy.epsilon import UNIT, budget, epsilon
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.privacy.plan import Noise
from fedpeer.core.privacy.protect import Shareable
from fedpeer.core.privacy.purse import Declared, Purse
from fedpeer.core.pulse.outbound import outbound
from fedpeer.core.statistics.collect import tally
from fedpeer.core.statistics.explore import explore
from fedpeer.core.statistics.noised import settled
from fedpeer.core.statistics.residues import Residues, integers
from fedpeer.core.statistics.summary import Summary
from tests.support.simulation import SCHEMA, Node, Simulation, totals

pytestmark = pytest.mark.long

NOISE = Noise.of(Fraction(1, 2), exponent=6)
POLICY = Policy("relaxed", noise=NOISE)
DECLARED = Declared("patients", Fraction(1), 6)


def rows(count: int, first: int = 0) -> dict[str, list[float]]:
    return {
        "x": [((first + k) * 7 % 400) / 2 - 100 for k in range(count)],
        "y": [(first + k) * 13 % 1000 for k in range(count)],
    }


def federation(
    seed: int = 0, policy: Policy = POLICY, contract: str = "COUNT(x) >= 5"
) -> tuple[Simulation, Node, Node]:
    simulation = Simulation(seed)
    alfa = simulation.found("alfa", policy=policy, contract=contract)
    bravo = simulation.join(alfa, "bravo")
    for node in (alfa, bravo):
        node.declare(DECLARED)
    return simulation, alfa, bravo


def told(node: Node) -> Summary:
    assert node.peer.released is not None
    return node.peer.released.summary


def spent(node: Node) -> int:
    assert node.purse.account is not None
    return node.purse.account.spent


def cost() -> int:
    plan = NOISE.plan(SCHEMA)
    return -(-plan.rho.numerator * UNIT // plan.rho.denominator)


def test_others_get_sums_with_noise_that_all_know_of_and_the_owner_keeps_the_exact_ones_sealed():
    simulation, alfa, bravo = federation()
    for node, count in ((alfa, 200), (bravo, 300)):
        simulation.add(node, rows(count))
        assert simulation.act(node, ev.SyncNow())[0] == "sent"
    simulation.run()
    assert len(totals(simulation)) == 1
    plan = NOISE.plan(SCHEMA)
    for node, other in ((alfa, bravo), (bravo, alfa)):
        held = other.peer.ledger.held[node.peer.me.peer].summary
        assert held == told(node) != node.peer.local
        assert held.noise == plan.variances
        gone = held.residues - node.peer.local.residues
        assert gone == settled(SCHEMA, gone, plan.variances)
        assert node.peer.told == node.peer.local
        assert spent(node) == cost()
        assert "secret/exact" in node.disk
        exact = node.peer.local.residues.to_bytes()
        assert all(exact not in body for _, body in simulation.recorded)
        others = [name for name, value in node.disk.items() if exact in value and name != "secret/exact"]
        assert all(name.startswith("batch/") for name in others)
    total = alfa.peer.ledger.total
    assert total.noise == tuple(2 * v for v in plan.variances)
    assert "noise" in explore(total).univariate("x")
    assert "ρ = 0.00" in alfa.said("sync")[-1] or any("with noise that cost" in text for text in alfa.said("sync"))


def test_whether_there_is_noise_follows_from_the_charter_and_not_from_what_arrives():
    simulation, alfa, bravo = federation(policy=Policy("relaxed"))
    simulation.add(alfa, rows(200))
    simulation.act(alfa, ev.SyncNow())
    simulation.run()
    assert told(alfa) == alfa.peer.local
    assert spent(alfa) == 0
    # A member that puts noise on what it sends where the charter has none is not believed.
    loud, other, _ = federation(seed=5)
    loud.add(other, rows(40))
    loud.act(other, ev.SyncNow())
    with_noise = told(other).to_bytes()
    with pytest.raises(Exception, match="no rows could give this summary"):
        Summary.from_bytes(with_noise, SCHEMA)


def test_without_a_budget_and_after_it_is_spent_nothing_leaves_and_the_operator_reads_the_numbers():
    simulation, alfa, bravo = federation()
    bravo.declared = None
    simulation.crash(bravo)
    simulation.restart(bravo)
    simulation.add(bravo, rows(200))
    outcome, text = simulation.act(bravo, ev.SyncNow())
    assert outcome == "withheld"
    assert "no privacy budget" in text
    sent = 0
    for k in range(20):
        simulation.add(alfa, rows(50, 50 * k))
        outcome, text = simulation.act(alfa, ev.SyncNow())
        sent += outcome == "sent"
        if outcome != "sent":
            break
    assert outcome == "withheld"
    limit = int(budget(DECLARED.epsilon, Fraction(1, 10**6)) * UNIT)
    assert sent == limit // cost() >= 2
    assert spent(alfa) == sent * cost() <= limit
    assert "of the data set's privacy budget" in text
    assert text in " ".join(alfa.said("contract"))
    simulation.run()
    assert all(text.encode() not in body for _, body in simulation.recorded)


def test_the_same_rows_again_cost_nothing_and_are_the_same_bytes_also_after_restarts():
    simulation, alfa, bravo = federation()
    simulation.add(alfa, rows(200))
    simulation.act(alfa, ev.SyncNow())
    first = told(alfa)
    simulation.add(alfa, rows(60, 500))
    simulation.act(alfa, ev.SyncNow())
    batch = max(alfa.peer.batches.values(), key=lambda b: b.batch.number).batch.id
    simulation.act(alfa, ev.WithdrawBatch(batch))
    simulation.crash(alfa)
    simulation.restart(alfa)
    assert simulation.act(alfa, ev.SyncNow())[0] == "sent"
    assert told(alfa) == first  # as it was told before: nothing was drawn, and nothing paid
    assert spent(alfa) == 2 * cost()
    assert simulation.act(alfa, ev.SyncNow())[0] == "unchanged"


def test_two_federations_of_one_node_draw_on_one_account_and_tell_the_same():
    one, alfa, _ = federation(seed=1)
    other, also, _ = federation(seed=2)
    one.add(alfa, rows(200))
    one.act(alfa, ev.SyncNow())
    also.own, also.purse = alfa.own, alfa.purse  # the same node
    other.add(also, rows(200))
    assert other.act(also, ev.SyncNow())[0] == "sent"
    assert told(also) == told(alfa)
    assert spent(also) == cost()
    other.add(also, rows(90, 300))
    other.act(also, ev.SyncNow())
    assert spent(also) == 2 * cost()


def test_release_rules_look_at_the_exact_sums_and_at_their_exact_changes():
    simulation, alfa, _ = federation(policy=Policy("standard", noise=NOISE))
    alfa.declare(Declared("patients", Fraction(20), 6))
    simulation.add(alfa, rows(200))
    assert simulation.act(alfa, ev.SyncNow())[0] == "sent"
    simulation.add(alfa, rows(3, 900))
    outcome, text = simulation.act(alfa, ev.SyncNow())
    assert (outcome, "3 rows added" in text) == ("withheld", True)
    before = spent(alfa)
    seen = preview(alfa.peer, simulation.now, alfa.purse)
    assert seen.outcome == "withheld"
    simulation.add(alfa, rows(60, 1000))
    assert preview(alfa.peer, simulation.now, alfa.purse).outcome == "sent"
    assert spent(alfa) == before  # looking is free
    simulation.crash(alfa)
    simulation.restart(alfa)
    assert simulation.act(alfa, ev.SyncNow())[0] == "sent"
    assert len(alfa.peer.traces) == 1


def test_what_a_restored_backup_has_forgotten_is_charged_when_others_show_it():
    simulation, alfa, bravo = federation()
    alfa.declare(Declared("patients", Fraction(5), 6))
    simulation.add(alfa, rows(200))
    simulation.act(alfa, ev.SyncNow())
    simulation.run()
    disk, own = dict(alfa.disk), dict(alfa.own)
    simulation.add(alfa, rows(100, 400))
    simulation.act(alfa, ev.SyncNow())
    simulation.run()
    assert spent(alfa) == 2 * cost()
    simulation.crash(alfa)
    alfa.own = own
    simulation.restart(alfa, disk)
    assert spent(alfa) == cost()
    simulation.pass_time(30)
    assert spent(alfa) >= 2 * cost()
    again = spent(alfa)
    simulation.pass_time(30)
    assert spent(alfa) == again


def test_all_rows_withdrawn_take_back_what_was_told_and_cost_nothing():
    simulation, alfa, bravo = federation()
    simulation.add(alfa, rows(200))
    simulation.act(alfa, ev.SyncNow())
    for batch in list(alfa.peer.batches):
        simulation.act(alfa, ev.WithdrawBatch(batch))
    assert simulation.act(alfa, ev.SyncNow())[0] == "sent"
    simulation.run()
    assert told(alfa) == Summary.zero(SCHEMA) == bravo.peer.ledger.held[alfa.peer.me.peer].summary
    assert spent(alfa) == cost()
    assert simulation.act(alfa, ev.SyncNow())[0] == "unchanged"


@pytest.mark.parametrize("lost", ["state", "purse"])
def test_a_crash_before_the_commit_draws_anew_and_one_after_it_never(lost):
    simulation, alfa, bravo = federation()
    simulation.add(alfa, rows(200))
    disk, own = dict(alfa.disk), dict(alfa.own)
    simulation.act(alfa, ev.SyncNow())
    first = told(alfa)
    simulation.crash(alfa)
    if lost == "state":  # killed before the commit: nothing left, nothing is charged, and the noise may be another
        simulation.wire.clear()
        alfa.own = own
        simulation.restart(alfa, disk)
        simulation.act(alfa, ev.SyncNow())
        assert told(alfa) != first
    else:  # killed after it, before anything was sent: the same bytes leave
        simulation.wire.clear()
        simulation.restart(alfa)
        assert told(alfa) == first
        simulation.pass_time(20)
        assert bravo.peer.ledger.held[alfa.peer.me.peer].summary == first
    assert spent(alfa) == cost()


def test_a_purse_that_is_not_handed_on_would_let_the_same_be_told_twice_for_nothing(monkeypatch):
    simulation, alfa, _ = federation()
    monkeypatch.setattr(turns.Turn, "pay", lambda turn, bill: None)
    simulation.add(alfa, rows(200))
    simulation.act(alfa, ev.SyncNow())
    assert spent(alfa) == 0  # the defence is what charges


SECURE = Exchange(mode="secure", least=3)
TWO_COLLUDE = Noise(NOISE.cost, colluders=2)


def rounds(seed: int = 1, members: int = 5) -> Simulation:
    simulation = Simulation(seed)
    policy = Policy("relaxed", noise=TWO_COLLUDE)
    admin = simulation.found("alfa", exchange=SECURE, policy=policy)
    for name in ("bravo", "charlie", "delta", "echo")[: members - 1]:
        simulation.join(admin, name)
    simulation.run()
    for k, node in enumerate(simulation.up()):
        node.declare(DECLARED)
        simulation.add(node, rows(60 + k, 100 * k))
    simulation.run()
    return simulation


def opened(node: Node) -> Summary:
    return node.peer.ledger.total


@pytest.mark.parametrize("away", [0, 1])
def test_an_opened_sum_is_the_exact_one_and_the_noise_of_those_who_are_in_it(away):
    simulation = rounds()
    for name in ("echo", "delta")[:away]:
        simulation.nodes[name].online = False
    assert simulation.act(simulation.nodes["alfa"], ev.SyncNow())[0] == "called"
    simulation.run()
    simulation.pass_time(15)
    there = simulation.up()
    exact = sum((node.peer.local for node in there), Summary.zero(SCHEMA))
    drawn = Summary.zero(SCHEMA).residues
    for node in there:
        (noised,) = node.purse.kept.values()
        plan = TWO_COLLUDE.plan(SCHEMA, 1)
        drawn = drawn + (Residues.from_bytes(plan.layout, noised.residues) - node.peer.local.residues)
        assert spent(node) == noised_cost(node) == node.purse.account.charges[0].cost
    plan = TWO_COLLUDE.plan(SCHEMA, 1)  # of three at least, two may collude: one must bring all of it
    for node in there:
        total = opened(node)
        assert total.residues == exact.residues + settled(SCHEMA, drawn, plan.variances)
        assert total.noise == tuple(len(there) * v for v in plan.variances)
    assert len(totals(simulation)) == 1
    assert simulation.nodes["alfa"].peer.sums.given == simulation.nodes["alfa"].peer.local


def noised_cost(node: Node) -> int:
    assert node.purse.account is not None
    return sum(charge.cost for charge in node.purse.account.charges)


def test_a_round_that_has_nothing_new_is_not_called_as_it_would_cost():
    simulation = rounds()
    alfa = simulation.nodes["alfa"]
    simulation.act(alfa, ev.SyncNow())
    simulation.run()
    before = spent(alfa)
    simulation.pass_time(200)
    assert spent(alfa) == before
    assert opened(alfa).noise


def test_a_member_without_budget_brings_nothing_and_the_others_go_on():
    simulation = rounds()
    echo = simulation.nodes["echo"]
    echo.declared = None
    simulation.crash(echo)
    simulation.restart(echo)
    simulation.act(simulation.nodes["alfa"], ev.SyncNow())
    simulation.run()
    simulation.pass_time(15)
    alfa = simulation.nodes["alfa"]
    assert len(alfa.peer.ledger.contributors) == 4
    assert any("no privacy budget" in text for text in echo.said("contract"))


RUNS = 5_000
CLAIMED = Fraction(1, 20)  # ρ
DELTA = Fraction(1, 1000)


def attacked(peer: Peer, runs: range) -> np.ndarray:
    """What the best attack sees in pulses of this peer, each with entropy of its own: how likely one row more is."""
    noise = peer.roster.policy.noise
    assert noise is not None
    plan, found = noise.plan(SCHEMA), []
    weights = np.array([1 / v for each in plan.each for v in each])
    row = tally(SCHEMA, {"x": [100], "y": [1000]}).summary
    slope = np.array(flat(row), float) * weights
    base = np.array(flat(tally(SCHEMA, extreme(40)).summary), float)
    for run in runs:
        turn = turns.Turn(
            peer, 1.7e9, run.to_bytes(32, "big"), Purse.restored({}, Declared("patients", Fraction(9), 6))
        )
        passage = outbound(peer.local, peer.terms, action="block", last=None, past=peer.past, veil=turn.veil())
        assert isinstance(passage, tuple)
        assert isinstance(passage[1], Shareable)
        found.append((np.array(flat(passage[1].summary), float) - base) @ slope)
    return np.array(found)


def flat(summary: Summary) -> list[int]:
    return [x for part in summary.residues.parts for x in integers(part)]


def extreme(count: int) -> dict[str, list[float]]:
    return {"x": [100.0] * count, "y": [1000.0] * count}


def shown(with_row: np.ndarray, without: np.ndarray) -> float:
    """A lower bound of ε at δ with 99.9% confidence, from the best threshold of one half tried on the other."""
    half = len(without) // 2

    def bound(t: float, part: slice) -> float:
        hits, misses = int((with_row[part] > t).sum()), int((without[part] > t).sum())
        high = stats.beta.ppf(0.9995, misses + 1, half - misses)
        low = stats.beta.ppf(0.0005, hits, half - hits + 1) if hits else 0
        return math.log(max(low - float(DELTA), 1e-9) / high)

    tried = np.quantile(np.concatenate([with_row, without]), np.linspace(0.05, 0.98, 60))
    return bound(max(tried, key=lambda t: bound(t, slice(None, half))), slice(half, None))


def test_what_the_best_attack_shows_of_real_releases_is_less_than_is_claimed(monkeypatch):
    claimed = epsilon(CLAIMED, DELTA)
    policy = Policy("relaxed", noise=Noise(int(CLAIMED * UNIT)))
    peers = []
    for count in (40, 41):
        simulation, alfa, _ = federation(seed=count, policy=policy)
        simulation.add(alfa, extreme(count))
        peers.append(alfa.peer)
    found = shown(attacked(peers[1], range(RUNS)), attacked(peers[0], range(RUNS, 2 * RUNS)))
    assert 0 < found <= claimed
    weak = replace(policy.noise.plan(SCHEMA), variances=tuple(-(-v // 16) for v in policy.noise.plan(SCHEMA).variances))
    monkeypatch.setattr(Noise, "plan", lambda noise, schema, enough=1: weak)
    assert shown(attacked(peers[1], range(1500)), attacked(peers[0], range(RUNS, RUNS + 1500))) > claimed


STEPS = st.sampled_from(["add", "pulse", "crash", "restart", "deliver"])


@given(st.lists(STEPS, min_size=4, max_size=14), st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_the_account_is_never_below_what_left_whatever_crashes(steps, seed):
    simulation, alfa, bravo = federation(seed)
    alfa.declare(Declared("patients", Fraction(50), 6))
    left, added = set(), 0
    for step in steps:
        match step:
            case "add" if alfa.online:
                added += 1
                simulation.add(alfa, rows(40, 50 * added))
            case "pulse" if alfa.online:
                simulation.act(alfa, ev.SyncNow())
                if alfa.peer.released is not None:
                    left.add(told(alfa).digest)
            case "crash" if alfa.online:
                simulation.crash(alfa)
            case "restart" if not alfa.online:
                simulation.restart(alfa)
            case "deliver":
                simulation.run()
        assert alfa.purse.account is not None
        assert spent(alfa) == len(left) * cost()
        assert {n.release for n in alfa.purse.kept.values()} == {c.release for c in alfa.purse.account.charges}
