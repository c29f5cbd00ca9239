"""Correlations, variance inflation, components and singular values against numpy, statsmodels and scikit-learn."""

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from statsmodels.stats.outliers_influence import variance_inflation_factor

from fedpeer.core.errors import RequestError, SchemaError
from fedpeer.core.statistics.explore import explore
from fedpeer.core.statistics.metrics import measure
from tests.support import real

IRIS, IRIS_SUMMARY = real.iris()
FLOWER = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
DATA = {
    "iris": (IRIS_SUMMARY, FLOWER, np.column_stack([IRIS[n] for n in FLOWER])),
    "diabetes": (real.diabetes()[1], list(real.diabetes()[0]), np.column_stack(list(real.diabetes()[0].values()))),
    "cancer": (real.cancer()[1], list(real.cancer()[0])[:30], np.column_stack(list(real.cancer()[0].values())[:30])),
}
on_real_data = pytest.mark.parametrize("name", DATA)


def oriented(vectors):
    """Rows with their largest entry positive."""
    return vectors * np.sign(vectors[np.arange(len(vectors)), np.abs(vectors).argmax(axis=1)])[:, None]


@on_real_data
def test_correlations_agree_with_numpy(name):
    summary, names, rows = DATA[name]
    told = measure(summary, "correlation", names)["correlation"]
    matrix = np.array([[told[a][b] for b in names] for a in names])
    assert matrix == pytest.approx(np.corrcoef(rows.T), rel=1e-10, abs=1e-14)
    assert np.diag(matrix).tolist() == [1.0] * len(names)


@pytest.mark.long
@on_real_data
def test_variance_inflation_agrees_with_statsmodels(name):
    summary, names, rows = DATA[name]
    told = measure(summary, "vif", names)
    design = np.column_stack([np.ones(len(rows)), StandardScaler().fit_transform(rows)])
    expected = [variance_inflation_factor(design, i + 1) for i in range(len(names))]
    assert list(told["vif"].values()) == pytest.approx(expected, rel=1e-9)
    assert "undefined" not in told


def test_columns_that_others_make_up_are_named():
    rng = np.random.default_rng(5)
    a, b, c = (np.round(rng.normal(size=60), 2) for _ in range(3))
    table = {"a": a, "b": b, "c": c, "sum": np.round(a + 2 * b, 2), "flat": np.full(60, 3.0)}
    told = measure(real.summarised(table, resolution="0.01"), "vif")
    assert told["undefined"] == {
        "a": "infinite: determined exactly by b, sum",
        "b": "infinite: determined exactly by a, sum",
        "sum": "infinite: determined exactly by a, b",
        "flat": "constant in all rows",
    }
    assert [told["vif"][n] for n in ("a", "b", "sum", "flat")] == [None] * 4
    rest = np.column_stack([np.ones(60), a, b])
    residual = c - rest @ np.linalg.lstsq(rest, c, rcond=None)[0]
    assert told["vif"]["c"] == pytest.approx(c.var() / residual.var(), rel=1e-11)


def test_a_category_leaves_its_first_level_out():
    told = measure(IRIS_SUMMARY, "vif", ["sepal_width", "species"])["vif"]
    assert list(told) == ["sepal_width", "species$versicolor", "species$virginica"]
    assert all(value > 1 for value in told.values())


def test_constant_columns_have_no_correlation():
    table = {"x": np.array([1.0, 2.0, 4.0]), "flat": np.ones(3)}
    told = measure(real.summarised(table, resolution="0.1"), "correlation")
    assert told["correlation"]["flat"] == {"x": None, "flat": None}
    assert told["undefined"] == {"flat": "constant in all rows"}


@on_real_data
@pytest.mark.parametrize("matrix", ["correlation", "covariance"])
def test_principal_components_agree_with_scikit_learn(name, matrix):
    summary, names, rows = DATA[name]
    told = measure(summary, "components", names, options={"matrix": matrix})
    expected = PCA(svd_solver="full").fit(StandardScaler().fit_transform(rows) if matrix == "correlation" else rows)
    n = len(rows)
    assert told["values"] == pytest.approx((expected.explained_variance_ * (n - 1) / n).tolist(), rel=1e-9)
    assert told["shares"] == pytest.approx(expected.explained_variance_ratio_.tolist(), rel=1e-9)
    assert told["cumulative"][-1] == pytest.approx(1)
    vectors = np.array([[v[c] for c in names] for v in told["vectors"]])
    assert vectors == pytest.approx(oriented(expected.components_), abs=1e-9)
    assert told["rank"] == len(names)


def test_so_many_components_are_told_as_were_asked_for():
    summary, names, _ = DATA["cancer"]
    told = measure(summary, "components", names, options={"explained": 0.9})
    assert told["cumulative"][-2] < 0.9 <= told["cumulative"][-1]
    assert len(told["values"]) == len(told["vectors"]) == 7
    assert len(measure(summary, "components", names, options={"components": 3})["values"]) == 3


