"""A date is a whole number of days since 1970-01-01, whatever it lies in."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core.errors import SchemaError, TableError
from fedpeer.core.models.fit import fit
from fedpeer.core.statistics.collect import collect, tally
from fedpeer.core.statistics.explore import explore
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema

ADMITTED = Feature("admitted", "date", min="2000-01-01", max="2030-12-31")
SCHEMA = Schema([ADMITTED])
EPOCH = dt.date(1970, 1, 1)
DAYS = [dt.date(2000, 1, 1), dt.date(2024, 2, 29), dt.date(2030, 12, 31)]


def days(summary) -> int:
    """The sum of the days of all rows."""
    (column,) = summary.schema.columns
    assert column.step == 1
    return int(summary.rows * column.origin + summary.sum(column.name))


def moment(day: dt.date) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, 23, 59, 59, 999999)  # noqa: DTZ001 - a date has no zone


def stamps(unit: str) -> pa.Array:
    return pa.array([*map(moment, DAYS)], pa.timestamp("us")).cast(pa.timestamp(unit), safe=False)


FORMS = {
    "texts": [day.isoformat() for day in DAYS],
    "texts with a time": [f"{DAYS[0]}T00:00", f" {DAYS[1]} 23:59:59", f"{DAYS[2]}T12:30:00.123456"],
    "dates": DAYS,
    "datetimes": [*map(moment, DAYS)],
    "date32": pa.array(DAYS, pa.date32()),
    "date64": pa.array(DAYS, pa.date64()),
    "seconds": stamps("s"),
    "milliseconds": stamps("ms"),
    "microseconds": stamps("us"),
    "nanoseconds": stamps("ns"),
    "dictionary": pa.array([day.isoformat() for day in DAYS]).dictionary_encode(),
    "dictionary of dates": pa.array(DAYS, pa.date32()).dictionary_encode(),
    "chunks": pa.chunked_array([pa.array(DAYS[:1]), pa.array(DAYS[1:])]),
    "slice": pa.array([DAYS[1], *DAYS, DAYS[1]]).slice(1, 3),
    "numpy": np.array(DAYS, "datetime64[D]"),
    "numpy nanoseconds": np.array([*map(moment, DAYS)], "datetime64[ns]"),
    "pandas": pd.Series(pd.to_datetime(DAYS)),
    "pandas objects": pd.Series(DAYS, dtype=object),
    "polars": pl.Series(DAYS),
    "polars datetimes": pl.Series([*map(moment, DAYS)]),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_date_is_the_same_day_in_every_form(form):
    told = tally(SCHEMA, {"admitted": FORMS[form]})
    assert (told.read, told.counted) == (3, 3)
    assert days(told.summary) == sum((day - EPOCH).days for day in DAYS)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "arrow"])
def test_missing_dates_are_missing_in_every_frame(frame):
    told = tally(
        SCHEMA,
        frame({"admitted": pd.to_datetime(pd.Series([DAYS[1], None])) if frame is pd.DataFrame else [DAYS[1], None]}),
    )
    assert told.rejected == {"admitted": {"missing": 1}}
    assert days(told.summary) == (DAYS[1] - EPOCH).days


@pytest.mark.long
@settings(deadline=None)
@given(st.lists(st.dates(), max_size=20), st.sampled_from(["reject", "clip"]))
def test_days_are_counted_as_python_counts_them(dates, invalid):
    low, high = dt.date(1899, 12, 31), dt.date(2100, 1, 1)
    schema = Schema([Feature("d", "date", min=low, max=high)], invalid=invalid)
    inside = [day for day in dates if low <= day <= high]
    counted = inside if invalid == "reject" else [min(max(day, low), high) for day in dates]
    for values in (
        pa.array(dates, pa.date32()),
        [*map(str, dates)],
        pa.array(dates, pa.date32()).cast(pa.timestamp("s")),
    ):
        told = tally(schema, {"d": values} if len(dates) else pa.table({"d": pa.array([], pa.date32())}))
        assert (told.read, told.counted) == (len(dates), len(counted))
        assert days(told.summary) == sum((day - EPOCH).days for day in counted)
        assert sum(sum(part.values()) for part in told.rejected.values()) == len(dates) - len(counted)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "missing"),
        ("NaT", "unparsable"),
        ("na", "missing"),
        ("2023-02-29", "unparsable"),
        ("2023-13-01", "unparsable"),
        ("0000-01-01", "unparsable"),
        ("29.02.2024", "unparsable"),
        ("02/29/2024", "unparsable"),
        ("20240229", "unparsable"),
        ("2024-2-29", "unparsable"),
        ("2024-W09-4", "unparsable"),
        ("2024-02-29T24:00", "unparsable"),
        ("2024-02-29T12:00:00Z", "unparsable"),
        ("2024-02-29 12:00:00+01:00", "unparsable"),
        ("٢٠٢٤-02-29", "unparsable"),
        ("infinity", "unparsable"),
        ("-2024-02-29", "unparsable"),
        ("+2024-02-29", "unparsable"),
        ("12024-02-29", "unparsable"),
        ("2024-02-29T", "unparsable"),
        ("2024-02-29T10", "unparsable"),
        ("0001-01-01", "out of range"),
        ("1999-12-31", "out of range"),
        ("2031-01-01", "out of range"),
    ],
)
def test_each_fault_of_a_date_is_counted_by_reason(value, reason):
    for others in (["2024-02-29"], ["2024-02-29", "2024-02-29T10:00"], []):
        assert tally(SCHEMA, {"admitted": [value, *others]}).rejected == {"admitted": {reason: 1}}


@pytest.mark.parametrize(
    "values",
    [
        pa.array([19_782, 5]),
        pa.array([1.5, 2.5]),
        pa.array([True, False]),
        pa.array([Decimal("19782.5"), None][:1] * 2),
    ],
)
def test_numbers_are_no_dates(values):
    assert tally(SCHEMA, {"admitted": values}).rejected == {"admitted": {"unparsable": 2}}


def test_what_is_missing_in_a_column_of_numbers_is_missing():
    assert tally(SCHEMA, {"admitted": pa.array([float("nan"), None])}).rejected == {"admitted": {"missing": 2}}
    assert tally(SCHEMA, {"admitted": pa.nulls(2)}).rejected == {"admitted": {"missing": 2}}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (pa.timestamp("us", tz="Europe/Berlin"), "moments in the time zone Europe/Berlin, which are not dates yet"),
        (pa.timestamp("s", tz="UTC"), "moments in the time zone UTC"),
        (pa.time32("s"), r"holds time32\[s\]"),
        (pa.duration("s"), "holds duration"),
        (pa.list_(pa.date32()), "holds list"),
        (pa.binary(), "holds binary"),
    ],
)
def test_a_type_that_is_no_date_is_refused(kind, said):
    with pytest.raises(TableError, match=said):
        collect(SCHEMA, pa.table({"admitted": pa.nulls(2, kind)}))


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"min": None}, "a date needs min"),
        ({"max": "2030"}, "max is '2030'; it must be a date like 2024-02-29"),
        ({"max": "2030-02-30"}, "it must be a date"),
        ({"max": "2030-01-01T00:00"}, "it must be a date"),
        ({"max": 20_000}, "it must be a date"),
        ({"max": "2000-01-01"}, "min 2000-01-01 is not before max 2000-01-01"),
        ({"resolution": 1}, "a date has no resolution"),
        ({"levels": ["a", "b"]}, "a date feature has no levels"),
        ({"unit": "weeks"}, "the unit of a date is days"),
    ],
)
def test_a_date_that_cannot_be_is_refused(properties, said):
    with pytest.raises(SchemaError, match=said):
        Feature("x", "date", **({"min": "2000-01-01", "max": "2030-12-31"} | properties))


def test_its_written_forms_come_back():
    for again in (Schema.from_yaml(SCHEMA.to_yaml()), Schema.from_json(SCHEMA.to_json())):
        assert (again, again.digest, again.columns) == (SCHEMA, SCHEMA.digest, SCHEMA.columns)
    assert ADMITTED.to_dict() == {"name": "admitted", "kind": "date", "min": "2000-01-01", "max": "2030-12-31"}
    assert Feature("admitted", "date", min=DAYS[0], max=np.datetime64("2030-12-31"), unit="days") == ADMITTED
    later = Schema([Feature("admitted", "date", min="2000-01-01", max="2040-12-31")])
    assert SCHEMA.difference(later) == [
        "feature admitted: your range is 2000-01-01..2030-12-31, the federation's is 2000-01-01..2040-12-31"
    ]


def test_the_mean_of_dates_is_told_as_a_date_too():
    told = explore(collect(SCHEMA, {"admitted": ["2024-02-28", "2024-03-01", "2024-03-01"]})).univariate("admitted")
    assert (told["kind"], told["mean_date"]) == ("date", "2024-02-29")
    assert told["mean"] == pytest.approx((dt.date(2024, 2, 28) - EPOCH).days + 4 / 3, rel=1e-15)
    empty = explore(collect(SCHEMA, pa.table({"admitted": pa.array([], pa.date32())}))).univariate("admitted")
    assert (empty["mean"], empty["mean_date"]) == (None, None)


def test_dates_are_inputs_of_models_and_factors_of_products():
    start = Feature("treated", "binary")
    late = Feature("late", "product", of=["admitted", "treated"])
    schema = Schema([ADMITTED, start, late, Feature("cost", min=-(10**6), max=10**6, resolution="0.01")])
    rng = np.random.default_rng(3)
    day, treated = rng.integers(11_000, 22_000, 200), rng.integers(0, 2, 200)
    cost = np.round(5.0 * day - 2.0 * day * treated + 7 + rng.normal(0, 5, 200), 2)
    rows = {"admitted": day.astype("datetime64[D]"), "treated": treated, "cost": cost}
    model = fit(collect(schema, rows), "ols", "cost")
    design = np.column_stack([np.ones(200), day, treated, day * treated])
    b = np.linalg.lstsq(design, cost, rcond=None)[0]
    np.testing.assert_allclose([*model.coefficients.values()], b, rtol=1e-6)
    told = model.predict({"admitted": ["2024-02-29", "soon", "2099-01-01T08:00"], "treated": [1, 1, 0]})
    ahead = (dt.date(2099, 1, 1) - EPOCH).days
    np.testing.assert_allclose(told[[0, 2]], [b[0] + b[2] + (b[1] + b[3]) * 19_782, b[0] + b[1] * ahead], rtol=1e-6)
    assert np.isnan(told[1])


@pytest.mark.parametrize(
    ("values", "kind", "limits"),
    [
        (DAYS, "date", ("1984-01-01", "2046-12-31")),
        (["2024-02-29", "2024-03-01T10:00", "NA", None], "date", ("2024-01-01", "2024-12-31")),
        (pa.array([0], pa.timestamp("ns")), "date", ("1970-01-01", "1970-12-31")),
        (pa.array([3 * 10**6, -(10**6)], pa.date32()), "date", ("0001-01-01", "9999-12-31")),
        (["2024-02-29", "soon"], "category", None),
        (["2024-02-29", "5"], "category", None),
        (["2024-02-29", "true"], "category", None),
    ],
)
def test_dates_are_proposed_for_dates(values, kind, limits):
    feature = Schema.infer({"d": values}).features[0]
    assert feature.kind == kind
    if limits:
        assert (feature.said(feature.min), feature.said(feature.max)) == limits
