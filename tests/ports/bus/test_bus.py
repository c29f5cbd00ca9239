"""What every Bus must keep, on the memory broker and on a real server. The suite is the port's contract."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fedpeer.adapters.bus_memory import MemoryBroker, MemoryBus
from fedpeer.adapters.bus_nats import NatsBus
from fedpeer.core.envelope import grants
from fedpeer.core.errors import BusError
from tests.support import nats
from tests.support.nats import Ear, until

FED = "f" * 26
A, B, C = ("a" * 26, "b" * 26, "c" * 26)
GROUP = f"fp.{FED}.all.>"


class MemoryWorld:
    """Buses on one memory broker."""

    def __init__(self) -> None:
        self.broker = MemoryBroker()
        self.buses: list[MemoryBus] = []

    async def start(self) -> None:
        """Nothing to start."""

    async def bus(self, peer: str, *, admin: bool = False) -> tuple[MemoryBus, Ear]:
        bus, ear = MemoryBus(self.broker, federation=FED, name=peer), Ear()
        self.buses.append(bus)
        await bus.open(ear.receive, ear.notice)
        return bus, ear

    async def outage(self) -> None:
        self.broker.down()

    async def recovery(self) -> None:
        self.broker.up()

    async def end(self) -> None:
        for bus in self.buses:
            await bus.close()


class NatsWorld:
    """Buses on one embedded server, each with its own pass."""

    def __init__(self, folder: Path) -> None:
        self.server = nats.embedded(folder)
        self.buses: list[NatsBus] = []

    async def start(self) -> None:
        await self.server.set_account(FED, {})
        await self.server.start()

    async def bus(self, peer: str, *, admin: bool = False) -> tuple[NatsBus, Ear]:
        rights = (grants.permissions_for_admin if admin else grants.permissions_for_member)(FED, peer)
        access, _ = nats.pass_for(self.server, FED, peer, rights)
        bus, ear = await nats.opened(access, FED, peer)
        self.buses.append(bus)
        return bus, ear

    async def outage(self) -> None:
        await self.server.stop()

    async def recovery(self) -> None:
        await self.server.start()

    async def end(self) -> None:
        for bus in self.buses:
            await bus.close()
        await self.server.stop()


@pytest.fixture(params=["memory", "nats"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MemoryWorld | NatsWorld]:
    made = MemoryWorld() if request.param == "memory" else NatsWorld(tmp_path / "bus")
    await made.start()
    yield made
    await made.end()


async def settled(bus: MemoryBus | NatsBus) -> None:
    """Pass a barrier, so that what was refused or delivered before is known."""
    await bus.follow([])
    await asyncio.sleep(0)


async def test_what_is_published_after_follow_returned_is_delivered(world):
    """The first message of another connection after `follow` is never lost, however often one tries."""
    speaker, _ = await world.bus(A)
    await speaker.follow([])
    for turn in range(20):
        peer = f"{turn:02d}".translate(str.maketrans("0123456789", "abcdefghij")) + "b" * 24
        listener, ear = await world.bus(peer)
        await listener.follow([GROUP])
        await speaker.publish([(f"fp.{FED}.all.{A}.0", b"%d" % turn)])
        await until(lambda ear=ear: ear.deliveries)
        assert ear.heard == [(f"fp.{FED}.all.{A}.0", b"%d" % turn)]
        await listener.close()


async def test_bodies_and_order_of_one_publisher_are_kept(world):
    speaker, own = await world.bus(A)
    listener, ear = await world.bus(B)
    await speaker.follow([GROUP])
    await listener.follow([GROUP])
    bodies = [b"", bytes(range(256)), b"\r\nPUB x 0\r\n", b"x" * (1 << 20), *(b"%d" % i for i in range(500))]
    await speaker.publish([(f"fp.{FED}.all.{A}.{i}", body) for i, body in enumerate(bodies)])
    await until(lambda: len(ear.deliveries) == len(bodies) == len(own.deliveries))
    assert ear.bodies == bodies
    assert own.bodies == bodies, "a bus hears itself too"


async def test_only_followed_subjects_are_delivered(world):
    speaker, _ = await world.bus(A)
    listener, ear = await world.bus(B)
    await listener.follow([f"fp.{FED}.to.{B}.>"])
    await listener.follow([f"fp.{FED}.now.>", f"fp.{FED}.to.{B}.>"])
    await speaker.follow([])
    await speaker.publish(
        [
            (f"fp.{FED}.to.{C}.{A}.0", b"for c"),
            (f"fp.{FED}.all.{A}.0", b"for all"),
            (f"fp.{FED}.to.{B}.{A}.0", b"for b"),
            (f"fp.{FED}.now.{A}", b"now"),
        ]
    )
    await until(lambda: len(ear.deliveries) == 2)
    await settled(listener)
    assert sorted(ear.bodies) == [b"for b", b"now"]


async def test_newest_is_the_last_kept_on_exactly_that_subject(world):
    admin, _ = await world.bus(A, admin=True)
    await admin.follow([])
    await admin.ensure_stream()
    await admin.ensure_stream()
    reader, _ = await world.bus(B)
    await reader.follow([GROUP, f"fp.{FED}.now.>"])
    subject = f"fp.{FED}.all.{A}.0"
    assert await reader.newest(subject) is None
    body = b"z" * (1 << 20)
    await admin.publish(
        [(subject, b"old"), (f"fp.{FED}.all.{A}.1", b""), (f"fp.{FED}.now.{A}", b"now"), (subject, body)]
    )

    async def stored() -> bool:
        return await reader.newest(subject) == body

    await until(stored)
    assert await reader.newest(f"fp.{FED}.all.{A}.1") == b""
    assert await reader.newest(f"fp.{FED}.all.{A}.2") is None


async def test_an_outage_is_noticed_survived_and_follows_go_on(world):
    speaker, told = await world.bus(A)
    listener, ear = await world.bus(B)
    await speaker.follow([])
    await listener.follow([GROUP])
    await world.outage()
    await until(lambda: not speaker.connected and not listener.connected)
    with pytest.raises(BusError, match="not connected"):
        await speaker.publish([(f"fp.{FED}.all.{A}.0", b"lost")])
    with pytest.raises(BusError, match="not connected"):
        await speaker.newest(f"fp.{FED}.all.{A}.0")
    pending = asyncio.create_task(listener.follow([f"fp.{FED}.now.>"]))
    await asyncio.sleep(0)
    assert not pending.done(), "follow waits for a connection"
    await world.recovery()
    await pending
    await until(lambda: speaker.connected)
    await speaker.publish([(f"fp.{FED}.all.{A}.0", b"again"), (f"fp.{FED}.now.{A}", b"new")])
    await until(lambda: len(ear.deliveries) == 2)
    assert sorted(ear.bodies) == [b"again", b"new"], "what was published while away did not leave later"
    assert [n.connected for n in told.notices if n.level == "info"] == [True, True]
    assert any(not n.connected and n.level == "warning" for n in told.notices)


async def test_too_large_a_body_is_refused_before_anything_leaves(world):
    speaker, own = await world.bus(A)
    await speaker.follow([GROUP])
    with pytest.raises(BusError, match="over the bus's limit"):
        await speaker.publish([(f"fp.{FED}.all.{A}.0", b"small"), (f"fp.{FED}.all.{A}.1", b"x" * ((1 << 20) + 1))])
    await settled(speaker)
    assert own.deliveries == []
    assert speaker.connected


@pytest.mark.parametrize(
    "subject", ["", ".", "a.", ".a", "a..b", "a b", "a\r\nPUB x 0", "a.*", "a.>", "a*", "é", "a\tb"]
)
async def test_a_subject_that_is_none_is_refused_and_does_no_harm(world, subject):
    speaker, own = await world.bus(A)
    await speaker.follow([GROUP])
    with pytest.raises(BusError, match="not one subject"):
        await speaker.publish([(f"fp.{FED}.all.{A}.0", b"before"), (subject, b"bad")])
    with pytest.raises(BusError, match="not one subject"):
        await speaker.newest(subject)
    if subject not in {"a.*", "a.>"}:
        with pytest.raises(BusError, match="not a pattern"):
            await speaker.follow([subject])
    await speaker.publish([(f"fp.{FED}.all.{A}.0", b"after")])
    await until(lambda: own.deliveries)
    assert own.bodies == [b"after"]
    assert [n.level for n in own.notices] == ["info"]


async def test_close_is_final_and_idempotent(world):
    bus, ear = await world.bus(A)
    await bus.follow([GROUP])
    await bus.close()
    await bus.close()
    assert not bus.connected
    with pytest.raises(BusError):
        await bus.publish([(f"fp.{FED}.all.{A}.0", b"x")])
    with pytest.raises(BusError):
        await bus.follow([GROUP])
    assert ear.deliveries == []


async def test_closing_frees_those_who_wait(world):
    await world.outage()
    bus, _ = await world.bus(A)
    waiting = asyncio.create_task(bus.follow([GROUP]))
    await asyncio.sleep(0)
    await bus.close()
    with pytest.raises(BusError, match="closed"):
        await waiting
