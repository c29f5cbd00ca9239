"""What the collectors of a round have decided so far, and what a contributor is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

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
    deals: Mapping[PeerId, Heard[Deal]] = field(default_factory=dict)
    proposal: Heard[Proposal] | None = None
    vectors: Mapping[PeerId, Heard[Masked]] = field(default_factory=dict)
    votes: Mapping[PeerId, Heard[Vote]] = field(default_factory=dict)
    reveals: Mapping[PeerId, Heard[Reveal]] = field(default_factory=dict)
    result: bytes = b""

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
                return Word((self.result,))
            case _:
                return None


def there(value: T | None) -> T:
    """The value, which the phase says is there."""
    if value is None:
        raise TypeError("a round is in a phase without what the phases before it give")
    return value
