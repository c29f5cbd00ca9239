"""The terms of a round, which every member works out alone: who may take part, who collects, whose masks meet.

Nothing here comes from the wire: places, thresholds, neighbours and the order of collectors follow from the charter and
the round's number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from fedpeer.core.canonical import digest
from fedpeer.core.envelope.messages import Round
from fedpeer.core.errors import MismatchError
from fedpeer.core.federation.exchange import LEAST
from fedpeer.core.identity import PeerId
from fedpeer.core.statistics.residues import Block

COMPLETE = 200  # contributors up to which every two of them share a mask
DEGREE = 100  # neighbours of each beyond that


@dataclass(frozen=True)
class Terms:
    """What a round's members agree on before it: `signers` has their verification keys, in the charter's order."""

    round: Round
    signers: Mapping[PeerId, bytes]
    layout: tuple[Block, ...]
    least: int = LEAST

    @cached_property
    def id(self) -> bytes:
        """The round's id."""
        return self.round.id

    @cached_property
    def collectors(self) -> tuple[PeerId, ...]:
        """Who collects, and who takes over: members by rendezvous hashing, so that it is another in each round."""
        return tuple(sorted(self.signers, key=lambda peer: digest("collector", self.id, peer.encode())))

    @cached_property
    def places(self) -> Mapping[PeerId, int]:
        """Each member's place among the members, from 1: where its shares are taken."""
        return {peer: place for place, peer in enumerate(self.signers, 1)}

    @property
    def enough(self) -> int:
        """The fewest contributors whose sum may be opened: two thirds of the members, and never below the charter's."""
        return fewest(self.least, len(self.signers))

    def circle(self, peers: Sequence[PeerId]) -> Circle:
        """The contributors of an opened round; MismatchError unless they are enough members, each once, in order."""
        places = [self.places.get(peer, 0) for peer in peers]
        if places != sorted(set(places)) or 0 in places:
            raise MismatchError("contributors of a round who are not members, each once, in the charter's order")
        if len(peers) < self.enough:
            raise MismatchError(f"{len(peers)} contributors to a round that needs {self.enough}")
        return Circle(self, tuple(peers))


@dataclass(frozen=True)
class Circle:
    """Contributors of a round, and which of them share masks and hold each other's shares."""

    terms: Terms
    peers: tuple[PeerId, ...]

    def neighbours(self, peer: PeerId) -> tuple[PeerId, ...]:
        """Those that share a mask with a peer, in the charter's order: all others, or DEGREE of them by lot."""
        return tuple(other for other in self.holders(peer) if other != peer)

    def holders(self, peer: PeerId) -> tuple[PeerId, ...]:
        """Those that hold a share of a peer's secrets: its neighbours and itself, in the charter's order."""
        if len(self.peers) <= COMPLETE:
            return self.peers
        if peer not in self._known:
            at, around = self._seat[peer], range(-(DEGREE // 2), DEGREE // 2 + 1)
            near = (self._lots[(at + step) % len(self._lots)] for step in around)
            self._known[peer] = tuple(sorted(near, key=self.terms.places.__getitem__))
        return self._known[peer]

    @cached_property
    def threshold(self) -> int:
        """How many of a peer's holders open its secrets, and must have voted before any of them says a share."""
        return threshold(min(len(self.peers), DEGREE + 1) if len(self.peers) > COMPLETE else len(self.peers))

    @cached_property
    def members(self) -> frozenset[PeerId]:
        """The contributors, as a set."""
        return frozenset(self.peers)

    @cached_property
    def _known(self) -> dict[PeerId, tuple[PeerId, ...]]:
        """The holders that were asked for before."""
        return {}

    @cached_property
    def _lots(self) -> tuple[PeerId, ...]:
        """The contributors in a circle, by lots that the round draws (Bell et al. 2020)."""
        return tuple(sorted(self.peers, key=lambda peer: digest("seat", self.terms.id, peer.encode())))

    @cached_property
    def _seat(self) -> Mapping[PeerId, int]:
        return {peer: seat for seat, peer in enumerate(self._lots)}


def fewest(least: int, contributing: int) -> int:
    """How many of the contributing members a sum needs, where the charter asks for `least`."""
    return max(LEAST, least, threshold(contributing))


def threshold(count: int) -> int:
    """More than two thirds: two sets of so many share more honest members than there are others, below a third."""
    return 2 * count // 3 + 1
