"""A project as a value: what its rows sum to, what it refuses, and its way through bytes."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core import canonical
from fedpeer.core.errors import (
    DuplicateError,
    MalformedError,
    MismatchError,
    RequestError,
    StateError,
    StoreError,
    UnknownError,
)
from fedpeer.core.peer import carrying
from fedpeer.core.peer import project as core
from fedpeer.core.peer.events import (
    AddBatch,
    AddStream,
    Flowed,
    ForgetStream,
    StopStream,
    SyncNow,
    WithdrawBatch,
    WithdrawRows,
)
from fedpeer.core.peer.project import Head, Project
from fedpeer.core.peer.state import Batch
from fedpeer.core.peer.streams import Flow, Stream
from fedpeer.core.statistics.additions import Additions
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.extension import extended
from fedpeer.core.statistics.schema import Feature, Schema
from fedpeer.core.statistics.summary import Summary

SCHEMA = Schema([Feature("x", "continuous", min=0, max=100, resolution=1), Feature("b", "binary")])
OTHER = Schema([Feature("x", "continuous", min=0, max=100, resolution=1)])
EMPTY = core.made("project-1", Head("ward", SCHEMA.to_json(), 5, 5))


def table(values: list[int]) -> dict[str, list[int]]:
    return {"x": values, "b": [v % 2 for v in values]}


def add(project: Project, name: str, values: list[int], *, force: bool = False, now: int = 9) -> Project:
    summary = collect(SCHEMA, table(values))
    batch = Batch(name, "test", now, summary.rows, len(values), {}, summary.digest)
    return core.heard(project, AddBatch(batch, summary, force), now)[0]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.lists(st.integers(0, 100), min_size=1, max_size=5), min_size=1, max_size=4), st.data())
def test_the_total_is_that_of_the_rows_that_are_in(parts: list[list[int]], data: st.DataObject) -> None:
    project = EMPTY
    for number, part in enumerate(parts):
        project = add(project, f"b{number}", part, force=True)
    assert project.local == collect(SCHEMA, table([value for part in parts for value in part]))
    gone = data.draw(st.integers(0, len(parts) - 1))
    project, local = core.heard(project, WithdrawBatch(f"b{gone}"), 10)
    assert (local.batch.id, project.head.changed_at) == (f"b{gone}", 10)
    rest = [value for number, part in enumerate(parts) if number != gone for value in part]
    assert project.local == (collect(SCHEMA, table(rest)) if rest else Summary.zero(SCHEMA))


def test_rows_are_forgotten_out_of_the_batch_that_has_them() -> None:
    project = add(EMPTY, "one", [1, 2, 3])
    project, left = core.heard(project, WithdrawRows("told", collect(SCHEMA, table([2])), ""), 11)
    assert (left.batch.rows, left.batch.withdrawn) == (2, 1)
    assert project.local == collect(SCHEMA, table([1, 3]))
    with pytest.raises(UnknownError):
        core.heard(project, WithdrawRows("told", collect(SCHEMA, table([2])), ""), 11)
    project, _ = core.heard(project, WithdrawRows("told", collect(SCHEMA, table([1, 3])), ""), 11)
    assert (dict(project.batches), project.local.rows) == ({}, 0)


def test_what_cannot_be_is_refused() -> None:
    project = add(EMPTY, "one", [1, 2, 3])
    with pytest.raises(DuplicateError):
        add(project, "two", [3, 2, 1])
    assert add(project, "two", [3, 2, 1], force=True).local.rows == 6
    with pytest.raises(UnknownError):
        core.heard(project, WithdrawBatch("nine"), 1)
    with pytest.raises(RequestError):
        core.heard(project, WithdrawRows("told", Summary.zero(SCHEMA), ""), 1)
    with pytest.raises(StateError, match="nothing of SyncNow"):
        core.heard(project, SyncNow(), 1)
    frozen = core.changed(project, 3, frozen=True)
    with pytest.raises(StateError, match="frozen"):
        add(frozen, "two", [4])
    assert add(core.changed(frozen, 4, frozen=False), "two", [4]).local.rows == 4


def test_a_schema_that_extends_it_takes_the_rows_along() -> None:
    old = Schema([Feature("x", min=0, max=100, resolution=1), Feature("c", "category", levels=["u", "v"])])
    new = extended(old, Additions.from_dict({"levels": {"c": ["w"]}}))
    project = core.made("project-3", Head("wards", old.to_json(), 1, 1))
    table_ = {"x": [1, 2, 3], "c": ["u", "v", "u"]}
    counted = collect(old, table_)
    event = AddBatch(Batch("one", "test", 1, 3, 3, {}, counted.digest), counted, False)
    grown = core.agreed(core.heard(project, event, 1)[0], new, 2)
    assert grown.local == collect(new, table_) == grown.batches["one"].summary
    assert carrying.restore(grown.id, {k: v for k, v in carrying.changes(None, grown).items() if v}) == grown
    again = collect(new, table_)
    with pytest.raises(DuplicateError):
        core.heard(grown, AddBatch(Batch("two", "test", 1, 3, 3, {}, again.digest), again, False), 3)
    with pytest.raises(StateError, match="fixed"):
        core.agreed(grown, old, 3)


def test_a_schema_is_taken_once() -> None:
    bare = core.made("project-2", Head("bare", "", 1, 1))
    for what in ("schema", "local"):
        with pytest.raises(StateError, match="no schema yet"):
            getattr(bare, what)
    assert core.agreed(bare, OTHER, 2).schema == OTHER
    assert core.agreed(EMPTY, OTHER, 2).schema == OTHER
    counted = add(EMPTY, "one", [1])
    assert core.agreed(counted, SCHEMA, 2).local == counted.local
    with pytest.raises(StateError, match="fixed"):
        core.agreed(counted, OTHER, 2)
    stray = collect(OTHER, {"x": [1]})
    with pytest.raises(StateError, match="another schema"):
        core.heard(counted, AddBatch(Batch("b", "t", 1, 1, 1, {}, stray.digest), stray, True), 1)


def test_projects_merge_whole_or_not_at_all() -> None:
    one, two = add(EMPTY, "a", [1, 2]), add(add(EMPTY, "a", [7]), "b", [8, 9])
    merged = core.merged(one, two, 20, force=False)
    assert merged.local == one.local + two.local
    assert len(merged.batches) == 3
    with pytest.raises(DuplicateError):
        core.merged(merged, two, 21, force=False)
    assert core.merged(merged, two, 21, force=True).local.rows == 8
    with pytest.raises(MismatchError):
        core.merged(one, core.agreed(EMPTY, OTHER, 1), 20, force=False)


def test_it_goes_through_records_and_bytes_unchanged() -> None:
    project = add(add(EMPTY, "one", [1, 2, 3]), "two", [50])
    records = carrying.changes(None, project)
    assert carrying.restore(project.id, records) == project
    later, _ = core.heard(project, WithdrawBatch("one"), 30)
    assert set(carrying.changes(project, later)) == {"project", "batch/one"}
    assert carrying.changes(project, later)["batch/one"] is None
    kept = {k: v for k, v in (records | carrying.changes(project, later)).items() if v is not None}
    assert carrying.restore(project.id, kept) == later
    data = carrying.carried(project, (b"model",))
    taken, models = carrying.received("project-9", data, "new")
    assert (taken.head.name, taken.local, models) == ("new", project.local, (b"model",))
    assert carrying.received("project-9", data, "")[0].head.name == "ward"


def test_bytes_that_are_no_project_are_refused() -> None:
    data = carrying.carried(add(EMPTY, "one", [1, 2, 3]), ())
    with pytest.raises(MalformedError):
        carrying.received("project-9", data[:-1], "")
    told = canonical.decode(data, carrying.Carried)
    with pytest.raises(MismatchError):
        carrying.received("project-9", canonical.encode(msgspec.structs.replace(told, form=2)), "")
    alien = msgspec.structs.replace(told, head=msgspec.structs.replace(told.head, schema=OTHER.to_json()))
    with pytest.raises(MismatchError):
        carrying.received("project-9", canonical.encode(alien), "")
    with pytest.raises(StoreError):
        carrying.restore("project-9", {})
    with pytest.raises(StoreError):
        carrying.restore("project-9", {"project": b"\x00"})
    assert replace(EMPTY, id="x").id == "x"


def flow(since: int, until: int, name: str = "s1") -> Flow:
    return Flow(name, "VITALS then", since, until, until - since, 7, {})


def told(project: Project, values: list[int], since: int, until: int) -> Project:
    summary = collect(SCHEMA, table(values))
    kept = project.streams["s1"].batch
    batch = Batch(kept or f"b{since}", "nats://x/y", 9, summary.rows, len(values), {}, summary.digest)
    return core.heard(project, AddBatch(batch, summary, True, flow=flow(since, until)), 9)[0]


def test_messages_of_a_stream_are_counted_once_into_one_batch_and_survive_records() -> None:
    stream = Stream("s1", "nats://x/y", b"{}", 5, name="beds")
    project, begun = core.listened(EMPTY, AddStream(stream, False))
    assert begun == stream
    project = told(told(project, [1, 2], 0, 2), [3], 2, 3)
    assert project.local == collect(SCHEMA, table([1, 2, 3]))
    assert [(b.batch.rows, b.batch.number) for b in project.batches.values()] == [(3, 1)]
    project, _ = core.listened(project, Flowed(flow(3, 5)))
    with pytest.raises(DuplicateError, match="counted up to message 5"):
        told(project, [3], 2, 3)
    with pytest.raises(DuplicateError, match="listened to already"):
        core.listened(project, AddStream(stream, False))
    with pytest.raises(DuplicateError, match="a stream beds already"):
        core.listened(project, AddStream(Stream("s2", "nats://x/z", b"{}", 5, name="beds"), False))
    records = {name: value for name, value in carrying.changes(None, project).items() if value is not None}
    assert carrying.restore(project.id, records) == project
    stopped, _ = core.listened(project, StopStream("s1"))
    with pytest.raises(StateError, match="not listened to"):
        told(stopped, [4], 5, 6)
    again, resumed = core.listened(stopped, AddStream(Stream("s9", "nats://x/y", b"{}", 8), False))
    assert (resumed.id, resumed.sequence, resumed.name, resumed.running) == ("s1", 5, "beds", True)
    forgotten, _ = core.listened(again, ForgetStream("s1"))
    assert carrying.changes(again, forgotten)["stream/s1"] is None
    with pytest.raises(UnknownError):
        core.listened(forgotten, StopStream("s1"))
    with pytest.raises(StateError, match="nothing of SyncNow"):
        core.listened(project, SyncNow())


def test_a_schema_stays_while_a_stream_is_counted_under_it_and_a_frozen_project_counts_nothing() -> None:
    project, _ = core.listened(EMPTY, AddStream(Stream("s1", "nats://x/y", b"{}", 5), False))
    with pytest.raises(StateError, match="counted under its schema"):
        core.agreed(project, OTHER, 9)
    stopped, _ = core.listened(project, StopStream("s1"))
    assert core.agreed(stopped, OTHER, 9).streams == stopped.streams
    frozen = core.changed(project, 9, frozen=True)
    with pytest.raises(StateError, match="is frozen"):
        core.listened(frozen, Flowed(flow(0, 1)))
    with pytest.raises(StateError, match="is frozen"):
        told(frozen, [1], 0, 1)
