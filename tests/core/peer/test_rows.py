"""Rows in and out again: what is left is, bit for bit, what the rest alone would be."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core import canonical
from fedpeer.core.canonical import Value
from fedpeer.core.errors import DuplicateError, RequestError, UnknownError
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.kept import Seen, Watch
from fedpeer.core.peer.records import StoredBatch, restore
from fedpeer.core.peer.session import Session
from fedpeer.core.peer.state import Batch
from fedpeer.core.statistics.collect import collect
from tests.support.simulation import SCHEMA, Node, Simulation, refused, totals

Rows = dict[str, list[float]]


def rows(seed: int, count: int = 20) -> Rows:
    rng = random.Random(seed)
    return {"x": [rng.randrange(-200, 201) / 2 for _ in range(count)], "y": [rng.randrange(1001) for _ in range(count)]}


def some(table: Rows, places: list[int]) -> Rows:
    return {name: [column[i] for i in places] for name, column in table.items()}


def alone(*tables: Rows) -> tuple[Simulation, Node]:
    simulation = Simulation()
    node = simulation.found("alfa")
    for table in tables:
        simulation.add(node, table)
    return simulation, node


def out(table: Rows, batch: str = "") -> ev.WithdrawRows:
    return ev.WithdrawRows("list.csv", collect(SCHEMA, table), batch)


@pytest.mark.long
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), data=st.data())
def test_what_is_left_is_what_the_rest_alone_would_be(seed, data):
    table = rows(seed)
    gone = data.draw(st.lists(st.integers(0, 19), unique=True, min_size=1))
    left = [i for i in range(20) if i not in gone]
    simulation, node = alone(table)
    simulation.act(node, out(some(table, gone)))
    assert node.peer.local == collect(SCHEMA, some(table, left))
    assert node.peer.local.to_bytes() == collect(SCHEMA, some(table, left)).to_bytes()
    batches = list(node.peer.batches.values())
    assert [(b.batch.rows, b.batch.withdrawn) for b in batches] == ([(len(left), len(gone))] if left else [])
    assert restore(simulation.federation, node.disk, Session(b"s" * 16)).local == node.peer.local
    # Withdrawing the batch afterwards leaves nothing: no row goes out twice.
    for local in batches:
        simulation.act(node, ev.WithdrawBatch(local.batch.id))
    assert node.peer.local.rows == 0


def test_nothing_of_the_rows_is_kept():
    table = rows(1)
    simulation, node = alone(table)
    gone = some(table, [3])
    simulation.act(node, out(gone))
    summary = collect(SCHEMA, gone)
    assert not [name for name, value in node.disk.items() if summary.residues.to_bytes() in value]


def test_rows_that_were_never_there_are_refused_as_far_as_sums_can_tell():
    simulation, node = alone(rows(1))
    before = node.state
    for table in (
        {"x": [100.0] * 9, "y": [1000.0] * 9},  # beyond what the batch's sums of squares leave room for
        rows(2),
        rows(1, 21),
        some(rows(1), [0] * 20),
    ):
        error = refused(simulation, node, out(table))
        assert error is not None, table
        assert error.code == UnknownError.code
        assert node.state is before
    assert refused(simulation, node, ev.WithdrawRows("x", collect(SCHEMA, {"x": [], "y": []}), "")).code == "FP118"


def test_a_row_that_could_be_in_two_batches_needs_the_name_of_one():
    first, second = rows(1), rows(2)
    simulation, node = alone(first, second)
    one, two = node.peer.batches
    error = refused(simulation, node, out(some(first, [0])))
    assert error.code == RequestError.code
    assert one in str(error)
    assert two in str(error)
    assert refused(simulation, node, out(some(first, [0]), "b0")).code == UnknownError.code
    simulation.act(node, out(some(first, [0]), one))
    assert node.peer.local == collect(SCHEMA, some(first, list(range(1, 20)))) + collect(SCHEMA, second)
    # All of a batch can only be that batch.
    simulation.act(node, out(second))
    assert list(node.peer.batches) == [one]


def test_a_batch_is_known_as_it_was_and_as_it_is_after_rows_were_taken_out():
    table = rows(1)
    simulation, node = alone(table)
    simulation.act(node, out(some(table, [0, 1])))
    for again in (table, some(table, list(range(2, 20)))):
        with pytest.raises(DuplicateError):
            simulation.add(node, again, force=False)
    # The order of the rows does not make them others.
    with pytest.raises(DuplicateError):
        simulation.add(node, some(table, list(range(19, -1, -1))), force=False)
    simulation.add(node, table)
    assert node.peer.local.rows == 38


def test_the_others_hold_the_rest_and_sign_for_it():
    simulation, alfa = alone(rows(1, 40))
    bravo = simulation.join(alfa, "bravo")
    simulation.add(bravo, rows(2))
    for node in (alfa, bravo):
        simulation.act(node, ev.SyncNow())
    simulation.run()
    simulation.act(alfa, out(some(rows(1, 40), list(range(10)))))
    assert simulation.act(alfa, ev.SyncNow())[0] == "sent"
    simulation.pass_time(3)
    left = collect(SCHEMA, some(rows(1, 40), list(range(10, 40)))) + collect(SCHEMA, rows(2))
    assert totals(simulation) == {left.digest}
    (withdrawal,) = alfa.peer.withdrawals.values()
    assert (withdrawal.rows, withdrawal.waiting, len(alfa.peer.receipts)) == (10, (), 1)


class OldBatch(Value, frozen=True):
    """A batch as the version before stored it."""

    id: str
    source: str
    added_at: int
    rows: int
    read: int
    rejected: dict[str, dict[str, int]]
    content: str


class OldStored(Value, frozen=True):
    batch: OldBatch
    summary: bytes


def test_a_store_of_the_version_before_is_read():
    simulation, node = alone(rows(1))
    (name,) = node.peer.batches
    new = canonical.decode(node.disk[f"batch/{name}"], StoredBatch)
    fields = {f: getattr(new.batch, f) for f in OldBatch.__struct_fields__}
    old = canonical.encode(OldStored(OldBatch(**fields), new.summary))
    disk = {**node.disk, f"batch/{name}": old}
    del disk["marks"]
    simulation.crash(node)
    simulation.restart(node, disk)
    assert node.peer.local == collect(SCHEMA, rows(1))
    assert node.peer.batches[name].batch.number == 0
    assert node.disk[f"batch/{name}"] == old
    simulation.add(node, rows(2))
    assert node.peer.local.rows == 40


# Files that were counted


def seen(until: int, batch: str, path: str = "/data/log.csv") -> Seen:
    return Seen(path, until, 0, until, b"d" * 32, False, batch, "w")


def counted(simulation: Simulation, node: Node, table: Rows, until: int, since: int, batch: str = "g") -> None:
    found = collect(SCHEMA, table)
    batch_ = Batch(batch, "/data/log.csv", int(simulation.now), found.rows, found.rows, {}, found.digest)
    simulation.act(node, ev.AddBatch(batch_, found, False, seen(until, batch), since))


def test_a_file_that_grows_is_one_batch_and_what_is_known_of_it_is_stored_with_it():
    simulation, node = alone()
    counted(simulation, node, rows(1), 100, 0)
    counted(simulation, node, rows(2, 3), 130, 100)
    (local,) = node.peer.batches.values()
    assert (local.batch.rows, local.batch.read) == (23, 23)
    assert local.summary == node.peer.local == collect(SCHEMA, rows(1)) + collect(SCHEMA, rows(2, 3))
    assert local.batch.content == local.summary.digest
    stored = restore(simulation.federation, node.disk, Session(b"s" * 16))
    assert stored.seen == node.peer.seen
    assert [s.until for s in stored.seen.values()] == [130]


@pytest.mark.parametrize("since", [0, 99, 101, 130])
def test_what_was_counted_by_someone_else_meanwhile_is_not_counted_twice(since):
    simulation, node = alone()
    counted(simulation, node, rows(1), 100, 0)
    before = node.state
    with pytest.raises(DuplicateError):
        counted(simulation, node, rows(2), 160, since)
    assert node.state is before


def test_a_watch_is_kept_once_a_place_and_forgets_what_it_is_told_to():
    simulation, node = alone()
    counted(simulation, node, rows(1), 100, 0)
    watch = Watch("w", "/data/log.csv", 5, b"{}", 0)
    simulation.act(node, ev.AddWatch(watch, ()))
    assert len(node.peer.seen) == 1
    with pytest.raises(DuplicateError):
        simulation.act(node, ev.AddWatch(watch, ()))
    stored = restore(simulation.federation, node.disk, Session(b"s" * 16))
    assert stored.watches == {"w": watch}
    simulation.act(node, ev.RemoveWatch("w"))
    with pytest.raises(UnknownError):
        simulation.act(node, ev.RemoveWatch("w"))
    assert "watch/w" not in node.disk
    simulation.act(node, ev.AddWatch(watch, tuple(node.peer.seen)))
    assert node.peer.seen == {}
    counted(simulation, node, rows(3), 100, 0, "h")
    assert node.peer.local.rows == 40


def test_a_file_that_only_looks_otherwise_is_remembered_as_it_looks():
    simulation, node = alone()
    counted(simulation, node, rows(1), 100, 0)
    touched = Seen("/data/log.csv", 100, 7, 100, b"d" * 32, False, "g", "w")
    simulation.act(node, ev.SawFile(touched))
    assert list(node.peer.seen.values()) == [touched]
    simulation.act(node, ev.SawFile(seen(50, "g")))
    assert list(node.peer.seen.values()) == [touched]
