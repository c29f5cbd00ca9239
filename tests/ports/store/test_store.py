"""What every Store must do, on the one in memory and the one on disk."""

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.adapters.store_memory import MemoryStore
from fedpeer.adapters.store_sqlite import SqliteStore
from fedpeer.core.errors import PledgeError, StoreError
from fedpeer.ports import KEPT_PLEDGES, PLEDGE_BYTES, Commit, Entry, Outgoing, Store

KEY = bytes(range(32))
Make = Callable[..., Store]


@pytest.fixture(params=["memory", "sqlite"])
def make(request, tmp_path):
    """Return a maker of empty stores, which are closed at the end."""
    made = []

    def maker(**options):
        if request.param == "memory":
            store = MemoryStore(**options)
        else:
            store = SqliteStore(tmp_path / f"{len(made)}.db", wrapping_key=KEY, **options)
        made.append(store)
        return store

    yield maker
    for store in made:
        store.close()


@pytest.fixture
def store(make):
    return make()


def out(slot="", scope="f", body=b"b"):
    return Outgoing(scope, slot, "fp.f.all.x", body)


def said(kind="round", scope="f", level="info", **more):
    return Entry(1.5, scope, kind, level, "something happened", **more)


def test_a_new_store_is_empty(store):
    assert (store.scopes(), store.load("f"), store.pending(), store.entries()) == ([], {}, [], [])


def test_an_empty_change_changes_nothing(store):
    assert store.commit(Commit()) == []
    assert store.scopes() == []


def test_records_are_kept_replaced_and_deleted_by_scope(store):
    store.commit(Commit(records={("b", "x"): b"1", ("a", "x"): b"\0\xff", ("a", "secret/y"): b""}))
    assert store.scopes() == ["a", "b"]
    assert store.load("a") == {"x": b"\0\xff", "secret/y": b""}
    store.commit(Commit(records={("a", "x"): b"2", ("b", "x"): None, ("c", "never there"): None}))
    assert (store.load("a")["x"], store.load("b"), store.scopes()) == (b"2", {}, ["a"])


def test_what_load_returned_is_not_the_store(store):
    store.commit(Commit(records={("f", "x"): b"1"}))
    store.load("f")["x"] = b"2"
    assert store.load("f") == {"x": b"1"}


def test_the_outbox_keeps_its_order_and_gives_ids(store):
    ids = store.commit(Commit(outbox=[out(body=b"1"), out(body=b"2"), out("s", body=b"3")]))
    assert ids == sorted(set(ids))
    assert [(number, sent.body) for number, sent in store.pending()] == list(zip(ids, [b"1", b"2", b"3"], strict=True))


def test_a_newer_message_takes_the_slot_of_an_unsent_one(store):
    (old,) = store.commit(Commit(outbox=[out("s", body=b"old")]))
    store.commit(Commit(outbox=[out("s", scope="other"), out("t")]))
    (new,) = store.commit(Commit(outbox=[out("s", body=b"new")]))
    assert new > old
    assert [sent.body for _, sent in store.pending()] == [b"b", b"b", b"new"]
    store.commit(Commit(sent=[old]))
    assert len(store.pending()) == 3, "that the old one left says nothing about the new one"


def test_the_last_of_one_slot_within_a_change_remains(store):
    first, second = store.commit(Commit(outbox=[out("s", body=b"1"), out("s", body=b"2")]))
    assert first < second
    assert store.pending() == [(second, out("s", body=b"2"))]


def test_without_a_slot_nothing_is_replaced(store):
    store.commit(Commit(outbox=[out(), out()]))
    store.commit(Commit(outbox=[out()]))
    assert len(store.pending()) == 3


def test_an_id_is_never_given_twice(store):
    (first,) = store.commit(Commit(outbox=[out()]))
    store.commit(Commit(sent=[first]))
    (second,) = store.commit(Commit(outbox=[out()], sent=[first, 999]))
    assert second > first
    assert [number for number, _ in store.pending()] == [second]


