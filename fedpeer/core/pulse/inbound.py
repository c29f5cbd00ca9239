"""Inward: a contribution is held to its origin's key, read, and put to the contract; then the ledger can record it."""

from __future__ import annotations

from fedpeer.core.contract.admit import RECEIVING, Admitted, Refused, admit
from fedpeer.core.envelope.contributions import accept, origin_of
from fedpeer.core.errors import MismatchError, OutsiderError
from fedpeer.core.federation.ledger import Held
from fedpeer.core.federation.roster import Action, Roster
from fedpeer.core.identity import FederationId
from fedpeer.core.statistics.summary import Summary


def inbound(signed: bytes, federation: FederationId, roster: Roster, *, action: Action) -> Held:
    """Read a signed contribution of a present member; RemoteError for anything else."""
    origin = roster.member(origin_of(signed))
    if origin is None:
        raise OutsiderError("a contribution of someone who is not a member")
    noise = roster.policy.noise
    plan = noise.plan(roster.schema) if noise else None
    contribution, summary = accept(signed, origin.card.sign, federation, roster.lineage, plan)
    through = contribution.through
    if list(through) != sorted(set(through)):
        raise MismatchError(f"a contribution of {origin.card.name} names the federations in it twice, or unsorted")
    if federation in through:
        raise MismatchError(
            f"a contribution of {origin.card.name} has this federation's own rows in it: they went in a ring"
        )
    return Held(signed, contribution, summary, judge(summary, roster, action=action))


def judge(summary: Summary, roster: Roster, *, action: Action) -> Admitted | Refused:
    """Put a received summary to the contract."""
    return admit(summary, roster.contract, RECEIVING, peers=len(roster.active), action=action)
