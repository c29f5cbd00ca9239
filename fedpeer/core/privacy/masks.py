"""Masks: uniform vectors that hide what they are added to and cancel where all of them are.

1. A mask is the key stream of AES-256 in counter mode, read as residues: every 64-bit word is uniform, so an entry is
   uniform modulo 2**(64·limbs) whatever its width, and a masked entry says nothing about what is behind it.
2. A key makes one mask only: it is derived from an agreement (X25519) or a seed, with the round and who it is between,
   so the counter may begin at zero.
3. Two peers derive the same mask; the one that comes first in the roster adds it, the other takes it away.
"""

from __future__ import annotations

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


def public(private: bytes) -> bytes:
    """Return the public key (X25519) of 32 secret bytes."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def agree(private: bytes, theirs: bytes) -> bytes:
    """Return what both sides of an agreement know; MalformedError for a public key that anyone could agree with."""
    try:
        return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(theirs))
    except ValueError:
        raise MalformedError("a round's public key is of the wrong size or of small order") from None


def key(secret: bytes, purpose: str, *context: bytes) -> bytes:
    """Derive (HKDF-SHA256, RFC 5869) the key for one purpose in one context from an agreement or a seed."""
    return HKDF(SHA256(), KEY, salt=None, info=digest(f"secure sum {purpose}", *context)).derive(secret)


def mask(layout: tuple[Block, ...], secret: bytes) -> Residues:
    """Return the mask of this key over a layout."""
    stream = Cipher(AES(secret), CTR(bytes(16))).encryptor().update(bytes(size(layout)))
    return Residues.from_bytes(layout, stream)


def size(layout: tuple[Block, ...]) -> int:
    """Bytes of a vector."""
    return sum(8 * block.entries * block.limbs for block in layout)
