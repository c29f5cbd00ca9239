"""The engine: committed or nothing happened, whatever the disk, the bus or a bug does."""

from __future__ import annotations

import asyncio
import random

import msgspec
import pytest

from fedpeer.adapters.store_memory import MemoryStore
from fedpeer.adapters.store_sqlite import SqliteStore
from fedpeer.core.errors import PledgeError, StateError, StoreError, UnknownError
from fedpeer.core.peer import effects as fx
from fedpeer.core.peer import events as ev
from fedpeer.core.peer import step as steps
from fedpeer.core.peer.records import changes
from fedpeer.node import batch
from fedpeer.node import engine as engines
from fedpeer.ports import Commit, Entry, Outgoing
from tests.support.engines import SELDOM, joined, running
from tests.support.served import memory_broker


def rows(seed: int) -> dict[str, list[float]]:
    rng = random.Random(seed)
    return {"x": [rng.randrange(-200, 201) / 2 for _ in range(20)], "y": [rng.randrange(1001) for _ in range(20)]}


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    made = (
        MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "node.db", wrapping_key=bytes(range(32)))
    )
    yield made
    made.close()


def refusing(store, monkeypatch, text: str = "the disk is full"):
    def refuse(change):
        raise StoreError(text)

    patch = pytest.MonkeyPatch()
    patch.setattr(store, "commit", refuse)
    return patch


async def test_two_engines_federate(store, monkeypatch):
    broker = memory_broker()
    async with running("alfa", broker, store) as alfa, running("bravo", broker) as bravo:
        await alfa.found()
        await joined(alfa, bravo, monkeypatch)
        for i, lone in enumerate((alfa, bravo)):
            await lone.add(rows(i))
            await lone.engine.ask(lone.fed, ev.SyncNow())
        for lone in (alfa, bravo):
            await lone.until(lambda lone=lone: lone.peer.ledger.total.rows == 40 and not lone.peer.disagreeing)
        assert alfa.peer.ledger.total == bravo.peer.ledger.total
        await alfa.until(lambda: not store.pending() or bool(alfa.engine._left))


async def test_a_commit_that_fails_changes_nothing_and_is_said(store, monkeypatch):
    async with running("alfa", store=store) as alfa:
        await alfa.found()
        await alfa.add(rows(0))
        await alfa.settled()
        before, kept = alfa.peer, store.load(alfa.fed)
        entries = alfa.texts
        full = refusing(store, monkeypatch)
        for event in (ev.SyncNow(), ev.SetSchedule("m5"), ev.SetPulsing(pulsing=False), ev.WithdrawBatch("b1")):
            with pytest.raises(StoreError, match="the disk is full"):
                await alfa.engine.ask(alfa.fed, event)
        with pytest.raises(StoreError):
            await alfa.found()
        assert changes(before, alfa.peer) == {}
        assert (store.load(alfa.fed), alfa.texts, list(alfa.engine.states)) == (kept, entries, [alfa.fed])
        # What happens without a need to be stored does not make the disk any better.
        alfa.engine.post(alfa.fed, ev.PulseDue())
        alfa.engine.post(alfa.fed, ev.Tick())
        with pytest.raises(StoreError):  # asked after them, so that both have been tried before the disk has room
            await alfa.engine.ask(alfa.fed, ev.SyncNow())
        assert alfa.engine.fault == "the disk is full"
        full.undo()
        outcome, _ = await alfa.engine.ask(alfa.fed, ev.SyncNow())
        assert outcome == "sent"
        assert alfa.engine.fault == ""
        assert changes(None, alfa.peer).keys() <= store.load(alfa.fed).keys()


async def test_an_operators_mistake_is_no_fault_of_the_store(monkeypatch):
    async with running("alfa") as alfa:
        await alfa.found()
        with pytest.raises(UnknownError):
            await alfa.engine.ask("a" * 26, ev.SyncNow())
        with pytest.raises(UnknownError):
            await alfa.engine.ask(alfa.fed, ev.WithdrawBatch("nothing"))
        with pytest.raises(StateError):
            await alfa.engine.ask(alfa.fed, ev.Leave())
        assert alfa.engine.fault == ""


