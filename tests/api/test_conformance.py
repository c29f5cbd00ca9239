"""Both descriptions against the node that they describe, by a program that knows nothing else: schemathesis.

It makes requests that the description allows, and others that it does not. Whatever comes, there is no server error,
and every answer is of a shape that the description has.
"""

from __future__ import annotations

import asyncio
import copy
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator
from requests.auth import AuthBase
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks as conformance

from fedpeer.api import openapi
from fedpeer.api.symetry import description, door
from fedpeer.api.symetry.absent import ABSENT
from fedpeer.api.symetry.routes import BASE, ENDPOINTS
from tests.support.served import (
    ADMIN,
    CID,
    CONTRACT,
    SCHEMA,
    MovableClock,
    Served,
    memory_broker,
    node_on,
    rows,
    serving,
)
from tests.support.symetry import Caller

EXAMPLES, SOAKED = 5, 100  # of each operation; half of them, about, are such as the description does not allow
# A stream has no end of its own.
LEFT_OUT = ("/v1/events",)
LONG = b"Got more than"  # of an address the HTTP library takes no more than 8 KiB, and says so in its own words
HEARTS = {"name": "hearts", "schema": SCHEMA, "contract": CONTRACT, "schedule": "d7", "profile": "relaxed"}


class Token(AuthBase):
    """The admin's."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {ADMIN}"
        return request


class Signature(AuthBase):
    """That of the user in the path, over what is about to be sent."""

    def __init__(self, clock: MovableClock) -> None:
        self.caller = Caller(None, "", clock)  # type: ignore[arg-type]  it signs and does not send

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        path, _, query = request.path_url.partition("?")
        body = request.body or b""
        text = body.decode("utf-8", "surrogateescape") if isinstance(body, bytes) else body
        headers = self.caller.headers(request.method or "", path, query, text)
        request.headers.update({name: headers[name] for name in ("Sym-Date", "Authorization", "Content-MD5")})
        return request


@contextmanager
def running() -> Iterator[Served]:
    """A served node on an event loop of its own, in another thread."""
    begun: Future[tuple[Served, asyncio.Event]] = Future()

    async def live() -> None:
        end = asyncio.Event()
        async with AsyncExitStack() as stack:
            clock = MovableClock()
            node = await stack.enter_async_context(node_on(memory_broker(), clock, "north"))
            served = await stack.enter_async_context(serving(node, clock))
            await served.good("POST", "/v1/federations", HEARTS)
            await served.good("POST", "/v1/federations/hearts/data/rows?wait=30", {"rows": rows(60)})
            begun.set_result((served, end))
            await end.wait()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=lambda: loop.run_until_complete(live()))
    thread.start()
    served, end = begun.result(120)
    try:
        yield served
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
        loop.close()


NOTHING = {point.path for point in ABSENT}  # endpoints that only say that they are none
NATIVE = openapi.describe("1")
DIALECT = description.describe("1")
CHECKS = [
    schemathesis.checks.not_a_server_error,
    conformance.status_code_conformance,
    conformance.content_type_conformance,
    conformance.response_schema_conformance,
]


def operations(told: dict[str, Any]) -> list[tuple[str, str]]:
    return [(path, verb) for path, verbs in told["paths"].items() if path not in LEFT_OUT for verb in verbs]


def tried(served: Served, told: dict[str, Any], auth: AuthBase, examples: int = EXAMPLES) -> int:
    """Try every operation of a description; how many requests that were."""
    schema, count = schemathesis.openapi.from_dict(told), 0
    with requests.Session() as session:
        for path, verb in operations(told):
            operation = schema[path][verb.upper()]
            both = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]
            few = 1 if path.removeprefix(BASE) in NOTHING else examples

            @settings(
                max_examples=few,
                deadline=None,
                database=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            )
            @given(st.one_of(both))
            def whatever_comes(case: schemathesis.Case) -> None:
                nonlocal count
                count += 1
                for name in ("cid", "fed", "pid"):
                    if name in case.path_parameters and count % 4:
                        case.path_parameters[name] = {"cid": CID}.get(name, "hearts")
                answer = case.call(base_url=served.url, session=session, auth=auth, timeout=120)
                if LONG not in answer.content:
                    case.validate_response(answer, checks=CHECKS)

            whatever_comes()
    return count


def held(caplog: pytest.LogCaptureFixture, examples: int, *, dialect: bool) -> None:
    with running() as served:
        told, auth = (DIALECT, Signature(served.clock)) if dialect else (NATIVE, Token())
        assert tried(served, told, auth, examples) >= 2 * len(operations(told))
        assert requests.get(f"{served.url}/v1/health", timeout=60).json()["status"] == "ok"
    assert "incident" not in caplog.text


@pytest.mark.long
@pytest.mark.parametrize("dialect", [False, True])
def test_the_node_is_as_it_is_described(caplog: pytest.LogCaptureFixture, *, dialect: bool) -> None:
    held(caplog, EXAMPLES, dialect=dialect)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("dialect", [False, True])
def test_at_length_the_node_is_as_it_is_described(caplog: pytest.LogCaptureFixture, *, dialect: bool) -> None:
    held(caplog, SOAKED, dialect=dialect)


@pytest.mark.long
@pytest.mark.parametrize("wrong", ["shape", "media", "status"])
def test_a_description_that_is_wrong_is_found_out(wrong: str) -> None:
    told = copy.deepcopy({**NATIVE, "paths": {"/v1/node": NATIVE["paths"]["/v1/node"]}})
    answers = told["paths"]["/v1/node"]["get"]["responses"]
    if wrong == "shape":
        told["components"]["schemas"]["NodeInfo"]["properties"]["started_at"] = {"type": "string"}
    elif wrong == "media":
        answers["200"]["content"] = {"text/html": answers["200"]["content"].popitem()[1]}
    else:
        del answers["200"], answers["default"]
        answers["201"] = {"description": "made"}
    with running() as served, pytest.raises(BaseExceptionGroup):
        tried(served, told, Token())


def test_every_parameter_that_is_asked_for_is_described() -> None:
    code = "".join(path.read_text("utf-8") for path in Path(door.__file__).parent.glob("*.py"))
    found = re.findall(r"""\.(query|flag)\(\s*"(\w+)\"""", code)
    described = {name for point in ENDPOINTS for name in description.asked(point)}
    assert described == {name for _, name in found}
    assert {name for kind, name in found if kind == "flag"} == description._FLAGS
    assert set(description._QUERY) <= {point.path for point in ENDPOINTS}


def test_the_dialect_is_described_and_served() -> None:
    assert list(OpenAPIV31SpecValidator(DIALECT).iter_errors()) == []
    told = {(verb.upper(), path.removeprefix(BASE)) for path, verbs in DIALECT["paths"].items() for verb in verbs}
    assert told == {(point.method, point.path) for point in ENDPOINTS}
    with running() as served:
        answer = requests.get(f"{served.url}/v1/symetry/openapi.json", timeout=60).json()
    assert answer == {**DIALECT, "info": {**DIALECT["info"], "version": "1.2.3"}}
