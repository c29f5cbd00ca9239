"""Who asks, and from where: tokens, host names, browsers, and patience with wrong credentials.

1. The Host must be a name that this node goes by, so that no page elsewhere can point its own name at us.
2. A browser's own words (Origin, Sec-Fetch-Site) must say that the page is ours or that there is no page.
3. A token is compared by digest in constant time, with both tokens each time, so that time tells nothing. A user's
   token is made of its secret key, so that it ends with that, and does not give it away.
4. There is no CORS: no answer ever allows another origin to read it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from aiohttp import web
from multidict import CIMultiDictProxy

from fedpeer.api.faults import HostError, OriginError, ThrottledError
from fedpeer.api.permits import ANYONE, Role, Who, of_user
from fedpeer.api.symetry.users import Users
from fedpeer.core.errors import AccessError, ConfigError
from fedpeer.node.authors import CLI

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "fedpeer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,253})(:[0-9]{1,5})?", re.ASCII)
_LEAST = 32  # characters of a token
_WINDOW_S = 60.0
_PLACES = 1024


@dataclass(frozen=True, slots=True)
class Tokens:
    """The two bearer tokens, each of at least 32 characters."""

    admin: str = field(repr=False)
    viewer: str = field(repr=False)

    def __post_init__(self) -> None:
        if min(len(self.admin), len(self.viewer)) < _LEAST or self.admin == self.viewer:
            raise ConfigError(f"the API needs two different tokens of at least {_LEAST} characters")

    def role(self, credential: str) -> Role | None:
        """Return the role of this token, or None."""
        given = _digest(credential)
        is_admin = hmac.compare_digest(given, _digest(self.admin))
        is_viewer = hmac.compare_digest(given, _digest(self.viewer))
        return "admin" if is_admin else "viewer" if is_viewer else None


class Throttle:
    """Counts wrong credentials by place, and says when it is enough.

    A right credential is served whatever the count, or any page or program on this machine could lock the operator
    out; with 256-bit tokens the count protects the log and the processor, not the secret.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._failed: dict[str, deque[float]] = {}

    def record(self, place: str, now: float) -> None:
        """Note a failure; ThrottledError when there were too many in the last minute."""
        times = self._failed.setdefault(place, deque(maxlen=self._most))
        if len(self._failed) > _PLACES:
            self._failed.pop(next(iter(self._failed)))
        if len(times) == self._most and now - times[0] < _WINDOW_S:
            raise ThrottledError(f"more than {self._most} wrong credentials in a minute")
        times.append(now)


def check_place(headers: CIMultiDictProxy[str], hosts: frozenset[str]) -> None:
    """Refuse a request for another host name or from another site's page."""
    given = headers.getall("Host", ())
    place = _place(given[0], hosts) if len(given) == 1 else ""
    if not place:
        raise HostError(f"{given[0][:100]!r} is not a name of this node" if given else "the request names no host")
    for origin in headers.getall("Origin", ()):
        if origin.lower() not in {f"http://{place}", f"https://{place}"}:
            raise OriginError("a page from another place made this request")
    for site in headers.getall("Sec-Fetch-Site", ()):
        if site.lower() not in {"same-origin", "none"}:
            raise OriginError("a page from another site made this request")


def identify(request: web.BaseRequest, tokens: Tokens, users: Users | None, now: float) -> Who:
    """Return whose bearer token a request has; AccessError when there is none that is valid `now` (UTC seconds)."""
    given = request.headers.getall("Authorization", [])
    scheme, _, credential = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    if scheme.lower() != "bearer":
        raise AccessError("the token is not known" if given else "no token was sent")
    via = "command line" if request.headers.get("User-Agent", "").startswith(f"{CLI}/") else "token"
    found = tokens.role(credential.strip())
    if found is not None:
        return Who(f"the {found}'s token", found, via=via)
    who = _user(credential.strip(), users, via, now)
    if who is ANYONE:
        raise AccessError("the token is not known")
    return who


def user_token(cid: str, key: bytes) -> str:
    """Return the bearer token of a user with this key."""
    mac = hmac.new(key, f"fedpeer/user token/{cid}".encode("ascii", "replace"), hashlib.sha256).digest()
    return f"{cid}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def known_hosts(names: Iterable[str]) -> frozenset[str]:
    """Return the host names to answer to: these, and loopback's."""
    return _LOOPBACK | {name.strip().lower() for name in names}


@lru_cache(maxsize=64)
def _place(host: str, hosts: frozenset[str]) -> str:
    """The host and port that a request names, if they are among these, else nothing."""
    match = _HOST.fullmatch(host.lower())
    return match[0] if match is not None and (match[1] in hosts or match[0] in hosts) else ""


def _user(credential: str, users: Users | None, via: str, now: float) -> Who:
    cid = credential.partition(".")[0]
    account = users.get(cid) if users is not None else None
    if account is None:
        return ANYONE
    given = _digest(credential)
    same = [hmac.compare_digest(given, _digest(user_token(cid, key))) for key in account.keys(now)]
    return of_user(cid, account, via) if any(same) else ANYONE


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
