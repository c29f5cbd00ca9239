"""What a peer knows. `Joining` until the admin has answered, then `Peer`; `Session` is what a restart may forget.

A state is saved as named records. Two states are compared record by record, by identity: what a step did not touch is
the same object and is not written again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fedpeer.core.canonical import Value
from fedpeer.core.envelope.access import Access
from fedpeer.core.envelope.invite import Invitation
from fedpeer.core.envelope.keys import Identity
from fedpeer.core.envelope.messages import Standing
from fedpeer.core.envelope.window import Windows
from fedpeer.core.federation.charter import Charter
from fedpeer.core.federation.ledger import Held, Ledger
from fedpeer.core.federation.roster import Action, Roster
from fedpeer.core.identity import FederationId, PeerId
from fedpeer.core.peer.bridge import Inflow
from fedpeer.core.peer.kept import Exact, Marks, Seen, Sums, Watch, Withdrawal
from fedpeer.core.peer.persons import Persons
from fedpeer.core.peer.proposals import Proposal
from fedpeer.core.peer.session import Heard, Session
from fedpeer.core.peer.streams import Stream
from fedpeer.core.privacy.floor import LAXEST, Policy
from fedpeer.core.privacy.traces import Past
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

# How long an admin that has just connected waits to hear of decisions that it may have forgotten.
LISTENS_S = 5.0
# How long whoever speaks of decisions that it does not know has to show them: saying so must not stop an admin.
PROVES_S = 30.0
# The id of the batch that is another federation's total.
BRIDGE = "bridge"


class Settings(Value, frozen=True):
    """What this node's operator chose for itself: beside what to do, what to share at most.

    `policy` tightens the charter's release rules; `agreed` is the digest of the newest schema that it has agreed to.
    """

    send_action: Action = "block"
    receive_action: Action = "block"
    pulsing: bool = False
    explorable: bool = False
    policy: Policy = LAXEST
    agreed: str = ""


class Bus(Value, frozen=True):
    """How the bus is reached: our own access; for the admin, the addresses that others use and an account's key."""

    access: Access
    servers: tuple[str, ...] = ()
    label: str = ""
    account_seed: str = ""

    def __repr__(self) -> str:
        return f"Bus(access={self.access!r}, label={self.label!r})"


class Batch(Value, frozen=True, omit_defaults=True):
    """Rows counted once: where from, how many, what was rejected, and the digest of their summary when it was added.

    `number` counts the batches of this node, `withdrawn` the rows that were taken out of this one again. A batch that
    an older version stored has neither: what is not said stays out of the bytes.
    """

    id: str
    source: str
    added_at: int
    rows: int
    read: int
    rejected: dict[str, dict[str, int]]
    content: str
    number: int = 0
    withdrawn: int = 0


class InviteRecord(Value, frozen=True):
    """An invite as its admin keeps it: never the token itself. `reply` is repeated to the same joiner only."""

    id: str
    role: str
    state: str
    created_at: int
    expires_at: int
    verifier: bytes
    broker: str
    redeemed_by: str = ""
    reply: bytes = b""

    def __repr__(self) -> str:
        return f"InviteRecord(id={self.id!r}, state={self.state!r})"


class Counters(Value, frozen=True):
    """What the sync statistics count, since this node joined."""

    sent: int = 0
    send_contract_failures: int = 0
    withheld: int = 0
    received: int = 0
    receive_errors: int = 0
    receive_contract_failures: dict[str, int] = {}  # noqa: RUF012 msgspec copies the default of a struct field


class Secret(Value, frozen=True):
    """An epoch's secret, and when a newer epoch replaced it (0: it is the newest)."""

    epoch: int
    secret: bytes
    retired_at: int = 0

    def __repr__(self) -> str:
        return f"Secret(epoch={self.epoch})"


@dataclass(frozen=True, slots=True)
class Local:
    """A batch and its summary."""

    batch: Batch
    summary: Summary


