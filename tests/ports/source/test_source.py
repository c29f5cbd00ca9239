"""What every Source must do, whatever the rows lie in."""

import contextlib
import csv
import gzip
import io
import json
import sqlite3
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedpeer.adapters.catalogue import Catalogue
from fedpeer.adapters.source_arrow import ArrowSource
from fedpeer.adapters.source_csv import CsvSource
from fedpeer.adapters.source_duckdb import DuckdbSource
from fedpeer.adapters.source_lines import LinesSource
from fedpeer.adapters.source_parquet import ParquetSource
from fedpeer.adapters.source_postgres import PostgresSource
from fedpeer.adapters.source_rows import RowsSource
from fedpeer.adapters.source_several import MappedSource
from fedpeer.adapters.source_sqlite import SqliteSource
from fedpeer.adapters.sql import quoted
from fedpeer.core.errors import SourceError
from fedpeer.core.statistics.collect import tally
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema
from tests.support.postgres import PASSWORD, running

SCHEMA = Schema(
    [
        Feature("age", min=0, max=120, resolution="0.1"),
        Feature("ill", "binary"),
        Feature("ward", "category", levels=["north", "south, old", 'the "new"']),
        Feature("age_south", "product", of=["age", "ward$south, old"]),
    ]
)
NAMES = ["age", "ill", "ward"]
ROW = st.tuples(
    st.none() | st.integers(-10, 1300).map(lambda n: n / 10),
    st.none() | st.sampled_from([0, 1]),
    st.none() | st.sampled_from(["north", "south, old", 'the "new"', "nowhere"]),
)
TABLE = {
    "other": ["é", "two\nlines", "c", "d", "e"],
    "age": [61.5, 0.1, None, 300.0, 7.0],
    "ward": ["north", "south, old", "north", 'the "new"', "north"],
    "ill": [1, 0, 1, 0, None],
}


def text_of(table):
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return file.getvalue().encode()


def rows_of(table):
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def as_csv(folder, table, **options):
    (folder / "t.csv").write_bytes(text_of(table))
    return CsvSource(folder / "t.csv", SCHEMA, **options)


def as_gzip(folder, table, **options):
    (folder / "t.csv.gz").write_bytes(gzip.compress(text_of(table)))
    return CsvSource(folder / "t.csv.gz", SCHEMA, **options)


def as_zstd(folder, table, **options):
    with pa.CompressedOutputStream(str(folder / "t.csv.zst"), "zstd") as file:
        file.write(text_of(table))
    return CsvSource(folder / "t.csv.zst", SCHEMA, **options)


def as_parquet(folder, table, **options):
    pyarrow.parquet.write_table(pa.table(table), folder / "t.parquet", row_group_size=2)
    return ParquetSource(folder / "t.parquet", **options)


def as_arrow(folder, table, **options):
    rows = pa.table(table)
    with pa.ipc.new_file(folder / "t.arrow", rows.schema) as file:
        file.write_table(rows, max_chunksize=2)
    return ArrowSource(folder / "t.arrow", **options)


def as_stream(folder, table, **options):
    rows = pa.table(table)
    with pa.ipc.new_stream(folder / "t.arrows", rows.schema) as file:
        file.write_table(rows, max_chunksize=3)
    return ArrowSource(folder / "t.arrows", **options)


def as_feather(folder, table, **options):
    pyarrow.feather.write_feather(pa.table(table), folder / "t.feather", compression="zstd")
    return ArrowSource(folder / "t.feather", **options)


def lines_of(table):
    return "".join(f"{json.dumps(row)}\n" for row in rows_of(table)).encode()


def as_lines(folder, table, **options):
    (folder / "t.jsonl").write_bytes(lines_of(table))
    return LinesSource(folder / "t.jsonl", SCHEMA, **options)


def as_packed_lines(folder, table, **options):
    (folder / "t.ndjson.gz").write_bytes(gzip.compress(lines_of(table)))
    return LinesSource(folder / "t.ndjson.gz", SCHEMA, **options)


def as_folder(folder, table, **options):
    """Three files of which the last may have no rows, and what programs leave beside them."""
    inner = folder / "parts"
    inner.mkdir(exist_ok=True)
    for number, (start, stop) in enumerate([(0, 2), (2, None), (0, 0)]):
        part = {name: values[start:stop] for name, values in table.items()}
        (inner / f"part-{number}.csv").write_bytes(text_of(part))
    (inner / "_SUCCESS").write_bytes(b"")
    return Catalogue(**options).open(str(inner), SCHEMA)


def as_sqlite(folder, table, **options):
    path = folder / "t.db"
    path.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as file:
        names = ", ".join(f'"{name}"' for name in table)
        file.execute(f"CREATE TABLE t ({names})")
        file.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(table))})", zip(*table.values(), strict=True))
        file.commit()
    return SqliteSource(path, "SELECT * FROM t ORDER BY rowid", **options)


def as_duckdb(folder, table, **options):
    pyarrow.parquet.write_table(pa.table(table), folder / "q.parquet", row_group_size=2)
    return DuckdbSource(f"SELECT * FROM '{folder}/q.parquet'; ", roots=[folder], **options)


def as_postgres(folder, table, server, **options):
    kinds = {bool: "bool", int: "int8", float: "float8", str: "text"}
    columns = []
    for name, values in table.items():
        first = next((value for value in values if value is not None), "")
        columns.append(f'"{name}" {kinds[type(first)]}')
    lines = [",".join("" if value is None else csv_cell(value) for value in row.values()) for row in rows_of(table)]
    data = "".join(f"{line}\n" for line in lines)
    names = ", ".join(quoted(name) for name in table)
    server.run(
        f"SET client_min_messages = error; DROP TABLE IF EXISTS t; CREATE TABLE t (n serial, {', '.join(columns)}); "
        f"GRANT SELECT ON t TO reader;\nCOPY t ({names}) FROM stdin CSV;\n{data}\\.\n"
    )
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o600)
    query = f"SELECT {names} FROM t ORDER BY n"
    return PostgresSource(server.address, query, password_file=folder / "password", **options)


