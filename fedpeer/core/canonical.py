"""Values and their one canonical byte string, for hashing, signing and the wire.

A value is a frozen msgspec Struct (or a built-in container of strings, bytes and integers). Its canonical form is
MessagePack with fields in the order of their declaration. There is exactly one: `decode` re-encodes what it has read
and refuses bytes that differ, so duplicate keys, unknown fields, long forms of short integers and trailing bytes are
all refused by one rule. Floats do not occur in canonical values; a test walks every wire type to hold that.
"""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

import msgspec

from fedpeer.core.errors import MalformedError

T = TypeVar("T")

_encoder = msgspec.msgpack.Encoder(order="deterministic")


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every wire and stored value derives from: immutable, strict, compared by content."""


def encode(value: Any) -> bytes:
    """Return the canonical bytes of a value."""
    return _encoder.encode(value)


def decode(data: bytes, kind: type[T]) -> T:
    """Read canonical bytes as `kind`; MalformedError for anything that is not exactly what `encode` writes."""
    try:
        value = msgspec.msgpack.decode(data, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as error:
        raise MalformedError(f"not a {_name(kind)}: {error}") from None
    if encode(value) != data:
        raise MalformedError(f"not the canonical form of a {_name(kind)}")
    return value


def ordinal(number: int) -> str:
    """A number that is not negative in a name, so that names sort as their numbers do."""
    return f"{number:020d}"


def digest(label: str, *parts: bytes) -> bytes:
    """SHA-256 over a label and parts, each preceded by its length so that no two lists of parts collide."""
    framed: list[bytes] = []
    for part in (b"fedpeer/" + label.encode(), *parts):
        framed += (len(part).to_bytes(8, "big"), part)
    state = hashlib.sha256(b"".join(framed[:-1]))
    state.update(framed[-1])  # what is large comes last, and is not copied
    return state.digest()


def _name(kind: Any) -> str:
    return getattr(kind, "__name__", str(kind)).lower()
