"""Who can sign and who can open: a peer's private `Identity`, and the `Card` of public keys that others know it by.

1. One root per identity; every key is derived from it under its own label, so no key serves two purposes and the root
   is all there is to keep. The same root always gives the same keys.
2. Signing: Ed25519 over a digest of a label and the data, so that what is signed as one thing never verifies as
   another. Sealing: HPKE (RFC 9180) with ML-KEM-768 and X25519 together, for what must be secret in thirty years; its
   encapsulation draws the system's randomness inside the library, the one place in the core where that happens.
3. A public key is checked before it is believed: the library loads Ed25519 points of small order, under which anyone
   can sign, and points written in more than one way, which would give one key two names.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fedpeer.core.canonical import Value, digest
from fedpeer.core.envelope import passes
from fedpeer.core.errors import ForgedError, HomeError, MalformedError
from fedpeer.core.identity import PeerId, peer_id

SEALED_OVERHEAD = 1120 + 16

_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_MLKEM_SIZE, _X25519_SIZE = 1184, 32
_MOST_NAME = 64
_REMEMBERED = 8192  # signatures; documents of a round are met again in the documents of its collector

# The Edwards curve of RFC 8032: -x² + y² = 1 + d x² y² modulo p. Its eight points of small order have these five y.
_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_Y8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER = frozenset({0, 1, _P - 1, _Y8, _P - _Y8})


class Card(Value, frozen=True):
    """A peer's public keys (Ed25519, HPKE, NATS user) and what people call it. Its id follows from the first two."""

    sign: bytes
    seal: bytes
    broker: str
    name: str

    @property
    def peer(self) -> PeerId:
        """The id of the peer with these keys."""
        return peer_id(self.sign, self.seal)

    def check(self) -> Card:
        """Return the card if it may be enrolled; MalformedError names the key or name that is not sound."""
        _check_sign(self.sign)
        _check_seal(self.seal)
        passes.check_public(self.broker, "user")
        check_name(self.name)
        return self


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Identity:
    """A peer's private keys in one federation. Never shown, never sent."""

    _root: bytes
    _sign: Ed25519PrivateKey
    _open: MLKEM768X25519PrivateKey
    _card: Card
    peer: PeerId

    @classmethod
    def of(cls, entropy: bytes) -> Identity:
        """Derive a new identity from at least 32 unpredictable bytes."""
        if len(entropy) < 32:
            raise ValueError("an identity needs at least 32 bytes of entropy")
        return cls.from_secret(derive(entropy, "identity"))

    @classmethod
    def from_secret(cls, root: bytes) -> Identity:
        """Read what `secret` wrote; HomeError if it is damaged."""
        if len(root) != 32:
            raise HomeError(f"the identity's secret is {len(root)} bytes long instead of 32")
        sign = Ed25519PrivateKey.from_private_bytes(derive(root, "identity sign"))
        mlkem = MLKEM768PrivateKey.from_seed_bytes(derive(root, "identity seal mlkem768", size=64))
        x25519 = X25519PrivateKey.from_private_bytes(derive(root, "identity seal x25519"))
        seal = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        broker = passes.public_key(_broker_seed(root), "user")
        card = Card(sign.public_key().public_bytes_raw(), seal, broker, "")
        return cls(root, sign, MLKEM768X25519PrivateKey(mlkem, x25519), card, card.peer)

    def secret(self) -> bytes:
        """The 32 bytes to keep, from which `from_secret` makes the same identity."""
        return self._root

    def broker_seed(self) -> str:
        """The seed text of the NATS user key: proves who connects to the broker, never signs data."""
        return _broker_seed(self._root)

    def card(self, name: str) -> Card:
        """The public keys, under the name by which people shall know them."""
        return Card(self._card.sign, self._card.seal, self._card.broker, name)

    def sign(self, label: str, data: bytes) -> bytes:
        """Sign `data` as a `label`: 64 bytes, always the same for the same arguments."""
        return self._sign.sign(_signed(label, data))

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """Open what `seal_to` sealed to this identity with the same `info`; ForgedError for anything else."""
        try:
            return _SUITE.decrypt(sealed, self._open, info)
        except (InvalidTag, ValueError):
            raise ForgedError("what was sealed to this peer cannot be opened: altered, or meant for another") from None

    def __eq__(self, other: object) -> bool:
        # The public keys decide: comparing secrets would take a time that depends on them.
        return isinstance(other, Identity) and self._card == other._card

    def __hash__(self) -> int:
        return hash(self._card.sign)

    def __repr__(self) -> str:
        return f"Identity({self.peer})"


