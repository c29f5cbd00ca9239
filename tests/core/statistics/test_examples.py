"""The example schemas parse, and count real data without leaving out or rounding anything."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

from fedpeer.core.statistics.collect import tally
from fedpeer.core.statistics.schema import Schema

SCHEMAS = Path(__file__).parents[3] / "config" / "schemas"


def breast_cancer() -> dict[str, np.ndarray]:
    data = load_breast_cancer()
    return {"malignant": data.target == 0, **dict(zip(data.feature_names.tolist(), data.data.T, strict=True))}


def diabetes() -> dict[str, np.ndarray]:
    data = load_diabetes(scaled=False)
    return {"progression": data.target, **dict(zip(data.feature_names, data.data.T, strict=True))}


def iris() -> dict[str, np.ndarray]:
    data = load_iris()
    names = [name.removesuffix(" (cm)") for name in data.feature_names]
    return {"species": data.target_names[data.target], **dict(zip(names, data.data.T, strict=True))}


@pytest.mark.parametrize(
    ("name", "load", "rows"), [("breast-cancer", breast_cancer, 569), ("diabetes", diabetes, 442), ("iris", iris, 150)]
)
def test_an_example_counts_every_row_of_its_data_to_the_last_digit(name, load, rows):
    schema, table = Schema.from_yaml((SCHEMAS / f"{name}.yaml").read_text(encoding="utf-8")), load()
    account = tally(schema, table)
    assert (account.read, account.counted, account.rejected) == (rows, rows, {})
    for column in schema.columns:
        if not column.indicator:
            total = rows * column.origin + account.summary.sum(column.name) * column.step
            values = table[column.feature].tolist()
            assert total == sum(Fraction(repr(value)) for value in values), column.name


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("breast-cancer", "aee29f3264855989f5df02f43848f259e154f093f6edf5e26ec905e30e53d0e4"),
        ("diabetes", "92eac6bc516612d65bf42e74a7f768f4c5600a96845a48303d797ba4e2ea4138"),
        ("example", "4febc399e48a54984d5d821c26d5dfb74605fcb88eb3fd56d7bb7c2d56e4b8e3"),
        ("iris", "589e75db2e47236f04c7c9879ad3041dc9f5a6fab3423675ecc5eaa6cded1889"),
    ],
)
def test_the_digest_of_an_example_never_changes(name, digest):
    """Federations that agreed on it know it by this."""
    assert Schema.from_yaml((SCHEMAS / f"{name}.yaml").read_bytes()).digest == digest


def test_every_example_is_a_schema():
    found = {path.stem: Schema.from_yaml(path.read_bytes()) for path in SCHEMAS.iterdir()}
    assert found.keys() == {"breast-cancer", "diabetes", "iris", "example"}
    assert len(found["breast-cancer"].features) == 31
    assert [column.name for column in found["iris"].columns[-3:]] == [
        "species$setosa", "species$versicolor", "species$virginica",
    ]  # fmt: skip


def test_the_full_example_shows_every_setting():
    schema = Schema.from_yaml((SCHEMAS / "example.yaml").read_bytes())
    text = (SCHEMAS / "example.yaml").read_text(encoding="utf-8")
    form = schema.to_dict()
    keys = {*form, *(key for feature in form["features"] for key in feature)}
    assert keys == {
        "invalid", "missing", "row_bound", "features", "name", "kind", "min", "max", "resolution", "levels", "unit",
    }  # fmt: skip
    assert all(f"{key}:" in text for key in keys)
    assert {feature.kind for feature in schema.features} == {"continuous", "binary", "category"}
    assert schema.row_bound == 2**40
