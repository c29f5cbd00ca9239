"""Broker passes: NATS keys and the JWTs by which a server knows who may publish and subscribe where.

A chain of three: an operator signs accounts, an account signs users, a user signs the server's nonce. All of it is
JSON and Ed25519; nothing here is trusted with data, since the broker itself is not.

1. Keys are texts as NATS writes them: base32 of a prefix (what the key is for), 32 bytes and a CRC-16. A seed of one
   kind is refused where another is expected.
2. Every function is deterministic in its arguments. Mint the operator's JWT once and keep it: a server whose
   operator JWT changed refuses to reload, silently.
3. Permissions are allow lists only. An empty list would mean *everything* to the server, so it is refused here.
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

from fedpeer.core.errors import BusError

_Kind = Literal["operator", "account", "user"]

_PREFIX: dict[_Kind, int] = {"operator": 14 << 3, "account": 0, "user": 20 << 3}
_SEED = 18 << 3
_UNLIMITED = {
    "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": True, "conn": -1, "leaf": 0,
}  # fmt: skip
_STORAGE = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
_MAX_SUBSCRIPTIONS = 64
_MAX_PAYLOAD = 1 << 20


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
    prefix = _PREFIX[kind]
    return _armour(bytes([_SEED | prefix >> 5, (prefix & 31) << 3]) + entropy)


def public_key(seed: str, kind: _Kind) -> str:
    """Return the public key text (O…, A…, U…) of a seed of this kind; BusError if it is not one."""
    return _public(_private(seed, kind), kind)


def sign_nonce(seed: str, nonce: str | bytes) -> bytes:
    """Return what a NATS client answers to a server's nonce: the base64 of a user's signature."""
    data = nonce.encode() if isinstance(nonce, str) else nonce
    return base64.b64encode(_private(seed, "user").sign(data))


def operator_jwt(operator_seed: str, now: int) -> str:
    """Return the self-signed JWT of the operator. Keep it: one minted at another time is another operator's."""
    return _jwt(operator_seed, "operator", public_key(operator_seed, "operator"), "fedpeer", {"iat": now, "nats": {}})


def system_jwt(operator_seed: str, account_public: str, now: int) -> str:
    """Return the JWT of the server's own account, which may not use JetStream."""
    return _account(operator_seed, account_public, "SYS", {"limits": _UNLIMITED}, now)


def account_jwt(operator_seed: str, account_public: str, name: str, revoked: Mapping[str, int], now: int) -> str:
    """Return the JWT of a federation's account; `revoked` maps user keys to the time up to which passes are void."""
    claims: dict[str, Any] = {"limits": {**_UNLIMITED, **_STORAGE}}
    if revoked:
        claims["revocations"] = {user: int(at) for user, at in sorted(revoked.items())}
    return _account(operator_seed, account_public, name, claims, now)


def user_jwt(account_seed: str, user_public: str, name: str, *, rights: Rights, now: int) -> str:
    """Return the pass of one user: what `rights` lists, and nothing else."""
    _raw(user_public, "user")
    claims = {
        "pub": {"allow": rights.publish}, "sub": {"allow": rights.subscribe},
        "subs": _MAX_SUBSCRIPTIONS, "data": -1, "payload": _MAX_PAYLOAD,
    }  # fmt: skip
    body: dict[str, Any] = {"iat": now, "nats": claims}
    if rights.expires is not None:
        body["exp"] = rights.expires
    return _jwt(account_seed, "user", user_public, name, body)


def _account(operator_seed: str, account_public: str, name: str, claims: dict[str, Any], now: int) -> str:
    _raw(account_public, "account")
    claims = {**claims, "default_permissions": {"pub": {}, "sub": {}}}
    return _jwt(operator_seed, "account", account_public, name, {"iat": now, "nats": claims})


def _jwt(signer_seed: str, kind: _Kind, subject: str, name: str, body: dict[str, Any]) -> str:
    signer_kind: _Kind = "account" if kind == "user" else "operator"
    signer = _private(signer_seed, signer_kind)
    claims = {**body["nats"], "type": kind, "version": 2}
    body = {**body, "iss": _public(signer, signer_kind), "name": name, "sub": subject, "nats": claims}
    jti = base64.b32encode(hashlib.sha256(msgspec.json.encode(body)).digest()).decode().rstrip("=")
    head = {"typ": "JWT", "alg": "ed25519-nkey"}
    signed = f"{_b64url(msgspec.json.encode(head))}.{_b64url(msgspec.json.encode({**body, 'jti': jti}))}"
    return f"{signed}.{_b64url(signer.sign(signed.encode()))}"


def _private(seed: str, kind: _Kind) -> Ed25519PrivateKey:
    prefix = _PREFIX[kind]
    data = _unarmour(seed, f"seed of a NATS {kind} key")
    if len(data) != 34 or data[:2] != bytes([_SEED | prefix >> 5, (prefix & 31) << 3]):
        raise BusError(f"this is not the seed of a NATS {kind} key")
    return Ed25519PrivateKey.from_private_bytes(data[2:])


def _public(key: Ed25519PrivateKey, kind: _Kind) -> str:
    return _armour(bytes([_PREFIX[kind]]) + key.public_key().public_bytes_raw())


def _raw(public: str, kind: _Kind) -> bytes:
    data = _unarmour(public, f"NATS {kind} key")
    if len(data) != 33 or data[0] != _PREFIX[kind]:
        raise BusError(f"{public[:8]!r}… is not a NATS {kind} key")
    return data[1:]


def _armour(data: bytes) -> str:
    return base64.b32encode(data + binascii.crc_hqx(data, 0).to_bytes(2, "little")).decode().rstrip("=")


def _unarmour(text: str, what: str) -> bytes:
    try:
        data = base64.b32decode(text + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        data = b""
    # The re-encoding refuses stray trailing bits; the text itself is never shown, for it may be a secret.
    if len(data) < 3 or _armour(data[:-2]) != text:
        raise BusError(f"this is not a {what}: it is damaged or cut")
    return data[:-2]


def _b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
