"""Hybrid federations: one federation's total is a member's contribution in another, and no row counts twice."""

from __future__ import annotations

import random

import pytest

from fedpeer.core.errors import CharterError, LocalError, MismatchError
from fedpeer.core.federation.decisions import BridgeSet
from fedpeer.core.federation.exchange import Exchange
from fedpeer.core.peer import bridging
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.bridge import Bridged, SetBridge
from fedpeer.core.peer.proposals import AcceptProposal, Propose
from fedpeer.core.peer.recording import record
from fedpeer.core.peer.turn import Turn
from fedpeer.core.pulse import inbound as inward
from fedpeer.core.statistics.additions import Additions
from fedpeer.core.statistics.extension import embed
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from tests.core.peer.test_rounds import table
from tests.support.simulation import SCHEMA, Node, Simulation, refused, totals

pytestmark = pytest.mark.long


class Federation:
    """A federation in a simulation of its own: what bridges carry from one to another is an event."""

    def __init__(self, seed: int, *names: str, exchange: Exchange | None = None, schema: Schema = SCHEMA) -> None:
        self.simulation = Simulation(seed)
        admin = self.simulation.found(names[0], exchange=exchange or Exchange(), schema=schema)
        self.nodes = {name: self.simulation.join(admin, name) for name in names[1:]} | {names[0]: admin}
        self.admin, self.rng = admin, random.Random(seed)

    def add(self, *names: str) -> None:
        for name in names:
            self.simulation.add(self.nodes[name], table(self.rng))

    def sync(self) -> None:
        for node in self.simulation.up():
            self.simulation.act(node, ev.SyncNow())
        self.simulation.run()
        self.simulation.pass_time(3)

    def pooled(self) -> Summary:
        """The rows that members counted themselves."""
        own = [node.peer.local for node in self.nodes.values() if node.peer.inflow is None]
        return sum(own, Summary.zero(self.admin.peer.roster.schema))

    @property
    def id(self) -> str:
        return self.admin.peer.federation


def outflow(source: Federation) -> Bridged:
    return bridging.outflow(source.admin.peer)


def bridge(source: Federation, target: Federation, name: str) -> Node:
    source.simulation.act(source.admin, SetBridge(target.id, "target", True))
    source.simulation.run()
    target.simulation.act(target.nodes[name], outflow(source))
    target.sync()
    return target.nodes[name]


def pair(schema: Schema = SCHEMA) -> tuple[Federation, Federation, Node]:
    """A federation whose admin is in another, too, under the name of bridge."""
    source, target = Federation(1, "a", "b", "c", schema=schema), Federation(2, "x", "y", "bridge", schema=schema)
    source.add("a", "b", "c")
    target.add("x", "y")
    source.sync()
    return source, target, bridge(source, target, "bridge")


def test_the_total_is_that_of_the_rows_of_both_bit_for_bit_and_says_where_they_are_from():
    source, target, node = pair()
    both = source.pooled() + target.pooled()
    assert {n.peer.ledger.total.to_bytes() for n in target.nodes.values()} == {both.to_bytes()}
    for other in target.nodes.values():
        assert other.peer.ledger.held[node.peer.me.peer].contribution.through == (source.id,)
        assert not other.peer.disagreeing
    assert any(f"brought from {source.id}" in text for text in target.nodes["x"].said("sync"))
    assert any("the total is brought into target" in text for text in source.nodes["b"].said("charter"))
    assert totals(source.simulation) == {source.pooled().digest}


def test_what_is_brought_is_embedded_where_the_schema_has_grown_and_stays_away_from_one_that_has_not():
    source, target, node = pair(Schema(SCHEMA.features, missing="pairwise"))
    more = Additions.from_dict({"features": [{"name": "z", "kind": "binary"}]})
    grow(target, more)
    target.simulation.act(node, outflow(source))
    target.sync()
    schema = target.admin.peer.roster.schema
    assert totals(target.simulation) == {(embed(source.pooled(), schema) + target.pooled()).digest}
    grow(source, Additions.from_dict({"features": [{"name": "w", "kind": "binary"}]}))
    assert "another schema" in bridging.objection(node.peer, outflow(source))
    target.simulation.act(node, outflow(source))
    target.sync()
    assert totals(target.simulation) == {target.pooled().digest}, "taken back, and not half of it kept"


def grow(federation: Federation, additions: Additions) -> None:
    proposal = federation.simulation.act(federation.admin, Propose(additions))
    federation.simulation.act(federation.admin, AcceptProposal(proposal.id))
    federation.simulation.run()


