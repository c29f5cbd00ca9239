"""Exploration against numpy and SciPy on the pooled rows, and against exact fractions where those are better."""

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.datasets import load_breast_cancer

from fedpeer.core.errors import SchemaError
from fedpeer.core.statistics import explore as module
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.explore import Given, covariance, explore, mean, variance
from fedpeer.core.statistics.schema import Feature, Schema
from fedpeer.core.statistics.summary import Summary
from tests.support.elimination import square_root

SCHEMA = Schema(
    [
        Feature("age", "continuous", min=0, max=120, resolution="0.1"),
        Feature("dose", "continuous", min=-5, max=5, resolution="0.001"),
        Feature("ill", "binary"),
        Feature("sex", "binary", levels=["M", "F"]),
        Feature("site", "category", levels=["north", "south", "east"]),
    ]
)
RNG = np.random.default_rng(11)
ROWS = 240
AGE = np.round(RNG.uniform(20, 90, ROWS), 1)
ILL = (RNG.uniform(size=ROWS) < AGE / 150).astype(int)
DOSE = np.round(RNG.normal(size=ROWS) + 0.8 * ILL, 3)
SEX = RNG.choice(["M", "F"], ROWS)
SITE = RNG.choice(["north", "south"], ROWS)
TABLE = {"age": AGE, "dose": DOSE, "ill": ILL, "sex": SEX, "site": SITE}
SUMMARY = collect(SCHEMA, TABLE)
TOLD = explore(SUMMARY)


@pytest.mark.parametrize(("name", "values"), [("age", AGE), ("dose", DOSE), ("ill", ILL), ("sex", SEX == "F")])
def test_univariate_agrees_with_numpy_and_scipy(name, values):
    values = np.asarray(values, float)
    told = TOLD.univariate(name)
    low, high = stats.t.interval(0.95, ROWS - 1, loc=values.mean(), scale=stats.sem(values))
    expected = {
        "count": ROWS,
        "mean": values.mean(),
        "variance": values.var(),
        "variance_unbiased": values.var(ddof=1),
        "stddev": values.std(),
        "stddev_unbiased": values.std(ddof=1),
        "stderr": stats.sem(values),
        "ci_low": low,
        "ci_high": high,
        "confidence": 0.95,
    }
    assert {key: told[key] for key in expected} == pytest.approx(expected, rel=1e-12)


def test_a_binary_feature_has_its_two_counts():
    told = TOLD.univariate("ill")
    assert (told["count_true"], told["count_false"]) == (ILL.sum(), ROWS - ILL.sum())


def test_a_category_has_counts_and_proportions():
    told = TOLD.univariate("site")
    north = int((SITE == "north").sum())
    assert told["count"] == ROWS
    assert told["levels"] == {
        "north": {"count": north, "proportion": north / ROWS},
        "south": {"count": ROWS - north, "proportion": (ROWS - north) / ROWS},
        "east": {"count": 0, "proportion": 0.0},
    }
    assert TOLD.univariate("site$north")["count_true"] == north


def test_bivariate_agrees_with_numpy_and_scipy():
    told = TOLD.bivariate("age", "dose")
    pearson = stats.pearsonr(AGE, DOSE)
    interval = pearson.confidence_interval(0.95)
    assert told["covariance"] == pytest.approx(np.cov(AGE, DOSE, ddof=0)[0, 1], rel=1e-12)
    assert told["covariance_unbiased"] == pytest.approx(np.cov(AGE, DOSE)[0, 1], rel=1e-12)
    assert told["correlation"] == pytest.approx(pearson.statistic, rel=1e-12)
    assert (told["correlation_low"], told["correlation_high"]) == pytest.approx(tuple(interval), rel=1e-12)
    assert "when_true" not in told


