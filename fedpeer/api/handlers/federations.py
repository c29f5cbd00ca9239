"""Federations: founding, joining, leaving, and how each is run."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec import structs

from fedpeer.api.bodies import (
    Create,
    Join,
    JoinWait,
    Nothing,
    SetBridge,
    SetExplorable,
    SetPulse,
    SetRules,
    SetSchedule,
    Wait,
)
from fedpeer.api.call import Call, Reply
from fedpeer.api.proposals import WhichSchema
from fedpeer.core.statistics.schema import Schema
from fedpeer.node.shapes import Audit, CharterEntry, Cipher, Federation, Preview, ReleaseRules, Synced


async def every(call: Call[Nothing, Nothing]) -> list[Federation]:
    """Every federation that this node is, or was, in."""
    return [one for one in call.node.federations() if call.who.may("viewer", one.id)]


async def create(call: Call[Create, Nothing]) -> Reply:
    """Found a federation, with this node as its admin."""
    body = call.body
    policy = body.rules.policy(body.profile)
    if body.noise is not None:
        policy = structs.replace(policy, noise=await asyncio.to_thread(lambda noise: noise.terms, body.noise))
    made = await call.node.create(
        body.name,
        Schema.from_dict(body.schema),
        body.contract,
        body.schedule,
        display=body.display or call.node.node().name,
        policy=policy,
        exchange=body.exchange,
        send_action=body.send_action,
        receive_action=body.receive_action,
    )
    return _at(made, 201)


async def join(call: Call[Join, JoinWait]) -> Reply:
    """Redeem an invite; 202 while the admin has not answered yet."""
    body = call.body
    joined = await call.node.join(
        body.text,
        body.passphrase,
        display=body.display or call.node.node().name,
        schema=None if body.schema is None else Schema.from_dict(body.schema),
        send_action=body.send_action,
        receive_action=body.receive_action,
        wait_s=call.query.wait,
    )
    return _at(joined, 202 if joined.state == "joining" else 201)


async def one(call: Call[Nothing, Nothing]) -> Federation:
    """One federation as this node sees it now."""
    return call.node.federation(call.fed)


async def leave(call: Call[Nothing, Nothing]) -> Federation:
    """Leave the federation for good."""
    return await call.node.leave(call.fed)


async def set_schedule(call: Call[SetSchedule, Nothing]) -> Federation:
    """Change when the federation pulses (its admin only)."""
    return await call.node.set_schedule(call.fed, call.body.schedule)


async def set_pulse(call: Call[SetPulse, Nothing]) -> Federation:
    """Start or stop this node's pulse."""
    return await call.node.set_pulsing(call.fed, call.body.pulsing)


async def rules(call: Call[Nothing, Nothing]) -> ReleaseRules:
    """The release rules: the charter's, what this node adds to them, and the numbers that hold here."""
    return call.node.rules(call.fed)


async def set_rules(call: Call[SetRules, Nothing]) -> ReleaseRules:
    """Keep stricter release rules than the charter's at this node, in place of what it added before."""
    return await call.node.set_rules(call.fed, call.body.policy(call.body.profile))


async def set_explorable(call: Call[SetExplorable, Nothing]) -> Federation:
    """Consent, or no longer, to others exploring this node's own summary."""
    return await call.node.set_explorable(call.fed, call.body.explorable)


async def bridge(call: Call[SetBridge, Nothing]) -> Federation:
    """Bring the total of another federation, whose admin this node is, into this one, or no longer."""
    source = call.resolve(call.body.source, "admin")
    return await call.node.bridge(call.fed, source, on=call.body.on)


async def sync(call: Call[Nothing, Wait]) -> Synced:
    """Pulse now and ask the others for their state; `wait` until all hold the same."""
    return await call.node.sync(call.fed, wait_s=call.query.wait)


async def audit_round(call: Call[Nothing, JoinWait]) -> Audit:
    """Open the sum that is shown here again, from what its collector kept of the round; `wait` for the collector."""
    return await call.node.audit_round(call.fed, wait_s=call.query.wait)


async def cipher(call: Call[Nothing, Nothing]) -> Cipher:
    """What sums are made with, and digests to compare with other programs."""
    return await call.node.cipher(call.fed)


async def preview(call: Call[Nothing, Nothing]) -> Preview:
    """What would leave this node if it pulsed now, and what every rule says of it; nothing does."""
    return await call.node.preview(call.fed)


async def schema(call: Call[Nothing, WhichSchema]) -> dict[str, Any]:
    """What the federation has agreed to measure, or (`counted`) what this node does, if that is less."""
    found = call.node.counted_schema(call.fed) if call.query.counted else call.node.schema(call.fed)
    return found.to_dict()


async def charter(call: Call[Nothing, Nothing]) -> list[CharterEntry]:
    """Every decision of the admin, in order."""
    return call.node.charter(call.fed)


def _at(federation: Federation, status: int) -> Reply:
    return Reply(federation, status, {"Location": f"/v1/federations/{federation.id}"})
