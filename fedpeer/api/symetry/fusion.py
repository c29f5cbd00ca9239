"""Fusion projects: centralised federations, of which whoever makes one is the admin and to which cells are invited.

The reference's fusing node is given each cell's secret key and takes what it wants. Here nobody is: a cell's owner
redeems an invite, and sends what its own contract and release rules let through.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from fedpeer.api.symetry import maps
from fedpeer.api.symetry.door import Ask
from fedpeer.api.symetry.envelope import DialectError, reply
from fedpeer.api.symetry.federations import INVITE_S, NO_CONTRACT
from fedpeer.api.symetry.naming import naming
from fedpeer.core.federation.exchange import Exchange
from fedpeer.core.statistics.schema import Schema
from fedpeer.node.cells import Cell
from fedpeer.node.shapes import Invite, Member

_BAD = HTTPStatus.BAD_REQUEST
_SHORTEST, _MOST = 16, 1_000
_SCHED = "m1"
_KEY = "sk: a cell's secret key is neither needed nor taken; its owner redeems an invite with createJoin (leave sk out)"
_OVER = ("removed", "invite expired", "invite revoked", "invite contested")
_RULES = ("fed_contract", "fed_profile", "fed_enforce_hipaa_compliance", "fed_local_name")


class CellInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A FusionCellInfo. One without a host is a federation of the caller's own, by its pid."""

    pid: str
    host: str = ""
    cid: str = ""
    sk: str | None = None


