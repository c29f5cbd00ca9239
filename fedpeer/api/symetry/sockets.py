"""Learn, forget and predict over a WebSocket: each message is a request of its own, signed, and answered in order.

A message is `<length of the header>,<header><payload>`: the header is JSON with date, MD5, signature and user, and the
names in the path of the like endpoint (`extraKeys`). What is signed has no verb, and the address in the path's place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, cast

import msgspec
from aiohttp import WSMsgType, web
from multidict import CIMultiDictProxy, MultiDict

from fedpeer.api import problems, strict
from fedpeer.api.call import SERVED
from fedpeer.api.symetry import learning, modelling, signing
from fedpeer.api.symetry.door import Dialect, Endpoint, admitted, answered, counted
from fedpeer.api.symetry.envelope import DialectError, from_fault, reply
from fedpeer.api.symetry.maps import Frame
from fedpeer.core.errors import FedpeerError, RequestError

PREFIX = "/symetry"
SOCKETS: Final = (
    Endpoint("WS", "/ws/learn", True, learning.learn, Frame),
    Endpoint("WS", "/ws/forget", True, learning.forget, Frame),
    Endpoint("WS", "/ws/predict", False, modelling.predict, Frame),
)

_KEYS = ("pid", "model")
_LONGEST_HEAD = 8_192
_DIGITS = 6


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What a message says of itself: [date, md5, authorization, cid], and the project, and the model if it is one."""

    headers: list[str]
    extra_keys: list[str]


@dataclass(frozen=True, slots=True)
class _Message:
    """A message in the place of a request; its names are those of the path that it does not have."""

    socket: web.Request
    match_info: dict[str, str]
    query: MultiDict[str] = field(default_factory=MultiDict)

    @property
    def method(self) -> str:
        return "WS"

    @property
    def path(self) -> str:
        return self.socket.path

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        return self.socket.headers

    @property
    def remote(self) -> str | None:
        return self.socket.remote

    @property
    def secure(self) -> bool:
        return self.socket.secure

    @property
    def app(self) -> web.Application:
        return self.socket.app


class _Spoken(signing.Signed, frozen=True):
    """What a message's signature speaks for."""

    keys: tuple[str, ...] = ()

    def text(self, key: str, *, md5: str | None = None, resource: str | None = None) -> bytes:
        """Return the string to sign, with `key` in the place of the secret key."""
        digest = self.content_md5 or "" if md5 is None else md5
        head = [digest, key, self.date or "", self.cid]
        lines = [line.encode("utf-8", "surrogateescape") for line in head]
        lines += [self.body, (self.path if resource is None else resource).encode()]
        return b"\n".join([*lines, *(name.encode("utf-8", "surrogateescape") for name in self.keys)]) + b"\n"

    def forms(self, key: bytes) -> Iterator[bytes]:
        """Yield what clients sign: with the path or the whole address, with a line's end at the end or without."""
        for text in super().forms(key):
            yield text
            yield text[:-1]


def opening(dialect: Dialect, point: Endpoint) -> Any:
    """Return the handler of a socket for the HTTP library."""

    async def handle(request: web.Request) -> web.StreamResponse:
        served = request.app[SERVED]
        if len(served.streams) >= served.limits.streams:
            return reply(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections at once: try again in a minute")
        socket = web.WebSocketResponse(heartbeat=served.limits.ping_s, max_msg_size=served.limits.body)
        open_until: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        served.streams.add(open_until)
        try:
            await socket.prepare(request)
            await _talk(request, socket, dialect, point)
        finally:
            served.streams.discard(open_until)
            open_until.cancel()
        return socket

    return handle


async def _talk(request: web.Request, socket: web.WebSocketResponse, dialect: Dialect, point: Endpoint) -> None:
    """Answer message after message until one side ends it."""
    served = request.app[SERVED]
    stop = asyncio.ensure_future(served.closing.wait())
    try:
        while not socket.closed:
            message = asyncio.ensure_future(socket.receive())
            await asyncio.wait({message, stop}, return_when="FIRST_COMPLETED")
            if not message.done():
                message.cancel()
                break
            found = message.result()
            if found.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                break
            data = found.data.encode("utf-8", "surrogatepass") if isinstance(found.data, str) else found.data
            await socket.send_str(await _answered(request, data, dialect, point))
    finally:
        stop.cancel()
        await socket.close()


async def _answered(request: web.Request, data: bytes, dialect: Dialect, point: Endpoint) -> str:
    """The envelope that answers a message, whatever it is."""
    try:
        response = await answered(await _asked(request, data, dialect, point))
    except DialectError as no:
        head = _parted(data)[0]  # without which there is no such no
        refused = counted(request, no, head.headers[-1])
        response = reply(refused.status, refused.text, refused.values)
    except FedpeerError as fault:
        refused = from_fault(fault)
        response = reply(refused.status, refused.text, refused.values)
    except Exception as bug:  # noqa: BLE001  as at the door: where a bug becomes an answer
        problem = problems.unforeseen(bug, request)
        response = reply(problem.status, problem.detail)
    body = response.body
    return body.decode() if isinstance(body, bytes) else ""


async def _asked(request: web.Request, data: bytes, dialect: Dialect, point: Endpoint) -> Any:
    head, payload = _parted(data)
    names = _KEYS[: 2 if point.answer is modelling.predict else 1]
    if len(head.headers) != 4 or len(head.extra_keys) != len(names):
        raise RequestError(f"headers are date, md5, authorization and cid, and extraKeys {' and '.join(names)}")
    date, md5, authorization, cid = head.headers
    message = _Message(request, {"cid": cid, **dict(zip(names, head.extra_keys, strict=True))})
    path = request.rel_url.raw_path
    signed = _Spoken(
        method="WS",
        path=path,
        query="",
        body=payload,
        cid=cid,
        date=date,
        authorization=authorization,
        content_md5=md5,
        url=f"{'wss' if request.secure else 'ws'}://{request.host}{path}",
        keys=tuple(head.extra_keys),
    )
    signing.check_head(signed, dialect.clock.now())
    return await admitted(cast("web.Request", message), dialect, point, signed)


def _parted(data: bytes) -> tuple[_Head, bytes]:
    """The header of a message, and what comes after it; RequestError if it has none."""
    told, comma, _ = data[: _DIGITS + 1].partition(b",")
    if not comma or not told.isdigit() or not 0 < int(told) <= min(_LONGEST_HEAD, len(data)):
        raise RequestError("a message is the length of its header, a comma, the header and the payload")
    start = len(told) + 1
    return strict.decode(data[start : start + int(told)], _Head), data[start + int(told) :]
