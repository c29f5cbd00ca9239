"""Algorithms of the dialect and kinds of model: what is fitted for a name, and how a model is told of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from fedpeer.api.symetry import attributes
from fedpeer.api.symetry.contexts import Asked
from fedpeer.api.symetry.envelope import DialectError
from fedpeer.core.models.classifier import Classifier
from fedpeer.core.models.fit import restore
from fedpeer.core.models.kinds import TARGETLESS
from fedpeer.core.models.model import Model
from fedpeer.core.models.result import Result
from fedpeer.core.statistics.schema import Schema
from fedpeer.node.shapes import Fitted, Predicted

KEPT: Final = ("lam", "mix", "components", "form", "criterion", "direction", "c", "priors")  # options to fit with again

_BAD = HTTPStatus.BAD_REQUEST
_KINDS: Final = {
    "mlr": "ols",
    "ridge": "ridge",
    "lasso": "lasso",
    "elasticnet": "elastic_net",
    "pcr": "pcr",
    "plsq": "pls",
    "lda": "lda",
    "mlda": "lda",
    "mqda": "qda",
    "bayes": "gaussian_nb",
    "lsvm": "ls_svm",
    "oospca": "pca",
    "hba": "hbos",
    "ecod": "ecod",
    "covest": "oas",
    "stepwise": "stepwise",
    "best_subset": "best_subset",
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items() if name != "mlda"} | {
    "bernoulli_nb": "bayes",
    "graphical_lasso": "covest",
    "ledoit_wolf": "covest",
}
_COVARIANCES: Final = {"oas": "oas", "graph_lasso": "graphical_lasso", "ledoit_wolf": "ledoit_wolf"}
_SELECTORS: Final = {"selector_type_fw_bw": "stepwise", "selector_type_brute": "best_subset"}
_RENAMED: Final = {"lambda": "lam", "eta": "mix"}
_NOT = "needs more of each row than sums, which is all that there is of them here"
_ABSENT: Final = {
    **dict.fromkeys(("lr", "kmeans", "rf_classifier", "rf_regressor", "rf_anomaly", "mc", "hmm", "evt"), _NOT),
    "km": "is a curve and no model here: ask the native API for the metric kaplan_meier",
    "lsvr": "is not there: ridge is its like",
    "powerreg": "is not there: products and powers are features of the schema, and mlr takes them",
}
_TABLE: Final = {
    "attribute": "name",
    "coefficient": "coefficient",
    "std.error": "std_error",
    "scores": "t",
    "p.values": "p",
    "ci.low": "ci_low",
    "ci.high": "ci_high",
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is fitted: a kind of model, its target and features, and its options."""

    kind: str
    target: str | None
    features: list[str] | None
    options: dict[str, Any]


def recipe(algo: str, asked: Asked, schema: Schema) -> Recipe:
    """Return what an algorithm is here; DialectError for one that is not there."""
    kind = _KINDS.get(algo)
    if kind is None:
        why = _ABSENT.get(algo, f"is not one: there are {', '.join(_KINDS)}")
        raise DialectError(_BAD, f"algo {algo[:40]!r} {why}")
    options = {_RENAMED.get(key, key): value for key, value in asked.extra.items()}
    inputs, targets = (attributes.features(schema, chosen) for chosen in (asked.inputs, asked.targets))
    if kind == "oas":
        kind = _covariance(str(options.pop("method", "oas")))
    if kind == "gaussian_nb" and inputs and all(schema.feature(name).kind == "binary" for name in inputs):
        kind = "bernoulli_nb"
    if algo == "lda" and targets and _classes(schema, targets[0]) == 2:
        options.setdefault("form", "symetry")
    if kind in TARGETLESS:
        targets = []
    elif len(targets) != 1:
        raise DialectError(
            _BAD, f"{algo} needs one target, and {len(targets)} are named: classes are values of one T attribute"
        )
    return Recipe(kind, targets[0] if targets else None, inputs or None, options)


def selector(extra: dict[str, Any]) -> str:
    """Return the kind of selection that parameters ask for, and take it out of them."""
    key = next((key for key, value in extra.items() if str(value).startswith("selector_type_")), None)
    wanted = "selector_type_fw_bw" if key is None else str(extra.pop(key))
    if wanted not in _SELECTORS:
        raise DialectError(_BAD, f"{wanted[:60]!r} is not supported: there are {', '.join(_SELECTORS)}")
    return _SELECTORS[wanted]