async def test_a_bug_in_one_handler_harms_nobody_else(monkeypatch, caplog):
    def bug(turn, event):
        turn.change(phase="left")
        raise RuntimeError("a bug")

    monkeypatch.setitem(steps._HANDLERS, ev.SetPulsing, bug)
    monkeypatch.setitem(steps._HANDLERS, ev.Received, bug)
    async with running("alfa") as alfa:
        await alfa.found()
        alfa.engine.post(alfa.fed, ev.Received("fp.x.now.y", b"anything"))
        told = await asyncio.gather(
            alfa.engine.ask(alfa.fed, ev.SetPulsing(pulsing=False)),
            alfa.engine.ask(alfa.fed, ev.SetExplorable(explorable=True)),
            alfa.add(rows(1)),
            return_exceptions=True,
        )
        assert isinstance(told[0], RuntimeError)
        assert told[1:] == [None, None]
        assert alfa.peer.phase == "active"
        assert alfa.peer.settings.explorable
        assert alfa.peer.local.rows == 20
        assert "a bug while dealing with SetPulsing" in caplog.text
        assert "a bug while dealing with Received" in caplog.text


@pytest.fixture
def pledging(monkeypatch):
    """`SetPulsing` becomes an event that gives a new word each time, changes the state and sends."""
    words = iter(range(1000))

    def give(turn, event):
        word = b"%d" % next(words)
        turn.change(settings=msgspec.structs.replace(turn.state.settings, explorable=True))
        turn.effects += [fx.Pledge("vote", word), fx.Send("", f"fp.{turn.state.federation}.all.x", b"said " + word)]

    monkeypatch.setitem(steps._HANDLERS, ev.SetPulsing, give)


async def test_a_word_given_otherwise_before_undoes_its_federation_and_no_other(store, pledging, caplog):
    async with running("alfa", store=store) as alfa:
        first, second = await alfa.found(), await alfa.found()
        await alfa.engine.ask(first, ev.SetPulsing(pulsing=True))
        before, sent = changes(None, alfa.engine.states[first]), store.pending()
        told = await asyncio.gather(
            alfa.engine.ask(first, ev.SetSchedule("m5")),
            alfa.engine.ask(first, ev.SetPulsing(pulsing=True)),
            alfa.engine.ask(second, ev.SetPulsing(pulsing=True)),
            return_exceptions=True,
        )
        assert [type(each) for each in told] == [PledgeError, PledgeError, type(None)]
        assert changes(None, alfa.engine.states[first]) == before
        assert not any(o.body == b"said 1" for _, o in store.pending()), sent
        assert alfa.engine.fault == "", "the disk is not full"
        assert any("has given another word already as vote" in text for text in alfa.texts)
        assert "given another word already" in caplog.text
        await alfa.engine.ask(first, ev.SetSchedule("m5"))
        assert alfa.engine.peer(first).roster.schedule.text == "m5"


async def test_two_words_in_one_batch_are_two_words(pledging):
    async with running("alfa") as alfa:
        fed = await alfa.found()
        told = await asyncio.gather(
            *(alfa.engine.ask(fed, ev.SetPulsing(pulsing=True)) for _ in range(2)), return_exceptions=True
        )
        assert [type(each) for each in told] == [PledgeError, PledgeError]
        assert not any(o.body.startswith(b"said") for _, o in alfa.store.pending())
        assert not alfa.engine.peer(fed).settings.explorable


