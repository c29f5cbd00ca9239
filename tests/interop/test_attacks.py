"""Attacks through a real broker, with what a member's disk holds: what it may do, and what it may not do any more."""

from __future__ import annotations

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from fedpeer.adapters.bus_nats import NatsBus
from fedpeer.adapters.home import Home
from fedpeer.adapters.store_sqlite import SqliteStore
from fedpeer.client import ApiError
from fedpeer.core.envelope.messages import CatchUp, Farewell, Hello, Share, Standing, Status
from fedpeer.core.errors import BusError
from fedpeer.core.peer.records import restore
from fedpeer.core.peer.session import Session
from fedpeer.core.peer.state import Peer
from fedpeer.core.statistics.collect import collect
from fedpeer.node.link import Line
from fedpeer.ports import Delivery, Notice
from tests.support.attack import contribution, said
from tests.support.daemons import SELDOM, Daemon, daemons, eventually, federate
from tests.support.simulation import SCHEMA

CONTRACT = "COUNT(x) >= 5"


def rows(seed: int) -> dict[str, list[float]]:
    rng = random.Random(seed)
    return {"x": [rng.randrange(-200, 201) / 2 for _ in range(20)], "y": [rng.randrange(1001) for _ in range(20)]}


def stolen(daemon: Daemon, fed: str) -> Peer:
    """The membership in a stopped daemon's home, with every key of it."""
    home = Home.open(daemon.home)
    store = SqliteStore(home.database, wrapping_key=home.wrapping_key)
    try:
        state = restore(fed, store.load(fed), Session(b"m" * 16))
    finally:
        store.close()
        home.close()
    assert isinstance(state, Peer)
    return state


class Raw:
    """A connection to the broker with a member's own pass, and nothing of fedpeer's manners."""

    def __init__(self, peer: Peer) -> None:
        self.peer, self.heard, self.notices = peer, list[Delivery](), list[Notice]()
        line = Line.of(peer)
        assert line is not None
        self.line = line
        self.bus = NatsBus(line.access, federation=line.federation, peer=line.name)

    async def open(self) -> None:
        await self.bus.open(self.heard.append, self.notices.append)

    async def say(self, *messages: Any, to: Peer | None = None) -> None:
        world, me = SimpleNamespace(now=time.time()), SimpleNamespace(peer=self.peer)
        target = SimpleNamespace(peer=SimpleNamespace(me=self.peer.me, roster=self.peer.roster)) if to else None
        if target and to:
            target.peer.me = SimpleNamespace(peer=to)
        for message in messages:
            await self.bus.publish(said(world, me, message, to=target))


