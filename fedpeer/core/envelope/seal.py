"""The envelope: what makes content private to its readers and tells them, beyond doubt, who sent it.

    message = header (186) ‖ ciphertext ‖ signature (64)

1. The signature is Ed25519 over header ‖ SHA-256(ciphertext): a group's key alone proves no sender. It is checked on
   the bytes as received, before anything is opened or decoded; only `verify` makes a `Verified`, and only that opens.
2. To the group: ChaCha20-Poly1305 with the header as associated data. The key is derived from the epoch's secret for
   this federation, epoch, sender, boot and kind; the nonce is the sequence, of which every chunk has its own. The boot
   id is drawn at each start, so neither a crash nor a restored backup can repeat a (key, nonce).
3. A copy of a running machine could: it has the boot id and the sequence too. Therefore the key also takes a salt that
   is a keyed hash of the content (as in SIV, RFC 5297): the same nonce with other content has another key.
4. To one member: HPKE with the header as `info`.
5. Content is padded to few sizes and never compressed. What is above one message's capacity is cut into chunks, each
   sealed and signed by itself.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from fedpeer.core.envelope import keys
from fedpeer.core.envelope.header import HEADER_SIZE, MOST_CHUNKS, Header, Mode, Outline
from fedpeer.core.envelope.keys import Identity, derive, seal_to
from fedpeer.core.envelope.padding import pad, unpad
from fedpeer.core.errors import ForgedError, LocalError, MalformedError, MismatchError

MOST_MESSAGE = 512 * 1024

_LABEL = "envelope"
_SIGNATURE = 64
_SMALLEST = HEADER_SIZE + 16 + _SIGNATURE
# The largest size of padding with which a message of either mode stays within MOST_MESSAGE, less the length inside.
_CAPACITY = 63 * 8192 - 4


@dataclass(frozen=True, slots=True)
class Verified:
    """A message whose signature holds. Made only by `verify`; still closed."""

    header: Header
    head: bytes = field(repr=False)
    sealed: bytes = field(repr=False)


def seal_group(outline: Outline, content: bytes, *, sequence: int, secret: bytes, identity: Identity) -> list[bytes]:
    """Seal to everyone who holds the epoch's secret. The caller's sequence advances by the number of messages."""
    if outline.recipient:
        raise ValueError("a message to the group has no recipient")
    pieces = []
    for header, padded in _cut(outline, content, sequence, identity):
        header = replace(header, salt=_salt(header, secret, padded), length=len(padded) + 16)
        cipher, nonce, head = _cipher(header, secret)
        pieces.append(_sign(head, cipher.encrypt(nonce, padded, head), identity))
    return pieces


def seal_direct(outline: Outline, content: bytes, *, sequence: int, seal_key: bytes, identity: Identity) -> list[bytes]:
    """Seal to the one holder of an HPKE key. The caller's sequence advances by the number of messages."""
    if not outline.recipient:
        raise ValueError("a direct message needs a recipient")
    pieces = []
    for header, padded in _cut(outline, content, sequence, identity):
        head = replace(header, length=len(padded) + keys.SEALED_OVERHEAD).pack()
        pieces.append(_sign(head, seal_to(seal_key, head, padded), identity))
    return pieces


def read(data: bytes) -> Header:
    """Read the header alone; MalformedError unless the message has its form. Nothing in it can be believed yet."""
    if not _SMALLEST <= len(data) <= MOST_MESSAGE:
        raise MalformedError(f"a message of {len(data)} bytes: it has at least {_SMALLEST} and at most {MOST_MESSAGE}")
    header = Header.unpack(data[:HEADER_SIZE])
    if header.length != len(data) - HEADER_SIZE - _SIGNATURE:
        raise MalformedError(f"a message that is not as long as it says: {header.length} bytes of ciphertext")
    return header


def verify(data: bytes, sign_key: bytes) -> Verified:
    """Hold a message to the key of its sender; ForgedError if anything in it, or the key, is another's."""
    header, head, sealed = read(data), data[:HEADER_SIZE], data[HEADER_SIZE:-_SIGNATURE]
    keys.verify(sign_key, _LABEL, head + hashlib.sha256(sealed).digest(), data[-_SIGNATURE:])
    return Verified(header, head, sealed)


def open_group(verified: Verified, secret: bytes) -> bytes:
    """Open with the epoch's secret; ForgedError if it is not the one this was sealed with."""
    if verified.header.mode != Mode.GROUP:
        raise MismatchError("a direct message where one to the group is expected")
    cipher, nonce, head = _cipher(verified.header, secret)
    try:
        return unpad(cipher.decrypt(nonce, verified.sealed, head))
    except InvalidTag:
        raise ForgedError("a message to the group that its epoch's secret does not open") from None


def open_direct(verified: Verified, identity: Identity) -> bytes:
    """Open as its recipient; ForgedError for anyone else."""
    if verified.header.mode != Mode.DIRECT:
        raise MismatchError("a message to the group where a direct one is expected")
    return unpad(identity.open(verified.sealed, verified.head))


def _cut(outline: Outline, content: bytes, sequence: int, identity: Identity) -> Iterator[tuple[Header, bytes]]:
    if outline.sender != identity.peer:
        raise ValueError("a message is signed by the peer that it says it is from")
    count = max(1, -(-len(content) // _CAPACITY))
    if count > MOST_CHUNKS:
        hint = "use a schema with fewer columns: what is sent grows with their square"
        raise LocalError(f"{len(content)} bytes to send at once, of at most {MOST_CHUNKS * _CAPACITY}", hint=hint)
    for index in range(count):
        header = Header.of(outline, sequence=sequence + index, index=index, count=count)
        yield header, pad(content[index * _CAPACITY : (index + 1) * _CAPACITY])


def _sign(head: bytes, sealed: bytes, identity: Identity) -> bytes:
    return head + sealed + identity.sign(_LABEL, head + hashlib.sha256(sealed).digest())


def _salt(header: Header, secret: bytes, padded: bytes) -> bytes:
    key = derive(secret, "group salt", *_context(header))
    return hmac.digest(key, header.sequence.to_bytes(8, "big") + padded, "sha256")[:16]


def _cipher(header: Header, secret: bytes) -> tuple[ChaCha20Poly1305, bytes, bytes]:
    key = derive(secret, "group key", *_context(header), header.salt)
    return ChaCha20Poly1305(key), header.sequence.to_bytes(12, "big"), header.pack()


def _context(header: Header) -> tuple[bytes, ...]:
    epoch, kind = header.epoch.to_bytes(8, "big"), header.kind.to_bytes(1, "big")
    return header.federation.encode(), epoch, header.sender.encode(), header.boot, kind
