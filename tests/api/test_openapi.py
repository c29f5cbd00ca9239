"""The description: valid, whole, in step with the router and with the pages for people."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from fedpeer.api import openapi
from fedpeer.api.call import SERVED
from fedpeer.api.routes import ROUTES, Route
from fedpeer.api.symetry.routes import BASE, ENDPOINTS
from fedpeer.api.symetry.sockets import PREFIX, SOCKETS
from tests.support.served import Served

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return openapi.describe("1.2.3")


def test_it_is_valid(described: dict[str, Any]) -> None:
    assert list(OpenAPIV31SpecValidator(described).iter_errors()) == []


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: r.name)
def test_every_route_is_in_it(described: dict[str, Any], route: Route) -> None:
    operation = described["paths"][route.path][route.method.lower()]
    assert operation["summary"] == route.summary
    assert str(route.status) in operation["responses"]
    assert "default" in operation["responses"]
    assert (operation.get("security") == []) is (route.role == "anyone")
    assert ("requestBody" in operation) is (route.body is not None)
    named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
    assert named == set(re.findall(r"\{(\w+)\}", route.path))
    assert {p["name"] for p in operation["parameters"] if p["in"] == "query"} == set(route.query.__struct_fields__)


def test_nothing_else_is_in_it(described: dict[str, Any]) -> None:
    told = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    assert told == {(route.method, route.path) for route in ROUTES}


async def test_the_router_has_the_tables_and_no_more(served: Served) -> None:
    found = {(route.method, route.resource.canonical) for route in served.app.router.routes()}
    dialect = {(point.method, BASE + point.path) for point in ENDPOINTS} | {("*", "/symetry/{rest}")}
    dialect |= {("GET", PREFIX + point.path) for point in SOCKETS}
    assert found == {(route.method, route.path) for route in ROUTES} | dialect


async def test_it_is_served_without_a_token(served: Served, described: dict[str, Any]) -> None:
    status, told, _ = await served.ask("GET", "/v1/openapi.json", token=None)
    assert (status, told) == (200, described)
    assert served.app[SERVED].description


def test_every_field_of_a_body_is_typed(described: dict[str, Any]) -> None:
    for name, schema in described["components"]["schemas"].items():
        assert schema.get("properties") or name == "Nothing", name
        assert schema.get("description"), name


def test_the_page_for_people_lists_every_route() -> None:
    lines = re.findall(r"^\| `(\w+) (/\S+)` \| (\w+) \| (.+) \|$", (DOCS / "api.md").read_text(), re.MULTILINE)
    assert lines == [(r.method, r.path, r.role, r.summary) for r in ROUTES]


def test_the_page_of_the_dialect_lists_every_endpoint() -> None:
    lines = re.findall(r"^\| `(\w+) (/\S+)` \|", (DOCS / "symetry-conformance.md").read_text(), re.MULTILINE)
    assert lines == [(point.method, point.path) for point in (*ENDPOINTS, *SOCKETS)]
