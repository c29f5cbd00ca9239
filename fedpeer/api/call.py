"""One request as a handler sees it, and what a handler may answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from aiohttp import web

from fedpeer.api.auth import Throttle, Tokens
from fedpeer.api.node import Node
from fedpeer.api.permits import Role, Who, check, check_job
from fedpeer.api.symetry.users import Users
from fedpeer.core.errors import StateError, UnknownError
from fedpeer.node.shapes import Job

B = TypeVar("B")
Q = TypeVar("Q")

_OFF = "the second dialect is switched off at this node"
_LONGEST = 256  # characters of an id or name in a path


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may use up. Sizes in bytes, times in seconds."""

    body: int = 1 << 20
    upload: int = 64 << 20
    read_s: float = 30.0
    ping_s: float = 15.0
    streams: int = 64
    failures: int = 30  # wrong credentials a minute and place


@dataclass(frozen=True, slots=True)
class Served:
    """What all requests of one application share."""

    node: Node
    users: Users | None
    now: Callable[[], float]
    tokens: Tokens
    hosts: frozenset[str]
    limits: Limits
    throttle: Throttle
    description: bytes  # the OpenAPI document
    dialect: bytes  # that of the second dialect
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    streams: set[asyncio.Future[None]] = field(default_factory=set)


SERVED: web.AppKey[Served] = web.AppKey("served", Served)


@dataclass(frozen=True, slots=True)
class Call(Generic[B, Q]):
    """A request that was let in, with its body and query read; `fed` is the id of the federation in the path."""

    served: Served
    request: web.Request
    who: Who
    fed: str
    body: B
    query: Q

    @property
    def node(self) -> Node:
        """The node that is asked."""
        return self.served.node

    @property
    def users(self) -> Users:
        """The users of the second dialect; StateError when it is switched off."""
        if self.served.users is None:
            raise StateError(_OFF, hint="see docs/symetry.md")
        return self.served.users

    @property
    def dialect(self) -> bytes:
        """The description of the second dialect; StateError when it is switched off."""
        if self.served.users is None:
            raise StateError(_OFF, hint="see docs/symetry.md")
        return self.served.dialect

    def named(self, part: str) -> str:
        """Return a part of the path; UnknownError for what cannot be an id or a name."""
        return named(self.request, part)

    def permit(self, need: Role, federation: str) -> None:
        """Refuse what the one who asks may not do in a federation that the path does not name."""
        check(self.who, need, federation, what=told(self.request))

    def job(self, need: Role) -> Job:
        """Return the job in the path; UnknownError for one that does not concern who asks."""
        found = self.node.job(self.named("job"))
        check_job(self.who, need, found, what=told(self.request))
        return found

    def resolve(self, name: str, need: Role) -> str:
        """Return the id of a federation or project that the body names, once the role is found there."""
        return scope(self.served, self.request, self.who, name, need)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with a status or headers of its own."""

    value: Any
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


def named(request: web.Request, part: str) -> str:
    """Return a part of the path; UnknownError for what cannot be an id or a name."""
    text = request.match_info[part]
    if len(text) > _LONGEST or not text.isprintable():
        raise UnknownError(f"{text[:40]!r} is not an id or a name")
    return text


def scope(served: Served, request: web.Request, who: Who, name: str, need: Role) -> str:
    """Return the id of a federation or project; UnknownError for one that `who` may not see, as for none."""
    try:
        found = served.node.resolve(name, seen=lambda each: who.may("viewer", each))
        check(who, need, found, what=told(request))
    except UnknownError:
        if not who.may("viewer"):
            raise UnknownError(f"nothing here is called {name[:64]!r}") from None
        check(who, need, what=told(request))
        raise
    return found


@dataclass(frozen=True, slots=True)
class _Told:
    request: web.Request

    def __str__(self) -> str:
        return f"{self.request.method} {self.request.path[:200]!r}"


def told(request: web.Request) -> object:
    """Return what is asked, for the log; the text is made when it is written there, which is seldom."""
    return _Told(request)


Handler = Callable[[Call[Any, Any]], Awaitable[Any]]
