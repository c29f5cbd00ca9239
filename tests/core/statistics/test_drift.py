"""Drift between two sets of rows against SciPy on the rows themselves."""

import math
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import special, stats
from scipy.spatial.distance import jensenshannon

from fedpeer.core.errors import RequestError, SchemaError
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.metrics import measure
from fedpeer.core.statistics.schema import Feature, Schema
from tests.support import real

IRIS, _ = real.iris()


def counted(rows, bins=121, *, step="0.25", high=30):
    schema = Schema([Feature("x", min=0, max=high, resolution=step)], blocks=["histogram"], bins=bins)
    return collect(schema, {"x": rows})


def drift(here, there, bins=121, **options):
    return measure(counted(here, bins), "drift", options=options, other=counted(there, bins))["features"]["x"]


rows = st.lists(st.integers(0, 120).map(lambda q: q / 4), min_size=2, max_size=40)


def counted_tail(a, b):
    """P(D ≥ d) as the share of all orders of the rows in which it is so."""
    n, m = len(a), len(b)
    d = max(abs(Fraction(sum(x <= v for x in a), n) - Fraction(sum(x <= v for x in b), m)) for v in {*a, *b})

    @cache
    def inside(i, j):
        if min(i, j) < 0 or abs(Fraction(i, n) - Fraction(j, m)) >= d:
            return 0
        return 1 if i == j == 0 else inside(i - 1, j) + inside(i, j - 1)

    return float(1 - Fraction(inside(n, m), math.comb(n + m, n)))


@pytest.mark.long
def test_the_p_value_is_scipys_exact_one():
    rng = np.random.default_rng(4)
    for n, m, shift in ((40, 40, 0), (60, 35, 0.4), (300, 300, 0.2), (20, 150, 1.5)):
        a, b = (np.clip(np.round(rng.normal(s, 1, k), 4), -9, 9) for s, k in ((0, n), (shift, m)))
        schema = Schema([Feature("x", min=-9, max=9, resolution="0.0001")], blocks=["histogram"], bins=1000)
        found = measure(collect(schema, {"x": a}), "drift", other=collect(schema, {"x": b}))["features"]["x"]
        true = stats.ks_2samp(a, b, method="exact").pvalue
        assert found["p_lower"] <= true * (1 + 1e-9)
        assert found["p_upper"] >= true * (1 - 1e-9)
        if found["ks_lower"] == found["ks_upper"]:
            assert found["p_lower"] == pytest.approx(true, rel=1e-10)


@pytest.mark.long
@given(a=rows, b=rows)
@settings(deadline=None, max_examples=40)
def test_with_a_value_a_bin_everything_is_as_on_the_rows(a, b):
    found = drift(a, b)
    d = stats.ks_2samp(a, b, method="asymp").statistic
    assert found["ks_lower"] == found["ks_upper"] == pytest.approx(d, rel=1e-12)
    assert found["p_lower"] == found["p_upper"] == counted_tail(a, b)
    far = stats.wasserstein_distance(a, b)
    assert found["wasserstein_lower"] == found["wasserstein"] == found["wasserstein_upper"]
    assert found["wasserstein"] == pytest.approx(far, rel=1e-12, abs=1e-13)
    values = sorted({*a, *b})
    p, q = ([side.count(v) for v in values] for side in (a, b))
    assert found["js_distance"] == pytest.approx(jensenshannon(p, q, base=2), rel=1e-10, abs=1e-8)
    assert found["js_divergence"] == pytest.approx(found["js_distance"] ** 2, rel=1e-13)
    p, q = np.array(p) / len(a), np.array(q) / len(b)
    assert found["total_variation"] == pytest.approx(np.abs(p - q).sum() / 2, rel=1e-12)


