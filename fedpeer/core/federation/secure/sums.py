"""Opening a round's sum from what was said in it; collector and auditor do exactly the same.

Σ masked = Σ vectors + Σ own masks of the survivors + the masks that survivors share with dealers who dropped out. The
first are made again from the survivors' seeds, the second from the keys of those who dropped out; what both come from
is put together from shares, each held to what its dealer promised, so a false share is only left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from fedpeer.core.errors import MismatchError
from fedpeer.core.federation.secure.chain import own_mask, pair_mask, promise, seed_promise
from fedpeer.core.federation.secure.documents import Advert, Deal, Heard, Masked, Reveal
from fedpeer.core.federation.secure.terms import Circle
from fedpeer.core.identity import PeerId
from fedpeer.core.privacy import masks, shares
from fedpeer.core.statistics.residues import Residues


@dataclass(frozen=True)
class Opened:
    """All that the sum of a set of survivors takes."""

    circle: Circle
    adverts: Mapping[PeerId, Advert]
    deals: Mapping[PeerId, Heard[Deal]]
    vectors: Mapping[PeerId, Heard[Masked]]
    reveals: Mapping[PeerId, Heard[Reveal]]

    @cached_property
    def lacking(self) -> tuple[PeerId, ...]:
        """Dealers whose secret cannot be put together yet."""
        return tuple(peer for peer in self.deals if len(self._pieces(peer)) < self.circle.threshold)

    def total(self) -> Residues:
        """The sum of the survivors' vectors; MismatchError if a dealer's secret is not what it promised."""
        terms, total = self.circle.terms, Residues.zero(self.circle.terms.layout)
        for peer, vector in self.vectors.items():
            seed = masks.mask(terms.layout, own_mask(terms, peer, self._seed(peer)))
            total = total + Residues.from_bytes(terms.layout, vector.document.vector) - seed
        for gone in self.deals.keys() - self.vectors.keys():
            private = self._key(gone)
            for peer in self.vectors.keys() & set(self.circle.neighbours(gone)):
                pair = pair_mask(terms, (gone, private), (peer, self.adverts[peer].mask_key))
                shared = masks.mask(terms.layout, pair)
                # The survivor added it if it comes first.
                total = total - shared if terms.places[peer] < terms.places[gone] else total + shared
        return total

    def _seed(self, peer: PeerId) -> bytes:
        seed = shares.combine(self._pieces(peer))
        if seed_promise(self.circle.terms, peer, seed) != self.deals[peer].document.seed:
            raise MismatchError(f"{peer} dealt shares of another seed than it promised")
        return seed

    def _key(self, peer: PeerId) -> bytes:
        private = shares.combine(self._pieces(peer))
        if masks.public(private) != self.adverts[peer].mask_key:
            raise MismatchError(f"{peer} dealt shares of another key than it advertised")
        return private

    def _pieces(self, dealer: PeerId) -> dict[int, bytes]:
        """As many shares of the dealer's one secret as are needed, by the place of their holder."""
        what: Literal["seed", "key"] = "seed" if dealer in self.vectors else "key"
        found: dict[int, bytes] = {}
        for holder, promised in zip(self.circle.holders(dealer), self.deals[dealer].document.promises, strict=True):
            share = self._said.get(holder, {}).get(dealer)
            if share is not None and promise(self.circle.terms, what, share) == getattr(promised, what):
                found[self.circle.terms.places[holder]] = share
            if len(found) == self.circle.threshold:
                break
        return found

    @cached_property
    def _said(self) -> dict[PeerId, dict[str, bytes]]:
        return {
            holder: {piece.peer: piece.share for piece in reveal.document.pieces}
            for holder, reveal in self.reveals.items()
        }
