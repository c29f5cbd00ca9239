"""The memory broker's own gifts: faults by decision, partitions, and the matching of subjects."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedpeer.adapters.bus_memory import MemoryBroker, MemoryBus
from fedpeer.adapters.subject import check_patterns, matches
from fedpeer.core.errors import BusError
from tests.support.nats import Ear, until


async def pair(decide: Callable | None = None) -> tuple[MemoryBroker, MemoryBus, MemoryBus, Ear]:
    """A broker, a speaker, a listener to everything, and its ear."""
    broker, ear = MemoryBroker(keeps=["k.>"], decide=decide), Ear()
    speaker, listener = MemoryBus(broker, name="speaker"), MemoryBus(broker, name="listener")
    await speaker.open(Ear().receive, Ear().notice)
    await listener.open(ear.receive, ear.notice)
    await listener.follow([">"])
    return broker, speaker, listener, ear


@pytest.mark.parametrize(
    ("fates", "heard"),
    [
        (["deliver"] * 4, [0, 1, 2, 3]),
        (["drop", "deliver", "drop", "deliver"], [1, 3]),
        (["twice", "deliver", "twice", "drop"], [0, 0, 1, 2, 2]),
        (["later", "deliver", "deliver", "deliver"], [1, 0, 2, 3]),
        (["later", "later", "deliver", "later"], [2, 0, 1, 3]),
        (["later", "later", "later", "later"], [0, 1, 2, 3]),
    ],
)
async def test_the_broker_does_what_is_decided(fates, heard):
    decisions = iter(fates)
    broker, speaker, _, ear = await pair(lambda *_: next(decisions))
    await speaker.publish([("x", b"%d" % i) for i in range(4)])
    broker.settle()
    await until(lambda: len(ear.bodies) == len(heard))
    assert ear.bodies == [b"%d" % i for i in heard]


async def test_decisions_know_who_speaks_to_whom_on_what():
    asked = []
    _, speaker, _, ear = await pair(lambda *about: asked.append(about) or "deliver")
    await speaker.publish([("a.b", b"")])
    await until(lambda: ear.deliveries)
    assert asked == [("speaker", "listener", "a.b")]


async def test_one_peer_can_be_cut_off_and_finds_what_was_kept():
    broker, speaker, listener, ear = await pair()
    broker.cut("listener")
    assert (speaker.connected, listener.connected) == (True, False)
    await speaker.publish([("k.x", b"missed"), ("y", b"missed")])
    with pytest.raises(BusError, match="not connected"):
        await listener.newest("k.x")
    broker.mend()
    assert listener.connected
    assert ear.deliveries == []
    assert await listener.newest("k.x") == b"missed"
    assert await listener.newest("y") is None
    assert [n.connected for n in ear.notices] == [True, False, True]


async def test_what_is_under_way_when_the_line_is_cut_does_not_arrive():
    broker, speaker, _, ear = await pair(lambda *_: "later")
    await speaker.publish([("x", b"")])
    broker.settle()
    broker.cut("listener")
    await speaker.publish([])
    assert ear.deliveries == []


async def test_two_buses_of_one_name_are_refused():
    broker, *_ = await pair()
    with pytest.raises(BusError, match="named"):
        await MemoryBus(broker, name="speaker").open(Ear().receive, Ear().notice)


PARTS = st.lists(st.sampled_from(["a", "b", "cc"]), min_size=1, max_size=4)
PATTERNS = st.lists(st.sampled_from(["a", "b", "cc", "*", ">"]), min_size=1, max_size=4).filter(
    lambda parts: ">" not in parts[:-1]
)


@given(PATTERNS, PARTS)
def test_matching_follows_the_definition_part_by_part(pattern, subject):
    def names(wanted: list[str], parts: list[str]) -> bool:
        if wanted == [">"]:
            return len(parts) >= 1
        if not wanted or not parts:
            return wanted == parts
        return wanted[0] in ("*", parts[0]) and names(wanted[1:], parts[1:])

    check_patterns([".".join(pattern)])
    assert matches(".".join(pattern), ".".join(subject)) == names(pattern, subject)
