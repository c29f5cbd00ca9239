"""One request and its answer: the transport under the methods of a client."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from fedpeer.client.address import ApiError, Holder, decoded, problem, unreachable
from fedpeer.core.errors import UnreachableError

T = TypeVar("T")


class Line(Holder):
    """Talks to the daemon at `url`; `token` is the text of its token file."""

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
        return decoded(data, shape)

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
        data = msgspec.json.encode(body) if body is not None else None
        connection, answer = self._opened(method, path, data, self._headers(body), timeout_s)
        if answer.status < 400:
            return connection, answer
        try:
            raise ApiError(problem(answer.status, answer.reason, answer.read()))
        except (OSError, http.client.HTTPException) as error:
            raise unreachable(self.url, error) from error
        finally:
            connection.close()


def place(*parts: str) -> str:
    """A path: its parts after the first are ids or names, and quoted."""
    return "/".join([parts[0], *(quote(part, safe="") for part in parts[1:])])


def asked(path: str, query: Mapping[str, Any]) -> str:
    """The path with a query; empty values are left out, a list is joined by commas."""
    told = {k: v if isinstance(v, str | int | float) else ",".join(v) for k, v in query.items() if v not in ("", ())}
    return f"{path}?{urlencode(told)}" if told else path
