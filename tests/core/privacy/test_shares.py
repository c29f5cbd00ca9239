"""Secret sharing: any t shares give the secret, and t - 1 fit every secret alike."""

import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedpeer.core.errors import MalformedError
from fedpeer.core.privacy.shares import SIZE, combine, split

PRIME = 2**256 + 297
secrets = st.binary(min_size=32, max_size=32)


@st.composite
def sharings(draw: st.DrawFn) -> tuple[bytes, list[int], int, bytes]:
    places = draw(st.lists(st.integers(1, 500), min_size=1, max_size=9, unique=True))
    return draw(secrets), places, draw(st.integers(1, len(places))), draw(secrets)


@pytest.mark.long
@given(sharings(), st.randoms())
def test_any_threshold_of_shares_gives_the_secret(sharing, rng) -> None:
    secret, places, threshold, entropy = sharing
    shares = dict(zip(places, split(secret, places, threshold, entropy), strict=True))
    chosen = rng.sample(places, threshold)
    assert combine({place: shares[place] for place in chosen}) == secret
    assert combine(shares) == secret  # more do no harm


@given(sharings())
def test_shares_are_the_values_of_one_polynomial(sharing) -> None:
    secret, places, threshold, entropy = sharing
    wide = hashlib.shake_256(b"fedpeer/shares" + entropy).digest(64 * (threshold - 1))
    coefficients = [int.from_bytes(secret, "big")]
    coefficients += [int.from_bytes(wide[64 * i : 64 * i + 64], "big") for i in range(threshold - 1)]
    for place, share in zip(places, split(secret, places, threshold, entropy), strict=True):
        value = sum(c * place**k for k, c in enumerate(coefficients)) % PRIME
        assert share == value.to_bytes(SIZE, "big")


@given(secrets, secrets, secrets)
def test_one_share_too_few_fits_every_secret(secret: bytes, other: bytes, entropy: bytes) -> None:
    held = dict(zip([1, 2], split(secret, [1, 2, 3], 3, entropy)[:2], strict=True))
    # The share at 3 that would make these two shares those of the other secret, by Lagrange's formula at 0.
    first, second = (int.from_bytes(held[place], "big") for place in (1, 2))
    missing = (int.from_bytes(other, "big") - 3 * first + 3 * second) % PRIME
    assert combine(held | {3: missing.to_bytes(SIZE, "big")}) == other


@given(sharings().filter(lambda s: s[2] > 1), st.integers(0, 8 * SIZE - 9))
def test_a_share_with_a_flipped_bit_does_not_give_the_secret(sharing, bit: int) -> None:
    secret, places, threshold, entropy = sharing
    shares = dict(zip(places, split(secret, places, threshold, entropy), strict=True))
    wrong = (int.from_bytes(shares[places[0]], "big") ^ 1 << bit).to_bytes(SIZE, "big")
    used = {place: shares[place] for place in places[:threshold]} | {places[0]: wrong}
    with contextlib.suppress(MalformedError):
        assert combine(used) != secret


@pytest.mark.parametrize("share", [b"", bytes(SIZE - 1), bytes(SIZE + 1), PRIME.to_bytes(SIZE, "big"), b"\xff" * SIZE])
def test_what_is_no_share_is_refused(share: bytes) -> None:
    with pytest.raises(MalformedError):
        combine({1: share, 2: bytes(SIZE)})


@pytest.mark.parametrize(
    ("secret", "places", "threshold", "entropy"),
    [
        (bytes(31), [1, 2], 2, bytes(32)),
        (bytes(32), [1, 2], 2, bytes(31)),
        (bytes(32), [1, 2], 3, bytes(32)),
        (bytes(32), [1, 1], 2, bytes(32)),
        (bytes(32), [0, 1], 2, bytes(32)),
        (bytes(32), [1, 2], 0, bytes(32)),
    ],
)
def test_what_cannot_be_shared_is_refused(secret: bytes, places: list[int], threshold: int, entropy: bytes) -> None:
    with pytest.raises(ValueError, match=r"shares need|a secret and its entropy"):
        split(secret, places, threshold, entropy)
