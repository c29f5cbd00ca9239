"""The timeline: bounded, paged without gaps or repetitions, and told at once."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedpeer.node import timeline as module
from fedpeer.node.timeline import Timeline, printable
from fedpeer.ports import Entry

KINDS, LEVELS = ["sync", "bus", "contract"], ["info", "warning", "error"]


def entry(number: int, scope: str = "f", kind: str = "sync", level: str = "info") -> Entry:
    return Entry(float(number), scope, kind, level, f"entry {number}", id=number)


def entries(count: int) -> list[Entry]:
    return [entry(i, "fg"[i % 2], KINDS[i % 3], LEVELS[i % 3]) for i in range(1, count + 1)]


@given(count=st.integers(0, 60), size=st.integers(1, 9), scope=st.sampled_from(["f", "g", ""]))
def test_pages_follow_each_other_without_gap_or_repetition(count, size, scope):
    timeline, seen, before = Timeline(entries(count), keep=1000), [], 0
    while page := timeline.page(scope, before=before, limit=size):
        assert len(page) <= size
        seen += [e.id for e in page]
        before = page[-1].id
    assert seen == [e.id for e in reversed(entries(count)) if not scope or e.scope == scope]


@given(
    st.lists(st.sampled_from(KINDS), unique=True), st.lists(st.sampled_from(LEVELS), unique=True), st.integers(0, 40)
)
def test_filters_mean_what_they_say(kinds, levels, after):
    timeline = Timeline(entries(40), keep=1000)
    found = timeline.page("", kinds=kinds, levels=levels, after=after, limit=100)
    expected = [
        e
        for e in reversed(entries(40))
        if (not kinds or e.kind in kinds) and (not levels or e.level in levels) and e.id > after
    ]
    assert found == expected


def test_only_the_newest_are_kept():
    timeline = Timeline(entries(10), keep=5)
    timeline.extend([entry(11), entry(12)])
    assert [e.id for e in timeline.page("", limit=100)] == [12, 11, 10, 9, 8]


@given(
    st.integers(1, 12), st.lists(st.sampled_from(LEVELS), max_size=40), st.lists(st.sampled_from(LEVELS), min_size=1)
)
def test_pages_of_some_levels_are_of_what_is_kept_whatever_came_and_was_cleared(keep, came, levels):
    timeline = Timeline(entries(8), keep=keep)
    for number, level in enumerate(came, start=9):
        timeline.extend([entry(number, level=level)])
        if number % 7 == 0:
            timeline.clear("f", ["sync"], ["warning"])
        kept = timeline.page("", limit=1000)
        assert timeline.page("", levels=levels, limit=1000) == [e for e in kept if e.level in levels]


def test_clearing_forgets_what_is_named_and_keeps_the_bound():
    timeline = Timeline(entries(30), keep=30)
    gone = timeline.clear("f", ["bus"], ["warning"])
    assert gone == len([e for e in entries(30) if (e.scope, e.kind, e.level) == ("f", "bus", "warning")]) > 0
    assert not timeline.page("f", kinds=["bus"], levels=["warning"])
    timeline.extend([entry(i) for i in range(31, 100)])
    assert len(timeline.page("", limit=1000)) == 30


async def test_watchers_hear_everything_from_now_on_until_the_end():
    timeline = Timeline(entries(3), keep=100)
    heard: list[list[int]] = [[], []]

    async def watch(i: int) -> None:
        async for told in timeline.watch():
            heard[i].append(told.id)

    tasks = [asyncio.create_task(watch(i)) for i in range(2)]
    await asyncio.sleep(0)
    timeline.extend([entry(4), entry(5)])
    timeline.extend([])
    timeline.extend([entry(6)])
    timeline.close()
    async with asyncio.timeout(60):
        await asyncio.gather(*tasks)
    assert heard == [[4, 5, 6], [4, 5, 6]]
    assert not timeline._watchers


async def test_a_watcher_that_does_not_keep_up_is_let_go_and_others_are_not(monkeypatch):
    monkeypatch.setattr(module, "WATCHER_KEEPS", 10)
    timeline = Timeline((), keep=1000)
    slow = timeline.watch()
    first = asyncio.create_task(anext(slow))
    await asyncio.sleep(0)
    for i in range(1, 30):
        timeline.extend([entry(i)])
    assert (await first).id == 1
    rest = [e.id async for e in slow]
    assert rest == list(range(2, 11))
    quick = timeline.watch()
    heard = asyncio.create_task(anext(quick))
    await asyncio.sleep(0)
    timeline.extend([entry(99)])
    assert (await heard).id == 99
    await quick.aclose()
    assert not timeline._watchers


async def test_a_reader_that_goes_away_is_forgotten():
    timeline = Timeline((), keep=10)
    watching = timeline.watch()
    task = asyncio.create_task(anext(watching))
    await asyncio.sleep(0)
    assert len(timeline._watchers) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await watching.aclose()
    assert not timeline._watchers


@pytest.mark.parametrize("text", ["a\x1b[2J\x1b]0;title\x07", "one\ntwo forged", "\u202eright to left", "\x9b31m"])
def test_what_a_terminal_would_obey_is_written_out(text):
    assert printable(text).isprintable()
    assert printable(text) != text
    assert printable("plain, with ümlauts and 数") == "plain, with ümlauts and 数"
