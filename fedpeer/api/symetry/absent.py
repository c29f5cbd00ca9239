"""What the reference has and this node has not: each is answered by saying so, and why."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from fedpeer.api.symetry.door import Ask, Endpoint
from fedpeer.api.symetry.envelope import DialectError

_SUMS = "needs rows, of which nothing but sums is kept here"
_WRAPPER = "a tail is of an attribute (build evt), not of a model's scores, which are of rows that are not kept"
_ENCODERS = "encoders are not supported: a T attribute is counted by its values, and needs none"
_TASKS = "Kafka tasks are not supported: programs ask `predict`, or take a model along as code"
_TMODELS = "third-party models are not supported: they need rows, of which nothing but sums is kept here"

_REASONS: Final[tuple[tuple[str, str, str], ...]] = (
    ("GET", "/smlaccess", "there is no single sign-on: `fedpeer user add` makes a key"),
    ("GET", "/projects/{pid}/encoderAssign", _ENCODERS),
    ("POST", "/encoders/create", _ENCODERS),
    ("GET", "/encoders", _ENCODERS),
    ("POST", "/encoders/{encoder}/learn", _ENCODERS),
    ("GET", "/encoders/{encoder}/stats", _ENCODERS),
    ("DELETE", "/encoders/{encoder}", _ENCODERS),
    ("GET", "/encoders/{encoder}/keyvals/{key}", _ENCODERS),
    ("POST", "/encoders/{encoder}/keyvals/{key}/setValue", _ENCODERS),
    ("POST", "/encoders/{encoder}/createKeyValues", _ENCODERS),
    ("GET", "/encoders/{encoder}/learnds", _ENCODERS),
    ("GET", "/encoders/{encoder}/dss", _ENCODERS),
    ("POST", "/projects/{pid}/kmeansOptimize", f"k-means is not supported: it {_SUMS}"),
    ("POST", "/projects/{pid}/transform", "AutoML features are not supported: products are features of the schema"),
    ("POST", "/projects/{pid}/{model}/evtwrapper", _WRAPPER),
    ("DELETE", "/projects/{pid}/{model}/evtwrapper", _WRAPPER),
    ("POST", "/projects/{pid}/tmodels", _TMODELS),
    ("GET", "/projects/{pid}/tmodels", _TMODELS),
    ("POST", "/tmodels", _TMODELS),
    ("GET", "/tmodels", _TMODELS),
    ("POST", "/tmodels/{model}/predict", _TMODELS),
    ("POST", "/tasks/create", _TASKS),
    ("GET", "/tasks", _TASKS),
    ("GET", "/tasks/{task}", _TASKS),
    ("GET", "/tasks/{task}/start", _TASKS),
    ("GET", "/tasks/{task}/stop", _TASKS),
    ("DELETE", "/tasks/{task}", _TASKS),
)


_ANYTHING: Final = dict[str, Any] | list[Any] | None


async def _refused(ask: Ask) -> web.Response:
    if "pid" in ask.request.match_info:
        ask.federation()
    raise DialectError(HTTPStatus.BAD_REQUEST, ask.point.why)


ABSENT: Final = tuple(
    Endpoint(method, path, False, _refused, _ANYTHING, shared="{pid}" not in path, why=why)
    for method, path, why in _REASONS
)
