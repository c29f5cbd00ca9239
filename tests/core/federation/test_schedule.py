"""Schedules: one way to write each, the same pulses for everyone."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedpeer.core.errors import ScheduleError
from fedpeer.core.federation.schedule import Schedule

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@given(unit=st.sampled_from(sorted(UNITS)), count=st.integers(1, 10**8))
def test_a_period_of_up_to_a_year_is_read_and_a_longer_one_refused(unit, count):
    seconds = UNITS[unit] * count
    if seconds <= 366 * 86_400 and count < 10**8:
        assert Schedule.parse(f"{unit}{count}").period_s == seconds
    else:
        with pytest.raises(ScheduleError):
            Schedule.parse(f"{unit}{count}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        "10",
        "s0",
        "s01",
        "s-1",
        "s+1",
        "s1.5",
        "S10",
        "10s",
        "s10 ",
        " s10",
        "s10\n",
        "m٣",
        "w1",
        "s1e3",
        "s" * 99,
    ],
)
def test_any_other_text_is_refused_and_quoted(text):
    with pytest.raises(ScheduleError) as told:
        Schedule.parse(text)
    assert told.value.hint
    assert repr(text[:40]) in str(told.value)


@given(text=st.text(max_size=12))
def test_reading_never_fails_otherwise(text):
    with contextlib.suppress(ScheduleError):
        assert Schedule.parse(text).text == text


@given(period=st.sampled_from(["s1", "s7", "m30", "h3", "d7"]), now=st.floats(0, 4e9))
def test_pulses_are_aligned_to_the_same_grid_everywhere(period, now):
    schedule = Schedule.parse(period)
    due = schedule.next_due(now)
    assert due % schedule.period_s == 0
    assert now < due <= now + schedule.period_s * (1 + 1e-9)
    assert schedule.pulse_at(due) == schedule.pulse_at(now) + 1
    assert schedule.pulse_at(due - 0.001) == schedule.pulse_at(now) or due - now < 0.001
