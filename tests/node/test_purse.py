"""The account of noise in a real store: saved with what leaves, there after a restart, untouched by what failed."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path

import pytest

from fedpeer.adapters.bus_memory import MemoryBus
from fedpeer.adapters.store_memory import MemoryStore
from fedpeer.adapters.store_sqlite import SqliteStore
from fedpeer.adapters.system import SystemClock, SystemEntropy
from fedpeer.core.envelope.access import Access
from fedpeer.core.errors import StoreError
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.state import Bus, Settings
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.privacy.plan import Noise
from fedpeer.core.privacy.purse import Declared
from fedpeer.node.engine import NODE, Engine, Manners, World
from fedpeer.ports import Store
from tests.support.engines import SELDOM, Lone
from tests.support.served import memory_broker
from tests.support.simulation import CONTRACT, SCHEMA

DECLARED = Declared("patients", Fraction(2), 6)
POLICY = Policy("relaxed", noise=Noise.of(Fraction(1, 2), exponent=6))


def rows(count: int) -> dict[str, list[float]]:
    return {"x": [k * 7 % 400 / 2 - 100 for k in range(count)], "y": [float(k * 13 % 1000) for k in range(count)]}


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    return MemoryStore() if request.param == "memory" else opened(tmp_path)


def opened(path: Path) -> SqliteStore:
    return SqliteStore(path / "node.db", wrapping_key=bytes(range(32)))


@contextlib.asynccontextmanager
async def running(store: Store) -> AsyncIterator[Lone]:
    broker = memory_broker()
    world = World(
        store=store,
        clock=SystemClock(),
        entropy=SystemEntropy(),
        open_bus=lambda line: MemoryBus(broker, federation=line.federation, name=f"{line.federation}/{line.name}"),
        broker=None,
    )
    engine = Engine(world, Manners(declared=DECLARED))
    await engine.start()
    lone = Lone("alfa", engine, store, broker)
    lone.fed = next(iter(engine.states), "")
    try:
        yield lone
    finally:
        await lone.stop()


async def founded(lone: Lone) -> None:
    bus = Bus(Access(servers=("nats://127.0.0.1:1",)))
    lone.fed = await lone.engine.begin(ev.Found("trial", "alfa", SCHEMA, CONTRACT, SELDOM, POLICY, Settings(), bus))


async def test_what_was_paid_and_told_is_there_after_a_restart(tmp_path):
    async with running(opened(tmp_path)) as alfa:
        await founded(alfa)
        await alfa.add(rows(200))
        assert (await alfa.engine.ask(alfa.fed, ev.SyncNow()))[0] == "sent"
        purse, told = alfa.engine.purse, alfa.peer.released.summary
        assert purse.account.spent > 0
        names = [name for name in await alfa.engine.records(NODE) if name.startswith("secret/")]
        assert len([name for name in names if name.startswith(("secret/account/", "secret/told/"))]) == 2
    async with running(opened(tmp_path)) as alfa:
        assert alfa.engine.purse == purse
        assert alfa.peer.released.summary == told
        assert alfa.peer.told == alfa.peer.local
        assert (await alfa.engine.ask(alfa.fed, ev.SyncNow()))[0] == "unchanged"
        assert alfa.engine.purse == purse


async def test_a_commit_that_fails_charges_nothing_and_tells_nothing(store):
    async with running(store) as alfa:
        await founded(alfa)
        await alfa.add(rows(200))
        with pytest.MonkeyPatch.context() as patch:

            def refuse(change):
                raise StoreError("the disk is full")

            patch.setattr(store, "commit", refuse)
            with pytest.raises(StoreError):
                await alfa.engine.ask(alfa.fed, ev.SyncNow())
        assert alfa.engine.purse.account.spent == 0
        assert alfa.peer.released is None
        assert (await alfa.engine.ask(alfa.fed, ev.SyncNow()))[0] == "sent"
        assert len(alfa.engine.purse.account.charges) == 1


async def test_the_account_and_what_leaves_are_one_change_of_the_store(store):
    async with running(store) as alfa:
        await founded(alfa)
        await alfa.add(rows(200))
        changes, commit = [], store.commit
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store, "commit", lambda change: changes.append(change) or commit(change))
            await alfa.engine.ask(alfa.fed, ev.SyncNow())
        (paid,) = [c for c in changes if (NODE, "secret/account/patients") in c.records]
        assert any(name.startswith("ledger/") for _, name in paid.records)
        assert any(outgoing.slot.startswith("Share") for outgoing in paid.outbox)
