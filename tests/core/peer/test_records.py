"""What is on disk is the state: after any history, at any point, and nothing else is believed."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedpeer.core.errors import StoreError
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.records import changes, restore
from fedpeer.core.peer.session import Session
from fedpeer.core.peer.state import Joining, Peer, State
from tests.support.simulation import Node, Simulation, refused

SESSION = Session(b"s" * 16)


def rows(seed: int) -> dict[str, list[float]]:
    rng = random.Random(seed)
    return {"x": [rng.randrange(-200, 201) / 2 for _ in range(20)], "y": [rng.randrange(1001) for _ in range(20)]}


def same(one: State, other: State) -> bool:
    """Whether two states are equal in all that a restart must not forget."""
    if isinstance(one, Joining) or isinstance(other, Joining):
        names = ("federation", "me", "display", "settings", "invitation", "phase", "reason")
        return type(one) is type(other) and all(getattr(one, n) == getattr(other, n) for n in names)
    plain = ("me", "bus", "settings", "local", "phase", "alarm", "secrets", "batches", "invites", "windows", "counters")
    plain += ("marks", "withdrawals", "receipts", "watches", "seen", "traces", "persons", "streams")
    alike = all(getattr(one, n) == getattr(other, n) for n in plain)
    held = [{p: (h.signed, h.admitted, h.digest) for p, h in s.ledger.held.items()} for s in (one, other)]
    return (
        alike
        and held[0] == held[1]
        and one.ledger.total == other.ledger.total
        and (one.charter.entries, one.charter.hashes) == (other.charter.entries, other.charter.hashes)
        and one.standing == other.standing
        and one.roster.members == other.roster.members
    )


def holds(simulation: Simulation, node: Node) -> None:
    assert same(restore(simulation.federation, node.disk, SESSION), node.state)


STEPS = [
    "add",
    "withdraw",
    "pulse",
    "schedule",
    "contract",
    "join",
    "invite",
    "revoke",
    "remove",
    "leave",
    "explorable",
]


@pytest.mark.long
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), history=st.lists(st.sampled_from(STEPS), min_size=1, max_size=12))
def test_the_changes_written_one_by_one_are_the_state(seed, history):
    simulation, rng = Simulation(seed), random.Random(seed)
    alfa = simulation.found("alfa")
    simulation.join(alfa, "bravo")
    for i, done in enumerate(history):
        node = rng.choice([n for n in simulation.nodes.values() if isinstance(n.state, Peer)])
        match done:
            case "add" if node.peer.phase == "active":
                simulation.add(node, rows(i))
            case "withdraw" if node.peer.batches:
                simulation.act(node, ev.WithdrawBatch(rng.choice(sorted(node.peer.batches))))
            case "pulse":
                refused(simulation, node, ev.SyncNow())
            case "schedule":
                refused(simulation, node, ev.SetSchedule(f"m{i + 1}"))
            case "contract":
                refused(simulation, node, ev.SetContract(f"COUNT(x) >= {rng.choice([1, 30])}"))
            case "join":
                simulation.join(alfa, f"joiner {i}")
            case "invite":
                invitation = simulation.invite(alfa)
                if rng.random() < 0.5:
                    simulation.act(alfa, ev.RevokeInvite(invitation.invite))
            case "remove":
                refused(simulation, alfa, ev.RemoveMember(node.peer.me.peer, "test"))
            case "leave" if node is not alfa:
                refused(simulation, node, ev.Leave())
            case "explorable":
                refused(simulation, node, ev.SetExplorable(explorable=bool(i % 2)))
        for _ in range(rng.randrange(4)):
            if simulation.wire:
                simulation.deliver(0)
        for each in simulation.nodes.values():
            holds(simulation, each)
    simulation.run()
    for each in simulation.nodes.values():
        holds(simulation, each)


def lived(seed: int = 0) -> tuple[Simulation, Node, Node]:
    simulation = Simulation(seed)
    alfa = simulation.found("alfa")
    bravo = simulation.join(alfa, "bravo")
    for i, node in enumerate((alfa, bravo)):
        simulation.add(node, rows(i))
        simulation.act(node, ev.SyncNow())
    simulation.invite(alfa)
    simulation.run()
    return simulation, alfa, bravo


def test_a_step_writes_only_what_it_touched():
    simulation, alfa, bravo = lived()
    before = bravo.state
    simulation.act(bravo, ev.SetPulsing(pulsing=False))
    assert set(changes(before, bravo.state)) == {"settings"}
    before = bravo.state
    simulation.act(bravo, ev.Tick())
    assert changes(before, bravo.state) == {}
    before = bravo.state
    simulation.add(alfa, rows(3))
    simulation.act(alfa, ev.SyncNow())
    simulation.run()
    written = set(changes(before, bravo.state))
    assert written <= {"counters", f"ledger/{alfa.peer.me.peer}", f"window/{alfa.peer.me.peer}"}
    assert f"ledger/{alfa.peer.me.peer}" in written
    assert changes(alfa.state, alfa.state) == {}


def test_what_is_gone_is_deleted():
    simulation, alfa, bravo = lived()
    (name,) = bravo.peer.batches
    before = bravo.state
    simulation.act(bravo, ev.WithdrawBatch(name))
    written = changes(before, bravo.state)
    assert set(written) == {f"batch/{name}", "withdrawal/0"}
    assert written[f"batch/{name}"] is None
    before = alfa.state
    simulation.act(alfa, ev.RemoveMember(bravo.peer.me.peer, ""))
    assert changes(before, alfa.state)[f"ledger/{bravo.peer.me.peer}"] is None


def test_a_welcomed_joiner_keeps_nothing_of_its_invitation():
    simulation = Simulation()
    alfa = simulation.found("alfa")
    bravo = simulation.ask_to_join(alfa, "bravo", simulation.invite(alfa))
    assert "secret/invitation" in bravo.disk
    simulation.run()
    assert "secret/invitation" not in bravo.disk


def _damages(disk: dict[str, bytes]) -> dict[str, dict[str, bytes]]:
    made = {}
    for name, value in disk.items():
        if not name.startswith(("window/", "counters")):
            made[f"cut {name}"] = {**disk, name: value[:-1]}
        made[f"empty {name}"] = {**disk, name: b""}
        made[f"grown {name}"] = {**disk, name: value + b"\x00"}
        if not name.startswith(("ledger/", "batch/", "invite/", "window/")):
            made[f"lost {name}"] = {n: v for n, v in disk.items() if n != name}
    return made


@pytest.mark.parametrize("who", ["admin", "member", "joining"])
def test_damaged_records_are_a_store_error_that_names_the_federation(who):
    simulation, alfa, bravo = lived()
    node = {"admin": alfa, "member": bravo}.get(who)
    if node is None:
        node = simulation.ask_to_join(alfa, "late", simulation.invite(alfa))
    newest = f"charter/{len(alfa.peer.charter.entries) - 1:08d}"
    for what, disk in _damages(node.disk).items():
        if what == f"lost {newest}" or (what == "lost secret/invitation"):
            continue  # an older, whole charter; and the rest of a joiner is no member, which is an error too
        with pytest.raises(StoreError, match=simulation.federation):
            pytest.fail(f"{what}: {restore(simulation.federation, disk, SESSION)!r}")


def test_a_contribution_exchanged_on_disk_is_not_believed():
    simulation, alfa, bravo = lived()
    other, _, _ = lived(1)
    name = f"ledger/{bravo.peer.me.peer}"
    theirs = next(v for n, v in other.nodes["bravo"].disk.items() if n.startswith("ledger/"))
    with pytest.raises(StoreError):
        restore(simulation.federation, {**alfa.disk, name: theirs}, SESSION)
    entries = {n: v for n, v in other.nodes["alfa"].disk.items() if n.startswith("charter/")}
    with pytest.raises(StoreError):
        restore(simulation.federation, {**alfa.disk, **entries}, SESSION)


def test_every_record_that_holds_a_key_is_named_secret():
    simulation, alfa, bravo = lived()
    joiner = simulation.ask_to_join(alfa, "late", simulation.invite(alfa))
    simulation.act(bravo, ev.Leave())
    keys = [n.state.me.secret() for n in (alfa, bravo, joiner)]
    keys += [n.state.me.broker_seed().encode() for n in (alfa, bravo, joiner)]
    keys += [secret.secret for n in (alfa, bravo) for secret in n.peer.secrets]
    keys += [joiner.state.invitation.token]
    assert len(keys) >= 9
    for node in (alfa, bravo, joiner):
        plain = {name: value for name, value in node.disk.items() if not name.startswith("secret/")}
        assert not [name for name, value in plain.items() if any(key in value for key in keys)]
        assert any(key in value for name, value in node.disk.items() for key in keys)
