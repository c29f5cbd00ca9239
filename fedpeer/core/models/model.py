"""A fitted linear model as a value: its numbers, its report, and what it needs to predict."""

from __future__ import annotations

from typing import Any, TypedDict

import msgspec
import numpy as np

from fedpeer.core.errors import ModelError, SchemaError
from fedpeer.core.models.inputs import Floats, inputs
from fedpeer.core.statistics.schema import Schema

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


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, eq=True):
    """A linear model: target = intercept + Σ coefficient · column. docs/models.md defines every number.

    `df` are the residual degrees of freedom, `dropped` the columns left out as constant or aliased, `summary` the
    digest of the summary it was fitted from, `schema` the description of the target and of the inputs.
    """

    kind: str
    target: str
    coefficients: dict[str, float]
    table: list[Row]
    n: int
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
    schema: dict[str, Any]
    summary: str

    def predict(self, table: Any) -> Floats:
        """Return the prediction for each row of a table, NaN where an input is missing or unreadable.

        Raw values are used as they are, unrounded and also beyond the schema's range. TableError for a missing column.
        """
        schema = Schema.from_dict(self.schema)
        features = dict.fromkeys(column.feature for column in schema.columns if column.name in self.coefficients)
        parts = [self._predicted(rows, columns) for rows, columns in inputs(table, schema, list(features))]
        return np.concatenate(parts) if parts else np.empty(0)

    def to_dict(self) -> dict[str, Any]:
        """Return the model as JSON-able values."""
        form: dict[str, Any] = msgspec.to_builtins(self)
        return form

    @classmethod
    def from_dict(cls, form: Any) -> Model:
        """Read the dict form; ModelError for anything that is not a model."""
        try:
            model = msgspec.convert(form, cls)
            known = {column.name for column in Schema.from_dict(model.schema).columns} | {INTERCEPT}
        except (msgspec.ValidationError, SchemaError) as error:
            raise ModelError(f"not a model: {error}", hint="give what `Model.to_dict` returned") from None
        strange = next((name for name in model.coefficients if name not in known), None)
        if strange is not None or INTERCEPT not in model.coefficients:
            raise ModelError(f"not a model: its schema has no column {strange or INTERCEPT!r}")
        return model

    def _predicted(self, rows: int, columns: dict[str, Floats]) -> Floats:
        # One column after the other, in the table's order: a matrix product would round differently by machine.
        result = np.full(rows, self.coefficients[INTERCEPT])
        for name, coefficient in self.coefficients.items():
            if name != INTERCEPT:
                result += coefficient * columns[name]
        return result
