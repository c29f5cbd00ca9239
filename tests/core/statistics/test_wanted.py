"""What a table has that a schema does not can be added to it, and tells little of the rows."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core.errors import TableError
from fedpeer.core.statistics.additions import Additions
from fedpeer.core.statistics.collect import collect, tally
from fedpeer.core.statistics.extension import embed, extended
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.wanted import wanted

SCHEMA = Schema(
    [
        Feature("age", min=0, max=120, resolution=1),
        Feature("stage", "category", levels=["I", "II"]),
        Feature("code", "category", levels=["1", "2"]),
        Feature("ill", "binary"),
        Feature("old_ill", "product", of=["age", "ill"]),
    ],
    missing="pairwise",
    patient="who",
)
OLD = {
    "who": ["a", "b", "c", "d", "e", "f"],
    "age": [61, 62, 63, 64, 65, None],
    "stage": ["I", "II", "I", " I", None, "NA"],
    "code": [1, 2, 1, 2, 1, 2],
    "ill": [0, 1, 0, 1, 0, 1],
    "old_ill": [9, 9, 9, 9, 9, 9],
}


def found(**columns):
    return wanted(SCHEMA, OLD | columns)


def test_a_table_of_the_schema_wants_nothing():
    told = wanted(SCHEMA, OLD)
    assert not told.additions
    assert (told.rows, told.unfit) == ({}, {})


def test_new_levels_are_told_with_the_rows_that_hold_them():
    told = found(stage=["I", "IV", " IV", "III", "na", None], code=[1.0, 3.0, 3.0, 2.0, float("nan"), 4.0])
    assert told.additions == Additions.from_dict({"levels": {"stage": ["III", "IV"], "code": ["3", "4"]}})
    assert told.rows == {"stage$III": 1, "stage$IV": 2, "code$3": 2, "code$4": 1}
    assert told.rare(2) == {"stage$III": 1, "code$4": 1}


def test_new_columns_become_features_with_coarse_limits():
    told = found(
        bmi=["17.25", "31.5", "NA", "24", "22.75", "30"],
        shift=[-3, 2, 0, 1, 1, 1],
        smoker=[0, 1, 1, 0, None, 1],
        ward=["north", "south", "south", None, "north", "south"],
        seen=["2021-03-01", "2022-01-01", None, None, None, "2020-05-06"],
        tiny=[0.00025, 0.0001, 0.0002, 0.0003, 0.0004, 0.0005],
    )
    assert told.additions.to_dict()["features"] == [
        {"name": "bmi", "kind": "continuous", "min": "0", "max": "100", "resolution": "0.01"},
        {"name": "shift", "kind": "continuous", "min": "-10", "max": "10", "resolution": "1"},
        {"name": "smoker", "kind": "binary"},
        {"name": "ward", "kind": "category", "levels": ["north", "south"]},
        {"name": "seen", "kind": "date", "min": "1900-01-01", "max": "2099-12-31"},
        {"name": "tiny", "kind": "continuous", "min": "0", "max": "0.001", "resolution": "0.00001"},
    ]
    assert told.rows == {
        "bmi": 5, "shift": 6, "smoker": 5, "ward$north": 2, "ward$south": 3, "seen": 3, "tiny": 6
    }  # fmt: skip


def test_limits_do_not_change_with_the_extremes_but_for_their_digits():
    limits = {
        tuple(sorted(found(x=[low, high, 50, 60, 70, 80]).additions.to_dict()["features"][0].items()))
        for low in (11, 19, 40)
        for high in (81, 99, 90)
    }
    assert len(limits) == 1
    none, below = (
        wanted(SCHEMA, OLD | {"x": x}, {"x": "continuous"}).additions.to_dict()["features"][0]
        for x in ([0, 0, None, 0, 0, 0], [0, -1, 0, 0, 0, 0])
    )
    assert ((none["min"], none["max"]), (below["min"], below["max"])) == (("0", "10"), ("-10", "0"))
    assert found(seen=["1850-01-01"] * 6).additions.to_dict()["features"][0]["min"] == "0001-01-01"


def test_what_cannot_be_a_feature_or_a_level_is_told():
    told = found(
        patient_id=["x1", "x2", "x3", "x4", "x5", "x6"],
        **{"a$b": [1, 2, 3, 4, 5, 6]},
        empty=[None] * 6,
        note=["same"] * 6,
        lists=[[1], [2], [3], [4], [5], [6]],
        stage=["I", "\x1b[2J", "II", "I", "I", "I"],
    )
    assert not told.additions
    said = {
        "patient_id": "called like an id",
        "a$b": "must not contain",
        "empty": "holds no value",
        "note": "has only one value",
        "lists": "neither number, truth value nor text",
        "stage": "a level has control characters",
    }
    assert told.unfit.keys() == said.keys()
    assert all(words in told.unfit[name] for name, words in said.items())
    many = wanted(SCHEMA, OLD | {name: [*OLD[name]] * 200 for name in OLD} | {"stage": [f"s{i}" for i in range(1200)]})
    assert "levels; a category has 2 to 1000" in many.unfit["stage"]


def test_kinds_that_are_known_are_taken():
    kinds = {"zip": "category", "flag": "continuous", "yes": "binary"}
    table = OLD | {"zip": [8001, 8002, 8001, 8002, 8001, 8001], "flag": [0, 1, 1, 0, 0, 1], "yes": [0, 1, 1, 1, 1, 0]}
    told = wanted(SCHEMA, table, kinds)
    assert told.additions.to_dict()["features"] == [
        {"name": "zip", "kind": "category", "levels": ["8001", "8002"]},
        {"name": "flag", "kind": "continuous", "min": "0", "max": "10", "resolution": "1"},
        {"name": "yes", "kind": "binary"},
    ]
    assert told.rows == {"zip$8001": 4, "zip$8002": 2, "flag": 6, "yes": 6}


def test_every_kind_of_table_and_of_batch_says_the_same():
    columns = OLD | {"stage": ["I", "IV", "IV", "II", "I", None], "ward": ["n", "s", "s", "n", "s", "s"]}
    once = wanted(SCHEMA, columns)
    frame = pd.DataFrame(columns)
    assert wanted(SCHEMA, frame) == once
    assert wanted(SCHEMA, frame.astype({"stage": "category", "ward": "category"})) == once
    assert wanted(SCHEMA, pa.table(columns).to_batches(max_chunksize=1)) == once
    exact = pa.table({"code": pa.array([Decimal("1.00"), Decimal("3.00")]), "age": [1, 2]})
    assert wanted(SCHEMA, exact).rows == {"code$3": 1}
    with pytest.raises(TableError):
        wanted(SCHEMA, 5)


@pytest.mark.long
@given(
    st.lists(st.sampled_from(["I", "II", "III", "IV", "NA", None]), min_size=6, max_size=6),
    st.lists(st.none() | st.decimals(-1000, 1000, places=2), min_size=6, max_size=6),
    st.lists(st.sampled_from(["n", "s", "e w", None]), min_size=6, max_size=6),
)
@settings(max_examples=40, deadline=None)
def test_under_the_schema_with_what_is_wanted_every_value_counts(stage, bmi, ward):
    table = OLD | {"stage": stage, "bmi": [None if x is None else str(x) for x in bmi], "ward": ward}
    told = wanted(SCHEMA, table)
    new = extended(SCHEMA, told.additions) if told.additions else SCHEMA
    account = tally(new, table)
    assert account.rejected == {}
    assert not wanted(new, table).additions
    if "bmi" not in told.unfit:
        assert account.summary.count("bmi") == sum(x is not None for x in bmi) == told.rows["bmi"]
    for name, rows in told.rows.items():
        if "$" in name:
            assert account.summary.sum(name) == rows
    assert embed(collect(SCHEMA, OLD), new) == collect(new, OLD)
