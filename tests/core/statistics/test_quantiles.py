"""Quantiles and box plots from bins: the true ones of the rows are always between the bounds."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core.errors import RequestError, SchemaError
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.metrics import measure
from fedpeer.core.statistics.schema import Feature, Schema
from tests.support import real

BOXED = ("minimum", "first_quartile", "median", "third_quartile", "maximum")
TABLE, _ = real.cancer()


def counted(rows, bins, *, high=30, step="0.25"):
    """The summary of rows from 0 to `high`."""
    schema = Schema([Feature("x", min=0, max=high, resolution=step)], blocks=["histogram"], bins=bins)
    return collect(schema, {"x": rows})


def told(rows, bins, **options):
    return measure(counted(rows, bins), "quantiles", ["x"], options=options)["features"]["x"]["quantiles"]


rows = st.lists(st.integers(0, 120).map(lambda q: q / 4), min_size=1, max_size=60)
bins = st.sampled_from([2, 3, 7, 10, 64, 121, 300])


@pytest.mark.long
@given(rows=rows, bins=bins, eighths=st.integers(0, 8))
@settings(deadline=None)
def test_the_true_quantile_is_between_the_bounds_and_is_known_where_a_bin_has_one_value(rows, bins, eighths):
    p = eighths / 8
    (found,) = told(rows, bins, probabilities=[p]).values()
    true = np.quantile(rows, p, method="inverted_cdf")
    assert found["lower"] <= true <= found["upper"]
    assert found["lower"] <= found["value"] <= found["upper"]
    assert found["upper"] - found["lower"] <= 0.25 * max(0, math.ceil(121 / bins) - 1)
    if bins >= 121:
        assert found["lower"] == found["value"] == found["upper"] == true


@pytest.mark.long
@given(
    rows=rows,
    bins=bins,
    p=st.fractions(0, 1, max_denominator=1000).filter(lambda p: p.denominator in {1, 10, 100, 1000}),
)
@settings(deadline=None, max_examples=50)
def test_the_quantile_is_the_smallest_value_that_enough_rows_do_not_exceed(rows, bins, p):
    """By its definition, without a float anywhere: 0.07 of 100 rows are seven rows."""
    ordered = sorted(rows)
    true = next(x for k, x in enumerate(ordered, 1) if Fraction(k, len(rows)) >= p)
    (found,) = told(rows, bins, probabilities=str(float(p))).values()
    assert found["lower"] <= true <= found["upper"]


@pytest.mark.long
@given(rows=rows, bins=bins)
@settings(deadline=None)
def test_the_numbers_of_a_box_plot_are_between_their_bounds(rows, bins):
    found, data = measure(counted(rows, bins), "box", ["x"])["features"]["x"], np.array(rows)
    quartiles = [np.quantile(data, k / 4, method="inverted_cdf") for k in range(5)]
    _, first, _, third, _ = quartiles
    low, high = first - 1.5 * (third - first), third + 1.5 * (third - first)
    true = dict(zip(BOXED, quartiles, strict=True)) | {
        "lower_whisker": data[data >= low].min(),
        "upper_whisker": data[data <= high].max(),
        "interquartile_range": third - first,
    }
    for name, value in true.items():
        assert found[name]["lower"] <= value <= found[name]["upper"], name
        assert found[name]["lower"] <= found[name]["value"] <= found[name]["upper"], name
        if bins >= 121:
            assert found[name]["lower"] == found[name]["value"] == found[name]["upper"], name
    for side, beyond in (("below", (data < low).sum()), ("above", (data > high).sum())):
        assert found[f"{side}_least"] <= beyond <= found[f"{side}_most"]
        assert bins < 121 or found[f"{side}_least"] == beyond == found[f"{side}_most"]


@pytest.mark.long
@given(rows=rows, bins=bins, cut=st.integers(0, 60))
@settings(deadline=None, max_examples=30)
def test_how_rows_are_split_changes_no_bit(rows, bins, cut):
    whole, parts = counted(rows, bins), counted(rows[:cut], bins) + counted(rows[cut:], bins)
    for metric in ("quantiles", "box", "density"):
        assert measure(whole, metric) == measure(parts, metric)


def test_real_quantiles_are_near_numpys_and_between_bounds_no_wider_than_a_bin():
    feature = Feature("x", min=0, max=50, resolution="0.001")
    summary = collect(Schema([feature], blocks=["histogram"], bins=100), {"x": TABLE["mean_radius"]})
    found = measure(summary, "quantiles")["features"]["x"]["quantiles"]
    assert list(found) == ["0", "0.05", "0.25", "0.5", "0.75", "0.95", "1"]
    for p, three in found.items():
        true = np.quantile(TABLE["mean_radius"], float(p), method="inverted_cdf")
        assert three["lower"] <= true <= three["upper"] <= three["lower"] + 0.5
        assert abs(three["value"] - true) < (0.25 if 0 < float(p) < 1 else 0.5)


def test_between_the_bounds_the_value_follows_straight_lines():
    assert told([0, 0.25, 0.5, 0.75, 1.0], 10, probabilities="0.5") == {
        "0.5": {"lower": 0, "value": 1.5, "upper": 3}
    } | {"0.5": {"lower": 0.0, "value": pytest.approx(-0.125 + 3.25 / 2), "upper": 3.0}}


def test_a_binary_feature_has_quantiles_without_a_histogram():
    summary = collect(Schema([Feature("b", "binary")]), {"b": [0, 0, 0, 1]})
    found = measure(summary, "quantiles", ["b"], options={"probabilities": [0.5, 0.75, 0.8]})["features"]["b"]
    assert found["count"] == 4
    assert [three["value"] for three in found["quantiles"].values()] == [0, 0, 1]


@pytest.mark.parametrize(
    ("metric", "options", "message"),
    [
        ("quantiles", {"probabilities": "0.5,1.1"}, "probabilities are 1 to 1000 numbers from 0 to 1"),
        ("quantiles", {"probabilities": []}, "probabilities are 1 to 1000"),
        ("quantiles", {"probabilities": "0.5;0.6"}, "option probabilities is '0.5;0.6', not a number"),
        ("quantiles", {"probabilities": {"a": 1}}, "not a number"),
        ("box", {"reach": -1}, "a reach of -1 interquartile ranges is below none"),
    ],
)
def test_what_is_not_a_probability_or_a_reach_is_refused(metric, options, message):
    with pytest.raises(RequestError, match=message):
        measure(counted([1, 2], 10), metric, ["x"], options=options)


def test_without_histograms_there_are_no_quantiles_of_measured_features():
    summary = collect(Schema([Feature("x", min=0, max=9, resolution=1), Feature("b", "binary")]), {"x": [1], "b": [1]})
    with pytest.raises(SchemaError, match="does not count the block histogram"):
        measure(summary, "quantiles")
    binary = collect(Schema([Feature("b", "binary")]), {"b": [1]})
    with pytest.raises(RequestError, match="no continuous feature"):
        measure(binary, "box")
