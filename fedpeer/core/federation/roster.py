"""What the charter says now: the members, the terms, the epoch. A value folded from the charter's decisions.

`Roster.after` is the only place that gives decisions meaning, so every member that has the same charter has the same
roster.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from fedpeer.core.contract.grammar import Contract
from fedpeer.core.envelope.keys import Card, check_name
from fedpeer.core.errors import CharterError, FedpeerError
from fedpeer.core.federation.decisions import (
    BridgeSet,
    ConsentSet,
    ContractSet,
    Decision,
    EpochBegun,
    Founded,
    MemberAdmitted,
    MemberRemoved,
    ScheduleSet,
    SchemaGrown,
)
from fedpeer.core.federation.exchange import LONE, Exchange, Part
from fedpeer.core.federation.schedule import Schedule
from fedpeer.core.identity import PeerId
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.statistics.additions import Additions
from fedpeer.core.statistics.lineage import Lineage
from fedpeer.core.statistics.schema import Schema

MOST_MEMBERS = 10_000
MOST_SCHEMAS = 1_000

Action = Literal["block", "allow"]


@dataclass(frozen=True, slots=True)
class Member:
    """A line of the roster; `removed_at` is 0 while the member is one."""

    peer: PeerId
    card: Card
    role: str
    admitted_at: int
    removed_at: int = 0


@dataclass(frozen=True, slots=True)
class Roster:
    """The federation as its charter has it."""

    name: str
    admin: PeerId
    members: dict[PeerId, Member]
    lineage: Lineage
    contract: Contract
    schedule: Schedule
    exchange: Exchange
    policy: Policy
    consenting: frozenset[PeerId] = frozenset()
    bridges: frozenset[str] = frozenset()
    epoch: int = 0
    commitment: bytes = b""
    epoch_at: int = 0

    @property
    def schema(self) -> Schema:
        """What is measured now."""
        return self.lineage.newest

    @property
    def active(self) -> tuple[PeerId, ...]:
        """The present members' ids, sorted."""
        return tuple(sorted(p for p, m in self.members.items() if not m.removed_at))

    @property
    def contributing(self) -> tuple[PeerId, ...]:
        """The present members who bring rows, sorted."""
        return tuple(p for p in self.active if self.part(p) == "contributor")

    def heard_by(self, peer: PeerId) -> tuple[PeerId, ...]:
        """The present members that a member speaks with: all others, or, of a centralised federation, the admin."""
        others = tuple(p for p in self.active if p != peer)
        return (self.admin,) if self.exchange.centralised and peer != self.admin else others

    def part(self, peer: PeerId) -> str:
        """What a member does when sums are made: "contributor", unless the charter gave it another part."""
        role = self.members[peer].role
        return {"admin": self.exchange.part, "member": "contributor"}.get(role, role)

    def holds(self, part: Part) -> bool:
        """Whether a present member has this part."""
        return any(self.part(peer) == part for peer in self.active)

    def taken(self, role: str) -> bool:
        """Whether this role is one that only one member can have, and one has it."""
        return any(role == part and self.holds(part) for part in LONE)

    def holder(self, part: Part) -> PeerId:
        """The present member with this part, which only one can have; CharterError if there is none."""
        found = next((peer for peer in self.active if self.part(peer) == part), None)
        if found is None:
            raise CharterError(f"this federation has no {part}")
        return found

    def member(self, peer: str) -> Member | None:
        """The present member with this id."""
        found = self.members.get(PeerId(peer))
        return found if found and not found.removed_at else None

    @classmethod
    def founded(cls, decision: Founded, at: int) -> Roster:
        """The roster of a federation with one member: its admin; CharterError if its terms cannot hold."""
        try:
            return cls._founded(decision, at)
        except CharterError:
            raise
        except FedpeerError as error:
            raise CharterError(f"a founding entry that cannot hold: {error}") from None

    @classmethod
    def _founded(cls, decision: Founded, at: int) -> Roster:
        for name in (decision.name, decision.admin.name):
            check_name(name)
        schema = Schema.from_json(decision.schema)
        if decision.policy.noise is not None:
            decision.policy.noise.plan(schema)  # it must fit the schema's integers
            if decision.exchange.ciphered or (
                decision.exchange.summed and decision.policy.noise.colluders >= decision.exchange.least
            ):
                raise CharterError("noise that this mode has no use for, or that those who collude all know")
        if decision.exchange.release:
            _contract(decision.exchange.release, schema)
        admin = Member(decision.admin.peer, decision.admin, "admin", at)
        return cls(
            name=decision.name,
            admin=admin.peer,
            members={admin.peer: admin},
            lineage=Lineage((schema,)),
            contract=_contract(decision.contract, schema),
            schedule=Schedule.parse(decision.schedule),
            exchange=decision.exchange.check(),
            policy=decision.policy,
            epoch_at=at,
        )

    def after(self, decision: Decision, at: int) -> Roster:
        """The roster once this decision holds; CharterError if it makes no sense here."""
        try:
            return self._after(decision, at)
        except CharterError:
            raise
        except FedpeerError as error:
            raise CharterError(f"a charter entry that cannot hold: {error}") from None

    def _after(self, decision: Decision, at: int) -> Roster:
        match decision:
            case MemberAdmitted():
                return self._admitted(decision, at)
            case MemberRemoved():
                return self._removed(decision, at)
            case ScheduleSet():
                return replace(self, schedule=Schedule.parse(decision.schedule))
            case ContractSet():
                return replace(self, contract=_contract(decision.contract, self.schema))
            case SchemaGrown():
                return self._grown(decision)
            case ConsentSet():
                return self._consented(decision)
            case BridgeSet():
                return self._bridged(decision)
            case EpochBegun():
                return self._begun(decision, at)
            case Founded():
                raise CharterError("a federation is founded once")

    def _admitted(self, decision: MemberAdmitted, at: int) -> Roster:
        peer = decision.card.peer
        for name in (decision.card.name, decision.role):
            check_name(name)
        if peer in self.members:
            raise CharterError(f"{decision.card.name} was a member before: a peer joins with new keys")
        if len(self.members) >= MOST_MEMBERS:
            raise CharterError(f"a federation has at most {MOST_MEMBERS} members")
        role = self.exchange.role(decision.role)
        if self.taken(role):
            raise CharterError(f"this federation has a {role}: {decision.card.name} cannot be a second one")
        member = Member(peer, decision.card, role, at)
        return replace(self, members={**self.members, peer: member})

    def _removed(self, decision: MemberRemoved, at: int) -> Roster:
        member = self.member(decision.peer)
        if member is None or member.peer == self.admin:
            raise CharterError(f"{decision.peer} cannot be removed: it is no member, or the admin")
        members = {**self.members, member.peer: replace(member, removed_at=max(at, 1))}
        return replace(self, members=members, consenting=self.consenting - {member.peer})

    def _grown(self, decision: SchemaGrown) -> Roster:
        if len(self.lineage.schemas) >= MOST_SCHEMAS:
            raise CharterError(f"a schema grows at most {MOST_SCHEMAS - 1} times")
        if self.policy.noise is not None:
            raise CharterError("the schema cannot grow where noise was made for it: what was paid for would not hold")
        if decision.proposer not in self.members:
            raise CharterError("the schema grows by what a member proposed, and this is of somebody else")
        additions = Additions.from_json(decision.additions)
        if additions.to_json() != decision.additions:
            raise CharterError("additions to a schema are written in one way only")
        return replace(self, lineage=self.lineage.grown(additions))

    def _consented(self, decision: ConsentSet) -> Roster:
        member = self.member(decision.peer)
        if member is None or decision.explorable == (member.peer in self.consenting):
            raise CharterError(f"the consent of {decision.peer} changes nothing, or it is no member")
        return replace(self, consenting=self.consenting ^ {member.peer})

    def _bridged(self, decision: BridgeSet) -> Roster:
        check_name(decision.name)
        if decision.on == (decision.target in self.bridges) or self.exchange.summed:
            raise CharterError(f"bridging {decision.name} changes nothing, or this federation's sums hide where from")
        return replace(self, bridges=self.bridges ^ {decision.target})

    def _begun(self, decision: EpochBegun, at: int) -> Roster:
        if decision.epoch != self.epoch + 1:
            raise CharterError(f"epoch {decision.epoch} does not follow epoch {self.epoch}")
        return replace(self, epoch=decision.epoch, commitment=decision.commitment, epoch_at=at)


def _contract(text: str, schema: Schema) -> Contract:
    contract = Contract.parse(text)
    contract.validate(schema)
    return contract
