"""Patients stand behind what leaves: counted as sets would count them, after any history, and seen by nobody."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedpeer.core.errors import StateError, StoreError, UnknownError
from fedpeer.core.federation.exchange import Exchange
from fedpeer.core.peer import events as ev
from fedpeer.core.peer import turn as turns
from fedpeer.core.peer.persons import Persons, patient_key
from fedpeer.core.peer.preview import preview
from fedpeer.core.peer.records import restore
from fedpeer.core.peer.session import Session
from fedpeer.core.peer.state import Batch
from fedpeer.core.privacy import findings
from fedpeer.core.privacy.findings import crowded_finding
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.privacy.people import Known, People
from fedpeer.core.privacy.plan import Noise
from fedpeer.core.statistics.collect import Collected, tally
from fedpeer.core.statistics.patients import Patients
from fedpeer.core.statistics.schema import Feature, Schema
from tests.support.simulation import Node, Simulation, refused

FEATURES = [Feature("x", min=-100, max=100, resolution="0.5")]
SCHEMA = Schema(FEATURES, patient="who")
ROWS = "COUNT(x) >= 1"
PERSONS = Policy("relaxed", patients=25)


def alone(policy: Policy = PERSONS, **how: Schema) -> tuple[Simulation, Node]:
    simulation = Simulation()
    return simulation, simulation.found("alfa", contract=ROWS, policy=policy, **{"schema": SCHEMA} | how)


def rows(ids: list[str], seed: int = 0) -> dict[str, list]:
    rng = random.Random(seed)
    return {"x": [rng.randrange(-200, 201) / 2 for _ in ids], "who": list(ids)}


def named(count: int, first: int = 0) -> list[str]:
    return [f"patient-number-{k:06d}" for k in range(first, first + count)]


def pulsed(simulation: Simulation, node: Node) -> tuple[str, str]:
    simulation.now += 60
    return simulation.act(node, ev.SyncNow())


def known(node: Node) -> Known:
    return node.peer.past.people.known()


def counted(node: Node, table: dict[str, list]) -> Collected:
    return tally(SCHEMA, table, key=patient_key(node.peer.me))


def grow(simulation: Simulation, node: Node, table: dict[str, list], batch: str = "grown") -> None:
    found = counted(node, table)
    told = Batch(batch, "log.csv", int(simulation.now), found.counted, found.read, {}, found.summary.digest)
    simulation.act(node, ev.AddBatch(told, found.summary, True, patients=found.patients))


# Exact, after any history

STEP = st.tuples(st.sampled_from(["add", "grow", "withdraw", "rows", "pulse"]), st.integers(0, 10**6))


@pytest.mark.long
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=st.lists(STEP, max_size=14))
def test_patients_are_counted_as_sets_count_them_after_any_history(history):
    simulation, node = alone(Policy("relaxed"))
    here: dict[str, list[tuple[float, str]]] = {}
    released: dict[int, Counter[str]] = {}
    for kind, seed in history:
        rng = random.Random(seed)
        table = rows([str(rng.randrange(12)) for _ in range(rng.randrange(1, 30))], seed)
        lines = list(zip(table["x"], table["who"], strict=True))
        match kind:
            case "add":
                simulation.add(node, table)
                here[next(reversed(node.peer.batches))] = lines
            case "grow":
                grow(simulation, node, table)
                here.setdefault("grown", []).extend(lines)
            case "withdraw" if here:
                batch = rng.choice(sorted(here))
                simulation.act(node, ev.WithdrawBatch(batch))
                del here[batch]
            case "rows" if here:
                batch = rng.choice(sorted(here))
                gone = rng.sample(here[batch], rng.randrange(1, len(here[batch]) + 1))
                found = counted(node, {"x": [x for x, _ in gone], "who": [who for _, who in gone]})
                simulation.act(node, ev.WithdrawRows("list", found.summary, batch, found.patients))
                for line in gone:
                    here[batch].remove(line)
                here = {name: each for name, each in here.items() if each}
            case "pulse":
                if pulsed(simulation, node)[0] == "sent":
                    released[node.peer.ledger.serial(node.peer.me.peer)] = _every(here)
        every, told = _every(here), known(node)
        assert (told.patients, told.most) == (len(every), max(every.values(), default=0))
        assert told.moved == {s: sum(old[p] != every[p] for p in old | every) for s, old in released.items()}
        assert {b: node.peer.persons.of(b).distinct for b in here} == {b: len(_every({b: here[b]})) for b in here}
        again = restore(simulation.federation, node.disk, Session(b"s" * 16))
        assert again.persons == node.peer.persons
        assert again.past.people.known() == told


def _every(here: dict[str, list[tuple[float, str]]]) -> Counter[str]:
    return Counter(who for lines in here.values() for _, who in lines)


@pytest.mark.long
@given(
    now=st.lists(st.lists(st.integers(0, 9), max_size=20), max_size=4),
    steps=st.lists(st.lists(st.integers(0, 9), max_size=20), max_size=4),
)
@settings(deadline=None)
def test_every_difference_is_counted_from_the_steps_alone(now, steps):
    _, node = alone()

    def of(ids: list[int]) -> Patients:
        return counted(node, rows(list(map(str, ids)))).patients

    releases = [of([]), *map(of, steps)]
    kept = {i: new - old for i, (old, new) in enumerate(pairwise(releases), 1)}
    people, every = People(tuple(map(of, now)), kept), Counter(i for ids in now for i in ids)
    moved = {i: sum(Counter(ids)[p] != every[p] for p in range(10)) for i, ids in enumerate(steps, 1)}
    assert people.known() == Known(len(every), max(every.values(), default=0), moved)
    assert People((), kept | {9: people.step()}).known().moved[9] == len(every)


# The rule


def test_24_patients_are_too_few_and_25_are_enough():
    simulation, node = alone()
    simulation.add(node, rows(named(24) * 3))
    assert pulsed(simulation, node) == (
        "withheld",
        "the rows are of 24 patients, and at least 25 must stand behind a release",
    )
    assert [f.passed for f in preview(node.peer, simulation.now).examined.findings if "patients" in f.rule] == [False]
    simulation.add(node, rows(named(1, 24)))
    assert pulsed(simulation, node)[0] == "sent"


def test_without_the_rule_the_24_would_leave(monkeypatch):
    monkeypatch.setattr(findings, "_persons", lambda *_: iter(()))
    simulation, node = alone()
    simulation.add(node, rows(named(24) * 3))
    assert pulsed(simulation, node)[0] == "sent"


@pytest.mark.parametrize(
    ("policy", "floor", "moved"),
    [
        (Policy("standard"), 25, 10),
        (Policy("strict"), 25, 10),
        (Policy("standard", patients=40, change=30), 40, 30),
        (Policy("relaxed"), 0, 0),
        (Policy("relaxed", patients=4), 4, 4),
        (Policy("relaxed").tightened(Policy("standard", patients=30)), 30, 10),
    ],
)
def test_the_floors_are_those_of_the_profile_or_higher(policy, floor, moved):
    assert (policy.patient_floor, policy.moved_floor) == (floor, moved)


def test_a_change_must_be_in_the_rows_of_enough_patients():
    simulation, node = alone()
    simulation.add(node, rows(named(40)))
    assert pulsed(simulation, node)[0] == "sent"
    # Rows enough, but of nine patients.
    simulation.add(node, rows(named(9, 35) * 20, 1))
    outcome, text = pulsed(simulation, node)
    assert (outcome, text) == (
        "withheld",
        "the rows of 9 patients are more or fewer since the last release, and a change must be of 10",
    )
    simulation.add(node, rows(named(1), 2))
    assert pulsed(simulation, node)[0] == "sent"


def test_a_patient_whose_rows_were_exchanged_for_others_is_not_taken_for_no_change():
    simulation, node = alone(Policy("relaxed", patients=25))
    table = rows(named(60))
    simulation.add(node, table)
    assert pulsed(simulation, node)[0] == "sent"
    simulation.add(node, rows(named(1) * 20, 5))
    gone = counted(node, {name: [column[0]] for name, column in table.items()})
    (first, _) = node.peer.batches
    simulation.act(node, ev.WithdrawRows("list", gone.summary, first, gone.patients))
    (found,) = [f for f in preview(node.peer, simulation.now).examined.findings if f.rule.startswith("change >= 10")]
    assert (found.measured, found.passed) == ("1", False)


def test_a_change_since_an_earlier_release_counts_as_well():
    simulation, node = alone()
    simulation.add(node, rows(named(60)))
    assert pulsed(simulation, node)[0] == "sent"
    simulation.add(node, rows(named(20, 100), 1))
    assert pulsed(simulation, node)[0] == "sent"
    # The twenty go, and one patient stays: against the last it is a change of 19, against the first of one.
    simulation.act(node, ev.WithdrawBatch(list(node.peer.batches)[1]))
    simulation.add(node, rows(named(1, 100) * 30, 2))
    told = {f.since: (f.measured, f.passed) for f in preview(node.peer, simulation.now).examined.findings if f.since}
    assert known(node).moved == {1: 1, 2: 20}
    assert told["contribution 1"] == ("1", False)
    assert pulsed(simulation, node)[0] == "withheld"


def test_what_was_released_by_a_newer_home_is_not_known_and_withheld():
    simulation, node = alone()
    simulation.add(node, rows(named(60)))
    assert pulsed(simulation, node)[0] == "sent"
    simulation.add(node, rows(named(30, 100), 1))
    disk = {name: value for name, value in node.disk.items() if not name.startswith("secret/step/")}
    simulation.crash(node)
    simulation.restart(node, disk)
    assert "this home is older than it" in pulsed(simulation, node)[1]


def test_rows_that_nobody_was_counted_for_do_not_leave_and_do_not_come_in():
    simulation, node = alone()
    found = tally(SCHEMA, rows(named(60)))  # without the key: nobody is known
    told = Batch("b", "x", 0, found.counted, found.read, {}, found.summary.digest)
    assert isinstance(refused(simulation, node, ev.AddBatch(told, found.summary, True)), StateError)
    simulation.add(node, rows(named(60)))
    one = tally(SCHEMA, rows(named(60)[:1]))
    assert isinstance(refused(simulation, node, ev.WithdrawRows("x", one.summary, "")), StateError)
    examined = findings.examine(found.summary, PERSONS, None, None, "alone")
    assert examined.failed.rule == "patients >= 25"
    assert findings.examine(found.summary, PERSONS, None, None, "masked").failed.rule == "patients >= 25"
    assert findings.examine(found.summary, Policy("relaxed"), None, None, "alone").failed is None


def test_without_a_column_of_ids_nothing_is_asked_for_patients():
    simulation, node = alone(Policy("relaxed", patients=10**6), schema=Schema(FEATURES))
    simulation.add(node, {"x": [1.0] * 9})
    assert pulsed(simulation, node)[0] == "sent"
    assert node.peer.past.people is None
    assert not [name for name in node.disk if name.startswith(("secret/patients/", "secret/step/"))]


def test_noise_that_hides_few_rows_of_a_patient_is_not_taken_for_enough():
    simulation, node = alone()
    simulation.add(node, rows(named(40) + named(1) * 3))
    assert known(node).most == 4
    assert [crowded_finding(known(node), most).passed for most in (3, 4, 5)] == [False, True, True]
    for most, passed in ((3, False), (4, True)):
        policy = Policy("relaxed", noise=Noise(10**10, rows=most))
        examined = findings.examine(node.peer.local, policy, None, node.peer.past, "alone")
        assert (examined.failed is None) == passed
        assert (
            findings.examine(node.peer.local, policy, None, None, "masked").failed.rule
            == f"rows of a patient <= {most}"
        )


# Where only the sum is seen


def secure(*patients: int) -> tuple[Simulation, list[Node]]:
    """A federation of the secure sum, whose members have rows of so many patients."""
    simulation = Simulation()
    admin = simulation.found("0", contract=ROWS, schema=SCHEMA, policy=PERSONS, exchange=Exchange("secure", least=3))
    nodes = [admin, *(simulation.join(admin, str(k)) for k in range(1, len(patients)))]
    for k, (node, count) in enumerate(zip(nodes, patients, strict=True)):
        simulation.add(node, rows(named(count) * 2, k))
    simulation.run()
    return simulation, nodes


def called(simulation: Simulation, node: Node) -> tuple[str, str]:
    reply = pulsed(simulation, node)
    simulation.run()
    return reply


def test_each_part_of_a_hidden_sum_is_of_enough_patients():
    simulation, (alfa, _, _, few) = secure(40, 40, 40, 24)
    assert called(simulation, few) == (
        "withheld",
        "the rows are of 24 patients, and at least 25 must stand behind a release",
    )
    simulation.pass_time(20)  # until nobody waits for a fourth
    assert few.peer.me.peer not in alfa.peer.ledger.contributors
    assert len(alfa.peer.ledger.contributors) == 3


def test_a_change_of_a_part_of_a_hidden_sum_is_of_enough_patients():
    simulation, (alfa, bravo, *_) = secure(40, 40, 40)
    assert called(simulation, alfa)[0] == "called"
    assert [known(node).moved for node in (alfa, bravo)] == [{1: 0}] * 2
    simulation.add(bravo, rows(named(9, 35) * 20, 8))
    assert "the rows of 9 patients" in called(simulation, bravo)[1]
    simulation.add(bravo, rows(named(1), 9))
    assert called(simulation, bravo)[0] == "called"
    assert known(bravo).moved == {1: 10, 2: 0}
    simulation.act(bravo, ev.WithdrawBatch(list(bravo.peer.batches)[1]))
    assert known(bravo).moved == {1: 1, 2: 9}


def test_whose_rows_came_after_a_round_began_is_not_taken_for_released():
    simulation, (alfa, bravo, *_) = secure(40, 40, 40)
    simulation.now += 60
    simulation.act(alfa, ev.SyncNow())
    while bravo.peer.session.round is None:
        simulation.deliver(0)
    simulation.add(bravo, rows(named(12, 100), 3))
    simulation.run()
    assert bravo.peer.ledger.total.rows == 240
    assert known(bravo).moved == {1: 12}


# Taking rows out


def test_rows_of_others_are_not_taken_out_though_the_sums_would_allow_it():
    simulation, node = alone()
    simulation.add(node, {"x": [1.0] * 30, "who": named(30)})
    found = counted(node, {"x": [1.0], "who": ["somebody else"]})
    before = node.state
    for batch in ("", "b3", next(iter(node.peer.batches))):
        assert isinstance(
            refused(simulation, node, ev.WithdrawRows("x", found.summary, batch, found.patients)), UnknownError
        )
        assert node.state is before
    found = counted(node, {"x": [1.0], "who": named(1)})
    simulation.act(node, ev.WithdrawRows("x", found.summary, "", found.patients))
    assert known(node).patients == 29


def test_patients_tell_in_which_batch_rows_are():
    simulation, node = alone()
    for first in (0, 100):
        simulation.add(node, {"x": [1.0] * 30, "who": named(30, first)})
    found = counted(node, {"x": [1.0], "who": named(1, 100)})
    simulation.act(node, ev.WithdrawRows("x", found.summary, "", found.patients))
    assert [local.batch.rows for local in node.peer.batches.values()] == [30, 29]


# What is kept, and what is not


def test_a_batch_that_grows_writes_little():
    simulation, node = alone()
    for k in range(64):
        before = dict(node.disk)
        grow(simulation, node, rows(named(40, 40 * k), k))
        written = [n for n, v in node.disk.items() if before.get(n) is not v and n.startswith("secret/patients/")]
        assert len(written) == 1
    parts = [part.distinct for part in node.peer.persons.parts.values()]
    assert sum(parts) == 64 * 40
    assert len(parts) <= 8


def _damages(disk: dict[str, bytes]) -> Iterator[tuple[str, dict[str, bytes]]]:
    name, step = (next(n for n in disk if n.startswith(p)) for p in ("secret/patients/", "secret/step/"))
    batch = next(n for n in disk if n.startswith("batch/"))
    yield "lost", {n: v for n, v in disk.items() if n != name}
    yield "cut", {**disk, name: disk[name][:-1]}
    yield "a difference", {**disk, name: (Patients.none() - Patients.from_bytes(disk[name])).to_bytes()}
    yield "twice", {**disk, name.removesuffix("00") + "01": disk[name]}
    yield "of no batch", {n: v for n, v in disk.items() if n != batch}
    yield "of another", {**disk, "secret/patients/b9/00": disk[name]}
    yield "a step by no serial", {**disk, "secret/step/1": disk[step]}
    yield "a step cut", {**disk, step: disk[step][:-1]}


def test_damaged_patients_are_a_store_error():
    simulation, node = alone()
    simulation.add(node, rows(named(40)))
    pulsed(simulation, node)
    assert restore(simulation.federation, node.disk, Session(b"s" * 16)).persons == node.peer.persons
    for what, disk in _damages(node.disk):
        with pytest.raises(StoreError):
            pytest.fail(f"{what}: {restore(simulation.federation, disk, Session(b's' * 16)).persons}")


def test_a_killed_node_knows_its_patients_again_and_counts_them_on():
    simulation, node = alone()
    simulation.add(node, rows(named(24)))
    simulation.crash(node)
    simulation.restart(node)
    assert known(node).patients == 24
    simulation.add(node, rows(named(2, 23), 1))
    assert known(node).patients == 25
    assert pulsed(simulation, node)[0] == "sent"
    simulation.crash(node)
    simulation.restart(node)
    assert known(node).moved == {1: 0}


def test_two_members_have_other_tokens_for_the_same_patient():
    simulation, alfa = alone()
    bravo = simulation.join(alfa, "bravo")
    one, other = (counted(node, rows(named(3))).patients for node in (alfa, bravo))
    assert (one - other).distinct == 6


def test_nothing_of_an_id_leaves_or_is_written_where_it_can_be_read(monkeypatch):
    simulation = Simulation()
    contents: list[bytes] = []
    for name in ("seal_group", "seal_direct"):
        real = getattr(turns, name)

        def seal(outline, content, real=real, **how):
            contents.append(content)
            return real(outline, content, **how)

        monkeypatch.setattr(turns, name, seal)
    alfa = simulation.found("alfa", contract=ROWS, schema=SCHEMA, policy=PERSONS)
    bravo = simulation.join(alfa, "bravo")
    for k, node in enumerate((alfa, bravo)):
        simulation.add(node, rows(named(60, 50 * k), k))
        assert pulsed(simulation, node)[0] == "sent"
        simulation.run()
        simulation.act(node, ev.WithdrawBatch(next(iter(node.peer.batches))))
        simulation.add(node, rows([*named(30, 500), "", "NA"], k))
        simulation.add(node, rows(named(3), 7))
        pulsed(simulation, node)
        simulation.run()
        refused(simulation, node, ev.WithdrawRows("x", counted(node, rows(named(1))).summary, ""))
    simulation.pass_time(30)
    searched = [*contents, *(body for _, body in simulation.recorded)]
    sealed = []
    for node in (alfa, bravo):
        searched += [repr((n.text, n.data)).encode() for n in node.notes]
        searched += [value for name, value in node.disk.items() if not name.startswith("secret/")]
        searched += [repr(node.state).encode(), repr(preview(node.peer, simulation.now)).encode()]
        sealed += [value for name, value in node.disk.items() if name.startswith("secret/")]
        patterns = list(_patterns(node))
        assert not [p for p in patterns for text in searched if p in text]
    # What is looked for can be found where it is.
    assert [p for p in patterns for text in sealed if p in text]
    assert len(contents) > 10


def _patterns(node: Node) -> Iterator[bytes]:
    yield from (patient.encode() for patient in named(60) + named(30, 500))
    yield b"patient-number"
    key = patient_key(node.peer.me)
    yield from (key, key.hex().encode())
    for part in (*node.peer.persons.parts.values(), *node.peer.persons.steps.values()):
        for token in part.tokens.astype(">u8"):
            yield token.tobytes()
            yield token.tobytes().hex().encode()


def test_persons_say_nothing_of_themselves():
    simulation, node = alone()
    simulation.add(node, rows(named(30)))
    assert (
        repr(node.peer.persons) == f"Persons(parts={{'{next(iter(node.peer.batches))}/00': Patients(30)}}, steps={{}})"
    )
    assert Persons().people.known() == Known(0, 0, {})
