"""A link: publishes in order, holds only the newest of a slot, is never deaf for long."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from fedpeer.core.envelope.access import Access
from fedpeer.core.errors import BusError
from fedpeer.node import link as module
from fedpeer.node.link import Hooks, Line, Link
from fedpeer.ports import Delivery, Notice, Outgoing

LINE = Line(Access(("nats://127.0.0.1:1",)), "f" * 26, "p" * 26, ("fp.x.>",), keeper=True)


@dataclass
class Wire:
    """A bus that does as it is told, and what was done with it."""

    line: Line
    refusals: int = 0
    unkept: int = 0
    failures: int = 0
    connected: bool = True
    published: list[tuple[str, bytes]] = field(default_factory=list)
    followed: list[str] = field(default_factory=list)
    streams: int = 0
    closed: bool = False
    kept: dict[str, bytes] = field(default_factory=dict)
    notice: object = None

    async def open(self, receive, notice) -> None:
        self.notice = notice
        asyncio.get_running_loop().call_soon(notice, Notice("info", "connected", connected=True))

    async def follow(self, subjects) -> None:
        if self.refusals:
            self.refusals -= 1
            raise BusError("not allowed to hear")
        self.followed += subjects

    async def publish(self, messages) -> None:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise BusError("not now")
        self.published += messages

    async def ensure_stream(self) -> None:
        if self.unkept:
            self.unkept -= 1
            raise BusError("JetStream is not there")
        self.streams += 1

    async def newest(self, subject):
        if subject == "broken":
            raise BusError("gone")
        return self.kept.get(subject)

    async def close(self) -> None:
        self.closed, self.connected = True, False


class Ear:
    """What a link told."""

    def __init__(self) -> None:
        self.received: list[Delivery] = []
        self.notices: list[Notice] = []
        self.left: list[int] = []
        self.connected = 0
        self.probes: list[str] = []

    def hooks(self) -> Hooks:
        def connected() -> None:
            self.connected += 1

        return Hooks(self.received.append, connected, self.notices.append, self.left.extend, self.probes.append)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    monkeypatch.setattr(module, "DRAIN_S", 20.0)


@pytest.fixture
async def world():
    ear, wires = Ear(), []
    options: dict[str, int] = {}

    def opened(line: Line) -> Wire:
        wires.append(Wire(line, **options))
        return wires[-1]

    link = Link(opened, ear.hooks())
    yield link, ear, wires, options
    await link.close()


async def soon(ready) -> None:
    async with asyncio.timeout(60):
        while not ready():  # noqa: ASYNC110 the link has no event for its tests
            await asyncio.sleep(0.001)


def out(number: int, slot: str = "", body: bytes = b"") -> tuple[int, Outgoing]:
    return number, Outgoing("f", slot, f"fp.x.{number}", body or str(number).encode())


async def test_what_is_sent_leaves_in_order_and_is_told(world):
    link, ear, wires, _ = world
    link.send([out(1), out(2)])
    await link.set(LINE)
    link.send([out(3)])
    await soon(lambda: ear.left == [1, 2, 3])
    assert [b for _, b in wires[0].published] == [b"1", b"2", b"3"]
    assert ear.connected == 1
    assert wires[0].followed == list(LINE.subjects)
    assert wires[0].streams == 1


async def test_a_newer_one_takes_the_slot_of_one_that_waits_and_goes_last(world):
    link, ear, wires, _ = world
    link.send([out(1, "status"), out(2), out(3, "status")])
    await link.set(LINE)
    await soon(lambda: len(ear.left) == 2)
    assert [b for _, b in wires[0].published] == [b"2", b"3"]


async def test_what_could_not_be_published_is_tried_again_whole(world):
    link, ear, wires, options = world
    options["failures"] = 3
    await link.set(LINE)
    link.send([out(1), out(2)])
    await soon(lambda: ear.left == [1, 2])
    assert [b for _, b in wires[0].published] == [b"1", b"2"]
    assert ear.probes.count("before-publish") == 4
    assert ear.probes.count("after-publish") == 1


async def test_a_slot_that_was_renewed_while_its_old_one_left_leaves_again(world):
    link, ear, wires, _ = world
    await link.set(LINE)
    await soon(lambda: ear.connected)
    real, held = wires[0].publish, asyncio.Event()

    async def slow(messages):
        await held.wait()
        await real(messages)

    wires[0].publish = slow
    link.send([out(1, "status")])
    await asyncio.sleep(0.01)
    link.send([out(2, "status")])
    held.set()
    await soon(lambda: ear.left == [1, 2])
    assert [b for _, b in wires[0].published] == [b"1", b"2"]


async def test_a_bus_that_refuses_once_is_followed_in_the_end_and_the_refusal_told_once(world):
    link, ear, wires, options = world
    options["refusals"] = 3
    await link.set(LINE)
    await soon(lambda: ear.connected == 1)
    assert wires[0].followed == list(LINE.subjects)
    assert [n.text for n in ear.notices if n.level == "error"] == ["the bus refused: not allowed to hear"]


async def test_a_bus_that_keeps_nothing_is_used_all_the_same_and_said_to_be_one(world):
    link, ear, wires, options = world
    options["unkept"] = 1
    await link.set(LINE)
    await soon(lambda: ear.connected == 1)
    assert wires[0].followed == list(LINE.subjects)
    assert [n.text for n in ear.notices if n.level == "warning"] == ["JetStream is not there"]


async def test_a_reconnect_asks_again_for_what_was_missed(world):
    link, ear, wires, _ = world
    await link.set(LINE)
    await soon(lambda: ear.connected == 1)
    wires[0].notice(Notice("warning", "lost", connected=False))
    wires[0].notice(Notice("info", "back", connected=True))
    await soon(lambda: ear.connected == 2)


async def test_what_is_fetched_arrives_like_anything_else_and_a_failure_spoils_nothing(world):
    link, ear, wires, _ = world
    link.fetch(["early"])
    await link.set(LINE)
    wires[0].kept = {"a": b"1", "c": b"3"}
    link.fetch(["a", "broken", "b", "c"])
    await soon(lambda: len(ear.received) == 2)
    assert ear.received == [Delivery("a", b"1"), Delivery("c", b"3")]


async def test_lines_change_one_at_a_time_and_nothing_is_left_open(world):
    link, ear, wires, _ = world
    other = Line(Access(("nats://127.0.0.1:2",)), "f" * 26, "q" * 26, ("fp.y.>",), keeper=False)
    await asyncio.gather(link.set(LINE), link.set(other), link.set(LINE), link.set(other))
    assert [w.closed for w in wires] == [True] * (len(wires) - 1) + [False]
    assert wires[-1].line == other
    await link.set(other)
    assert not wires[-1].closed
    await link.close()
    await link.close()
    assert all(w.closed for w in wires)
    assert not link.connected


async def test_what_waits_leaves_by_the_old_way_before_the_line_is_changed(world):
    link, ear, wires, _ = world
    await link.set(LINE)
    link.send([out(i) for i in range(200)])
    await link.set(None)
    assert ear.left == list(range(200))
    assert wires[0].closed


async def test_a_bus_that_never_takes_it_does_not_hold_up_the_hanging_up(world, monkeypatch):
    monkeypatch.setattr(module, "DRAIN_S", 0.2)
    link, ear, wires, options = world
    options["failures"] = 10**6
    await link.set(LINE)
    link.send([out(1)])
    async with asyncio.timeout(60):
        await link.close()
    assert ear.left == []
    await link.set(LINE)
    wires[-1].failures = 0
    await soon(lambda: ear.left == [1])