def test_rows_that_are_withdrawn_in_one_leave_the_other_with_receipts_of_its_members():
    source, target, node = pair()
    batch = next(iter(source.nodes["b"].peer.batches))
    source.simulation.act(source.nodes["b"], ev.WithdrawBatch(batch))
    source.sync()
    target.simulation.act(node, outflow(source))
    target.sync()
    target.simulation.pass_time(20)
    assert totals(target.simulation) == {(source.pooled() + target.pooled()).digest}
    (withdrawal,) = node.peer.withdrawals.values()
    assert (withdrawal.waiting, len(node.peer.receipts)) == ((), 2)


def test_what_is_ended_is_taken_back_and_the_node_may_bring_rows_of_its_own_again():
    source, target, node = pair()
    fault = refused(target.simulation, node, ev.WithdrawBatch("bridge"))
    assert fault is not None
    assert "brings the total of trial" in str(fault)
    with pytest.raises(LocalError, match="no rows of its own"):
        target.add("bridge")
    source.simulation.act(source.admin, SetBridge(target.id, "target", False))
    target.simulation.act(node, Bridged(outflow(source).inflow, None))
    target.simulation.run()
    assert (node.peer.inflow, node.peer.batches) == (None, {})
    assert node.peer.released.contribution.through == ()
    assert totals(target.simulation) == {target.pooled().digest}
    target.add("bridge")
    target.sync()
    assert totals(target.simulation) == {target.pooled().digest}


def test_only_the_admin_bridges_and_only_a_node_that_has_nothing_of_its_own_there():
    source, target, node = pair()
    with pytest.raises(LocalError, match="only the admin of trial, a, may"):
        bridging.outflow(source.nodes["b"].peer)
    assert refused(source.simulation, source.nodes["b"], SetBridge(target.id, "t", True)) is not None
    assert "rows of its own" in bridging.objection(target.nodes["y"].peer, outflow(source))
    assert "this federation itself" in bridging.objection(source.admin.peer, outflow(source))
    other = Federation(3, "o")
    other.add("o")
    other.sync()
    assert "can bring one only" in bridging.objection(node.peer, outflow(other))
    for mode in ("secure", "paillier", "ckks"):
        hidden = Federation(4, "h", exchange=Exchange(mode=mode))
        assert f"in {mode} mode nobody could see" in bridging.objection(hidden.admin.peer, outflow(source))
        with pytest.raises(LocalError, match=f"in {mode} mode nobody could see"):
            outflow(hidden)
        with pytest.raises(CharterError):
            hidden.admin.peer.roster.after(BridgeSet(target.id, "t", True), 1)


def test_one_other_member_s_contribution_is_nothing_that_a_federation_gives_away():
    source = Federation(1, "a", "b", "c")
    source.add("b")
    source.sync()
    assert source.admin.peer.ledger.total.rows
    assert not outflow(source).summary.rows
    source.add("c")
    source.sync()
    assert outflow(source).summary == source.pooled()


def ring() -> tuple[Federation, Federation, Federation]:
    """Three federations, of which the first is brought into the second and that into the third."""
    first, second, third = (Federation(i, f"a{i}", f"b{i}", f"bridge{i}") for i in (1, 2, 3))
    for i, each in enumerate((first, second, third), 1):
        each.add(f"a{i}", f"b{i}")
        each.sync()
    bridge(first, second, "bridge2")
    bridge(second, third, "bridge3")
    return first, second, third


def test_a_ring_is_not_closed_by_the_node_that_would_close_it():
    first, second, third = ring()
    assert totals(third.simulation) == {(first.pooled() + second.pooled() + third.pooled()).digest}
    assert outflow(third).inflow.through == tuple(sorted((first.id, second.id, third.id)))
    before = totals(first.simulation)
    node = bridge(third, first, "bridge1")
    assert node.peer.inflow is None
    assert not node.peer.batches
    assert any("rows would go in a ring" in text for text in node.said("data"))
    assert totals(first.simulation) == before == {first.pooled().digest}


def test_a_ring_that_a_node_closes_all_the_same_is_refused_by_everyone_else(monkeypatch):
    first, _, third = ring()
    node = first.nodes["bridge1"]
    with monkeypatch.context() as careless:
        careless.setattr(bridging, "objection", lambda state, event: "")
        careless.setattr("fedpeer.core.peer.sharing.inbound", unguarded)
        first.simulation.act(node, outflow(third))
        first.simulation.act(node, ev.SyncNow())
    signed = node.peer.released.signed
    for name in ("a1", "b1"):
        other = first.nodes[name].peer
        with pytest.raises(MismatchError, match="contribution of bridge1 has this federation's own rows in it"):
            record(Turn(other, first.simulation.now, bytes(32)), signed)
    first.simulation.run()
    assert first.admin.peer.ledger.total == first.pooled()
    with monkeypatch.context() as careless:
        careless.setattr("fedpeer.core.peer.recording.inbound", unguarded)
        turn = Turn(first.admin.peer, first.simulation.now, bytes(32))
        record(turn, signed)
        assert turn.state.ledger.total.rows > first.pooled().rows, "the defence is what keeps it out"


