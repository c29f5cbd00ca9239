"""The HTTP application: the native surface, and the second dialect beside it; the daemon gives it a node."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

import msgspec
from aiohttp import web
from multidict import CIMultiDict

from fedpeer.api import auth, endpoint, openapi
from fedpeer.api.auth import Throttle, Tokens
from fedpeer.api.call import SERVED, Limits, Served
from fedpeer.api.node import Node
from fedpeer.api.routes import ROUTES
from fedpeer.api.switch import Switch
from fedpeer.api.symetry import description
from fedpeer.api.symetry import routes as symetry
from fedpeer.api.symetry.door import Dialect

_HEADERS = CIMultiDict(auth.HEADERS)  # in the form of the library's own, which it copies at once
_IDLE_S = 60.0
_GRACE_S = 5.0


def make_app(
    node: Node,
    *,
    tokens: Tokens,
    allowed_hosts: Iterable[str] = (),
    limits: Limits | None = None,
    dialect: Dialect | None = None,
) -> web.Application:
    """Return the application that serves this node; without `dialect` only the native surface."""
    limits = limits or Limits()
    app = web.Application(middlewares=[endpoint.guard], client_max_size=limits.upload)
    app[SERVED] = Served(
        node=node,
        users=dialect.users if dialect else None,
        now=dialect.clock.now if dialect else float,
        tokens=tokens,
        hosts=auth.known_hosts(allowed_hosts),
        limits=limits,
        throttle=Throttle(limits.failures),
        description=msgspec.json.encode(openapi.describe(node.node().version)),
        dialect=msgspec.json.encode(description.describe(node.node().version)),
    )
    routes = [(route.method, route.path, endpoint.endpoint(route)) for route in ROUTES]
    app.router.register_resource(Switch("/v1", routes))
    if dialect is not None:
        symetry.add(app, dialect)
    app.on_response_prepare.append(_dressed)
    app.on_shutdown.append(_closing)
    return app


def make_runner(app: web.Application) -> web.AppRunner:
    """Return a runner with the limits that an application cannot set for itself.

    A connection without a complete request is closed after a minute; bodies are never decompressed; and the library's
    own log of broken requests leaves out what they said, which may hold a token.
    """
    log = logging.getLogger("fedpeer.api.http")
    log.addFilter(_silent)
    return web.AppRunner(
        app, access_log=None, logger=log, auto_decompress=False, keepalive_timeout=_IDLE_S, shutdown_timeout=_GRACE_S
    )


async def _dressed(_request: web.BaseRequest, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


async def _closing(app: web.Application) -> None:
    """Let listeners end by themselves before connections are closed."""
    served = app[SERVED]
    served.closing.set()
    if served.streams:
        await asyncio.wait(served.streams, timeout=_GRACE_S)


def _silent(record: logging.LogRecord) -> bool:
    """Leave of the library's errors, which strangers can cause at will, that there was one."""
    record.exc_info, record.exc_text = None, None
    record.levelno, record.levelname = logging.INFO, "INFO"
    return True
