"""Sums of several, for people."""

from __future__ import annotations

from fedpeer.core import canonical
from fedpeer.core.errors import UnknownError
from fedpeer.core.federation.secure.conclusion import Conclusion
from fedpeer.core.federation.secure.opened import read_opened
from fedpeer.core.peer.state import Peer
from fedpeer.node import shapes


def audit_shape(peer: Peer) -> shapes.Audit:
    """What came of looking at the evidence of the sum that is shown; UnknownError if nobody has looked."""
    opened = peer.ledger.opened
    fault = None if opened is None else peer.session.audits.get(opened.serial)
    if opened is None or fault is None:
        raise UnknownError("a newer sum is shown by now", hint="ask again")
    which = canonical.decode(opened.data, Conclusion).round
    concluded, _ = read_opened(opened.data, peer.charter)
    names = {p: m.card.name for p, m in peer.roster.members.items()}
    return shapes.Audit(
        holds=not fault,
        fault=fault,
        pulse=which.pulse,
        attempt=which.attempt,
        collector=names[concluded.collector],
        contributors=[names[p] for p in opened.contributors],
        rows=opened.total.rows,
        digest=opened.total.digest,
        transcript=concluded.transcript.hex(),
    )
