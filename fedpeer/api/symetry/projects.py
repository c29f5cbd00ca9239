"""What projects there are, and the life of one: a federation is a project too, and has less of a life here."""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus
from typing import Any

from aiohttp import web

from fedpeer.api.symetry import entities, jobs, maps
from fedpeer.api.symetry.door import Ask
from fedpeer.api.symetry.envelope import DialectError, reply
from fedpeer.api.symetry.naming import give_up, giving, local, naming, seen, taken
from fedpeer.core.statistics.schema import Schema

_BAD = HTTPStatus.BAD_REQUEST
_SAVED = "nothing to do: every change is on disk before it is answered"


async def create(ask: Ask) -> web.Response:
    """Make a project without a federation; without `sml_schema` its schema is that of its first rows."""
    kind, histogram = ask.query("type", "cpu") or "cpu", ask.flag("enableHistogram", False)
    if kind != "cpu":
        raise DialectError(_BAD, f"type {kind[:40]!r} is not supported: there are projects of type cpu")
    schema = maps.to_project(ask.body or {})
    with naming(ask) as pid:
        made = await ask.node.create_project(pid, schema)
        if histogram:
            await ask.node.change_project(made.id, histogram=True)
        await ask.dialect.users.bind(ask.cid, pid, made.id)
    return reply(HTTPStatus.CREATED, f"Project Created with id:{pid}")


async def names(ask: Ask) -> web.Response:
    """What the user calls the projects that it may see."""
    return reply(200, values=entities.string_list(sorted(seen(ask))))


async def every(ask: Ask) -> web.Response:
    """What each of them is."""
    found = seen(ask)

    async def work() -> jobs.Values:
        return {"smlInfoList": {"values": [entities.info(ask.node, pid, found[pid]) for pid in sorted(found)]}}

    return await jobs.later(ask, "info", "", work)


async def info(ask: Ask) -> web.Response:
    """What a project is: attributes, models, sources, flags."""
    return reply(200, values={"smlInfo": entities.info(ask.node, ask.pid, ask.federation())})


async def delete(ask: Ask) -> web.Response:
    """Delete a project with its rows and models; a federation is left instead."""
    scope = _alone(ask, "is a federation: it is left (`fedpeer leave`), and what others hold of it is not ours")
    await ask.node.delete_project(scope)
    await give_up(ask)
    return reply(200, f"Project [{ask.pid}] was deleted")


async def save(ask: Ask) -> web.Response:
    """Say that it is saved."""
    ask.federation()
    return reply(200, _SAVED)


async def unload(ask: Ask) -> web.Response:
    """Say that there is nothing to unload."""
    ask.federation()
    return reply(200, "nothing to do: a project takes no room but that of its sums")


async def freeze(ask: Ask) -> web.Response:
    """Take no more rows, and give none back, until it is unfrozen."""
    return await _frozen(ask, frozen=True)


async def unfreeze(ask: Ask) -> web.Response:
    """Take rows again."""
    return await _frozen(ask, frozen=False)


async def rename(ask: Ask) -> web.Response:
    """Let the user call a project something else; a federation keeps its own name."""
    scope, new = ask.federation(), maps.new_pid(ask.query("newName"))
    if new in seen(ask):
        raise taken(ask, new)
    with giving(ask, new):
        if local(ask, scope) is not None:
            await ask.node.change_project(scope, name=new)
        await ask.dialect.users.bind(ask.cid, new, scope)
        await give_up(ask)
    return reply(200, f"Project renamed to [{new}]")


async def merge(ask: Ask) -> web.Response:
    """Count the rows of another project of the same schema here too; that one stays as it is."""
    scope = _alone(ask, "is a federation: rows of others come to it by its pulse")
    other = ask.federation(ask.query("otherProjectName"))
    if local(ask, other) is None:
        raise DialectError(_BAD, "otherProjectName is a federation: the rows of others cannot be taken out of it")
    await ask.node.merge_projects(scope, other, force=ask.flag("force", False))
    return reply(200)


async def export(ask: Ask) -> web.Response:
    """A project with its sums and models, as base64."""
    scope = _alone(ask, "is a federation: `GET /fedml/{pid}/info` says what it is, and its rows are others' too")
    data = await ask.node.export_project(scope)
    return reply(200, values={"string": base64.b64encode(data).decode()})


async def take_in(ask: Ask) -> web.Response:
    """Make a project out of what `export` gave, here or at another node."""
    data = decoded(ask.body)
    with naming(ask, ask.query("pid") or "imported") as pid:
        made = await ask.node.import_project(data, pid)
        await ask.dialect.users.bind(ask.cid, pid, made.id)
    return reply(HTTPStatus.CREATED, f"Project Created with id:{pid}")


async def histogram(ask: Ask) -> web.Response:
    """Count histograms, or not, from the first row on; once there are rows it is too late."""
    wanted, scope = ask.flag("enable", True), ask.federation()
    project = local(ask, scope)
    if project is None:
        raise DialectError(_BAD, "what a federation counts is in its schema, which this does not change")
    if project.histogram == wanted:
        return reply(200)
    if project.batches:
        raise DialectError(HTTPStatus.CONFLICT, "there are rows already, whose values are gone: count them anew")
    schema = None
    if project.schema_digest:
        schema = _with_bins(ask.node.schema(scope), wanted=wanted)
    await ask.node.change_project(scope, schema=schema, histogram=wanted)
    return reply(200)


def decoded(body: dict[str, Any]) -> bytes:
    """Return the bytes of a body {"string": base64}, or of the answer that had it."""
    inner = body.get("values")
    text = (inner if isinstance(inner, dict) else body).get("string")
    try:
        return base64.b64decode(text if isinstance(text, str) else "?", validate=True)
    except (binascii.Error, ValueError):
        raise DialectError(_BAD, 'the body is {"string": base64}, as `export` gave it') from None


def _alone(ask: Ask, otherwise: str) -> str:
    scope = ask.federation()
    if local(ask, scope) is None:
        raise DialectError(_BAD, f"project [{ask.pid[:64]}] {otherwise}")
    return scope


async def _frozen(ask: Ask, *, frozen: bool) -> web.Response:
    scope = _alone(ask, "is a federation, which is not frozen: stop its pulse (`stopPulse`) instead")
    await ask.node.change_project(scope, frozen=frozen)
    return reply(200)


def _with_bins(schema: Schema, *, wanted: bool) -> Schema:
    form = schema.to_dict()
    form.pop("bins", None)
    kept = [block for block in schema.blocks if "histogram" not in block]
    form["blocks"] = [*kept, "histogram", "conditional_histogram"] if wanted else kept
    return Schema.from_dict({key: value for key, value in form.items() if value != []})
