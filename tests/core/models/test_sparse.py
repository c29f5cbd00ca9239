"""Lasso, elastic net and the choice of penalties, against scikit-learn and the definitions on the pooled rows."""

import json
import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.linear_model import ElasticNet, Lasso, Ridge, enet_path

from fedpeer.core.errors import ModelError
from fedpeer.core.models.fit import fit, restore
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema
from fedpeer.core.statistics.summary import Summary
from tests.support.pooled import Pooled, classes, continuous, numbers

pytestmark = pytest.mark.long

SETS = ["diabetes", "iris", "linnerud"]


def slopes(model):
    return np.array([model.coefficients[name] for name in model.columns])


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(("lam", "mix"), [("0.1", 1), (1, 1), ("0.05", "0.5"), (2, "0.2")])
def test_coefficients_are_those_of_scikit_learn(name, lam, mix):
    data = numbers(name)
    if mix == 1:
        model = fit(data.summary, "lasso", "target", lam=lam)
        assert {**model.to_dict(), "kind": "elastic_net"} == {
            **fit(data.summary, "elastic_net", "target", lam=lam, mix=1).to_dict()
        }
    else:
        model = fit(data.summary, "elastic_net", "target", lam=lam, mix=mix)
    told = ElasticNet(alpha=float(lam), l1_ratio=float(mix), tol=1e-14, max_iter=10**6)
    told.fit(data.inputs, data.target)
    assert np.array_equal(slopes(model) == 0, told.coef_ == 0)
    np.testing.assert_allclose(slopes(model), told.coef_, rtol=1e-9)
    assert model.coefficients["intercept"] == pytest.approx(told.intercept_, rel=1e-9)
    assert model.r2 == pytest.approx(told.score(data.inputs, data.target), rel=1e-10)
    np.testing.assert_allclose(model.predict(data.table), told.predict(data.inputs), rtol=1e-9)


@pytest.mark.parametrize("name", SETS)
def test_standardised_penalties_are_those_of_standardised_columns(name):
    data = numbers(name)
    deviation = data.inputs.std(axis=0)
    model = fit(data.summary, "lasso", "target", lam="0.2", standardise=True)
    told = Lasso(alpha=0.2, tol=1e-14, max_iter=10**6).fit(data.inputs / deviation, data.target)
    np.testing.assert_allclose(slopes(model), told.coef_ / deviation, rtol=1e-9)


def test_every_condition_of_an_optimum_holds_where_descent_is_slow():
    data = classes("breast_cancer")
    schema = Schema([*data.summary.schema.features[:-1], Feature("class", "binary")])
    codes = np.array([int(label[0]) for label in data.target])
    summary = collect(schema, data.table | {"class": codes})
    lam = 0.001
    model = fit(summary, "lasso", "class", lam=lam)
    centred = data.inputs - data.inputs.mean(axis=0)
    slope = centred.T @ (codes - codes.mean() - centred @ slopes(model)) / len(codes)
    used = slopes(model) != 0
    assert 1 <= used.sum() < 30
    np.testing.assert_allclose(slope[used], lam * np.sign(slopes(model))[used], rtol=1e-9)
    assert (np.abs(slope[~used]) <= lam * (1 + 1e-9)).all()


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("criterion", ["aic", "aicc", "bic"])
@pytest.mark.parametrize("mix", [1, "0.5"])
def test_the_chosen_penalty_has_the_best_criterion_of_the_path(name, criterion, mix):
    data, share = numbers(name), float(mix)
    model = fit(data.summary, "elastic_net", "target", lam=criterion, mix=mix)
    centred, goal = data.inputs - data.inputs.mean(axis=0), data.target - data.target.mean()
    lams, found, _ = enet_path(centred, goal, l1_ratio=share, tol=1e-13, max_iter=10**6)
    np.testing.assert_allclose([point["lam"] for point in model.path], lams, rtol=1e-9)
    n, values = len(goal), []
    for lam, beta in zip(lams, found.T, strict=True):
        used = beta != 0
        gram = centred[:, used].T @ centred[:, used] / n
        free = np.trace(np.linalg.solve(gram + lam * (1 - share) * np.eye(used.sum()), gram)) if used.any() else 0
        likelihood = -n / 2 * (math.log(2 * math.pi * np.mean((goal - centred @ beta) ** 2)) + 1)
        k = free + 1
        aic = 2 * k - 2 * likelihood
        rest = {"aicc": aic + 2 * k * (k + 1) / (n - k - 1), "bic": k * math.log(n) - 2 * likelihood, "aic": aic}
        values.append(rest[criterion])
    np.testing.assert_allclose([point[criterion] for point in model.path[1:]], values[1:], rtol=1e-8)
    best = int(np.argmin(values))
    assert float(model.options["lam"]) == pytest.approx(lams[best], rel=1e-9)
    np.testing.assert_allclose(slopes(model), found[:, best], rtol=1e-6, atol=1e-9)
    assert getattr(model, criterion) == pytest.approx(values[best], rel=1e-8)


