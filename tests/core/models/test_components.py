"""Components, regressions on them, and covariances, against scikit-learn on the pooled rows."""

import json

import numpy as np
import pytest
from sklearn.covariance import OAS
from sklearn.covariance import graphical_lasso as sparse_inverse
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

from fedpeer.core.errors import ModelError
from fedpeer.core.models.fit import fit, restore
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema
from fedpeer.core.statistics.summary import Summary
from tests.support.pooled import classes, numbers

SETS = ["iris", "wine", "breast_cancer"]
MEASURED = ["diabetes", "iris", "linnerud"]


def inputs(name):
    data = classes(name)
    return data, list(data.table)[:-1]


def slopes(model):
    return np.array([model.coefficients[name] for name in model.columns])


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("standardise", [True, False])
def test_pca_is_that_of_scikit_learn(name, standardise):
    data, names = inputs(name)
    model = fit(data.summary, "pca", features=names, standardise=standardise, components=3)
    n = len(data.inputs)
    rows = StandardScaler().fit_transform(data.inputs) * np.sqrt((n - 1) / n) if standardise else data.inputs
    told = PCA(3).fit(rows)
    np.testing.assert_allclose(model.variances, told.explained_variance_, rtol=1e-9)
    np.testing.assert_allclose(model.ratios, told.explained_variance_ratio_, rtol=1e-9)
    turned = np.sign(np.sum(np.array(model.components) * told.components_, axis=1))
    np.testing.assert_allclose(np.array(model.components), told.components_ * turned[:, None], rtol=1e-9, atol=1e-9)
    assert (np.max(model.components, axis=1) == np.max(np.abs(model.components), axis=1)).all()
    scores = np.column_stack(list(model.explain(data.table).values()))
    np.testing.assert_allclose(scores, told.transform(rows) * turned, rtol=1e-7, atol=1e-7)
    left = ((rows - told.inverse_transform(told.transform(rows))) ** 2).sum(axis=1)
    np.testing.assert_allclose(model.predict(data.table), left, rtol=1e-6, atol=1e-9)
    assert list(model.explain(data.table)) == ["pc1", "pc2", "pc3"]


@pytest.mark.parametrize("name", MEASURED)
@pytest.mark.parametrize("components", [1, 2, 3])
@pytest.mark.parametrize("standardise", [True, False])
def test_pls_is_that_of_scikit_learn(name, components, standardise):
    data = numbers(name)
    model = fit(data.summary, "pls", "target", components=components, standardise=standardise)
    told = PLSRegression(components, scale=standardise, tol=1e-14).fit(data.inputs, data.target)
    np.testing.assert_allclose(slopes(model), told.coef_[0], rtol=1e-9)
    np.testing.assert_allclose(model.predict(data.table), told.predict(data.inputs).ravel(), rtol=1e-9)
    assert model.r2 == pytest.approx(told.score(data.inputs, data.target), rel=1e-9)


@pytest.mark.parametrize("name", MEASURED)
@pytest.mark.parametrize("components", [1, 2, 3])
@pytest.mark.parametrize("standardise", [True, False])
def test_pcr_is_a_regression_on_scores(name, components, standardise):
    data = numbers(name)
    model = fit(data.summary, "pcr", "target", components=components, standardise=standardise)
    scale = data.inputs.std(axis=0) if standardise else np.ones(data.inputs.shape[1])
    directions = PCA(components).fit(data.inputs / scale)
    scores = directions.transform(data.inputs / scale)
    told = LinearRegression().fit(scores, data.target)
    np.testing.assert_allclose(slopes(model), told.coef_ @ directions.components_ / scale, rtol=1e-9)
    np.testing.assert_allclose(model.predict(data.table), told.predict(scores), rtol=1e-9)
    assert model.df == len(scores) - components - 1


def test_all_components_give_least_squares():
    data = numbers("diabetes")
    whole = slopes(fit(data.summary, "ols", "target"))
    for kind in ("pcr", "pls"):
        np.testing.assert_allclose(slopes(fit(data.summary, kind, "target", components=10)), whole, rtol=1e-6)


@pytest.mark.parametrize("name", SETS)
def test_oas_is_that_of_scikit_learn(name):
    data, names = inputs(name)
    model = fit(data.summary, "oas", features=names)
    told = OAS().fit(data.inputs)
    assert model.shrinkage == pytest.approx(told.shrinkage_, rel=1e-9)
    np.testing.assert_allclose(model.covariance, told.covariance_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.predict(data.table), told.mahalanobis(data.inputs), rtol=1e-7)
    np.testing.assert_allclose(list(model.means.values()), told.location_, rtol=1e-12)


