from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedpeer.core.envelope.padding import pad, unpad
from fedpeer.core.errors import MalformedError


def padme(length: int) -> int:
    """The size of the paper, as the paper writes it."""
    exponent = math.floor(math.log2(length))
    bits = math.floor(math.log2(exponent)) + 1
    step = 2 ** (exponent - bits)
    return math.ceil(length / step) * step


@given(st.integers(0, 300_000))
def test_sizes_are_those_of_the_paper_but_never_below_the_smallest(length: int) -> None:
    padded = pad(bytes(length))
    assert len(padded) == max(256, padme(length + 4))
    assert len(padded) <= max(256, (length + 4) * 1.12)


@given(st.binary(max_size=2000))
def test_padding_comes_off_again(content: bytes) -> None:
    assert unpad(pad(content)) == content


@pytest.mark.long
def test_few_sizes_stand_for_many_lengths() -> None:
    assert len({len(pad(bytes(n))) for n in range(100_000)}) < 170


@given(st.binary(max_size=600))
def test_exactly_what_was_padded_is_accepted(data: bytes) -> None:
    try:
        content = unpad(data)
    except MalformedError:
        return
    assert pad(content) == data


@pytest.mark.parametrize("size", [0, 10, 251, 252, 253, 300, 5000])
def test_padding_that_is_not_ours_is_refused(size: int) -> None:
    padded = pad(b"\x07" * size)
    for wrong in (padded[:-1], padded + b"\0", padded[:3], b""):
        with pytest.raises(MalformedError):
            unpad(wrong)
    if len(padded) > size + 4:
        for i in (size + 4, len(padded) - 1):
            with pytest.raises(MalformedError):
                unpad(padded[:i] + b"\1" + padded[i + 1 :])