@on_real_data
@pytest.mark.parametrize("scale", ["standardised", "centred", "raw"])
def test_singular_values_agree_with_numpy(name, scale):
    summary, names, rows = DATA[name]
    told = measure(summary, "singular", names, options={"scale": scale})
    scaled = {"raw": rows, "centred": rows - rows.mean(axis=0), "standardised": StandardScaler().fit_transform(rows)}
    _, values, vectors = np.linalg.svd(scaled[scale], full_matrices=False)
    assert told["values"] == pytest.approx(values.tolist(), rel=1e-9)
    assert told["condition"] == pytest.approx(values[0] / values[-1], rel=1e-9)
    assert np.array([list(v.values()) for v in told["vectors"]]) == pytest.approx(oriented(vectors), abs=1e-8)


def test_small_values_are_right_where_an_eigenvalue_solver_is_not():
    """A column that differs from another in two of ten million steps; exact fractions of the 2 × 2 problem decide."""
    x = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    y = x + np.array([1e-7, -1e-7, 0, 0, 1e-7, -1e-7])
    told = measure(real.summarised({"x": x, "y": y}, resolution="0.0000001"), "components", ["x", "y"])
    ten = 10**7
    q, r = [int(v) * ten for v in x], [round(v * ten) for v in y]
    n = len(q)
    cov = [[n * sum(a * b for a, b in zip(u, v, strict=True)) - sum(u) * sum(v) for v in (q, r)] for u in (q, r)]
    square = Fraction(cov[0][1] ** 2, cov[0][0] * cov[1][1])
    smallest = float((1 - square) / 2)  # 1 − √square, for a square within 1e-13 of one, to 13 digits
    assert told["values"][1] == pytest.approx(smallest, rel=1e-12, abs=0)
    assert np.linalg.eigvalsh(np.corrcoef(x, y))[0] != pytest.approx(smallest, rel=1e-6, abs=0)


def test_values_beyond_the_rank_are_zero():
    a, b = np.array([1.0, 2.0, 4.0, 7.0]), np.array([3.0, -1.0, 0.0, 5.0])
    summary = real.summarised({"a": a, "b": b, "sum": a + b}, resolution="0.1")
    told = measure(summary, "singular")
    assert (told["rank"], told["values"][-1], told["condition"]) == (2, 0.0, None)
    assert told["undefined"] == {"condition": "infinite: some columns make up others exactly"}
    assert measure(summary, "components")["values"][-1] == 0.0


def test_selected_columns_are_independent_and_as_many_as_asked():
    a, b = np.array([1.0, 2.0, 4.0, 7.0, 1.0]), np.array([3.0, -1.0, 0.0, 5.0, 2.0])
    summary = real.summarised({"a": a, "b": b, "twice": 2 * a, "sum": a + b}, resolution="0.1")
    told = measure(summary, "selection")
    assert len(told["kept"]) == told["rank"] == 2
    assert set(told["kept"]) != {"a", "twice"}
    assert sorted(told["kept"] + told["left_out"]) == ["a", "b", "sum", "twice"]
    with pytest.raises(RequestError, match="3 columns cannot be independent: 2 of these are"):
        measure(summary, "selection", options={"keep": 3})


def test_selection_on_real_data_spans_nearly_everything():
    summary, names, rows = DATA["cancer"]
    kept = measure(summary, "selection", names, options={"keep": 10})["kept"]
    chosen = StandardScaler().fit_transform(rows)[:, [names.index(n) for n in kept]]
    assert np.linalg.cond(chosen) < 20
    assert np.linalg.cond(StandardScaler().fit_transform(rows)) > 300


def test_what_cannot_be_decomposed_is_refused():
    flat = real.summarised({"x": np.ones(4)}, resolution="0.1")
    for metric in ("components", "singular", "selection"):
        with pytest.raises(RequestError, match="no column varies"):
            measure(flat, metric)
    with pytest.raises(RequestError, match="option matrix is 'rows'; it must be correlation or covariance"):
        measure(IRIS_SUMMARY, "components", options={"matrix": "rows"})
    with pytest.raises(SchemaError, match="no column 'sepal'"):
        measure(IRIS_SUMMARY, "correlation", ["sepal"])


def test_each_correlation_has_fishers_interval_where_it_is_asked_for():
    names = ["mean_radius", "mean_texture", "benign"]
    summary, table = real.cancer()[1], real.cancer()[0]
    told = measure(summary, "correlation", names, options={"confidence": "0.9"})
    for a in names:
        for b in names:
            pair = explore(summary, confidence="0.9").bivariate(a, b)
            for key in ("correlation", "correlation_low", "correlation_high"):
                assert told[key][a][b] == pair[key]
    expected = stats.pearsonr(table["mean_radius"], table["mean_texture"]).confidence_interval(0.9)
    found = (
        told["correlation_low"]["mean_radius"]["mean_texture"],
        told["correlation_high"]["mean_texture"]["mean_radius"],
    )
    assert found == pytest.approx((expected.low, expected.high), rel=1e-12)
    assert set(measure(summary, "correlation", names)) == {"count", "correlation"}
