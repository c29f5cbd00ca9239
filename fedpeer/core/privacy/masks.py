"""Masks: uniform vectors that hide what they are added to and cancel where all of them are.

1. A mask is the key stream of AES-256 in counter mode, read as residues: every 64-bit word is uniform, so an entry is
   uniform modulo 2**(64·limbs) whatever its width, and a masked entry says nothing about what is behind it.
2. A key makes one mask only: it is derived from an agreement (X25519) or a seed, with the round and who it is between,
   so the counter may begin at zero.
3. Two peers derive the same mask; the one that comes first in the roster adds it, the other takes it away.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fedpeer.core.canonical import digest
from fedpeer.core.errors import MalformedError
from fedpeer.core.statistics.residues import Block, Residues

KEY = 32  # bytes of a key, a seed, and an agreement

Private = X25519PrivateKey

_WORD = np.dtype("<u8")
_CHUNK = 8192  # words of every mask that are made and added while they are near the processor


def private(secret: bytes) -> Private:
    """Return the private key (X25519) of 32 secret bytes."""
    return X25519PrivateKey.from_private_bytes(secret)


def public(mine: Private) -> bytes:
    """Return the public key of a private one."""
    return mine.public_key().public_bytes_raw()


def agree(mine: Private, theirs: bytes) -> bytes:
    """Return what both sides of an agreement know; MalformedError for a public key that anyone could agree with."""
    try:
        return mine.exchange(X25519PublicKey.from_public_bytes(theirs))
    except ValueError:
        raise MalformedError("a round's public key is of the wrong size or of small order") from None


def key(secret: bytes, purpose: str, *context: bytes) -> bytes:
    """Derive (HKDF-SHA256, RFC 5869) the key for one purpose in one context from an agreement or a seed."""
    return HKDF(SHA256(), KEY, salt=None, info=digest(f"secure sum {purpose}", *context)).derive(secret)


def mask(layout: tuple[Block, ...], secret: bytes) -> Residues:
    """Return the mask of this key over a layout."""
    return total(layout, [secret])


def total(layout: tuple[Block, ...], secrets: Iterable[bytes]) -> Residues:
    """Return the sum of the masks of these keys."""
    streams = [Cipher(AES(secret), CTR(bytes(16))).encryptor() for secret in secrets]
    words, over = np.zeros(size(layout) // 8, np.uint64), np.zeros(size(layout) // 8, np.uint32)
    wide = any(block.limbs > 1 for block in layout)
    zeros, fresh = bytes(8 * _CHUNK), np.empty(_CHUNK, _WORD)
    for at in range(0, len(words), _CHUNK):
        part = words[at : at + _CHUNK]
        found = fresh[: len(part)]
        for stream in streams:
            stream.update_into(zeros[: 8 * len(part)], found.data.cast("B"))
            part += found
            if wide:
                over[at : at + _CHUNK] += part < found
    return _carried(layout, words, over) if wide else _shaped(layout, words)


def size(layout: tuple[Block, ...]) -> int:
    """Bytes of a vector."""
    return sum(8 * block.entries * block.limbs for block in layout)


def _carried(layout: tuple[Block, ...], words: npt.NDArray[np.uint64], over: npt.NDArray[np.uint32]) -> Residues:
    """Add to each limb how often the one below it went over."""
    low, carries = _shaped(layout, words), _shaped(layout, np.roll(over, 1).astype(np.uint64))
    for part in carries.parts:
        part[:, 0] = 0
    return low + carries


def _shaped(layout: tuple[Block, ...], words: npt.NDArray[np.uint64]) -> Residues:
    parts, at = [], 0
    for block in layout:
        count = block.entries * block.limbs
        parts.append(words[at : at + count].reshape(block.entries, block.limbs))
        at += count
    return Residues(layout, tuple(parts))
