"""Whatever holds the rows, the summary is the same; whatever does not hold them is refused in words."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from fedpeer.core.errors import TableError
from fedpeer.core.statistics.collect import collect, tally
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema

SCHEMA = Schema(
    [
        Feature("temp", min=30, max=45, resolution="0.1"),
        Feature("ward", "category", levels=["a", "b"]),
        Feature("sick", "binary"),
    ]
)
ROWS = 500
DATA = {
    "temp": [round(30 + (i * 37 % 151) / 10, 1) for i in range(ROWS)],
    "ward": ["ab"[i * 7 % 2] for i in range(ROWS)],
    "sick": [i % 3 == 0 for i in range(ROWS)],
    "extra": list(range(ROWS)),
}
ARROW = pa.table(DATA)


def as_csv(**options):
    sink = io.BytesIO()
    pyarrow.csv.write_csv(ARROW, sink)
    return pyarrow.csv.open_csv(io.BytesIO(sink.getvalue()), **options)


def as_parquet() -> pa.Table:
    sink = io.BytesIO()
    pyarrow.parquet.write_table(ARROW, sink)
    return pyarrow.parquet.read_table(io.BytesIO(sink.getvalue()))


def structured() -> np.ndarray:
    array = np.empty(ROWS, [("temp", "f8"), ("ward", "U1"), ("sick", "?"), ("extra", "i4")])
    for name in array.dtype.names:
        array[name] = DATA[name]
    return array


class Interchange:
    """A table that speaks nothing but the interchange protocol."""

    def __dataframe__(self, **options):
        return ARROW.__dataframe__(**options)


class Capsule:
    """A table that speaks nothing but Arrow's C stream."""

    def __arrow_c_stream__(self, requested_schema=None):
        return ARROW.__arrow_c_stream__(requested_schema)


TABLES = {
    "arrow table": lambda: ARROW,
    "arrow batch": lambda: ARROW.to_batches()[0],
    "arrow reader": lambda: ARROW.to_reader(max_chunksize=11),
    "arrow in odd chunks": lambda: pa.concat_tables([ARROW.slice(0, 7), ARROW.slice(7, 100), ARROW.slice(107)]),
    "pandas": lambda: pd.DataFrame(DATA),
    "pandas categories": lambda: pd.DataFrame(DATA).astype({"ward": "category", "temp": "float32"}),
    "pandas objects": lambda: pd.DataFrame(DATA).astype(object),
    "pandas arrow": lambda: pd.DataFrame(DATA).convert_dtypes(dtype_backend="pyarrow"),
    "polars": lambda: pl.DataFrame(DATA),
    "polars categories": lambda: pl.DataFrame(DATA).with_columns(pl.col("ward").cast(pl.Categorical)),
    "lists": lambda: DATA,
    "arrays": lambda: {name: np.array(values) for name, values in DATA.items()},
    "strided arrays": lambda: {name: np.repeat(np.array(values), 2)[::2] for name, values in DATA.items()},
    "object arrays": lambda: {name: np.array(values, object) for name, values in DATA.items()},
    "structured": structured,
    "csv": as_csv,
    "csv as text": lambda: as_csv(
        convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(DATA, pa.string()))
    ),
    "parquet": as_parquet,
    "several": lambda: [ARROW.slice(0, 100), pd.DataFrame(DATA).iloc[100:300], pl.DataFrame(DATA).slice(300)],
    "generator": lambda: (ARROW.slice(i, 50) for i in range(0, ROWS, 50)),
    "interchange": Interchange,
    "capsule": Capsule,
    "string views": lambda: ARROW.set_column(1, "ward", ARROW["ward"].cast(pa.string_view())),
}


@pytest.mark.parametrize("form", TABLES)
def test_every_table_gives_the_same_digest(form):
    account = tally(SCHEMA, TABLES[form]())
    assert account.rejected == {}
    assert account.summary.digest == collect(SCHEMA, DATA).digest
    assert account.counted == ROWS


