"""The door of the dialect: a signature is checked, a body opened and read, a handler asked, and all in one envelope.

What changes something needs a signature that was not used before. This process remembers those that it was shown, and
takes none that an earlier one may have been shown: the second after the latest of their dates is kept in the store
before what they ask for is done. What only reads may come twice if its date has no fraction, since clients that count
in seconds cannot sign two like requests differently.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, get_args

import msgspec
from aiohttp import web

from fedpeer.api import endpoint, permits, problems
from fedpeer.api.call import SERVED, Served, told
from fedpeer.api.faults import ThrottledError
from fedpeer.api.node import Node
from fedpeer.api.permits import Role, Who
from fedpeer.api.symetry import cipher, signing
from fedpeer.api.symetry.envelope import DialectError, SigningError, from_fault, reply
from fedpeer.api.symetry.users import Users
from fedpeer.core.errors import FedpeerError, RequestError, UnknownError
from fedpeer.node.authors import acting
from fedpeer.ports import Clock

_log = logging.getLogger("fedpeer.api.symetry")

_LOOPBACK = ("127.", "::1", "::ffff:127.")
_LONG = 256


@dataclass(slots=True)
class Dialect:
    """What the dialect needs. `encryption` takes bodies in the vendor's form; `plain` takes others beyond TLS too."""

    users: Users
    clock: Clock
    encryption: bool = True
    plain: bool = False
    replays: signing.Replays = field(default_factory=signing.Replays)
    begun: float = field(init=False)
    naming: set[tuple[str, str]] = field(default_factory=set)  # names that are about to be given
    hidden: dict[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # The clock may have been set back, and dates may be ahead of it: what was signed then is still too old now.
        self.begun = float(max(int(self.clock.now()), self.users.signed))


class Ask(msgspec.Struct, frozen=True):
    """A signed request that was let in, with its body read; `body` is None where the endpoint takes none."""

    served: Served
    dialect: Dialect
    request: web.Request
    point: Endpoint
    who: Who
    cid: str
    key: bytes
    body: Any = None

    def __repr__(self) -> str:
        return f"Ask({self.request.method} {self.point.path} of {self.who.name})"

    @property
    def node(self) -> Node:
        """The node that is asked."""
        return self.served.node

    @property
    def pid(self) -> str:
        """The project in the path, as the user calls it."""
        return self.request.match_info["pid"]

    def query(self, name: str, default: str = "") -> str:
        """Return a parameter of the query; DialectError if it is given twice."""
        found = self.request.query.getall(name, [default])
        if len(found) > 1:
            raise DialectError(HTTPStatus.BAD_REQUEST, f"the parameter {name} is given {len(found)} times")
        return found[0]

    def flag(self, name: str, default: bool | None) -> bool:
        """Return a true or false parameter of the query; DialectError if it is missing and there is no default."""
        text = self.query(name, "" if default is None else str(default)).lower()
        if text not in ("true", "false"):
            raise DialectError(HTTPStatus.BAD_REQUEST, f"the parameter {name} is {text[:20]!r}; it is true or false")
        return text == "true"

    def federation(self, pid: str | None = None) -> str:
        """Return the id of the federation that `pid` names: the user's own name for it, else the node's.

        Without `pid` it is the one in the path. DialectError if there is none, or none that the user may see;
        RoleError if the user may not do there what the endpoint does.
        """
        pid = self.pid if pid is None else pid
        try:
            found = self._called(pid)
            self.permit(found)
        except UnknownError:
            text = f"Cannot Find SYMETRYML id[{pid[:80]}] for Customer id [{self.cid}]"
            raise DialectError(HTTPStatus.BAD_REQUEST, text) from None
        return found

    def _called(self, pid: str) -> str:
        known = self.dialect.users.project(self.cid, pid)
        if known is None:
            if len(pid) > _LONG or not pid.isprintable():
                raise UnknownError(f"{pid[:40]!r} is not a name")
            return self.node.resolve(pid, whole=True, seen=lambda each: self.who.may("viewer", each))
        if self.node.resolve(known, whole=True) != known:
            raise UnknownError(f"what was called {pid[:40]!r} is gone")
        return known

    def permit(self, scope: str = "") -> None:
        """Refuse what the user may not do in a federation or project (none: on the whole node)."""
        permits.check(self.who, self.point.need, scope, what=told(self.request))

    def sealed(self, entity: Any) -> Any:
        """Return an entity as this client wants it: in the vendor's form if it sends its own bodies so."""
        if not self.flag("encrypted", self.dialect.hidden.get(self.cid, False)):
            return entity
        return cipher.encrypt(msgspec.json.encode(entity), self.key)


Answerer = Callable[[Ask], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One line of the dialect's surface; `changes` marks what a signature may do only once.

    `role` is what it needs, if that is not what its `changes` says: an operator's, or a viewer's. `shared` ones name no
    project, and leave out or refuse by themselves what the user may not see. `why` says of an endpoint that is not
    supported why it is not.
    """

    method: str
    path: str
    changes: bool
    answer: Answerer
    kind: Any
    large: bool = False
    role: Role | None = None
    shared: bool = False
    why: str = ""

    @property
    def need(self) -> Role:
        """The role that the endpoint needs."""
        return self.role or ("operator" if self.changes else "viewer")


def doorway(dialect: Dialect, point: Endpoint) -> endpoint.Handle:
    """Return the handler of an endpoint for the HTTP library."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await answered(await _let_in(request, dialect, point))
        except DialectError as no:
            return _refused(request, no)
        except FedpeerError as fault:
            return _refused(request, from_fault(fault))
        except Exception as bug:  # noqa: BLE001  the dialect's one place where a bug becomes an answer
            problem = problems.unforeseen(bug, request)
            return reply(problem.status, problem.detail)

    return handle


async def answered(ask: Ask) -> web.Response:
    """Have the endpoint answer, as the doing of who asks."""
    with acting(ask.who.name, ask.who.via):
        answer = await ask.point.answer(ask)
    if ask.point.changes and answer.status < HTTPStatus.BAD_REQUEST:
        permits.done(ask.who, told(ask.request))
    return answer


async def _let_in(request: web.Request, dialect: Dialect, point: Endpoint) -> Ask:
    served, cid, now = request.app[SERVED], request.match_info["cid"], dialect.clock.now()
    signed = _signed(request, cid)
    signing.check_head(signed, now)
    large = point.large and dialect.users.get(cid) is not None
    most = served.limits.upload if large else served.limits.body
    body = await endpoint.read_body(request, most, served.limits.read_s)
    signed = msgspec.structs.replace(signed, body=body) if body else signed
    return await admitted(request, dialect, point, signed)


async def admitted(request: web.Request, dialect: Dialect, point: Endpoint, signed: signing.Signed) -> Ask:
    """Return what a signed request asks, with its body read, once it may; it is not spoken for twice."""
    served, cid, now = request.app[SERVED], signed.cid, dialect.clock.now()
    key, signature = await _checked(dialect, signed, now)
    account = dialect.users.get(cid)
    who = permits.of_user(cid, account, "signature") if account else permits.ANYONE
    ask = Ask(served, dialect, request, point, who, cid, key)
    _permitted(ask)
    await _once(dialect, point, signed, signature, now)
    if point.kind is None and not signed.body:
        return ask
    body = await _opened(request, dialect, cid, key, signed.body)
    return msgspec.structs.replace(ask, body=await _read(body, point.kind))


async def _checked(dialect: Dialect, signed: signing.Signed, now: float) -> tuple[bytes, bytes]:
    """Return the key and the signature if that is good, and the key still the user's once it was looked at."""
    account = dialect.users.get(signed.cid)  # as it is now: bodies take their time, and keys are revoked meanwhile
    keys = account.keys(now) if account else ()
    if len(signed.body) <= endpoint.INLINE:
        return signing.check(signed, keys, now)
    checked = await asyncio.to_thread(signing.check, signed, keys, now)
    account = dialect.users.get(signed.cid)
    good = account.keys(dialect.clock.now()) if account else ()
    if not any(hmac.compare_digest(checked[0], key) for key in good):
        raise SigningError(HTTPStatus.UNAUTHORIZED, "Invalid User")
    return checked


def _permitted(ask: Ask) -> None:
    """Refuse what the user may not do in the project that the path names, or on the node if it names none."""
    if "pid" in ask.request.match_info:
        if ask.who.may(ask.point.need):
            return
        ask.federation()
    elif ask.point.shared:
        permits.check_somewhere(ask.who, ask.point.need, what=told(ask.request))
    else:
        ask.permit()


def _signed(request: web.Request, cid: str) -> signing.Signed:
    """What the request says of itself, but for its body."""
    url = request.rel_url
    path, query = url.raw_path, url.raw_query_string
    return signing.Signed(
        method=request.method,
        path=path,
        query=query,
        body=b"",
        cid=cid,
        date=_header(request, "Sym-Date"),
        authorization=_header(request, "Authorization"),
        content_md5=_header(request, "Content-MD5"),
        url=f"{request.scheme}://{request.host}{path}",
    )


def _header(request: web.Request, name: str) -> str | None:
    found = request.headers.getall(name, ())
    if len(found) > 1:
        raise SigningError(HTTPStatus.BAD_REQUEST, f"the header {name} is given {len(found)} times")
    return found[0] if found else None


async def _once(dialect: Dialect, point: Endpoint, signed: signing.Signed, signature: bytes, now: float) -> None:
    """Refuse a signature that may have been used before, here or by an earlier process."""
    text = signed.date or ""
    if not point.changes:
        if not signing.coarse(text):
            dialect.replays.use(signature, now, dear=False)
        return
    date = signing.dated(text)
    if date < dialect.begun:
        raise SigningError(HTTPStatus.UNAUTHORIZED, "Signature older than this server: sign the request again")
    dialect.replays.use(signature, now)
    await dialect.users.advance(math.floor(date) + 1)


async def _opened(request: web.Request, dialect: Dialect, cid: str, key: bytes, body: bytes) -> bytes:
    """Return the plain body, and remember in which form this user writes."""
    if not body:
        return body
    hidden = cipher.encrypted(body)
    if hidden and not dialect.encryption:
        raise DialectError(HTTPStatus.BAD_REQUEST, "encrypted bodies are switched off here: send plain JSON over TLS")
    local = request.secure or (request.remote or "").startswith(_LOOPBACK)
    if not hidden and not local and not dialect.plain:
        raise DialectError(HTTPStatus.BAD_REQUEST, "a plain body is taken over TLS or on this machine only")
    plain = cipher.decrypt(body, key) if hidden else body
    if hidden and not dialect.hidden.get(cid):
        _log.warning("user %s encrypts bodies with the dialect's fixed IV and no MAC: this is no protection", cid)
    dialect.hidden[cid] = hidden
    return plain


async def _read(body: bytes, kind: Any) -> Any:
    if kind is None:
        if body.strip() not in (b"", b"{}"):
            raise RequestError("this endpoint takes no body")
        return None
    if not body:
        if type(None) in get_args(kind):
            return None
        raise RequestError("this endpoint needs a body")
    return await endpoint.decoded(body, kind)


def counted(request: web.Request, no: DialectError, cid: str) -> DialectError:
    """Return the no to a request, or, where there were too many bad signatures, that; each is counted and logged."""
    if not isinstance(no, SigningError):
        return no
    try:
        request.app[SERVED].throttle.record(request.remote or "", asyncio.get_running_loop().time())
        permits.refused(f"user {cid}", told(request), no.text)
    except ThrottledError as enough:
        return from_fault(enough) if no.status == HTTPStatus.UNAUTHORIZED else no
    return no


def _refused(request: web.Request, no: DialectError) -> web.Response:
    no = counted(request, no, request.match_info["cid"])
    headers = {"Retry-After": "60"} if no.status == HTTPStatus.TOO_MANY_REQUESTS else {}
    response = reply(no.status, no.text, no.values, headers=headers)
    if no.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        response.force_close()
    return response
