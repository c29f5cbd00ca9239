"""Stepwise and best-subset selection against a search over statsmodels' fits of the pooled rows."""

from functools import cache
from itertools import combinations

import numpy as np
import pytest
import statsmodels.api as sm

from fedpeer.core.errors import ModelError
from fedpeer.core.models.fit import fit, restore
from fedpeer.core.models.steps import foremost
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema
from tests.support.pooled import continuous, numbers

SETS = ["diabetes", "iris", "linnerud"]
DISCRIMINANTS = [("lda_stepwise", "flag"), ("lda_subset", "flag")]


@cache
def criterion(name, subset, key):
    data = numbers(name)
    columns = [data.table[feature] for feature in subset]
    design = np.column_stack([np.ones(len(data.target)), *columns])
    told = sm.OLS(data.target, design).fit()
    n, k = len(data.target), len(subset) + 1
    return {"aic": told.aic, "bic": told.bic, "aicc": told.aic + 2 * k * (k + 1) / (n - k - 1)}[key]


def walked(name, key, direction):
    names = list(numbers(name).table)[:-1]
    now = tuple(names) if direction == "backward" else ()
    while True:
        more = [tuple(n for n in names if n in now or n == one) for one in names if one not in now]
        fewer = [tuple(n for n in now if n != one) for one in now]
        moves = (more if direction != "backward" else []) + (fewer if direction != "forward" else [])
        best = min(moves, key=lambda subset: criterion(name, subset, key), default=now)
        if criterion(name, best, key) >= criterion(name, now, key):
            return now
        now = best


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("key", ["aic", "aicc", "bic"])
@pytest.mark.parametrize("direction", ["both", "forward", "backward"])
def test_stepwise_takes_the_steps_that_statsmodels_would(name, key, direction):
    data = numbers(name)
    model = fit(data.summary, "stepwise", "target", criterion=key, direction=direction)
    chosen = walked(name, key, direction)
    assert tuple(model.columns) == chosen
    assert model.path[-1]["value"] == pytest.approx(getattr(model, key), rel=1e-11)
    assert model.coefficients == fit(data.summary, "ols", "target", list(chosen)).coefficients
    assert set(model.dropped) == set(data.table) - set(chosen) - {"target"}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("key", ["aic", "bic"])
def test_the_best_subset_is_the_best_of_all(name, key):
    data = numbers(name)
    names = list(data.table)[:-1][:8]
    model = fit(data.summary, "best_subset", "target", names, criterion=key)
    every = [subset for size in range(len(names) + 1) for subset in combinations(names, size)]
    best = min(every, key=lambda subset: criterion(name, subset, key))
    assert tuple(model.columns) == best
    assert getattr(model, key) == pytest.approx(criterion(name, best, key), rel=1e-11)
    assert [len(point["features"]) for point in model.path] == list(range(len(names) + 1))
    assert restore(model.to_dict()) == model


def mixed():
    rng = np.random.default_rng(8)
    table = {name: rng.integers(-99, 99, 40) / 10 for name in "ab"}
    table |= {"twin": table["a"], "flat": np.full(40, 2.0)}
    table["y"] = np.round(table["a"] + rng.normal(size=40), 1)
    features = [continuous(name, values) for name, values in table.items()]
    table["site"] = rng.choice(["n", "s", "e"], 40)
    table["y"] = table["y"] + 5 * (table["site"] == "e")
    features[-1] = Feature("y", "continuous", min=-50, max=50, resolution="0.1")
    return collect(Schema([*features, Feature("site", "category", levels=["n", "s", "e"])]), table)


def test_a_category_goes_in_as_a_whole_and_aliased_columns_stay_out():
    for kind in ("stepwise", "best_subset"):
        model = fit(mixed(), kind, "y")
        assert {"site$s", "site$e"} <= set(model.columns)
        assert ("a" in model.columns) != ("twin" in model.columns)
        assert "flat" not in model.columns


def test_what_cannot_be_is_refused_by_name():
    summary = mixed()
    with pytest.raises(ModelError, match="no model with all features"):
        fit(summary, "stepwise", "y", direction="backward")
    with pytest.raises(ModelError, match="criterion is 'p'"):
        fit(summary, "stepwise", "y", criterion="p")
    with pytest.raises(ModelError, match="direction is 'up'"):
        fit(summary, "stepwise", "y", direction="up")
    wide = {f"x{i}": np.arange(20.0) * (i + 1) % 7 for i in range(19)}
    schema = Schema([continuous(name, values) for name, values in wide.items()])
    with pytest.raises(ModelError, match="at most 17"):
        fit(collect(schema, wide), "best_subset", "x0")
    with pytest.raises(ModelError, match="too few to choose"):
        fit(collect(schema, {name: values[:2] for name, values in wide.items()}), "stepwise", "x0", ["x1"])


def test_a_perfect_fit_leaves_nothing_to_choose():
    table = {"a": np.arange(20.0) % 7, "b": np.arange(20.0) % 3, "y": 2 * (np.arange(20.0) % 7) + 1}
    summary = collect(Schema([continuous(name, values) for name, values in table.items()]), table)
    for kind in ("stepwise", "best_subset"):
        with pytest.raises(ModelError, match="'a' predict the target without error"):
            fit(summary, kind, "y")


def test_no_feature_at_all_can_be_the_best():
    rng = np.random.default_rng(1)
    table = {"a": rng.integers(-9, 9, 50).astype(float), "y": np.tile([1.0, -1.0], 25)}
    summary = collect(Schema([continuous(name, values) for name, values in table.items()]), table)
    assert fit(summary, "stepwise", "y").columns == []
    assert fit(summary, "best_subset", "y").columns == []


def aliased(order):
    """Features of which the first and the last of the alphabet determine each other, in an order."""
    rng = np.random.default_rng(4)
    flag, b, c = np.arange(60) % 2, rng.integers(-99, 99, 60), rng.integers(-99, 99, 60)
    a = rng.integers(-99, 99, 60) + b + c + 60 * flag
    table = {"a": a, "b": b, "c": c + 40 * flag, "z": 7 - 3 * a, "y": a + b - c + rng.integers(-30, 30, 60)}
    features = [Feature(name, min=-2000, max=2000, resolution=1) for name in [*order, "y"]]
    return collect(Schema([*features, Feature("flag", "binary")]), {**table, "flag": flag})


@pytest.mark.parametrize("order", ["bcaz", "bcza", "zbca", "abcz", "zcba"])
@pytest.mark.parametrize(("kind", "target"), [("stepwise", "y"), ("best_subset", "y"), *DISCRIMINANTS])
def test_of_subsets_that_are_worth_the_same_the_first_is_taken(kind, target, order):
    model = fit(aliased(order), kind, target, list(order), criterion="aic")
    assert {"a", "z"} & set(model.columns) == {min("az", key=order.index)}


def test_values_that_differ_by_rounding_are_equal():
    assert foremost([3.0, 1.0 + 1e-13, 1.0], 1) == 1
    assert foremost([3.0, 1.0 + 1e-10, 1.0], 1) == 2
    assert foremost([np.inf, np.inf], 1) == 0
