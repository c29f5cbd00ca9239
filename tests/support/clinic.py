"""A small clinic: eight patients whose statistics can be checked by hand, and the means to make larger ones."""

from __future__ import annotations

import numpy as np

from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

SCHEMA = Schema(
    [
        Feature("age", min=0, max=120, resolution="0.1"),
        Feature("mean pressure", min=50, max=250, resolution="0.5"),
        Feature("female", kind="binary"),
        Feature("sick", kind="binary"),
        Feature("pregnant", kind="binary"),
        Feature("site", kind="category", levels=["north", "south", "far east"]),
    ]
)

EIGHT: dict[str, list[object]] = {
    "age": [20, 30, 40, 50, 60, 70, 80, 90],
    "mean pressure": [110, 112.5, 120, 130, 125, 140, 150, 160.5],
    "female": [1, 0, 1, 0, 1, 1, 0, 1],
    "sick": [0, 0, 0, 1, 1, 0, 1, 1],
    "pregnant": [0, 0, 0, 0, 0, 0, 0, 0],
    "site": ["north", "north", "south", "south", "south", "far east", "north", "south"],
}


def eight() -> Summary:
    """Return the summary of the eight patients."""
    return collect(SCHEMA, EIGHT)


def patients(rng: np.random.Generator, rows: int) -> dict[str, list[object]]:
    """Return rows whose 0/1 cells are all well filled when there are a few hundred."""
    return {
        "age": list(np.round(rng.normal(50, 15, rows).clip(0, 120), 1)),
        "mean pressure": list((rng.normal(130, 15, rows).clip(50, 250) * 2).round() / 2),
        "female": list(rng.integers(0, 2, rows)),
        "sick": list(rng.integers(0, 2, rows)),
        "pregnant": [0] * rows,
        "site": [["north", "south", "far east"][i] for i in rng.integers(0, 3, rows)],
    }
