"""Who is who: peer and federation ids, and the words by which two people compare them.

An id is a hash of public keys (a peer) or of the founding charter entry (a federation), so it cannot be chosen and
needs no registry. It is 26 lower-case base32 letters, 130 bits, and is used as it stands in bus subjects.
"""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from typing import NewType

from fedpeer.core.canonical import digest
from fedpeer.core.errors import MalformedError

PeerId = NewType("PeerId", str)
FederationId = NewType("FederationId", str)

_ID = re.compile(r"[a-z2-7]{26}")


def peer_id(sign_key: bytes, seal_key: bytes) -> PeerId:
    """Return the id of the peer with these public keys (Ed25519, HPKE)."""
    return PeerId(_short(digest("peer id", sign_key, seal_key)))


def federation_id(founding: bytes) -> FederationId:
    """Return the id of the federation whose first charter entry has these canonical bytes."""
    return FederationId(_short(digest("federation id", founding)))


def checked_peer(text: str) -> PeerId:
    """Return `text` as a peer id, or raise MalformedError."""
    return PeerId(_checked(text))


def checked_federation(text: str) -> FederationId:
    """Return `text` as a federation id, or raise MalformedError."""
    return FederationId(_checked(text))


@lru_cache(maxsize=4096)
def fingerprint(*ids: str) -> str:
    """Six words (66 bits) that two operators can read to each other to know that they mean the same keys."""
    number = int.from_bytes(digest("fingerprint", *(i.encode() for i in ids))[:9], "big") >> 6
    return " ".join(_WORDS[(number >> (11 * i)) & 2047] for i in reversed(range(6)))


def _short(data: bytes) -> str:
    return base64.b32encode(data).decode()[:26].lower()


def _checked(text: str) -> str:
    if not _ID.fullmatch(text):
        raise MalformedError(f"{text[:40]!r} is not an id: 26 of the letters a-z and digits 2-7")
    return text


def _words() -> tuple[str, ...]:
    """2048 pronounceable five-letter words, consonant-vowel-consonant-vowel-consonant; no word list is needed."""
    first, vowel, last = "bdfghjklmnprstvz", "aeiou", "bdfgklmnprstvxzj"
    every = [a + b + c + d + e for a in first for b in vowel for c in first for d in vowel for e in last]
    stride = len(every) // 2048
    return tuple(every[i * stride] for i in range(2048))


_WORDS = _words()
