"""What a federation agrees to measure: features, and the rules for values that do not fit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypedDict, Unpack

from fedpeer.core import canonical
from fedpeer.core.errors import SchemaError
from fedpeer.core.statistics import forms
from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.derived import arranged
from fedpeer.core.statistics.difference import differences
from fedpeer.core.statistics.feature import Feature, check_name
from fedpeer.core.statistics.infer import propose
from fedpeer.core.statistics.table import Spare

INVALID = ("reject", "clip", "missing")
MISSING = ("listwise", "pairwise")
BLOCKS = ("powers", "histogram", "conditional_histogram")  # beside rows, sums, products and squares, in this order
BINS = 64  # of a histogram where the schema does not say
MOST = 10_000  # features, and columns

_LISTED = "`fedpeer schema show` lists what there is"
CELLS = 50_000_000  # of a bin and a 0/1 column: no more than products of the most columns

_ROW_BOUND = 2**62
_BINS = range(2, 1001)


class Rules(TypedDict, total=False):
    """What a schema may say beside its features."""

    invalid: str
    missing: str
    row_bound: int
    patient: str | None
    blocks: Iterable[str]
    bins: int | None


@dataclass(frozen=True, slots=True, init=False)
class Schema:
    """Features in order, and the rules of counting; two federations may add up only if their digests are equal.

    `invalid` says what becomes of a value outside its range (`reject` its row, `clip` it, or treat it as `missing`);
    `missing` what a missing value leaves out: its row (`listwise`), or its feature in this row (`pairwise`);
    `row_bound` is the most rows that a federation may ever hold: no sum can overflow below it. `patient` names the
    column of patient ids, which is in no summary ("": rows are not told apart by patients). `blocks` are counted
    beside the usual ones: `powers` (Σq³ and Σq⁴ of continuous columns), `histogram` (in `bins` bins; 0 without) and
    `conditional_histogram` (the rows in each of these bins where each 0/1 column is 1).
    """

    features: tuple[Feature, ...]
    invalid: str
    missing: str
    row_bound: int
    patient: str
    blocks: tuple[str, ...]
    bins: int
    columns: tuple[Column, ...] = field(compare=False, repr=False)
    digest: str = field(compare=False, repr=False)
    presence: dict[str, int] = field(compare=False, repr=False, hash=False)  # the place of each feature of the columns
    _index: dict[str, int] = field(compare=False, repr=False, hash=False)

    def __init__(self, features: Iterable[Feature], **rules: Unpack[Rules]) -> None:
        features = tuple(features)
        _check_features(features)
        columns = arranged(features)
        if len(columns) > MOST:
            raise SchemaError(f"{len(columns)} columns, counting one for each level; at most {MOST}")
        set_ = object.__setattr__
        for name, value in ({"features": features} | _checked(rules)).items():
            set_(self, name, value)
        _check_patient(self)
        _check_optional(self)
        _check_cells(columns, self)
        set_(self, "columns", columns)
        set_(self, "presence", {name: i for i, name in enumerate(dict.fromkeys(c.feature for c in columns))})
        set_(self, "_index", {column.name: i for i, column in enumerate(columns)})
        set_(self, "digest", canonical.digest("schema", canonical.encode(self.to_dict())).hex())

    @property
    def inputs(self) -> tuple[Feature, ...]:
        """The features that a table has a column of; the others are computed from these."""
        return tuple(feature for feature in self.features if not feature.derived)

    @property
    def needed(self) -> list[str]:
        """The columns that are read of a table: of features that are not computed, and the patient ids last, if any.

        Those of optional features are `Spare`: a table may be without them.
        """
        names = [Spare(feature.name) if feature.optional else feature.name for feature in self.inputs]
        return names + ([self.patient] if self.patient else [])

    def index(self, column: str | int) -> int:
        """Return the position of a column; SchemaError, with the nearest name, when there is none."""
        if isinstance(column, str):
            found = self._index.get(column)
            if found is None:
                raise SchemaError(
                    f"no column {column!r} in the schema{forms.suggestion(column, self._index)}", hint=_LISTED
                )
            return found
        if not 0 <= column < len(self.columns):
            raise SchemaError(f"no column {column} in a schema of {len(self.columns)} columns")
        return column

    @property
    def pairwise(self) -> bool:
        """Whether a row with a missing value is counted, but for the feature that it lacks."""
        return self.missing == "pairwise"

    def feature(self, name: str) -> Feature:
        """Return the feature of this name; SchemaError, with the nearest name, when there is none."""
        for feature in self.features:
            if feature.name == name:
                return feature
        names = [feature.name for feature in self.features]
        raise SchemaError(f"no feature {name!r} in the schema{forms.suggestion(name, names)}", hint=_LISTED)

    @classmethod
    def infer(cls, table: Any) -> Schema:
        """Propose a schema for a table's columns, for a person to review; SchemaError, TableError."""
        features, patient = propose(table)
        return cls(features, patient=patient)

    def difference(self, other: Schema) -> list[str]:
        """Say in plain language how the federation's schema (`other`) differs from this one; empty when equal."""
        return differences(self, other)

    def to_dict(self) -> dict[str, Any]:
        """Return the schema as JSON-able values, decimals as text."""
        rules: dict[str, Any] = {"invalid": self.invalid, "missing": self.missing, "row_bound": self.row_bound}
        # Left out where they are not used, so that schemas from before there were such blocks keep their digests.
        rules |= {"patient": self.patient} if self.patient else {}
        rules |= {"blocks": list(self.blocks)} if self.blocks else {}
        rules |= {"bins": self.bins} if self.bins else {}
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