@pytest.mark.parametrize(("name", "count", "lam"), [("iris", 4, "0.1"), ("wine", 4, "0.05"), ("breast_cancer", 3, 1)])
def test_graphical_lasso_is_that_of_scikit_learn_and_meets_its_conditions(name, count, lam):
    data, names = inputs(name)
    model = fit(data.summary, "graphical_lasso", features=names[:count], lam=lam)
    plain = np.cov(data.inputs[:, :count].T, ddof=0)
    covariance, precision = sparse_inverse(plain, alpha=float(lam), tol=1e-6, enet_tol=1e-8, max_iter=1000)
    np.testing.assert_allclose(model.covariance, covariance, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(model.precision, precision, rtol=1e-5, atol=1e-7)
    apart = np.array(model.covariance) - plain
    assert (np.abs(apart) <= float(lam) * (1 + 1e-5)).all()


SCHEMA = Schema(
    [
        Feature("a", "continuous", min=-10, max=10, resolution="0.1"),
        Feature("b", "continuous", min=-10, max=10, resolution="0.1"),
        Feature("flat", "continuous", min=-10, max=10, resolution="0.1"),
        Feature("site", "category", levels=["north", "south", "east"]),
    ]
)
RNG = np.random.default_rng(3)
TABLE = {
    "a": RNG.integers(-50, 50, 40) / 10,
    "b": RNG.integers(-50, 50, 40) / 10,
    "flat": np.full(40, 1.5),
    "site": RNG.choice(["north", "south", "east"], 40),
}
SUMMARY = collect(SCHEMA, TABLE)


@pytest.mark.parametrize("kind", ["pca", "oas", "graphical_lasso"])
def test_a_sum_of_parts_gives_the_same_matrices_and_json_keeps_them(kind):
    names = ["a", "b", "site"]
    parts = [collect(SCHEMA, {name: values[i::3] for name, values in TABLE.items()}) for i in range(3)]
    model = fit(sum(parts, Summary.zero(SCHEMA)), kind, features=names)
    assert model == fit(SUMMARY, kind, features=names)
    assert list(model.means) == ["a", "b", "site$south", "site$east"]
    again = restore(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    assert again == model
    assert np.array_equal(again.predict(TABLE), model.predict(TABLE))
    assert model.predict(TABLE).shape == (40,)
    with pytest.raises(ModelError, match="not a model"):
        restore(model.to_dict() | {"means": {"a": 0.0}})
    with pytest.raises(ModelError, match="not a model"):
        restore(model.to_dict() | {"means": {}})


@pytest.mark.parametrize(
    ("kind", "arguments", "options", "said"),
    [
        ("pca", ("a", ["b"]), {}, "pca has no target"),
        ("oas", ("a",), {}, "oas has no target"),
        ("pca", (None, ["a", "flat"]), {}, "without variation in all 40 rows: 'flat'"),
        ("pca", (None, ["a", "b"]), {"components": 3}, "whole number from 1 to 2"),
        ("pca", (None, []), {}, "two rows and a column"),
        ("oas", (None, ["flat"]), {}, "without variation"),
        ("graphical_lasso", (None, ["a", "flat"]), {}, "without variation in all 40 rows: 'flat'"),
        ("graphical_lasso", (None, ["a"]), {}, "two columns"),
        ("ledoit_wolf", (None,), {}, "squared products"),
        ("pcr", ("a", ["flat"]), {}, "no column varies"),
        ("pls", ("a", ["b"]), {"components": 2}, "whole number from 1 to 1"),
        ("ols", (None, ["a"]), {}, "ols needs a target"),
    ],
)
def test_what_cannot_be_is_refused_by_name(kind, arguments, options, said):
    with pytest.raises(ModelError, match=said):
        fit(SUMMARY, kind, *arguments, **options)


def test_components_beyond_what_the_columns_hold_are_refused():
    table = TABLE | {"b": -TABLE["a"], "flat": np.where(TABLE["a"] > 0, 1, 0)}
    summary = collect(SCHEMA, table)
    with pytest.raises(ModelError, match="whole number from 1 to 1"):
        fit(summary, "pcr", "flat", ["a", "b"], components=2)
    with pytest.raises(ModelError, match="nothing is left to explain"):
        fit(summary, "pls", "flat", ["a", "b"], components=2)
    with pytest.raises(ModelError, match="two rows"):
        fit(collect(SCHEMA, {name: values[:1] for name, values in TABLE.items()}), "pca")


def test_a_row_that_cannot_be_read_has_no_score():
    model = fit(SUMMARY, "pca", features=["a", "b"], components=1)
    table = {"a": [1.0, None, 2.0], "b": [1.0, 1.0, np.nan]}
    assert np.isnan(model.predict(table)).tolist() == [False, True, True]
    assert np.isnan(model.explain(table)["pc1"]).tolist() == [False, True, True]
