"""Each document of a round against the one before it: what contributors, collectors and auditors all check alike."""

from __future__ import annotations

from collections.abc import Sequence

from fedpeer.core import canonical
from fedpeer.core.errors import MismatchError
from fedpeer.core.federation.secure.documents import (
    Advert,
    Deal,
    Delivery,
    Document,
    Heard,
    Masked,
    Opening,
    Proposal,
    expect,
    read,
)
from fedpeer.core.federation.secure.terms import Circle, Terms
from fedpeer.core.identity import PeerId
from fedpeer.core.privacy import masks

Anything = Heard[Document]


def opened(terms: Terms, opening: Heard[Opening]) -> tuple[Circle, dict[PeerId, Advert]]:
    """Who takes part, and their adverts; RemoteError unless they are enough, each once, in order."""
    adverts = [expect(read(data, terms), Advert) for data in opening.document.adverts]
    return terms.circle([each.author for each in adverts]), {each.author: each.document for each in adverts}


def is_deal(circle: Circle, deal: Heard[Deal]) -> bool:
    """Whether a contributor of the circle dealt one piece to each of its holders."""
    if deal.author not in circle.members:
        return False
    return len(deal.document.promises) == len(deal.document.sealed) == len(circle.holders(deal.author))


def delivered(circle: Circle, delivery: Heard[Delivery]) -> frozenset[PeerId]:
    """Who has dealt; MismatchError unless they are enough of the circle."""
    return _enough(circle.terms, circle.members, delivery.document.dealers)


def is_masked(terms: Terms, dealers: frozenset[PeerId], masked: Heard[Masked]) -> bool:
    """Whether a dealer sent a vector of the right length."""
    return masked.author in dealers and len(masked.document.vector) == masks.size(terms.layout)


def proposed(terms: Terms, dealers: frozenset[PeerId], proposal: Heard[Proposal]) -> dict[PeerId, bytes]:
    """The survivors, and the digests of their masked vectors; MismatchError unless they are enough of the dealers."""
    survivors = proposal.document.survivors
    _enough(terms, dealers, [each.peer for each in survivors])
    return {PeerId(each.peer): each.masked for each in survivors}


def follows(document: Anything, before: Anything) -> bool:
    """Whether a document belongs to the same course of the round as the one that it should answer."""
    return document.document.after == before.digest


def check_follows(document: Anything, before: Anything) -> None:
    """MismatchError unless it does."""
    if not follows(document, before):
        name = type(document.document).__name__.lower()
        raise MismatchError(f"a {name} by {document.author} that belongs to another course of the round")


def promise(terms: Terms, what: str, share: bytes) -> bytes:
    """What a share can be checked against. Shares are uniform, so their digests say nothing about them."""
    return canonical.digest("secure share", terms.id, what.encode(), share)


def seed_promise(terms: Terms, dealer: PeerId, seed: bytes) -> bytes:
    """What a seed that was put together can be checked against."""
    return canonical.digest("secure seed", terms.id, dealer.encode(), seed)


def own_mask(terms: Terms, peer: PeerId, seed: bytes) -> bytes:
    """The key of the mask that a peer puts on alone."""
    return masks.key(seed, "own mask", terms.id, peer.encode())


def pair_mask(terms: Terms, mine: tuple[PeerId, masks.Private], theirs: tuple[PeerId, bytes]) -> bytes:
    """The key of the mask between two peers, from the private key of one and the public key of the other."""
    pair = sorted((mine[0], theirs[0]), key=terms.places.__getitem__)
    return masks.key(masks.agree(mine[1], theirs[1]), "pair mask", terms.id, *(peer.encode() for peer in pair))


def _enough(terms: Terms, among: frozenset[PeerId], peers: Sequence[str]) -> frozenset[PeerId]:
    found = frozenset(map(PeerId, peers))
    places = [terms.places.get(PeerId(peer), 0) for peer in peers]
    if not found <= among or places != sorted(set(places)):
        raise MismatchError("a set of peers that are not of this round, each once, in the charter's order")
    if len(found) < terms.enough:
        raise MismatchError(f"{len(found)} of the {terms.enough} contributors that the round needs")
    return found
