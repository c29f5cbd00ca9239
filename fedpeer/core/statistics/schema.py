"""What a federation agrees to measure: features, and the rules for values that do not fit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from fedpeer.core import canonical
from fedpeer.core.errors import SchemaError
from fedpeer.core.statistics import forms
from fedpeer.core.statistics.columns import Column, columns_of
from fedpeer.core.statistics.difference import differences
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.infer import propose

INVALID = ("reject", "clip", "missing")
MISSING = ("listwise",)
MOST = 10_000  # features, and columns

_ROW_BOUND = 2**62


@dataclass(frozen=True, slots=True, init=False)
class Schema:
    """Features in order, and the rules of counting; two federations may add up only if their digests are equal.

    `invalid` says what becomes of a value outside its range (`reject` its row, `clip` it, or treat it as `missing`);
    `row_bound` is the most rows that a federation may ever hold: no sum can overflow below it.
    """

    features: tuple[Feature, ...]
    invalid: str
    missing: str
    row_bound: int
    columns: tuple[Column, ...] = field(compare=False, repr=False)
    digest: str = field(compare=False, repr=False)
    _index: dict[str, int] = field(compare=False, repr=False, hash=False)

    def __init__(
        self, features: Iterable[Feature], *, invalid: str = "reject", missing: str = "listwise", row_bound: int = 2**40
    ) -> None:
        features = tuple(features)
        _check_features(features)
        _check_choice("invalid", invalid, INVALID)
        _check_choice("missing", missing, MISSING)
        if type(row_bound) is not int or not 1 <= row_bound <= _ROW_BOUND:
            raise SchemaError(f"row_bound is {row_bound!r}; it must be a whole number from 1 to 2**62")
        columns = tuple(column for feature in features for column in columns_of(feature))
        if len(columns) > MOST:
            raise SchemaError(f"{len(columns)} columns, counting one for each level; at most {MOST}")
        set_ = object.__setattr__
        for name, value in (("features", features), ("invalid", invalid), ("missing", missing)):
            set_(self, name, value)
        set_(self, "row_bound", row_bound)
        set_(self, "columns", columns)
        set_(self, "_index", {column.name: i for i, column in enumerate(columns)})
        set_(self, "digest", canonical.digest("schema", canonical.encode(self.to_dict())).hex())

    def index(self, column: str | int) -> int:
        """Return the position of a column; SchemaError, with the nearest name, when there is none."""
        if isinstance(column, str):
            found = self._index.get(column)
            if found is None:
                raise SchemaError(f"no column {column!r} in the schema{forms.suggestion(column, self._index)}")
            return found
        if not 0 <= column < len(self.columns):
            raise SchemaError(f"no column {column} in a schema of {len(self.columns)} columns")
        return column

    def feature(self, name: str) -> Feature:
        """Return the feature of this name; SchemaError, with the nearest name, when there is none."""
        for feature in self.features:
            if feature.name == name:
                return feature
        names = [feature.name for feature in self.features]
        raise SchemaError(f"no feature {name!r} in the schema{forms.suggestion(name, names)}")

    @classmethod
    def infer(cls, table: Any) -> Schema:
        """Propose a schema for a table's columns, for a person to review; SchemaError, TableError."""
        return cls(propose(table))

    def difference(self, other: Schema) -> list[str]:
        """Say in plain language how the federation's schema (`other`) differs from this one; empty when equal."""
        return differences(self, other)

    def to_dict(self) -> dict[str, Any]:
        """Return the schema as JSON-able values, decimals as text."""
        rules = {"invalid": self.invalid, "missing": self.missing, "row_bound": self.row_bound}
        return rules | {"features": [feature.to_dict() for feature in self.features]}

    @classmethod
    def from_dict(cls, form: Any) -> Schema:
        """Read the dict form; SchemaError for unknown keys, and for a schema that cannot be."""
        features, rules = forms.parts(form)
        return cls(features, **rules)

    def to_json(self) -> str:
        """Return the JSON text of the schema."""
        return forms.write_json(self.to_dict())

    @classmethod
    def from_json(cls, text: str | bytes) -> Schema:
        """Read a JSON text; SchemaError for anything that is not exactly a schema."""
        return cls.from_dict(forms.read_json(text))

    def to_yaml(self) -> str:
        """Return the YAML text of the schema."""
        return forms.write_yaml(self.to_dict())

    @classmethod
    def from_yaml(cls, text: str | bytes) -> Schema:
        """Read a YAML text; SchemaError for anything that is not exactly a schema."""
        return cls.from_dict(forms.read_yaml(text))


def _check_features(features: tuple[Feature, ...]) -> None:
    if not features:
        raise SchemaError("a schema needs at least one feature")
    if len(features) > MOST:
        raise SchemaError(f"{len(features)} features; at most {MOST}")
    seen: set[str] = set()
    for feature in features:
        if not isinstance(feature, Feature):
            raise SchemaError(f"a schema is made of features, not of {type(feature).__name__}")
        if feature.name in seen:
            raise SchemaError(f"feature {feature.name!r} is there twice")
        seen.add(feature.name)


def _check_choice(rule: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise SchemaError(f"{rule} is {value!r:.60}; it must be {' or '.join(choices)}")
