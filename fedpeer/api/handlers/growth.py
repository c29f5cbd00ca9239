"""Proposals to grow a federation's schema."""

from __future__ import annotations

from fedpeer.api.bodies import Nothing
from fedpeer.api.call import Call
from fedpeer.api.proposals import Agree, Decline, Propose
from fedpeer.core.statistics.additions import Additions
from fedpeer.node.proposals import Agreement, Proposal


async def every(call: Call[Nothing, Nothing]) -> list[Proposal]:
    """What this node proposed and, at the admin, what members did, with what became of it."""
    return call.node.proposals(call.fed)


async def propose(call: Call[Propose, Nothing]) -> Proposal:
    """Propose to the admin that the schema grow; the same again is the proposal that is open."""
    return await call.node.propose(call.fed, Additions.from_dict(call.body.additions), call.body.comment)


async def agreement(call: Call[Nothing, Nothing]) -> Agreement:
    """What this node counts its rows under, and what the federation's schema has beyond that."""
    return call.node.agreement(call.fed)


async def agree(call: Call[Agree, Nothing]) -> Agreement:
    """Count rows under a schema that the federation's has grown into."""
    return await call.node.agree(call.fed, call.body.schema)


async def accept(call: Call[Nothing, Nothing]) -> Proposal:
    """Let the schema grow as proposed, for everyone (the admin only)."""
    return await call.node.accept(call.fed, call.named("proposal"))


async def decline(call: Call[Decline, Nothing]) -> Proposal:
    """Do not let the schema grow as proposed (the admin only); the proposer reads why."""
    return await call.node.decline(call.fed, call.named("proposal"), call.body.reason)
