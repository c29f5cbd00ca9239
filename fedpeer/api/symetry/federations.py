"""The federation endpoints: each reads its map, gives one command to the node, and answers in the dialect."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from fedpeer.api.symetry import entities, maps
from fedpeer.api.symetry.door import Ask
from fedpeer.api.symetry.envelope import DialectError, reply
from fedpeer.api.symetry.naming import local, naming
from fedpeer.core.errors import ContractError
from fedpeer.node.shapes import Federation

# What a federation requires before its admin has added a contract: rows.
NO_CONTRACT = "ROWS() >= 1"

INVITE_S = 2 * 3600  # that an invite is good for
_JOIN_WAIT_S = 30.0


async def create(ask: Ask) -> web.Response:
    """Found a federation under the user's name for it."""
    told, schema = maps.to_create(ask.body, ask.node.node().bus), maps.schema(ask.body)
    with naming(ask) as pid:
        made = await ask.node.create(
            told["fed_name"],
            schema,
            told.get("fed_contract", NO_CONTRACT),
            told["sync_sched"],
            display=told.get("fed_local_name") or ask.node.node().name,
            policy=maps.policy(told, schema),
            exchange=maps.exchange(told),
            send_action=maps.action(told, "snd"),
            receive_action=maps.action(told, "rcv"),
        )
        await ask.dialect.users.bind(ask.cid, pid, made.id)
    return reply(HTTPStatus.CREATED, f"Project Created with id:{pid}")


async def join(ask: Ask) -> web.Response:
    """Redeem an invite under the user's name for its federation."""
    told = maps.to_join(ask.body)
    with naming(ask) as pid:
        joined = await ask.node.join(
            told["invite"],
            told["passwd"],
            display=told.get("fed_local_name") or ask.node.node().name,
            send_action=maps.action(told, "snd"),
            receive_action=maps.action(told, "rcv"),
            wait_s=_JOIN_WAIT_S,
        )
        await ask.dialect.users.bind(ask.cid, pid, joined.id)
    if joined.state == "joining":
        return reply(HTTPStatus.ACCEPTED, "Fed Project created; the admin has not answered yet")
    return reply(HTTPStatus.CREATED, "Fed Project created with join")


async def info(ask: Ask) -> web.Response:
    """What the federation is."""
    fed = _federation(ask)
    members = ask.node.members(fed.id)
    return reply(200, values={"fedInfoEncrypted": ask.sealed(entities.federation_info(ask.pid, fed, members))})


async def invitation(ask: Ask) -> web.Response:
    """Issue an invite that the given password opens; the string is our invite, under both of its names."""
    told = {key: value for key, value in ask.body.items() if isinstance(value, str)}
    if not told.get("passwd") or set(ask.body) - {"passwd", "fed_rest_host"}:
        raise DialectError(HTTPStatus.BAD_REQUEST, "the body is a map with passwd, and fed_rest_host if you like")
    fed = _federation(ask)
    made = await ask.node.invite(fed.id, role="member", expires_in_s=INVITE_S, passphrase=told["passwd"])
    content = entities.invitation(fed, made.text, ask.node.node().bus, told.get("fed_rest_host", ""))
    values = {"encryptedGroupInfo": made.text, "fedInfoEncrypted": made.text, "fedInvitation": content}
    return reply(200, values=values)


async def start(ask: Ask) -> web.Response:
    """Start this node's pulse."""
    await ask.node.set_pulsing(_scope(ask), True)
    return reply(200)


async def stop(ask: Ask) -> web.Response:
    """Stop this node's pulse."""
    await ask.node.set_pulsing(_scope(ask), False)
    return reply(200)


async def schedule(ask: Ask) -> web.Response:
    """Change when the federation pulses (its admin only)."""
    await ask.node.set_schedule(_scope(ask), ask.query("newSchedule"))
    return reply(200)


async def sync(ask: Ask) -> web.Response:
    """Pulse now and ask the others for their state."""
    synced = await ask.node.sync(_scope(ask))
    return reply(200, synced.detail or "OK")


async def explorable(ask: Ask) -> web.Response:
    """Consent, or no longer, to others exploring this node's own summary."""
    await ask.node.set_explorable(_scope(ask), ask.flag("allowExplore", None))
    return reply(200)


async def validate(ask: Ask) -> web.Response:
    """Try a contract: ok, or what is wrong with it."""
    text = maps.rules(ask.body)
    try:
        check = await ask.node.check_contract(_scope(ask), text)
    except ContractError as wrong:
        return reply(200, values={"string": str(wrong)})
    return reply(200, values={"string": "ok" if check.valid else check.error})


async def contract(ask: Ask) -> web.Response:
    """Set the contract, once it is valid (the admin only)."""
    text = maps.rules(ask.body)
    await ask.node.set_contract(_scope(ask), text)
    return reply(200, values={"string": "ok"})


async def error_log(ask: Ask) -> web.Response:
    """What went wrong, a line each."""
    return reply(200, values=entities.string_list(entities.error_lines(ask.node, _scope(ask))))


async def clear_errors(ask: Ask) -> web.Response:
    """Forget the error log."""
    await ask.node.clear_errors(_scope(ask))
    return reply(200)


async def sync_log(ask: Ask) -> web.Response:
    """What was sent and received, a line each."""
    return reply(200, values=entities.string_list(entities.sync_lines(ask.node, _scope(ask))))


async def stats(ask: Ask) -> web.Response:
    """Counters of the federation's traffic, with both logs."""
    fed = _scope(ask)
    errors, syncs = entities.error_lines(ask.node, fed), entities.sync_lines(ask.node, fed)
    return reply(200, values={"fedSyncStats": entities.sync_stats(ask.node.stats(fed), errors, syncs)})


async def aws(ask: Ask) -> web.Response:
    """Refuse: there is nothing of AWS here."""
    _scope(ask)
    raise DialectError(HTTPStatus.BAD_REQUEST, "this federation is not backed by AWS")


def _federation(ask: Ask) -> Federation:
    return ask.node.federation(_scope(ask))


def _scope(ask: Ask) -> str:
    scope = ask.federation()
    if local(ask, scope) is not None:
        raise DialectError(HTTPStatus.BAD_REQUEST, f"project [{ask.pid[:64]}] has no federation: it is this node's own")
    return scope
