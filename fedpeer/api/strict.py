"""Text from outside into typed values, or a clear no: what one reader could take differently from another is refused.

Refused are duplicate keys, NaN and Infinity, unknown fields, wrong types, trailing text, and nesting deeper than any
body of ours needs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NoReturn, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from fedpeer.core.errors import RequestError

T = TypeVar("T")

DEPTH = 32

_SHORT, _PIECE = 1 << 14, 1 << 18  # bytes: of what is read as it comes, and of what is looked at together
_QUOTE, _OPEN, _CLOSE = b'"[]'
_NOWHERE = np.zeros(0, np.int64)
_DEEPER = np.zeros(256, np.int8)
_DEEPER[[*b"[{"]], _DEEPER[[*b"]}"]] = 1, -1


def decode(data: bytes, kind: type[T]) -> T:
    """Read JSON as `kind`; RequestError names the place that does not fit."""
    brackets = _brackets(data) if len(data) > _SHORT or data.count(b"[") + data.count(b"{") > DEPTH else _NOWHERE
    _check_depth(np.frombuffer(data, np.uint8)[brackets])
    try:
        value = msgspec.json.decode(data, type=kind)
        keys = _skeleton(data, brackets) if len(data) > _SHORT else data
        json.loads(keys, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise RequestError(f"the body is not what this route takes: {_said(error)}") from None
    return value


def convert(pairs: Iterable[tuple[str, str]], kind: type[T]) -> T:
    """Read a query string's pairs as `kind`; RequestError names the parameter."""
    try:
        return msgspec.convert(_unique(list(pairs)), kind, strict=False)
    except (msgspec.MsgspecError, ValueError) as error:
        raise RequestError(f"the query is not what this route takes: {_said(error)}") from None


def _brackets(data: bytes) -> npt.NDArray[np.int64]:
    """Where the brackets are that are not in texts, as far as the data is JSON."""
    # An escape is as long as before, and no quote any more; pairs first, which a run of backslashes begins with.
    told = data.replace(rb"\\", b"__").replace(rb"\"", b"__") if b"\\" in data else data
    every, found, inside = np.frombuffer(told, np.uint8), [np.zeros(0, np.int64)], np.uint8(0)
    for start in range(0, len(every), _PIECE):
        part = every[start : start + _PIECE]
        within = np.cumsum(part == _QUOTE, dtype=np.uint8) + inside
        inside = within[-1] & 1
        found.append(start + np.flatnonzero((_DEEPER[part] != 0) & (within & 1 == 0)))
    return np.concatenate(found)


def _skeleton(data: bytes, brackets: npt.NDArray[np.int64]) -> bytes:
    """The text with every list of plain values emptied: whatever else is told twice, they tell nothing by a key."""
    kinds = np.frombuffer(data, np.uint8)[brackets]
    at = np.flatnonzero((kinds[:-1] == _OPEN) & (kinds[1:] == _CLOSE))
    edges = np.zeros(len(data) + 1, np.int8)
    edges[brackets[at] + 1] += 1
    edges[brackets[at + 1]] -= 1
    return bytes(np.frombuffer(data, np.uint8)[np.cumsum(edges[:-1], dtype=np.int8) == 0])


def _check_depth(brackets: npt.NDArray[np.uint8]) -> None:
    if len(brackets) and np.cumsum(_DEEPER[brackets], dtype=np.int64).max() > DEPTH:
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
