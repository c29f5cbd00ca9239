"""Where a daemon is and what opens it, what it answers, and its no as an exception: what all clients share."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self, TypeVar, cast
from urllib.parse import urlsplit

import msgspec

from fedpeer.core.errors import AccessError, HomeError, RequestError, UnreachableError
from fedpeer.node.shapes import Failure

T = TypeVar("T")

TIMEOUT_S = 60.0

_VERSION = version("fedpeer")

_HINT = "the daemon makes it when it starts, in run/ of its home; name a copy with --token-file"


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem document (RFC 9457) as the daemon writes it."""

    type: str = ""
    title: str = ""
    status: int = 0
    code: str = ""
    detail: str = ""
    hint: str = ""
    instance: str = ""


class ApiError(Exception):
    """The daemon's no: its message, with `code`, `hint` and the HTTP `status` of its problem document."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail or problem.title)
        self.problem, self.code, self.hint, self.status = problem, problem.code, problem.hint, problem.status

    @classmethod
    def of(cls, failure: Failure) -> Self:
        """The no that a failed job came to (`Job.error`)."""
        return cls(Problem(code=failure.code, detail=failure.detail, hint=failure.hint))


class Place:
    """Where a daemon is: `url`, and how long to wait for an answer."""

    def __init__(self, url: str, timeout_s: float) -> None:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise RequestError(f"{url!r} is not the address of a daemon", hint="write http://HOST:PORT")
        self.url = f"{parts.scheme}://{parts.netloc}"
        self._where, self._secure = (parts.hostname, parts.port), parts.scheme == "https"
        self._timeout_s = timeout_s

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    def _opened(
        self, method: str, path: str, data: bytes | None, headers: Mapping[str, str], timeout_s: float | None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Send a request on a connection of its own; return that with the answer."""
        host, port = self._where
        connection = (
            http.client.HTTPSConnection(host, port, timeout=timeout_s, context=ssl.create_default_context())
            if self._secure
            else http.client.HTTPConnection(host, port, timeout=timeout_s)
        )
        try:
            connection.request(method, path, data, dict(headers))
            return connection, connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise unreachable(self.url, error) from error


class Holder(Place):
    """One who holds a token of the daemon at `url`; `agent` is how it calls itself."""

    agent = "fedpeer-client"

    def __init__(self, url: str, token: str, *, timeout_s: float = TIMEOUT_S) -> None:
        super().__init__(url, timeout_s)
        self._token = token

    @classmethod
    def of_home(cls, home: str | Path) -> Self:
        """The client of the daemon that runs in this home, as its run/ready.json says."""
        home = Path(home).expanduser()
        ready = home / "run" / "ready.json"
        try:
            told = msgspec.json.decode(ready.read_bytes(), type=dict[str, Any])
            url, token_file = str(told["api"]), home / str(told["token_file"])
        except FileNotFoundError:
            raise UnreachableError(f"no daemon is running in {home}") from None
        except (OSError, KeyError, msgspec.DecodeError) as error:
            raise HomeError(f"cannot use {ready}: {error}") from error
        return cls(url, read_token(token_file))

    def _headers(self, body: Any) -> dict[str, str]:
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/json, text/event-stream",
            "User-Agent": f"{self.agent}/{_VERSION}",
        }
        return headers if body is None else {**headers, "Content-Type": "application/json"}


def read_token(path: str | Path) -> str:
    """The token in this file."""
    try:
        token = Path(path).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise AccessError(f"cannot read the token file {path}: {_why(error)}", hint=_HINT) from error
    if not token.isprintable() or not token:
        raise AccessError(f"the token file {path} holds no token", hint=_HINT)
    return token


def decoded(data: bytes, shape: type[T]) -> T:
    """The answer as this shape; nothing at all is null."""
    if shape is bytes:
        return cast("T", data or b"null")
    try:
        return msgspec.json.decode(data or b"null", type=shape)
    except msgspec.DecodeError as error:
        hint = "are the daemon and this client of the same version? `fedpeer status` shows the daemon's"
        raise RequestError(f"the daemon's answer is not understood: {error}", hint=hint) from error


def problem(status: int, reason: str, data: bytes) -> Problem:
    """What a refusal says, or that it says nothing we understand."""
    try:
        found = msgspec.json.decode(data, type=Problem)
    except msgspec.DecodeError:
        found = Problem(title=f"{status} {reason}", hint="is this the address of a fedpeer daemon?")
    return msgspec.structs.replace(found, status=status)


def unreachable(url: str, error: Exception) -> UnreachableError:
    """Nobody answers at `url`."""
    return UnreachableError(f"no daemon answers at {url}: {_why(error)}")


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) and error.strerror else str(error)).lower() or "no answer"
