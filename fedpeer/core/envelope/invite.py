"""The invite file: all that is needed to ask to join, as text that survives a mail, locked by a passphrase.

    head = "FPI1" ‖ memory KiB (4) ‖ passes (1) ‖ lanes (1) ‖ salt (16) ‖ commitment (32)
    file = head ‖ ChaCha20-Poly1305(padded invitation, associated data = head) ‖ checksum (8)

1. The passphrase is stretched by Argon2id (RFC 9106). Its costs are read from the head and held between floors and
   ceilings before any work: neither can a file be made cheap to guess, nor can it stall who reads it.
2. The stretched secret gives a commitment and a key. The commitment is compared first: without it one ciphertext could
   be made to open under two passphrases, and a wrong passphrase could not be told from an altered file.
3. The checksum is no secret and no proof: it tells a damaged copy from a wrong passphrase, before the stretching.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import struct
import unicodedata

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from fedpeer.core import canonical
from fedpeer.core.canonical import Value, digest
from fedpeer.core.envelope.access import Access
from fedpeer.core.envelope.keys import Card, check_name, derive
from fedpeer.core.envelope.padding import pad, unpad
from fedpeer.core.errors import InviteError, MalformedError
from fedpeer.core.identity import checked_federation, fingerprint

_BEGIN, _END = "-----BEGIN FEDPEER INVITE-----", "-----END FEDPEER INVITE-----"
_HEAD = struct.Struct(">4sIBB16s32s")
_MAGIC = b"FPI1"
_CHECKSUM = 8
_COSTS = (64 * 1024, 3, 4)
_FLOORS, _CEILINGS = (64 * 1024, 3, 1), (256 * 1024, 8, 8)
_MOST_TEXT = 4 << 20
_SHORTEST, _WORDS = 16, 10
_NAME = re.compile(r"[a-z0-9]{8,64}")


class Invitation(Value, frozen=True, omit_defaults=True):
    """What an invite tells: which federation, whose, how to reach it, and the token (32 bytes) that proves it.

    `exchange` are the charter's terms of exchange, as canonical bytes; nothing if contributions are open.
    """

    federation: str
    federation_name: str
    admin: Card
    access: Access
    invite: str
    token: bytes
    role: str
    expires_at: int
    schema: str
    exchange: bytes = b""

    def __repr__(self) -> str:
        return f"Invitation(federation={self.federation!r}, invite={self.invite!r})"

    def check(self) -> Invitation:
        """Return the invitation if it can be used; MalformedError names what cannot."""
        checked_federation(self.federation)
        check_name(self.federation_name)
        check_name(self.role)
        self.admin.check()
        if not _NAME.fullmatch(self.invite) or len(self.token) != 32:
            raise MalformedError("an invitation without a usable name and token")
        return self


def passphrase(entropy: bytes) -> str:
    """Ten words, 110 bits, from at least 32 unpredictable bytes."""
    if len(entropy) < 32:
        raise ValueError("a passphrase needs at least 32 bytes of entropy")
    halves = (derive(entropy, "invite passphrase", part).hex() for part in (b"1", b"2"))
    return " ".join(" ".join(fingerprint(half) for half in halves).split()[:_WORDS])


def write(invitation: Invitation, passphrase: str, entropy: bytes) -> str:
    """Lock an invitation; InviteError for a passphrase of under 16 characters. `entropy` is used once, for the salt."""
    if len(_spoken(passphrase)) < _SHORTEST:
        hint = "leave it out: ten words are made for you"
        raise InviteError(f"a passphrase of under {_SHORTEST} characters could be guessed", hint=hint)
    salt = derive(entropy, "invite salt", size=16)
    commitment, key = _stretch(passphrase, salt, _COSTS)
    head = _HEAD.pack(_MAGIC, *_COSTS, salt, commitment)
    # The key is that of this salt alone and seals one text, so the nonce may be constant.
    locked = head + ChaCha20Poly1305(key).encrypt(bytes(12), pad(canonical.encode(invitation.check())), head)
    text = base64.b64encode(locked + _checksum(locked)).decode()
    lines = (text[i : i + 64] for i in range(0, len(text), 64))
    return "\n".join((_BEGIN, *lines, _END, ""))


def read(text: str, passphrase: str, *, now: int) -> Invitation:
    """Unlock an invitation; InviteError says whether the file, the passphrase or the date is wrong."""
    locked = _unarmour(text)
    head, sealed = locked[: _HEAD.size], locked[_HEAD.size :]
    _, *costs, salt, commitment = _HEAD.unpack(head)
    if not all(low <= cost <= high for low, cost, high in zip(_FLOORS, costs, _CEILINGS, strict=True)):
        raise InviteError("this invite asks for more, or for less, work on its passphrase than an invite may")
    expected, key = _stretch(passphrase, salt, (costs[0], costs[1], costs[2]))
    if not hmac.compare_digest(expected, commitment):
        raise InviteError("that is not the passphrase of this invite", hint="check each word; capitals count")
    try:
        content = unpad(ChaCha20Poly1305(key).decrypt(bytes(12), sealed, head))
        invitation = canonical.decode(content, Invitation).check()
    except (InvalidTag, MalformedError):
        raise InviteError("this invite was altered after it was made, or made wrongly") from None
    if invitation.expires_at <= now:
        ago = _span(now - invitation.expires_at)
        raise InviteError(f"this invite to {invitation.federation_name} expired {ago} ago")
    return invitation


def _unarmour(text: str) -> bytes:
    _, begin, rest = text[:_MOST_TEXT].partition(_BEGIN)
    body, end, _ = rest.partition(_END)
    if not begin or not end:
        raise InviteError("this is not a whole invite", hint=f"copy all of it, from {_BEGIN} to {_END}")
    # Mail programs indent, quote with > and change line ends; none of that can be part of base64.
    try:
        data = base64.b64decode(re.sub(r"[>\s]", "", body), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    locked, checksum = data[:-_CHECKSUM], data[-_CHECKSUM:]
    if len(locked) < _HEAD.size or checksum != _checksum(locked):
        raise InviteError("this invite was damaged on its way", hint="ask for it again, as an attached file")
    if locked[:4] != _MAGIC:
        raise InviteError("this invite was made by another version of fedpeer", hint="update the older of the two")
    return locked


def _stretch(passphrase: str, salt: bytes, costs: tuple[int, int, int]) -> tuple[bytes, bytes]:
    memory, iterations, lanes = costs
    argon = Argon2id(salt=salt, length=32, iterations=iterations, lanes=lanes, memory_cost=memory)
    secret = argon.derive(_spoken(passphrase).encode("utf-8", "surrogatepass"))
    return derive(secret, "invite commitment"), derive(secret, "invite key")


def _spoken(passphrase: str) -> str:
    """One form for all ways of typing the same characters and spaces."""
    return " ".join(unicodedata.normalize("NFKC", passphrase).split())


def _checksum(locked: bytes) -> bytes:
    return digest("invite checksum", locked)[:_CHECKSUM]


def _span(seconds: int) -> str:
    return f"{seconds // 3600} hours" if seconds >= 7200 else f"{seconds // 60} minutes"
