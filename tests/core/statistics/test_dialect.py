"""The reference product's metrics, by the numbers that its public documentation prints."""

import json

import numpy as np
import pytest
from scipy import stats

from fedpeer.core.errors import RequestError
from fedpeer.core.statistics.metrics import measure
from tests.support import real

IRIS, SUMMARY = real.iris(uci=True)
# Each face of five dice in a thousand throws, as printed with chi2 of 24.9148 on 20 degrees of freedom.
DICE = {
    "d1": (182, 161, 156, 174, 178, 149),
    "d2": (145, 162, 180, 194, 141, 178),
    "d3": (175, 179, 149, 168, 174, 155),
    "d4": (158, 155, 179, 196, 166, 146),
    "d5": (169, 172, 164, 177, 156, 162),
}


def test_one_feature_has_the_printed_numbers():
    told = measure(SUMMARY, "uni", ["sepal_length"])
    assert told["count"] == 150
    assert told["mean"] == pytest.approx(5.843333333333334, rel=1e-15)
    assert told["variance"] == pytest.approx(0.6811222222222204, rel=1e-13)
    assert told["stddev"] == pytest.approx(0.8253012917851398, rel=1e-13)
    assert told["stderr"] == pytest.approx(IRIS["sepal_length"].std() / np.sqrt(150), rel=1e-13)
    assert round(told["meanMarginErrorC95"], 4) == 0.1332


def test_skewness_is_there_where_powers_are_counted_and_has_the_printed_digits():
    assert "skewness" not in measure(SUMMARY, "uni", ["sepal_length"])
    table = {"sepal_length": IRIS["sepal_length"]}
    counted = real.summarised(table, resolution="0.1", low=0, high=10, blocks=("powers",))
    told = measure(counted, "uni", ["sepal_length"])["skewness"]
    assert told == pytest.approx(0.31808651443435426, rel=1e-12)


def test_two_features_have_the_printed_numbers():
    told = measure(SUMMARY, "bi", ["sepal_length", "petal_width"])
    printed = {"linCorr": 0.818, "covar": 0.5135, "condCount": 179.8, "condMean": 6.2717}
    assert {key: round(told[key], 4) for key in printed} == printed
    assert told["condSum"] == pytest.approx((IRIS["sepal_length"] * IRIS["petal_width"]).sum())
    assert told["condVariance"] is None
    assert told["undefined"] == {"condVariance": "'petal_width' is not a 0/1 column: Σx²b² is not in a summary"}


def test_given_a_binary_feature_all_conditional_numbers_are_there():
    told = measure(SUMMARY, "bi", ["sepal_length", "Iris_setosa"])
    part = IRIS["sepal_length"][IRIS["Iris_setosa"] == 1]
    low, high = stats.t.interval(0.95, 49, loc=part.mean(), scale=part.std() / np.sqrt(50))
    expected = {
        "condCount": 50,
        "condSum": part.sum(),
        "condMean": part.mean(),
        "condVariance": part.var(),
        "condStddev": part.std(),
        "biCi95Down": low,
        "biCi95Up": high,
    }
    assert {key: told[key] for key in expected} == pytest.approx(expected, rel=1e-12)
    assert "undefined" not in told


def test_the_z_test_has_the_printed_number():
    told = measure(SUMMARY, "ztest", ["sepal_length", "petal_width"])
    assert round(told["z"], 4) == 50.6844
    assert list(told) == ["zn1", "zn2", "zm1", "zm2", "zs1", "zs2", "z", "zp"]
    assert told["zs1"] == pytest.approx(IRIS["sepal_length"].var(), rel=1e-12)


def test_a_table_of_columns_has_the_printed_numbers():
    columns = "Iris_setosa,Iris_versicolor,Iris_virginica"
    told = measure(SUMMARY, "chi2", options={"rows": "petal_width_b1,petal_width_b2", "columns": columns})
    assert (told["chiStat"], told["df"], round(told["coef"], 4), round(told["pval"], 4)) == (150.0, 2, 0.8409, 0.0)
    assert told["obs$petal_width_b1:Iris_setosa"] == told["obs$petal_width_b2:Iris_virginica"] == 50
    assert told["obs$petal_width_b2:Iris_setosa"] == 0


def test_categories_with_the_same_levels_have_the_printed_numbers():
    table = {name: np.repeat(np.array(list("123456")), counts) for name, counts in DICE.items()}
    told = measure(real.summarised(table, resolution="1"), "chi2", list(DICE))
    printed = (24.9148, 20, 0.2047, 0.0334)
    assert (round(told["chiStat"], 4), told["df"], round(told["pval"], 4), round(told["coef"], 4)) == printed
    assert told["obs$d4:4"] == 196


