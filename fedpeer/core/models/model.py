"""A fitted linear model as a value: its numbers, its report, and what it needs to predict."""

from __future__ import annotations

from typing import Any, Self, TypedDict

import msgspec
import numpy as np

from fedpeer.core.errors import ModelError
from fedpeer.core.models.inputs import Floats
from fedpeer.core.models.result import Result

INTERCEPT = "intercept"


class Row(TypedDict):
    """One coefficient of the table; what a model does not define is None."""

    name: str
    coefficient: float
    std_error: float | None
    t: float | None
    p: float | None
    ci_low: float | None
    ci_high: float | None


class Model(Result, frozen=True, kw_only=True):
    """A linear model: target = intercept + Σ coefficient · column. docs/models.md defines every number.

    `df` are the residual degrees of freedom, `dropped` the columns left out as constant or aliased, `summary` the
    digest of the summary it was fitted from, `schema` the description of the target and of the inputs, `path` the
    models that were tried before this one was chosen.
    """

    target: str
    coefficients: dict[str, float]
    table: list[Row]
    df: float
    r2: float
    adjusted_r2: float
    residual_std: float
    f: float | None
    f_p: float | None
    log_likelihood: float | None
    aic: float | None
    aicc: float | None
    bic: float | None
    confidence: float
    dropped: list[str]
    options: dict[str, str]
    path: list[dict[str, Any]] = msgspec.field(default_factory=list)

    @property
    def columns(self) -> list[str]:
        """The columns with a coefficient."""
        return [name for name in self.coefficients if name != INTERCEPT]

    @classmethod
    def from_dict(cls, form: Any) -> Self:
        """Read the dict form; ModelError for anything that is not a model."""
        model = super().from_dict(form)
        if INTERCEPT not in model.coefficients:
            raise ModelError(f"not a model: its coefficients have no {INTERCEPT!r}")
        return model

    def answer(self, rows: int, columns: dict[str, Floats]) -> Floats:
        """Intercept and columns, added in the table's order."""
        # One column after the other: a matrix product would round differently by machine.
        result = np.full(rows, self.coefficients[INTERCEPT])
        for name in self.columns:
            result += self.coefficients[name] * columns[name]
        return result
