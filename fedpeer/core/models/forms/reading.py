"""Models from files: JSON as `export` writes it, or the JSON that our ONNX files carry."""

from __future__ import annotations

from math import isfinite
from typing import Any, Literal

import msgspec

from fedpeer.core.errors import FedpeerError, ModelError
from fedpeer.core.models import fit
from fedpeer.core.models.forms import graph
from fedpeer.core.models.forms.origin import Origin
from fedpeer.core.models.result import Result

VERSION = 1
KEY = "fedpeer"  # of our JSON in the metadata of an ONNX file

_MOST = 256 << 20  # bytes
_HINT = "give a file that `export` wrote, or what `to_dict` of a model returned"


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model as a file."""

    format: Literal["fedpeer model"]
    version: int
    origin: Origin = Origin()
    model: dict[str, Any]


def document(result: Result, origin: Origin, *, indent: int = 2) -> bytes:
    """Write the JSON file; it holds everything that `restore` needs to give back an equal model."""
    whole = _Document(format="fedpeer model", version=VERSION, origin=origin, model=result.to_dict())
    return msgspec.json.format(msgspec.json.encode(whole), indent=indent) + (b"\n" if indent else b"")


def restore(source: Any) -> Result:
    """Read a model from JSON (text, bytes, or `to_dict`'s form) or from an ONNX file of ours; ModelError otherwise."""
    if isinstance(source, str):
        source = source.encode("utf-8", "surrogatepass")
    if isinstance(source, bytes | bytearray):
        data = bytes(source)
        if len(data) > _MOST:
            raise ModelError(f"{len(data)} bytes are too many for a model: at most {_MOST}")
        source = _opened(data)
    _check_numbers(source)
    try:
        return fit.restore(source)
    except ModelError:
        raise
    except (FedpeerError, ValueError, TypeError, OverflowError) as error:
        raise ModelError(f"not a model: {error}", hint=_HINT) from None


def _opened(data: bytes) -> dict[str, Any]:
    if data.lstrip()[:1] != b"{":
        carried = graph.metadata(data).get(KEY)
        if carried is None:
            raise ModelError("this ONNX file does not carry a model of fedpeer", hint=_HINT)
        data = carried.encode()
    try:
        whole = msgspec.json.decode(data, type=_Document)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ModelError(f"not a model: {error}", hint=_HINT) from None
    if whole.version != VERSION:
        raise ModelError(
            f"the file has version {whole.version}; this program reads {VERSION}", hint="read it with a newer fedpeer"
        )
    return whole.model


def _check_numbers(form: Any) -> None:
    """ModelError for infinite numbers and for what is not a number, which no fitted model has."""
    waiting = [form]
    while waiting:
        value = waiting.pop()
        if isinstance(value, float) and not isfinite(value):
            raise ModelError("not a model: it holds a number that is not finite", hint=_HINT)
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
