"""Damage: of one bit, which is noticed or makes another summary that says so; and of a text in several places."""

from __future__ import annotations

from hypothesis import strategies as st

from fedpeer.core.errors import FedpeerError
from fedpeer.core.statistics.summary import Summary


def assert_a_flipped_bit_is_seen(summary: Summary, bit: int) -> None:
    """Read a summary's bytes with one bit flipped."""
    wrong = flipped(summary.to_bytes(), bit)
    try:
        other = Summary.from_bytes(wrong, summary.schema)
    except FedpeerError:
        return
    assert other != summary
    assert other.to_bytes() == wrong


def flipped(data: bytes, bit: int) -> bytes:
    """The data with one bit flipped."""
    wrong = bytearray(data)
    wrong[bit // 8] ^= 1 << bit % 8
    return bytes(wrong)


def mangled(text: str, data: st.DataObject) -> bytes:
    """The text with up to four short pieces exchanged for drawn bytes, cut off somewhere."""
    wrong = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(wrong) - 1))
        wrong[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    del wrong[data.draw(st.integers(1, len(wrong) + 1)) :]
    return bytes(wrong)