@pytest.mark.parametrize(("key", "truth"), [("when_true", 1), ("when_false", 0)])
@pytest.mark.parametrize(("name", "values"), [("age", AGE), ("sex", SEX == "F")])
def test_a_feature_is_described_where_another_holds_and_where_not(name, values, key, truth):
    told, part = TOLD.bivariate(name, "ill")[key], np.asarray(values, float)[truth == ILL]
    expected = {
        "count": len(part),
        "mean": part.mean(),
        "variance": part.var(),
        "variance_unbiased": part.var(ddof=1),
        "stddev": part.std(),
        "stddev_unbiased": part.std(ddof=1),
    }
    assert told == pytest.approx(expected, rel=1e-12)


def test_a_feature_is_described_within_each_level_of_a_category():
    levels = TOLD.bivariate("age", "site")["levels"]
    assert levels == TOLD.bivariate("site", "age")["levels"]
    assert levels["south"]["mean"] == pytest.approx(AGE[SITE == "south"].mean(), rel=1e-14)
    assert levels["south"]["variance"] == pytest.approx(AGE[SITE == "south"].var(), rel=1e-12)
    assert levels["east"] == dict.fromkeys(levels["east"]) | {"count": 0}


def test_two_categories_give_their_table():
    table = TOLD.bivariate("site", "site")["table"]
    assert table["north"] == {"north": int((SITE == "north").sum()), "south": 0, "east": 0}


def test_the_breast_cancer_data_agree_with_numpy():
    data = load_breast_cancer()
    values = {name.replace(" ", "_"): data.data[:, i] for i, name in enumerate(data.feature_names[:8])}
    schema = Schema([Feature(n, "continuous", min=0, max=5000, resolution="0.0000001") for n in values])
    summary = collect(schema, values)
    names = list(values)
    expected = np.corrcoef(np.array([values[name] for name in names]))
    for i, a in enumerate(names):
        assert explore(summary).univariate(a)["variance"] == pytest.approx(values[a].var(), rel=1e-12)
        told = [explore(summary).bivariate(a, b)["correlation"] for b in names]
        assert told == pytest.approx(expected[i], rel=1e-10)


