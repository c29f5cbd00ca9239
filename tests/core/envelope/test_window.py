from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core import canonical
from fedpeer.core.envelope.header import Header
from fedpeer.core.envelope.window import LASTING_S, Window, Windows
from fedpeer.core.errors import ReplayError
from tests.support.letters import NOW, outline

WIDTH = 1024
MOST_BOOTS = 8


def header(sequence: int, boot: int = 0, *, life: int = 600, now: int = NOW, epoch: int = 3) -> Header:
    shape = outline(boot=boot.to_bytes(16, "big"), expires_at=now + life, epoch=epoch)
    return Header.of(shape, sequence=sequence, index=0, count=1)


def admitted(window: Window, sequence: int) -> Window | None:
    try:
        return window.admit(sequence)
    except ReplayError:
        return None


@given(st.lists(st.integers(0, 3000) | st.sampled_from([0, WIDTH - 1, WIDTH, WIDTH + 1, 2**63 - 1]), max_size=60))
def test_a_window_lets_in_exactly_what_is_new_and_not_too_far_back(sequences: list[int]) -> None:
    window, seen = Window(bytes(16)), set()
    for sequence in sequences:
        fresh = sequence not in seen and sequence > max(seen, default=0) - WIDTH
        after = admitted(window, sequence)
        assert (after is not None) == fresh
        if after is not None:
            window = after
            seen.add(sequence)
        assert admitted(window, sequence) is None


def test_any_order_within_the_width_is_let_in_once() -> None:
    window = Window(bytes(16))
    for sequence in [*range(WIDTH - 1, -1, -2), *range(0, WIDTH, 2)]:
        window = window.admit(sequence)
    assert len(window.seen) == WIDTH // 8
    assert all(admitted(window, sequence) is None for sequence in range(WIDTH))
    assert admitted(window, WIDTH) is not None


def test_a_window_is_a_value() -> None:
    window = Window(bytes(16)).admit(5)
    later = window.admit(6)
    assert window.admit(6) == later
    assert canonical.decode(canonical.encode(later), Window) == later
    assert len(canonical.encode(Window(bytes(16)).admit(2**63 - 1).admit(2**63 - 1024))) < 200


def test_what_was_heard_is_heard_once_in_whatever_epoch_it_claims() -> None:
    windows = Windows().admit(header(1), NOW)
    for again in (header(1), header(1, epoch=4), header(1, life=30)):
        with pytest.raises(ReplayError):
            windows.admit(again, NOW)
    assert windows.admit(header(2), NOW) != windows
    assert windows.admit(header(1, boot=1), NOW) != windows


def test_a_forgotten_boot_is_not_let_in_again_however_it_is_tried() -> None:
    old = [header(n, boot=0) for n in range(5)]
    windows = Windows()
    for h in old:
        windows = windows.admit(h, NOW)
    for boot in range(1, MOST_BOOTS + 1):
        windows = windows.admit(header(0, boot, now=NOW + boot), NOW + boot)
    assert bytes(16) not in {w.boot for w in windows.boots}
    for h in old:
        with pytest.raises(ReplayError, match="long ago"):
            windows.admit(h, NOW + 9)
    # Nor after something newer of that boot has made it known again.
    back = windows.admit(header(9, boot=0, now=NOW + 20), NOW + 20)
    for h in old:
        with pytest.raises(ReplayError):
            back.admit(h, NOW + 20)


def test_a_member_that_restarts_for_ever_fills_nothing() -> None:
    windows = Windows()
    for boot in range(500):
        windows = windows.admit(header(0, boot, now=NOW + boot), NOW + boot)
    assert len(windows.boots) == MOST_BOOTS
    assert len(canonical.encode(windows)) < 1000
    assert canonical.decode(canonical.encode(windows), Windows) == windows


def test_restarts_never_hold_up_an_honest_sender() -> None:
    windows = Windows()
    for boot in range(100):
        for n in range(3):
            windows = windows.admit(header(n, boot, now=NOW + 5 * boot + n), NOW + 5 * boot + n)
            assert windows.boots[-1].top == n


def test_what_lasts_is_let_in_late_from_boots_forgotten_or_never_met() -> None:
    month = 30 * 86_400
    windows = Windows()
    for boot in range(1, 20):
        windows = windows.admit(header(5000, boot, now=NOW + boot), NOW + boot)
    assert windows.admit(header(10, boot=0, life=month), NOW + 30) == windows
    assert windows.admit(header(10, boot=19, life=month), NOW + 30) == windows
    with pytest.raises(ReplayError):
        windows.admit(header(5000, boot=19, life=month), NOW + 30)
    with pytest.raises(ReplayError):
        windows.admit(header(10, boot=19), NOW + 30)


def test_what_lasts_never_makes_us_forget_what_does_not() -> None:
    windows = Windows()
    for boot in range(MOST_BOOTS):
        windows = windows.admit(header(0, boot), NOW)
    for boot in range(100, 200):
        assert windows.admit(header(0, boot, life=LASTING_S + 1), NOW) == windows


def test_a_clock_far_ahead_holds_nobody_up_for_longer_than_what_is_short_lived() -> None:
    windows = Windows()
    for boot in range(50):
        windows = windows.admit(header(0, boot, life=10**8), NOW)
    assert windows.floor == 0
    for boot in range(50, 100):
        windows = windows.admit(header(0, boot, life=LASTING_S), NOW) if boot < 58 else windows
    assert windows.floor <= NOW + LASTING_S
    windows.admit(header(0, boot=1000, now=NOW + LASTING_S), NOW + LASTING_S)


events = st.lists(
    st.tuples(st.integers(0, 14), st.integers(0, 30) | st.integers(0, 3000), st.integers(1, 8000), st.integers(0, 400)),
    max_size=120,
)


@pytest.mark.long
@given(events)
@settings(max_examples=200)
def test_nothing_short_lived_is_ever_let_in_twice(events: list[tuple[int, int, int, int]]) -> None:
    windows, now, short = Windows(), NOW, {}
    sent: list[Header] = []
    for boot, sequence, life, pause in events:
        now += pause
        sent.append(header(sequence, boot, life=life, now=now))
        for h in sent[-1:] + sent[:: max(1, len(sent) // 5)]:
            if h.expires_at <= now:
                continue
            try:
                windows = windows.admit(h, now)
            except ReplayError:
                continue
            if h.expires_at <= now + LASTING_S:
                key = (h.boot, h.sequence, h.expires_at)
                assert key not in short, "heard twice"
                short[key] = now
        assert len(windows.boots) <= MOST_BOOTS
