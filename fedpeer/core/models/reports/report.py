"""The door: a fitted model as a text, a page or a sheet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from fedpeer.core.errors import ModelError
from fedpeer.core.models.forms.origin import Origin
from fedpeer.core.models.reports.account import Account, account
from fedpeer.core.models.reports.page import page
from fedpeer.core.models.reports.sheet import sheet
from fedpeer.core.models.reports.text import text
from fedpeer.core.models.result import Result

Shape = Literal["text", "html", "csv"]

SHAPES: Final[dict[Shape, Callable[[Account], str]]] = {"text": text, "html": page, "csv": sheet}


def report(model: Result, form: str = "text", *, origin: Origin | None = None) -> str:
    """Return the report of a model as `text`, `html` or `csv`; ModelError for another form."""
    for name, write in SHAPES.items():
        if name == form:
            return write(account(model, origin or Origin()))
    raise ModelError(f"no report of the form {form!r:.60}", hint=f"there are {', '.join(SHAPES)}")
