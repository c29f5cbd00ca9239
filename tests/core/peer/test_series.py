"""A series of releases: whatever two of them anyone keeps, they differ by nothing or by enough."""

from __future__ import annotations

import random

import pytest

from fedpeer.core.errors import StoreError
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.records import changes, restore
from fedpeer.core.peer.session import Session
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.summary import Summary
from tests.support.simulation import SCHEMA, Node, Simulation

Rows = dict[str, list[float]]


def rows(seed: int, count: int = 20) -> Rows:
    rng = random.Random(seed)
    return {"x": [rng.randrange(-200, 201) / 2 for _ in range(count)], "y": [rng.randrange(1001) for _ in range(count)]}


def pair() -> tuple[Simulation, Node, Node]:
    simulation = Simulation()
    alfa = simulation.found("alfa", profile="standard")
    return simulation, alfa, simulation.join(alfa, "bravo")


def pulse(simulation: Simulation, node: Node) -> str:
    outcome = simulation.act(node, ev.SyncNow())[0]
    simulation.run()
    return outcome


def newest(node: Node) -> str:
    return max(node.peer.batches.values(), key=lambda local: local.batch.number).batch.id


def there_and_back(simulation: Simulation, bravo: Node, patient: Rows) -> list[Summary]:
    """Release rows, more rows, the first again; then the more ones with one of them exchanged for a patient's."""
    more = rows(2)
    others = {name: [*more[name][:-1], *patient[name]] for name in more}
    seen = []
    for step in (rows(1, 40), more, None, others):
        if step is None:
            simulation.act(bravo, ev.WithdrawBatch(newest(bravo)))
        else:
            simulation.add(bravo, step)
        if pulse(simulation, bravo) == "sent":
            seen.append(bravo.peer.released.summary)
    return seen


PATIENT = {"x": [12.5], "y": [321]}


def test_a_row_exchanged_between_releases_that_are_not_neighbours_stays():
    simulation, alfa, bravo = pair()
    seen = there_and_back(simulation, bravo, PATIENT)
    assert [summary.rows for summary in seen] == [40, 60, 40]
    (text,) = [text for text in bravo.said("contract") if "withheld" in text]
    assert "rows were exchanged since contribution 2, none more and none fewer" in text
    assert alfa.peer.ledger.held[bravo.peer.me.peer].summary == seen[-1]
    assert bravo.peer.counters.withheld == 1
    simulation.add(bravo, rows(3, 10))
    assert pulse(simulation, bravo) == "sent"


def test_without_what_is_kept_the_patient_is_read_off():
    """The same with each trace deleted as it is made, which is what comparing with the last release only would do."""
    simulation, _, bravo = pair()
    act = simulation.act

    def forgetful(node, event):
        reply = act(node, event)
        node.state = restore(simulation.federation, _without(node.disk), node.peer.session)
        return reply

    simulation.act = forgetful
    seen = there_and_back(simulation, bravo, PATIENT)
    assert [summary.rows for summary in seen] == [40, 60, 40, 60]
    difference = seen[3] - seen[1]
    gone = {name: values[-1] for name, values in rows(2).items()}
    for name, (told,) in PATIENT.items():
        column = next(column for column in SCHEMA.columns if column.name == name)
        step = float(column.value(1) - column.value(0))
        assert difference.sum(name) * step + gone[name] == told


def _without(disk: dict[str, bytes]) -> dict[str, bytes]:
    return {name: value for name, value in disk.items() if not name.startswith("trace/")}


def test_what_is_kept_is_saved_with_the_contribution_that_replaces_it():
    simulation, _, bravo = pair()
    simulation.add(bravo, rows(1))
    pulse(simulation, bravo)
    assert bravo.peer.traces == {}
    simulation.add(bravo, rows(2))
    before = bravo.state
    pulse(simulation, bravo)
    written = changes(before, bravo.state)
    (name,) = (name for name in written if name.startswith("trace/"))
    assert name.startswith(f"trace/{1:020d}-{before.released.summary.digest[:16]}")
    assert f"ledger/{bravo.peer.me.peer}" in written


def test_a_restart_forgets_nothing_and_a_store_of_before_is_read():
    simulation, _, bravo = pair()
    there_and_back(simulation, bravo, PATIENT)
    old = _without(bravo.disk)
    simulation.crash(bravo)
    simulation.restart(bravo)
    assert len(bravo.peer.traces) == 2
    assert pulse(simulation, bravo) == "withheld"
    simulation.crash(bravo)
    simulation.restart(bravo, old)
    assert bravo.peer.traces == {}
    assert pulse(simulation, bravo) == "sent"


def test_a_backup_learns_the_contribution_that_it_is_given_back_and_compares_with_it_from_then_on():
    simulation, _, bravo = pair()
    simulation.add(bravo, rows(1, 40))
    pulse(simulation, bravo)
    backup = dict(bravo.disk)
    simulation.add(bravo, rows(2))
    pulse(simulation, bravo)
    simulation.crash(bravo)
    simulation.restart(bravo, backup)
    simulation.pass_time(4)
    pulse(simulation, bravo)
    assert bravo.peer.released.summary == collect(SCHEMA, rows(1, 40))
    others = rows(2)
    others["x"][-1] = 0.0
    simulation.add(bravo, others)
    assert pulse(simulation, bravo) == "withheld"
    assert any("since contribution 2" in text for text in bravo.said("contract"))


def test_all_rows_can_be_taken_back_whatever_was_released_before():
    simulation, alfa, bravo = pair()
    there_and_back(simulation, bravo, PATIENT)
    for batch in list(bravo.peer.batches):
        simulation.act(bravo, ev.WithdrawBatch(batch))
    assert pulse(simulation, bravo) == "sent"
    assert alfa.peer.ledger.held[bravo.peer.me.peer].summary.rows == 0
    simulation.add(bravo, rows(1, 39))
    assert pulse(simulation, bravo) == "withheld"


@pytest.mark.parametrize("damage", [lambda v: v[:-1], lambda v: b"", lambda v: v + b"\x00"])
def test_a_damaged_trace_is_a_store_error(damage):
    simulation, _, bravo = pair()
    there_and_back(simulation, bravo, PATIENT)
    for name, value in bravo.disk.items():
        if name.startswith("trace/"):
            with pytest.raises(StoreError, match=simulation.federation):
                restore(simulation.federation, {**bravo.disk, name: damage(value)}, Session(b"s" * 16))
