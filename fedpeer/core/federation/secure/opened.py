"""A round under its charter: its terms, and the sum that its conclusion shows."""

from __future__ import annotations

from fedpeer.core import canonical
from fedpeer.core.envelope.messages import Round
from fedpeer.core.errors import MismatchError
from fedpeer.core.federation.charter import Charter
from fedpeer.core.federation.ledger import Opened
from fedpeer.core.federation.secure.conclusion import Concluded, Conclusion, conclude
from fedpeer.core.federation.secure.terms import Terms
from fedpeer.core.privacy.veil import carried, unlikely
from fedpeer.core.statistics.layout import layout
from fedpeer.core.statistics.plausible import implausible
from fedpeer.core.statistics.summary import Summary


def terms_of(charter: Charter, which: Round) -> Terms:
    """The terms of a round, as the charter was for it; RemoteError if it never was so."""
    if which.federation != charter.federation:
        raise MismatchError("a round of another federation")
    roster = charter.as_of(which.charter)
    signers = {peer: roster.members[peer].card.sign for peer in roster.contributing}
    return Terms(which, signers, layout(roster.schema), roster.exchange.least)


def read_opened(data: bytes, charter: Charter) -> tuple[Concluded, Opened]:
    """Read a conclusion as it is kept and passed on; RemoteError if it is none, or its sum is none of rows."""
    conclusion = canonical.decode(data, Conclusion)
    concluded = conclude(terms_of(charter, conclusion.round), conclusion)
    roster = charter.as_of(conclusion.round.charter)
    schema, noise = roster.schema, roster.policy.noise
    least, survivors = roster.exchange.least, len(concluded.versions)
    total = Summary(schema, concluded.total, carried(noise, schema, least, survivors) if noise else ())
    fault = unlikely(total) if total.noise else implausible(schema, concluded.total)
    if fault:
        raise MismatchError(f"no rows could give the sum that {concluded.collector} opened: {fault}")
    total, proof = charter.roster.lineage.embed(total), bytes.fromhex(total.digest)
    return concluded, Opened(data, conclusion.round.rank, tuple(concluded.versions), total, proof)
