"""The dialect's request signature: HMAC-SHA-256 over a string that names everything that matters of the request.

1. The string holds the verb, the body's MD5, the key's own text, the date, the user, the body, the path, the query.
2. The signature is compared in constant time, and before the body is decrypted or parsed.
3. The body is in the string itself, so the weakness of MD5 does not matter here: it is a line that clients send.
4. A signature is good for five minutes, once: `Replays` remembers those that were used until their date is too old.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus

import msgspec

from fedpeer.api.symetry.envelope import DialectError, SigningError

OLDEST_S = 300.0
AHEAD_S = 60.0

_DATE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:;(\d{1,9}))?", re.ASCII)
_MOST, _CHEAP = 200_000, 100_000
_BAD, _NO = HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED


class Signed(msgspec.Struct, frozen=True):
    """What a signature speaks for. `path` and `query` are as they were sent; a missing header is None."""

    method: str
    path: str
    query: str
    body: bytes
    cid: str
    date: str | None
    authorization: str | None
    content_md5: str | None = None
    url: str = ""

    def text(self, key: str, *, md5: str | None = None, resource: str | None = None) -> bytes:
        """Return the string to sign, with `key` in the place of the secret key."""
        digest = (_md5(self.body) if self.body else "") if md5 is None else md5
        head = "\n".join([self.method, digest, key, self.date or "", self.cid])
        lines = [head.encode("utf-8", "surrogateescape")]
        if self.body:
            lines.append(self.body)
        lines.append((self.path if resource is None else resource).encode())
        if self.query:
            lines.append(self.query.encode())
        return b"\n".join(lines) + b"\n"

    def forms(self, key: bytes) -> Iterator[bytes]:
        """Yield what clients sign: with or without the MD5 they did not send, with the path or the whole address."""
        text = base64.b64encode(key).decode()
        md5s = [None] if self.content_md5 is not None or not self.body else [None, ""]
        resources = [None, self.url] if self.url else [None]
        for md5 in md5s:
            for resource in resources:
                yield self.text(text, md5=md5, resource=resource)


def sign(signed: Signed, key: bytes) -> str:
    """Return the base64 signature of a request."""
    return base64.b64encode(_mac(key, signed.text(base64.b64encode(key).decode()))).decode()


def check_head(signed: Signed, now: float) -> None:
    """Refuse what needs no look at the body: a missing header, a date that is none or not near `now`."""
    if signed.authorization is None:
        raise SigningError(_BAD, "Authentication header is null")
    if signed.date is None:
        raise SigningError(_BAD, "sym-date header is null")
    if not -AHEAD_S <= now - dated(signed.date) <= OLDEST_S:
        raise SigningError(_BAD, "Please update your server time, it is likely out of sync with UTC")


def check(signed: Signed, keys: Sequence[bytes], now: float) -> tuple[bytes, bytes]:
    """Return which key it is and the signature's bytes if that is good; SigningError, in the dialect's words, if not.

    `keys` are those that are good now, none if the user has none.
    """
    check_head(signed, now)
    if signed.content_md5 and signed.content_md5 != (_md5(signed.body) if signed.body else ""):
        raise SigningError(_BAD, "Md5 do not match")
    given = _decoded(signed.authorization or "")
    for key in keys:
        for text in signed.forms(key):
            if hmac.compare_digest(given, _mac(key, text)):
                return key, given
    told = {"stringToSign": signed.text("SECRETKEY").decode("utf-8", "replace")}
    raise SigningError(_NO, "Invalid Signature" if keys else "Invalid User", told)


def dated(text: str) -> float:
    """Return the seconds since 1970 of a date header, with or without its fraction; SigningError if it is none."""
    moment, _ = _moment(text)
    if moment is None:
        raise SigningError(_BAD, "Invalid Date Format")
    return moment


def coarse(text: str) -> bool:
    """Whether a date has no fraction, so that two like requests of one second carry one signature."""
    moment, fraction = _moment(text)
    return moment is not None and not fraction


class Replays:
    """The signatures that were used and whose date is still good."""

    def __init__(self) -> None:
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def use(self, signature: bytes, now: float, *, dear: bool = True) -> None:
        """Remember a signature; SigningError if it was used before, DialectError if there are too many.

        One that is not `dear`, because it changed nothing, is let through unremembered when half the room is taken.
        """
        while self._until and next(iter(self._until.values())) < now:
            self._until.popitem(last=False)
        if signature in self._until:
            raise SigningError(_NO, "Signature already used: sign each request with a date of its own")
        if not dear and len(self._until) >= _CHEAP:
            return
        if len(self._until) >= _MOST:
            raise DialectError(HTTPStatus.SERVICE_UNAVAILABLE, "too many requests at once: try again in a minute")
        # At least as long as its date can be good, and the same for all, so that they leave as they came.
        self._until[signature] = now + OLDEST_S + AHEAD_S


@lru_cache(maxsize=64)  # a request's date is asked for three times
def _moment(text: str) -> tuple[float | None, int]:
    """The seconds since 1970 of a date, None if it is none, and the billionths that are among them."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None, 0
    try:
        whole = datetime.fromisoformat(f"{match[1]}+00:00").timestamp()
    except ValueError:
        return None, 0
    fraction = int(match[2] or 0)
    return whole + fraction / 1e9, fraction


def _mac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def _decoded(authorization: str) -> bytes:
    try:
        return binascii.a2b_base64(authorization.strip(), strict_mode=True)
    except (binascii.Error, ValueError):
        return b""
