"""Cross-validation from summaries against scikit-learn's LeaveOneGroupOut on the pooled rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import cross_decomposition, linear_model, metrics, model_selection, pipeline, preprocessing

from fedpeer.core.errors import ModelError
from fedpeer.core.models.validate import cross_validate
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema
from tests.support import pooled

NAMES = ("north", "east", "south", "west")
SOLVERS = {
    "ols": ({}, linear_model.LinearRegression()),
    "ridge": ({"lam": "0.5"}, linear_model.Ridge(alpha=0.5)),
    "lasso": ({"lam": "0.1"}, linear_model.Lasso(alpha=0.1, tol=1e-12, max_iter=100_000)),
    "elastic_net": ({"lam": "0.1"}, linear_model.ElasticNet(alpha=0.1, tol=1e-12, max_iter=100_000)),
    "pls": ({"components": 2}, cross_decomposition.PLSRegression(n_components=2)),
}


def parted(data: pooled.Pooled):
    """Summaries of four parts of unequal size, and which part each row is in."""
    groups = np.arange(len(data.target)) * 5 % 13 % 4
    keep = {name: groups == k for k, name in enumerate(NAMES)}
    return {
        name: collect(data.summary.schema, {k: v[rows] for k, v in data.table.items()}) for name, rows in keep.items()
    }, groups


def close(fold, truths, predicted):
    assert fold.n == truths.size
    assert fold.rmse == pytest.approx(metrics.root_mean_squared_error(truths, predicted), rel=1e-9)
    assert fold.bias == pytest.approx(np.mean(predicted - truths), rel=1e-9, abs=1e-9 * fold.rmse)


@pytest.mark.parametrize(
    ("name", "kind"), [(n, k) for n in ("diabetes", "iris") for k in SOLVERS] + [("linnerud", "ols")]
)
def test_each_part_is_predicted_from_the_others(name, kind):
    data = pooled.numbers(name)
    (folds, groups), (options, solver) = parted(data), SOLVERS[kind]
    found = cross_validate(folds, kind, "target", **options)
    leave = model_selection.LeaveOneGroupOut()
    predicted = model_selection.cross_val_predict(solver, data.inputs, data.target, groups=groups, cv=leave).ravel()
    for k, fold in enumerate(found.folds):
        assert fold.name == NAMES[k]
        close(fold, data.target[groups == k], predicted[groups == k])
        assert fold.r2 == pytest.approx(metrics.r2_score(data.target[groups == k], predicted[groups == k]), rel=1e-9)
    close(found.pooled, data.target, predicted)
    assert found.pooled.r2 == pytest.approx(metrics.r2_score(data.target, predicted), rel=1e-9)
    assert (found.option, found.chosen, found.tried) == (None, None, [])


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
def test_a_least_squares_classifier_is_scored_by_its_squares(name):
    data = pooled.classes(name)
    folds, groups = parted(data)
    found = cross_validate(folds, "ridge_classifier", "class", lam=2)
    assert cross_validate(folds, "ls_svm", "class", c="0.5").folds == found.folds
    labels = sorted(set(data.target))
    truths = np.where(data.target[:, None] == np.array(labels), 1.0, -1.0)
    leave = model_selection.LeaveOneGroupOut()
    solver = linear_model.Ridge(alpha=2)  # what RidgeClassifier fits to ±1
    predicted = model_selection.cross_val_predict(solver, data.inputs, truths, groups=groups, cv=leave)
    for k, fold in enumerate(found.folds):
        close(fold, truths[groups == k].ravel(), predicted[groups == k].ravel())
    close(found.pooled, truths.ravel(), predicted.ravel())
    weighted = metrics.r2_score(truths, predicted, multioutput="variance_weighted")
    assert found.pooled.r2 == pytest.approx(weighted, rel=1e-9)


def test_an_option_is_chosen_as_a_search_over_a_grid_does():
    data = pooled.numbers("diabetes")
    folds, groups = parted(data)
    lams = [0.001, 0.1, 10.0, 1000.0, 100000.0]
    found = cross_validate(folds, "ridge", "target", grid={"lam": lams})
    errors = []
    for lam in lams:
        solver, leave = linear_model.Ridge(alpha=lam), model_selection.LeaveOneGroupOut()
        predicted = model_selection.cross_val_predict(solver, data.inputs, data.target, groups=groups, cv=leave)
        errors.append(metrics.root_mean_squared_error(data.target, predicted))
    assert [point.rmse for point in found.tried] == pytest.approx(errors, rel=1e-9)
    assert [point.name for point in found.tried] == list(map(str, lams))
    assert (found.option, found.chosen) == ("lam", str(lams[int(np.argmin(errors))]))
    assert found.folds == cross_validate(folds, "ridge", "target", lam=found.chosen).folds


def test_components_can_be_chosen_too():
    data = pooled.numbers("diabetes")
    folds, groups = parted(data)
    found = cross_validate(folds, "pls", "target", grid={"components": [1, 3]})
    solver = pipeline.make_pipeline(preprocessing.StandardScaler(), cross_decomposition.PLSRegression(n_components=3))
    predicted = model_selection.cross_val_predict(
        solver, data.inputs, data.target, groups=groups, cv=model_selection.LeaveOneGroupOut()
    )
    close(found.tried[1], data.target, predicted.ravel())


def test_features_and_a_yes_as_a_target():
    rng = np.random.default_rng(5)
    schema = Schema(
        [
            Feature("x", "continuous", min=-10, max=10, resolution="0.01"),
            Feature("site", "category", levels=["a", "b", "c"]),
            Feature("y", "binary"),
        ]
    )
    parts = {
        name: {"x": rng.normal(size=30).round(2), "site": rng.choice(["a", "b", "c"], 30), "y": rng.integers(0, 2, 30)}
        for name in NAMES[:3]
    }
    found = cross_validate({name: collect(schema, rows) for name, rows in parts.items()}, "ols", "y")
    for fold in found.folds:
        rest = [rows for name, rows in parts.items() if name != fold.name]
        design = [_design(rows) for rows in (*rest, parts[fold.name])]
        solver = linear_model.LinearRegression().fit(np.vstack(design[:-1]), np.concatenate([r["y"] for r in rest]))
        close(fold, parts[fold.name]["y"], solver.predict(design[-1]))


def _design(rows):
    return np.column_stack([rows["x"], rows["site"] == "b", rows["site"] == "c"]).astype(float)


def test_what_sums_cannot_tell_is_refused():
    folds, _ = parted(pooled.classes("iris"))
    for kind in ("lda", "gaussian_nb"):
        with pytest.raises(ModelError, match=f"how good {kind} is takes every row"):
            cross_validate(folds, kind, "class")
    one = {"north": folds["north"]}
    with pytest.raises(ModelError, match="at least 2"):
        cross_validate(one, "ridge_classifier", "class")
    with pytest.raises(ModelError, match="without east: no feature 'z'"):
        cross_validate({name: folds[name] for name in NAMES[1:]}, "ridge_classifier", "class", ["z"])
    empty = folds["north"] - folds["north"]
    with pytest.raises(ModelError, match="'none' has no rows"):
        cross_validate(folds | {"none": empty}, "ridge_classifier", "class")


def test_a_class_of_one_part_alone_cannot_be_predicted_there():
    data = pooled.classes("iris")
    rows = {label: data.target == label for label in sorted(set(data.target))}
    folds = {
        name: collect(data.summary.schema, {k: v[keep] for k, v in data.table.items()}) for name, keep in rows.items()
    }
    with pytest.raises(ModelError, match="without 0 setosa: the class '0 setosa' has no rows"):
        cross_validate(folds, "ridge_classifier", "class")


@pytest.mark.parametrize(
    ("grid", "options", "match"),
    [
        ({"lam": [1, 2], "mix": [0.5]}, {}, "cannot be chosen at once"),
        ({"lam": [1]}, {"lam": 2}, "given and to be chosen"),
        ({"lam": "1,2"}, {}, "needs a list"),
        ({"lam": []}, {}, "needs a list"),
        ({"alpha": [1]}, {}, "has no option 'alpha'"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(grid, options, match):
    folds, _ = parted(pooled.numbers("diabetes"))
    with pytest.raises(ModelError, match=match):
        cross_validate(folds, "elastic_net", "target", grid=grid, **options)
