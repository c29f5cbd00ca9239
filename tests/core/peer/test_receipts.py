"""Rows that are taken out are out everywhere, and everyone who had them signs that it holds them no longer."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedpeer.core import canonical
from fedpeer.core.canonical import digest, ordinal
from fedpeer.core.envelope.contributions import Signed
from fedpeer.core.envelope.keys import Identity
from fedpeer.core.envelope.messages import Rank, Recall, Receipt
from fedpeer.core.envelope.receipts import LABEL, Confirmation, confirm, confirmed, read
from fedpeer.core.errors import ForgedError, MalformedError, MismatchError
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.receipts import PENDING
from fedpeer.core.peer.records import restore
from fedpeer.core.peer.session import Session
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.summary import Summary
from tests.support.attack import Victim, said
from tests.support.simulation import SCHEMA, Node, Simulation, totals

pytestmark = pytest.mark.long


def rows(seed: int, count: int = 20) -> dict[str, list[float]]:
    rng = random.Random(seed)
    return {"x": [rng.randrange(-200, 201) / 2 for _ in range(count)], "y": [rng.randrange(1001) for _ in range(count)]}


def trio(seed: int = 0, *, batches: int = 2, **how: object) -> tuple[Simulation, Node, Node, Node]:
    """Three who have shared some batches each."""
    simulation = Simulation(seed, **how)
    alfa = simulation.found("alfa")
    nodes = [alfa, simulation.join(alfa, "bravo"), simulation.join(alfa, "charlie")]
    for i, node in enumerate(nodes):
        for j in range(batches):
            simulation.add(node, rows(10 * i + j))
        simulation.act(node, ev.SyncNow())
    simulation.run()
    simulation.pass_time(1)
    return simulation, *nodes


def withdrawn(simulation: Simulation, node: Node, which: int = 0) -> str:
    """Withdraw one of a node's batches and pulse; the name of the withdrawal's record."""
    simulation.act(node, ev.WithdrawBatch(sorted(node.peer.batches)[which]))
    assert simulation.act(node, ev.SyncNow())[0] == "sent"
    return ordinal(node.peer.released.contribution.serial)


def test_everyone_who_had_the_rows_signs_that_it_holds_them_no_longer():
    simulation, alfa, bravo, charlie = trio()
    before = bravo.peer.released
    name = withdrawn(simulation, bravo)
    assert set(bravo.peer.withdrawals[name].waiting) == {alfa.peer.me.peer, charlie.peer.me.peer}
    simulation.run()
    simulation.pass_time(1)
    withdrawal = bravo.peer.withdrawals[name]
    assert (withdrawal.waiting, withdrawal.rows, withdrawal.gone) == ((), 20, Rank(*before.rank))
    assert set(bravo.peer.receipts) == {f"{name}/{n.peer.me.peer}" for n in (alfa, charlie)}
    for node in (alfa, charlie):
        signed = bravo.peer.receipts[f"{name}/{node.peer.me.peer}"]
        said_so = confirmed(signed, node.peer.me.card("").sign, simulation.federation)
        assert (said_so.origin, said_so.peer) == (bravo.peer.me.peer, node.peer.me.peer)
        assert (said_so.serial, said_so.digest) == bravo.peer.released.rank
        assert said_so.gone == (Rank(*before.rank),)
        assert read(signed) == said_so
    assert any("confirmed" in text for text in bravo.said("data"))
    assert any("signed a receipt" in text for text in alfa.said("audit"))


def state_of(nodes: tuple[Node, ...]) -> set[tuple[str, tuple[str, ...]]]:
    return {
        (n.peer.ledger.total.to_bytes().hex(), tuple(h.digest.hex() for h in n.peer.ledger.holdings)) for n in nodes
    }


@pytest.mark.parametrize("everything", [False, True])
def test_the_state_is_bit_for_bit_that_of_never_having_had_the_rows(everything):
    """Totals, sums and digests of holdings at all peers, against a federation in which the rows never were."""
    simulation, *nodes = trio()
    bravo = nodes[1]
    for _ in range(2 if everything else 1):
        withdrawn(simulation, bravo, -1)
        simulation.run()
    simulation.pass_time(12, tick=2)
    never = Simulation(0)
    founder = never.found("alfa")
    others = [founder, never.join(founder, "bravo"), never.join(founder, "charlie")]
    for i, node in enumerate(others):
        for j in range((0 if everything else 1) if node.name == "bravo" else 2):
            never.add(node, rows(10 * i + j))
        never.act(node, ev.SyncNow())
    never.run()
    never.pass_time(1)
    zero = Summary.zero(SCHEMA)
    pooled = sum((collect(SCHEMA, rows(s)) for s in (0, 1, 20, 21, *(() if everything else (10,)))), zero)
    assert totals(simulation) == totals(never) == {pooled.digest}
    assert len(state_of(tuple(nodes))) == 1
    assert bravo.peer.local == others[1].peer.local
    held = [{n.name: n.peer.ledger.held.get(n.peer.me.peer) for n in each} for each in (nodes, others)]
    for name in ("alfa", "bravo", "charlie"):
        here, there = (h[name].summary if h[name] else zero for h in held)
        assert here.to_bytes() == there.to_bytes()
    assert all(not w.waiting for w in bravo.peer.withdrawals.values())


def test_rows_that_nobody_had_need_no_receipt():
    simulation, alfa, bravo, charlie = trio()
    simulation.add(bravo, rows(99))
    newest = max(bravo.peer.batches.values(), key=lambda b: b.batch.number).batch.id
    simulation.act(bravo, ev.WithdrawBatch(newest))
    assert bravo.peer.withdrawals == {}
    assert simulation.act(bravo, ev.SyncNow())[0] == "unchanged"


def test_a_withdrawal_that_has_not_left_says_so_and_goes_when_the_rows_come_back():
    simulation, alfa, bravo, charlie = trio()
    gone = bravo.peer.batches[min(bravo.peer.batches)]
    simulation.act(bravo, ev.WithdrawBatch(gone.batch.id))
    assert (bravo.peer.withdrawals[PENDING].serial, bravo.peer.withdrawals[PENDING].rows) == (0, 20)
    simulation.act(bravo, ev.AddBatch(gone.batch, gone.summary, False))
    assert simulation.act(bravo, ev.SyncNow())[0] == "unchanged"
    assert bravo.peer.withdrawals == {}


def test_one_contribution_without_rows_of_two_batches_is_one_withdrawal():
    simulation, alfa, bravo, charlie = trio()
    first, second = sorted(bravo.peer.batches)
    simulation.act(bravo, ev.WithdrawBatch(first))
    simulation.act(bravo, ev.WithdrawBatch(second))
    simulation.act(bravo, ev.SyncNow())
    simulation.run()
    simulation.pass_time(1)
    (withdrawal,) = bravo.peer.withdrawals.values()
    assert (withdrawal.rows, withdrawal.batches, withdrawal.waiting) == (40, (first, second), ())


def test_whoever_was_away_confirms_when_it_is_back_also_what_later_contributions_replaced():
    simulation, alfa, bravo, charlie = trio(batches=4)
    simulation.crash(charlie)
    names = []
    for _ in range(3):
        names.append(withdrawn(simulation, bravo))
        simulation.pass_time(2)
    away = charlie.disk["secret/me"] and set(simulation.nodes["alfa"].peer.roster.active)
    assert all(len(bravo.peer.withdrawals[name].waiting) == 1 for name in names)
    simulation.restart(charlie)
    simulation.pass_time(8)
    assert away
    assert all(bravo.peer.withdrawals[name].waiting == () for name in names)
    assert {read(bravo.peer.receipts[f"{n}/{charlie.peer.me.peer}"]).serial for n in names} == {
        bravo.peer.released.contribution.serial
    }


def test_a_receipt_survives_the_death_of_the_one_who_asked():
    simulation, alfa, bravo, charlie = trio()
    name = withdrawn(simulation, bravo)
    simulation.crash(bravo)
    simulation.pass_time(3)
    simulation.restart(bravo)
    simulation.pass_time(5)
    kept = dict(bravo.peer.receipts)
    assert len(kept) == 2
    simulation.crash(bravo)
    simulation.restart(bravo)
    assert bravo.peer.receipts == kept
    assert bravo.peer.withdrawals[name].waiting == ()


def test_who_joins_later_is_not_asked_and_who_leaves_stays_unconfirmed():
    simulation, alfa, bravo, charlie = trio()
    simulation.crash(charlie)
    name = withdrawn(simulation, bravo)
    simulation.join(alfa, "delta")
    simulation.act(alfa, ev.RemoveMember(charlie.disk and bravo.peer.withdrawals[name].waiting[-1], ""))
    simulation.pass_time(8)
    assert len(bravo.peer.withdrawals[name].waiting) == 1
    assert len(bravo.peer.receipts) == 1


# Forgery and replay


def asked(*, seed: int = 0) -> tuple[Simulation, Node, Node, Node, str]:
    """A withdrawal that has left, and of which no receipt has come yet."""
    simulation, alfa, bravo, mallory = trio(seed)
    name = withdrawn(simulation, bravo)
    while simulation.wire and not all(
        n.peer.ledger.rank(bravo.peer.me.peer) == bravo.peer.released.rank for n in (alfa, mallory)
    ):
        simulation.deliver(0)
    assert bravo.peer.receipts == {}
    return simulation, alfa, bravo, mallory, name


def confirmation(owner: Node, signer: Node, name: str, **changed: object) -> Confirmation:
    withdrawal = owner.peer.withdrawals[name]
    usual = {
        "federation": owner.peer.federation,
        "origin": owner.peer.me.peer,
        "peer": signer.peer.me.peer,
        "serial": withdrawal.serial,
        "digest": withdrawal.digest,
        "gone": (withdrawal.gone,),
        "at": 0,
    }
    return Confirmation(**(usual | changed))


FORGED: dict[str, Callable[[Node, Node, Node, str], bytes]] = {
    "of another, by its own key": lambda a, b, m, n: confirm(confirmation(b, a, n), m.peer.me),
    "of another, as that one signed it": lambda a, b, m, n: confirm(confirmation(b, a, n), a.peer.me),
    "for another origin": lambda a, b, m, n: confirm(confirmation(b, m, n, origin=a.peer.me.peer), m.peer.me),
    "of another federation": lambda a, b, m, n: confirm(confirmation(b, m, n, federation="z" * 26), m.peer.me),
    "of what was never withdrawn": lambda a, b, m, n: confirm(
        confirmation(b, m, n, gone=(Rank(1, b"x" * 32),)), m.peer.me
    ),
    "of nothing": lambda a, b, m, n: confirm(confirmation(b, m, n, gone=()), m.peer.me),
    "while the earlier one is held": lambda a, b, m, n: confirm(
        confirmation(b, m, n, serial=b.peer.withdrawals[n].gone.serial), m.peer.me
    ),
    "of another contribution under that serial": lambda a, b, m, n: confirm(
        confirmation(b, m, n, digest=b""), m.peer.me
    ),
    "under another label": lambda a, b, m, n: canonical.encode(
        Signed(
            m.peer.me.peer,
            canonical.encode(confirmation(b, m, n)),
            m.peer.me.sign("contribution", canonical.encode(confirmation(b, m, n))),
        )
    ),
    "no receipt at all": lambda a, b, m, n: b"x",
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_receipt_confirms_nothing(what):
    simulation, alfa, bravo, mallory, name = asked()
    victim = Victim(simulation, bravo)
    victim.hears(said(simulation, mallory, Receipt(FORGED[what](alfa, bravo, mallory, name)), to=bravo))
    assert victim.errors == 1
    assert not victim.changed & {f"withdrawal/{name}", f"receipt/{name}/{mallory.peer.me.peer}"}
    assert victim.state.receipts == {}


def test_the_same_receipt_without_a_fault_confirms_so_the_forgeries_failed_for_their_own_reasons():
    simulation, alfa, bravo, mallory, name = asked()
    victim = Victim(simulation, bravo)
    good = Receipt(confirm(confirmation(bravo, mallory, name), mallory.peer.me))
    messages = said(simulation, mallory, good, to=bravo)
    victim.hears(messages)
    assert victim.state.withdrawals[name].waiting == (alfa.peer.me.peer,)
    kept = victim.state
    victim.hears(messages)
    victim.hears(said(simulation, mallory, good, to=bravo))
    assert victim.state.receipts == kept.receipts
    assert victim.errors == 0


def test_nobody_signs_for_what_it_still_holds_nor_more_often_than_once_a_second():
    simulation, alfa, bravo, mallory, name = asked()
    rank = bravo.peer.withdrawals[name]
    for gone in ((Rank(rank.serial, rank.digest),), (rank.gone, Rank(rank.serial + 1, b"")), ()):
        victim = Victim(simulation, alfa).hears(said(simulation, bravo, Recall(gone), to=alfa))
        assert victim.sent == []
    victim = Victim(simulation, alfa)
    for _ in range(50):
        victim.hears(said(simulation, bravo, Recall((rank.gone,)), to=alfa))
    assert len(victim.sent) == 1


def test_reading_a_receipt_says_what_is_wrong_with_it():
    _, alfa, bravo, mallory, name = asked()
    good = confirm(confirmation(bravo, mallory, name), mallory.peer.me)
    key_of = mallory.peer.me.card("").sign
    with pytest.raises(ForgedError):
        confirmed(good, alfa.peer.me.card("").sign, bravo.peer.federation)
    with pytest.raises(MismatchError):
        confirmed(good, key_of, "z" * 26)
    with pytest.raises(MalformedError):
        confirmed(good + b"\0", key_of, bravo.peer.federation)
    assert LABEL == "receipt"


def test_the_bytes_of_a_receipt_are_what_they_were():
    """Receipts are kept for years, and shown to others: their form must not change unseen."""
    me = Identity.of(b"i" * 32)
    said_so = Confirmation("f" * 26, "o" * 26, me.peer, 7, b"d" * 32, (Rank(5, b"e" * 32),), 1_800_000_000)
    signed = confirm(said_so, me)
    assert confirmed(signed, me.card("").sign, "f" * 26) == said_so
    assert digest("vector", signed).hex() == "974888802a158341ac676b06ee9126fc895181d377585141cc7a2b416dcccd97"


FATES = ["ok", "ok", "drop", "twice"]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6), data=st.data())
def test_receipts_arrive_in_the_end_whatever_the_bus_and_the_power_do(seed, data):
    chaos = {"on": False}
    simulation, *nodes = trio(seed, batches=3, fate=lambda rng, _: rng.choice(FATES) if chaos["on"] else "ok")
    chaos["on"] = True
    for _ in range(data.draw(st.integers(2, 8))):
        node = data.draw(st.sampled_from(nodes))
        match data.draw(st.sampled_from(["withdraw", "withdraw", "crash", "restart", "deliver", "deliver"])):
            case "withdraw" if node.online and node.peer.batches:
                withdrawn(simulation, node)
            case "crash" if node.online:
                simulation.crash(node)
            case "restart" if not node.online:
                simulation.restart(node)
            case "deliver":
                for _ in range(min(len(simulation.wire), 6)):
                    simulation.deliver(simulation.rng.randrange(len(simulation.wire)))
    chaos["on"] = False
    for node in nodes:
        if not node.online:
            simulation.restart(node)
    simulation.pass_time(48, tick=4)
    for node in nodes:
        assert all(not w.waiting for w in node.peer.withdrawals.values())
        assert len(node.peer.receipts) == 2 * len(node.peer.withdrawals)
        stored = restore(simulation.federation, node.disk, Session(b"s" * 16))
        assert (stored.withdrawals, stored.receipts) == (node.peer.withdrawals, node.peer.receipts)
    zero = Summary.zero(SCHEMA)
    assert totals(simulation) == {sum((n.peer.local for n in nodes), zero).digest}