class CellInfos(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A FusionCellInfoList, with what a federation needs besides: `passwd` opens the invites."""

    values: list[CellInfo]
    passwd: str = ""
    fed_schema: Any = None
    sml_schema: Any = None
    fed_schema_of: str = ""
    fed_name: str = ""
    sync_sched: str = _SCHED
    fed_contract: str | None = None
    fed_profile: str | None = None
    fed_enforce_hipaa_compliance: str | bool | None = None
    fed_local_name: str | None = None

    def __repr__(self) -> str:
        return f"CellInfos(of {len(self.values)})"


async def create(ask: Ask) -> web.Response:
    """Found a centralised federation, and answer an invite for each of its cells."""
    body: CellInfos = ask.body
    cells = _cells(ask, body)
    _check_password(body, cells)
    with naming(ask) as pid:
        schema, told = _schema(ask, body, cells), _told(body, pid)
        for cell in cells:
            if cell.source:
                ask.node.check_bridge(cell.source, schema)
        made = await ask.node.create(
            told["fed_name"],
            schema,
            told.get("fed_contract", NO_CONTRACT),
            told["sync_sched"],
            display=told.get("fed_local_name") or ask.node.node().name,
            policy=maps.policy(told, schema),
            exchange=Exchange(topology="centralised"),
        )
        # From here on there is a project: what cannot be done now is done by updateCellsInfo.
        async with ask.node.cells.changing(made.id):
            await ask.node.cells.keep(made.id, ())
            await ask.dialect.users.bind(ask.cid, pid, made.id)
            values = await _filled(ask, made.id, cells, body.passwd)
        await ask.node.set_pulsing(made.id, True)
    return reply(HTTPStatus.CREATED, f"SYMETRYML Created with id:{pid}", values)


async def status(ask: Ask) -> web.Response:
    """How each cell is: invited, connected, or when it was last heard."""
    scope = _fusion(ask)
    wanted = {(one.host, one.cid, one.pid) for one in ask.body.values} if ask.body is not None else set()
    invites, members = {i.id: i for i in ask.node.invites(scope)}, {m.id: m for m in ask.node.members(scope)}
    told = [
        {"host": cell.host, "cid": cell.cid, "status": _state(cell, invites, members), "pid": cell.pid}
        for cell in ask.node.cells.of(scope) or ()
        if not wanted or cell.place in wanted
    ]
    return reply(200, values={"cellsStatusEncrypted": ask.sealed({"values": told})})


async def update(ask: Ask) -> web.Response:
    """Invite the cells that are new, and shut out those that are not named any more."""
    scope = _fusion(ask)
    async with ask.node.cells.changing(scope):
        return await _updated(ask, scope, ask.body)


async def _updated(ask: Ask, scope: str, body: CellInfos) -> web.Response:
    wanted = {cell.place: cell for cell in _cells(ask, body)}
    invites, members = {i.id: i for i in ask.node.invites(scope)}, {m.id: m for m in ask.node.members(scope)}
    kept, gone = list[Cell](), list[Cell]()
    for cell in ask.node.cells.of(scope) or ():
        over = _state(cell, invites, members) in _OVER
        (kept if cell.place in wanted and not over else gone).append(cell)
    new = [cell for place, cell in wanted.items() if place not in {one.place for one in kept}]
    _check_password(body, new)
    for cell in gone:
        await ask.node.cells.shut_out(scope, cell)
    return reply(200, values=await _filled(ask, scope, new, body.passwd, kept))


def refuse_rows(ask: Ask, scope: str) -> None:
    """DialectError if this is a fusion project, whose rows are its cells'."""
    if ask.node.cells.of(scope) is not None:
        raise DialectError(
            _BAD, f"project [{ask.pid[:64]}] is a fusion project, which has no data source: its cells learn rows"
        )


def _fusion(ask: Ask) -> str:
    scope = ask.federation()
    if ask.node.cells.of(scope) is None:
        raise DialectError(_BAD, f"project [{ask.pid[:64]}] is not a fusion project")
    return scope


def _cells(ask: Ask, body: CellInfos) -> list[Cell]:
    """The cells that a body names, those without a host with the federation that they mean; DialectError."""
    if any(one.sk for one in body.values):
        raise DialectError(_BAD, _KEY)
    cells = []
    for one in body.values[: _MOST + 1]:
        source = "" if one.host else ask.federation(one.pid)
        cells.append(Cell(one.host, one.cid, one.pid, source=source))
    if not cells or len(cells) > _MOST or len({cell.place for cell in cells}) < len(cells):
        raise DialectError(_BAD, f"values has 1 to {_MOST} cells, each once")
    own = [cell for cell in cells if cell.source]
    if len(own) > 1:
        raise DialectError(_BAD, "one of this node's federations can be brought into another: one cell has no host")
    if own and own[0].source not in {fed.id for fed in ask.node.federations()}:
        raise DialectError(_BAD, f"cell [{own[0].pid[:64]}] is a project: a federation's total is brought into one")
    return cells


def _check_password(body: CellInfos, cells: Sequence[Cell]) -> None:
    if any(not cell.source for cell in cells) and len(body.passwd) < _SHORTEST:
        raise DialectError(_BAD, f"passwd, which opens the invites of cells, is missing or under {_SHORTEST} letters")


def _schema(ask: Ask, body: CellInfos, cells: Sequence[Cell]) -> Schema:
    """What cells count: as it is told, or as in a project of the user's own, or in the cell that is one."""
    given = body.fed_schema or body.sml_schema
    if given:
        return maps.schema({"fed_schema": given})
    own = next((cell.source for cell in cells if cell.source), "")
    if not body.fed_schema_of and not own:
        raise DialectError(
            _BAD, "fed_schema is missing, or fed_schema_of: the pid of a project of yours that counts the same"
        )
    return ask.node.schema(ask.federation(body.fed_schema_of) if body.fed_schema_of else own)


def _told(body: CellInfos, pid: str) -> dict[str, str]:
    given: maps.Map = {key: value for key in _RULES if (value := getattr(body, key)) is not None}
    return maps.to_create({"fed_name": body.fed_name or pid, "sync_sched": body.sync_sched, **given}, "")


async def _filled(
    ask: Ask, scope: str, cells: Sequence[Cell], password: str, before: Sequence[Cell] = ()
) -> dict[str, Any]:
    """Invite or bring these cells, keep them beside those from before, and return the invites as an entity."""
    texts = await ask.node.cells.add(scope, before, cells, expires_in_s=INVITE_S, passphrase=password)
    values = [
        {"host": cell.host, "cid": cell.cid, "pid": cell.pid, "encryptedGroupInfo": text, "fedInfoEncrypted": text}
        for cell, text in texts.items()
    ]
    return {"cellsInvitations": {"values": values}}


def _state(cell: Cell, invites: dict[str, Invite], members: dict[str, Member]) -> str:
    if cell.source:
        return "bridged"
    invite = invites.get(cell.invite)
    if invite is None or not invite.redeemed_by:
        state = invite.state if invite is not None else "revoked"
        return "invited" if state == "open" else f"invite {state}"
    member = members.get(invite.redeemed_by)
    if member is None or member.removed_at:
        return "removed"
    if member.online:
        return "connected"
    if not member.last_seen_at:
        return "joined"
    heard = datetime.fromtimestamp(member.last_seen_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"last heard {heard}"
