"""A cluster of real processes counts what one place would have counted."""

import subprocess
import sys

import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster

import fedpeer as fp
from fedpeer.adapters import source_dask
from fedpeer.adapters.source_dask import collect_dask, tally_dask
from fedpeer.core.errors import SourceError, TableError
from fedpeer.core.statistics.collect import tally

SCHEMA = fp.Schema(
    [
        fp.Feature("age", min=0, max=120, resolution="0.1"),
        fp.Feature("ill", "binary", levels=["no", "yes"]),
        fp.Feature("age_dose", "product", of=["age", "dose"]),
        fp.Feature("dose", min=0, max=1, resolution="0.000001"),
    ],
    invalid="clip",
)


@pytest.fixture(scope="module")
def client():
    # Plain processes that outlive no test; the address is how an existing cluster is reached.
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as cluster,
        Client(cluster.scheduler_address, set_as_default=False) as found,
    ):
        yield found


@pytest.fixture
def rows():
    random = np.random.default_rng(5)
    table = pd.DataFrame(
        {
            "note": ["x"] * 5000,
            "dose": random.random(5000),
            "ill": random.choice(["no", "yes", "perhaps"], 5000, p=[0.5, 0.4, 0.1]),
            "age": random.normal(60, 30, 5000).round(1),
        }
    )
    table.loc[::17, "age"] = np.nan
    return table


def test_gaps_are_accounted_for_as_in_one_place(client, rows):
    schema = fp.Schema(SCHEMA.features, missing="pairwise", invalid="missing")
    told = tally_dask(schema, dd.from_pandas(rows, npartitions=7), client=client)
    whole = tally(schema, rows)
    assert (told.summary, told.report()) == (whole.summary, whole.report())
    lost = {name: sum(reasons.values()) for name, reasons in told.missing.items()}
    assert {name: rows for name, rows in told.gaps.items() if name != "age_dose"} == lost
    assert set(told.missing["age"]) == {"missing", "out of range"}


@pytest.mark.parametrize("partitions", [1, 3, 40])
def test_the_total_is_bit_for_bit_that_of_one_place(client, rows, partitions):
    told = tally_dask(SCHEMA, dd.from_pandas(rows, npartitions=partitions), client=client)
    whole = tally(SCHEMA, rows)
    assert told.summary.to_bytes() == whole.summary.to_bytes()
    assert (told.summary.digest, told.report()) == (whole.summary.digest, whole.report())
    assert told.rejected
    assert told.clipped


def test_the_work_is_done_where_the_partitions_are(client, rows, tmp_path, monkeypatch):
    rows.to_parquet(tmp_path / "a.parquet")
    rows.to_parquet(tmp_path / "b.parquet")
    monkeypatch.setattr(source_dask, "tally", None)  # here, and not in the workers
    told = collect_dask(SCHEMA, dd.read_parquet(tmp_path / "*.parquet"), client=client)
    assert told == fp.collect(SCHEMA, [rows, rows])
    with client.as_current():  # as one that is simply open
        assert collect_dask(SCHEMA, dd.read_parquet(tmp_path / "*.parquet")) == told


def test_without_a_cluster_this_machine_counts(rows):
    assert fp.collect_dask(SCHEMA, dd.from_pandas(rows, npartitions=4)) == fp.collect(SCHEMA, rows)


def test_what_cannot_be_is_told(client, rows):
    with pytest.raises(TableError, match="a DataFrame is not a Dask dataframe"):
        collect_dask(SCHEMA, rows)
    with pytest.raises(SourceError, match="the dataframe has no column 'age'"):
        collect_dask(SCHEMA, dd.from_pandas(rows.rename(columns={"age": "Age"}), npartitions=2))
    small = fp.Schema(SCHEMA.features, row_bound=10)
    with pytest.raises(fp.core.errors.OverflowRefusedError):
        collect_dask(small, dd.from_pandas(rows, npartitions=2), client=client)


def test_an_optional_column_may_be_lacking(rows):
    extra = fp.Feature("extra", min=0, max=1, resolution="0.1", optional=True)
    schema = fp.Schema([*SCHEMA.features, extra], missing="pairwise")
    frame = dd.from_pandas(rows[["age", "ill", "dose"]], npartitions=2)
    assert collect_dask(schema, frame) == tally(schema, rows).summary


def test_only_summaries_travel(rows):
    part = source_dask._counted(rows[["age", "ill", "dose"]], SCHEMA.to_json(), ["age", "ill", "dose"])
    more = source_dask._counted(
        pd.concat([rows] * 20)[["age", "ill", "dose"]], SCHEMA.to_json(), ["age", "ill", "dose"]
    )
    assert len(more.summary) <= len(part.summary) + 64  # not the size of the rows


def test_without_the_library_the_extra_is_named():
    code = (
        "import sys; sys.modules['dask'] = None\nimport fedpeer as fp\n"
        "schema = fp.Schema([fp.Feature('x', 'binary')])\n"
        "try: fp.collect_dask(schema, None)\n"
        "except fp.core.errors.SourceError as error: print(error, '|', error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "this needs dask, which is not installed | pip install 'fedpeer[dask]'"
