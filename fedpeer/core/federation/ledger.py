"""The newest contribution of every member, and their exact total.

1. `record` is idempotent, and what is held does not depend on the order of arrival: a higher serial wins, and of two
   contributions that their origin signed under one serial the one with the higher digest.
2. The total is kept by adding and subtracting, which is exact, so it depends on what is held and on nothing else.
3. No total may have more rows than the schema proves safe. Where all together would, the largest are left out, so that
   a member who claims 2**40 rows shuts out itself and nobody else.
4. No federation's total counts twice. Of several members who bring the same one the first by id counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate

from fedpeer.core.contract.admit import Admitted, Refused
from fedpeer.core.envelope.contributions import Contribution
from fedpeer.core.envelope.messages import Holding
from fedpeer.core.identity import PeerId
from fedpeer.core.statistics.lineage import Lineage
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

SUM = ""  # whose holding an opened sum is: nobody's alone

Judge = Callable[[Summary], Admitted | Refused]


@dataclass(frozen=True, slots=True)
class Held:
    """A contribution, the bytes that prove it, its summary, and what the contract said of it here."""

    signed: bytes
    contribution: Contribution
    summary: Summary
    verdict: Admitted | Refused
    digest: bytes = field(init=False)

    def __post_init__(self) -> None:
        # Of the bytes that were signed: what they come to under a schema that has grown since has another.
        object.__setattr__(self, "digest", Summary.digest_of(self.contribution.summary))

    @property
    def rank(self) -> tuple[int, bytes]:
        """What decides between two contributions of one origin: the higher is held."""
        return self.contribution.serial, self.digest

    @property
    def admitted(self) -> bool:
        """Whether it counts in the total."""
        return isinstance(self.verdict, Admitted)


@dataclass(frozen=True, slots=True)
class Opened:
    """A sum of several that was opened: the bytes that prove it, its round's rank, and whose rows are in it.

    `proof` stands for the sum in its rank: its digest as it was opened, or, where only some may see it, another.
    """

    data: bytes = field(repr=False)
    serial: int
    contributors: tuple[PeerId, ...]
    total: Summary
    proof: bytes

    @property
    def rank(self) -> tuple[int, bytes]:
        """What decides between two opened sums: the higher is held."""
        return self.serial, self.proof


@dataclass(frozen=True, slots=True)
class Ledger:
    """Contributions by member; or, where only sums are seen, the newest sum that was opened."""

    held: dict[PeerId, Held]
    total: Summary
    opened: Opened | None = None

    @classmethod
    def empty(cls, schema: Schema) -> Ledger:
        """A ledger with nothing in it."""
        return cls({}, Summary.zero(schema))

    @property
    def contributors(self) -> tuple[PeerId, ...]:
        """Members whose contribution counts."""
        if self.opened is not None:
            return self.opened.contributors
        return tuple(sorted(self._fitting(self.held)))

    @property
    def left_out(self) -> tuple[PeerId, ...]:
        """Members whose contribution the contract admits and the total has no room for, or has from another."""
        fitting = self._fitting(self.held)
        return tuple(sorted(p for p, h in self.held.items() if h.admitted and p not in fitting))

    @property
    def twins(self) -> dict[PeerId, PeerId]:
        """Members who bring a federation that another, who counts, brings too, and who that is."""
        return _twins({p: h for p, h in self.held.items() if h.admitted})

    @property
    def holdings(self) -> tuple[Holding, ...]:
        """What we hold, in the form that members compare."""
        if self.opened is not None:
            return (Holding(SUM, *self.opened.rank),)
        rows = sorted(self.held.items())
        return tuple(Holding(p, *h.rank) for p, h in rows)

    def show(self, opened: Opened) -> Ledger:
        """The ledger with this sum, or the same ledger if it has this one or a newer one."""
        if self.opened is not None and opened.rank <= self.opened.rank:
            return self
        return Ledger({}, opened.total, opened)

    def serial(self, peer: str) -> int:
        """The serial of what we hold of a peer, 0 for nothing."""
        return self.rank(peer)[0]

    def rank(self, peer: str) -> tuple[int, bytes]:
        """The rank of what we hold of a peer; below it is nothing but what no peer says."""
        held = self.held.get(PeerId(peer))
        return held.rank if held else (0, b"")

    def subset(self, peers: Iterable[PeerId]) -> Summary:
        """What these members have in the total; those that do not count in it add nothing."""
        counting = self._fitting(self.held)
        chosen = counting.intersection(peers)
        if 2 * len(chosen) <= len(counting):
            return sum((self.held[p].summary for p in chosen), Summary.zero(self.total.schema))
        total = self.total
        for p in counting - chosen:
            total = total - self.held[p].summary
        return total

    def record(self, held: Held) -> Ledger:
        """The ledger with this contribution, or the same ledger if it holds this one or a newer one."""
        peer = PeerId(held.contribution.origin)
        if held.rank <= self.rank(peer):
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

    def grown(self, lineage: Lineage) -> Ledger:
        """The ledger under a schema that has grown, with the verdicts of before."""
        held = {p: replace(h, summary=lineage.embed(h.summary)) for p, h in self.held.items()}
        opened = self.opened and replace(self.opened, total=lineage.embed(self.opened.total))
        return Ledger(held, lineage.embed(self.total), opened)

    def _with(self, peer: PeerId, held: Held | None) -> Ledger:
        rest = {p: h for p, h in self.held.items() if p != peer}
        after = {**rest, peer: held} if held else rest
        old, new = self._fitting(self.held), self._fitting(after)
        total = self.total
        # What goes, goes first: between the two no sum can be larger than the larger of them.
        for p in old - new | old & {peer}:
            total = total - self.held[p].summary
        for p in new - old | new & {peer}:
            total = total + after[p].summary
        return Ledger(after, total)

    def _fitting(self, held: Mapping[PeerId, Held]) -> set[PeerId]:
        """Who counts: all that are admitted, or the smallest that stay within the schema's row bound together."""
        admitted = {p: h for p, h in held.items() if h.admitted}
        twins = _twins(admitted)
        rows = {p: h.summary.rows for p, h in admitted.items() if p not in twins}
        bound = self.total.schema.row_bound
        if sum(rows.values()) <= bound:
            return set(rows)
        ascending = sorted(rows, key=lambda p: (rows[p], p))
        sums = accumulate(rows[p] for p in ascending)
        return {p for p, rows_so_far in zip(ascending, sums, strict=True) if rows_so_far <= bound}


def _twins(held: Mapping[PeerId, Held]) -> dict[PeerId, PeerId]:
    found: dict[PeerId, PeerId] = {}
    brought: dict[str, PeerId] = {}
    for peer in sorted(p for p, h in held.items() if h.contribution.through):
        through = held[peer].contribution.through
        twin = next((brought[each] for each in through if each in brought), None)
        if twin is None:
            brought |= dict.fromkeys(through, peer)
        else:
            found[peer] = twin
    return found
