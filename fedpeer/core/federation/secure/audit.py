"""A round seen by somebody who was not there: every document checked, and the sum opened again from them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from fedpeer.core.canonical import Value
from fedpeer.core.errors import MismatchError
from fedpeer.core.federation.secure.chain import check_follows, delivered, is_deal, is_masked, opened, proposed
from fedpeer.core.federation.secure.course import Course, evidence
from fedpeer.core.federation.secure.documents import (
    Deal,
    Delivery,
    Document,
    Heard,
    Masked,
    Opening,
    Proposal,
    Result,
    Reveal,
    Vote,
    digest,
    expect,
    read,
)
from fedpeer.core.federation.secure.sums import Opened
from fedpeer.core.federation.secure.terms import Circle, Terms
from fedpeer.core.identity import PeerId
from fedpeer.core.statistics.residues import Residues

E = TypeVar("E", bound=Document)


class Transcript(Value, frozen=True):
    """All documents of a round, as signed. Whoever reads it learns the sum, and of no survivor anything else."""

    opening: bytes
    delivery: bytes
    proposal: bytes
    result: bytes
    deals: tuple[bytes, ...]
    vectors: tuple[bytes, ...]
    votes: tuple[bytes, ...]
    reveals: tuple[bytes, ...]

    @classmethod
    def of(cls, course: Course) -> Transcript:
        """What a collector that has opened a round shows."""
        return cls(*course.decisions, course.result, *course.gathered)

    @property
    def digest(self) -> bytes:
        """What its result names it by: the digest of everything but the result."""
        gathered = (self.deals, self.vectors, self.votes, self.reveals)
        return evidence(map(digest, (self.opening, self.delivery, self.proposal)), (map(digest, g) for g in gathered))


def audit(terms: Terms, transcript: Transcript) -> Residues:
    """Return the sum that the round has opened; RemoteError that names what in the transcript is not as it must be."""
    opening = expect(read(transcript.opening, terms), Opening)
    circle, adverts = opened(terms, opening)
    delivery = _after(terms, opening, transcript.delivery, Delivery)
    dealers = delivered(circle, delivery)
    deals = _all(terms, opening, transcript.deals, Deal)
    vectors = _all(terms, delivery, transcript.vectors, Masked)
    if not deals.keys() <= dealers or not all(is_deal(circle, deal) for deal in deals.values()):
        raise MismatchError("the deals of the transcript are not those of its delivery")
    proposal = _after(terms, delivery, transcript.proposal, Proposal)
    survivors = proposed(terms, dealers, proposal)
    if {peer: vector.digest for peer, vector in vectors.items()} != survivors:
        raise MismatchError("the vectors of the transcript are not those of its proposal")
    if not all(is_masked(terms, dealers, vector) for vector in vectors.values()):
        raise MismatchError("a vector of the transcript has the wrong length")
    reveals = _all(terms, proposal, transcript.reveals, Reveal)
    _check_votes(circle, frozenset(survivors), _all(terms, proposal, transcript.votes, Vote).keys(), reveals.keys())
    summed = Opened(circle, dealers, adverts, deals, vectors, reveals)
    if summed.lacking:
        raise MismatchError(f"the transcript has too few shares of {summed.lacking[0]}")
    total = summed.total()
    result = _after(terms, proposal, transcript.result, Result).document
    if result.total != total.to_bytes():
        raise MismatchError("the collector has announced another sum than its round opened")
    if result.transcript != transcript.digest:
        raise MismatchError("the collector has announced its sum with another transcript")
    return total


def _check_votes(
    circle: Circle, survivors: frozenset[PeerId], voters: Iterable[PeerId], revealers: Iterable[PeerId]
) -> None:
    voted = survivors.intersection(voters)
    for peer in revealers:
        if peer not in circle.members or len(voted.intersection(circle.holders(peer))) < circle.threshold:
            raise MismatchError(f"{peer} has revealed shares before enough had voted")


def _after(terms: Terms, before: Heard[Document], data: bytes, kind: type[E]) -> Heard[E]:
    heard = expect(read(data, terms), kind)
    check_follows(heard, before)
    return heard


def _all(terms: Terms, before: Heard[Document], documents: Iterable[bytes], kind: type[E]) -> dict[PeerId, Heard[E]]:
    heard = [_after(terms, before, data, kind) for data in documents]
    found = {each.author: each for each in heard}
    if len(found) != len(heard):
        raise MismatchError(f"the transcript has two documents of one kind ({kind.__name__.lower()}) by one peer")
    return found
