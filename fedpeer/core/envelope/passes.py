"""Broker passes: NATS keys, and the JWTs by which a server knows who may publish and subscribe where.

A chain of three: an operator signs accounts, an account signs users, a user signs the server's nonce. All of it is
JSON and Ed25519; nothing here is trusted with data, since the broker itself is not.

1. Keys are texts as NATS writes them: base32 of a prefix that says what the key is for, 32 bytes, and a CRC-16. A seed
   of one kind is refused where another is expected, and is never shown in an error.
2. Every function is deterministic in its arguments. Mint the operator's JWT once and keep it: a server whose operator
   JWT changed refuses to reload, silently.
3. Permissions are allow lists only: deny rules have had bypasses. An empty list would mean *everything* to the
   server, so it is refused here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedpeer.core.errors import BusError, MalformedError

_Kind = Literal["operator", "account", "user"]

_PREFIX: dict[_Kind, int] = {"operator": 14 << 3, "account": 0, "user": 20 << 3}
_SEED = 18 << 3
_UNLIMITED = {"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "conn": -1, "wildcards": True}
_STORAGE = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
_SYSTEM = "SYS"
_MOST_SUBSCRIPTIONS = 64
_MOST_PAYLOAD = 1 << 20


@dataclass(frozen=True, slots=True)
class Rights:
    """The subjects (NATS wildcards) a user may publish and subscribe, and until when (UTC seconds; None: no end)."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    expires: int | None = None

    def __post_init__(self) -> None:
        if not self.publish or not self.subscribe:
            raise ValueError("name at least one subject each way: to a server an empty allow list means everything")


def seed(kind: _Kind, entropy: bytes) -> str:
    """Return the seed text (SO…, SA…, SU…) of 32 unpredictable bytes."""
    if len(entropy) != 32:
        raise ValueError("a seed is made of exactly 32 bytes")
    return _armour(_seed_prefix(kind) + entropy)


def public_key(seed: str, kind: _Kind) -> str:
    """Return the public key text (O…, A…, U…) of a seed of this kind; BusError if it is not one."""
    return _armour(bytes([_PREFIX[kind]]) + _private(seed, kind).public_key().public_bytes_raw())


def check_public(text: str, kind: _Kind) -> str:
    """Return `text` if it is a public key of this kind; MalformedError if not."""
    data = _unarmour(text)
    if data is None or len(data) != 33 or data[0] != _PREFIX[kind]:
        raise MalformedError(f"{text[:60]!r} is not the public key of a NATS {kind}")
    return text


def sign_nonce(seed: str, nonce: str | bytes) -> bytes:
    """Return what a NATS client answers to a server's nonce: the base64 of a user's signature."""
    data = nonce.encode() if isinstance(nonce, str) else nonce
    return base64.b64encode(_private(seed, "user").sign(data))


def operator_jwt(operator_seed: str, now: int) -> str:
    """Return the self-signed JWT of the operator: keep it, for another time makes another text."""
    return _jwt(operator_seed, "operator", public_key(operator_seed, "operator"), "fedpeer", {"iat": now, "nats": {}})


def account_jwt(operator_seed: str, account_public: str, name: str, revoked: Mapping[str, int], now: int) -> str:
    """Return the JWT of an account; `revoked` maps user keys to the time up to which their passes are void.

    The account named SYS is the server's own, which a server allows no JetStream; every other one gets it.
    """
    claims: dict[str, Any] = {"limits": _UNLIMITED if name == _SYSTEM else {**_UNLIMITED, **_STORAGE}}
    claims["default_permissions"] = {"pub": {}, "sub": {}}
    if revoked:
        claims["revocations"] = dict(sorted(revoked.items()))
    return _jwt(operator_seed, "account", check_public(account_public, "account"), name, {"iat": now, "nats": claims})


def user_jwt(account_seed: str, user_public: str, name: str, *, rights: Rights, now: int) -> str:
    """Return the pass of one user: what `rights` lists, and nothing else."""
    allowed = {"pub": {"allow": rights.publish}, "sub": {"allow": rights.subscribe}}
    limits = {"subs": _MOST_SUBSCRIPTIONS, "data": -1, "payload": _MOST_PAYLOAD}
    body: dict[str, Any] = {"iat": now, "nats": {**allowed, **limits}}
    if rights.expires is not None:
        body["exp"] = rights.expires
    return _jwt(account_seed, "user", check_public(user_public, "user"), name, body)


def _jwt(signer_seed: str, kind: _Kind, subject: str, name: str, body: dict[str, Any]) -> str:
    signer: _Kind = "account" if kind == "user" else "operator"
    claims = {**body["nats"], "type": kind, "version": 2}
    body = {**body, "iss": public_key(signer_seed, signer), "name": name, "sub": subject, "nats": claims}
    jti = base64.b32encode(hashlib.sha256(msgspec.json.encode(body)).digest()).decode().rstrip("=")
    head = {"typ": "JWT", "alg": "ed25519-nkey"}
    signed = f"{_text(msgspec.json.encode(head))}.{_text(msgspec.json.encode({**body, 'jti': jti}))}"
    return f"{signed}.{_text(_private(signer_seed, signer).sign(signed.encode()))}"


def _private(seed: str, kind: _Kind) -> Ed25519PrivateKey:
    data = _unarmour(seed)
    if data is None or len(data) != 34 or data[:2] != _seed_prefix(kind):
        raise BusError(f"this is not the seed of a NATS {kind} key", hint=f"it begins with S{kind[0].upper()}")
    return Ed25519PrivateKey.from_private_bytes(data[2:])


def _seed_prefix(kind: _Kind) -> bytes:
    return bytes([_SEED | _PREFIX[kind] >> 5, (_PREFIX[kind] & 31) << 3])


def _armour(data: bytes) -> str:
    return base64.b32encode(data + binascii.crc_hqx(data, 0).to_bytes(2, "little")).decode().rstrip("=")


def _unarmour(text: str) -> bytes | None:
    try:
        data = base64.b32decode(text + "=" * (-len(text) % 8))[:-2]
    except (binascii.Error, ValueError):
        return None
    # Comparing with the re-encoding checks the CRC and refuses stray trailing bits in one go.
    return data if data and _armour(data) == text else None


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