def csv_cell(value):
    doubled = str(value).replace('"', '""')
    return f'"{doubled}"'


def as_rows(folder, table, **options):
    return RowsSource(rows_of(table) or table, **options)


def as_columns(folder, table, **options):
    return RowsSource(table, **options)


EVERY = {
    "csv": as_csv,
    "gzip": as_gzip,
    "zstd": as_zstd,
    "parquet": as_parquet,
    "arrow": as_arrow,
    "stream": as_stream,
    "feather": as_feather,
    "lines": as_lines,
    "packed lines": as_packed_lines,
    "folder": as_folder,
    "sqlite": as_sqlite,
    "duckdb": as_duckdb,
    "postgres": as_postgres,
    "rows": as_rows,
    "columns": as_columns,
}


@pytest.fixture(scope="module")
def server():
    with running() as found:
        yield found


@pytest.fixture(params=EVERY)
def make(request, tmp_path):
    if request.param == "postgres":
        return partial(as_postgres, tmp_path, server=request.getfixturevalue("server"))
    return partial(EVERY[request.param], tmp_path)


def account(source):
    return tally(SCHEMA, source.batches(NAMES))


def test_rows_come_in_order_with_the_wanted_columns_in_the_wanted_order(make):
    source = make(TABLE)
    batches = list(source.batches(["ward", "age"]))
    assert all(batch.schema.names == ["ward", "age"] for batch in batches)
    assert [value for batch in batches for value in batch.column(0).to_pylist()] == TABLE["ward"]
    assert [value for batch in batches for value in batch.column(1).to_pylist()] == TABLE["age"]


def test_all_columns_come_when_none_are_named(make):
    batches = list(make(TABLE).batches())
    assert all(batch.schema.names == list(TABLE) for batch in batches)
    assert [value for batch in batches for value in batch.column(0).to_pylist()] == TABLE["other"]


def test_the_rows_can_be_read_again_from_the_beginning(make):
    source = make(TABLE)
    first = account(source)
    half = source.batches(NAMES)
    next(half)
    half.close()
    assert account(source) == first


def test_batches_are_bounded(make):
    table = {name: values * 50 for name, values in TABLE.items()}
    for most in (1, 7, 100):
        sizes = [batch.num_rows for batch in make(table, chunk_rows=most).batches(NAMES)]
        assert sum(sizes) == 250
        assert max(sizes) <= most


def test_every_row_and_every_fault_is_counted(make):
    collected = account(make(TABLE))
    assert (collected.read, collected.counted) == (5, 2)
    assert collected.rejected == {"age": {"missing": 1, "out of range": 1}, "ill": {"missing": 1}}


def test_progress_grows_up_to_the_size(make):
    source = make({name: values * 50 for name, values in TABLE.items()}, chunk_rows=100)
    told = []
    for _ in source.batches(NAMES, told.append):
        pass
    assert told == sorted(told)
    assert told[-1] == (source.size or 250)


def test_no_rows_are_no_fault(make):
    source = make({"age": [], "ill": [], "ward": []})
    assert account(source).read == 0


def test_a_missing_column_is_named_with_the_nearest(make):
    with pytest.raises(SourceError, match="has no column 'Age', 'sex'") as caught:
        list(make(TABLE).batches(["Age", "ward", "sex"]))
    assert "'age'" in caught.value.hint


def test_a_spare_column_that_is_not_there_is_lacked_by_all_rows(make):
    schema = Schema(
        [*SCHEMA.features, Feature("height", min=0, max=250, resolution=1, optional=True)], missing="pairwise"
    )
    found = tally(schema, make(TABLE).batches(schema.needed))
    assert found == tally(schema, {**{name: TABLE[name] for name in NAMES}, "height": [None] * 5})
    there = tally(schema, make({**TABLE, "height": [180, 170, None, 1, 160]}).batches(schema.needed))
    assert there.summary.count("height") == 3
    mapped = MappedSource(make(TABLE), {"height": "tall"})  # a column that is named must be there
    with pytest.raises(SourceError, match="no column 'tall'"):
        list(mapped.batches(schema.needed))
    renamed = MappedSource(make({**TABLE, "tall": [180, 170, None, 1, 160]}), {"height": "tall"})
    assert tally(schema, renamed.batches(schema.needed)) == there


def test_names_match_however_their_accents_are_composed(make):
    first = next(make({" caf\u0065\u0301 ": [1.5, 2.5]}).batches(["caf\u00e9"]))
    assert (first.schema.names, first.num_rows) == (["caf\u00e9"], 2)


def test_the_name_is_for_people(make):
    name = make(TABLE).name
    assert name in {"posted rows", "duckdb:"} or Path(name.removeprefix("sqlite://")).exists() or "reader@127" in name
    assert PASSWORD not in name


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, min_size=1, max_size=30), st.integers(1, 8))
def test_all_kinds_mean_the_same(tmp_path, server, rows, most):
    table = dict(zip(NAMES, map(list, zip(*rows, strict=True)), strict=True))
    makers = EVERY | {"postgres": partial(as_postgres, server=server)}
    accounts = {kind: account(make(tmp_path, table, chunk_rows=most)) for kind, make in makers.items()}
    assert len({(a.summary.digest, a.read, str(a.report())) for a in accounts.values()}) == 1, accounts
    assert accounts["csv"].read == len(rows)
