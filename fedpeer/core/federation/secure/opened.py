"""A round under its charter: its terms, the sum that its conclusion shows, and what two such sums show together."""

from __future__ import annotations

from collections.abc import Mapping

from fedpeer.core import canonical
from fedpeer.core.envelope.messages import Round
from fedpeer.core.errors import MalformedError, MismatchError
from fedpeer.core.federation.charter import Charter
from fedpeer.core.federation.exchange import LEAST
from fedpeer.core.federation.ledger import Opened
from fedpeer.core.federation.secure.conclusion import Concluded, Conclusion, conclude
from fedpeer.core.federation.secure.terms import Terms
from fedpeer.core.identity import PeerId
from fedpeer.core.privacy.veil import carried, unlikely
from fedpeer.core.statistics.layout import layout
from fedpeer.core.statistics.plausible import implausible
from fedpeer.core.statistics.summary import Summary

Versions = Mapping[PeerId, bytes]


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
    schema = charter.roster.schema
    noise = charter.roster.policy.noise
    least, survivors = charter.roster.exchange.least, len(concluded.versions)
    total = Summary(schema, concluded.total, carried(noise, schema, least, survivors) if noise else ())
    fault = unlikely(total) if total.noise else implausible(schema, concluded.total)
    if fault:
        raise MismatchError(f"no rows could give the sum that {concluded.collector} opened: {fault}")
    return concluded, Opened(data, conclusion.round.rank, tuple(concluded.versions), total)


class _Circle(canonical.Value, frozen=True, array_like=True):
    peer: str
    version: bytes


def circle(versions: Versions) -> tuple[str, bytes]:
    """A set of contributors with their versions as it is kept, under a name that is the same for the same set."""
    data = canonical.encode(tuple(_Circle(peer, version) for peer, version in sorted(versions.items())))
    return canonical.digest("circle", data).hex()[:32], data


def check_circle(name: str, data: bytes) -> Versions:
    """Read what `circle` writes; MalformedError if it is something else, or has another name."""
    versions = {PeerId(each.peer): each.version for each in canonical.decode(data, tuple[_Circle, ...])}
    if circle(versions) != (name, data):
        raise MalformedError(f"the circle {name} of a round was altered")
    return versions


def moved(new: Versions, old: Versions) -> int:
    """How many have come, gone, or brought another vector: the difference of two sums is theirs together."""
    return sum(new.get(peer) != old.get(peer) for peer in new.keys() | old.keys())


def distinct(new: Versions, old: Versions) -> bool:
    """Whether two sums may both be opened: they are of the same vectors, or enough have moved to hide each other."""
    return not 0 < moved(new, old) < LEAST
