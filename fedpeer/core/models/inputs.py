"""The raw values of a table as float64 columns, for prediction: no row is rejected, what cannot be read is NaN."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import mul
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fedpeer.core.statistics.dates import Calendar
from fedpeer.core.statistics.encode import flat, readable
from fedpeer.core.statistics.faults import Fault
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.levels import Leveled
from fedpeer.core.statistics.numerals import decimal
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.table import batches

Floats = npt.NDArray[np.float64]

_TRUTH = {"false": 0.0, "true": 1.0}


def inputs(table: Any, schema: Schema, names: Sequence[str]) -> Iterator[tuple[int, dict[str, Floats]]]:
    """Yield, batch by batch, the number of rows and float64 arrays by column name: those named, at least.

    A continuous column holds its values unrounded and unchecked against the range, a 0/1 column its codes, a product
    the product of these. TableError for a feature that the table lacks.
    """
    wanted = sources(schema, names)
    products = [column for column in schema.columns if column.of and column.name in set(names)]
    for batch in batches(table, [feature.name for feature in wanted] or None):
        columns: dict[str, Floats] = {}
        for feature in wanted:
            columns |= read(batch.column(feature.name), feature)
        for product in products:
            columns[product.name] = _multiplied([columns[name] for name in product.of])
        yield batch.num_rows, columns


def sources(schema: Schema, names: Iterable[str]) -> list[Feature]:
    """The features of a table that these columns are read or computed from, in the order of the schema."""
    columns = [schema.columns[schema.index(name)] for name in names]
    parts = {schema.columns[schema.index(name)].feature for column in columns for name in column.of or (column.name,)}
    return [feature for feature in schema.inputs if feature.name in parts]


def read(array: pa.Array, feature: Feature) -> dict[str, Floats]:
    """The columns of one feature from an array of raw values, NaN where a value cannot be read."""
    if feature.kind == "continuous":
        return {feature.name: _numbers(array, feature)}
    if feature.kind == "date":
        return {feature.name: _days(array, feature)}
    names = [f"{feature.name}${level}" for level in feature.levels] if feature.kind == "category" else [feature.name]
    codes = np.empty((len(names), len(array)))
    faults = Leveled(feature).open(array)(0, len(array), codes)
    if faults is not None:
        codes[:, faults != 0] = np.nan
    return dict(zip(names, codes, strict=True))


def _multiplied(factors: Sequence[Floats]) -> Floats:
    with np.errstate(over="ignore", invalid="ignore"):
        values = reduce(mul, factors)
    return np.where(np.isfinite(values), values, np.nan)


def _numbers(array: pa.Array, feature: Feature) -> Floats:
    target = readable(feature.name, array.type)
    array = flat(array, target)
    if target == pa.large_string():
        return np.array([_number(text) for text in array.to_pylist()], dtype=np.float64)
    values: Floats = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.where(np.isfinite(values), values, np.nan)


def _days(array: pa.Array, feature: Feature) -> Floats:
    calendar = Calendar(feature.name)
    calendar.check(array.type)
    days, codes = calendar.read(array)
    return np.where(codes == Fault.NONE, days.astype(np.float64), np.nan)


def _number(text: str | None) -> float:
    word = "" if text is None else text.strip().lower()
    if word in _TRUTH:
        return _TRUTH[word]
    try:
        value = float(decimal(word))
    except ValueError:
        return np.nan
    return value if math.isfinite(value) else np.nan