def _checked(rules: Rules) -> dict[str, Any]:
    """The rules with their defaults; SchemaError for one that is unknown or cannot be."""
    for key in rules:
        if key not in Rules.__annotations__:
            raise SchemaError(f"{key!r} is not a rule of a schema{forms.suggestion(key, Rules.__annotations__)}")
    invalid, missing = rules.get("invalid", "reject"), rules.get("missing", "listwise")
    _check_choice("invalid", invalid, INVALID)
    _check_choice("missing", missing, MISSING)
    row_bound = rules.get("row_bound", 2**40)
    if type(row_bound) is not int or not 1 <= row_bound <= _ROW_BOUND:
        raise SchemaError(f"row_bound is {row_bound!r}; it must be a whole number from 1 to 2**62")
    blocks, patient = _blocks(rules.get("blocks", ())), rules.get("patient")
    if patient is not None:
        check_name(patient, "the column of patient ids")
    bins = _bins(rules.get("bins"), blocks)
    told = {"invalid": invalid, "missing": missing, "row_bound": row_bound, "patient": patient or ""}
    return told | {"blocks": blocks, "bins": bins}


def _blocks(given: Any) -> tuple[str, ...]:
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise SchemaError("blocks must be a list, such as [powers, histogram]")
    blocks = list(given)
    for block in blocks:
        _check_choice("a block", block, BLOCKS)
        if blocks.count(block) > 1:
            raise SchemaError(f"block {block!r} is there twice")
    if "conditional_histogram" in blocks and "histogram" not in blocks:
        raise SchemaError("a conditional_histogram is of the bins of a histogram; add histogram to blocks")
    return tuple(block for block in BLOCKS if block in blocks)


def _check_patient(schema: Schema) -> None:
    """Refuse a column of patient ids whose values would be counted after all."""
    if any(feature.name == schema.patient for feature in schema.features):
        raise SchemaError(
            f"{schema.patient!r} is the column of patient ids, and a feature",
            hint="an id is no measurement: leave the feature out",
        )


def _check_optional(schema: Schema) -> None:
    """Refuse features that a table may be without where its rows may not, and a table without any column."""
    name = next((feature.name for feature in schema.features if feature.optional), None)
    if name is None:
        return
    if not schema.pairwise:
        raise SchemaError(
            f"feature {name!r} is optional, and where `missing` is listwise no row may lack it",
            hint="say `missing: pairwise`, or leave `optional` out",
        )
    if all(feature.optional for feature in schema.inputs):
        raise SchemaError(
            "every feature is optional; at least one column must be there", hint="leave one `optional` out"
        )


def _check_cells(columns: tuple[Column, ...], schema: Schema) -> None:
    """Refuse more cells of a conditional histogram than a summary can reasonably hold."""
    indicators = sum(column.indicator for column in columns)
    cells = (len(columns) - indicators) * indicators * schema.bins
    if "conditional_histogram" in schema.blocks and cells > CELLS:
        raise SchemaError(f"{cells} bins given 0/1 columns; at most {CELLS}", hint="ask for fewer bins")


def _bins(given: Any, blocks: tuple[str, ...]) -> int:
    if "histogram" not in blocks:
        if given is not None:
            raise SchemaError("bins are of a histogram; add it to blocks, or leave bins out")
        return 0
    bins = BINS if given is None else given
    if type(bins) is not int or bins not in _BINS:
        raise SchemaError(f"bins is {bins!r:.60}; it must be a whole number from {_BINS[0]} to {_BINS[-1]}")
    return bins


def _check_choice(rule: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise SchemaError(f"{rule} is {value!r:.60}; it must be {' or '.join(choices)}")