def test_entries_come_back_as_they_were_said(store):
    entry = said(peer="p", pulse=7, data={"rule": "COUNT(age) >= 500", "measured": [8, None, {"é": 0.1}]})
    store.commit(Commit(entries=[entry]))
    (back,) = store.entries()
    assert back == dataclasses.replace(entry, id=back.id)
    assert back.id > 0


def test_the_timeline_pages_in_both_directions(store):
    store.commit(Commit(entries=[said(pulse=n) for n in range(10)]))
    newest = store.entries(limit=3)
    assert [e.pulse for e in newest] == [9, 8, 7]
    assert [e.pulse for e in store.entries(limit=3, before=newest[-1].id)] == [6, 5, 4]
    oldest = store.entries(limit=2, newest_first=False)
    assert [e.pulse for e in oldest] == [0, 1]
    assert [e.pulse for e in store.entries(after=oldest[-1].id, newest_first=False)] == list(range(2, 10))
    assert [e.pulse for e in store.entries(after=oldest[-1].id, before=newest[-1].id, limit=2)] == [6, 5]
    assert store.entries(limit=0) == []


def test_the_timeline_is_chosen_by_scope_kind_and_level(store):
    store.commit(Commit(entries=[said("a"), said("b", level="error"), said("a", scope="g", level="warning")]))

    def kinds(scope=None, **more):
        return [(e.scope, e.kind) for e in store.entries(scope, **more)]

    assert kinds() == [("g", "a"), ("f", "b"), ("f", "a")]
    assert kinds("f") == [("f", "b"), ("f", "a")]
    assert kinds(kinds=["a"]) == [("g", "a"), ("f", "a")]
    assert kinds("f", kinds=["a", "b"], levels=["error"]) == [("f", "b")]
    assert kinds(levels=["warning", "error"]) == [("g", "a"), ("f", "b")]
    assert kinds("nowhere") == []


def test_the_timeline_is_bounded_for_each_scope_and_kind(make: Make):
    store = make(keep_entries=3)
    for n in range(5):
        store.commit(Commit(entries=[said("a", pulse=n), said("b", pulse=n)] if n < 2 else [said("a", pulse=n)]))
    store.commit(Commit(entries=[said("a", scope="g")]))
    assert [e.pulse for e in store.entries("f", kinds=["a"])] == [4, 3, 2]
    assert [e.pulse for e in store.entries("f", kinds=["b"])] == [1, 0]
    store.commit(Commit(entries=[said("a", pulse=n) for n in range(10, 20)]))
    assert [e.pulse for e in store.entries("f", kinds=["a"])] == [19, 18, 17]
    assert len(store.entries("g")) == 1


def test_cleared_entries_are_gone_and_counted(make: Make):
    store = make(keep_entries=3)
    store.commit(Commit(entries=[said("a"), said("a"), said("b"), said("c"), said("a", scope="g")]))
    last = store.entries(limit=1)[0].id
    assert store.clear_entries("f", ["a", "b", "never"]) == 3
    assert store.clear_entries("f", []) == 0
    assert [(e.scope, e.kind) for e in store.entries()] == [("g", "a"), ("f", "c")]
    store.commit(Commit(entries=[said("a", pulse=n) for n in range(3)]))
    assert [e.pulse for e in store.entries("f", kinds=["a"])] == [2, 1, 0], "the bound counts from nothing again"
    assert store.entries(limit=1)[0].id > last


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, b"bytes", object()])
def test_what_json_cannot_hold_is_refused_and_nothing_changes(store, value):
    with pytest.raises(StoreError, match="kind odd"):
        store.commit(
            Commit(records={("f", "x"): b"1"}, outbox=[out()], entries=[said(), said("odd", data={"v": value})])
        )
    assert (store.scopes(), store.pending(), store.entries()) == ([], [], [])


def test_a_closed_store_says_so(store):
    store.close()
    store.close()
    for ask in (store.scopes, store.pending, store.entries, lambda: store.load("f"), lambda: store.commit(Commit())):
        with pytest.raises(StoreError, match="closed"):
            ask()


