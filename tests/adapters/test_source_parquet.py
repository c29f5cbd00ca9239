"""Parquet files as they come: types, names, damage, and row groups larger than memory should be."""

import subprocess
import sys
import textwrap
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from fedpeer.adapters.source_parquet import ParquetSource
from fedpeer.core.errors import SourceError
from fedpeer.core.statistics.collect import tally
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema


@pytest.fixture
def write(tmp_path):
    def writer(table, **options):
        pyarrow.parquet.write_table(pa.table(table), tmp_path / "t.parquet", **options)
        return tmp_path / "t.parquet"

    return writer


def read(path, columns=None):
    return pa.Table.from_batches(list(ParquetSource(path).batches(columns))).to_pydict()


def fault(path, columns=None):
    with pytest.raises(SourceError) as caught:
        list(ParquetSource(path).batches(columns))
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_types_are_kept_and_counted_exactly(write):
    schema = Schema([Feature("x", min=0, max=10, resolution="0.05"), Feature("k", "category", levels=["a", "b"])])
    same = [
        pa.array([0.15, 9.95]),
        pa.array([0.15, 9.95], pa.float32()),
        pa.array([Decimal("0.15"), Decimal("9.95")], pa.decimal128(10, 2)),
        pa.array(["0.15", "9.95"]),
    ]
    codes = pa.array(["b", "a"]).dictionary_encode()
    found = {tally(schema, ParquetSource(write({"x": x, "k": codes})).batches(["x", "k"])).summary.digest for x in same}
    assert len(found) == 1


def test_a_dot_in_a_name_is_part_of_the_name(write):
    table = {"a.b": [1], "a": pa.array([{"b": 2}])}
    assert read(write(table), ["a.b"]) == {"a.b": [1]}


def test_nested_columns_are_refused_if_they_are_wanted(write):
    path = write({"x": [1], "list": [[1, 2]]})
    assert "column 'list' has lists or structures" in fault(path)
    assert read(path, ["x"]) == {"x": [1]}


def test_damage_is_told(write, tmp_path):
    path = write({"x": np.arange(100_000)}, row_group_size=1000, compression="zstd")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert "not a Parquet file" in fault(path)
    path.write_bytes(content[: len(content) // 2] + bytes(2000) + content[len(content) // 2 + 2000 :])
    assert "damaged after row" in fault(path)
    path.write_bytes(b"x,y\n1,2\n")
    assert "not a Parquet file" in fault(path)
    path.write_bytes(b"")
    assert "not a Parquet file" in fault(path)
    assert "no such file" in fault(tmp_path / "none.parquet")
    assert "cannot open" in fault(tmp_path)
    with pytest.raises(SourceError, match="no such file"):
        _ = ParquetSource(tmp_path / "none.parquet").size


def test_memory_stays_bounded_in_one_large_row_group(write):
    rng = np.random.default_rng(1)
    path = write({f"c{n}": rng.normal(size=3_000_000) for n in range(10)}, row_group_size=3_000_000)
    assert path.stat().st_size > 200 * 2**20
    body = """
        import resource, sys
        from fedpeer.adapters.source_parquet import ParquetSource
        source = ParquetSource(sys.argv[1])
        next(source.batches(["c0"]))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        rows = sum(batch.num_rows for batch in source.batches())
        print(rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
    """
    command = [sys.executable, "-c", textwrap.dedent(body), str(path)]
    rows, grown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert int(rows) == 3_000_000
    assert float(grown) < 120
