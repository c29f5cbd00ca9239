"""The dialect's one form of answer: a status by name, a text, and entities by name."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

from fedpeer.api import problems
from fedpeer.core.errors import FedpeerError

# In the form of the library's own, and not to be changed through any answer.
_JSON = CIMultiDictProxy(CIMultiDict({"Content-Type": "application/json; charset=utf-8"}))
_NAMES = {status.value: status.name for status in HTTPStatus}
_encoded = msgspec.json.Encoder().encode
# The dialect's clients know few numbers: what does not fit, in whatever way, is a bad request to them.
_SAME = frozenset({400, 401, 403, 404, 409, 413, 429, 500, 503})


class DialectError(Exception):
    """A no in the dialect's own words."""

    def __init__(self, status: int, text: str, values: Mapping[str, Any] | None = None) -> None:
        super().__init__(text)
        self.status, self.text, self.values = status, text, dict(values or {})


class SigningError(DialectError):
    """A signature, or what belongs to it, that is not good."""


def reply(
    status: int, text: str = "OK", values: Mapping[str, Any] | None = None, *, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return an answer of the dialect."""
    body = {"statusCode": _NAMES[status], "statusString": text, "values": values or {}}
    told = {**_JSON, **headers} if headers else _JSON
    return web.Response(body=_encoded(body), status=status, headers=told)


def from_fault(fault: FedpeerError) -> DialectError:
    """Return what the dialect says of a fault; code and hint travel in `values`."""
    problem = problems.of(fault, "")
    status = problem.status if problem.status in _SAME else 400
    return DialectError(status, problem.detail, {"code": problem.code, "hint": problem.hint})
