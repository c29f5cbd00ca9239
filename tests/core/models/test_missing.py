"""Rows that lack inputs: completed by means or conditional means, against the formulas on the pooled rows."""

import json

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression

from fedpeer.core.errors import ModelError
from fedpeer.core.models.fit import KINDS, fit, restore
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema
from tests.support.pooled import classes, numbers

SETS = ["diabetes", "iris", "linnerud"]


def holes(data, share=0.3):
    rng = np.random.default_rng(6)
    rows = data.inputs.copy()
    rows[rng.random(rows.shape) < share] = np.nan
    return rows, dict(zip(data.table, rows.T, strict=False))


@pytest.mark.parametrize("name", SETS)
def test_means_are_those_of_scikit_learn(name):
    data = numbers(name)
    rows, table = holes(data)
    model = fit(data.summary, "ols", "target", missing="mean")
    told = LinearRegression().fit(data.inputs, data.target)
    whole = SimpleImputer().fit(data.inputs).transform(rows)
    np.testing.assert_allclose(model.predict(table), told.predict(whole), rtol=1e-9)
    np.testing.assert_allclose(model.predict(data.table), told.predict(data.inputs), rtol=1e-9)


@pytest.mark.long
@pytest.mark.parametrize("name", SETS)
def test_conditional_means_are_the_regression_on_what_is_there(name):
    data = numbers(name)
    rows, table = holes(data)
    predicted = fit(data.summary, "ols", "target", missing="gaussian").predict(table)
    assert len({tuple(row) for row in np.isnan(rows)}) > 4
    for row, value in zip(rows, predicted, strict=True):
        there = ~np.isnan(row)
        if there.any():
            told = LinearRegression().fit(data.inputs[:, there], data.target).predict(row[there][None])[0]
        else:
            told = data.target.mean()
        assert value == pytest.approx(told, rel=1e-8)


def test_classes_and_components_are_completed_too():
    data = classes("wine")
    rows, table = holes(data)
    centre, covariance = data.inputs.mean(axis=0), np.cov(data.inputs.T, ddof=0)
    whole = rows.copy()
    for row in whole:
        gone = np.isnan(row)
        if gone.any() and not gone.all():
            weights = np.linalg.solve(covariance[np.ix_(~gone, ~gone)], row[~gone] - centre[~gone])
            row[gone] = centre[gone] + covariance[np.ix_(gone, ~gone)] @ weights
    complete = dict(zip(data.table, whole.T, strict=False))
    names = list(data.table)[:-1]
    for kind, target in (("lda", "class"), ("gaussian_nb", "class"), ("pca", None), ("oas", None)):
        plain, model = (
            fit(data.summary, kind, target, names),
            fit(data.summary, kind, target, names, missing="gaussian"),
        )
        answer, told = model.predict(table), plain.predict(complete)
        if kind in ("lda", "gaussian_nb"):
            assert list(answer) == list(told)
        else:
            np.testing.assert_allclose(answer, told, rtol=1e-6, atol=1e-6)
        assert plain.predict(table).tolist() != told.tolist()
        assert restore(json.loads(json.dumps(model.to_dict()))) == model
        assert "completion" not in plain.to_dict()


SCHEMA = Schema(
    [
        Feature("a", "continuous", min=0, max=9, resolution=1),
        Feature("flat", "continuous", min=0, max=9, resolution=1),
        Feature("site", "category", levels=["n", "s", "e"]),
        Feature("y", "continuous", min=-99, max=99, resolution=1),
    ]
)
RNG = np.random.default_rng(12)
TABLE = {"a": RNG.integers(0, 9, 50), "flat": np.full(50, 3), "site": RNG.choice(["n", "s", "e"], 50)}
TABLE["y"] = TABLE["a"] * 3 + (TABLE["site"] == "e") * 9
SUMMARY = collect(SCHEMA, TABLE)


@pytest.mark.parametrize("way", ["mean", "gaussian"])
def test_categories_and_constant_columns_are_completed(way):
    model = fit(SUMMARY, "ridge", "y", missing=way)
    value = model.predict({"a": [4], "flat": [None], "site": ["nowhere"]})[0]
    shares = {level: np.mean(TABLE["site"] == level) for level in "se"}
    if way == "gaussian":
        for level in shares:
            slope = np.polyfit(TABLE["a"], TABLE["site"] == level, 1)
            shares[level] = np.polyval(slope, 4)
    weights = model.coefficients
    told = weights["intercept"] + 4 * weights["a"] + sum(weights[f"site${k}"] * v for k, v in shares.items())
    assert value == pytest.approx(told, rel=1e-9)
    assert np.isfinite(model.predict({"a": [None], "flat": [None], "site": [None]})).all()


def test_every_kind_can_complete_and_nothing_is_completed_unasked():
    for kind in KINDS:
        with pytest.raises(ModelError, match="missing is 'zero'"):
            fit(SUMMARY, kind, "y", missing="zero")
    assert np.isnan(fit(SUMMARY, "ridge", "y").predict({"a": [None], "flat": [1], "site": ["n"]})).all()
    only = fit(SUMMARY, "ols", "y", [], missing="gaussian")
    assert only.predict({"a": [1, 2]}) == pytest.approx([TABLE["y"].mean()] * 2)


def test_a_completion_of_other_columns_is_no_model():
    form = fit(SUMMARY, "ridge", "y", missing="gaussian").to_dict()
    for change in ({"means": {"a": 1.0}}, {"means": {}}, {"covariance": [[1.0]]}):
        with pytest.raises(ModelError, match="not a model"):
            restore(form | {"completion": form["completion"] | change})


def test_columns_that_determine_each_other_are_completed_from_each_other():
    data = numbers("iris")
    table = data.table | {"twin": data.table["sepal length (cm)"]}
    features = [*data.summary.schema.features, Feature("twin", "continuous", min=0, max=99, resolution="0.1")]
    model = fit(collect(Schema(features), table), "ridge", "target", missing="gaussian")
    lacking = {name: values[:5] for name, values in table.items()} | {"twin": [None] * 5}
    np.testing.assert_allclose(model.predict(lacking), model.predict(table)[:5], rtol=1e-7)
