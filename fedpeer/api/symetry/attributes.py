"""Attributes of the dialect and features of a schema: a frame's types as features, its rows as a schema reads them.

C is continuous, B binary and T a category, whose columns are `name$level`; P is the column of patient ids. X and `-`
are left out, and S is, unless the schema has a category of that name. What a schema does not have is told apart from
what is wrong: the schema can grow by it, but not by rows alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fedpeer.api.symetry.envelope import DialectError
from fedpeer.api.symetry.maps import Frame
from fedpeer.core.statistics.encode import floats
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.table import lacked
from fedpeer.core.statistics.wanted import Wanted, wanted

# What a continuous attribute of which nothing is known is counted in: ±10¹² in steps of 10⁻⁶ are less than 2⁶² steps,
# and ±10⁹ few enough for float64, which is much faster.
_WIDE, _USUAL, _STEP = Decimal(10) ** 12, Decimal(10) ** 9, Decimal("0.000001")
_MUCH = 1e8
_BINS = 100
_COUNTED = {"C": "continuous", "B": "binary", "T": "category"}
_BAD = HTTPStatus.BAD_REQUEST


class BeyondError(DialectError):
    """An attribute, or a value of one, that the schema does not have."""


def proposed(frame: Frame, *, histogram: bool) -> Schema:
    """Return the schema of a project that begins with this frame; DialectError if that says too little.

    With histograms the range of an attribute is that of its first rows, and as much again at both ends: the bins lie
    in it. Third and fourth powers are counted always.
    """
    features = [
        _feature(name, kind, values, histogram=histogram) for name, kind, values in _each(frame) if kind in _COUNTED
    ]
    patients = [name for name, kind, _ in _each(frame) if kind == "P"]
    if len(patients) > 1:
        raise DialectError(_BAD, f"{patients[0][:80]!r} and {patients[1][:80]!r} are of type P; one attribute can be")
    patient = patients[0] if patients else None
    if not features:
        raise DialectError(_BAD, "no attribute of type C, B or T: there is nothing to count")
    if histogram:
        blocks = ("powers", "histogram", "conditional_histogram")
        return Schema(features, blocks=blocks, bins=_BINS, patient=patient)
    return Schema(features, blocks=("powers",), patient=patient)


def fitted(frame: Frame, schema: Schema) -> dict[str, pa.Array]:
    """Return the columns of a frame as a table of this schema; DialectError names what the schema does not have."""
    known = {feature.name: feature for feature in schema.inputs}
    columns: dict[str, pa.Array] = {}
    for name, kind, values in _each(frame):
        feature = known.get(name)
        _check_kind(name, kind, feature, schema)
        if feature is not None:
            columns[name] = _levelled(feature, values) if feature.kind == "category" else values
        elif kind == "P":
            columns[name] = values
    missing = next((name for name in lacked(schema.needed) if name not in columns), None)
    if missing is not None:
        raise DialectError(_BAD, f"attribute {missing[:80]!r} of the schema is not in the frame")
    return columns


def check_kinds(names: Sequence[str], kinds: Sequence[str], schema: Schema) -> None:
    """DialectError for an attribute that the schema does not have, or has as something else."""
    known = {feature.name: feature for feature in schema.inputs}
    for name, kind in zip(names, kinds, strict=True):
        _check_kind(name, kind.strip().upper(), known.get(name), schema)


def given(frame: Frame, schema: Schema) -> dict[str, pa.Array]:
    """Return the columns of a frame that a schema has, for a prediction: what it does not know is missing."""
    known = {feature.name: feature for feature in schema.inputs}
    table: dict[str, pa.Array] = {}
    for name, _, values in _each(frame):
        feature = known.get(name)
        if feature is not None and feature.kind == "category":
            table[name] = _meant(feature, values)[0]
        elif feature is not None:
            table[name] = values
    return table


def beyond(frame: Frame, schema: Schema) -> Wanted:
    """Return what of a frame the schema does not have."""
    known = {feature.name: feature for feature in schema.inputs}
    table: dict[str, pa.Array] = {}
    types: dict[str, str] = {}
    for name, kind, values in _each(frame):
        feature = known.get(name)
        if feature is not None and feature.kind == "category":
            meant, folded = _meant(feature, values)[0], _all_folded(values)
            table[name] = pc.if_else(pc.is_valid(meant), meant, folded)
        elif feature is None and kind in _COUNTED:
            table[name], types[name] = _all_folded(values) if kind == "T" else values, _COUNTED[kind]
    return wanted(schema, table, types)


def kinds(schema: Schema) -> list[str]:
    """Return the type letter of each column of a schema."""
    return ["C" if column.kind == "continuous" else "B" for column in schema.columns]


def columns(schema: Schema, given: Sequence[Any], names: Sequence[str]) -> list[str]:
    """Return the names of columns given by their places, as texts or numbers, or else by name; DialectError."""
    every = [column.name for column in schema.columns]
    known = set(every) | {feature.name for feature in schema.features}
    if not given:
        strange = next((name for name in names if name not in known), None)
        if strange is not None:
            raise DialectError(_BAD, f"there is no attribute {strange[:80]!r}")
        return list(names)
    found = []
    for one in given:
        text = str(one).strip()
        place = int(text) if text.isascii() and text.isdigit() and len(text) < 7 else -1
        if text in known:
            found.append(text)
        elif 0 <= place < len(every):
            found.append(every[place])
        else:
            raise DialectError(_BAD, f"there is no attribute {text[:80]!r}: there are {len(every)}, counted from 0")
    return found


def features(schema: Schema, chosen: Sequence[str]) -> list[str]:
    """Return the features that columns belong to; DialectError for a category of which only some are chosen."""
    of = {column.name: column.feature for column in schema.columns}
    found = list(dict.fromkeys(of.get(name, name) for name in chosen))
    for name in found:
        parts = [column.name for column in schema.columns if column.feature == name]
        if name not in chosen and not set(parts) <= set(chosen):
            absent = next(part for part in parts if part not in chosen)
            raise DialectError(
                _BAD, f"a model takes all columns of {name[:80]!r} or none, and {absent[:80]!r} is not named"
            )
    return found


def _each(frame: Frame) -> Iterator[tuple[str, str, pa.Array]]:
    """Each attribute with its type and values."""
    counted = frame.columns
    for name, kind in zip(frame.attribute_names, frame.kinds, strict=True):
        if name in counted:
            yield name, kind, counted[name]


def _check_kind(name: str, kind: str, feature: Feature | None, schema: Schema) -> None:
    if (kind == "P") != (name == schema.patient):
        raise DialectError(_BAD, f"attribute {name[:80]!r} is of type {kind!r}; patient ids are {_said(schema)}")
    if kind not in _COUNTED:
        return
    if feature is None:
        raise BeyondError(_BAD, f"attribute {name[:80]!r} is not in the schema of this project")
    if (kind == "C") != feature.measured:
        raise DialectError(_BAD, f"attribute {name[:80]!r} is of type {kind}, and {feature.kind} in the schema")


def _feature(name: str, kind: str, values: pa.Array, *, histogram: bool) -> Feature:
    if kind == "B":
        return Feature(name, "binary")
    if kind == "T":
        levels = sorted({_folded(value) for value in pc.unique(values).to_pylist() if value is not None})
        if len(levels) < 2:
            raise DialectError(
                _BAD, f"category {name[:80]!r} has {len(levels)} value in the first rows: all its values must be there"
            )
        return Feature(name, "category", levels=levels)
    numbers = floats(values)
    most = _WIDE if np.any(np.abs(numbers) > _MUCH) else _USUAL
    low, high, step = _range(name, values, numbers) if histogram else (-most, most, _STEP)
    return Feature(name, "continuous", min=low, max=high, resolution=step)


def _range(name: str, values: pa.Array, numbers: npt.NDArray[np.float64]) -> tuple[Decimal, Decimal, Decimal]:
    """Where the bins of an attribute lie, from its exact least and greatest number."""
    sizes = np.abs(numbers)
    inner = numbers[sizes < float(_WIDE)]
    # Rounding to floats keeps the order, so the least number is among those of the least float.
    ends = sizes == float(_WIDE)
    for end in (inner.min(), inner.max()) if len(inner) else ():
        ends |= numbers == end
    found = pc.unique(values.filter(pa.array(ends))).to_pylist()
    told = [number for number in map(_number, found) if number is not None]
    if not told:
        raise DialectError(_BAD, f"attribute {name[:80]!r} has no number in the first rows, so its bins have no place")
    low, high = min(told), max(told)
    span = max(high - low, _STEP)
    low, high = ((end / _STEP).to_integral_value() * _STEP for end in (low - span, high + span))
    if max(abs(low), abs(high)) > _WIDE:
        raise DialectError(_BAD, f"attribute {name[:80]!r} is beyond 10^12: give the project a schema (sml_schema)")
    return low, high, _STEP


def _number(value: Any) -> Decimal | None:
    try:
        number = Decimal(str(value).strip()) if value is not None and not isinstance(value, bool) else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() and abs(number) <= _WIDE else None


def _said(schema: Schema) -> str:
    return f"in {schema.patient[:80]!r}" if schema.patient else "not in the schema"


def _levelled(feature: Feature, values: pa.Array) -> pa.Array:
    """Values as the levels that they mean, blanks and capitals aside; DialectError for one that is none."""
    meant, strange = _meant(feature, values)
    if strange:
        name, value = feature.name[:80], str(strange[0])[:60]
        raise BeyondError(_BAD, f"{value!r} is no value of {name!r} in the schema")
    return meant


def _meant(feature: Feature, values: pa.Array) -> tuple[pa.Array, list[Any]]:
    """Values as the levels that they mean, missing where they mean none; and what those were, once each."""
    by, coded = {_folded(level): level for level in feature.levels}, values.dictionary_encode()
    every = coded.dictionary.to_pylist()
    levels = [by.get(_folded(value)) for value in every]
    strange = [value for value, level in zip(every, levels, strict=True) if level is None]
    return pa.array(levels, pa.string()).take(coded.indices), strange


def _all_folded(values: pa.Array) -> pa.Array:
    coded = values.dictionary_encode()
    return pa.array(map(_folded, coded.dictionary.to_pylist()), pa.string()).take(coded.indices)


def _folded(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text.strip().lower()
