"""What a member gives to the total, under its own signature, so that anyone may pass it on."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from fedpeer.core import canonical
from fedpeer.core.canonical import Value
from fedpeer.core.envelope.keys import Identity, verify
from fedpeer.core.errors import MismatchError
from fedpeer.core.privacy.plan import Plan
from fedpeer.core.privacy.protect import Shareable
from fedpeer.core.privacy.veil import unlikely
from fedpeer.core.statistics.lineage import Lineage
from fedpeer.core.statistics.summary import Summary

LABEL = "contribution"

MOST_THROUGH = 64
_Id = Annotated[str, Meta(max_length=26)]
# There is always a next one that can be written.
_Serial = Annotated[int, Meta(ge=1, le=2**62)]


class Contribution(Value, frozen=True, omit_defaults=True):
    """What one peer gives to the total. A higher `serial` of the same origin replaces a lower one.

    `through` are the federations whose totals are in it, sorted: none, if its rows are the peer's own.
    """

    federation: str
    origin: str
    serial: _Serial
    pulse: int
    made_at: int
    schema: str
    summary: bytes
    through: Annotated[tuple[_Id, ...], Meta(max_length=MOST_THROUGH)] = ()


class Signed(Value, frozen=True):
    """Canonical bytes and their author's signature, so that anyone may pass a contribution on."""

    origin: str
    body: bytes
    signature: bytes


def contribute(shareable: Shareable, identity: Identity, outline: Contribution) -> bytes:
    """Sign a contribution. The summary is taken from the `Shareable` alone: nothing else can be contributed."""
    body = canonical.encode(msgspec.structs.replace(outline, summary=shareable.summary.to_bytes()))
    return canonical.encode(Signed(outline.origin, body, identity.sign(LABEL, body)))


def origin_of(signed: bytes) -> str:
    """The peer that a signed contribution claims to be from; `accept` holds it to that."""
    return canonical.decode(signed, Signed).origin


def accept(
    signed: bytes, sign_key: bytes, federation: str, lineage: Lineage, plan: Plan | None = None
) -> tuple[Contribution, Summary]:
    """Verify a contribution against its origin's key, and only then read it and its summary, under the newest schema.

    Whether it carries noise follows from the charter, which has a `plan` for it or none, and never from what arrives.
    """
    outer = canonical.decode(signed, Signed)
    verify(sign_key, LABEL, outer.body, outer.signature)
    contribution = canonical.decode(outer.body, Contribution)
    if (contribution.federation, contribution.origin) != (federation, outer.origin):
        raise MismatchError("a contribution to another federation, or of another peer than it says")
    schema = lineage.find(contribution.schema)
    summary = Summary.from_bytes(contribution.summary, schema, plan.variances if plan else ())
    fault = unlikely(summary) if summary.noise else None
    if fault:
        raise MismatchError(f"no rows could give this summary, with the noise that the charter asks for: {fault}")
    return contribution, lineage.embed(summary)
