"""A model as a fitted scikit-learn estimator, which predicts what ours does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

import numpy as np

from fedpeer.core.errors import ModelError
from fedpeer.core.models.classifier import Classifier
from fedpeer.core.models.components import Components
from fedpeer.core.models.covariance import Covariance
from fedpeer.core.models.forms.plan import Plan
from fedpeer.core.models.model import INTERCEPT, Model
from fedpeer.core.models.numbers import above
from fedpeer.core.models.result import Result

_LINEAR = {"ridge": ("Ridge", {"lam": "alpha"}), "lasso": ("Lasso", {"lam": "alpha"})} | {
    "elastic_net": ("ElasticNet", {"lam": "alpha", "mix": "l1_ratio"})
}


def to_sklearn(model: Result) -> Any:
    """Return a fitted estimator, in a Pipeline that reads the raw columns where they are not numbers all.

    ModelError for a model that completes rows, or whose kind scikit-learn does not know.
    """
    if model.completion is not None:
        raise ModelError("a model that completes rows has no form 'sklearn'", hint='fit it with missing="none"')
    plan = Plan.of(model, "sklearn")
    if any(len(used.parts) > 1 for used in plan.columns):
        raise ModelError("a model of products of columns has no form 'sklearn'", hint="it has json, python, sql, onnx")
    with np.errstate(all="ignore"):  # logarithms of what no fitted model holds
        steps = _built(model)
    names = [used.name for used in plan.columns]
    raw = all(not entry.levels or not entry.feature.levels for entry in plan.inputs)
    if raw:
        _name(steps[0][1], names)
        return steps[0][1] if len(steps) == 1 else _pipeline(steps)
    return _pipeline([*_reading(plan), *steps])


def _built(model: Result) -> list[tuple[str, Any]]:
    match model:
        case Model():
            return [("model", _linear(model))]
        case Classifier() if model.kind != "markov":
            return [("model", _classifier(model))]
        case Components():
            return _components(model)
        case Covariance():
            return [("model", _covariance(model))]
    raise ModelError(f"{model.kind} has no form 'sklearn'", hint="it has json")


def _linear(model: Model) -> Any:
    name, options = _LINEAR.get(model.kind, ("LinearRegression", {}))
    given: dict[str, Any] = {theirs: _option(model, ours) for ours, theirs in options.items()}
    given |= {"fit_intercept": False} if model.options.get("intercept") == "false" else {}
    estimator = getattr(import_module("sklearn.linear_model"), name)(**given)
    estimator.coef_ = np.array([model.coefficients[column] for column in model.columns])
    estimator.intercept_ = np.float64(model.coefficients[INTERCEPT])
    return _sized(estimator, len(model.columns))


def _classifier(model: Classifier) -> Any:
    labels = np.array([group.label for group in model.classes])
    kinds = {"gaussian_nb": _gaussian, "bernoulli_nb": _bernoulli, "lda": _discriminant, "qda": _quadratic}
    estimator = kinds.get("lda" if model.kind.startswith("lda") else model.kind, _margins)(model, labels)
    return _sized(estimator, len(model.columns))


def _gaussian(model: Classifier, labels: Any) -> Any:
    estimator = import_module("sklearn.naive_bayes").GaussianNB()
    estimator.classes_, estimator.class_prior_ = labels, np.array([group.prior for group in model.classes])
    estimator.class_count_ = np.array([float(group.count) for group in model.classes])
    estimator.theta_ = _matrix(model, "means")
    estimator.var_, estimator.epsilon_ = _matrix(model, "variances"), 0.0
    return estimator


def _bernoulli(model: Classifier, labels: Any) -> Any:
    estimator = import_module("sklearn.naive_bayes").BernoulliNB(alpha=_option(model, "alpha"), binarize=None)
    estimator.classes_ = labels
    estimator.class_count_ = np.array([float(group.count) for group in model.classes])
    estimator.class_log_prior_ = np.log([group.prior for group in model.classes])
    estimator.feature_log_prob_ = np.log(_matrix(model, "means"))
    return estimator


def _discriminant(model: Classifier, labels: Any) -> Any:
    estimator = import_module("sklearn.discriminant_analysis").LinearDiscriminantAnalysis(solver="lsqr")
    estimator.classes_, estimator.means_ = labels, _matrix(model, "means")
    estimator.priors_ = np.array([group.prior for group in model.classes])
    estimator.coef_, estimator.intercept_ = _lines(model)
    return estimator


def _quadratic(model: Classifier, labels: Any) -> Any:
    if not all(group.whitening for group in model.classes):
        raise ModelError("not a model of the kind qda: its classes are not whitened")
    estimator, p = import_module("sklearn.discriminant_analysis").QuadraticDiscriminantAnalysis(), len(model.columns)
    estimator.classes_, estimator.means_ = labels, _matrix(model, "means")
    estimator.priors_ = np.array([group.prior for group in model.classes])
    # There Σ = R·diag(s)·R′, and all that is asked for is R/√s and Π s: so s is the p-th root of det Σ, p times.
    sizes = [np.exp(2 * (np.log(group.prior) - group.constant) / p) for group in model.classes]
    estimator.scalings_ = [np.full(p, size) for size in sizes]
    estimator.rotations_ = [
        np.array([[*line, *[0.0] * (p - len(line))] for line in group.whitening]).T * np.sqrt(size)
        for group, size in zip(model.classes, sizes, strict=True)
    ]
    return estimator


def _margins(model: Classifier, labels: Any) -> Any:
    penalty = 1 / _option(model, "c") if model.kind == "ls_svm" else _option(model, "lam")
    estimator = import_module("sklearn.linear_model").RidgeClassifier(alpha=penalty)
    binarizer = import_module("sklearn.preprocessing").LabelBinarizer(pos_label=1, neg_label=-1).fit(labels)
    binarizer.classes_ = labels  # in the order of the target's levels, which decides between equal scores
    estimator._label_binarizer = binarizer  # noqa: SLF001 (where RidgeClassifier itself keeps its classes)
    if not hasattr(type(estimator), "classes_"):  # before scikit-learn 1.9 it is read from there
        estimator.classes_ = labels
    estimator.coef_, estimator.intercept_ = _lines(model)
    return estimator


def _lines(model: Classifier) -> tuple[Any, Any]:
    """Weights and constants of each class; of two classes, how the second differs from the first."""
    weights, centre = _matrix(model, "weights"), np.array(list(model.centre.values()))
    constants = np.array([group.constant for group in model.classes]) - weights @ centre
    if len(model.classes) > 2:
        return weights, constants
    share = 1.0 if model.kind.startswith("lda") else 0.5  # the two scores of a least-squares classifier are ŷ and −ŷ
    return share * (weights[1:] - weights[:1]), share * (constants[1:] - constants[:1])


def _components(model: Components) -> list[tuple[str, Any]]:
    package, p = import_module("sklearn.decomposition"), len(model.means)
    means, scales = (np.array(list(values.values())) for values in (model.means, model.scales))
    estimator = package.PCA(n_components=len(model.components))
    estimator.components_ = np.array(model.components)
    estimator.explained_variance_ = np.array(model.variances)
    estimator.explained_variance_ratio_ = np.array(model.ratios)
    estimator.singular_values_ = np.sqrt(np.array(model.variances) * (model.n - 1))
    estimator.n_components_, estimator.n_samples_ = len(model.components), model.n
    estimator.noise_variance_ = 0.0
    _sized(estimator, p)
    if model.options.get("standardise") != "true":
        estimator.mean_ = means
        return [("model", estimator)]
    estimator.mean_ = np.zeros(p)
    scaler = import_module("sklearn.preprocessing").StandardScaler()
    scaler.mean_, scaler.scale_, scaler.var_, scaler.n_samples_seen_ = means, scales, scales**2, model.n
    return [("standardise", _sized(scaler, p)), ("model", estimator)]


def _covariance(model: Covariance) -> Any:
    package = import_module("sklearn.covariance")
    if model.kind == "graphical_lasso":
        estimator = package.GraphicalLasso(alpha=_option(model, "lam"))
    else:
        estimator = package.LedoitWolf() if model.kind == "ledoit_wolf" else package.OAS()
        estimator.shrinkage_ = model.shrinkage
    estimator.location_ = np.array(list(model.means.values()))
    estimator.covariance_, estimator.precision_ = np.array(model.covariance), np.array(model.precision)
    return _sized(estimator, len(model.means))


def _reading(plan: Plan) -> list[tuple[str, Any]]:
    """Two steps: levels into a 0/1 column each, then the model's own columns in its order."""
    compose, spread, starts = import_module("sklearn.compose"), import_module("sklearn.preprocessing"), [0]
    readers, example = [], {}
    for entry in plan.inputs:
        name, levels = entry.feature.name, list(entry.levels) if entry.feature.levels else []
        encoder = spread.OneHotEncoder(categories=[np.array(levels, dtype=object)], sparse_output=False)
        readers.append((f"input {len(starts)}", encoder if levels else "passthrough", [name]))
        example[name] = [levels[0]] if levels else [0.0]
        starts.append(starts[-1] + max(len(levels), 1))
    parts = [used.parts[0] for used in plan.columns]
    places = [starts[p.place] + (p.level or 0 if plan.inputs[p.place].feature.levels else 0) for p in parts]
    read = compose.ColumnTransformer(readers).fit(_frame(example))
    keep = compose.ColumnTransformer([("columns", "passthrough", places)]).fit(np.zeros((1, starts[-1])))
    return [("read", read), ("columns", keep)]


def _option(model: Model | Classifier | Covariance, name: str) -> float:
    return float(above(name, model.options.get(name)))


def _frame(example: Mapping[str, Sequence[Any]]) -> Any:
    """A table of a kind from which scikit-learn can take columns by name."""
    for package in ("pandas", "polars"):
        with suppress(ImportError):
            return import_module(package).DataFrame(example)
    raise ModelError(
        "scikit-learn reads columns by name only from pandas or polars",
        hint="install them: pip install 'fedpeer[frames]'",
    )


def _pipeline(steps: Sequence[tuple[str, Any]]) -> Any:
    return import_module("sklearn.pipeline").Pipeline(list(steps))


def _sized(estimator: Any, columns: int) -> Any:
    estimator.n_features_in_ = columns
    return estimator


def _name(estimator: Any, names: Sequence[str]) -> None:
    estimator.feature_names_in_ = np.array(names, dtype=object)


def _matrix(model: Classifier, part: str) -> Any:
    if not all(getattr(group, part) for group in model.classes):
        raise ModelError(f"not a model of the kind {model.kind}: its classes have no {part}")
    return np.array([[getattr(group, part)[name] for name in model.columns] for group in model.classes])
