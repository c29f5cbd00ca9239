"""Tables of every kind and state: each is counted with an account that adds up, or refused in words."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from fedpeer.core.errors import FedpeerError
from fedpeer.core.statistics.collect import Collected, tally
from fedpeer.core.statistics.faults import Fault
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

ERRORS = Path(__file__).parents[3] / "docs" / "errors"
REASONS = {fault.reason for fault in Fault if fault.fatal}
HUGE = 10**5000  # more digits than Python writes
SHARE, ALL = 2_000, 100_000

FEATURES = [
    Feature("x", min="-10", max="10.5", resolution="0.5"),
    Feature("wide", min=-(2**61), max=2**61, resolution=1),
    Feature("fine", min=0, max="1e-9", resolution="1e-15"),
    Feature("b", "binary"),
    Feature("s", "binary", levels=["no", "yes"]),
    Feature("c", "category", levels=["1", "true", "ß", "2024-02-29"]),
    Feature("d", "date", min="1969-07-20", max="2030-12-31"),
    Feature("xb", "product", of=["x", "b"]),
    Feature("bc", "product", of=["b", "c$ß"]),
]
RULES = [
    {"invalid": invalid, "missing": missing, "blocks": blocks}
    for invalid, missing, blocks in product(
        ["reject", "clip", "missing"], ["listwise", "pairwise"], [[], ["powers", "histogram"]]
    )
]
SCHEMAS = [Schema(FEATURES, **rules) for rules in RULES]
SCHEMAS += [Schema([FEATURES[i]], **rules) for i in range(7) for rules in RULES[::3]]
NAMES = [feature.name for feature in FEATURES if not feature.derived]

TEXTS = [
    "", " ", "0", "1", "1.0", "01", " 7.25 ", "-0", "+3", ".5", "5.", "1e3", "1E-400", "1e999", "-1e9999", "1_000",
    "1,5", "0x10", "½", "٣", "nan", "NaN", "-nan", "NA", "null", "None", "<NA>", "inf", "-Infinity", "true", "FALSE",
    "yes", "no", "ß", "SS", "2024-02-29", "2023-02-29", "1969-07-20T23:59", "2024-02-29T00:00:00Z", "9999-12-31",
    "10.5", "10.50000001", "-10", "-10.0000000000000000001", "0.25", "0.75", "1e-15", "5e-16", "1" * 500, "9" * 30,
    "a" * 2000, "\x00", "1\x00", "e\u0301", "\u200b1", "\ufeff1", "🙂", "'; DROP TABLE t; --", "2305843009213693952",
    "-2305843009213693953",
]  # fmt: skip
FLOATS = [
    0.0, -0.0, 1.0, 0.25, 0.75, -10.0, 10.5, 10.500000000000002, 1e-15, 5e-16, 5e-324, 1e-9, 1.7976931348623157e308,
    float("nan"), float("inf"), float("-inf"), 2.0**61, 2.0**62, 2.0**63, 2.0**64, 1e300, 0.1, 19_782.0,
]  # fmt: skip
OBJECTS = [
    None, True, 0, 1, -1, 10**30, -(10**400), HUGE, 2**63, 2**64, 0.5, float("nan"), float("inf"), "1", "yes", "ß",
    b"1", b"\xff", Decimal("0.5"), Decimal("NaN"), Decimal("Infinity"), Decimal("1e100"), Fraction(1, 3), 1j,
    dt.date(2024, 2, 29), dt.datetime.fromisoformat("2024-02-29T12:00"), dt.datetime(2024, 2, 29, tzinfo=dt.UTC),
    dt.time(1), dt.timedelta(1), [], [1], {}, {"a": 1}, (1, 2), {1}, object(), np.int8(1), np.float32(0.5),
    np.datetime64("2024-02-29"), np.datetime64("NaT"), pd.NaT, pd.NA, "\ud800", range(3), ..., type,
]  # fmt: skip
INTEGERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
MOMENTS = [
    pa.date32(), pa.date64(), *map(pa.timestamp, ("s", "ms", "us", "ns")), pa.timestamp("us", "UTC"), pa.time32("s"),
    pa.time64("ns"), pa.duration("ms"), pa.timestamp("s", "Nowhere/Atall"),
]  # fmt: skip
STRANGE = [
    pa.list_(pa.int8()), pa.large_list(pa.string()), pa.list_(pa.float64(), 2), pa.struct([("a", pa.int8())]),
    pa.binary(), pa.map_(pa.string(), pa.int8()), pa.binary(3), pa.large_binary(), pa.month_day_nano_interval(),
    pa.binary_view(), pa.list_view(pa.int8()), pa.run_end_encoded(pa.int16(), pa.float64()),
    pa.dense_union([pa.field("a", pa.int8())]), pa.uuid(),
]  # fmt: skip


class Fuzz:
    """One table, decided by a seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.schema = self.chance.choice(SCHEMAS)
        self.rows = self.chance.choice([0, 1, 2, 3, 5, 8, 13, 21])
        self.broken = False  # whether a column has another length, a name is there twice, or one is missing

    def table(self) -> Any:
        """Columns of every kind, in whatever holds columns."""
        names = [feature.name for feature in self.schema.inputs]
        tame = self.chance.random() < 0.5
        columns = {name: self.tame(name) if tame and self.chance.random() < 0.9 else self.column() for name in names}
        columns |= {"extra": self.column()} if self.chance.random() < 0.3 else {}
        if self.chance.random() < 0.05:
            columns = self.damaged(columns)
        items = list(columns.items())
        self.chance.shuffle(items)
        return self.held(dict(items))

    def held(self, columns: dict[str, Any]) -> Any:
        form = self.chance.randrange(10)
        if form == 0:
            return columns
        if form == 1 and all(isinstance(values, list) for values in columns.values()):
            return _frame(pd.DataFrame, columns)
        if form == 2 and all(map(_is_for_polars, columns.values())):
            return _frame(pl.DataFrame, columns)
        if any(isinstance(values, list | pd.Series) for values in columns.values()):  # Arrow itself can die of these
            return columns
        try:
            arrays = {name: values if _is_arrow(values) else pa.array(values) for name, values in columns.items()}
            table = pa.table(arrays)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            return columns
        if form == 3:
            return _frame(lambda whole: whole.to_pandas(), table)
        if form == 4:
            return table.to_reader(max_chunksize=self.chance.randint(1, 9))
        if form == 5 and table.num_rows:
            cut = self.chance.randrange(table.num_rows)
            return [table.slice(0, cut), table.slice(cut)]
        if form == 6 and table.num_rows:
            return iter(table.to_batches())
        if form == 7 and columns and self.chance.random() < 0.3:
            self.broken = self.broken or table.column_names[0] != "extra"
            return pa.table([*table.columns, table.column(0)], [*table.column_names, table.column_names[0]])
        return table

    def damaged(self, columns: dict[str, Any]) -> dict[str, Any]:
        name = self.chance.choice(list(columns))
        self.broken = name != "extra"
        if len(self.schema.inputs) == 1 or self.chance.random() < 0.5:
            return {other: values for other, values in columns.items() if other != name}
        return columns | {name: [1] * (self.rows + 1)}

    def some(self, values: list[Any], nulls: float = 0.1) -> list[Any]:
        return [None if self.chance.random() < nulls else self.chance.choice(values) for _ in range(self.rows)]

    def tame(self, name: str) -> Any:
        """Values that fit, for the most part."""
        fitting: dict[str, list[Any]] = {
            "x": [0.25, -10.0, 10.5, 3.3], "wide": [0, 2**61, -(2**61), 7], "fine": [0.0, 1e-9, 3.5e-15], "b": [0, 1],
            "s": ["no", "yes"], "c": ["1", "true", "ß", "2024-02-29"], "d": [dt.date(2024, 2, 29), dt.date(1970, 1, 1)],
        }  # fmt: skip
        return self.pieces(pa.array(self.some(fitting[name], nulls=0.05)))

    def column(self) -> Any:
        made = self.chance.choice([
            self.texts, self.floats, self.integers, self.decimals, self.moments, self.objects, self.coded, self.strange,
            self.truths, self.numpy, self.polars,
        ])()  # fmt: skip
        return self.pieces(made) if isinstance(made, pa.Array) else made

    def pieces(self, array: pa.Array) -> Any:
        """The same values, as they come: sliced, in chunks, or as a list."""
        form = self.chance.randrange(5)
        if form == 0 and len(array):
            cut = self.chance.randrange(len(array) + 1)
            return pa.chunked_array([array.slice(0, cut), array.slice(cut, 0), array.slice(cut)])
        if form == 1:
            return pa.concat_arrays([array, array]).slice(len(array)) if not _whole(array.type) else array
        return array

    def texts(self) -> pa.Array:
        kind = self.chance.choice([pa.string(), pa.large_string(), pa.string_view()])
        return pa.array(self.some(TEXTS), kind)

    def floats(self) -> pa.Array:
        values = self.some(FLOATS)
        kind = self.chance.choice(["float16", "float32", "float64"])
        with np.errstate(over="ignore"):
            numbers = np.array([0 if v is None else v for v in values]).astype(kind)
        return pa.array(numbers, mask=np.array([v is None for v in values], bool))

    def integers(self) -> pa.Array:
        kind = self.chance.choice(INTEGERS)
        info = np.iinfo(kind.to_pandas_dtype())
        return pa.array(self.some([0, 1, info.min, info.max, info.max // 2, 7]), kind)

    def decimals(self) -> pa.Array:
        kind = self.chance.choice(
            [pa.decimal128(38, 37), pa.decimal128(5, -3), pa.decimal256(76, 30), pa.decimal32(9, 2)]
        )
        return (
            pa.array(self.some([0, 1, -10, 10, 5])).cast(pa.int8()).cast(pa.float64()).cast(kind, safe=False)
            if (kind.scale < 37)
            else pa.array(self.some([Decimal("0.5"), Decimal("1e-37")]), kind)
        )

    def moments(self) -> pa.Array:
        kind = self.chance.choice(MOMENTS)
        narrow = kind.bit_width == 32
        day = 86_400_000
        values = self.some([0, 1, -1, 19_782, 2**31 - 1, -(2**31), *([] if narrow else [day, 2**62, -(2**62)])])
        if pa.types.is_date64(kind):
            values = [None if value is None else value // day * day for value in values]
        return pa.array(values, pa.int32() if narrow else pa.int64()).view(kind)

    def objects(self) -> list[Any]:
        some = self.chance.sample(OBJECTS, self.chance.randint(1, 4))
        return self.some(some)

    def coded(self) -> pa.Array:
        values = self.chance.choice([
            pa.array(TEXTS), pa.array(FLOATS), pa.array([1, None, 0]), pa.array([dt.date(2024, 2, 29), None]),
            pa.array(["1", "1"]), pa.array([True, False]), pa.array([[1], [2]]),
            pa.array([Decimal("0.5"), Decimal(7)]), pa.array([b"\xff"]),
        ])  # fmt: skip
        kind = self.chance.choice([pa.int8(), pa.uint8(), pa.int32(), pa.uint64(), pa.int64()])
        indices = pa.array(self.some(list(range(len(values)))), kind)
        return pa.DictionaryArray.from_arrays(indices, values, ordered=self.chance.random() < 0.5)

    def strange(self) -> pa.Array:
        kind = self.chance.choice(STRANGE)
        return pa.nulls(self.rows, pa.null() if pa.types.is_union(kind) or pa.types.is_run_end_encoded(kind) else kind)

    def truths(self) -> pa.Array:
        return self.chance.choice([pa.nulls(self.rows), pa.array(self.some([True, False]), pa.bool_())])

    def numpy(self) -> Any:
        numbers = np.array([self.chance.choice(FLOATS[:12]) for _ in range(self.rows)])
        with np.errstate(over="ignore", invalid="ignore"):
            return self.chance.choice([
                np.ma.masked_array(numbers, numbers > 0), numbers.astype(complex), numbers.astype(object),
                numbers.astype(str), numbers.astype(">f8"), numbers.astype("S5"),
                numbers.astype(int).astype("datetime64[D]"), numbers.reshape(-1, 1),
                numbers.astype(int).astype("timedelta64[s]"), numbers.astype(np.longdouble), numbers[::-1],
                np.float64(1.0), numbers.astype(int).astype("datetime64[Y]"), numbers.astype(bool),
                numbers.astype([("a", "f8")]), np.array(None, dtype=object),
            ])  # fmt: skip

    def polars(self) -> Any:
        return self.chance.choice([
            lambda: pl.Series(self.some(TEXTS), dtype=pl.String),
            lambda: pl.Series(self.some(TEXTS), dtype=pl.Categorical),
            lambda: pl.Series(self.some([dt.date(2024, 2, 29)]), dtype=pl.Date), lambda: pl.Series([[1]] * self.rows),
            lambda: pd.Series(self.some(TEXTS)).astype("category"),
            lambda: pd.Series(self.some(OBJECTS), dtype=object), lambda: pd.Series(self.some([1, 0]), dtype="Int64"),
            lambda: pd.Series(self.some(["yes"]), dtype="string"),
            lambda: pl.Series(self.some(OBJECTS[1:4]), dtype=pl.Object),
        ])()  # fmt: skip


def _is_arrow(values: Any) -> bool:
    return isinstance(values, pa.Array | pa.ChunkedArray)


def _is_for_polars(values: Any) -> bool:
    """Columns that polars takes or refuses, without an error that nobody can catch."""
    huge = isinstance(values, list | pd.Series) and any(value is HUGE for value in values)
    return hasattr(values, "__len__") and not (_is_arrow(values) or huge)


def _whole(kind: pa.DataType) -> bool:
    """Types whose arrays Arrow cannot put one after the other."""
    return pa.types.is_dictionary(kind) or isinstance(kind, pa.BaseExtensionType)


def _frame(make: Any, columns: Any) -> Any:
    """A frame, or the columns themselves where there is none of such values."""
    try:
        return make(columns)
    except (Exception, pl.exceptions.PanicException):
        return columns


def checked(seed: int) -> str:
    """Count one table and check its account; return what became of it."""
    fuzz = Fuzz(seed)
    table = fuzz.table()
    try:
        told = tally(fuzz.schema, table)
    except FedpeerError as error:
        assert (ERRORS / f"{error.code}.md").exists(), error  # noqa: PT017 - refusing is as good as counting
        return error.code
    assert not fuzz.broken, "a broken table was counted"
    assert told.read == fuzz.rows
    _check_account(told, fuzz.schema)
    if seed % 16 == 0 and isinstance(table, pa.Table):
        _check_rows(told, [tally(fuzz.schema, table.slice(i, 1)) for i in range(table.num_rows)])
    return "counted" if told.counted == told.read else "left out"


def _check_account(told: Collected, schema: Schema) -> None:
    """Rows read are rows counted and rows left out, and every row left out has a reason, under a feature's name."""
    names = [feature.name for feature in schema.inputs]
    lost = told.read - told.counted
    faults = [sum(told.rejected.get(name, {}).values()) for name in names]
    assert told.counted == told.summary.rows
    assert max(faults) <= lost <= sum(faults)
    for name, account in (told.rejected | told.missing).items():
        assert name in names
        assert account.keys() <= REASONS
        assert min(account.values()) > 0
    for name, clipped in told.clipped.items():
        assert 0 < clipped <= told.read - sum(told.rejected.get(name, {}).values())
        assert schema.invalid == "clip"
    if not schema.pairwise:
        assert not told.missing
    assert Summary.from_bytes(told.summary.to_bytes(), schema) == told.summary


def _check_rows(told: Collected, rows: list[Collected]) -> None:
    """Row by row it is the same account, and each row is counted, or it has a reason."""
    schema = told.summary.schema
    assert sum((row.summary for row in rows), Summary.zero(schema)) == told.summary
    assert all((row.counted == 1) == (not row.rejected) for row in rows)
    for name in ("rejected", "missing"):
        faults = [
            (feature, reason) for row in rows for feature, found in getattr(row, name).items() for reason in found
        ]
        assert Counter(faults) == {
            (feature, reason): count
            for feature, found in getattr(told, name).items()
            for reason, count in found.items()
        }
    assert Counter(feature for row in rows for feature in row.clipped) == told.clipped


def outcomes(seeds: range) -> Counter[str]:
    """What became of these tables; the seed of one that should not have happened is in the message."""
    found: Counter[str] = Counter()
    for seed in seeds:
        try:
            found[checked(seed)] += 1
        except Exception as error:
            raise AssertionError(f"table {seed}: {type(error).__name__}: {error}") from error
    return found


def _check_mixture(found: Counter[str]) -> None:
    every = found.total()
    assert found["FP103"] > every / 10
    assert found["counted"] > every / 50
    assert found["left out"] > every / 10


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_a_table_of_any_kind_is_counted_or_refused():
    _check_mixture(outcomes(range(SHARE)))


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_tables_are_counted_or_refused():
    _check_mixture(outcomes(range(SHARE, SHARE + ALL)))
