"""Text from outside into typed values, or a clear no: what one reader could take differently from another is refused.

Refused are duplicate keys, NaN and Infinity, unknown fields, wrong types, trailing text, and nesting deeper than any
body of ours needs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, NoReturn, TypeVar

import msgspec

from fedpeer.core.errors import RequestError

T = TypeVar("T")

DEPTH = 32

_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


def decode(data: bytes, kind: type[T]) -> T:
    """Read JSON as `kind`; RequestError names the place that does not fit."""
    _check_depth(data)
    try:
        value = msgspec.json.decode(data, type=kind)
        json.loads(data, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise RequestError(f"the body is not what this route takes: {_said(error)}") from None
    return value


def convert(pairs: Iterable[tuple[str, str]], kind: type[T]) -> T:
    """Read a query string's pairs as `kind`; RequestError names the parameter."""
    try:
        return msgspec.convert(_unique(list(pairs)), kind, strict=False)
    except (msgspec.MsgspecError, ValueError) as error:
        raise RequestError(f"the query is not what this route takes: {_said(error)}") from None


def _check_depth(data: bytes) -> None:
    depth = 0
    for bracket in _BRACKET.finditer(_QUOTED.sub(b"", data)):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > DEPTH:
            raise RequestError(f"the body is nested deeper than {DEPTH} levels")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _said(error: Exception) -> str:
    """The library's message in our voice: without a full stop, beginning in lower case, never quoting a value."""
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    text = str(error).rstrip(".") or type(error).__name__
    return text[:1].lower() + text[1:300]
