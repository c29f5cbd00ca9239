"""From a route to what the HTTP library calls: let in, read, ask, answer; and every fault into a problem document."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from fedpeer.api import auth, permits, problems, strict
from fedpeer.api.bodies import Body, Nothing
from fedpeer.api.call import SERVED, Call, Limits, Reply, Served, named, scope, told
from fedpeer.api.faults import MediaError, SizeError, SlowError, ThrottledError
from fedpeer.api.routes import Route
from fedpeer.core.errors import AccessError, FedpeerError, RequestError
from fedpeer.node.authors import acting

T = TypeVar("T")

INLINE = 128 << 10  # a longer body is worked on off the event loop
_DEAF = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_TIMEOUT)

Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


def endpoint(route: Route) -> Handle:
    """Return the handler of a route for the HTTP library."""
    asked = route.query

    async def handle(request: web.Request) -> web.StreamResponse:
        served = request.app[SERVED]
        who, fed = _let_in(request, route, served)
        query = strict.convert(request.query.items(), asked)
        body = await _read(request, route.body or Nothing, served.limits)
        with acting(who.name, who.via):
            result = await route.handler(Call(served, request, who, fed, body, query))
        if route.changes:
            permits.done(who, told(request))
        return _answer(result, route.status)

    return handle


@web.middleware
async def guard(request: web.Request, handler: Handle) -> web.StreamResponse:
    """Check where a request comes from, and turn every fault into a problem document."""
    served = request.app[SERVED]
    try:
        auth.check_place(request.headers, served.hosts)
        return await handler(request)
    except web.HTTPException as refusal:
        fault = problems.from_http(refusal, request)
        return _refused(request, fault, {k: v for k, v in refusal.headers.items() if k == "Allow"})
    except AccessError as fault:
        if problems.of(fault, "").status == HTTPStatus.UNAUTHORIZED:
            return _refused(request, _counted(request, fault))
        return _refused(request, fault)
    except FedpeerError as fault:
        return _refused(request, fault)
    except Exception as bug:  # noqa: BLE001  the one place where a bug becomes an answer
        return problems.answer(problems.unforeseen(bug, request))


async def read_body(request: web.Request, most: int, patience_s: float) -> bytes:
    """Return the body; SizeError, SlowError or MediaError before more than `most` bytes are held."""
    if not request.body_exists:
        return b""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise MediaError("the body is compressed, which this API does not take")
    if (request.content_length or 0) > most:
        raise SizeError(f"the body has {request.content_length} bytes; this route takes {most}")
    parts, size = [], 0
    try:
        async with asyncio.timeout(patience_s):
            async for part in request.content.iter_any():
                size += len(part)
                if size > most:
                    raise SizeError(f"the body has more than the {most} bytes that this route takes")
                parts.append(part)
    except TimeoutError:
        raise SlowError(f"the body did not arrive within {patience_s:g} seconds") from None
    except (web.RequestPayloadError, ValueError, ConnectionError):
        raise RequestError("the body is cut off or broken") from None
    return b"".join(parts)


async def decoded(data: bytes, kind: type[T]) -> T:
    """Read JSON as `kind`, off the event loop when it is long."""
    if len(data) <= INLINE:
        return strict.decode(data, kind)
    return await asyncio.to_thread(strict.decode, data, kind)


def _let_in(request: web.Request, route: Route, served: Served) -> tuple[permits.Who, str]:
    """Return who asks and the id of the federation in the path, once they may do this there."""
    if route.role == "anyone":
        return permits.ANYONE, ""
    who = auth.identify(request, served.tokens, served.users, served.now())
    if not route.federated:
        (permits.check_somewhere if route.shared else permits.check)(who, route.role, what=told(request))
        return who, ""
    return who, scope(served, request, who, named(request, "fed"), route.role)


async def _read(request: web.Request, kind: type[Body], limits: Limits) -> Body:
    """Read the body as `kind`; an absent one stands for `{}`."""
    data = await read_body(request, limits.upload if kind.large else limits.body, limits.read_s)
    if not data:
        return strict.decode(b"{}", kind)
    if request.content_type != "application/json" or (request.charset or "utf-8").lower() != "utf-8":
        raise MediaError(f"the body is {request.headers.get('Content-Type', 'of no declared type')[:100]!r}, not JSON")
    return await decoded(data, kind)


def _answer(result: Any, status: int) -> web.StreamResponse:
    if isinstance(result, web.StreamResponse):
        return result
    if isinstance(result, Reply):
        return _json(result.value, result.status, dict(result.headers))
    if result is None:
        return web.Response(status=HTTPStatus.NO_CONTENT)
    return _json(result, status, {})


def _json(value: Any, status: int, headers: dict[str, str]) -> web.Response:
    body = msgspec.json.encode(value)
    return web.Response(body=body, status=status, content_type="application/json", charset="utf-8", headers=headers)


def _counted(request: web.Request, fault: AccessError) -> FedpeerError:
    """Return the fault, or that there were too many of them from this place."""
    try:
        request.app[SERVED].throttle.record(request.remote or "", asyncio.get_running_loop().time())
    except ThrottledError as enough:
        return enough
    permits.refused(request.remote or "", told(request), str(fault))
    return fault


def _refused(request: web.Request, fault: FedpeerError, headers: dict[str, str] | None = None) -> web.Response:
    """Answer a fault; when the body was not read to its end the connection is of no further use."""
    response = problems.answer(problems.of(fault, request.path), headers)
    if response.status in _DEAF:
        response.force_close()
    return response
