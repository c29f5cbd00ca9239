"""Pulses: on the same grid at every peer, late by a bounded amount that does not add up, once after a long sleep."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedpeer.core.federation.schedule import Schedule
from fedpeer.node.pulses import Pulses, _Aligned

NOW = 1_800_000_123.4


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@given(text=st.sampled_from(["s1", "s10", "m30", "h3", "d7"]), jitter=st.sampled_from([0.0, 0.1, 0.5]))
def test_no_lateness_adds_up(text, jitter):
    schedule = Schedule.parse(text)
    trigger, fired = _Aligned(schedule, jitter), None
    numbers = []
    now = NOW
    for _ in range(50):
        fired = trigger.get_next_fire_time(fired, at(now))
        now = fired.timestamp() + 0.001
        late = fired.timestamp() % schedule.period_s
        assert min(late, schedule.period_s - late) <= jitter * schedule.period_s + 0.001
        numbers.append(schedule.pulse_at(fired.timestamp() + 0.0005))
    assert numbers == list(range(numbers[0], numbers[0] + 50))


def test_what_was_slept_through_is_made_up_for_once():
    trigger = _Aligned(Schedule.parse("s10"), 0.0)
    first = trigger.get_next_fire_time(None, at(NOW))
    later = NOW + 3600
    assert trigger.get_next_fire_time(first, at(later)).timestamp() == (later // 10 + 1) * 10


async def test_a_pulse_is_set_changed_and_stopped():
    due: list[str] = []
    pulses = Pulses(due.append, jitter=0.0)
    pulses.start()
    try:
        pulses.set("f", Schedule.parse("h3"))
        first = pulses.next_at("f")
        assert first % 10_800 == 0
        pulses.set("f", Schedule.parse("h3"))
        assert pulses.next_at("f") == first
        pulses.set("f", Schedule.parse("d7"))
        assert pulses.next_at("f") % (7 * 86_400) == 0
        pulses.set("g", Schedule.parse("h1"))
        assert pulses.next_at("g") > 0
        pulses.set("f", None)
        pulses.set("f", None)
        assert (pulses.next_at("f"), pulses.next_at("g") > 0) == (0.0, True)
        assert due == []
    finally:
        pulses.stop()
        pulses.stop()


async def test_a_pulse_fires_at_its_time_and_for_its_federation():
    fired = asyncio.Event()
    due: list[str] = []

    def told(scope: str) -> None:
        due.append(scope)
        fired.set()

    pulses = Pulses(told, jitter=0.0)
    pulses.start()
    try:
        pulses.set("f", Schedule.parse("s1"))
        pulses.set("g", Schedule.parse("h1"))
        await asyncio.wait_for(fired.wait(), 60)
        assert set(due) == {"f"}
        moment = asyncio.get_running_loop().time()
        assert moment > 0
    finally:
        pulses.stop()


async def test_after_a_long_sleep_a_pulse_fires_once():
    """The scheduler wakes late: all that was missed is one pulse."""
    due: list[str] = []
    fired = asyncio.Event()

    def told(scope: str) -> None:
        due.append(scope)
        fired.set()

    pulses = Pulses(told, jitter=0.0)
    pulses.start()
    try:
        pulses.set("f", Schedule.parse("h1"))
        slept = datetime.now(UTC).timestamp() - 20 * 3600
        pulses._scheduler.get_job("f").modify(next_run_time=at(slept))
        async with asyncio.timeout(60):
            await fired.wait()
        await asyncio.sleep(0.02)
        assert due == ["f"]
        assert pulses.next_at("f") % 3600 == 0
    finally:
        pulses.stop()


@pytest.mark.parametrize("jitter", [0.0, 0.5])
async def test_the_next_time_is_within_a_period(jitter):
    pulses = Pulses(lambda scope: None, jitter=jitter)
    pulses.start()
    try:
        pulses.set("f", Schedule.parse("m30"))
        left = pulses.next_at("f") - datetime.now(UTC).timestamp()
        assert 0 <= left <= 1800 * (1 + jitter)
    finally:
        pulses.stop()
