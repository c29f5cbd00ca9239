"""Masks: uniform vectors that hide what they are added to and cancel where all of them are.

1. A mask is the key stream of AES-256 in counter mode, read as residues: every 64-bit word is uniform, so an entry is
   uniform modulo 2**(64·limbs) whatever its width, and a masked entry says nothing about what is behind it.
2. A key makes one mask only: it is derived from an agreement (X25519) or a seed, with the round and who it is between,
   so the counter may begin at zero.
3. Two peers derive the same mask; the one that comes first in the roster adds it, the other takes it away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
Words = npt.NDArray[np.uint64]

_WORD = np.dtype("<u8")
_CHUNK = 8192  # words of every mask that are made and added while they are near the processor
_ZEROS = bytes(8 * _CHUNK)
_MOST = 255  # addends whose carries a byte can count


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
    return total(layout, added=[secret])


def total(
    layout: tuple[Block, ...],
    *,
    vectors: Sequence[bytes] = (),
    added: Iterable[bytes] = (),
    taken: Iterable[bytes] = (),
) -> Residues:
    """Return the sum of vectors, as bytes, and of the masks of some keys, less those of others."""
    turned = (_Stream(secret, turned=True) for secret in taken)
    sources: list[_Shown | _Stream] = [*map(_Shown, vectors), *map(_Stream, added), *turned]
    groups = [sources[i : i + _MOST] for i in range(0, len(sources), _MOST)]
    parts, begun = [np.zeros((block.entries, block.limbs), np.uint64) for block in layout], 0
    for part in parts:
        for at in range(0, len(part), step := _CHUNK // part.shape[1]):
            rows = part[at : at + step]
            for group in groups:
                _add(rows, group, begun)
            begun += rows.size
    return Residues(layout, tuple(parts))


def size(layout: tuple[Block, ...]) -> int:
    """Bytes of a vector."""
    return sum(8 * block.entries * block.limbs for block in layout)


class _Shown:
    """A vector that everybody may see, read from where one is."""

    turned = False

    def __init__(self, vector: bytes) -> None:
        self._words = np.frombuffer(vector, _WORD)

    def read(self, begun: int, count: int) -> Words:
        return self._words[begun : begun + count]


class _Stream:
    """The mask of a key, made where it is read, in order; `turned` over it is one short of its negative."""

    def __init__(self, secret: bytes, *, turned: bool = False) -> None:
        self.turned, self._stream = turned, Cipher(AES(secret), CTR(bytes(16))).encryptor()

    def read(self, _: int, count: int) -> Words:
        words = np.empty(count, _WORD)
        self._stream.update_into(_ZEROS[: 8 * count], words.data.cast("B"))
        return np.invert(words, out=words) if self.turned else words


def _add(rows: Words, sources: Sequence[_Shown | _Stream], begun: int) -> None:
    """Add up, and then to each limb how often the one below it went over."""
    words, over = rows.reshape(-1), np.zeros(rows.size, np.uint8)
    for source in sources:
        found = source.read(begun, words.size)
        words += found
        if rows.shape[1] > 1:
            over += (words < found).view(np.uint8)
    carry = np.full(len(rows), sum(source.turned for source in sources), np.uint64)
    for k, below in enumerate(over.reshape(rows.shape).T):
        rows[:, k] += carry
        carry = below + (rows[:, k] < carry).astype(np.uint64)
