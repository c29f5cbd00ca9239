"""Receipts: what a member signs when it has replaced a contribution from which rows were taken out.

A receipt is a promise of its signer. It says what the signer's fedpeer holds; that no copy was kept elsewhere it cannot
prove.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from fedpeer.core import canonical
from fedpeer.core.canonical import Value
from fedpeer.core.envelope.contributions import Signed
from fedpeer.core.envelope.keys import Identity, verify
from fedpeer.core.envelope.messages import MOST_RECALLED, Rank
from fedpeer.core.errors import MismatchError

LABEL = "receipt"


class Confirmation(Value, frozen=True):
    """`peer` holds contribution `serial` of `origin`, with this digest, and no longer those that are `gone`."""

    federation: str
    origin: str
    peer: str
    serial: int
    digest: Annotated[bytes, Meta(max_length=32)]
    gone: Annotated[tuple[Rank, ...], Meta(max_length=MOST_RECALLED)]
    at: int


def confirm(confirmation: Confirmation, identity: Identity) -> bytes:
    """Sign a receipt, in a form that its holder can show to anyone."""
    body = canonical.encode(confirmation)
    return canonical.encode(Signed(confirmation.peer, body, identity.sign(LABEL, body)))


def confirmed(signed: bytes, sign_key: bytes, federation: str) -> Confirmation:
    """Verify a receipt against its signer's key, and only then read it; RemoteError for anything else."""
    outer = canonical.decode(signed, Signed)
    verify(sign_key, LABEL, outer.body, outer.signature)
    confirmation = canonical.decode(outer.body, Confirmation)
    if (confirmation.federation, confirmation.peer) != (federation, outer.origin):
        raise MismatchError("a receipt of another federation, or of another peer than it says")
    return confirmation


def read(signed: bytes) -> Confirmation:
    """A receipt that was verified when it came."""
    return canonical.decode(canonical.decode(signed, Signed).body, Confirmation)
