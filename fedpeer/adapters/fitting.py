"""How a source differs from a schema, in words for the person who has to settle it, before anything is counted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fedpeer.adapters.headers import folded, suggested
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.numerals import MISSING, spelling
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.table import lacked
from fedpeer.ports import Source

_CODES = 6  # unknown ones that are still told
_LETTERS = 24  # of a code that is still told
_METADATA = b"unit"  # of an Arrow field
_UNIT = re.compile(r"[\[(]\s*([^\[\]()]+?)\s*[\])]\s*$")


@dataclass(frozen=True, slots=True)
class Fit:
    """What a source has of a schema: features without a column, columns without a feature, and what is odd.

    `suggested` has, by column, the feature that it probably means.
    """

    missing: list[str]
    unused: list[str]
    suggested: dict[str, str]
    notes: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return asdict(self)


def fit(source: Source, schema: Schema) -> Fit:
    """Compare the names of a source's columns, and the codes in its first rows, with a schema; SourceError."""
    batch = next(iter(source.batches()), None)
    if batch is None:
        return Fit([], [], {}, [f"{source.name} has no rows"])
    columns = {folded(name): array for name, array in zip(batch.schema.names, batch.columns, strict=True)}
    features = {feature.name: feature for feature in schema.inputs}
    gone = [name for name in schema.needed if name not in columns]
    missing = lacked(gone)
    guess = suggested(list(columns), schema.needed)
    named = {folded(field.name): field for field in batch.schema}
    meant = {name: name for name in features if name in columns} | guess
    meant = {column: name for column, name in meant.items() if name in features}
    notes = [note for column, name in meant.items() for note in _units(named[column], features[name])]
    notes += [
        f"{feature.name} is computed from {', '.join(feature.of)}: the column of that name is not read"
        for feature in schema.features
        if feature.derived and feature.name in columns
    ]
    notes += [f"{name} is optional and has no column: all rows would lack it" for name in gone if name not in missing]
    for column, name in meant.items():
        if not features[name].measured:
            notes += _codes(features[name], columns[column])
    return Fit(missing, [name for name in columns if name not in schema.needed], guess, notes)


def _units(field: pa.Field, feature: Feature) -> Iterable[str]:
    """What the column's metadata or, if it is called otherwise than the feature, its name says of its unit."""
    column = folded(field.name)
    told = None if column == feature.name else _UNIT.search(column)
    unit = (field.metadata or {}).get(_METADATA, b"").decode(errors="replace").strip() or (told[1] if told else "")
    if unit and feature.unit and feature.kind != "date" and unit.casefold() != feature.unit.casefold():
        yield f"{feature.name} is measured in {feature.unit}, the column {column!r} says {unit:.64}: convert it first"


def _codes(feature: Feature, values: pa.Array) -> Iterable[str]:
    levels = feature.levels or ("0", "1")
    known = {spelling(level) for level in (*levels, *(("false", "true") if feature.kind == "binary" else ()))}
    found = pc.unique(values.dictionary_decode() if pa.types.is_dictionary(values.type) else values).drop_null()
    texts = sorted({spelling(value) for value in found.to_pylist()})
    codes = [text for text in texts if text not in known and text.lower() not in MISSING]
    if not codes:
        return
    if len(codes) > _CODES or any(len(code) > _LETTERS for code in codes):
        yield f"{feature.name} has {len(codes)} values that are no levels; these are {', '.join(levels[:_CODES])}"
        return
    said = f"{feature.name} has {', '.join(codes)}; its levels are {', '.join(levels[:_CODES])}"
    near = {level.casefold(): level for level in levels}
    if all(code.casefold() in near for code in codes):
        yield f"{said}: they differ only in upper and lower case"
    elif feature.kind == "binary" and not feature.levels and len(texts) == 2:
        yield f"{said}: a schema with `levels: [{', '.join(codes)}]` would read the first as 0 and the second as 1"
    else:
        yield said
