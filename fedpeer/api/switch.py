"""Which route a path takes, found segment by segment: the library would try all routes below a prefix in turn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from aiohttp import web
from aiohttp.web_urldispatcher import AbstractRoute

Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class _Node:
    """What may follow some segments: fixed ones by their text, any other one, or the end, at resources by rank."""

    fixed: dict[str, _Node] = field(default_factory=dict)
    other: _Node | None = None
    ends: list[tuple[int, web.AbstractResource]] = field(default_factory=list)


class Switch(web.AbstractResource):
    """Many routes below one prefix as one resource; each segment of their paths is fixed, or a name in braces."""

    def __init__(self, prefix: str, routes: Iterable[tuple[str, str, Handle]]) -> None:
        """Routes are method, path and handler; a path with more fixed segments before the first name goes first."""
        super().__init__()
        self._prefix, self._root, table = prefix, _Node(), web.UrlDispatcher()
        for method, path, handle in routes:
            table.add_route(method, path, handle)
        self._routes = list(table.routes())
        for rank, resource in enumerate(sorted(table.resources(), key=lambda r: -len(r.canonical.partition("{")[0]))):
            self._place(resource.canonical).ends.append((rank, resource))

    @property
    def canonical(self) -> str:
        """The prefix, below which the library looks here."""
        return f"{self._prefix}/{{rest}}"

    async def resolve(self, request: web.Request) -> tuple[web.UrlMappingMatchInfo | None, set[str]]:
        """Return the route that a request takes, or the methods that its path takes."""
        found = list(_ends(self._root, request.rel_url.path_safe.split("/"), 0))
        allowed: set[str] = set()
        for _, resource in found if len(found) < 2 else sorted(found, key=lambda end: end[0]):
            match, methods = await resource.resolve(request)
            if match is not None:
                return match, methods
            allowed |= methods
        return None, allowed

    def _place(self, path: str) -> _Node:
        node = self._root
        for segment in path.split("/"):
            if segment.startswith("{"):
                node.other = node.other or _Node()
                node = node.other
            else:
                node = node.fixed.setdefault(segment, _Node())
        return node

    def __len__(self) -> int:
        """How many routes there are."""
        return len(self._routes)

    def __iter__(self) -> Iterator[AbstractRoute]:
        """The routes."""
        return iter(self._routes)

    def get_info(self) -> Any:
        """What the library may say of it."""
        return {"path": self._prefix}

    def raw_match(self, _path: str) -> bool:
        """Whether a path that is added is this one: never."""
        return False

    def url_for(self, **_: str) -> NoReturn:
        """Refuse: nothing here has a name."""
        raise TypeError(f"no route below {self._prefix} has a name to make a URL of: write its path")

    def add_prefix(self, prefix: str) -> NoReturn:
        """Refuse: it is no part of another application."""
        raise TypeError(f"the routes below {self._prefix} were made for it, and not for {prefix}{self._prefix}")


def _ends(node: _Node, segments: list[str], at: int) -> Iterator[tuple[int, web.AbstractResource]]:
    if at == len(segments):
        yield from node.ends
        return
    fixed = node.fixed.get(segments[at])
    if fixed is not None:
        yield from _ends(fixed, segments, at + 1)
    if node.other is not None:
        yield from _ends(node.other, segments, at + 1)