@pytest.mark.parametrize("name", SETS)
def test_generalised_cross_validation_minimises_its_criterion(name):
    data = numbers(name)
    model = fit(data.summary, "ridge", "target", lam="gcv")
    centred, goal = data.inputs - data.inputs.mean(axis=0), data.target - data.target.mean()
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)

    def score(exponent):
        shares = sizes**2 / (sizes**2 + 10**exponent)
        error = np.sum((goal - left @ (shares * (left.T @ goal))) ** 2)
        return len(goal) * error / (len(goal) - 1 - shares.sum()) ** 2

    lam = float(model.options["lam"])
    mine = score(math.log10(lam))
    grid = np.linspace(-8, 8, 400)
    assert mine <= min(score(at) for at in grid) * (1 + 1e-9)
    near = minimize_scalar(score, bounds=(math.log10(lam) - 1, math.log10(lam) + 1), method="bounded")
    assert mine <= near.fun * (1 + 1e-12)
    told = Ridge(alpha=lam, tol=1e-14).fit(data.inputs, data.target)
    np.testing.assert_allclose(slopes(model), told.coef_, rtol=1e-9)
    assert model.options["criterion"] == "gcv"


def small():
    rng = np.random.default_rng(2)
    table = {name: rng.integers(-99, 99, 30) / 10 for name in "abc"}
    table |= {"twin": table["a"], "flat": np.full(30, 2.0)}
    table["target"] = np.round(table["a"] - table["b"] + rng.normal(size=30), 1)
    features = [continuous(name, values) for name, values in table.items()]
    return Pooled(collect(Schema(features), table), table, np.column_stack(list(table.values())[:-1]), table["target"])


def test_constant_columns_are_zero_and_twins_share_one_coefficient():
    data = small()
    model = fit(data.summary, "lasso", "target", lam="0.1")
    assert model.coefficients["flat"] == 0
    assert (model.coefficients["a"] == 0) != (model.coefficients["twin"] == 0)
    told = Lasso(alpha=0.1, tol=1e-14, max_iter=10**6).fit(data.inputs, data.target)
    np.testing.assert_allclose(model.predict(data.table), told.predict(data.inputs), rtol=1e-7)


def test_more_columns_than_rows_are_no_obstacle():
    rng = np.random.default_rng(4)
    inputs = rng.integers(-9, 9, (12, 20)).astype(float)
    table = {f"x{i}": inputs[:, i] for i in range(20)} | {"target": inputs[:, 3] * 2 + inputs[:, 7]}
    summary = collect(Schema([continuous(name, values) for name, values in table.items()]), table)
    model = fit(summary, "lasso", "target", lam=1)
    told = Lasso(alpha=1, tol=1e-14, max_iter=10**6).fit(inputs, table["target"])
    np.testing.assert_allclose(slopes(model), told.coef_, rtol=1e-8, atol=1e-12)
    chosen = fit(summary, "lasso", "target", lam="aicc")
    assert chosen.df > 1


def test_a_sum_of_parts_gives_the_same_model_and_json_keeps_it():
    data = small()
    parts = [collect(data.summary.schema, {n: v[i::3] for n, v in data.table.items()}) for i in range(3)]
    total = sum(parts, Summary.zero(data.summary.schema))
    model = fit(total, "elastic_net", "target", ["a", "b", "c"], lam="bic")
    assert model == fit(data.summary, "elastic_net", "target", ["a", "b", "c"], lam="bic")
    assert restore(json.loads(json.dumps(model.to_dict(), allow_nan=False))) == model
    assert len(model.path) == 100
    assert len(fit(total, "lasso", "target", lam="bic", points=7).path) == 7


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("lasso", {"lam": 0}, "above zero"),
        ("lasso", {"lam": "best"}, "not a number"),
        ("lasso", {"points": 0}, "whole number from 1"),
        ("lasso", {"standardise": "perhaps"}, "must be true or false"),
        ("elastic_net", {"mix": 2}, "at most 1"),
        ("elastic_net", {"mix": 0}, "above zero"),
        ("ridge", {"lam": "bic"}, "not a number"),
    ],
)
def test_what_cannot_be_is_refused_by_name(kind, options, said):
    with pytest.raises(ModelError, match=said):
        fit(small().summary, kind, "target", **options)


def test_columns_that_say_nothing_and_no_columns_are_refused():
    summary = small().summary
    with pytest.raises(ModelError, match="no column is correlated"):
        fit(summary, "lasso", "target", ["flat"])
    with pytest.raises(ModelError, match="at least one feature"):
        fit(summary, "lasso", "target", [])
    with pytest.raises(ModelError, match="no column varies"):
        fit(summary, "ridge", "target", ["flat"], lam="gcv")
    two = collect(summary.schema, {name: values[:3] for name, values in small().table.items()})
    with pytest.raises(ModelError, match="too few"):
        fit(two, "lasso", "target", ["a", "b"], lam="0.000001")
