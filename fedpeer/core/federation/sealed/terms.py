"""The terms of a round under a cipher, which every member works out alone from the charter and the round's number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from fedpeer.core.envelope.messages import Round
from fedpeer.core.errors import MismatchError
from fedpeer.core.federation.exchange import LEAST, LONE
from fedpeer.core.federation.roster import Roster
from fedpeer.core.federation.secure.terms import fewest
from fedpeer.core.identity import PeerId
from fedpeer.core.privacy import cipher
from fedpeer.core.statistics.layout import layout


@dataclass(frozen=True)
class Terms:
    """What a round's members agree on before it: `signers` has their verification keys, `sum` what is computed.

    `contributors` are in the charter's order.
    """

    round: Round
    beneficiary: PeerId
    coordinator: PeerId
    contributors: tuple[PeerId, ...]
    signers: Mapping[PeerId, bytes]
    sum: cipher.Terms
    least: int = LEAST

    @classmethod
    def of(cls, which: Round, roster: Roster) -> Terms:
        """The terms under this roster; MismatchError if it cannot have a round."""
        if reason := lacking(roster):
            raise MismatchError(f"no sum can be made: {reason}")
        signers = {peer: roster.members[peer].card.sign for peer in roster.active}
        beneficiary, coordinator = (roster.holder(part) for part in LONE)
        least = roster.exchange.least
        return cls(which, beneficiary, coordinator, roster.contributing, signers, computed(roster), least)

    @cached_property
    def id(self) -> bytes:
        """The round's id."""
        return self.round.id

    @property
    def enough(self) -> int:
        """The fewest contributors whose sum may be opened: two thirds of them, and never below the charter's number."""
        return fewest(self.least, len(self.contributors))

    @property
    def shown(self) -> bool:
        """Whether the opened sum is told to all members, and not the beneficiary's alone."""
        return self.sum.scheme == "ckks"

    def check_circle(self, peers: Sequence[PeerId]) -> None:
        """MismatchError unless these are enough contributors, each once, in the charter's order."""
        chosen = set(peers)
        if tuple(peer for peer in self.contributors if peer in chosen) != tuple(peers):
            raise MismatchError("contributors of a sum who are not such, each once, in the charter's order")
        if len(peers) < self.enough:
            raise MismatchError(f"{len(peers)} contributors to a sum that needs {self.enough}")


def lacking(roster: Roster) -> str:
    """Why this roster cannot have a round; empty if it can."""
    for part in LONE:
        if not roster.holds(part):
            return f"there is no {part} in this federation: invite one with `fedpeer invite --role {part}`"
    there = len(roster.contributing)
    if there < (needed := fewest(roster.exchange.least, there)):
        return f"{there} contributors are in this federation, and a sum needs {needed}"
    if there > cipher.MOST:
        return f"{there} contributors are in this federation, and a cipher's sum is proved safe for {cipher.MOST}"
    return ""


def computed(roster: Roster) -> cipher.Terms:
    """What a cipher must compute for these contributors: its scheme and parameters, what is summed, of how many."""
    exchange = roster.exchange
    addends = max(1, len(roster.contributing))
    return cipher.Terms(exchange.mode, exchange.parameters, layout(roster.schema), addends)