@pytest.mark.long
@given(a=rows, b=rows, bins=st.sampled_from([2, 3, 7, 10, 40]))
@settings(deadline=None, max_examples=40)
def test_with_fewer_bins_the_true_distances_are_between_the_bounds(a, b, bins):
    found, slack = drift(a, b, bins), 1e-12
    d, far = stats.ks_2samp(a, b, method="asymp").statistic, stats.wasserstein_distance(a, b)
    assert found["ks_lower"] - slack <= d <= found["ks_upper"] + slack
    assert found["p_lower"] <= found["p_upper"]
    assert found["wasserstein_lower"] - slack <= far <= found["wasserstein_upper"] + slack
    assert found["wasserstein_lower"] <= found["wasserstein"] <= found["wasserstein_upper"]
    whole = drift(a, b)
    assert found["js_divergence"] <= whole["js_divergence"] + slack
    assert found["total_variation"] <= whole["total_variation"] + slack


@pytest.mark.long
@given(a=rows, b=rows)
@settings(deadline=None, max_examples=40)
def test_the_bounds_of_kolmogorovs_distance_are_reached_by_some_rows(a, b):
    """Each value moved to an end of its bin: within a bin, all of the one before all of the other."""
    found, edges = drift(a, b, bins=10), np.arange(11) * 12.1

    def moved(side, end):
        at = np.searchsorted(np.ceil(edges), np.array(side) * 4, side="right") - 1
        first, last = np.ceil(edges[at]), np.ceil(edges[at + 1]) - 1
        return (last if end else first) / 4

    reached = [
        stats.ks_2samp(moved(a, ends[0]), moved(b, ends[1]), method="asymp").statistic
        for ends in ((0, 1), (1, 0), (0, 0))
    ]
    assert max(reached) == pytest.approx(found["ks_upper"], rel=1e-12)
    assert reached[2] == pytest.approx(found["ks_lower"], rel=1e-12)


@pytest.mark.long
@given(a=rows, b=rows)
@settings(deadline=None, max_examples=20)
def test_drift_is_the_same_in_both_directions_and_none_from_rows_to_themselves(a, b):
    assert drift(a, b) == drift(b, a)
    none = drift(a, a)
    assert {none[key] for key in none if not key.startswith("p_")} == {0.0}
    assert none["p_lower"] == none["p_upper"] == 1.0


def test_the_stability_index_is_its_definition_on_ten_groups_of_all_rows():
    rng = np.random.default_rng(5)
    a, b = (np.clip(np.round(rng.normal(m, s, n) * 4) / 4, 0, 30) for m, s, n in ((12, 4, 300), (14, 5, 500)))
    values, counts = np.unique(np.concatenate([a, b]), return_counts=True)
    middle = (np.cumsum(counts) - counts / 2) / counts.sum()
    group = dict(zip(values, np.floor(middle * 10).astype(int), strict=True))
    p, q = (np.bincount([group[v] for v in side], minlength=10) + 0.5 for side in (a, b))
    p, q = p / p.sum(), q / q.sum()
    assert drift(a, b)["psi"] == pytest.approx(((p - q) * np.log(p / q)).sum(), rel=1e-12)
    assert drift(a, b, groups=1)["psi"] == 0.0


@pytest.mark.parametrize("far", [0.002, 0.03, 0.2, 0.5, 1])
def test_the_tail_of_kolmogorovs_distribution_is_right_near_and_far_out(far):
    n = 2000
    k = round(far * n)
    found = drift([0.0] * n, [0.0] * (n - k) + [1.0] * k)
    assert found["p_lower"] == pytest.approx(special.kolmogorov(math.sqrt(n / 2) * k / n), rel=1e-12)


