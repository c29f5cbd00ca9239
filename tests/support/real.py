"""Real data that is at hand, as pooled rows and as their summary."""

from __future__ import annotations

from functools import cache

import numpy as np
from sklearn import datasets

from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema
from fedpeer.core.statistics.summary import Summary

Table = dict[str, np.ndarray]
SPECIES = ("setosa", "versicolor", "virginica")


def summarised(
    table: Table, *, resolution: str, low: float = -1000, high: float = 10_000, blocks: tuple[str, ...] = ()
) -> Summary:
    """The summary of a table; numbers are continuous, 0/1 integers binary, texts categories."""
    features = []
    for name, values in table.items():
        if values.dtype.kind in "iu":
            features.append(Feature(name, "binary"))
        elif values.dtype.kind == "f":
            features.append(Feature(name, "continuous", min=low, max=high, resolution=resolution))
        else:
            features.append(Feature(name, "category", levels=sorted(set(values.tolist()))))
    return collect(Schema(features, blocks=blocks), table)


@cache
def iris(*, uci: bool = False) -> tuple[Table, Summary]:
    """Fisher's iris with its species and halves of petal width; `uci` is the copy with two well-known typing errors."""
    loaded = datasets.load_iris()
    rows = loaded.data.copy()
    if uci:
        rows[34] = rows[37] = [4.9, 3.1, 1.5, 0.1]
    names = ("sepal_length", "sepal_width", "petal_length", "petal_width")
    table: Table = {name: rows[:, i] for i, name in enumerate(names)}
    table["petal_width_b1"] = (rows[:, 3] < 0.8).astype(int)
    table["petal_width_b2"] = (rows[:, 3] >= 0.8).astype(int)
    table |= {f"Iris_{name}": (loaded.target == i).astype(int) for i, name in enumerate(SPECIES)}
    table["species"] = np.array(SPECIES)[loaded.target]
    return table, summarised(table, resolution="0.1", low=0, high=10)


@cache
def diabetes() -> tuple[Table, Summary]:
    """The diabetes data in their own units."""
    loaded = datasets.load_diabetes(scaled=False)
    table = {name: loaded.data[:, i] for i, name in enumerate(loaded.feature_names)} | {"y": loaded.target}
    table["sex"] = (table["sex"] == 2).astype(int)
    return table, summarised(table, resolution="0.0001")


@cache
def cancer() -> tuple[Table, Summary]:
    """The breast cancer data, thirty features and the diagnosis."""
    loaded = datasets.load_breast_cancer()
    table = {name.replace(" ", "_"): loaded.data[:, i] for i, name in enumerate(loaded.feature_names)}
    table["benign"] = loaded.target.astype(int)
    return table, summarised(table, resolution="0.0000001", low=0, high=5000)