def check_name(name: str) -> str:
    """Return a name that people can read; MalformedError for any other."""
    # Not printable are also the marks that turn or hide letters, by which one name could pass for another.
    if not 1 <= len(name) <= _MOST_NAME or not name.isprintable() or name != name.strip():
        raise MalformedError(f"{name[:_MOST_NAME]!r} is not a name: 1 to {_MOST_NAME} printable characters")
    return name


def verify(sign_key: bytes, label: str, data: bytes, signature: bytes) -> None:
    """ForgedError unless `signature` is that of the holder of `sign_key` on `data` as a `label`."""
    try:
        proved(sign_key, _signed(label, data), signature)
    except (InvalidSignature, ValueError):
        anyones = _y(sign_key) in _SMALL_ORDER
        what = "under a key with which anyone can sign" if anyones else "whose signature does not verify"
        raise ForgedError(f"a {label} {what}") from None


@lru_cache(_REMEMBERED)
def proved(sign_key: bytes, digest: bytes, signature: bytes) -> None:
    """InvalidSignature or ValueError unless it is a peer's signature of a digest. Only what verified is remembered."""
    if _y(sign_key) in _SMALL_ORDER:
        raise InvalidSignature
    Ed25519PublicKey.from_public_bytes(sign_key).verify(signature, digest)


def seal_to(seal_key: bytes, info: bytes, plaintext: bytes) -> bytes:
    """Seal to a public HPKE key (1216 bytes), bound to `info`: `SEALED_OVERHEAD` longer, different each time."""
    return _SUITE.encrypt(plaintext, _hybrid(seal_key), info)


def derive(secret: bytes, label: str, *context: bytes, size: int = 32) -> bytes:
    """HKDF-SHA256 (RFC 5869) of a secret; the label says for what, the context for whom and when."""
    return HKDF(SHA256(), size, salt=None, info=digest(label, *context)).derive(secret)


def _broker_seed(root: bytes) -> str:
    return passes.seed("user", derive(root, "identity broker"))


def _signed(label: str, data: bytes) -> bytes:
    return digest("signature", label.encode(), data)


def _y(sign_key: bytes) -> int:
    return int.from_bytes(sign_key, "little") & (2**255 - 1)


def _check_sign(sign_key: bytes) -> None:
    y = _y(sign_key)
    if len(sign_key) != 32 or y >= _P or y in _SMALL_ORDER:
        raise MalformedError("a signing key that must not be used: wrong size, of small order, or not canonical")
    # x² = (y² - 1) / (d y² + 1) must have a root, which Euler's criterion tells (RFC 8032, section 5.1.3).
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P)
    if pow(square, (_P - 1) // 2, _P) != 1:
        raise MalformedError("a signing key that is not a point of the curve")


def _check_seal(seal_key: bytes) -> None:
    _, x25519 = _hybrid(seal_key), X25519PublicKey.from_public_bytes(seal_key[_MLKEM_SIZE:])
    try:
        X25519PrivateKey.from_private_bytes(bytes(range(32))).exchange(x25519)
    except ValueError:
        raise MalformedError("a sealing key that must not be used: its X25519 half is of small order") from None


def _hybrid(seal_key: bytes) -> MLKEM768X25519PublicKey:
    if len(seal_key) != _MLKEM_SIZE + _X25519_SIZE:
        raise MalformedError(f"a sealing key of {len(seal_key)} bytes instead of {_MLKEM_SIZE + _X25519_SIZE}")
    try:
        mlkem = MLKEM768PublicKey.from_public_bytes(seal_key[:_MLKEM_SIZE])
    except ValueError:
        raise MalformedError("a sealing key whose ML-KEM half is out of range") from None
    return MLKEM768X25519PublicKey(mlkem, X25519PublicKey.from_public_bytes(seal_key[_MLKEM_SIZE:]))
