"""What is told of rows with gaps, against pandas and exact fractions over the rows that have what is asked for."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fedpeer.core.contract.functions import Evidence
from fedpeer.core.contract.functions import measure as measured
from fedpeer.core.contract.grammar import Contract
from fedpeer.core.contract.rules import judge
from fedpeer.core.errors import RequestError, SchemaError
from fedpeer.core.statistics import explore as exact
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.explore import explore
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.metrics import measure
from fedpeer.core.statistics.schema import Schema

RNG = np.random.default_rng(11)
N = 300
LEVELS = ["u", "v", "w"]
FRAME = pd.DataFrame(
    {
        "x": RNG.integers(-999, 999, N) / 10,
        "y": RNG.integers(0, 9999, N) / 100,
        "b": RNG.integers(0, 2, N).astype(float),
        "c": RNG.integers(0, 2, N).astype(float),
        "kind": RNG.choice(LEVELS, N),
    }
)
FRAME["y"] = (FRAME.y + FRAME.x.abs() / 2).round(2)
for name in FRAME.columns:
    FRAME.loc[RNG.random(N) < 0.15, name] = None
SCHEMA = Schema(
    [
        Feature("x", min=-100, max=100, resolution="0.1"),
        Feature("y", min=0, max=200, resolution="0.01"),
        Feature("b", "binary"),
        Feature("c", "binary"),
        Feature("kind", "category", levels=LEVELS),
    ],
    missing="pairwise",
    blocks=["powers", "histogram", "conditional_histogram"],
    bins=10,
)
SUMMARY = collect(SCHEMA, FRAME)
NUMBERS = ["x", "y", "b", "c"]


def near(value: float) -> object:
    return pytest.approx(value, rel=1e-11, abs=1e-13)


def test_correlations_and_covariances_are_those_of_pandas():
    r, cov = FRAME[NUMBERS].corr(), FRAME[NUMBERS].cov()
    told = measure(SUMMARY, "correlation", NUMBERS, options={"confidence": "0.9"})
    for a in NUMBERS:
        for b in NUMBERS:
            both = FRAME[[a, b]].dropna() if a != b else FRAME[[a]].dropna()
            pair = explore(SUMMARY).bivariate(a, b)
            assert pair["count"] == told["counts"][a][b] == len(both)
            assert pair["correlation"] == told["correlation"][a][b] == near(r.loc[a, b])
            assert pair["covariance_unbiased"] == near(cov.loc[a, b])
            if a != b:
                low, high = stats.pearsonr(both[a], both[b]).confidence_interval(0.9)
                assert (told["correlation_low"][a][b], told["correlation_high"][a][b]) == (near(low), near(high))


def test_one_feature_is_told_over_the_rows_that_have_it():
    for name in NUMBERS:
        told, values = explore(SUMMARY).univariate(name), FRAME[name].dropna()
        assert told["count"] == len(values)
        assert told["mean"] == near(values.mean())
        assert told["variance_unbiased"] == near(values.var())
        assert told["stderr"] == near(values.sem())
    assert told["count_true"] + told["count_false"] == told["count"]
    shape = explore(SUMMARY).univariate("x")
    assert shape["skewness_unbiased"] == pytest.approx(FRAME.x.skew(), rel=1e-9)
    assert shape["kurtosis_excess_unbiased"] == pytest.approx(FRAME.x.kurt(), rel=1e-9)
    levels = explore(SUMMARY).univariate("kind")
    assert levels["count"] == FRAME.kind.count()
    assert {level: each["count"] for level, each in levels["levels"].items()} == FRAME.kind.value_counts().to_dict()
    assert sum(each["proportion"] for each in levels["levels"].values()) == near(1)


def test_conditions_take_the_rows_that_have_both():
    told = explore(SUMMARY).bivariate("x", "b")
    for key, value in (("when_true", 1), ("when_false", 0)):
        part = FRAME.x[FRAME.b == value].dropna()
        assert told[key]["count"] == len(part)
        assert told[key]["mean"] == near(part.mean())
        assert told[key]["variance_unbiased"] == near(part.var())
    for level, each in explore(SUMMARY).bivariate("y", "kind")["levels"].items():
        part = FRAME.y[FRAME.kind == level].dropna()
        assert (each["count"], each["mean"], each["variance"]) == (len(part), near(part.mean()), near(part.var(ddof=0)))
    table = explore(SUMMARY).bivariate("kind", "kind")["table"]
    assert sum(sum(row.values()) for row in table.values()) == FRAME.kind.count()


def test_tests_take_the_rows_that_have_what_they_compare():
    both, x, y = FRAME[["x", "y"]].dropna(), FRAME.x.dropna(), FRAME.y.dropna()
    told = measure(SUMMARY, "t_test", ["x", "y"])
    assert told["welch"]["t"] == near(stats.ttest_ind(x, y, equal_var=False).statistic)
    paired = measure(SUMMARY, "t_test", ["x", "y"], options={"paired": True})
    expected = stats.ttest_rel(both.x, both.y)
    assert (paired["paired"]["t"], paired["paired"]["p"]) == (near(expected.statistic), near(expected.pvalue))
    assert [sample["count"] for sample in paired["samples"]] == [len(both)] * 2
    ones, zeros = (FRAME.x[FRAME.b == value].dropna() for value in (1, 0))
    t = measure(SUMMARY, "t_test", ["x", "b"])["pooled"]
    assert t["t"] == near(stats.ttest_ind(ones, zeros).statistic)
    f = measure(SUMMARY, "oneway", ["y", "kind"])
    parts = [FRAME.y[FRAME.kind == level].dropna() for level in LEVELS]
    assert f["f"] == near(stats.f_oneway(*parts).statistic)
    assert measure(SUMMARY, "ttest", ["x", "y"])["tn2"] == len(y)
    assert measure(SUMMARY, "bi", ["x", "b"])["condMean"] == near(ones.mean())
    assert measure(SUMMARY, "bi", ["x", "b"])["condCount"] == len(ones)
    assert measure(SUMMARY, "uni", ["y"])["count"] == len(y)


@pytest.mark.parametrize("pair", [("b", "c"), ("b", "kind"), ("kind", "c")])
def test_tables_count_the_rows_that_have_both(pair):
    crossed = pd.crosstab(FRAME[pair[0]], FRAME[pair[1]])
    told = measure(SUMMARY, "contingency", pair)
    assert told["count"] == int(crossed.to_numpy().sum())
    assert [list(row.values()) for row in told["table"].values()] == crossed.to_numpy().tolist()
    assert told["chi2"] == near(stats.chi2_contingency(crossed, correction=False).statistic)
    assert measure(SUMMARY, "information_gain", pair)["count"] == told["count"]


def test_differences_between_groups_take_each_features_own_rows():
    told = measure(SUMMARY, "difference", ["x", "y"], options={"by": "b"})["features"]
    for name in ("x", "y"):
        one, other = (FRAME[name][FRAME.b == value].dropna() for value in (1, 0))
        smd = (one.mean() - other.mean()) / np.sqrt((one.var() + other.var()) / 2)
        assert told[name]["smd"] == near(smd)
        assert told[name]["counts"] == [len(one), len(other)]
    half = collect(SCHEMA, FRAME.iloc[: N // 2])
    one, other = FRAME.x.iloc[: N // 2].dropna(), FRAME.x.iloc[N // 2 :].dropna()
    apart = measure(half, "difference", ["x"], other=SUMMARY - half)["features"]["x"]
    assert apart["smd"] == near((one.mean() - other.mean()) / np.sqrt((one.var() + other.var()) / 2))


def test_histograms_are_of_the_rows_that_have_the_feature():
    assert sum(SUMMARY.histogram("x")) == FRAME.x.count()
    assert measure(SUMMARY, "quantiles", ["x"])["features"]["x"]["count"] == FRAME.x.count()
    assert sum(SUMMARY.histogram_given("x", "b")) == int(((FRAME.b == 1) & FRAME.x.notna()).sum())


VALUES = st.none() | st.integers(-3, 3)


@given(st.lists(st.tuples(VALUES, VALUES, st.none() | st.integers(0, 1)), min_size=1, max_size=10))
@settings(max_examples=25, deadline=None)
def test_exact_values_are_those_of_the_rows_themselves(rows):
    schema = Schema(
        [Feature("x", min=-3, max=3, resolution=1), Feature("y", min=-3, max=3, resolution=1), Feature("b", "binary")],
        missing="pairwise",
    )
    frame = pd.DataFrame(rows, columns=["x", "y", "b"], dtype=object)
    summary = collect(schema, {name: [None if v is None else float(v) for v in frame[name]] for name in frame})
    for i, a in enumerate("xyb"):
        for j, b in enumerate("xyb"):
            both = [(Fraction(r[i]), Fraction(r[j])) for r in rows if r[i] is not None and r[j] is not None]
            if not both:
                with pytest.raises(SchemaError, match="no row"):
                    exact.covariance(summary, a, b)
                continue
            n, one, other = len(both), sum(p for p, _ in both), sum(q for _, q in both)
            assert exact.mean(summary, a, b) == one / n
            assert exact.variance(summary, a, b) == sum(p * p for p, _ in both) / n - (one / n) ** 2
            assert exact.covariance(summary, a, b) == sum(p * q for p, q in both) / n - one * other / n**2
        for truth in (True, False):
            part = [Fraction(r[i]) for r in rows if r[i] is not None and r[2] is not None and bool(r[2]) is truth]
            found = exact.given(summary, a, "b", truth)
            assert found.count == len(part)
            assert found.mean == (sum(part) / len(part) if part else None)
            if part:
                assert found.variance == sum(p * p for p in part) / len(part) - (sum(part) / len(part)) ** 2


def test_what_no_row_has_is_said():
    frame = pd.DataFrame({"x": [1.0, 2.0, None], "y": [None, None, 3.0], "b": [1, 0, 1], "c": None, "kind": "u"})
    summary = collect(SCHEMA, frame)
    pair = explore(summary).bivariate("x", "y")
    assert (pair["count"], pair["covariance"], pair["correlation"]) == (0, None, None)
    assert explore(summary).univariate("c")["count"] == 0
    assert explore(summary).univariate("c")["mean"] is None
    told = measure(summary, "correlation", ["x", "y", "b"])
    assert told["correlation"]["x"]["y"] is None
    assert told["undefined"]["y, x"] == "no row has both"
    assert told["undefined"]["y"] == "constant in all rows"
    with pytest.raises(RequestError, match="no row has 'c'"):
        measure(summary, "z_test", ["c", "b"])
    with pytest.raises(SchemaError, match="no row has 'x' and 'y'"):
        exact.covariance(summary, "x", "y")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("COUNT(x)", FRAME.x.count()),
        ("ROWS()", SUMMARY.rows),
        ("MEAN(y)", FRAME.y.mean()),
        ("COVAR(x, y)", FRAME[["x", "y"]].dropna().cov(ddof=0).loc["x", "y"]),
        ("LINCORR(x, y)", FRAME[["x", "y"]].corr().loc["x", "y"]),
        ("COND_COUNT(x, b)", ((FRAME.b == 1) & FRAME.x.notna()).sum()),
        ("MEAN_WHEN_FALSE(x, b)", FRAME.x[FRAME.b == 0].mean()),
        ("COUNT_TRUE(c)", FRAME.c.sum()),
    ],
)
def test_contracts_measure_the_rows_that_have_what_they_name(text, value):
    (rule,) = Contract.parse(f"{text} > {value - abs(value) * 1e-9:.15f}\n").rules
    (other,) = Contract.parse(f"{text} < {value + abs(value) * 1e-9:.15f}\n").rules
    for each in (rule, other):
        assert judge(each, lambda call: measured(call, Evidence(SUMMARY, 1))).passed
