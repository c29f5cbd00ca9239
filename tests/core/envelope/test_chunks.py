from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedpeer.core.envelope.chunks import Assembly, Bounds
from fedpeer.core.envelope.header import Header
from fedpeer.core.envelope.keys import Identity
from fedpeer.core.errors import MalformedError
from tests.support.letters import ALICE, BOB, EVE, NOW, outline


def chunk(index: int, count: int, *, by: Identity = ALICE, start: int = 0, **changes: object) -> Header:
    return Header.of(outline(by, **changes), sequence=start + index, index=index, count=count)


def fed(assembly: Assembly, *chunks: tuple[Header, bytes], now: int = NOW) -> tuple[Assembly, list[bytes]]:
    wholes = []
    for header, content in chunks:
        assembly, whole = assembly.add(header, content, now)
        wholes += [] if whole is None else [whole]
    return assembly, wholes


@given(st.lists(st.binary(min_size=1, max_size=5), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_chunks_in_any_order_and_repeated_give_the_content_when_the_last_is_there(parts: list[bytes], mix) -> None:
    chunks = [(chunk(i, len(parts)), part) for i, part in enumerate(parts)]
    order = chunks + mix.choices(chunks, k=len(chunks))
    mix.shuffle(order)
    assembly, wholes, here = Assembly(), [], set()
    for header, content in order:
        assembly, whole = assembly.add(header, content, NOW)
        here.add(header.index)
        assert (whole is not None) == (len(here) == len(parts))
        if whole is not None:
            wholes.append(whole)
            here.clear()
    assert set(wholes) == {b"".join(parts)}


@given(st.randoms(use_true_random=False))
def test_messages_on_their_way_together_do_not_mix(mix) -> None:
    messages = {
        "usual": {},
        "later": {"start": 3},
        "another's": {"by": BOB},
        "direct": {"to": BOB},
        "another boot's": {"boot": bytes(16)},
        "another epoch's": {"epoch": 4},
        "of another kind": {"kind": 9},
        "of another charter": {"charter": bytes(32)},
    }
    chunks = [(chunk(i, 3, **how), f"<{name}{i}>".encode()) for name, how in messages.items() for i in range(3)]
    mix.shuffle(chunks)
    assembly, wholes = fed(Assembly(), *chunks)
    assert sorted(wholes) == sorted("".join(f"<{name}{i}>" for i in range(3)).encode() for name in messages)
    assert assembly.held == 0


def test_an_assembly_is_a_value() -> None:
    before, _ = fed(Assembly(), (chunk(0, 2), b"a"))
    for last in (b"b", b"c"):
        after, whole = before.add(chunk(1, 2), last, NOW)
        assert whole == b"a" + last
        assert (before.held, after.held) == (1, 0)
    assert "b'a'" not in repr(before)


def test_a_chunk_that_says_two_things_is_refused_and_changes_nothing() -> None:
    assembly, _ = fed(Assembly(), (chunk(0, 2), b"a"))
    with pytest.raises(MalformedError, match="chunks 1"):
        assembly.add(chunk(0, 2), b"x", NOW)
    assert assembly.add(chunk(0, 2), b"a", NOW)[0].held == 1
    assert assembly.add(chunk(1, 2), b"b", NOW)[1] == b"ab"


def test_a_sender_over_its_bound_loses_its_own_oldest_and_nobody_elses() -> None:
    assembly, _ = fed(Assembly(Bounds(sender=30, total=1000)), (chunk(0, 2, by=BOB), b"b" * 30))
    for n in range(5):
        assembly, _ = fed(assembly, (chunk(0, 2, start=10 * n), b"a" * 10), now=NOW + n)
    assert assembly.held == 60
    _, wholes = fed(assembly, *((chunk(1, 2, start=10 * n), b"!") for n in range(5)), (chunk(1, 2, by=BOB), b"!"))
    assert wholes == [b"a" * 10 + b"!"] * 3 + [b"b" * 30 + b"!"]


def test_a_chunk_larger_than_its_senders_bound_is_not_held() -> None:
    assembly, _ = fed(Assembly(Bounds(sender=30, total=1000)), (chunk(0, 2), b"a" * 31))
    assert assembly.held == 0


def test_messages_begun_and_never_ended_are_bounded_in_number() -> None:
    assembly = Assembly()
    for n in range(1000):
        assembly, _ = fed(assembly, (chunk(0, 2, start=10 * n), b""), now=NOW + n // 100)
    assert len(assembly._partials) <= 8


def test_when_all_together_hold_too_much_the_greediest_pays() -> None:
    assembly, _ = fed(Assembly(Bounds(sender=100, total=150)), (chunk(0, 2, by=BOB), b"b" * 40))
    for n in range(4):
        assembly, _ = fed(assembly, (chunk(0, 2, by=EVE, start=10 * n), b"e" * 25), now=NOW + n)
    assembly, _ = fed(assembly, (chunk(0, 2), b"a" * 40), now=NOW + 9)
    assert assembly.held <= 150
    _, wholes = fed(assembly, (chunk(1, 2), b"!"), (chunk(1, 2, by=BOB), b"!"), now=NOW + 9)
    assert wholes == [b"a" * 40 + b"!", b"b" * 40 + b"!"]


def test_what_does_not_become_whole_in_time_is_dropped() -> None:
    assembly, _ = fed(Assembly(), (chunk(0, 2, expires_at=NOW + 10**6), b"a"), (chunk(0, 2, by=BOB), b"b"))
    late = assembly.add(chunk(0, 2, by=EVE, expires_at=NOW + 10**6), b"e", NOW + 599)[0]
    assert late.held == 3
    late = late.add(chunk(0, 2, by=EVE, expires_at=NOW + 10**6), b"e", NOW + 600)[0]
    assert late.held == 1


def test_an_expired_beginning_is_dropped() -> None:
    assembly, _ = fed(Assembly(), (chunk(0, 2, expires_at=NOW + 5), b"a"))
    assembly, whole = assembly.add(chunk(1, 2, expires_at=NOW + 5), b"b", NOW + 5)
    assert whole is None


def test_one_chunk_is_whole_at_once() -> None:
    assembly = Assembly()
    after, whole = assembly.add(chunk(0, 1), b"a", NOW)
    assert after is assembly
    assert whole == b"a"


def test_the_largest_message_fits_its_senders_bound() -> None:
    from fedpeer.core.envelope.header import MOST_CHUNKS
    from fedpeer.core.envelope.seal import MOST_MESSAGE

    assert MOST_CHUNKS * MOST_MESSAGE <= Bounds().sender <= Bounds().total
    assert replace(Bounds(), sender=1).total == Bounds().total
