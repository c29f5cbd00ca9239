"""Masks: the key stream of AES-256 in counter mode; both sides of a pair make the same one."""

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from hypothesis import given
from hypothesis import strategies as st

from fedpeer.core.errors import MalformedError
from fedpeer.core.privacy import masks
from fedpeer.core.statistics.residues import Block, Residues

keys = st.binary(min_size=32, max_size=32)
LAYOUT = (Block("a", 5, 1), Block("b", 3, 2), Block("c", 2, 3))


@given(keys)
def test_a_mask_is_the_encrypted_count(key: bytes) -> None:
    data = masks.mask(LAYOUT, key).to_bytes()
    blocks = b"".join(i.to_bytes(16, "big") for i in range(-(-len(data) // 16)))
    assert data == Cipher(AES(key), ECB()).encryptor().update(blocks)[: len(data)]
    assert len(data) == masks.size(LAYOUT) == 8 * (5 + 6 + 6)


@given(st.lists(keys, max_size=5), st.lists(keys, max_size=5), st.lists(keys, max_size=3), st.integers(0, 9000))
def test_a_total_is_the_sum_of_vectors_and_masks(added, taken, vectors, entries: int) -> None:
    layout = (*LAYOUT, Block("long", entries, 2), Block("tail", 9, 1))
    shown, expected = [masks.mask(layout, each[::-1]) for each in vectors], Residues.zero(layout)
    for each in [*shown, *(masks.mask(layout, key) for key in added)]:
        expected = expected + each
    for key in taken:
        expected = expected - masks.mask(layout, key)
    assert masks.total(layout, vectors=[each.to_bytes() for each in shown], added=added, taken=taken) == expected


@given(keys, keys)
def test_both_sides_agree(one: bytes, other: bytes) -> None:
    mine, theirs = masks.private(one), masks.private(other)
    assert masks.agree(mine, masks.public(theirs)) == masks.agree(theirs, masks.public(mine))


@given(keys, keys, st.sampled_from(["own mask", "pair mask", "shares"]), st.binary(max_size=8), st.binary(max_size=8))
def test_a_key_is_of_one_secret_purpose_and_context(one: bytes, two: bytes, purpose: str, a: bytes, b: bytes) -> None:
    key = masks.key(one, purpose, a, b)
    assert key == masks.key(one, purpose, a, b)
    assert key != masks.key(one, "another", a, b)
    assert key != masks.key(one, purpose, a + b)
    assert (key == masks.key(two, purpose, a, b)) == (one == two)


@pytest.mark.parametrize("theirs", [b"", bytes(31), bytes(33), bytes(32), (1).to_bytes(32, "little")])
def test_a_key_that_anyone_could_agree_with_is_refused(theirs: bytes) -> None:
    with pytest.raises(MalformedError):
        masks.agree(masks.private(b"\x07" * 32), theirs)
