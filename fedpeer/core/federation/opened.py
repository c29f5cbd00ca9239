"""Opened sums of several, whichever way the charter has them opened."""

from __future__ import annotations

from typing import TypeAlias

from fedpeer.core import canonical
from fedpeer.core.envelope.keys import Identity
from fedpeer.core.federation.charter import Charter
from fedpeer.core.federation.ledger import Opened
from fedpeer.core.federation.sealed import conclusion as ciphered
from fedpeer.core.federation.sealed import opened as sealed
from fedpeer.core.federation.sealed.beneficiary import closed
from fedpeer.core.federation.secure import conclusion as masked
from fedpeer.core.federation.secure import opened as secure

Concluded: TypeAlias = masked.Concluded | ciphered.Concluded


def read_opened(data: bytes, charter: Charter) -> tuple[Concluded, Opened]:
    """Read a conclusion as it is kept and passed on; RemoteError if it is none, or its sum is none of rows."""
    if charter.roster.exchange.ciphered:
        return sealed.read_opened(data, charter)
    return secure.read_opened(data, charter)


def passed_on(opened: Opened, charter: Charter, identity: Identity) -> bytes:
    """The conclusion as this member may pass it on: without the sum, where that is the beneficiary's alone."""
    if not charter.roster.exchange.ciphered:
        return opened.data
    kept = canonical.decode(opened.data, ciphered.Conclusion)
    terms = sealed.terms_of(charter, kept.round)
    if terms.shown or ciphered.conclude(terms, kept).total is None:
        return opened.data
    return canonical.encode(closed(terms, kept, identity))
