"""The switch takes a path where the library's own router would, and names the same methods."""

from __future__ import annotations

import random
from itertools import product

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from fedpeer.api.routes import ROUTES
from fedpeer.api.switch import Switch
from fedpeer.api.symetry.routes import BASE, ENDPOINTS, PREFIX

ODD = [
    "",
    "..",
    "%2F",
    "%2e",
    "a%2Fb",
    "{pid}",
    "%7Bpid%7D",
    "import",
    "rows",
    "jobs",
    "v1",
    "a" * 300,
    "é",
    ";x",
    "a:b",
]


async def nothing(_: web.Request) -> web.StreamResponse:
    return web.Response()


def both(prefix: str, lines: list[tuple[str, str]]) -> tuple[web.UrlDispatcher, web.UrlDispatcher]:
    ours, theirs = web.UrlDispatcher(), web.UrlDispatcher()
    ours.register_resource(Switch(prefix, [(method, path, nothing) for method, path in lines]))
    for method, path in lines:
        theirs.add_route(method, path, nothing)
    return ours, theirs


async def taken(router: web.UrlDispatcher, method: str, path: str) -> tuple[object, ...]:
    found = await router.resolve(make_mocked_request(method, path))
    if found.http_exception is not None:
        return (found.http_exception.status, getattr(found.http_exception, "allowed_methods", None))
    return (found.route.method, found.route.resource.canonical, dict(found))


def paths(lines: list[tuple[str, str]]) -> list[str]:
    told = []
    for (_, path), odd in product(lines, ODD):
        parts = path.split("/")
        names = [i for i, part in enumerate(parts) if part.startswith("{")]
        told += ["/".join("x" if i in names and i != at else odd if i == at else p for i, p in enumerate(parts))
                 for at in (*names, len(parts) - 1)]  # fmt: skip
        told += [path.replace("{", "").replace("}", "") + tail for tail in ("", "/", "/x", "//")]
    every = sorted({*told})
    return random.Random(1).sample(every, min(len(every), 80))


@pytest.mark.parametrize(
    ("prefix", "lines"),
    [
        ("/v1", [(route.method, route.path) for route in ROUTES]),
        (PREFIX, [(point.method, BASE + point.path) for point in ENDPOINTS]),
        ("/a", [("GET", "/a/{x}/c"), ("PUT", "/a/b/{y}"), ("POST", "/a/{x}/{y}"), ("GET", "/a/b/c"), ("GET", "/a")]),
    ],
)
async def test_a_path_goes_where_the_library_sends_it(prefix: str, lines: list[tuple[str, str]]) -> None:
    ours, theirs = both(prefix, lines)
    for path in paths(lines):
        for method in ("GET", "PUT") if len(lines) > 9 else ("GET", "PUT", "POST", "DELETE"):
            assert await taken(ours, method, path) == await taken(theirs, method, path), (method, path)


def test_what_a_switch_cannot_do_is_said_in_words() -> None:
    served = web.Application()
    switch = Switch("/v1", [("GET", "/v1/a", nothing)])
    served.router.register_resource(switch)
    with pytest.raises(TypeError, match="no route below /v1 has a name"):
        switch.url_for(fed="x")
    with pytest.raises(TypeError, match="below /v1 were made for it, and not for /all/v1"):
        web.Application().add_subapp("/all", served)