def test_levels_and_flags_are_compared_by_their_shares():

    here, there = ({n: v[part] for n, v in IRIS.items()} for part in (slice(0, 90), slice(60, 150)))
    options = {"resolution": "0.1", "low": 0, "high": 10}
    union = {n: np.concatenate([here[n], there[n]]) for n in IRIS}
    schema = real.summarised(union, **options).schema
    told = measure(collect(schema, here), "drift", other=collect(schema, there))
    p, q = ([(side["species"] == name).mean() for name in real.SPECIES] for side in (here, there))
    species = told["features"]["species"]
    assert species["js_distance"] == pytest.approx(jensenshannon(p, q, base=2), rel=1e-12)
    assert species["ks_lower"] is None
    flag = told["features"]["Iris_setosa"]
    assert (
        flag["ks_lower"] == flag["ks_upper"] == flag["wasserstein"] == flag["total_variation"] == pytest.approx(50 / 90)
    )
    assert told["features"]["petal_width"]["psi"] is None
    assert told["undefined"]["petal_width"] == "the schema does not count the block histogram"
    assert told["undefined"]["species"].startswith("levels have no order")
    assert told["largest"] == "species"
    assert told["counts"] == [90, 90]


@pytest.mark.long
@given(a=rows, b=rows)
@settings(deadline=None, max_examples=30)
def test_sets_without_a_value_in_common_are_as_far_apart_as_can_be(a, b):
    assume(not {*a} & {*b})
    found = drift(a, b)
    assert (found["js_divergence"], found["js_distance"], found["total_variation"]) == (1.0, 1.0, 1.0)


def test_rows_where_a_flag_is_one_are_compared_with_those_where_it_is_none():
    features = [Feature("x", min=0, max=9, resolution="0.5"), Feature("b", "binary"), Feature("c", "binary")]
    features += [Feature("k", "category", levels=["u", "v", "w"])]
    schema = Schema(features, blocks=["histogram", "conditional_histogram"], bins=5)
    rng = np.random.default_rng(3)
    b, c = rng.integers(0, 2, 90), rng.integers(0, 2, 90)
    table = {"x": rng.integers(0, 10, 90) + b / 2 - b * (c == 1) / 2, "b": b, "c": c}
    table["k"] = np.where(b == 1, rng.choice(["u", "v"], 90), rng.choice(["v", "w"], 90))
    told = measure(collect(schema, table), "drift", options={"by": "b"})
    here, there = (collect(schema, {n: v[b == k] for n, v in table.items()}) for k in (1, 0))
    expected = measure(here, "drift", ["x", "c", "k"], other=there)
    assert told == expected
    assert told["counts"] == [(b == 1).sum(), (b == 0).sum()]


def test_rows_with_gaps_are_compared_by_what_they_have():
    features = [
        Feature("x", min=0, max=9, resolution=1),
        Feature("b", "binary"),
        Feature("k", "category", levels=["u", "v"]),
    ]
    blocks = ["histogram", "conditional_histogram"]
    schema = Schema(features, blocks=blocks, bins=10, missing="pairwise")
    here = collect(schema, {"x": [1, None, 3, 5, 7], "b": [1, 0, None, 1, 0], "k": ["u", None, "v", "v", "v"]})
    there = collect(schema, {"x": [2, 2, None], "b": [None, 0, 1], "k": [None, None, None]})
    told = measure(here, "drift", other=there)
    x, flag = told["features"]["x"], told["features"]["b"]
    assert x["ks_lower"] == pytest.approx(stats.ks_2samp([1, 3, 5, 7], [2, 2]).statistic)
    assert x["wasserstein"] == pytest.approx(stats.wasserstein_distance([1, 3, 5, 7], [2, 2]))
    assert flag["total_variation"] == 0
    assert told["undefined"]["k"] == "no row has a value on one side"
    assert told["features"]["k"]["psi"] is None
    found = measure(here, "quantiles", ["x"], options={"probabilities": "0.5"})["features"]["x"]
    assert (found["count"], found["quantiles"]["0.5"]["value"]) == (4, 3)
    with pytest.raises(SchemaError, match="some rows have 'x' and lack 'b'"):
        measure(here, "drift", ["x"], options={"by": "b"})


def test_drift_is_between_two_sets():
    with pytest.raises(RequestError, match="say which rows are compared"):
        measure(counted([1]), "drift")