@pytest.mark.parametrize("where", ["changes", "commit", "stored", "release"])
async def test_a_bug_around_the_commit_does_not_stop_the_loop(monkeypatch, where, caplog):
    async with running("alfa") as alfa:
        await alfa.found()
        with monkeypatch.context() as patch:
            bug = {"changes": TypeError("a bug"), "commit": OverflowError("a bug"), "stored": StoreError("unreadable")}

            def broken(*_, **__):
                raise bug.get(where, RuntimeError("a bug"))

            match where:
                case "changes":
                    patch.setattr(batch, "changes", broken)
                case "commit":
                    patch.setattr(alfa.store, "commit", broken)
                case "stored":
                    patch.setattr(alfa.store, "entries", broken)
                case "release":
                    patch.setattr(alfa.engine, "_carry_out", broken)
            asked = alfa.engine.ask(alfa.fed, ev.SetSchedule("m5"))
            if where in {"changes", "commit"}:
                with pytest.raises(StoreError, match="internal error"):
                    await asyncio.wait_for(asked, 60)
                assert alfa.peer.roster.schedule.text == SELDOM
            else:
                await asyncio.wait_for(asked, 60)
                assert alfa.peer.roster.schedule.text == "m5"
        await asyncio.wait_for(alfa.engine.ask(alfa.fed, ev.SetSchedule("m7")), 60)
        assert alfa.peer.roster.schedule.text == "m7"
        # What memory says is what a restart would find.
        async with running("alfa", memory_broker(), alfa.store.copy()) as again:
            assert again.peer.roster.schedule.text == "m7"


async def test_what_was_committed_and_had_not_left_leaves_after_a_restart(store, monkeypatch):
    broker = memory_broker()
    async with running("bravo", broker) as bravo:
        async with running("alfa", broker, MemoryStore()) as alfa:
            await alfa.found()
            await joined(alfa, bravo, monkeypatch)
            await alfa.until(lambda: bravo.peer.charter.version == alfa.peer.charter.version)
            broker.cut(f"{alfa.fed}/{alfa.peer.me.peer}")
            await alfa.add(rows(0))
            await alfa.engine.ask(alfa.fed, ev.SyncNow())
            kept = alfa.store.copy()
            slots = [o.slot for _, o in kept.pending()]
            assert "Share/0" in slots
        assert bravo.peer.ledger.total.rows == 0
        broker.mend()
        async with running("alfa", broker, kept) as alfa:
            await bravo.until(lambda: bravo.peer.ledger.total.rows == 20)
            await alfa.until(lambda: not alfa.engine.links[alfa.fed]._waiting)


async def test_only_the_newest_of_a_slot_waits(monkeypatch):
    broker = memory_broker()
    broker.down()
    async with running("alfa", broker) as alfa:
        await alfa.found()
        for i in range(5):
            await alfa.add(rows(i))
            await alfa.engine.ask(alfa.fed, ev.SyncNow())
        pending = [o for _, o in alfa.store.pending()]
        assert len({(o.scope, o.slot) for o in pending}) == len(pending)
        share = next(o for o in pending if o.slot == "Share/0")
        broker.up()
        await alfa.until(lambda: not alfa.engine.links[alfa.fed]._waiting)
        assert broker.newest(share.subject) == share.body


async def test_what_comes_faster_than_it_can_be_dealt_with_is_dropped_and_operators_are_not(monkeypatch):
    monkeypatch.setattr(engines, "MOST_WAITING", 50)
    monkeypatch.setattr(engines, "MOST_WAITING_BYTES", 10_000)
    async with running("alfa") as alfa:
        await alfa.found()
        for _ in range(500):
            alfa.engine.post(alfa.fed, ev.Received("fp.x.now.y", b"12345"))
        assert len(alfa.engine._queue) <= 50
        schedule = asyncio.ensure_future(alfa.engine.ask(alfa.fed, ev.SetSchedule("m2")))
        await schedule
        assert alfa.peer.roster.schedule.text == "m2"
        assert 1 <= alfa.peer.counters.receive_errors <= 50
        for _ in range(20):
            alfa.engine.post(alfa.fed, ev.Received("fp.x.now.y", bytes(1_000)))
        assert 9_000 < alfa.engine._waiting_bytes <= 10_000  # what it said itself may have come back, and wait too
        assert len(alfa.engine._queue) <= 12
        await alfa.engine.ask(alfa.fed, ev.SetSchedule("m3"))
        await alfa.until(lambda: alfa.engine._waiting_bytes == 0)  # of what it said itself too


