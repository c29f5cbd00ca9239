"""What lives only as long as the process: who was heard, what was said, and the round that is going on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fedpeer.core.envelope.chunks import Assembly
from fedpeer.core.envelope.messages import Status
from fedpeer.core.federation.roster import Roster
from fedpeer.core.identity import PeerId
from fedpeer.core.peer.ongoing import Ongoing
from fedpeer.core.peer.sitting import Sealed
from fedpeer.core.privacy.floor import LAXEST, Policy
from fedpeer.core.statistics.summary import Summary


@dataclass(frozen=True, slots=True)
class Heard:
    """The last status of a member, when it came, and from which of its processes."""

    status: Status
    at: float
    boot: bytes


@dataclass(frozen=True, slots=True)
class Habits:
    """How this node behaves, from its configuration: in time, and with what release rules at least."""

    status_every_s: float = 10.0
    absent_after_s: float = 10.0
    offline_after_s: float = 30.0
    kept_for_s: int = 30 * 86_400
    policy: Policy = LAXEST


@dataclass(frozen=True, slots=True)
class Session:
    """What lives only as long as the process. `boot` makes this process's keys and nonces its own.

    `current` says that the admin has decided something in it, so that its charter is known to be the newest; `offered`
    is what the last pulse considered: rows and terms that have not changed need not be considered again. `audits` has
    what came of looking at the evidence of opened sums, by rank: nothing to object, or a fault. `visits`
    are when members were looked at by themselves.
    """

    boot: bytes
    habits: Habits = field(default_factory=Habits)
    sequence: int = 0
    dirty: bool = True
    current: bool = False
    connected_at: float = 0.0
    status_at: float = 0.0
    ask: int = 0
    heard: Mapping[PeerId, Heard] = field(default_factory=dict)
    answers: Mapping[PeerId, int] = field(default_factory=dict)
    said_at: Mapping[str, float] = field(default_factory=dict)
    assembly: Assembly = field(default_factory=Assembly)
    offered: tuple[Summary, Roster] | None = None
    round: Ongoing | None = None
    sealed: Sealed = field(default_factory=Sealed)
    audits: Mapping[int, str] = field(default_factory=dict)
    visits: Mapping[PeerId, tuple[float, ...]] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """Whether a round goes on here."""
        return any(each is not None and each.running for each in (self.round, self.sealed.sitting))
