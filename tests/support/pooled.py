"""Data sets that scikit-learn installs, as pooled rows and as the summary of those rows without loss."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
from sklearn import datasets

from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema
from fedpeer.core.statistics.summary import Summary


@dataclass(frozen=True)
class Pooled:
    """Rows as columns by name, as a matrix with a target, and as a summary."""

    summary: Summary
    table: dict[str, Any]
    inputs: np.ndarray
    target: np.ndarray


@cache
def classes(name: str) -> Pooled:
    """A data set with labels `0 …`, `1 …`, in the order of the codes, under the name `class`."""
    data = getattr(datasets, f"load_{name}")()
    labels = [f"{code} {label}" for code, label in enumerate(data.target_names)]
    kind = "binary" if len(labels) == 2 else "category"
    target = np.array(labels, dtype=object)[data.target]
    return _pooled(data, Feature("class", kind, levels=labels), target)


@cache
def numbers(name: str) -> Pooled:
    """A data set with a measured target, under the name `target`; iris predicts its petal width."""
    data = load_diabetes() if name == "diabetes" else getattr(datasets, f"load_{name}")()
    if name == "iris":
        data.target, data.data, data.feature_names = data.data[:, 3], data.data[:, :3], data.feature_names[:3]
    if data.target.ndim == 2:
        data.target = data.target[:, 0]
    return _pooled(data, continuous("target", data.target), data.target)


@cache
def crossed(name: str, columns: int) -> Pooled:
    """The first columns of `classes`, and the products of them that quadratic models need."""
    data = classes(name)
    names = list(data.table)[:columns]
    features = [feature for feature in data.summary.schema.features if feature.name in {*names, "class"}]
    goal = features[-1]
    flags = ["class"] if goal.kind == "binary" else [f"class${level}" for level in goal.levels[1:]]
    squares = [Feature(f"{x} squared", "product", of=[x, x]) for x in names]
    inside = [Feature(f"{x} in {k}", "product", of=[x, flag]) for x in names[1:] for k, flag in enumerate(flags)]
    table = {column: data.table[column] for column in [*names, "class"]}
    return Pooled(collect(Schema([*features, *squares, *inside]), table), table, data.inputs[:, :columns], data.target)


def load_diabetes() -> Any:
    """The diabetes set in its own units."""
    return datasets.load_diabetes(scaled=False)


def continuous(name: str, values: np.ndarray) -> Feature:
    """A feature that holds these values without loss."""
    most = math.ceil(float(np.abs(values).max())) + 1
    places = max(max(-int(Decimal(repr(float(v))).as_tuple().exponent), 0) for v in values)
    return Feature(name, "continuous", min=-most, max=most, resolution=str(Decimal(1).scaleb(-places)))


def _pooled(data: Any, goal: Feature, target: np.ndarray) -> Pooled:
    names = [str(name) for name in data.feature_names]
    columns = {name: data.data[:, i].astype(float) for i, name in enumerate(names)}
    features = [continuous(name, values) for name, values in columns.items()]
    table = columns | {goal.name: target}
    return Pooled(collect(Schema([*features, goal]), table), table, data.data.astype(float), target)
