"""What the collectors of a round have decided so far, and what a contributor is told of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from fedpeer.core import canonical
from fedpeer.core.federation.secure.documents import (
    Advert,
    Deal,
    Delivery,
    Document,
    Heard,
    Masked,
    Opening,
    Proposal,
    Reveal,
    Sealed,
    Vote,
    Word,
)
from fedpeer.core.federation.secure.terms import Circle
from fedpeer.core.identity import PeerId

T = TypeVar("T")


@dataclass(frozen=True)
class Course:
    """The decisions in their order, each with what it was based on."""

    opening: Heard[Opening]
    circle: Circle
    adverts: Mapping[PeerId, Advert]
    delivery: Heard[Delivery] | None = None
    dealers: frozenset[PeerId] = frozenset()
    deals: Mapping[PeerId, Heard[Deal]] = field(default_factory=dict)
    proposal: Heard[Proposal] | None = None
    vectors: Mapping[PeerId, Heard[Masked]] = field(default_factory=dict)
    votes: Mapping[PeerId, Heard[Vote]] = field(default_factory=dict)
    reveals: Mapping[PeerId, Heard[Reveal]] = field(default_factory=dict, repr=False)
    result: bytes = b""

    @property
    def awaited(self) -> Iterable[PeerId]:
        """Who is to speak before it goes on, unless that takes too long; shares are asked of whoever comes first."""
        if self.votes:
            return ()
        return self.vectors or self.dealers or self.circle.peers

    @property
    def concluded(self) -> Word:
        """The result, with the decisions that led to it."""
        return Word((*self.decisions, self.result))

    @property
    def decisions(self) -> tuple[bytes, bytes, bytes]:
        """What the collectors have decided, as signed."""
        return self.opening.data, there(self.delivery).data, there(self.proposal).data

    @property
    def gathered(self) -> tuple[tuple[bytes, ...], ...]:
        """What contributors have said after it was opened: deals, vectors, votes, reveals, as signed."""
        every = (self.deals, self.vectors, self.votes, self.reveals)
        return tuple(tuple(heard.data for heard in each.values()) for each in every)

    @property
    def evidence(self) -> bytes:
        """The digest of all that the sum is opened from."""
        decisions = [there(each).digest for each in (self.opening, self.delivery, self.proposal)]
        every = (self.deals, self.vectors, self.votes, self.reveals)
        return evidence(decisions, ([heard.digest for heard in each.values()] for each in every))

    def delivered(self, holder: PeerId) -> Word:
        """The delivery, and the shares of every dealer for one holder."""
        sealed = []
        for dealer in self.circle.neighbours(holder):
            if dealer in self.deals:
                at = self.circle.holders(dealer).index(holder)
                sealed.append(Sealed(dealer, self.deals[dealer].document.sealed[at]))
        return Word((there(self.delivery).data,), sealed=tuple(sealed))

    def agreed(self, holder: PeerId) -> Word:
        """The proposal, and the votes of those whose shares one holder has."""
        votes = (self.votes[peer].data for peer in self.circle.holders(holder) if peer in self.votes)
        return Word((there(self.proposal).data,), votes=tuple(votes))

    def answer(self, heard: Heard[Document]) -> Word | None:
        """What was said in answer to a contributor's document, if anything."""
        match heard.document:
            case Advert() if heard.author in self.adverts:
                return Word((self.opening.data,))
            case Deal() if heard.author in self.deals:
                return self.delivered(heard.author)
            case Masked() if self.proposal:
                return Word((self.proposal.data,))
            case Vote() if self.votes and heard.author in self.deals:
                return self.agreed(heard.author)
            case Reveal() if self.result:
                return self.concluded
            case _:
                return None


def evidence(decisions: Iterable[bytes], gathered: Iterable[Iterable[bytes]]) -> bytes:
    """The digest of all that a sum was opened from, by the digests of decisions and of what was gathered."""
    return canonical.digest("secure evidence", *decisions, *(canonical.digest("secure part", *g) for g in gathered))


def there(value: T | None) -> T:
    """The value, which the phase says is there."""
    if value is None:
        raise TypeError("a round is in a phase without what the phases before it give")
    return value
