"""Streams of a project: NATS subjects whose messages are counted as they come."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from aiohttp import web

from fedpeer.api.symetry import entities
from fedpeer.api.symetry.door import Ask
from fedpeer.api.symetry.envelope import DialectError, reply
from fedpeer.api.symetry.fusion import refuse_rows
from fedpeer.api.symetry.sources import Info, frame
from fedpeer.core.peer.streams import Credential, Inlet
from fedpeer.node.origins import Begin, Stream
from fedpeer.node.sources import SAMPLE

_BAD = HTTPStatus.BAD_REQUEST
_LINES = 1000
_KAFKA = "Kafka is not read: a connector from Kafka to NATS, or into a file that is watched, does (docs/data.md)"
_SECRETS = ("nats_sec_user", "nats_sec_passwd", "nats_sec_token", "nats_sec_nkey_seed")
_IDLE = ("nats_req_timeout", "nats_stream_max_memory", "kafka_stream_time_between_persist")
_KEYS = frozenset({"nats_hosts", "nats.subject", "data.format", *_SECRETS, *_IDLE})


async def create(ask: Ask) -> web.Response:
    """Count the messages of a subject from now on; those that are there too with `fromBeginning`."""
    scope, body = ask.federation(), ask.body
    refuse_rows(ask, scope)
    if not body.name:
        raise DialectError(_BAD, "name is missing: what is the stream to be called?")
    inlet = _inlet(ask, body, scope)
    taken = next((one for one in ask.node.streams(scope) if body.name in (one.name, one.id)), None)
    if taken is not None:
        raise DialectError(HTTPStatus.CONFLICT, f"a stream data source with the name [{body.name[:64]}] already exists")
    new = not ask.flag("fromBeginning", False)
    begin = Begin(inlet.location, inlet.options, inlet.credential, body.name, new)
    await ask.node.start_stream(scope, begin)
    return reply(HTTPStatus.CREATED, f"Stream Created with name:{body.name}")


async def every(ask: Ask) -> web.Response:
    """The names of a project's streams."""
    return reply(200, values=entities.string_list([_name(one) for one in ask.node.streams(ask.federation())]))


async def metrics(ask: Ask) -> web.Response:
    """What came of a stream's messages."""
    found = _stream(ask, ask.federation())
    told = {
        "name": _name(found),
        "status": found.state,
        "subject": found.location,
        "messages": found.messages,
        "rows_processed": found.read,
        "rows_learned": found.rows,
        "rows_rejected": found.read - found.rows,
        "messages_unreadable": sum(found.unreadable.values()),
        "last_message_number": found.sequence,
        "last_message_date": int(found.last_at * 1000),
        "error": found.error,
    }
    return reply(200, values={"KSVSMap": {"values": [{key: str(value) for key, value in told.items()}]}})


async def start(ask: Ask) -> web.Response:
    """Go on with a stream where it was left; from its first message, though it was counted, with `fromBeginning`."""
    scope = ask.federation()
    await ask.node.set_stream(scope, _stream(ask, scope).id, running=True, force=ask.flag("fromBeginning", False))
    return reply(200)


async def stop(ask: Ask) -> web.Response:
    """Listen to a stream no more; what was counted stays."""
    scope = ask.federation()
    await ask.node.set_stream(scope, _stream(ask, scope).id, running=False)
    return reply(200)


async def error_log(ask: Ask) -> web.Response:
    """What went wrong with a stream, a line each."""
    scope = ask.federation()
    page = ask.node.stream_log(scope, _stream(ask, scope).id, ("error", "warning"), limit=_LINES)
    lines = [entities.line(entry) for entry in reversed(page.entries)]
    return reply(200, values=entities.string_list(lines or ["no error"]))


async def delete(ask: Ask) -> web.Response:
    """Forget a stream; its rows stay."""
    scope = ask.federation()
    found = _stream(ask, scope)
    await ask.node.forget_stream(scope, found.id)
    return reply(200, f"Stream [{_name(found)}] was deleted")


async def browse(ask: Ask) -> web.Response:
    """The subjects that a server keeps messages of."""
    found = await ask.node.browse_streams(_inlet(ask, ask.body, _scope(ask), subject=False))
    place = str(ask.body.info.get("nats_hosts", ""))
    listing = entities.listing([f"{one.subject}:{one.messages}" for one in found], [], place, delimiter=".")
    return reply(200, values={"dsdirectoryListing": listing})


async def preview(ask: Ask) -> web.Response:
    """The first rows in the messages of a subject, which are not counted."""
    inlet = _inlet(ask, ask.body, _scope(ask))
    return reply(200, values={"dataframe": frame(await ask.node.preview_stream(inlet, SAMPLE))})


def _scope(ask: Ask) -> str:
    return ask.federation() if "pid" in ask.request.match_info else ""


def _inlet(ask: Ask, given: Info, scope: str, *, subject: bool = True) -> Inlet:
    """Where a stream is, how its messages are read, and what lets us in; DialectError."""
    if given.type.lower() == "kafka":
        raise DialectError(_BAD, _KAFKA)
    if given.type.lower() != "nats":
        raise DialectError(_BAD, f"type {given.type[:40]!r} is not supported: it is nats")
    if given.info.get("data.format") == "protobuf" or any(key.startswith("protobuf.") for key in given.info):
        raise DialectError(_BAD, "data.format protobuf is not read: publish JSON, or lines of CSV")
    strange = next((key for key in given.info if key not in _KEYS), None)
    if strange is not None:
        raise DialectError(_BAD, f"{strange[:60]!r} is not a key of a stream of type nats")
    told = {key: str(value) for key, value in given.info.items() if value is not None}
    location = _host(told) + (f"/{quote(_needed(told, 'nats.subject'), safe='*>.')}" if subject else "")
    options = _options(ask, told, dict(given.extra or {}), scope) if subject else dict(given.extra or {})
    user, password, token, seed = (told.get(key, "") for key in _SECRETS)
    return Inlet(location, options, Credential(user, password, token, seed))


def _options(ask: Ask, told: dict[str, str], extra: dict[str, Any], scope: str) -> dict[str, Any]:
    """How messages are read: values of CSV are in the order of the project's attributes unless `extra` names them."""
    form = _needed(told, "data.format").lower()
    if form not in ("json", "csv"):
        raise DialectError(_BAD, f"data.format is {form[:40]!r}; it is json or csv")
    if form == "csv" and "columns" not in extra and scope:
        extra["columns"] = list(ask.node.schema(scope).needed)
    return {"format": form, **extra}


def _host(told: dict[str, str]) -> str:
    hosts = [part.strip().rstrip("/") for part in _needed(told, "nats_hosts").split(",") if part.strip()]
    if len(hosts) != 1:
        raise DialectError(_BAD, "nats_hosts names several servers: name one of them, which knows where the stream is")
    return hosts[0] if "://" in hosts[0] else f"nats://{hosts[0]}"


def _needed(told: dict[str, str], key: str) -> str:
    if not told.get(key):
        raise DialectError(_BAD, f"{key} is missing")
    return told[key]


def _stream(ask: Ask, scope: str) -> Stream:
    name = ask.request.match_info["stream"]
    known = ask.node.streams(scope)
    found = ({one.id: one for one in known} | {one.name: one for one in known if one.name}).get(name)
    if found is None:
        raise DialectError(_BAD, f"Cannot Find Stream id[{name[:64]}] in SYMETRYML id[{ask.pid[:64]}]")
    return found


def _name(stream: Stream) -> str:
    return stream.name or stream.id