def test_t_f_and_anova_have_the_keys_and_the_numbers_of_scipy():
    a, b = IRIS["sepal_length"], IRIS["petal_length"]
    told = measure(SUMMARY, "ttest", ["sepal_length", "petal_length"])
    assert list(told) == ["tn1", "tn2", "tm1", "tm2", "ts1", "ts2", "t", "tdf", "tp", "tu", "tdfu", "tpu"]
    for keys, equal in ((("t", "tdf", "tp"), True), (("tu", "tdfu", "tpu"), False)):
        expected = stats.ttest_ind(a, b, equal_var=equal)
        assert [told[k] for k in keys] == pytest.approx([expected.statistic, expected.df, expected.pvalue], rel=1e-10)
    told = measure(SUMMARY, "ftest", ["sepal_length", "petal_length"])
    assert list(told) == ["fn1", "fn2", "fm1", "fm2", "fs1", "fs2", "fdf1", "fdf2", "f", "fp"]
    assert told["f"] == pytest.approx(a.var() / b.var(), rel=1e-12)
    told = measure(SUMMARY, "anova", ["sepal_width", "Iris_setosa", "Iris_versicolor", "Iris_virginica"])
    assert list(told) == ["SSb", "SSw", "Dfb", "Dfw", "MSb", "MSw", "F", "Ssgamma", "Dfgamma", "P"]
    parts = [IRIS["sepal_width"][IRIS["species"] == s] for s in real.SPECIES]
    expected = stats.f_oneway(*parts)
    assert [told["F"], told["P"]] == pytest.approx([expected.statistic, expected.pvalue], rel=1e-9)
    assert told["SSw"] == pytest.approx(sum(50 * part.var() for part in parts), rel=1e-12)
    assert (told["Ssgamma"], told["Dfgamma"]) == (pytest.approx(150 * IRIS["sepal_width"].var(), rel=1e-12), 149)


def test_known_values_go_by_either_name():
    x = IRIS["sepal_width"]
    for name in ("known", "sml_explore_ztest_known_mu"):
        told = measure(SUMMARY, "ztestmu", ["sepal_width"], options={name: "3"})
        assert told["z"] == pytest.approx((x.mean() - 3) / (x.std() / np.sqrt(150)), rel=1e-11)
    expected = stats.ttest_1samp(x, 3)
    told = measure(SUMMARY, "ttestmu", ["sepal_width"], options={"sml_explore_ttest_known_mu": 3})
    assert [told["t"], told["tp"]] == pytest.approx([expected.statistic, expected.pvalue], rel=1e-10)
    told = measure(SUMMARY, "ftestmu", ["sepal_width"], options={"known": 0.2})
    assert told["f"] == pytest.approx(x.var(ddof=1) / 0.2, rel=1e-12)
    with pytest.raises(RequestError, match="the known value is missing"):
        measure(SUMMARY, "ztestmu", ["sepal_width"])


def test_proportions_gain_and_components_have_their_keys():
    assert list(measure(SUMMARY, "ztestp", ["petal_width_b1", "Iris_setosa"])) == ["z", "zp"]
    assert measure(SUMMARY, "gain", ["petal_width_b1", "species"]) == {"gain": pytest.approx(0.9182958340544896)}
    flower = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    told = measure(SUMMARY, "explorepca", flower)
    assert told["pcaSumValues"] == 4.0
    values = np.linalg.eigvalsh(np.corrcoef([IRIS[name] for name in flower]))[::-1]
    assert told["pcaValues"] == pytest.approx(values, rel=1e-12)
    assert np.shape(told["pcaVectors"]) == (4, 4)
    rows = np.column_stack([IRIS[name] for name in flower])
    told, scaled = measure(SUMMARY, "exploresvd", flower), (rows - rows.mean(0)) / rows.std(0)
    _, values, vectors = np.linalg.svd(scaled, full_matrices=False)
    assert told["svdValues"] == pytest.approx(values, rel=1e-12)
    assert np.abs(told["svdVectors"]) == pytest.approx(np.abs(vectors.T), rel=1e-9)
    told = measure(SUMMARY, "exploresvdfs", flower, options={"keep": 2})
    assert told == {
        "features": measure(SUMMARY, "selection", flower, options={"keep": 2})["kept"],
        "svdValues": pytest.approx(values, rel=1e-12),
    }


def test_where_histograms_are_counted_one_feature_has_its_least_its_middle_and_its_largest():
    assert "median" not in measure(SUMMARY, "uni", ["sepal_length"])
    told = measure(SUMMARY, "uni", ["Iris_setosa"])
    assert (told["min"], told["median"], told["max"]) == (0, 0, 1)
    table = {"sepal_length": IRIS["sepal_length"]}
    counted = real.summarised(table, resolution="0.1", low=4, high=10, blocks=("histogram",))
    told = measure(counted, "uni", ["sepal_length"])
    assert (told["min"], told["median"], told["max"]) == (4.3, 5.8, 7.9)


@pytest.mark.parametrize("metric", ["ttest", "ftest"])
def test_one_row_has_no_variance(metric):
    table = {"x": np.array([1.0, 2.0, 4.0]), "b": np.array([1, 0, 0])}
    with pytest.raises(RequestError, match="is 1 row: too few for a variance"):
        measure(real.summarised(table, resolution="0.1"), metric, ["x", "b"])


def test_what_is_undefined_has_its_reason_and_stays_json():
    table = {"x": np.array([1.0, 1.0]), "y": np.array([1.0, 1.0]), "b": np.array([0, 0])}
    flat = real.summarised(table, resolution="0.1")
    assert measure(flat, "ztest", ["x", "y"])["undefined"] == {
        "z": "the values do not vary",
        "zp": "the values do not vary",
    }
    told = measure(flat, "bi", ["x", "b"])
    assert told["undefined"] == {"linCorr": "one of the two does not vary", "condMean": "'b' holds nowhere"}
    json.dumps(told, allow_nan=False)