def unguarded(signed, federation, roster, *, action):
    """`inbound` without its look at where rows come from."""
    own = roster.members[inward.origin_of(signed)].card.sign
    contribution, summary = inward.accept(signed, own, federation, roster.lineage)
    return inward.Held(signed, contribution, summary, inward.judge(summary, roster, action=action))


def test_a_ring_that_is_closed_elsewhere_is_opened_again_by_taking_back():
    first, second = Federation(1, "a", "b", "p"), Federation(2, "x", "y", "q")
    first.add("a", "b")
    second.add("x", "y")
    first.sync()
    second.sync()
    # Both at once: neither can know of the other's bridge when it makes its own.
    into_second, into_first = outflow(first), outflow(second)
    second.simulation.act(second.nodes["q"], into_second)
    first.simulation.act(first.nodes["p"], into_first)
    first.sync()
    second.sync()
    second.simulation.act(second.nodes["q"], outflow(first))
    second.sync()
    assert totals(second.simulation) == {second.pooled().digest}
    assert any("rows would go in a ring" in text for text in second.nodes["q"].said("data"))
    first.simulation.act(first.nodes["p"], outflow(second))
    first.sync()
    assert totals(first.simulation) == {(first.pooled() + second.pooled()).digest}


def test_of_two_bridges_that_bring_the_same_rows_one_counts_everywhere():
    source, middle = Federation(1, "a", "b"), Federation(2, "m", "n", "into-middle")
    target = Federation(3, "x", "y", "straight", "round")
    source.add("a", "b")
    middle.add("m", "n")
    target.add("x", "y")
    for each in (source, middle):
        each.sync()
    bridge(source, middle, "into-middle")
    straight, round_ = target.nodes["straight"], target.nodes["round"]
    direct, indirect = outflow(source), outflow(middle)
    # Neither knows of the other yet, as when both begin at the same time.
    target.simulation.act(straight, direct)
    target.simulation.act(round_, indirect)
    target.sync()
    first, later = sorted((straight, round_), key=lambda n: n.peer.me.peer)
    counted = source.pooled() if first is straight else source.pooled() + middle.pooled()
    for node in target.nodes.values():
        ledger = node.peer.ledger
        assert ledger.total == target.pooled() + counted
        assert ledger.left_out == (later.peer.me.peer,)
        assert ledger.twins == {later.peer.me.peer: first.peer.me.peer}
        if node is not first:
            said = f"{later.name} is left out: {first.name} brings federation {source.id} here already"
            assert said in node.said("contract")
    target.simulation.act(first, Bridged((direct if first is straight else indirect).inflow, None))
    target.sync()
    counted = source.pooled() if later is straight else source.pooled() + middle.pooled()
    assert totals(target.simulation) == {(target.pooled() + counted).digest}
    assert "its rows would be counted twice" in bridging.objection(first.peer, direct)


def test_a_bridge_is_there_after_a_crash_and_after_a_backup():
    source, target, node = pair()
    backup = dict(node.disk)
    target.simulation.crash(node)
    target.simulation.restart(node)
    assert node.peer.inflow.through == (source.id,)
    source.add("c")
    source.sync()
    target.simulation.act(node, outflow(source))
    before = node.state
    target.simulation.act(node, outflow(source))
    assert node.peer.batches is before.batches, "the same again changes nothing"
    target.sync()
    target.simulation.crash(node)
    target.simulation.restart(node, backup)
    target.simulation.pass_time(10)
    target.simulation.act(node, outflow(source))
    target.sync()
    assert totals(target.simulation) == {(source.pooled() + target.pooled()).digest}
    assert not any(n.peer.disagreeing for n in target.nodes.values())


def test_a_centralised_federation_can_be_brought_by_its_admin():
    source = Federation(1, "a", "b", "c", exchange=Exchange(topology="centralised"))
    target = Federation(2, "x", "bridge")
    source.add("a", "b", "c")
    target.add("x")
    source.sync()
    bridge(source, target, "bridge")
    assert totals(target.simulation) == {(source.pooled() + target.pooled()).digest}


def test_where_rows_come_from_is_told_again_when_it_changes_though_the_sums_do_not():
    source, target, node = pair()
    event = outflow(source)
    more = Bridged(type(event.inflow)("w" * 26, "w", (source.id, "w" * 26), event.inflow.policy), event.summary)
    serial = node.peer.released.contribution.serial
    moved = Bridged(type(event.inflow)(source.id, "trial", more.inflow.through, event.inflow.policy), event.summary)
    target.simulation.act(node, moved)
    target.sync()
    for other in target.nodes.values():
        contribution = other.peer.ledger.held[node.peer.me.peer].contribution
        assert (contribution.serial, contribution.through) == (serial + 1, more.inflow.through)
