"""The door: a fitted model in the form that others read."""

from __future__ import annotations

from typing import Final, Literal

from fedpeer.core.errors import ModelError
from fedpeer.core.models.extremes import Extremes
from fedpeer.core.models.forms.graph import OPSET, onnx
from fedpeer.core.models.forms.origin import Origin
from fedpeer.core.models.forms.plan import Plan
from fedpeer.core.models.forms.python import python
from fedpeer.core.models.forms.reading import KEY, document
from fedpeer.core.models.forms.sql import sql
from fedpeer.core.models.hidden import Hidden
from fedpeer.core.models.result import Result

Form = Literal["json", "python", "sql", "onnx"]

FORMS: Final[tuple[Form, ...]] = ("json", "python", "sql", "onnx")


def export(model: Result, form: str, *, table: str = "patients", origin: Origin | None = None) -> bytes:
    """Return the file of a model in one of `FORMS`; `table` is what the SQL selects from.

    ModelError for an unknown form, and for one that the model's kind does not have.
    """
    told = origin or Origin()
    if isinstance(model, Hidden | Extremes) and form in FORMS[1:]:
        why = ", as no row is predicted by itself" if isinstance(model, Hidden) else ""
        raise ModelError(f"{model.kind} has no form {form!r}{why}", hint="it has json")
    match form:
        case "json":
            return document(model, told)
        case "python":
            return python(model, _comments(model, told, "It needs nothing but Python.")).encode()
        case "sql":
            return sql(model, _comments(model, told, "Standard SQL."), table).encode()
        case "onnx":
            return onnx(model, _metadata(model, told))
    raise ModelError(f"no form called {form!r:.60}", hint=f"there are {', '.join(FORMS)}, and sklearn in Python")


def _comments(model: Result, origin: Origin, about: str) -> list[str]:
    target = getattr(model, "target", None)
    what = f"{model.kind} of {target}" if target else model.kind
    lines = [f"{what}: a model that fedpeer fitted to {model.n:,} rows. {about}"]
    lines += [f"  {label:<10}  {text}" for label, text in origin.lines(model)]
    lines += [f"  {'input':<10}  {entry.about}" for entry in Plan.of(model, "text").inputs]
    return lines


def _metadata(model: Result, origin: Origin) -> dict[str, str]:
    own = {"kind": model.kind, "rows": str(model.n), "summary": model.summary, "opset": str(OPSET)}
    return own | {"model": origin.model, KEY: document(model, origin, indent=0).decode()}
