"""One request and its answer: the transport under the methods of a client, and the daemon's no as an exception."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar, cast
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from fedpeer.core.errors import AccessError, HomeError, RequestError, UnreachableError
from fedpeer.node.shapes import Failure

T = TypeVar("T")

TIMEOUT_S = 60.0

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


class Line:
    """Talks to the daemon at `url`; `token` is the text of its token file."""

    def __init__(self, url: str, token: str, *, timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise RequestError(f"{url!r} is not the address of a daemon", hint="write http://HOST:PORT")
        self.url = f"{parts.scheme}://{parts.netloc}"
        self._where, self._secure = (parts.hostname, parts.port), parts.scheme == "https"
        self._token, self._timeout_s = token, timeout_s

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

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

    def call(self, method: str, path: str, *, shape: type[T], body: Any = None, wait_s: float | None = None) -> T:
        """Make one request and return its answer as `shape`; the door for routes without a method of their own."""
        if wait_s is not None:
            path = asked(path, {"wait": wait_s})
        connection, answer = self._open(method, path, body, self._timeout_s + (wait_s or 0.0))
        try:
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"the daemon at {self.url} stopped answering: {error}") from error
        finally:
            connection.close()
        return _decoded(data or b"null", shape)

    def lines(self, path: str) -> Iterator[bytes]:
        """Ask for a stream and yield its lines as they come, until it ends."""
        connection, answer = self._open("GET", path, None, None)
        try:
            yield from answer
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"the daemon at {self.url} stopped answering: {error}") from error
        finally:
            connection.close()

    def _get(self, fed: str, what: str, shape: type[T], query: Mapping[str, Any] | None = None) -> T:
        return self._fed("GET", fed, asked(what, query or {}), shape)

    def _post(self, fed: str, what: str, body: Any, shape: type[T]) -> T:
        return self._fed("POST", fed, what, shape, body)

    def _put(self, fed: str, what: str, body: Any, shape: type[T]) -> T:
        return self._fed("PUT", fed, what, shape, body)

    def _delete(self, fed: str, what: str, shape: type[T], query: Mapping[str, Any] | None = None) -> T:
        return self._fed("DELETE", fed, asked(what, query or {}), shape)

    def _fed(self, method: str, fed: str, what: str, shape: type[T], body: Any = None) -> T:
        return self.call(method, f"{place('/v1/federations', fed)}/{what}", shape=shape, body=body)

    def _open(
        self, method: str, path: str, body: Any, timeout_s: float | None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Send a request; return the connection with its answer once that is known not to be a refusal."""
        host, port = self._where
        connection = (
            http.client.HTTPSConnection(host, port, timeout=timeout_s, context=ssl.create_default_context())
            if self._secure
            else http.client.HTTPConnection(host, port, timeout=timeout_s)
        )
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json, text/event-stream"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, msgspec.json.encode(body) if body is not None else None, headers)
            answer = connection.getresponse()
            if answer.status >= 400:
                raise ApiError(_problem(answer.status, answer.reason, answer.read()))
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise UnreachableError(f"no daemon answers at {self.url}: {_why(error)}") from error
        except ApiError:
            connection.close()
            raise
        return connection, answer


def read_token(path: str | Path) -> str:
    """The token in this file."""
    try:
        token = Path(path).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise AccessError(f"cannot read the token file {path}: {_why(error)}", hint=_HINT) from error
    if not token.isprintable() or not token:
        raise AccessError(f"the token file {path} holds no token", hint=_HINT)
    return token


def place(*parts: str) -> str:
    """A path: its parts after the first are ids or names, and quoted."""
    return "/".join([parts[0], *(quote(part, safe="") for part in parts[1:])])


def asked(path: str, query: Mapping[str, Any]) -> str:
    """The path with a query; empty values are left out, a list is joined by commas."""
    told = {k: v if isinstance(v, str | int | float) else ",".join(v) for k, v in query.items() if v not in ("", ())}
    return f"{path}?{urlencode(told)}" if told else path


def _decoded(data: bytes, shape: type[T]) -> T:
    if shape is bytes:
        return cast("T", data)
    try:
        return msgspec.json.decode(data, type=shape)
    except msgspec.DecodeError as error:
        hint = "are the daemon and this client of the same version? `fedpeer status` shows the daemon's"
        raise RequestError(f"the daemon's answer is not understood: {error}", hint=hint) from error


def _problem(status: int, reason: str, data: bytes) -> Problem:
    try:
        problem = msgspec.json.decode(data, type=Problem)
    except msgspec.DecodeError:
        problem = Problem(title=f"{status} {reason}", hint="is this the address of a fedpeer daemon?")
    return msgspec.structs.replace(problem, status=status)


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) and error.strerror else str(error)).lower() or "no answer"
