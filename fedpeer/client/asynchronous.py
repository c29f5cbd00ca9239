"""One request and its answer, awaited: the transport under the methods of `AsyncClient`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

import aiohttp
import msgspec
from yarl import URL

from fedpeer.client.address import ApiError, Holder, decoded, problem, unreachable
from fedpeer.client.line import asked, place

T = TypeVar("T")


class AsyncLine(Holder):
    """Talks to the daemon at `url`; `token` is the text of its token file.

    Its connections belong to the event loop of the first call, and are kept until `close`, or the end of `async with`.
    """

    _session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; the next call opens others."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def call(self, method: str, path: str, *, shape: type[T], body: Any = None, wait_s: float | None = None) -> T:
        """Make one request and return its answer as `shape`; the door for routes without a method of their own."""
        if wait_s is not None:
            path = asked(path, {"wait": wait_s})
        async with self._ask(method, path, body, self._timeout_s + (wait_s or 0.0)) as answer:
            return decoded(await answer.read(), shape)

    async def lines(self, path: str) -> AsyncIterator[bytes]:
        """Ask for a stream and yield its lines as they come, until it ends."""
        rest = b""
        async with self._ask("GET", path, None, None) as answer:
            async for part in answer.content.iter_any():
                *whole, rest = (rest + part).split(b"\n")
                for line in whole:
                    yield line
        if rest:
            yield rest

    def _get(self, fed: str, what: str, shape: type[T], query: Mapping[str, Any] | None = None) -> Awaitable[T]:
        return self._fed("GET", fed, asked(what, query or {}), shape)

    def _post(self, fed: str, what: str, body: Any, shape: type[T]) -> Awaitable[T]:
        return self._fed("POST", fed, what, shape, body)

    def _put(self, fed: str, what: str, body: Any, shape: type[T]) -> Awaitable[T]:
        return self._fed("PUT", fed, what, shape, body)

    def _delete(self, fed: str, what: str, shape: type[T], query: Mapping[str, Any] | None = None) -> Awaitable[T]:
        return self._fed("DELETE", fed, asked(what, query or {}), shape)

    def _fed(self, method: str, fed: str, what: str, shape: type[T], body: Any = None) -> Awaitable[T]:
        return self.call(method, f"{place('/v1/federations', fed)}/{what}", shape=shape, body=body)

    @asynccontextmanager
    async def _ask(
        self, method: str, path: str, body: Any, timeout_s: float | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request; yield the answer once that is known not to be a refusal."""
        if self._session is None:
            self._session = aiohttp.ClientSession()
        data = msgspec.json.encode(body) if body is not None else None
        try:
            async with self._session.request(
                method,
                URL(self.url + path, encoded=True),
                data=data,
                headers=self._headers(body),
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                allow_redirects=False,
            ) as answer:
                if answer.status >= 400:
                    raise ApiError(problem(answer.status, answer.reason or "", await answer.read()))
                yield answer
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise unreachable(self.url, error) from error
