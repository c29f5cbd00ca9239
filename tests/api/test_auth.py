"""Who is let in: tokens, roles, hosts, browsers, and what every answer carries."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fedpeer.api.auth import HEADERS, Throttle, Tokens
from fedpeer.api.call import Limits
from fedpeer.api.faults import ThrottledError
from fedpeer.core.errors import ConfigError
from tests.support.served import ADMIN, VIEWER, MovableClock, Served, memory_broker, node_on, serving


def test_tokens_have_roles_and_hide() -> None:
    tokens = Tokens(ADMIN, VIEWER)
    assert [tokens.role(t) for t in (ADMIN, VIEWER, "", ADMIN[:-1], ADMIN + "a", "\udcff")] == [
        "admin", "viewer", None, None, None, None,
    ]  # fmt: skip
    assert ADMIN not in repr(tokens)
    assert VIEWER not in repr(tokens)


@pytest.mark.parametrize(("admin", "viewer"), [("", VIEWER), (ADMIN, "short"), (ADMIN, ADMIN)])
def test_weak_tokens_are_refused(admin: str, viewer: str) -> None:
    with pytest.raises(ConfigError):
        Tokens(admin, viewer)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost:1", 200),
        ("LOCALHOST", 200),
        ("[::1]:8440", 200),
        ("peer.example", 200),
        ("other.example:8440", 200),
        ("other.example:8441", 421),
        ("other.example", 421),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.", 421),
        ("127.0.0.1@evil.example", 421),
        ("", 421),
    ],
)
async def test_only_names_of_this_node_are_answered(host: str, status: int) -> None:
    clock = MovableClock()
    names = ("Peer.example", "other.example:8440")
    async with node_on(memory_broker(), clock, "north") as node, serving(node, clock, hosts=names) as served:
        got, told, _ = await served.ask("GET", "/v1/node", headers={"Host": host})
        assert got == status, told
        if status == 421:
            assert told["code"] == "FP132"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_a_page_from_elsewhere_cannot_ask(served: Served, method: str, headers: dict[str, str]) -> None:
    status, told, _ = await served.ask(method, "/v1/federations/hearts/leave", headers=headers)
    assert (status, told["code"]) == (403, "FP131")


async def test_our_own_page_can_ask(served: Served) -> None:
    for headers in ({"Origin": served.url}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
        assert (await served.ask("GET", "/v1/node", headers=headers))[0] == 200


async def test_no_answer_lets_another_origin_read_it(served: Served) -> None:
    for method, path, origin in (
        ("GET", "/v1/node", None),
        ("OPTIONS", "/v1/node", "https://evil.example"),
        ("GET", "/v1/node", "https://evil.example"),
        ("GET", "/nothing", None),
        ("HEAD", "/v1/node", None),
        ("TRACE", "/v1/node", None),
    ):
        headers = {"Origin": origin, "Access-Control-Request-Method": "PUT"} if origin else {}
        status, _, answer = await served.ask(method, path, headers=headers)
        assert not [name for name in answer if name.lower().startswith("access-control")]
        assert {name: answer[name] for name in HEADERS} == HEADERS
        assert status < 500


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("PATCH", "/v1/node", 405, "FP135"),
        ("POST", "/v1/node", 405, "FP135"),
        ("GET", "/v1/node/", 404, "FP138"),
        ("GET", "/v1//node", 404, "FP138"),
        ("GET", "/v1/federations/%2e%2e%2fnode", 404, "FP110"),
        ("GET", "/v1/federations/a%00b", 404, "FP110"),
        ("GET", "/v1/federations/" + "a" * 300, 404, "FP110"),
        ("GET", "/", 404, "FP138"),
    ],
)
async def test_what_is_not_there_is_said_in_one_shape(
    served: Served, method: str, path: str, status: int, code: str
) -> None:
    got, told, headers = await served.ask(method, path)
    assert (got, told["code"]) == (status, code)
    assert headers["Content-Type"].startswith("application/problem+json")
    if status == 405:
        assert headers["Allow"] == "GET"


async def test_two_credentials_are_none(served: Served) -> None:
    headers = [("Authorization", f"Bearer {ADMIN}"), ("Authorization", f"Bearer {VIEWER}")]
    async with served.session.get(served.url + "/v1/node", headers=headers) as answer:
        assert answer.status == 401


async def test_wrong_credentials_have_an_end_but_right_ones_go_on() -> None:
    clock = MovableClock()
    limits = replace(Limits(), failures=3)
    async with node_on(memory_broker(), clock, "north") as node, serving(node, clock, limits=limits) as served:
        told = [(await served.ask("GET", "/v1/node", token="x" * 40))[0] for _ in range(5)]
        assert told == [401, 401, 401, 429, 429]
        status, problem, headers = await served.ask("GET", "/v1/node", token="y" * 40)
        assert (status, problem["code"], headers["Retry-After"]) == (429, "FP137", "60")
        assert (await served.ask("GET", "/v1/node"))[0] == 200


def test_failures_are_forgotten_after_a_minute() -> None:
    throttle = Throttle(2)
    throttle.record("a", 0.0)
    throttle.record("a", 1.0)
    throttle.record("b", 1.0)
    with pytest.raises(ThrottledError):
        throttle.record("a", 59.0)
    throttle.record("a", 60.0)
    with pytest.raises(ThrottledError):
        throttle.record("a", 60.5)
    for place in range(5000):
        throttle.record(str(place), 61.0)
