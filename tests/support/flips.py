"""Damage by one bit: it is noticed, or it is another summary and says so; never the same one."""

from __future__ import annotations

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
