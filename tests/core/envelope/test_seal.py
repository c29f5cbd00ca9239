from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core import canonical
from fedpeer.core.envelope.header import HEADER_SIZE, MOST_CHUNKS, Header, Outline
from fedpeer.core.envelope.keys import Identity
from fedpeer.core.envelope.seal import (
    MOST_MESSAGE,
    Verified,
    open_direct,
    open_group,
    read,
    seal_direct,
    seal_group,
    verify,
)
from fedpeer.core.errors import ForgedError, LocalError, MalformedError, MismatchError, RemoteError
from tests.support.letters import ALICE, BOB, EVE, NOW, SECRET, outline, places

KEY = {who: who.card("").sign for who in (ALICE, BOB, EVE)}
CAPACITY = 63 * 8192 - 4


def to_group(content: bytes = b"content", sequence: int = 7, secret: bytes = SECRET, **changes: object) -> bytes:
    (message,) = seal_group(outline(**changes), content, sequence=sequence, secret=secret, identity=ALICE)
    return message


def to_bob(content: bytes = b"content", sequence: int = 7) -> bytes:
    (message,) = seal_direct(outline(to=BOB), content, sequence=sequence, seal_key=BOB.card("").seal, identity=ALICE)
    return message


def signed_again(head: bytes, sealed: bytes, by: Identity) -> bytes:
    """What a member could make who takes another's ciphertext and puts its own signature below."""
    return head + sealed + by.sign("envelope", head + hashlib.sha256(sealed).digest())


def parts(message: bytes) -> tuple[bytes, bytes, bytes]:
    return message[:HEADER_SIZE], message[HEADER_SIZE:-64], message[-64:]


@given(st.binary(max_size=3000))
@settings(max_examples=50)
def test_the_group_opens_what_was_sealed_to_it(content: bytes) -> None:
    message = to_group(content)
    assert open_group(verify(message, KEY[ALICE]), SECRET) == content
    assert message == to_group(content)


@given(st.binary(max_size=3000))
@settings(max_examples=30)
def test_a_member_opens_what_was_sealed_to_it(content: bytes) -> None:
    verified = verify(to_bob(content), KEY[ALICE])
    assert open_direct(verified, BOB) == content
    with pytest.raises(ForgedError):
        open_direct(verified, EVE)


def test_a_message_opens_as_the_documentation_says() -> None:
    """Opened by hand: HMAC for HKDF, the cipher, the signature, and offsets counted from the table."""
    message, at = to_group(b"content", sequence=300), places()
    head, sealed, signature = parts(message)
    Ed25519PublicKey.from_public_bytes(KEY[ALICE]).verify(
        signature, canonical.digest("signature", b"envelope", head + hashlib.sha256(sealed).digest())
    )
    names = ("federation", "epoch", "sender", "boot", "kind", "salt")
    info = canonical.digest("group key", *(head[at[name]] for name in names))
    key = hmac.digest(hmac.digest(bytes(32), SECRET, "sha256"), info + b"\1", "sha256")
    padded = ChaCha20Poly1305(key).decrypt(bytes(4) + head[at["sequence"]], sealed, head)
    assert padded == (b"\0\0\0\7content").ljust(256, b"\0")
    salt_info = canonical.digest("group salt", *(head[at[name]] for name in names[:-1]))
    salt_key = hmac.digest(hmac.digest(bytes(32), SECRET, "sha256"), salt_info + b"\1", "sha256")
    assert head[at["salt"]] == hmac.digest(salt_key, head[at["sequence"]] + padded, "sha256")[:16]