def named(kind: str) -> str:
    """Return what the dialect calls a kind of model."""
    return _NAMES.get(kind, kind)


def info(fitted: Fitted, schema: Schema) -> dict[str, Any]:
    """A ModelInfo; coefficients and what is known of each are lists in `extra`."""
    model = restore(fitted.model)
    places = {column.name: place for place, column in enumerate(schema.columns)}
    letters = dict(zip(places, attributes.kinds(schema), strict=True))
    targets = [target] if (target := fitted.model.get("target")) else []
    return {
        "modelId": fitted.id,
        "modelType": named(fitted.kind),
        "modelBuilt": True,
        "buildTime": int(fitted.created_at * 1000),
        "attributeNames": model.columns,
        "attributeIndexes": [places.get(name, -1) for name in model.columns],
        "attributeTypes": [letters.get(name, "C") for name in model.columns],
        "predictInfo": "",
        "scoreInfo": "",
        "targetNames": targets,
        "targetindexes": [places.get(name, -1) for name in targets],
        "info": _told(model),
        "extra": _extra(model),
    }


def predictions(model: Result, told: Predicted) -> dict[str, list[Any]]:
    """Return predictions by the dialect's keys, a value a row."""
    values: dict[str, list[Any]] = {"res": list(told.values)}
    if isinstance(model, Classifier) and model.options.get("form") == "symetry":
        return values | _midway(model, told)
    if isinstance(model, Classifier) and model.probabilities:
        return values | {"Prob": _probable(model, told)}
    score = {"ecod": "ecodscore", "hbos": "hbascore"}.get(model.kind)
    if score is not None:
        return values | {score: list(told.values)}
    return values | {name: list(row) for name, row in told.details.items()}


def _midway(model: Classifier, told: Predicted) -> dict[str, list[Any]]:
    """The discriminant β·x, its threshold, and on which side of that a row is."""
    group = model.classes[1]
    zero = sum(group.weights[name] * centre for name, centre in model.centre.items())
    scores = [None if score is None else score + zero for score in told.details[group.label]]
    below = [None if score is None else float(score < zero) for score in scores]
    above = [None if side is None else 1.0 - side for side in below]
    return {"resZ": scores, "z0": [zero] * len(scores), "z1LTz0": below, "z1GTz0": above}


def _probable(model: Classifier, told: Predicted) -> list[Any]:
    """P of the second of two classes, or of the class that was chosen among more."""
    labels = [group.label for group in model.classes]
    if len(labels) == 2:
        return list(told.details[labels[1]])
    rows = zip(*(told.details[label] for label in labels), strict=True)
    return [None if any(p is None for p in row) else max(p for p in row if p is not None) for row in rows]


def _told(model: Result) -> dict[str, str]:
    names = ("df", "r2", "adjusted_r2", "residual_std", "f", "f_p", "aic", "aicc", "bic")
    found = {name: getattr(model, name, None) for name in names}
    return {"rows": str(model.n), **{name: str(value) for name, value in found.items() if value is not None}}


def _extra(model: Result) -> dict[str, Any]:
    if isinstance(model, Model):
        rows: list[Mapping[str, Any]] = [dict(row) for row in model.table]
        return {key: [row[name] for row in rows] for key, name in _TABLE.items()}
    if isinstance(model, Classifier):
        groups = {group.label: group for group in model.classes}
        return {
            "class": list(groups),
            "count": [group.count for group in groups.values()],
            "attribute": model.columns,
            **{f"mean_{label}": [group.means[name] for name in model.columns] for label, group in groups.items()},
            **{f"weight_{k}": [g.weights[n] for n in model.columns] for k, g in groups.items() if g.weights},
        }
    return {}


def _covariance(method: str) -> str:
    if method not in _COVARIANCES:
        raise DialectError(_BAD, f"covest method {method[:40]!r} is not supported: {', '.join(_COVARIANCES)}")
    return _COVARIANCES[method]


def _classes(schema: Schema, target: str) -> int:
    feature = schema.feature(target)
    return len(feature.levels) if feature.kind == "category" else 2
