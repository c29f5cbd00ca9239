"""The newest contribution of every member, and their exact total.

`record` is idempotent: the same or an older contribution changes nothing. The total is kept by adding and subtracting,
which is exact, so it does not depend on the order or the number of changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from fedpeer.core.contract.admit import Admitted, Refused
from fedpeer.core.envelope.messages import Contribution, Holding
from fedpeer.core.identity import PeerId
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

Judge = Callable[[Summary], Admitted | Refused]


@dataclass(frozen=True, slots=True)
class Held:
    """A contribution, the bytes that prove it, its summary, and what the contract said of it here."""

    signed: bytes
    contribution: Contribution
    summary: Summary
    verdict: Admitted | Refused

    @property
    def admitted(self) -> bool:
        """Whether it counts in the total."""
        return isinstance(self.verdict, Admitted)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Contributions by member."""

    held: dict[PeerId, Held]
    total: Summary

    @classmethod
    def empty(cls, schema: Schema) -> Ledger:
        """A ledger with nothing in it."""
        return cls({}, Summary.zero(schema))

    @property
    def contributors(self) -> tuple[PeerId, ...]:
        """Members whose contribution counts."""
        return tuple(sorted(p for p, h in self.held.items() if h.admitted))

    @property
    def holdings(self) -> tuple[Holding, ...]:
        """What we hold, in the form that members compare."""
        rows = sorted(self.held.items())
        return tuple(Holding(p, h.contribution.serial, bytes.fromhex(h.summary.digest)) for p, h in rows)

    def serial(self, peer: str) -> int:
        """The serial of what we hold of a peer, 0 for nothing."""
        held = self.held.get(PeerId(peer))
        return held.contribution.serial if held else 0

    def record(self, held: Held) -> Ledger:
        """The ledger with this contribution, or the same ledger if it holds this one or a newer one."""
        peer = PeerId(held.contribution.origin)
        if held.contribution.serial <= self.serial(peer):
            return self
        return self._with(peer, held)

    def without(self, peers: Iterable[PeerId]) -> Ledger:
        """The ledger without these peers."""
        ledger = self
        for peer in peers:
            if peer in ledger.held:
                ledger = ledger._with(peer, None)
        return ledger

    def judged(self, judge: Judge) -> Ledger:
        """The ledger after every contribution was put to the contract again."""
        ledger = self
        for peer, held in self.held.items():
            ledger = ledger._with(peer, replace(held, verdict=judge(held.summary)))
        return ledger

    def _with(self, peer: PeerId, held: Held | None) -> Ledger:
        total, before = self.total, self.held.get(peer)
        if before and before.admitted:
            total = total - before.summary
        if held and held.admitted:
            total = total + held.summary
        rest = {p: h for p, h in self.held.items() if p != peer}
        return Ledger({**rest, peer: held} if held else rest, total)
