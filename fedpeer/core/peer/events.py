"""Everything that can happen to a peer. Each arrives stamped with the time and with fresh randomness."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from fedpeer.core.envelope.invite import Invitation
from fedpeer.core.federation.exchange import Exchange
from fedpeer.core.federation.sealed.work import Answer
from fedpeer.core.peer.bridge import Bridged, SetBridge
from fedpeer.core.peer.kept import Seen, Watch
from fedpeer.core.peer.proposals import AcceptProposal, Agree, DeclineProposal, Propose
from fedpeer.core.peer.state import Batch, Bus, Settings
from fedpeer.core.peer.streams import Flow, Stream
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.privacy.purse import Purse
from fedpeer.core.statistics.patients import Patients
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary


@dataclass(frozen=True, slots=True)
class Found:
    """The operator founds a federation; this node is its admin."""

    name: str
    display: str
    schema: Schema
    contract: str
    schedule: str
    policy: Policy
    settings: Settings
    bus: Bus
    exchange: Exchange = field(default_factory=Exchange)


@dataclass(frozen=True, slots=True)
class Join:
    """The operator redeems an invite."""

    invitation: Invitation
    display: str
    settings: Settings


@dataclass(frozen=True, slots=True)
class IssueInvite:
    """The admin's operator asks for an invite; answered with `Issued`. `name` is its id, if that was drawn before."""

    role: str
    expires_in_s: int
    passphrase: str | None = field(default=None, repr=False)
    name: str = ""


@dataclass(frozen=True, slots=True)
class RevokeInvite:
    """The admin's operator takes an invite back."""

    invite: str


@dataclass(frozen=True, slots=True)
class RemoveMember:
    """The admin's operator removes a member."""

    peer: str
    reason: str


@dataclass(frozen=True, slots=True)
class Leave:
    """The operator leaves the federation."""


@dataclass(frozen=True, slots=True)
class SetSchedule:
    """The admin's operator changes the schedule."""

    schedule: str


@dataclass(frozen=True, slots=True)
class SetContract:
    """The admin's operator changes the contract."""

    contract: str


@dataclass(frozen=True, slots=True)
class SetPulsing:
    """The operator starts or stops this node's pulse."""

    pulsing: bool


@dataclass(frozen=True, slots=True)
class SetExplorable:
    """The operator lets others explore this node's contribution by itself, or not."""

    explorable: bool


@dataclass(frozen=True, slots=True)
class SetPolicy:
    """The operator tightens the charter's release rules for this node, in place of what it had set before."""

    policy: Policy


@dataclass(frozen=True, slots=True)
class AddBatch:
    """Rows were counted and are to be part of this node's data, or of the batch of this id if there is one.

    `seen` says of which file they are, `since` from which of its bytes on, if what was counted before depends on it.
    `patients` are whose they are, if the schema has their ids, and `flow` the messages of a stream that they were in.
    """

    batch: Batch
    summary: Summary
    force: bool
    seen: Seen | None = None
    since: int | None = None
    patients: Patients = field(default_factory=Patients.none)
    flow: Flow | None = None


@dataclass(frozen=True, slots=True)
class WithdrawBatch:
    """Rows are to be taken out again, exactly."""

    batch: str


@dataclass(frozen=True, slots=True)
class WithdrawRows:
    """Rows that are in a batch are to be taken out of it: the one named, or the only one that can have them."""

    source: str
    summary: Summary
    batch: str
    patients: Patients = field(default_factory=Patients.none)


@dataclass(frozen=True, slots=True)
class AddWatch:
    """The operator wants a place looked at again and again; the files of these records are counted anew."""

    watch: Watch
    forget: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoveWatch:
    """A place is not to be looked at any more."""

    watch: str


@dataclass(frozen=True, slots=True)
class SawFile:
    """A file that was counted looks otherwise and is the same."""

    seen: Seen


@dataclass(frozen=True, slots=True)
class AddStream:
    """The operator wants the messages of a subject counted, from the first that is there if `anew`."""

    stream: Stream
    anew: bool


@dataclass(frozen=True, slots=True)
class StopStream:
    """A stream is not to be listened to any more."""

    stream: str


@dataclass(frozen=True, slots=True)
class ForgetStream:
    """Nothing is to be known of a stream any more."""

    stream: str


@dataclass(frozen=True, slots=True)
class Flowed:
    """Messages of a stream had no row in them."""

    flow: Flow


@dataclass(frozen=True, slots=True)
class PulseDue:
    """The schedule says that a pulse is due."""


@dataclass(frozen=True, slots=True)
class SyncNow:
    """The operator wants a pulse now, and what the others have."""


@dataclass(frozen=True, slots=True)
class AuditRound:
    """The operator wants to know whether the sum that is shown is what its round opened; answered with its rank."""


@dataclass(frozen=True, slots=True)
class LookAt:
    """The operator looks at one member's contribution by itself."""

    peer: str
    what: str


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes arrived on a subject. Nothing about them has been checked."""

    subject: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Connected:
    """The bus is there (again): what may have been missed is to be asked for."""


@dataclass(frozen=True, slots=True)
class Computed:
    """What was to be computed for a round under a cipher is there."""

    round: bytes
    answer: Answer = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed."""


@dataclass(frozen=True, slots=True)
class Settle:
    """All that arrived together has been dealt with; say once what came of it."""


Event: TypeAlias = (
    Found
    | Join
    | IssueInvite
    | RevokeInvite
    | RemoveMember
    | Leave
    | SetSchedule
    | SetContract
    | SetPulsing
    | SetExplorable
    | SetPolicy
    | SetBridge
    | Bridged
    | Propose
    | AcceptProposal
    | DeclineProposal
    | Agree
    | AddBatch
    | WithdrawBatch
    | WithdrawRows
    | AddWatch
    | RemoveWatch
    | SawFile
    | AddStream
    | StopStream
    | ForgetStream
    | Flowed
    | PulseDue
    | SyncNow
    | AuditRound
    | LookAt
    | Received
    | Connected
    | Computed
    | Tick
    | Settle
)


@dataclass(frozen=True, slots=True)
class Stamped:
    """An event, when it happened (UTC seconds), 32 bytes of randomness for it alone, and the node's purse."""

    now: float
    entropy: bytes
    event: Event
    purse: Purse = field(default_factory=Purse, repr=False)
