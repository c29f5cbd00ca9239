"""The charter's vocabulary: what an admin can decide. What a decision comes to is for the roster to say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from fedpeer.core.canonical import Value
from fedpeer.core.envelope.keys import Card
from fedpeer.core.federation.exchange import Exchange
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.statistics.additions import Additions


class Founded(Value, frozen=True, tag="founded"):
    """The first entry: who, what data, under which terms. Its hash is the federation's id."""

    name: str
    admin: Card
    schema: str
    contract: str
    schedule: str
    exchange: Exchange
    policy: Policy
    nonce: bytes


class MemberAdmitted(Value, frozen=True, tag="admitted"):
    """A peer redeemed an invite."""

    card: Card
    role: str
    invite: str


class MemberRemoved(Value, frozen=True, tag="removed"):
    """A member is out, by the admin's decision or its own."""

    peer: str
    reason: str


class ScheduleSet(Value, frozen=True, tag="schedule"):
    """Pulses follow another schedule."""

    schedule: str


class ContractSet(Value, frozen=True, tag="contract"):
    """Contributions must meet another contract."""

    contract: str


class SchemaGrown(Value, frozen=True, tag="grown"):
    """More is measured from here on; `proposer` is the member who asked for it."""

    additions: str
    proposer: str


class ConsentSet(Value, frozen=True, tag="consent"):
    """A member lets others look at its contribution by itself, or no longer; it has said so, and this is the log."""

    peer: str
    explorable: bool


class BridgeSet(Value, frozen=True, tag="bridge"):
    """The admin brings this federation's total into another, or no longer."""

    target: str
    name: str
    on: bool


class EpochBegun(Value, frozen=True, tag="epoch"):
    """From here on messages are sealed under another secret; the commitment lets each member check theirs."""

    epoch: int
    commitment: bytes


Decision: TypeAlias = (
    Founded
    | MemberAdmitted
    | MemberRemoved
    | ScheduleSet
    | ContractSet
    | SchemaGrown
    | ConsentSet
    | BridgeSet
    | EpochBegun
)


def described(decision: Decision, name: Callable[[str], str]) -> str:
    """A decision in words; `name` turns ids into names."""
    match decision:
        case Founded():
            return f"founded {decision.name}, admin {decision.admin.name}"
        case MemberAdmitted():
            return f"admitted {decision.card.name} as {decision.role}"
        case MemberRemoved():
            return f"removed {name(decision.peer)}: {decision.reason}"
        case ScheduleSet():
            return f"the schedule is {decision.schedule}"
        case ContractSet():
            return f"the contract is {decision.contract.strip()}"
        case SchemaGrown():
            added = Additions.from_json(decision.additions)
            return f"the schema has grown by {added.told}, as {name(decision.proposer)} proposed"
        case ConsentSet():
            lets = "lets others" if decision.explorable else "does not let others"
            return f"{name(decision.peer)} {lets} look at its contribution by itself"
        case BridgeSet():
            return f"the total is {'' if decision.on else 'no longer '}brought into {decision.name} ({decision.target})"
        case EpochBegun():
            return f"epoch {decision.epoch} begins"