# NIST's NumAcc sets 2 to 4: their rows are stated by a rule, their mean, deviation (÷ n − 1) are certified as exact
@pytest.mark.parametrize(
    ("first", "even", "odd", "rows", "average"),
    [
        ("1.2", "1.1", "1.3", 1001, "1.2"),
        ("1000000.2", "1000000.1", "1000000.3", 1001, "1000000.2"),
        ("10000000.2", "10000000.1", "10000000.3", 1001, "10000000.2"),
    ],
)
def test_the_certified_means_and_deviations_of_numacc_are_met_exactly(first, even, odd, rows, average):
    schema = Schema([Feature("x", "continuous", min=0, max=20_000_000, resolution="0.1")])
    values = [first, *([even, odd] * ((rows - 1) // 2))]
    told = explore(collect(schema, {"x": values})).univariate("x")
    assert (told["mean"], told["stddev_unbiased"]) == (float(average), 0.1)


def test_no_rows_and_one_row_leave_undefined_what_is_undefined():
    nothing = explore(Summary.zero(SCHEMA))
    assert nothing.univariate("age")["count"] == 0
    assert nothing.univariate("age")["mean"] is None
    assert nothing.bivariate("age", "ill")["correlation"] is None
    assert nothing.univariate("site")["levels"]["east"] == {"count": 0, "proportion": None}
    single = explore(collect(SCHEMA, {name: values[:1] for name, values in TABLE.items()}))
    told = single.univariate("age")
    assert (told["mean"], told["variance"], told["variance_unbiased"], told["stderr"]) == (AGE[0], 0.0, None, None)
    assert single.bivariate("age", "dose")["covariance_unbiased"] is None
    with pytest.raises(SchemaError, match="no rows"):
        mean(Summary.zero(SCHEMA), "age")


def test_constants_and_perfect_correlation():
    schema = Schema([Feature(n, "continuous", min=0, max=10, resolution="0.01") for n in "xyc"])
    summary = collect(schema, {"x": [1, 2, 4, 8], "y": [8.1, 7.1, 5.1, 1.1], "c": [0.3] * 4})
    told = explore(summary)
    assert told.bivariate("x", "y")["correlation"] == told.bivariate("x", "y")["correlation_high"] == -1.0
    assert told.bivariate("x", "c")["correlation"] is None
    constant = told.univariate("c")
    assert [constant[key] for key in ("mean", "variance", "stderr", "ci_low", "ci_high")] == [0.3, 0.0, 0.0, 0.3, 0.3]


def test_exact_parts_for_those_who_compare_with_limits():
    third = collect(SCHEMA, {name: values[:3] for name, values in TABLE.items()})
    assert mean(third, "age") == sum(Fraction(str(value)) for value in AGE[:3]) / 3
    assert variance(third, "age") == covariance(third, "age", "age")
    ones = module.given(SUMMARY, "ill", "ill")
    assert ones == Given(int(ILL.sum()), Fraction(1), Fraction(0))
    assert module.given(SUMMARY, "age", "site$east") == Given(0, None, None)
    with pytest.raises(SchemaError, match="'age' is not a 0/1 column"):
        module.given(SUMMARY, "dose", "age")


def test_a_name_that_is_not_there_and_a_confidence_that_cannot_be_are_refused():
    with pytest.raises(SchemaError, match="did you mean 'dose'"):
        TOLD.univariate("doze")
    with pytest.raises(SchemaError):
        TOLD.bivariate("age", "nothing")
    with pytest.raises(ValueError, match="between 0 and 1"):
        explore(SUMMARY, confidence=95)


def test_another_confidence_changes_only_the_intervals():
    wide, usual = explore(SUMMARY, confidence=0.99).univariate("age"), TOLD.univariate("age")
    assert wide["ci_low"] < usual["ci_low"] < usual["ci_high"] < wide["ci_high"]
    assert wide["variance"] == usual["variance"]
    assert wide["confidence"] == 0.99


def test_a_summary_that_no_rows_could_give_is_refused():
    schema = Schema([Feature(n, "continuous", min=-9, max=9, resolution=1) for n in "xy"])
    wrong = collect(schema, {"x": [1, 2, 3, 4], "y": [1, 2, 3, 5]}) - collect(schema, {"x": [-9, 9], "y": [9, -9]})
    with pytest.raises(SchemaError, match="no rows could give"):
        explore(wrong).univariate("x")
    wrong = collect(schema, {"x": [1, 2, 3, 4], "y": [1, 2, 3, 5]}) - collect(schema, {"x": [2, 2], "y": [0, 5]})
    with pytest.raises(SchemaError, match="no rows could give"):
        explore(wrong).bivariate("x", "y")


def test_answers_are_json():
    for name in TABLE:
        told = [TOLD.univariate(name), *(TOLD.bivariate(name, other) for other in TABLE)]
        assert json.loads(json.dumps(told, allow_nan=False)) == told


@pytest.mark.long
@given(st.lists(st.tuples(st.integers(-50, 50), st.booleans(), st.integers(0, 3)), min_size=2, max_size=12))
@settings(max_examples=60, deadline=None)
def test_every_number_is_the_nearest_float_and_no_split_changes_it(rows):
    schema = Schema([Feature("x", "continuous", min=-5, max=5, resolution="0.1"), Feature("b", "binary")])
    columns = {"x": [x / 10 for x, _, _ in rows], "b": [int(b) for _, b, _ in rows]}
    whole = collect(schema, columns)
    parts = [
        collect(
            schema,
            {name: [v for v, (_, _, p) in zip(vs, rows, strict=True) if p == peer] for name, vs in columns.items()},
        )
        for peer in range(4)
    ]
    assert explore(sum(parts, Summary.zero(schema))).bivariate("x", "b") == explore(whole).bivariate("x", "b")

    exact = [Fraction(x, 10) for x, _, _ in rows]
    centre = sum(exact) / len(exact)
    square = sum((x - centre) ** 2 for x in exact)
    told = explore(whole).univariate("x")
    assert told["mean"] == float(centre)
    assert told["variance_unbiased"] == float(square / (len(rows) - 1))
    assert told["stddev"] == square_root(square / len(rows))