def test_a_word_is_given_once(store):
    store.commit(Commit(pledges={("f", "vote 7"): b"a", ("f", "vote 8"): b""}))
    store.commit(Commit(pledges={("f", "vote 7"): b"a", ("g", "vote 7"): b"b"}, records={("f", "x"): b"1"}))
    for place in (("f", "vote 7"), ("g", "vote 7"), ("f", "vote 8")):
        with pytest.raises(PledgeError, match=f"{place[1]} of {place[0]}") as caught:
            store.commit(Commit(pledges={place: b"c"}))
        assert caught.value.scope == place[0]


def test_nothing_happens_with_a_word_that_would_be_another(store):
    store.commit(Commit(pledges={("f", "vote"): b"a"}, records={("f", "x"): b"1"}, outbox=[out()]))
    before = (store.load("f"), store.pending(), store.entries())
    with pytest.raises(PledgeError):
        store.commit(
            Commit(
                {("f", "x"): b"2", ("g", "x"): b"1"},
                [out("s")],
                [store.pending()[0][0]],
                [said()],
                {("g", "new"): b"1", ("f", "vote"): b"b"},
            )
        )
    assert (store.load("f"), store.pending(), store.entries(), store.scopes()) == (*before, ["f"])
    store.commit(Commit(pledges={("g", "new"): b"2"}))


def test_a_word_is_short(store):
    store.commit(Commit(pledges={("f", "a"): bytes(PLEDGE_BYTES)}))
    with pytest.raises(StoreError) as caught:
        store.commit(Commit(pledges={("f", "b"): bytes(PLEDGE_BYTES + 1)}))
    assert not isinstance(caught.value, PledgeError), "nobody has given another word"
    store.commit(Commit(pledges={("f", "b"): b"1"}))


@pytest.mark.long
def test_only_the_oldest_words_are_forgotten_and_only_beyond_the_bound(store):
    store.commit(Commit(pledges={("f", str(n)): b"a" for n in range(KEPT_PLEDGES)} | {("g", "0"): b"a"}))
    with pytest.raises(PledgeError):
        store.commit(Commit(pledges={("f", "0"): b"b"}))
    store.commit(Commit(pledges={("f", "one more"): b"a", ("f", "and one"): b"a"}))
    store.commit(Commit(pledges={("f", "0"): b"b"}))  # forgotten, and so is the third oldest for its sake
    for place in (("f", "3"), ("f", "one more"), ("f", "0"), ("g", "0")):
        with pytest.raises(PledgeError):
            store.commit(Commit(pledges={place: b"c"}))


names = st.sampled_from(["x", "y", "secret/z"])
scopes = st.sampled_from(["f", "g", ""])
changes = st.builds(
    Commit,
    records=st.dictionaries(st.tuples(scopes, names), st.none() | st.binary(max_size=8), max_size=3),
    outbox=st.lists(st.builds(out, st.sampled_from(["", "s", "t"]), scopes, st.binary(max_size=4)), max_size=4),
    sent=st.lists(st.integers(1, 12), max_size=3),
    entries=st.lists(st.builds(said, st.sampled_from(["a", "b"]), scopes, pulse=st.integers(0, 2**40)), max_size=4),
    pledges=st.dictionaries(st.tuples(scopes, names), st.binary(max_size=1), max_size=1),
)


def tried(store, change):
    """What a commit returns, or which pledge it breaks."""
    try:
        return store.commit(change)
    except PledgeError as error:
        return error.scope, str(error)


@settings(max_examples=40, deadline=None)
@given(st.lists(changes, max_size=6))
def test_the_store_on_disk_does_what_the_one_in_memory_does(history):
    with tempfile.TemporaryDirectory() as folder:
        memory = MemoryStore(keep_entries=3)
        disk = SqliteStore(Path(folder) / "node.db", wrapping_key=KEY, keep_entries=3)
        for change in history:
            assert tried(disk, change) == tried(memory, change)
        disk.close()
        disk = SqliteStore(Path(folder) / "node.db", wrapping_key=KEY, keep_entries=3)
        assert disk.scopes() == memory.scopes()
        assert {s: disk.load(s) for s in disk.scopes()} == {s: memory.load(s) for s in memory.scopes()}
        assert disk.pending() == memory.pending()
        assert disk.entries() == memory.entries()
        disk.close()
