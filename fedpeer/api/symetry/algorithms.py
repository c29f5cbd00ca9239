"""Algorithms of the dialect and kinds of model: what is fitted for a name, and how a model is told of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import pyarrow as pa

from fedpeer.api.symetry import attributes
from fedpeer.api.symetry.contexts import Asked
from fedpeer.api.symetry.envelope import DialectError
from fedpeer.core.models.chain import Chain
from fedpeer.core.models.classifier import Classifier
from fedpeer.core.models.extremes import Extremes
from fedpeer.core.models.fit import restore
from fedpeer.core.models.hidden import Hidden
from fedpeer.core.models.kinds import TARGETLESS
from fedpeer.core.models.model import Model
from fedpeer.core.models.numbers import above
from fedpeer.core.models.result import Result
from fedpeer.core.statistics.schema import Schema
from fedpeer.node.shapes import Fitted, Predicted

KEPT: Final = (  # options to fit with again
    *("lam", "mix", "components", "form", "criterion", "direction", "c", "priors"),
    *("alpha", "delta", "steps", "enter", "leave", "tail", "level", "risk"),
)

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
    "lsvr": "ridge",
    "oospca": "pca",
    "hba": "hbos",
    "ecod": "ecod",
    "covest": "oas",
    "stepwise": "stepwise",
    "best_subset": "best_subset",
    "mc": "markov",
    "hmm": "hmm",
    "evt": "evt",
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items() if name not in {"mlda", "lsvr"}} | {
    **dict.fromkeys(("lda_stepwise", "lda_subset", "lda_reduced"), "lda"),
    "bernoulli_nb": "bayes",
    "graphical_lasso": "covest",
    "ledoit_wolf": "covest",
}
_COVARIANCES: Final = {"oas": "oas", "graph_lasso": "graphical_lasso", "ledoit_wolf": "ledoit_wolf"}
_RENAMED: Final = {"lambda": "lam", "eta": "mix"}
_NOT = "needs more of each row than sums, which is all that there is of them here"
_ABSENT: Final = {
    **dict.fromkeys(("lr", "kmeans", "rf_classifier", "rf_regressor", "rf_anomaly"), _NOT),
    "km": "is a curve and no model here: ask the native API for the metric kaplan_meier",
    "powerreg": "is not there: products and powers are features of the schema, and mlr takes them",
}
_RANK = "rank is decided exactly, over integers, and there is no tolerance to set"
_KNOBS: Final = {
    "sml_rcond_use": _RANK,
    "sml_rcond_tolerance": _RANK,
    "matrix_use_pseudoinv": "mlr has a pseudo-inverse, and other models refuse singular inputs by name",
    "clip_negative_predictions": "a prediction is what the model says, also below zero",
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
    options = numerics(kind, {_RENAMED.get(key, key): value for key, value in asked.extra.items()})
    inputs, targets = (attributes.features(schema, chosen) for chosen in (asked.inputs, asked.targets))
    if kind == "oas":
        kind = _covariance(str(options.pop("method", "oas")))
    if algo == "lsvr":
        options = {"lam": 1 / above("c", options.pop("c", 1)), **options}
    if kind == "gaussian_nb" and inputs and all(schema.feature(name).kind == "binary" for name in inputs):
        kind = "bernoulli_nb"
    if algo == "lda" and kind == "lda" and targets and _classes(schema, targets[0]) == 2:
        options.setdefault("form", "symetry")
    if kind in TARGETLESS:
        targets = []
    elif len(targets) != 1:
        raise DialectError(
            _BAD, f"{algo} needs one target, and {len(targets)} are named: classes are values of one T attribute"
        )
    return Recipe(kind, targets[0] if targets else None, inputs or None, options)


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


def predictions(model: Result, told: Predicted, rows: Mapping[str, pa.Array]) -> dict[str, list[Any]]:
    """Return predictions by the dialect's keys, a value a row, of the rows that were given."""
    values: dict[str, list[Any]] = {"res": list(told.values)}
    if isinstance(model, Chain):
        return _followed(model, told, rows)
    if model.kind == "hmm":
        return {"seq": list(told.values)}
    if isinstance(model, Extremes):
        return _extreme(model, told)
    if isinstance(model, Classifier) and model.options.get("form") == "symetry":
        return values | _midway(model, told)
    if model.kind == "qda":
        return {**{name: list(row) for name, row in told.details.items()}, **values}
    if isinstance(model, Classifier) and model.probabilities:
        return values | {"Prob": _probable(model, told)}
    score = {"ecod": "ecodscore", "hbos": "hbascore"}.get(model.kind)
    if score is not None:
        return values | {score: list(told.values)}
    return values | {name: list(row) for name, row in told.details.items()}


