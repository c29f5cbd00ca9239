from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedpeer.core.envelope.header import HEADER_SIZE, MOST_CHUNKS, Header, Mode, Outline
from fedpeer.core.errors import ExpiredError, MalformedError, MismatchError, RemoteError
from tests.support.letters import ALICE, BOB, EVE, FEDERATION, NOW, outline, places

ids = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=26, max_size=26)
numbers = st.integers(0, 2**63 - 1)


@st.composite
def headers(draw: st.DrawFn) -> Header:
    count = draw(st.integers(1, MOST_CHUNKS))
    index = draw(st.integers(0, count - 1))
    recipient = draw(st.just("") | ids)
    return Header(
        federation=draw(ids),
        epoch=draw(numbers),
        charter=draw(st.binary(min_size=32, max_size=32)),
        sender=draw(ids),
        boot=draw(st.binary(min_size=16, max_size=16)),
        kind=draw(st.integers(0, 255)),
        recipient=recipient,
        pulse=draw(numbers),
        expires_at=draw(numbers),
        mode=Mode.DIRECT if recipient else Mode.GROUP,
        sequence=draw(st.integers(index, 2**63 - 1)),
        index=index,
        count=count,
        length=draw(st.integers(0, 2**32 - 1)),
        salt=draw(st.binary(min_size=16, max_size=16)),
    )


def example() -> Header:
    return replace(Header.of(outline(to=BOB), sequence=9, index=2, count=5), length=77, salt=bytes(range(16)))


def edited(name: str, data: bytes) -> bytes:
    packed, place = bytearray(example().pack()), places()[name]
    packed[place] = data
    assert len(packed) == HEADER_SIZE
    return bytes(packed)


@given(headers())
def test_a_header_is_read_as_it_was_written(header: Header) -> None:
    packed = header.pack()
    assert len(packed) == HEADER_SIZE
    assert Header.unpack(packed) == header


@given(st.binary(min_size=HEADER_SIZE, max_size=HEADER_SIZE))
def test_any_bytes_are_a_header_with_exactly_these_bytes_or_refused(data: bytes) -> None:
    try:
        header = Header.unpack(data)
    except RemoteError:
        return
    assert header.pack() == data


@given(headers(), st.data())
def test_an_altered_header_is_another_header_or_refused(header: Header, data: st.DataObject) -> None:
    packed = bytearray(header.pack())
    packed[data.draw(st.integers(0, HEADER_SIZE - 1))] ^= data.draw(st.integers(1, 255))
    try:
        other = Header.unpack(bytes(packed))
    except RemoteError:
        return
    assert other != header
    assert other.pack() == packed


def test_the_layout_is_the_documented_one() -> None:
    packed = example().pack()
    found = {name: packed[place] for name, place in places().items()}
    assert found == {
        "version": b"\1",
        "suite": b"\1",
        "mode": b"\2",
        "kind": b"\2",
        "federation": FEDERATION.encode(),
        "epoch": (3).to_bytes(8, "big"),
        "charter head": b"\xc4" * 32,
        "sender": ALICE.peer.encode(),
        "boot": b"\xb7" * 16,
        "sequence": (9).to_bytes(8, "big"),
        "recipient": BOB.peer.encode(),
        "pulse": (42).to_bytes(8, "big"),
        "chunk": (2).to_bytes(2, "big"),
        "of chunks": (5).to_bytes(2, "big"),
        "ciphertext length": (77).to_bytes(4, "big"),
        "expires at": (NOW + 600).to_bytes(8, "big"),
        "salt": bytes(range(16)),
    }


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("version", b"\0"),
        ("version", b"\2"),
        ("suite", b"\0"),
        ("suite", b"\xff"),
        ("mode", b"\0"),
        ("mode", b"\1"),
        ("mode", b"\3"),
        ("federation", b"F" * 26),
        ("federation", bytes(26)),
        ("federation", b"\xff" * 26),
        ("federation", b"a" * 25 + b"\n"),
        ("sender", b"a" * 25 + b"."),
        ("sender", b"a" * 25 + b"1"),
        ("recipient", bytes(26)),
        ("recipient", b"a" * 25 + b"\0"),
        ("recipient", b"*" + b"a" * 25),
        ("epoch", b"\x80" + bytes(7)),
        ("sequence", b"\xff" * 8),
        ("sequence", b"\0" * 7 + b"\1"),
        ("pulse", b"\xff" * 8),
        ("expires at", b"\xff" * 8),
        ("chunk", b"\0\5"),
        ("chunk", b"\xff\xff"),
        ("of chunks", b"\0\0"),
        ("of chunks", b"\0\2"),
        ("of chunks", (MOST_CHUNKS + 1).to_bytes(2, "big")),
    ],
)
def test_what_cannot_be_is_refused(name: str, data: bytes) -> None:
    with pytest.raises(MalformedError):
        Header.unpack(edited(name, data))


def test_all_chunks_of_a_message_share_one_header_and_no_other_message_has_it() -> None:
    shared = {Header.of(outline(), sequence=70 + i, index=i, count=4).message for i in range(4)}
    assert len(shared) == 1
    others = [
        Header.of(outline(), sequence=71, index=0, count=4),
        Header.of(outline(), sequence=70, index=0, count=3),
        Header.of(outline(BOB), sequence=70, index=0, count=4),
        Header.of(outline(to=BOB), sequence=70, index=0, count=4),
        Header.of(outline(epoch=4), sequence=70, index=0, count=4),
        Header.of(outline(boot=bytes(16)), sequence=70, index=0, count=4),
        Header.of(outline(expires_at=NOW), sequence=70, index=0, count=4),
    ]
    assert len(shared | {h.message for h in others}) == 1 + len(others)


def test_who_it_is_meant_for() -> None:
    to_all, to_bob = (Header.of(o, sequence=0, index=0, count=1) for o in (outline(), outline(to=BOB)))
    to_all.meant_for(FEDERATION, BOB.peer, NOW)
    to_all.meant_for(FEDERATION, EVE.peer, NOW)
    to_bob.meant_for(FEDERATION, BOB.peer, NOW)
    with pytest.raises(MismatchError, match="another peer"):
        to_bob.meant_for(FEDERATION, EVE.peer, NOW)
    with pytest.raises(MismatchError, match="another federation"):
        to_all.meant_for("a" * 26, BOB.peer, NOW)


def test_until_when_it_is_meant() -> None:
    header = Header.of(outline(), sequence=0, index=0, count=1)
    header.meant_for(FEDERATION, BOB.peer, header.expires_at - 1)
    for late in (0, 1, 10**9):
        with pytest.raises(ExpiredError):
            header.meant_for(FEDERATION, BOB.peer, header.expires_at + late)
    header.meant_for(FEDERATION, BOB.peer, header.expires_at - 60 * 86_400)
    with pytest.raises(MalformedError, match="clock"):
        header.meant_for(FEDERATION, BOB.peer, header.expires_at - 60 * 86_400 - 1)


@pytest.mark.parametrize(
    "change", [{"charter": bytes(31)}, {"boot": bytes(17)}, {"federation": "a"}, {"sender": ""}, {"recipient": "a"}]
)
def test_what_would_be_cut_or_filled_up_is_a_bug(change: dict) -> None:
    with pytest.raises(ValueError, match="bytes"):
        replace(outline(), **change)


def test_every_field_of_an_outline_reaches_the_header() -> None:
    header = Header.of(outline(), sequence=0, index=0, count=1)
    assert all(getattr(header, f.name) == getattr(outline(), f.name) for f in fields(Outline))
