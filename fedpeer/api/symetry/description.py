"""The OpenAPI 3.1 description of the dialect, made of its table of endpoints."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

import msgspec

from fedpeer.api.symetry.door import Endpoint
from fedpeer.api.symetry.routes import BASE, ENDPOINTS

_REF = "#/components/schemas/{name}"
_PART = re.compile(r"\{(\w+)\}")
_TEXT: Final[dict[str, Any]] = {"type": "string"}
_FLAG: Final[dict[str, Any]] = {"type": "string", "enum": ["true", "false"]}
_STATUSES = (200, 201, 202, 400, 401, 403, 404, 409, 413, 429, 500, 503)
_SUMMARY = "The SymetryML REST dialect of a fedpeer node; docs/symetry.md says how it differs."

# Every parameter that a handler asks for, and where it does; `encrypted` is for all.
_FLAGS = frozenset(
    {
        "allowExplore", "async", "enable", "enableHistogram", "encrypted", "explainedCovariance", "force", "grow",
        "fromBeginning", "impute", "overwrite", "persist", "predictBeforeLearn", "rebuildModel", "returnProjectInfo",
        "useLocal",
    }
)  # fmt: skip
_QUERY: Final[dict[str, str]] = {
    "/fedml/create": "pid persist",
    "/fedml/createJoin": "pid persist",
    "/fedml/{pid}/newSchedule": "newSchedule",
    "/fedml/{pid}/setExplorePeers": "allowExplore",
    "/projects": "pid type persist enableHistogram",
    "/projects/import": "pid persist",
    "/projects/info": "async",
    "/projects/dataDrift": "async",
    "/projects/{pid}/rename": "newName",
    "/projects/fusion/create": "pid persist",
    "/projects/{pid}/streams/create": "fromBeginning",
    "/projects/{pid}/streams/{stream}/start": "fromBeginning",
    "/projects/{pid}/dss/{source}/learn": "force async",
    "/projects/{pid}/dss/{source}/forget": "batch async",
    "/projects/{pid}/dss/predict/{model}": "indsname outdsname impute overwrite async",
    "/projects/{pid}/merge": "otherProjectName force",
    "/projects/{pid}/histogramEnable": "enable",
    "/projects/{pid}/learn": "async force grow",
    "/projects/{pid}/forget": "async batch",
    "/projects/{pid}/explore": "metric async returnProjectInfo useLocal",
    "/projects/{pid}/vif": "async useLocal",
    "/projects/{pid}/explorepca": "async explainedCovariance useLocal",
    "/projects/{pid}/exploresvd": "async useLocal",
    "/projects/{pid}/exploresvdfs": "async useLocal",
    "/projects/{pid}/densityEstimate": "async useLocal",
    "/projects/{pid}/conditionalDensityEstimate": "async useLocal",
    "/projects/{pid}/build": "modelid algo svdreduce async useLocal",
    "/projects/{pid}/selectModel": "modelid algo async useLocal",
    "/projects/{pid}/selectModel/{source}": "modelid algo async useLocal",
    "/projects/{pid}/autoSelect/{source}": "modelid task async useLocal",
    "/projects/{pid}/reduce": "modelid heuristic delta numIterations async useLocal",
    "/projects/{pid}/autoSelect": "modelid task async useLocal",
    "/projects/{pid}/models/{model}/code": "language",
    "/projects/{pid}/model/export": "modelid",
    "/projects/{pid}/model/import": "modelid",
    "/projects/{pid}/predict/{model}": "impute",
    "/projects/{pid}/learnpredict/{model}": "keepColumns predictBeforeLearn rebuildModel",
}


def describe(version: str, points: Iterable[Endpoint] = ENDPOINTS) -> dict[str, Any]:
    """Return the description as plain values."""
    points = list(points)
    kinds = list(dict.fromkeys(point.kind for point in points if point.kind is not None))
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    of = dict(zip(kinds, schemas, strict=True))
    paths: dict[str, Any] = {}
    for point in points:
        paths.setdefault(BASE + point.path, {})[point.method.lower()] = _operation(point, of)
    return {
        "openapi": "3.1.0",
        "info": {"title": "fedpeer, SymetryML dialect", "version": version, "summary": _SUMMARY},
        "paths": paths,
        "components": {
            "schemas": {**components, "Envelope": _envelope()},
            "responses": {"Answer": _answer("the envelope of every answer")},
            "securitySchemes": {
                "signature": {"type": "apiKey", "in": "header", "name": "Authorization"},
                "date": {"type": "apiKey", "in": "header", "name": "Sym-Date"},
            },
        },
        "security": [{"signature": [], "date": []}],
    }


def asked(point: Endpoint) -> list[str]:
    """Return the parameters of the query of an endpoint."""
    return [*_QUERY.get(point.path, "").split(), "encrypted"]


def _operation(point: Endpoint, of: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{point.method.lower()}{re.sub(r'[^A-Za-z]+', '_', point.path)}",
        "summary": (inspect.getdoc(point.answer) or "").partition("\n")[0],
        "x-role": point.need,
        "parameters": [
            *({"name": p, "in": "path", "required": True, "schema": _TEXT} for p in _PART.findall(BASE + point.path)),
            *({"name": p, "in": "query", "schema": _FLAG if p in _FLAGS else _TEXT} for p in asked(point)),
        ],
        "responses": {"200": {"$ref": "#/components/responses/Answer"}, "default": _answer("what went otherwise")},
    }
    if point.kind is not None:
        operation["requestBody"] = {"content": {"application/json": {"schema": of[point.kind]}}}
    return operation


def _envelope() -> dict[str, Any]:
    names = [HTTPStatus(status).name for status in _STATUSES]
    return {
        "type": "object",
        "description": "The one form of answer: a status by name, a text, and entities by name.",
        "properties": {"statusCode": {"enum": names}, "statusString": _TEXT, "values": {"type": "object"}},
        "required": ["statusCode", "statusString", "values"],
        "additionalProperties": False,
    }


def _answer(text: str) -> dict[str, Any]:
    return {
        "description": text,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Envelope"}}},
    }
