"""A round under its charter: its terms, and the sum that its conclusion shows, or does not."""

from __future__ import annotations

from fedpeer.core import canonical
from fedpeer.core.envelope.messages import Round
from fedpeer.core.errors import MismatchError
from fedpeer.core.federation.charter import Charter
from fedpeer.core.federation.ledger import Opened
from fedpeer.core.federation.sealed.conclusion import Concluded, Conclusion, conclude
from fedpeer.core.federation.sealed.terms import Terms
from fedpeer.core.statistics.plausible import implausible
from fedpeer.core.statistics.residues import Residues
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary


def terms_of(charter: Charter, which: Round) -> Terms:
    """The terms of a round, as the charter was for it; RemoteError if it never was so, or could not have one then."""
    if which.federation != charter.federation:
        raise MismatchError("a round of another federation")
    return Terms.of(which, charter.as_of(which.charter))


def read_opened(data: bytes, charter: Charter) -> tuple[Concluded, Opened]:
    """Read a conclusion as it is kept and passed on; RemoteError if it is none, or its sum is none of rows.

    A sum that is not shown is empty here. What stands for it is the same for those who see it and those who do not.
    """
    conclusion = canonical.decode(data, Conclusion)
    concluded = conclude(terms_of(charter, conclusion.round), conclusion)
    schema = charter.as_of(conclusion.round.charter).schema
    total = Summary.zero(schema) if concluded.total is None else _summary(schema, concluded.total)
    embedded = charter.roster.lineage.embed(total)
    return concluded, Opened(data, conclusion.round.rank, tuple(concluded.versions), embedded, concluded.transcript)


def _summary(schema: Schema, total: Residues) -> Summary:
    """An opened sum as a summary; MismatchError if no rows could give it."""
    fault = implausible(schema, total)
    if fault:
        raise MismatchError(f"no rows could give the sum that was opened: {fault}")
    return Summary(schema, total)