async def settled(ready: Any, timeout_s: float = 120.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not ready():  # noqa: ASYNC110 what is waited for is in other processes
            await asyncio.sleep(0.05)


def test_a_member_can_annoy_and_a_removed_one_reads_and_writes_nothing(tmp_path):
    with daemons(tmp_path, "alfa", "bravo", "mallory") as (alfa, bravo, mallory):
        fed = federate(alfa, bravo, mallory, schema=SCHEMA.to_dict(), contract=CONTRACT, profile="relaxed").id
        for i, daemon in enumerate((alfa, bravo, mallory)):
            daemon.add(fed, rows(i), "rows")
            daemon.client.sync(fed)
        assert alfa.client.sync(fed, wait_s=120).converged
        mallory.stop()
        peer = stolen(mallory, fed)
        asyncio.run(_annoy_and_be_removed(fed, alfa, bravo, peer))
        expected = collect(SCHEMA, rows(0)) + collect(SCHEMA, rows(1))
        assert alfa.client.sync(fed, wait_s=120).converged
        for daemon in (alfa, bravo):
            eventually(lambda daemon=daemon: daemon.client.federation(fed).total_digest == expected.digest)
            assert not daemon.dead
            assert "Traceback" not in daemon.said


async def _annoy_and_be_removed(fed: str, alfa: Daemon, bravo: Daemon, peer: Peer) -> None:
    raw, me = Raw(peer), peer.me.peer
    other = next(m.id for m in bravo.client.members(fed) if m.me)
    await raw.open()
    await raw.bus.follow(raw.line.subjects)
    before = bravo.client.federation(fed)
    errors = bravo.client.stats(fed).receive_errors

    # As a member it is let in by the broker, and held to its place by the others.
    junk = [(f"fp.{fed}.now.{me}", random.Random(i).randbytes(400)) for i in range(100)]
    await raw.bus.publish(junk)
    await raw.say(
        Status(Standing(2**62, b"h" * 32, 2**62, ()), b"", True, 2**62, ()),
        Share(contribution(SimpleNamespace(peer=peer), b"nonsense")),
        Share(contribution(SimpleNamespace(peer=peer), collect(SCHEMA, rows(7)), origin=other)),
    )
    await raw.say(CatchUp((b"", b"\xff"), -1, b"", (b"",)), Hello(Standing(0, b"", 0, ())), to=other)
    await settled(lambda: bravo.client.stats(fed).receive_errors >= errors + 100)

    # Whether it may be looked at is its own to say, so the admin writes that down; nothing else has moved.
    await settled(lambda: bravo.client.federation(fed).charter_version > before.charter_version)
    now = bravo.client.federation(fed)
    assert now.charter_version == before.charter_version + 1
    assert next(m for m in bravo.client.members(fed) if m.id == me).explorable
    names = ("state", "epoch", "total_digest", "members", "rows")
    assert [getattr(now, n) for n in names] == [getattr(before, n) for n in names]

    # Speaking in another's place is refused by the broker itself.
    raw.notices.clear()
    for subject in (f"fp.{fed}.now.{other}", f"fp.{fed}.to.{other}.{other}.0", f"fp.{fed}.welcome.x.0", "$JS.API.INFO"):
        await _refused(raw, subject)

    # Removed, it is cut off at once and hears nothing of what is said afterwards.
    alfa.client.remove(fed, "mallory")
    await settled(lambda: not raw.bus.connected)
    raw.heard.clear()
    again = Raw(peer)
    await again.open()
    alfa.client.sync(fed)
    with pytest.raises((BusError, TimeoutError)):
        async with asyncio.timeout(1.5):
            await again.bus.follow(again.line.subjects)
    for lost in (raw, again):
        assert not lost.bus.connected
        assert not lost.heard
        with pytest.raises((BusError, TimeoutError)):
            async with asyncio.timeout(1):
                await lost.say(Farewell(""), to=other)
        with pytest.raises((BusError, TimeoutError)):
            async with asyncio.timeout(1):
                await lost.bus.newest(f"fp.{fed}.all.{other}.0")
        await lost.bus.close()


async def _refused(raw: Raw, subject: str) -> None:
    before = len(raw.notices)
    try:
        await raw.bus.publish([(subject, b"x")])
    except BusError:
        return
    await settled(lambda: len(raw.notices) > before)
    assert raw.notices[-1].level in {"warning", "error"}


def test_of_five_daemons_that_redeem_one_invite_at_once_one_is_admitted_and_four_are_told(tmp_path):
    names = [f"joiner{i}" for i in range(5)]
    with daemons(tmp_path, "alfa", *names) as (alfa, *joiners):
        fed = alfa.client.create("trial", SCHEMA.to_dict(), CONTRACT, schedule=SELDOM, display="alfa").id
        invite = alfa.client.invite(fed)

        def join(daemon: Daemon) -> str:
            try:
                return daemon.client.join(invite.text, invite.passphrase, display=daemon.name, wait_s=120).state
            except ApiError as error:
                return f"{error.code}: {error}" if error.hint else "no hint"

        with ThreadPoolExecutor(len(joiners)) as pool:
            told = list(pool.map(join, joiners))
        assert sorted(told) == [
            *["FP108: trial did not admit this node: the invite was used already, by someone else"] * 4,
            "active",
        ]
        assert len(alfa.client.members(fed)) == 2
        (record,) = alfa.client.invites(fed)
        assert record.state == "contested"
        assert any("then by someone else" in e.text for e in alfa.client.error_log(fed).entries)
