"""A contributor's side of a round: each state holds exactly what it needs to go on, and nothing is kept after the end.

1. Everything secret of a round comes from 32 bytes drawn for it, is never stored, and is lost with the process: whoever
   restarts has dropped out of the round, so no key, seed or mask can be used for two vectors.
2. A document that was answered is answered again with the same bytes; another one of its kind is refused. So a
   contributor masks for one set of dealers, and votes for one set of survivors.
3. Of each peer only one share is ever said: of its seed if it is in the one set voted for, of its key if it is not. It
   is said when so many holders have voted for that set that no other set can find as many.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from fedpeer.core.envelope.keys import Identity
from fedpeer.core.errors import MalformedError, MismatchError
from fedpeer.core.federation.secure.chain import (
    check_follows,
    delivered,
    follows,
    opened,
    own_mask,
    pair_mask,
    promise,
    proposed,
    seed_promise,
)
from fedpeer.core.federation.secure.documents import (
    Advert,
    Deal,
    Delivery,
    Document,
    Heard,
    Masked,
    Opening,
    Piece,
    Promise,
    Proposal,
    Reveal,
    Vote,
    sign,
    speak,
)
from fedpeer.core.federation.secure.terms import Circle, Terms
from fedpeer.core.identity import PeerId
from fedpeer.core.machine import Machine
from fedpeer.core.privacy import masks, shares
from fedpeer.core.statistics.residues import Residues

CONTRIBUTOR = Machine(
    "the contributor",
    "advertised",
    {
        ("advertised", "opening"): "dealt",
        ("dealt", "delivery"): "concealed",
        ("concealed", "proposal"): "voted",
        ("voted", "agreement"): "revealed",
    },
)


@dataclass(frozen=True)
class Own:
    """What a contributor brings into a round: its identity, its vector, and 32 bytes drawn for this round alone.

    `lean` is the vector as it was before the schema grew by something that it has nothing of, if it is that.
    """

    terms: Terms
    identity: Identity = field(repr=False)
    vector: Residues = field(repr=False)
    root: bytes = field(repr=False)
    lean: Residues | None = field(default=None, repr=False)

    @cached_property
    def mask_key(self) -> masks.Private:
        """The key of this round by which masks are agreed on."""
        return masks.private(self.secret("mask key"))

    @cached_property
    def share_key(self) -> masks.Private:
        """The key of this round by which shares are sealed."""
        return masks.private(self.secret("share key"))

    @property
    def me(self) -> PeerId:
        """Who this is."""
        return self.identity.peer

    @property
    def version(self) -> bytes:
        """What tells the vector from those of other rounds: a keyed digest, so that nobody can guess it.

        The same rows have the same, however the schema has grown: two sums may differ by new versions enough, and must
        not by vectors that are the old ones among more zeros.
        """
        lean = self.vector if self.lean is None else self.lean
        return masks.key(self.identity.secret(), "version", lean.to_bytes())[:16]

    def secret(self, purpose: str) -> bytes:
        """A secret of this round, for one purpose."""
        return masks.key(self.root, purpose, self.terms.id, self.me.encode())

    def signed(self, document: Document) -> bytes:
        """The document under our name."""
        return sign(document, self.identity)


@dataclass(frozen=True)
class Shares:
    """The two shares that a holder has of a dealer."""

    seed: bytes = field(repr=False)
    key: bytes = field(repr=False)


@dataclass(frozen=True)
class Advertised:
    """Has said its keys, and waits to hear who else takes part."""

    own: Own
    said: bytes = field(repr=False)


@dataclass(frozen=True)
class Dealt:
    """Has dealt its secrets to the circle, and waits for the others' shares. `kept` are its own of itself.

    `adverts` are those of its neighbours, and `channels` what it and each of them agree on, to seal shares under.
    """

    own: Own
    opening: Heard[Opening]
    circle: Circle
    adverts: Mapping[PeerId, Advert]
    channels: Mapping[PeerId, bytes] = field(repr=False)
    kept: Shares
    said: bytes = field(repr=False)


@dataclass(frozen=True)
class Concealed:
    """Has masked its vector for these dealers, holds their shares, and waits to hear who survived.

    `masked` is the digest of what it said.
    """

    dealt: Dealt
    delivery: Heard[Delivery]
    dealers: frozenset[PeerId]
    held: Mapping[PeerId, Shares]
    said: bytes = field(repr=False)
    masked: bytes


@dataclass(frozen=True)
class Voted:
    """Has voted for one set of survivors, and waits until enough others have."""

    concealed: Concealed
    proposal: Heard[Proposal]
    survivors: frozenset[PeerId]
    said: bytes = field(repr=False)


@dataclass(frozen=True)
class Revealed:
    """Has said the shares that open the sum, and holds nothing any more."""

    said: bytes = field(repr=False)


State = Advertised | Dealt | Concealed | Voted | Revealed


def advertise(own: Own) -> Advertised:
    """Begin: say the keys of this round."""
    keys = masks.public(own.mask_key), masks.public(own.share_key)
    return Advertised(own, own.signed(Advert(own.terms.id, b"", *keys, own.version)))


def deal(state: Advertised, opening: Heard[Opening]) -> Dealt:
    """Hear who takes part, and deal out the secrets that let the others finish without us."""
    if state.said not in opening.document.adverts:
        raise MismatchError("an opening without us, or with other keys than ours")
    own, (circle, all_adverts) = state.own, opened(state.own.terms, opening)
    adverts = {peer: all_adverts[peer] for peer in circle.neighbours(own.me)}
    channels = {peer: masks.agree(own.share_key, advert.share_key) for peer, advert in adverts.items()}
    holders = circle.holders(own.me)
    pieces = tuple(map(Shares, _split(own, circle, "seed"), _split(own, circle, "mask key")))
    document = Deal(
        own.terms.id,
        opening.digest,
        seed_promise(own.terms, own.me, own.secret("seed")),
        tuple(Promise(promise(own.terms, "seed", p.seed), promise(own.terms, "key", p.key)) for p in pieces),
        tuple(_sealed(own, channels.get(p), p, each) for p, each in zip(holders, pieces, strict=True)),
    )
    kept = pieces[holders.index(own.me)]
    return Dealt(own, opening, circle, adverts, channels, kept, own.signed(document))


def conceal(state: Dealt, delivery: Heard[Delivery], sealed: Mapping[PeerId, bytes]) -> Concealed:
    """Hear who has dealt, keep their shares for us, and say our vector under the masks that we share with them."""
    own, channels, terms = state.own, state.channels, state.own.terms
    check_follows(delivery, state.opening)
    dealers = delivered(state.circle, delivery)
    if own.me not in dealers:
        raise MismatchError("a delivery without us")
    held = {p: _unsealed(own, channels[p], p, data) for p, data in sealed.items() if p in dealers and p in channels}
    taken: list[bytes] = []
    added = [own_mask(terms, own.me, own.secret("seed"))]
    for peer in dealers & channels.keys():
        pair = pair_mask(terms, (own.me, own.mask_key), (peer, state.adverts[peer].mask_key))
        (added if terms.places[own.me] < terms.places[peer] else taken).append(pair)
    vector = masks.total(terms.layout, vectors=[own.vector.to_bytes()], added=added, taken=taken)
    said = speak(Masked(terms.id, delivery.digest, vector.to_bytes()), own.identity)
    return Concealed(state, delivery, dealers, held | {own.me: state.kept}, said.data, said.digest)


def vote(state: Concealed, proposal: Heard[Proposal]) -> Voted:
    """Hear whose sum is to be opened, and give the only vote of this round to it."""
    own = state.dealt.own
    check_follows(proposal, state.delivery)
    survivors = proposed(own.terms, state.dealers, proposal)
    if survivors.get(own.me) not in {None, state.masked}:
        raise MismatchError("a proposal with another vector of ours than we sent")
    return Voted(state, proposal, frozenset(survivors), own.signed(Vote(own.terms.id, proposal.digest)))


def reveal(state: Voted, votes: Iterable[Heard[Vote]]) -> Revealed:
    """Hear that enough have voted as we did, and say of each peer the one share that opening the sum takes."""
    concealed, own = state.concealed, state.concealed.dealt.own
    if not _enough(state, votes):
        raise MismatchError("too few votes to say a share")
    held = sorted(concealed.held.items(), key=lambda item: own.terms.places[item[0]])
    pieces = (Piece(peer, each.seed if peer in state.survivors else each.key) for peer, each in held)
    return Revealed(own.signed(Reveal(own.terms.id, state.proposal.digest, tuple(pieces))))


def _enough(state: Voted, votes: Iterable[Heard[Vote]]) -> bool:
    """Whether so many of our holders have voted as we did; no vote is read that is not needed."""
    own, circle = state.concealed.dealt.own, state.concealed.dealt.circle
    voters = state.survivors.intersection(circle.holders(own.me))
    found = voters & {own.me}
    each = iter(votes)
    while len(found) < circle.threshold and (vote := next(each, None)):
        if vote.author in voters and follows(vote, state.proposal):
            found |= {vote.author}
    return len(found) >= circle.threshold


def _split(own: Own, circle: Circle, what: str) -> list[bytes]:
    places = [own.terms.places[peer] for peer in circle.holders(own.me)]
    return shares.split(own.secret(what), places, circle.threshold, own.secret(f"{what} shares"))


def _sealed(own: Own, channel: bytes | None, holder: PeerId, pieces: Shares) -> bytes:
    if channel is None:  # our own
        return b""
    # Each key seals one piece, in one direction of one round, so the nonce may be zero.
    cipher = ChaCha20Poly1305(_channel_key(own, channel, own.me, holder))
    return cipher.encrypt(bytes(12), pieces.seed + pieces.key, own.terms.id)


def _unsealed(own: Own, channel: bytes, dealer: PeerId, data: bytes) -> Shares:
    try:
        both = ChaCha20Poly1305(_channel_key(own, channel, dealer, own.me)).decrypt(bytes(12), data, own.terms.id)
    except InvalidTag:
        raise MismatchError(f"shares of {dealer} that it did not seal for us") from None
    if len(both) != 2 * shares.SIZE:
        raise MalformedError(f"shares of {dealer} of the wrong size")
    return Shares(both[: shares.SIZE], both[shares.SIZE :])


def _channel_key(own: Own, channel: bytes, dealer: PeerId, holder: PeerId) -> bytes:
    return masks.key(channel, "shares", own.terms.id, dealer.encode(), holder.encode())
