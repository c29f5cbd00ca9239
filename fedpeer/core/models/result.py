"""What every fitted model has in common: where it came from, how it reads a table, and its JSON form."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, Self

import msgspec
import numpy as np
import numpy.typing as npt

from fedpeer.core.errors import ModelError, SchemaError
from fedpeer.core.models.certificate import Certificate
from fedpeer.core.models.inputs import Floats, inputs, sources
from fedpeer.core.models.missing import Completion
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema

Values = npt.NDArray[Any]


class Result(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A fitted model as a value.

    `schema` describes its target and inputs, `summary` is the digest it came from, `completion` what stands in for
    missing inputs, if anything, and `certificate` says how exact its numbers are. A kind adds its own numbers, says
    which `columns` it reads, and answers one batch.
    """

    kind: str
    n: int
    schema: dict[str, Any]
    summary: str
    completion: Completion | None = None
    certificate: Certificate | None = None

    @property
    @abstractmethod
    def columns(self) -> list[str]:
        """The input columns that a prediction needs."""

    @property
    def inputs(self) -> list[Feature]:
        """The features that a table must have a column of."""
        return sources(Schema.from_dict(self.schema), self.columns)

    @abstractmethod
    def answer(self, rows: int, columns: dict[str, Floats]) -> Values:
        """One prediction a row, of float64 arrays by column name."""

    def details(self, rows: int, columns: dict[str, Floats]) -> dict[str, Floats]:
        """What stands behind the predictions, by name: nothing, unless the kind has probabilities or scores."""
        del rows, columns
        return {}

    def predict(self, table: Any) -> Values:
        """Return one prediction for each row of a table; NaN (None for a class) where an input cannot be read.

        Raw values are used as they are, unrounded and also beyond the schema's range. TableError for a missing column.
        """
        parts = [self.answer(rows, columns) for rows, columns in self.read(table)]
        return np.concatenate(parts) if parts else np.empty(0)

    def explain(self, table: Any) -> dict[str, Floats]:
        """Return what stands behind the predictions: P(class) of each class, the scores on each component."""
        parts = [self.details(rows, columns) for rows, columns in self.read(table)]
        return {name: np.concatenate([part[name] for part in parts]) for name in (parts[0] if parts else ())}

    def read(self, table: Any) -> Iterator[tuple[int, dict[str, Floats]]]:
        """Yield the number of rows of each part of a table, and its columns as `answer` takes them."""
        for rows, columns in inputs(table, Schema.from_dict(self.schema), self.columns):
            yield rows, self.completion.filled(columns) if self.completion and self.columns else columns

    def to_dict(self) -> dict[str, Any]:
        """Return the model as JSON-able values."""
        form: dict[str, Any] = msgspec.to_builtins(self)
        return form

    @classmethod
    def from_dict(cls, form: Any) -> Self:
        """Read the dict form; ModelError for anything that is not a model of this class."""
        try:
            model = msgspec.convert(form, cls)
            known = {column.name for column in Schema.from_dict(model.schema).columns}
            strange = next((name for name in model.columns if name not in known), None)
        except (msgspec.ValidationError, SchemaError, KeyError, IndexError) as error:
            raise ModelError(f"not a model: {error}", hint="give what `Model.to_dict` returned") from None
        if strange is not None:
            raise ModelError(f"not a model: its schema has no column {strange!r}")
        if model.completion is not None:
            model.completion.check(model.columns)
        return model