def test_a_matrix_with_names():
    rng = np.random.default_rng(3)
    matrix = rng.integers(0, 2, (40, 3))
    schema = Schema([Feature(name, "binary") for name in "abc"])
    expected = collect(schema, dict(zip("abc", matrix.T, strict=True)))
    assert collect(schema, (matrix, ["a", "b", "c"])) == expected
    assert collect(schema, (np.asfortranarray(matrix.astype(float)), ["a", "b", "c"])) == expected


def test_missing_values_are_missing_in_every_form():
    schema = Schema([Feature("x", min=0, max=9, resolution="0.5"), Feature("b", "binary")])
    x, b = [1.0, None, 3.5, None, 5.0], [1, 0, None, None, 1]
    arrow = pa.table({"x": pa.array(x), "b": pa.array(b)})
    masked = {
        "x": np.ma.masked_invalid(np.array(x, float)),
        "b": np.ma.MaskedArray([1, 0, 0, 0, 1], mask=[0, 0, 1, 1, 0]),
    }
    texts = {"x": ["1", "", "3.5", "NA", "5.0"], "b": ["1", "0", " ", "nan", "1"]}
    forms = [arrow, arrow.to_pandas(), pl.from_arrow(arrow), {"x": x, "b": b}, masked, texts, arrow.slice(0, 5)]
    accounts = [tally(schema, form) for form in forms]
    assert {account.summary.digest for account in accounts} == {accounts[0].summary.digest}
    assert all(account.rejected == {"x": {"missing": 2}, "b": {"missing": 2}} for account in accounts)
    assert tally(schema, arrow.slice(1, 3)).counted == 0
    assert tally(schema, pa.concat_tables([arrow.slice(1, 2), arrow.slice(4)])).counted == 1


def test_tables_without_rows():
    zero = collect(SCHEMA, [])
    assert zero.rows == 0
    assert collect(SCHEMA, ARROW.slice(0, 0)) == zero == collect(SCHEMA, {name: [] for name in DATA})


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"temp": [1.0]}, "no column 'ward', 'sick'"),
        (ARROW.drop_columns(["temp"]), "no column 'temp'"),
        (ARROW.drop_columns(["temp"]).to_reader(), "no column 'temp'"),
        (pd.DataFrame({"temp": [1]}), "no column 'ward', 'sick'"),
        ({"temp": [1, 2], "ward": ["a"], "sick": [0]}, "column 'temp' has 2 rows and column 'ward' has 1"),
        ({"temp": 1, "ward": "a", "sick": 0}, "column 'temp' is not a sequence"),
        ({"temp": "abc", "ward": "a", "sick": 0}, "column 'temp' is not a sequence"),
        ({"temp": [1], "ward": ["a"], "sick": np.zeros((1, 2))}, "column 'sick' is not a sequence"),
        (pa.table([[1], ["a"], [0], [1]], names=["temp", "ward", "sick", "sick"]), "column 'sick' twice"),
        ((np.zeros((2, 3)), ["temp", "ward"]), "does not have 2 named columns"),
        ((np.zeros((2, 3)), ["temp", "sick", "sick"]), "two columns of one name"),
        (np.zeros((2, 3)), "ndarray is not a table"),
        ("rows.csv", "str is not a table"),
        (7, "int is not a table"),
        ([1, 2], "list of int is not a list of tables"),
        (None, "NoneType is not a table"),
    ],
)
def test_what_is_no_table_for_the_schema_is_refused(table, said):
    with pytest.raises(TableError, match=said):
        collect(SCHEMA, table)


def test_a_reader_that_breaks_is_a_table_error():
    broken = pyarrow.csv.open_csv(
        io.BytesIO(b"temp,ward,sick\n" + b"36.6,a,1\n" * 200_000 + b"36.6,a\n"),
        read_options=pyarrow.csv.ReadOptions(block_size=4096),
    )
    with pytest.raises(TableError, match="cannot be read"):
        collect(SCHEMA, broken)