@pytest.mark.parametrize("size", [0, 1, CAPACITY - 1, CAPACITY, CAPACITY + 1, 3 * CAPACITY + 5])
@pytest.mark.parametrize("direct", [False, True])
def test_large_content_travels_in_chunks_within_bounds(size: int, *, direct: bool) -> None:
    content = hashlib.shake_128(b"x").digest(size)
    if direct:
        to = outline(to=BOB)
        messages = seal_direct(to, content, sequence=50, seal_key=BOB.card("").seal, identity=ALICE)
        opened = [open_direct(verify(m, KEY[ALICE]), BOB) for m in messages]
    else:
        messages = seal_group(outline(), content, sequence=50, secret=SECRET, identity=ALICE)
        opened = [open_group(verify(m, KEY[ALICE]), SECRET) for m in messages]
    assert b"".join(opened) == content
    assert max(map(len, messages)) <= MOST_MESSAGE
    heads = [read(m) for m in messages]
    assert len(messages) == max(1, -(-size // CAPACITY))
    assert [h.index for h in heads] == list(range(len(messages)))
    assert [h.sequence for h in heads] == list(range(50, 50 + len(messages)))
    assert {h.count for h in heads} == {len(messages)}


def test_too_much_at_once_is_refused_here_and_not_by_the_others() -> None:
    with pytest.raises(LocalError, match="at once"):
        seal_group(outline(), bytes(MOST_CHUNKS * CAPACITY + 1), sequence=0, secret=SECRET, identity=ALICE)


def test_equal_lengths_hide_which_of_them_it_is() -> None:
    assert len({len(to_group(bytes(n))) for n in range(253)}) == 1


def test_an_outline_is_only_sealed_as_it_says() -> None:
    with pytest.raises(ValueError, match="signed by"):
        seal_group(outline(BOB), b"", sequence=0, secret=SECRET, identity=ALICE)
    with pytest.raises(ValueError, match="no recipient"):
        seal_group(outline(to=BOB), b"", sequence=0, secret=SECRET, identity=ALICE)
    with pytest.raises(ValueError, match="needs a recipient"):
        seal_direct(outline(), b"", sequence=0, seal_key=BOB.card("").seal, identity=ALICE)


@pytest.mark.parametrize("message", [to_group(), to_bob()], ids=["group", "direct"])
def test_a_cut_message_is_malformed_at_every_offset(message: bytes) -> None:
    for i in range(len(message)):
        with pytest.raises(MalformedError):
            read(message[:i])
        with pytest.raises(MalformedError):
            verify(message[:i], KEY[ALICE])
    for longer in (message + b"\0", message + message):
        with pytest.raises(MalformedError):
            read(longer)


@pytest.mark.long
@pytest.mark.parametrize("message", [to_group(), to_bob()], ids=["group", "direct"])
def test_a_change_of_any_byte_is_seen_before_anything_is_opened(message: bytes) -> None:
    for i in range(len(message)):
        for flip in (0x01, 0x80):
            altered = message[:i] + bytes([message[i] ^ flip]) + message[i + 1 :]
            with pytest.raises((MalformedError, ForgedError)):
                verify(altered, KEY[ALICE])


@given(st.binary(max_size=700))
def test_random_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(RemoteError):
        read(data)


@pytest.mark.long
@given(st.binary(min_size=300, max_size=700))
def test_random_bytes_below_a_good_header_are_malformed_or_forged(data: bytes) -> None:
    with pytest.raises(RemoteError):
        verify(to_group()[:HEADER_SIZE] + data, KEY[ALICE])


def test_an_oversized_message_is_refused_by_its_size() -> None:
    with pytest.raises(MalformedError, match="at most"):
        read(bytes(MOST_MESSAGE + 1))


def test_only_the_senders_key_verifies() -> None:
    for other in (BOB, EVE):
        with pytest.raises(ForgedError):
            verify(to_group(), KEY[other])


OTHERS: list[tuple[str, bytes]] = [
    ("kind", b"\3"),
    ("federation", b"a" * 26),
    ("epoch", (4).to_bytes(8, "big")),
    ("charter head", bytes(32)),
    ("sender", EVE.peer.encode()),
    ("boot", bytes(16)),
    ("sequence", (8).to_bytes(8, "big")),
    ("pulse", (43).to_bytes(8, "big")),
    ("of chunks", (2).to_bytes(2, "big")),
    ("expires at", (NOW + 601).to_bytes(8, "big")),
    ("salt", b"\1" * 16),
]


@pytest.mark.parametrize(("name", "data"), [*OTHERS, ("recipient", EVE.peer.encode())])
@pytest.mark.parametrize("mode", ["group", "direct"])
def test_no_field_can_be_exchanged_even_by_a_member_who_signs_anew(name: str, data: bytes, mode: str) -> None:
    if name == "recipient" and mode == "group":
        return
    head, sealed, signature = parts(to_group() if mode == "group" else to_bob())
    changed = bytearray(head)
    changed[places()[name]] = data
    with pytest.raises(ForgedError):
        verify(bytes(changed) + sealed + signature, KEY[ALICE])
    verified = verify(signed_again(bytes(changed), sealed, EVE), KEY[EVE])
    with pytest.raises(ForgedError):
        open_group(verified, SECRET) if mode == "group" else open_direct(verified, BOB)


def test_ciphertexts_cannot_be_exchanged_between_messages() -> None:
    (head, _, _), (_, sealed, signature) = parts(to_group(b"one", 1)), parts(to_group(b"two", 2))
    with pytest.raises(ForgedError):
        verify(head + sealed + signature, KEY[ALICE])
    with pytest.raises(ForgedError):
        open_group(verify(signed_again(head, sealed, ALICE), KEY[ALICE]), SECRET)


def test_a_mode_is_never_opened_as_the_other() -> None:
    with pytest.raises(MismatchError):
        open_direct(verify(to_group(), KEY[ALICE]), BOB)
    with pytest.raises(MismatchError):
        open_group(verify(to_bob(), KEY[ALICE]), SECRET)


def test_a_removed_member_reads_and_writes_nothing_in_the_next_epoch() -> None:
    old, new = SECRET, bytes(32)
    with pytest.raises(ForgedError):
        open_group(verify(to_group(secret=new, epoch=4), KEY[ALICE]), old)
    # Nor does it help to claim an old epoch for a new message, or a new one for an old secret.
    (claimed,) = seal_group(outline(EVE, epoch=4), b"", sequence=0, secret=old, identity=EVE)
    with pytest.raises(ForgedError):
        open_group(verify(claimed, KEY[EVE]), new)
    with pytest.raises(ForgedError):
        verify(claimed, KEY[BOB])


def keystream(content: bytes, secret: bytes = SECRET, sequence: int = 7, **changes: object) -> bytes:
    """The bytes that were added to the content: equal for two messages only if key and nonce were."""
    sealed = parts(to_group(content, sequence, secret, **changes))[1]
    return bytes(a ^ b for a, b in zip(sealed[4:], content, strict=False))


def test_key_and_nonce_never_repeat_whatever_differs() -> None:
    content = bytes(200)
    changes: list[dict] = [{"sequence": n} for n in range(20)]
    changes += [{"boot": bytes([n]) * 16} for n in range(20)]
    changes += [{"epoch": 4}, {"kind": 3}, {"federation": "a" * 26}]
    streams = {keystream(content, **c) for c in changes} | {keystream(content, bytes(32))}
    assert len(streams) == len(changes) + 1
    (other,) = seal_group(outline(BOB), content, sequence=7, secret=SECRET, identity=BOB)
    assert parts(other)[1][4:204] not in streams


@given(st.binary(min_size=200, max_size=200), st.binary(min_size=200, max_size=200))
def test_a_copied_machine_repeats_the_nonce_but_not_the_key(one: bytes, two: bytes) -> None:
    assert (keystream(one) == keystream(two)) == (one == two)


def test_chunks_of_one_message_do_not_share_a_keystream() -> None:
    messages = seal_group(outline(), bytes(3 * CAPACITY), sequence=0, secret=SECRET, identity=ALICE)
    streams = [parts(m)[1][4:1000] for m in messages]
    assert all(a != b for a, b in pairwise(streams))


def test_the_header_does_not_tell_what_the_content_is() -> None:
    """Someone who guesses the content cannot check the guess against the salt without the epoch's secret."""
    head = parts(to_group(b"guess"))[0]
    assert head[places()["salt"]] != parts(to_group(b"guess", secret=bytes(32)))[0][places()["salt"]]


def test_content_that_is_not_padded_is_refused_after_its_signature() -> None:
    header = replace(Header.of(outline(to=BOB), sequence=7, index=0, count=1), length=1136 + 3)
    from fedpeer.core.envelope.keys import seal_to

    sealed = seal_to(BOB.card("").seal, header.pack(), b"abc")
    with pytest.raises(MalformedError, match="padded"):
        open_direct(verify(signed_again(header.pack(), sealed, ALICE), KEY[ALICE]), BOB)


def test_neither_content_nor_ciphertext_is_shown() -> None:
    verified = verify(to_group(b"patients"), KEY[ALICE])
    assert isinstance(verified, Verified)
    assert "sealed" not in repr(verified)
    assert isinstance(verified.header, Outline)
    assert len(repr(verified)) < 1000