async def test_stopping_commits_what_was_accepted(store):
    async with running("alfa", store=store) as alfa:
        await alfa.found()
        fed, asked = alfa.fed, [asyncio.ensure_future(alfa.add(rows(i))) for i in range(30)]
        await asyncio.sleep(0)
        kept: list[int] = []
        real = store.close

        def close():
            kept.append(sum(name.startswith("batch/") for name in store.load(fed)))
            real()

        store.close = close
        await alfa.stop()
        del store.close
        assert kept == [30]
        done = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 60)
        assert done == [None] * 30


async def test_a_restart_restores_states_timeline_and_counters(store, monkeypatch, tmp_path):
    kept = MemoryStore()
    async with running("alfa", store=kept) as alfa:
        await alfa.found()
        await alfa.add(rows(0))
        await alfa.engine.ask(alfa.fed, ev.SyncNow())
        await alfa.settled()
        before, texts, copy = alfa.peer, alfa.texts, kept.copy()
    async with running("alfa", store=copy) as again:
        assert again.peer.ledger.total == before.ledger.total
        assert again.peer.counters == before.counters
        assert again.texts[-len(texts) :] == texts
        assert again.peer.session.boot != before.session.boot
        assert again.engine.pulses.next_at(again.fed) > 0


async def test_damaged_records_stop_the_start_with_a_clear_error():
    kept = MemoryStore()
    async with running("alfa", store=kept) as alfa:
        fed, copy = await alfa.found(), kept.copy()
    copy.commit(Commit({(fed, "charter/00000000"): b"\x00"}))
    with pytest.raises(StoreError, match=fed):
        async with running("alfa", store=copy):
            pass


async def test_clearing_forgets_the_errors_of_one_federation_for_good():
    kept = MemoryStore()
    async with running("alfa", store=kept) as alfa:
        fed = await alfa.found()
        alfa.engine.note(Entry(1.0, fed, "bus", "error", "lost"))
        alfa.engine.note(Entry(1.0, fed, "bus", "info", "found"))
        alfa.engine.note(Entry(1.0, "", "bus", "error", "the node's own"))
        await alfa.engine.records(fed)
        await asyncio.sleep(0)
        assert await alfa.engine.clear(fed, ("bus", "receive"), ("warning", "error")) == 1
        left, copy = alfa.texts, kept.copy()
        assert "lost" not in left
        assert {"found", "the node's own"} <= set(left)
    async with running("alfa", store=copy) as again:
        assert "lost" not in again.texts
        assert "found" in again.texts


async def test_models_and_other_records_are_stored_beside_the_state():
    async with running("alfa") as alfa:
        await alfa.found()
        await alfa.engine.store(Commit({(alfa.fed, "model/1"): b"{}"}))
        await alfa.engine.ask(alfa.fed, ev.SetSchedule("m9"))
        assert (await alfa.engine.records(alfa.fed))["model/1"] == b"{}"
        async with running("alfa", memory_broker(), alfa.store.copy()) as again:
            assert again.peer.roster.schedule.text == "m9"


def test_the_store_and_the_link_agree_on_what_a_slot_is(store):
    numbers = store.commit(
        Commit(
            outbox=[
                Outgoing("f", "a", "s", b"1"),
                Outgoing("f", "a", "s", b"2"),
                Outgoing("g", "a", "s", b"3"),
                Outgoing("f", "", "s", b"4"),
                Outgoing("f", "", "s", b"5"),
            ]
        )
    )
    assert len(numbers) == 5
    assert [o.body for _, o in store.pending()] == [b"2", b"3", b"4", b"5"]
