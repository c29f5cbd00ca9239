"""The OpenAPI 3.1 description of the native surface, made of the table of routes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from fedpeer.api.bodies import Nothing
from fedpeer.api.problems import MEDIA, Problem
from fedpeer.api.routes import ROUTES, Route

_REF = "#/components/schemas/{name}"
_PART = re.compile(r"\{(\w+)\}")
_PARTS = {
    "fed": "a federation's or project's id, an unambiguous beginning of it, or its name",
    "member": "a member's id",
    "invite": "an invite's id",
    "batch": "a batch's id",
    "model": "a model's id, or an unambiguous beginning, of four signs at least, of one that the node has given",
    "job": "a job's id",
    "watch": "a watch's id, or an unambiguous beginning of it",
    "stream": "a stream's id, or an unambiguous beginning of it",
    "picture": "a plot's name and the kind of file: density.svg, drift.png",
    "source": "a source's name",
    "proposal": "a proposal's id",
    "cid": "a user's name",
}

_SUMMARY = "A federation daemon: organisations learn from data they may not share."


def describe(version: str, routes: Iterable[Route] = ROUTES) -> dict[str, Any]:
    """Return the description as plain values."""
    routes = list(routes)
    schemas, components = msgspec.json.schema_components(_shapes(routes), ref_template=_REF)
    of = dict(zip(map(str, _shapes(routes)), schemas, strict=True))
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, of)
    document = {
        "openapi": "3.1.0",
        "info": {"title": "fedpeer", "version": version, "summary": _SUMMARY},
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {"Problem": _content("what is wrong, and what to try", MEDIA, of[str(Problem)])},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }
    # As it is sent: defaults of bodies may be tuples, which are arrays there.
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document))
    return plain


def _shapes(routes: list[Route]) -> list[Any]:
    """Every shape that occurs, once, in order."""
    shapes = [shape for r in routes for shape in (r.body, r.query, r.answer) if shape is not None]
    return list(dict.fromkeys([*shapes, Problem]))


def _operation(route: Route, of: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.handler.__module__.rsplit(".", 1)[-1]],
        "x-role": route.role,
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": _responses(route, of),
    }
    if route.body is not None:
        required = bool(msgspec.json.schema(route.body)["$defs"][route.body.__name__].get("required"))
        content = {"application/json": {"schema": of[str(route.body)]}}
        operation["requestBody"] = {"required": required, "content": content}
    if route.role == "anyone":
        operation["security"] = []
    return operation


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": part, "in": "path", "required": True, "description": _PARTS[part], "schema": {"type": "string"}}
        for part in _PART.findall(route.path)
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is Nothing:
        return []
    fields = msgspec.json.schema(route.query)["$defs"][route.query.__name__]["properties"]
    return [{"name": name, "in": "query", "schema": schema} for name, schema in fields.items()]


def _responses(route: Route, of: dict[str, Any]) -> dict[str, Any]:
    if route.answer is None:
        good: dict[str, Any] = {"description": "done"}
    else:
        first, *further = route.media
        good = _content(route.summary, first, of[str(route.answer)])
        good["content"] |= {media: {"schema": {"type": "string"}} for media in further}
    others = {"200": good} if route.status == 202 else {"202": good} if route.name == "federations_join" else {}
    return {str(route.status): good, **others, "default": {"$ref": "#/components/responses/Problem"}}


def _content(description: str, media: str, schema: Any) -> dict[str, Any]:
    return {"description": description, "content": {media: {"schema": schema}}}