@dataclass(frozen=True, slots=True)
class Joining:
    """An invite was opened and its redemption is under way, or was declined."""

    federation: FederationId
    me: Identity
    display: str
    settings: Settings
    invitation: Invitation
    phase: str = "joining"
    reason: str = ""
    asked_at: float = 0.0


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Peer:
    """A member, or one that was."""

    me: Identity
    bus: Bus
    settings: Settings
    charter: Charter
    ledger: Ledger
    session: Session
    local: Summary
    phase: str = "active"
    alarm: str = ""
    secrets: tuple[Secret, ...] = ()
    batches: Mapping[str, Local] = field(default_factory=dict)
    invites: Mapping[str, InviteRecord] = field(default_factory=dict)
    windows: Mapping[PeerId, Windows] = field(default_factory=dict)
    counters: Counters = field(default_factory=Counters)
    marks: Marks = field(default_factory=Marks)
    withdrawals: Mapping[str, Withdrawal] = field(default_factory=dict)
    receipts: Mapping[str, bytes] = field(default_factory=dict)
    watches: Mapping[str, Watch] = field(default_factory=dict)
    seen: Mapping[str, Seen] = field(default_factory=dict)
    traces: Mapping[str, bytes] = field(default_factory=dict)
    sums: Sums = field(default_factory=Sums)
    persons: Persons = field(default_factory=Persons)
    streams: Mapping[str, Stream] = field(default_factory=dict)
    proposals: Mapping[str, Proposal] = field(default_factory=dict)
    exact: Exact | None = None
    inflow: Inflow | None = None

    @property
    def federation(self) -> FederationId:
        """The federation's id."""
        return self.charter.federation

    @property
    def roster(self) -> Roster:
        """The federation as its charter has it."""
        return self.charter.roster

    @property
    def agreed(self) -> Schema:
        """What this node counts of its rows: not before its operator has agreed to a schema that has grown."""
        return self.roster.lineage.agreed(self.settings.agreed)

    @property
    def terms(self) -> Roster:
        """The same with the release rules that this node keeps: the charter's, or stricter ones of its operator.

        Those of a federation whose total it brings are among them.
        """
        own = self.settings.policy.tightened(self.session.habits.policy)
        own = own.tightened(self.inflow.policy) if self.inflow else own
        return replace(self.roster, policy=self.roster.policy.tightened(own))

    @property
    def is_admin(self) -> bool:
        """Whether this node decides."""
        return self.me.peer == self.roster.admin

    @property
    def released(self) -> Held | None:
        """Our own contribution as the others have it."""
        return self.ledger.held.get(self.me.peer)

    @property
    def told(self) -> Summary | None:
        """The sums behind our contribution, without its noise; the last that are known, if it was forgotten here."""
        if self.released is None or not self.released.summary.noise:
            return self.released.summary if self.released else None
        return self.exact.summary if self.exact else None

    @property
    def past(self) -> Past:
        """What was released before that, as far as release rules ask."""
        people = self.persons.people if self.roster.schema.patient else None
        shown = self.roster.exchange.mode == "open"
        last = self.ledger.serial(self.me.peer) if shown else self.persons.last
        return Past(self.me.secret(), self.traces, self.roster.lineage, people, last)

    @property
    def past_sums(self) -> Past:
        """The sums of several that were opened before the newest, as far as release rules ask."""
        return Past(self.me.secret(), self.sums.traces, self.roster.lineage)

    @property
    def secret(self) -> Secret | None:
        """The newest epoch's secret, if we hold it."""
        return next((s for s in self.secrets if s.epoch == self.roster.epoch), None)

    @property
    def standing(self) -> Standing:
        """What we hold, in the form that members compare."""
        secret = self.secret
        return Standing(self.charter.version, self.charter.head, secret.epoch if secret else 0, self.ledger.holdings)

    def standing_for(self, peer: PeerId) -> Standing:
        """The same as a member may know it: where the admin alone receives, no other's contribution."""
        standing = self.standing
        if not self.roster.exchange.centralised:
            return standing
        told = tuple(h for h in standing.holds if h.peer == (peer if self.is_admin else self.me.peer))
        return Standing(standing.charter_version, standing.charter_head, standing.epoch, told)

    @property
    def disagreeing(self) -> tuple[PeerId, ...]:
        """Members that have not said that they hold what we hold and, if we asked, that they have answered.

        While a round goes on, we are one of them ourselves.
        """
        mine = (self.me.peer,) if self.session.running else ()
        others = self.roster.heard_by(self.me.peer)
        return (*mine, *(p for p in others if not self._agrees(self.session.heard.get(p), self.standing_for(p))))

    @property
    def total_told(self) -> bytes:
        """The digest of the total, for others; nothing where they may not even guess at it."""
        exchange = self.roster.exchange
        hidden = exchange.mode == "paillier" or exchange.centralised
        return b"" if hidden else bytes.fromhex(self.ledger.total.digest)

    @property
    def differing(self) -> tuple[PeerId, ...]:
        """Members that hold what we hold and yet compute another total, because they admit other contributions."""
        standing, total = self.standing, self.total_told
        heard = {p: h.status for p, h in self.session.heard.items()}
        return tuple(p for p, s in sorted(heard.items()) if s.standing == standing and s.total != total)

    def _agrees(self, heard: Heard | None, standing: Standing) -> bool:
        if heard is None or heard.status.standing != standing:
            return False
        ask = self.session.ask
        return not ask or any(a.peer == self.me.peer and a.ask >= ask for a in heard.status.answers)

    def may_decide(self, now: float) -> bool:
        """Whether an admin can know that its charter is the newest: a restored backup may have forgotten decisions.

        It asks whoever is there; if nobody answers for a while, nobody can be told another thing than before. Once it
        has decided something in this session, nobody can know of more.
        """
        if self.session.current or self.roster.active == (self.me.peer,):
            return True
        heard, since = self.session.heard.values(), self.session.connected_at
        if any(h.status.standing.charter_version > self.charter.version for h in heard):
            return bool(since) and now - since >= PROVES_S
        return bool(heard) or (bool(since) and now - since >= LISTENS_S)

    def with_session(self, **changes: object) -> Peer:
        """The same peer with some of its session changed."""
        return replace(self, session=replace(self.session, **changes))  # type: ignore[arg-type]


State = Joining | Peer
