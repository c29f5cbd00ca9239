from __future__ import annotations

import hashlib

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fedpeer.core import canonical
from fedpeer.core.envelope.keys import SEALED_OVERHEAD, Card, Identity, derive, seal_to, verify
from fedpeer.core.errors import ForgedError, HomeError, MalformedError
from fedpeer.core.identity import peer_id
from tests.support.letters import ALICE, BOB, EVE

roots = st.binary(min_size=32, max_size=32)

# The curve, written out from RFC 8032 alone, to find the points that must be refused.
P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
L = 2**252 + 27742317777372353535851937790883648493


def add(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    (x1, y1), (x2, y2) = a, b
    t = D * x1 * x2 * y1 * y2
    return (x1 * y2 + x2 * y1) * pow(1 + t, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - t, -1, P) % P


def times(n: int, a: tuple[int, int]) -> tuple[int, int]:
    total = (0, 1)
    while n:
        total, a, n = (add(total, a) if n & 1 else total), add(a, a), n >> 1
    return total


def lift(y: int) -> tuple[int, int] | None:
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    root = pow(square, (P + 3) // 8, P)
    for x in (root, root * pow(2, (P - 1) // 4, P) % P):
        if x * x % P == square:
            return x, y
    return None


def packed(point: tuple[int, int]) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def small_order() -> list[tuple[int, int]]:
    points = (lift(y) for y in range(2, 200))
    generator = next(t for p in points if p and (t := times(L, p)) and times(4, t) != (0, 1))
    return [times(n, generator) for n in range(8)]


SMALL = small_order()


def card_with(sign: bytes) -> Card:
    return replace(ALICE.card("Alice"), sign=sign)


def test_there_are_eight_points_of_small_order() -> None:
    assert len(set(SMALL)) == 8
    assert all(times(8, point) == (0, 1) for point in SMALL)


@pytest.mark.parametrize("point", SMALL)
def test_a_key_of_small_order_is_refused(point: tuple[int, int]) -> None:
    for sign in (packed(point), packed((1, point[1])), packed((0, point[1]))):
        with pytest.raises(MalformedError, match="small order"):
            card_with(sign).check()


@pytest.mark.parametrize("point", SMALL)
def test_the_library_alone_would_accept_a_forgery_under_it(point: tuple[int, int]) -> None:
    key, forged = packed(point), packed((0, 1)) + bytes(32)
    for i in range(64):
        data = b"data %d" % i
        message = canonical.digest("signature", b"share", data)
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(forged, message)
        except InvalidSignature:
            continue  # one message in eight, at least, is forged by this one R
        with pytest.raises(ForgedError, match="anyone"):
            verify(key, "share", data, forged)
        return
    pytest.fail("the library refused every forgery: the check may have become needless")


@pytest.mark.parametrize("y", range(P, 2**255))
def test_a_key_written_in_a_second_way_is_refused(y: int) -> None:
    for sign in (y, y | 1 << 255):
        with pytest.raises(MalformedError):
            card_with(sign.to_bytes(32, "little")).check()


@given(st.integers(0, P - 1).filter(lambda y: y not in {point[1] for point in SMALL}))
def test_exactly_the_points_of_the_curve_pass(y: int) -> None:
    card = card_with(y.to_bytes(32, "little"))
    if lift(y):
        assert card.check() is card
    else:
        with pytest.raises(MalformedError, match="not a point"):
            card.check()


@given(roots)
@settings(max_examples=20)
def test_an_identity_follows_from_its_entropy_and_survives_storage(entropy: bytes) -> None:
    identity = Identity.of(entropy)
    again = Identity.from_secret(identity.secret())
    assert identity == again == Identity.of(entropy)
    assert identity.card("x").check() == again.card("x")
    assert identity.peer == peer_id(identity.card("x").sign, identity.card("x").seal)
    assert identity.broker_seed() == again.broker_seed()


def test_no_two_keys_of_an_identity_are_the_same_and_none_is_the_root() -> None:
    parts = [derive(ALICE.secret(), f"identity {use}") for use in ("sign", "seal mlkem768", "seal x25519", "broker")]
    assert len({ALICE.secret(), *parts}) == 5
    signing = Ed25519PrivateKey.from_private_bytes(parts[0]).public_key().public_bytes_raw()
    assert signing == ALICE.card("").sign


def test_two_identities_share_nothing() -> None:
    a, b = ALICE.card("x"), BOB.card("x")
    assert {a.sign, a.seal, a.broker, a.peer}.isdisjoint({b.sign, b.seal, b.broker, b.peer})
    assert ALICE != BOB
    assert len({ALICE, BOB, EVE, Identity.from_secret(ALICE.secret())}) == 3


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_damaged_secret_is_refused(size: int) -> None:
    with pytest.raises(HomeError):
        Identity.from_secret(bytes(size))


def test_too_little_entropy_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Identity.of(bytes(31))


def test_nothing_shows_a_secret() -> None:
    shown = f"{ALICE!r} {ALICE} {[ALICE]!r} {ALICE.card('Alice')!r}"
    for secret in (ALICE.secret(), derive(ALICE.secret(), "identity sign")):
        assert secret.hex() not in shown
        assert repr(secret)[2:-1] not in shown
    assert ALICE.broker_seed() not in shown
    assert ALICE.peer in shown


@given(st.text(max_size=20), st.binary(max_size=200))
def test_a_signature_verifies_for_its_key_label_and_data_only(label: str, data: bytes) -> None:
    key, signature = ALICE.card("").sign, ALICE.sign(label, data)
    verify(key, label, data, signature)
    assert signature == ALICE.sign(label, data)
    for wrong in ((BOB.card("").sign, label, data), (key, label + "x", data), (key, label, data + b"\0")):
        with pytest.raises(ForgedError):
            verify(*wrong, signature)


def test_a_label_cannot_be_moved_into_the_data() -> None:
    with pytest.raises(ForgedError):
        verify(ALICE.card("").sign, "ab", b"c", ALICE.sign("a", b"bc"))


def test_every_flipped_bit_of_a_signature_is_seen() -> None:
    signature = ALICE.sign("share", b"data")
    for bit in range(512):
        flipped = (int.from_bytes(signature, "big") ^ 1 << bit).to_bytes(64, "big")
        with pytest.raises(ForgedError):
            verify(ALICE.card("").sign, "share", b"data", flipped)


def test_a_signature_with_a_second_scalar_is_refused() -> None:
    signature = ALICE.sign("share", b"data")
    scalar = int.from_bytes(signature[32:], "little") + L
    with pytest.raises(ForgedError):
        verify(ALICE.card("").sign, "share", b"data", signature[:32] + scalar.to_bytes(32, "little"))


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_keys_and_signatures_of_any_bytes_only_ever_raise_forged(key: bytes, signature: bytes) -> None:
    with pytest.raises(ForgedError):
        verify(key, "share", b"data", signature)


@given(st.binary(max_size=300), st.binary(max_size=50))
@settings(max_examples=30)
def test_what_is_sealed_opens_for_its_holder_with_the_same_info_only(content: bytes, info: bytes) -> None:
    sealed = seal_to(BOB.card("").seal, info, content)
    assert len(sealed) == len(content) + SEALED_OVERHEAD
    assert BOB.open(sealed, info) == content
    assert sealed != seal_to(BOB.card("").seal, info, content)
    for identity, other in ((EVE, info), (BOB, info + b"x")):
        with pytest.raises(ForgedError):
            identity.open(sealed, other)


def test_a_sealed_text_that_was_altered_or_cut_anywhere_does_not_open() -> None:
    sealed = seal_to(BOB.card("").seal, b"info", b"content")
    for i in range(len(sealed)):
        altered = sealed[:i] + bytes([sealed[i] ^ 1]) + sealed[i + 1 :]
        for wrong in (altered, sealed[:i]):
            with pytest.raises(ForgedError):
                BOB.open(wrong, b"info")


def test_sealing_keys_that_must_not_be_used_are_refused() -> None:
    seal = ALICE.card("").seal
    low = [bytes(32), b"\1" + bytes(31), (2**255 - 20).to_bytes(32, "little"), (2**255 - 19).to_bytes(32, "little")]
    wrong = [b"", seal[:-1], seal + b"\0", b"\xff" * 1184 + seal[1184:], *(seal[:1184] + point for point in low)]
    for key in wrong:
        with pytest.raises(MalformedError, match="sealing key"):
            replace(ALICE.card("Alice"), seal=key).check()


@pytest.mark.parametrize("name", ["", " ", "x ", "\n", "a\tb", "x" * 65, "\u202egnp", "a\u200bb", "\x1b[31m", "\ud800"])
def test_names_that_deceive_are_refused(name: str) -> None:
    with pytest.raises(MalformedError, match="not a name"):
        ALICE.card(name).check()


@pytest.mark.parametrize("name", ["A", "Hôpital Général №2", "北京", "St. Mary’s – Ward 3"])
def test_names_of_any_script_pass(name: str) -> None:
    assert ALICE.card(name).check().name == name


@pytest.mark.parametrize("broker", ["", "U", "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF5", "$SYS.>"])
def test_broker_keys_that_are_none_are_refused(broker: str) -> None:
    with pytest.raises(MalformedError):
        replace(ALICE.card("Alice"), broker=broker).check()


def test_a_card_has_one_canonical_form() -> None:
    card = ALICE.card("Alice")
    assert canonical.decode(canonical.encode(card), Card) == card


def test_keys_derived_for_different_things_differ() -> None:
    ways = [("a",), ("b",), ("a", b""), ("a", b"", b""), ("a", b"x"), ("a", b"x", b"y"), ("a", b"xy"), ("ax",)]
    assert len({derive(bytes(32), *way) for way in ways}) == len(ways)
    assert len(derive(bytes(32), "a", size=64)) == 64


def test_derivation_is_hkdf_as_rfc_5869_has_it() -> None:
    import hmac

    info = canonical.digest("label", b"context")
    extracted = hmac.digest(bytes(32), b"secret", hashlib.sha256)
    assert derive(b"secret", "label", b"context") == hmac.digest(extracted, info + b"\1", hashlib.sha256)
