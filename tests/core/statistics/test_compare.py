"""z, t and F tests and ANOVA against SciPy and statsmodels on the pooled rows."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportions_ztest
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW, ztest

from fedpeer.core.errors import RequestError, SchemaError
from fedpeer.core.statistics.metrics import measure
from fedpeer.core.statistics.summary import Summary
from tests.support import real

IRIS, SUMMARY = real.iris()
CANCER, CANCER_SUMMARY = real.cancer()
DIABETES, DIABETES_SUMMARY = real.diabetes()
NEAR = {"rel": 1e-12, "abs": 1e-300}

# what is asked, and the two samples of the pooled rows that it means
PAIRS = [
    (SUMMARY, ["sepal_width", "petal_length"], IRIS["sepal_width"], IRIS["petal_length"]),
    (
        SUMMARY,
        ["sepal_width", "Iris_versicolor", "Iris_virginica"],
        IRIS["sepal_width"][IRIS["Iris_versicolor"] == 1],
        IRIS["sepal_width"][IRIS["Iris_virginica"] == 1],
    ),
    (
        CANCER_SUMMARY,
        ["smoothness_error", "benign"],
        CANCER["smoothness_error"][CANCER["benign"] == 1],
        CANCER["smoothness_error"][CANCER["benign"] == 0],
    ),
    (
        DIABETES_SUMMARY,
        ["bmi", "sex"],
        DIABETES["bmi"][DIABETES["sex"] == 1],
        DIABETES["bmi"][DIABETES["sex"] == 0],
    ),
]
of_each_pair = pytest.mark.parametrize(("summary", "features", "a", "b"), PAIRS)


@of_each_pair
def test_t_tests_agree_with_scipy(summary, features, a, b):
    told = measure(summary, "t_test", features)
    for key, equal in (("pooled", True), ("welch", False)):
        expected = stats.ttest_ind(a, b, equal_var=equal)
        interval = expected.confidence_interval()
        here = told[key]
        assert [here["t"], here["df"], here["p"]] == pytest.approx(
            [expected.statistic, expected.df, expected.pvalue], rel=1e-10
        )
        assert [here["ci_low"], here["ci_high"]] == pytest.approx(list(interval), rel=1e-11)
    spread = np.sqrt(((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / (len(a) + len(b) - 2))
    assert told["cohen_d"] == pytest.approx((a.mean() - b.mean()) / spread, rel=1e-11)
    assert [s["count"] for s in told["samples"]] == [len(a), len(b)]
    assert [s["variance_unbiased"] for s in told["samples"]] == pytest.approx([a.var(ddof=1), b.var(ddof=1)], rel=1e-11)


@of_each_pair
def test_z_tests_agree_with_statsmodels(summary, features, a, b):
    told = measure(summary, "z_test", features, options={"confidence": "0.9"})
    z, p = ztest(a, b, usevar="unequal")
    interval = CompareMeans(DescrStatsW(a), DescrStatsW(b)).zconfint_diff(alpha=0.1, usevar="unequal")
    assert told["z"] == pytest.approx(z, rel=1e-11)
    assert told["p"] == pytest.approx(p, rel=1e-9)
    assert [told["ci_low"], told["ci_high"]] == pytest.approx(list(interval), rel=1e-10)


@of_each_pair
def test_the_f_test_agrees_with_scipy(summary, features, a, b):
    told, f = measure(summary, "f_test", features), a.var(ddof=1) / b.var(ddof=1)
    m, n = len(a) - 1, len(b) - 1
    assert [told["f"], told["df1"], told["df2"]] == pytest.approx([f, m, n], rel=1e-11)
    assert told["p_greater"] == pytest.approx(stats.f.sf(f, m, n), rel=1e-9)
    assert told["p_less"] == pytest.approx(stats.f.cdf(f, m, n), rel=1e-9)
    assert told["p"] == pytest.approx(2 * min(stats.f.sf(f, m, n), stats.f.cdf(f, m, n)), rel=1e-9)


def test_one_sample_is_compared_with_a_known_value():
    x = DIABETES["bmi"]
    told, expected = measure(DIABETES_SUMMARY, "t_test", ["bmi"], options={"known": "26.2"}), stats.ttest_1samp(x, 26.2)
    assert [told["t"], told["df"], told["p"]] == pytest.approx([expected.statistic, 441, expected.pvalue], rel=1e-11)
    assert [told["ci_low"], told["ci_high"]] == pytest.approx(
        [end - 26.2 for end in expected.confidence_interval()], rel=1e-10
    )
    assert measure(DIABETES_SUMMARY, "z_test", ["bmi"], options={"known": 26.2})["z"] == pytest.approx(
        ztest(x, value=26.2)[0], rel=1e-11
    )
    told = measure(DIABETES_SUMMARY, "f_test", ["bmi"], options={"known": 21})
    chi2 = 441 * x.var(ddof=1) / 21
    tails = (stats.chi2.cdf(chi2, 441), stats.chi2.sf(chi2, 441))
    assert [told["chi2"], told["p_less"], told["p_greater"]] == pytest.approx([chi2, *tails], rel=1e-11)


def test_a_paired_test_is_that_of_the_differences():
    a, b = IRIS["petal_length"], IRIS["sepal_width"]
    told = measure(SUMMARY, "t_test", ["petal_length", "sepal_width"], options={"paired": True})["paired"]
    expected = stats.ttest_rel(a, b)
    assert [told["t"], told["df"], told["p"]] == pytest.approx([expected.statistic, 149, expected.pvalue], rel=1e-11)
    assert [told["ci_low"], told["ci_high"]] == pytest.approx(list(expected.confidence_interval()), rel=1e-11)


def test_proportions_agree_with_statsmodels():
    benign = CANCER["benign"]
    told = measure(CANCER_SUMMARY, "proportion_test", ["benign"], options={"known": "0.6"})
    z, p = proportions_ztest(benign.sum(), len(benign), value=0.6, prop_var=0.6)
    assert [told["z"], told["p"]] == pytest.approx([z, p], rel=1e-11)
    a, b = IRIS["petal_width_b1"], IRIS["petal_width_b2"]
    told = measure(SUMMARY, "proportion_test", ["petal_width_b1", "petal_width_b2"])
    z, p = proportions_ztest([a.sum(), b.sum()], [len(a), len(b)])
    assert [told["z"], told["p"]] == pytest.approx([z, p], rel=1e-10)


def test_two_peers_are_compared_like_two_samples():
    """What one summary says of its rows and another of its own is what SciPy says of both tables."""
    here = {name: values[::3] for name, values in DIABETES.items()}
    there = {name: values[1::3] for name, values in DIABETES.items()}
    ours, theirs = (real.summarised(part, resolution="0.0001") for part in (here, there))
    told = measure(ours, "t_test", ["bp"], other=theirs)["welch"]
    expected = stats.ttest_ind(here["bp"], there["bp"], equal_var=False)
    assert [told["t"], told["df"], told["p"]] == pytest.approx(
        [expected.statistic, expected.df, expected.pvalue], rel=1e-10
    )


def test_levels_of_a_category_are_chosen_by_name():
    told = measure(SUMMARY, "t_test", ["sepal_width", "species"], options={"levels": "versicolor, virginica"})
    assert told["welch"] == measure(SUMMARY, "t_test", PAIRS[1][1])["welch"]
    with pytest.raises(RequestError, match="has 3 levels; choose two"):
        measure(SUMMARY, "t_test", ["sepal_width", "species"])


@pytest.mark.parametrize(
    ("features", "parts"),
    [
        (["sepal_width", "species"], [IRIS["sepal_width"][IRIS["species"] == s] for s in real.SPECIES]),
        (["petal_width", "sepal_width"], [IRIS["petal_width"], IRIS["sepal_width"]]),
        (
            ["petal_width", "Iris_setosa", "Iris_virginica"],
            [IRIS["petal_width"][IRIS[f"Iris_{s}"] == 1] for s in ("setosa", "virginica")],
        ),
        (["petal_width", "Iris_setosa"], [IRIS["petal_width"][IRIS["Iris_setosa"] == k] for k in (1, 0)]),
    ],
)
def test_one_way_anova_agrees_with_scipy(features, parts):
    told, expected = measure(SUMMARY, "oneway", features), stats.f_oneway(*parts)
    pooled = np.concatenate(parts)
    within = sum(part.var() * len(part) for part in parts)
    total = pooled.var() * len(pooled)
    assert told["f"] == pytest.approx(expected.statistic, rel=1e-11)
    assert told["p"] == pytest.approx(expected.pvalue, rel=1e-9, abs=1e-300)
    assert told["within"]["squares"] == pytest.approx(within, rel=1e-12)
    assert told["between"]["squares"] == pytest.approx(total - within, rel=1e-11)
    assert told["between"]["df"] + told["within"]["df"] == told["total"]["df"] == len(pooled) - 1
    assert told["eta_squared"] == pytest.approx(1 - within / total, rel=1e-11)
    assert told["residual_std"] == pytest.approx(np.sqrt(within / told["within"]["df"]), rel=1e-12)


def test_groups_that_overlap_are_refused():
    with pytest.raises(RequestError, match="50 rows are both 'petal_width_b1' and 'Iris_setosa'"):
        measure(SUMMARY, "oneway", ["sepal_width", "petal_width_b1", "Iris_setosa"])


def test_what_does_not_vary_has_no_statistic_but_a_reason():
    flat = real.summarised({"x": np.ones(5), "y": np.full(5, 2.0), "b": np.array([0, 0, 0, 1, 1])}, resolution="0.1")
    told = measure(flat, "t_test", ["x", "y"])
    assert (told["pooled"]["t"], told["pooled"]["undefined"]) == (None, {"t": "the values do not vary"})
    assert (told["cohen_d"], told["undefined"]) == (None, {"cohen_d": "the values do not vary"})
    assert measure(flat, "f_test", ["x", "y"])["undefined"] == {"f": "the values do not vary"}
    assert measure(flat, "oneway", ["x", "b"])["undefined"] == {"f": "the values do not vary within the groups"}
    assert measure(flat, "z_test", ["x", "b"])["undefined"] == {"z": "the values do not vary"}


def test_too_few_rows_are_said_to_be_too_few():
    single = real.summarised({"x": np.array([1.0, 2.0, 4.0]), "b": np.array([1, 0, 0])}, resolution="0.1")
    told = measure(single, "t_test", ["x", "b"])
    assert told["welch"]["undefined"] == {"t": "too few rows"}
    assert told["pooled"]["df"] == 1
    assert measure(single, "f_test", ["x", "b"])["undefined"] == {"f": "too few rows"}
    with pytest.raises(SchemaError, match="no rows"):
        measure(Summary.zero(single.schema), "t_test", ["x", "b"])


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (["sepal_width"], "nothing to be compared with"),
        (["Iris_setosa", "sepal_width"], "is 0/1 and 'sepal_width' is not"),
        (["sepal_width", "sepal_length", "Iris_setosa"], "'sepal_length' is not a 0/1 column"),
        ([], "takes 1 to 3 features, not 0"),
    ],
)
def test_samples_that_cannot_be_are_refused(features, message):
    with pytest.raises((RequestError, SchemaError), match=message):
        measure(SUMMARY, "t_test", features)
