"""Opening a round's sum from what was said in it; collector and auditor do exactly the same.

Σ masked = Σ vectors + Σ own masks of the survivors + the masks that survivors share with dealers who dropped out. The
first are made again from the survivors' seeds, the second from the keys of those who dropped out; what both come from
is put together from shares, each held to what its dealer promised, so a false share is only left out. A collector that
takes over may lack the deal of a dealer who is gone: its shares are then taken as they come, and the key that they make
is held to the one that was advertised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from fedpeer.core.errors import MismatchError
from fedpeer.core.federation.secure.chain import own_mask, pair_mask, promise, seed_promise
from fedpeer.core.federation.secure.documents import Advert, Deal, Heard, Masked, Reveal
from fedpeer.core.federation.secure.terms import Circle
from fedpeer.core.identity import PeerId
from fedpeer.core.privacy import masks, shares
from fedpeer.core.statistics.residues import Residues


@dataclass(frozen=True)
class Opened:
    """All that the sum of a set of survivors takes; `dealers` are all whose masks are in it, with or without a deal."""

    circle: Circle
    dealers: frozenset[PeerId]
    adverts: Mapping[PeerId, Advert]
    deals: Mapping[PeerId, Heard[Deal]]
    vectors: Mapping[PeerId, Heard[Masked]]
    reveals: Mapping[PeerId, Heard[Reveal]]

    @property
    def answered(self) -> bool:
        """Whether so many holders of every dealer have spoken that its secret can be put together, if none lied."""
        spoken, enough = self.reveals.keys(), self.circle.threshold
        return all(len(spoken & self.circle.holders(dealer)) >= enough for dealer in self.dealers)

    @cached_property
    def lacking(self) -> tuple[PeerId, ...]:
        """Dealers whose secret cannot be put together yet."""
        unknown = self.vectors.keys() - self.deals.keys()
        return tuple(p for p in self.dealers if p in unknown or len(self._pieces[p]) < self.circle.threshold)

    def total(self) -> Residues:
        """The sum of the survivors' vectors; MismatchError if a secret is not the one promised or advertised."""
        terms, vectors = self.circle.terms, [each.document.vector for each in self.vectors.values()]
        added: list[bytes] = []
        taken = [own_mask(terms, peer, self._seed(peer)) for peer in self.vectors]
        for gone in self.dealers - self.vectors.keys():
            private = self._key(gone)
            for peer in self.vectors.keys() & set(self.circle.neighbours(gone)):
                pair = pair_mask(terms, (gone, private), (peer, self.adverts[peer].mask_key))
                # The survivor added it if it comes first.
                (taken if terms.places[peer] < terms.places[gone] else added).append(pair)
        return masks.total(terms.layout, vectors=vectors, added=added, taken=taken)

    def _seed(self, peer: PeerId) -> bytes:
        seed = shares.combine(self._pieces[peer])
        if seed_promise(self.circle.terms, peer, seed) != self.deals[peer].document.seed:
            raise MismatchError(f"{peer} dealt shares of another seed than it promised")
        return seed

    def _key(self, peer: PeerId) -> masks.Private:
        private = masks.private(shares.combine(self._pieces[peer]))
        if masks.public(private) != self.adverts[peer].mask_key:
            # Without its promises nobody can tell whether the dealer or a holder has lied.
            whose = (
                f"{peer} dealt" if peer in self.deals else f"the holders of {peer}, whose deal is not here, revealed"
            )
            raise MismatchError(f"{whose} shares of another key than it advertised")
        return private

    @cached_property
    def _pieces(self) -> dict[PeerId, dict[int, bytes]]:
        """As many shares of each dealer's one secret as are needed, by the place of their holder."""
        return {dealer: self._of(dealer) for dealer in self.dealers}

    def _of(self, dealer: PeerId) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        for at, holder in enumerate(self.circle.holders(dealer)):
            share = self._said.get(holder, {}).get(dealer)
            if share is not None and self._promised(dealer, at, share):
                found[self.circle.terms.places[holder]] = share
            if len(found) == self.circle.threshold:
                break
        return found

    def _promised(self, dealer: PeerId, at: int, share: bytes) -> bool:
        deal = self.deals.get(dealer)
        if deal is None:
            return True
        seed, promised = dealer in self.vectors, deal.document.promises[at]
        made = promise(self.circle.terms, "seed" if seed else "key", share)
        return made == (promised.seed if seed else promised.key)

    @cached_property
    def _said(self) -> dict[PeerId, dict[str, bytes]]:
        return {
            holder: {piece.peer: piece.share for piece in reveal.document.pieces}
            for holder, reveal in self.reveals.items()
        }
