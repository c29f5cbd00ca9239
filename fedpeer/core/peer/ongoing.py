"""The round that a peer is in. It lives as long as the process: who restarts has dropped out of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from fedpeer.core.federation.secure.collector import Collector
from fedpeer.core.federation.secure.contribution import Contribution
from fedpeer.core.federation.secure.terms import Terms
from fedpeer.core.peer.persons import Persons
from fedpeer.core.privacy.purse import Bill
from fedpeer.core.statistics.residues import Residues
from fedpeer.core.statistics.summary import Summary

# How many collectors a contributor turns to before it gives the round up.
_COLLECTORS = 3


@dataclass(frozen=True, slots=True)
class Brought:
    """What we bring into a sum: the summary, the vector that stands for it, with noise or not, and the noise's bill.

    Without noise `lean` is the vector as it was before the schema grew by something that it has nothing of.
    """

    summary: Summary
    vector: Residues = field(repr=False)
    lean: Residues | None = field(default=None, repr=False)
    bill: Bill | None = None


@dataclass(frozen=True, slots=True)
class Ongoing:
    """A round, our contribution to it if we bring one, and our collecting if it is, or was, our turn.

    `brought` is what is in the contribution and `persons` whose rows are in it, `said_at` when its collector was
    last told something, `silent` how many collectors have been given up, and `over` says that the contribution will
    not go on.
    """

    terms: Terms
    began_at: float
    contribution: Contribution | None = None
    brought: Brought | None = field(default=None, repr=False)
    persons: Persons = field(default_factory=Persons, repr=False)
    collector: Collector | None = None
    said_at: float = 0.0
    silent: int = 0
    over: bool = False

    @property
    def contributing(self) -> bool:
        """Whether our contribution may still become part of a sum."""
        return self.contribution is not None and not self.over

    @property
    def running(self) -> bool:
        """Whether something is still expected of this round here."""
        return self.contributing or (self.collector is not None and not self.collector.ended)

    @property
    def given_up(self) -> bool:
        """Whether there is no further collector to turn to."""
        return self.silent + 1 >= min(_COLLECTORS, len(self.terms.collectors))
