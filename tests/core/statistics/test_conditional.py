"""Densities within groups against numpy's histogram of their rows, and the test between groups against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp
from sklearn.datasets import load_iris

from fedpeer.core.errors import RequestError, SchemaError
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.metrics import measure
from fedpeer.core.statistics.schema import Feature, Schema

BLOCKS = ["histogram", "conditional_histogram"]
IRIS = load_iris()
LENGTH, KIND = IRIS.data[:, 0], IRIS.target_names[IRIS.target]
TABLE = {"length": LENGTH, "kind": KIND, "wide": (IRIS.data[:, 1] > 3).astype(int), "narrow": np.zeros(150, int)}
SCHEMA = Schema(
    [
        Feature("length", min=4, max="7.9", resolution="0.1"),
        Feature("kind", "category", levels=[str(name) for name in IRIS.target_names]),
        Feature("wide", "binary"),
        Feature("narrow", "binary"),
    ],
    blocks=BLOCKS,
    bins=40,
)
SUMMARY = collect(SCHEMA, TABLE)


@pytest.mark.parametrize("bins", [40, 20, 8])
def test_it_is_numpys_density_of_the_rows_of_each_group(bins):
    told = measure(SUMMARY, "conditional_density", ["length", "kind"], options={"bins": bins})["groups"]
    assert list(told) == ["kind$setosa", "kind$versicolor", "kind$virginica"]
    for name, part in told.items():
        rows = LENGTH[name.removeprefix("kind$") == KIND]
        density, _ = np.histogram(rows, bins=part["edges"], density=True)
        assert part["density"] == pytest.approx(density, rel=1e-12)
        assert (part["count"], sum(part["counts"])) == (50, 50)


def test_groups_are_a_column_and_its_complement_or_columns_or_chosen_levels():
    both = measure(SUMMARY, "conditional_density", ["length", "wide"])["groups"]
    assert {name: part["count"] for name, part in both.items()} == {"wide is 1": 67, "wide is 0": 83}
    several = measure(SUMMARY, "conditional_density", ["length", "wide", "kind$setosa"])["groups"]
    assert several["wide is 1"] == both["wide is 1"]
    assert several["kind$setosa"]["count"] == 50
    chosen = measure(SUMMARY, "conditional_density", ["length", "kind"], options={"levels": "virginica"})["groups"]
    assert list(chosen) == ["kind$virginica"]
    empty = measure(SUMMARY, "conditional_density", ["length", "narrow"])
    assert empty["groups"]["narrow is 1"] is None
    assert empty["undefined"] == {"narrow is 1": "it has no rows"}


def test_the_ks_test_is_scipys_where_bins_hold_one_value():
    for features, options, inside in [
        (["length", "wide"], {}, TABLE["wide"] == 1),
        (["length", "kind"], {"levels": "setosa,virginica"}, None),
    ]:
        told = measure(SUMMARY, "ks_test", features, options=options)
        a, b = (LENGTH[KIND == "setosa"], LENGTH[KIND == "virginica"]) if inside is None else (
            LENGTH[inside], LENGTH[~inside],
        )  # fmt: skip
        expected = ks_2samp(a, b).statistic
        assert told["ks_lower"] == told["ks_upper"] == pytest.approx(expected, rel=1e-14)
        exact = ks_2samp(a, b, method="exact").pvalue
        assert told["p_lower"] == told["p_upper"] == pytest.approx(exact, rel=1e-9)
        assert list(told["counts"].values()) == [len(a), len(b)]


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 1)), min_size=2, max_size=40), st.sampled_from([2, 3, 5]))
@settings(max_examples=60, deadline=None)
def test_bounds_hold_the_distance_of_the_rows(rows, bins):
    schema = Schema([Feature("x", min=0, max=11, resolution=1), Feature("b", "binary")], blocks=BLOCKS, bins=bins)
    summary = collect(schema, {"x": [x for x, _ in rows], "b": [b for _, b in rows]})
    a, b = ([x for x, flag in rows if flag == which] for which in (1, 0))
    if not a or not b:
        with pytest.raises(RequestError, match="no row with a value of 'x'"):
            measure(summary, "ks_test", ["x", "b"])
        return
    told = measure(summary, "ks_test", ["x", "b"])
    distance = max(abs(sum(v <= x for v in a) / len(a) - sum(v <= x for v in b) / len(b)) for x in range(12))
    assert told["ks_lower"] - 1e-12 <= distance <= told["ks_upper"] + 1e-12
    assert told["p_lower"] <= told["p_upper"]


def test_the_estimate_of_symetryml_lists_pairs():
    told = measure(SUMMARY, "conditionalDensityEstimate", ["length", "kind", "narrow"], options={"hist_bins": 8})
    assert [part["attrName"] for part in told["densityList"]] == [f"length|kind${name}" for name in IRIS.target_names]
    first = told["densityList"][0]
    expected = measure(SUMMARY, "conditional_density", ["length", "kind"], options={"bins": 8})["groups"]["kind$setosa"]
    assert first["histogram"] == expected["density"]
    assert (first["min"], first["max"], first["width"]) == (3.95, 7.95, 0.5)
    assert len(measure(SUMMARY, "conditionalDensityEstimate")["densityList"]) == 4


def test_what_cannot_be_asked_is_refused():
    for metric, features, error, said in [
        ("conditional_density", ["wide", "kind"], SchemaError, "'wide' is 0/1: it has no histogram"),
        ("conditional_density", ["length"], RequestError, "takes 2 to 500 features"),
        ("ks_test", ["length", "kind"], RequestError, "3 groups; the test compares two"),
        ("conditionalDensityEstimate", ["length"], RequestError, "conditional on"),
    ]:
        with pytest.raises(error, match=said):
            measure(SUMMARY, metric, features)
    plain = collect(Schema(SCHEMA.features, blocks=["histogram"]), TABLE)
    with pytest.raises(SchemaError, match="does not count the block conditional_histogram"):
        measure(plain, "ks_test", ["length", "wide"])


def test_where_a_condition_is_not_known_its_opposite_is_refused():
    features = [Feature("x", min=0, max=3, resolution=1), Feature("b", "binary")]
    pairwise = Schema(features, blocks=BLOCKS, bins=4, missing="pairwise")
    summary = collect(pairwise, {"x": [0, 1, 2, None], "b": [1, None, 0, 0]})
    assert summary.histogram_given("x", "b") == [1, 0, 0, 0]
    with pytest.raises(SchemaError, match="some rows have 'x' and lack 'b'"):
        summary.histogram_given("x", "b", truth=False)
    whole = collect(pairwise, {"x": [0, 1, None], "b": [1, 0, 0]})
    assert whole.histogram_given("x", "b", truth=False) == [0, 1, 0, 0]