def _followed(model: Chain, told: Predicted, rows: Mapping[str, pa.Array]) -> dict[str, list[Any]]:
    """What follows each row's state, how likely that is, and how likely were the states of the rows up to it."""
    chances = [None if label is None else told.details[str(label)][at] for at, label in enumerate(told.values)]
    steps, likely, states = model.transitions, [], rows[model.previous].to_pylist()
    product: float | None = 1.0
    for at, state in enumerate(states):
        if state is None or product is None:
            product = None
        elif at:
            product *= steps[states[at - 1]][state]
        likely.append(product)
    return {"next": list(told.values), "next.p": chances, "seq.like": likely}


def _extreme(model: Extremes, told: Predicted) -> dict[str, list[Any]]:
    """Whether a row is beyond a limit, and these; of several attributes each with its name."""
    rows, several = len(told.values), len(model.tails) > 1
    values: dict[str, list[Any]] = {"evt_is_anomaly": list(told.values)}
    for name, tails in model.tails.items():
        for side, tail in tails.items():
            key = "evt_threshold" if len(tails) == 1 else f"evt_threshold_{side}"
            values[f"{name}_{key}" if several else key] = [tail.limit] * rows
    return values


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
    if isinstance(model, Chain):
        return {
            "state": list(model.counts),
            "stationary": [model.stationary.get(state) for state in model.counts],
            **{f"transition_{state}": list(row.values()) for state, row in model.transitions.items()},
        }
    if isinstance(model, Hidden):
        return {
            "state": list(model.start),
            "symbol": list(next(iter(model.emissions.values()))),
            **{f"transition_{state}": list(row.values()) for state, row in model.transitions.items()},
            **{f"emission_{state}": list(row.values()) for state, row in model.emissions.items()},
        }
    if isinstance(model, Extremes):
        tails = [(name, side, tail) for name, each in model.tails.items() for side, tail in each.items()]
        keys = ("start", "rows", "shape", "scale", "limit")
        told = {key: [getattr(tail, key) for *_, tail in tails] for key in keys}
        return {"attribute": [name for name, *_ in tails], "tail": [side for _, side, _ in tails], **told}
    if isinstance(model, Classifier):
        groups = {group.label: group for group in model.classes}
        return {
            "class": list(groups),
            "count": [group.count for group in groups.values()],
            "attribute": model.columns,
            **{f"mean_{label}": [group.means[name] for name in model.columns] for label, group in groups.items()},
            **(
                {f"mean_{model.target}": [groups["1"].means[n] for n in model.columns]}
                if set(groups) == {"0", "1"}
                else {}
            ),
            **{f"weight_{k}": [g.weights[n] for n in model.columns] for k, g in groups.items() if g.weights},
        }
    return {}


def numerics(kind: str, options: dict[str, Any]) -> dict[str, Any]:
    """Options without those of the reference's numerics; DialectError for one that would change what is computed."""
    left = {key: value for key, value in options.items() if key not in _KNOBS}
    for key in options.keys() - left.keys():
        wanted = str(options[key]).strip().lower()
        if key == "matrix_use_pseudoinv" and wanted == "true" and kind == "ols":
            left["singular"] = "pinv"
        elif wanted not in {"false", "0", ""}:
            raise DialectError(_BAD, f"{key} is not supported: {_KNOBS[key]}")
    return left


def _covariance(method: str) -> str:
    if method not in _COVARIANCES:
        raise DialectError(_BAD, f"covest method {method[:40]!r} is not supported: {', '.join(_COVARIANCES)}")
    return _COVARIANCES[method]


def _classes(schema: Schema, target: str) -> int:
    feature = schema.feature(target)
    return len(feature.levels) if feature.kind == "category" else 2
