"""Perfectly separated classes, constant columns, too few rows: every kind answers with finite numbers, or refuses."""

import math

import numpy as np
import pytest

from fedpeer.core.errors import ModelError
from fedpeer.core.models.fit import KINDS, fit
from fedpeer.core.models.kinds import TARGETLESS
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema

CLASSES = ("sick", "well")
TABLE = {
    "kind": ["sick"] * 20 + ["well"] * 20,
    "apart": [*range(20), *range(100, 120)],
    "noise": [k * 7 % 11 for k in range(40)],
    "sign": [0] * 20 + [1] * 20,
    "flat": [3] * 40,
}
SCHEMA = Schema(
    [
        Feature("kind", "category", levels=CLASSES),
        *(Feature(name, "continuous", min=-10, max=200, resolution=1) for name in ("apart", "noise")),
        Feature("sign", "binary"),
        Feature("flat", "continuous", min=0, max=10, resolution=1),
    ],
    blocks=["histogram"],
)
SUMMARY = collect(SCHEMA, TABLE)


def numbers(form):
    """Every number in a dict form, except options and the like that are text."""
    if isinstance(form, dict):
        return [n for value in form.values() for n in numbers(value)]
    if isinstance(form, list | tuple):
        return [n for value in form for n in numbers(value)]
    return [form] if isinstance(form, int | float) and not isinstance(form, bool) else []


@pytest.mark.parametrize(
    ("kind", "features"),
    [
        ("lda", ["apart", "noise"]),
        ("gaussian_nb", ["apart", "noise"]),
        ("bernoulli_nb", ["sign"]),
        ("ridge_classifier", ["apart", "noise", "sign"]),
    ],
)
def test_separated_classes_are_told_apart_by_finite_numbers_of_ordinary_size(kind, features):
    model = fit(SUMMARY, kind, "kind", features)
    assert list(model.predict(TABLE)) == TABLE["kind"]
    coefficients = [abs(v) for group in model.to_dict()["classes"] for v in numbers(group)]
    assert all(math.isfinite(v) for v in coefficients)
    assert max(coefficients) < 1000
    assert all(np.isfinite(scores).all() for scores in model.explain(TABLE).values())


def test_a_separating_column_alone_is_refused_where_a_variance_would_be_zero():
    with pytest.raises(ModelError, match="'sign' is constant within each class"):
        fit(SUMMARY, "lda", "kind", ["sign", "noise"])
    with pytest.raises(ModelError, match="alpha is 0; it must be above zero"):
        fit(SUMMARY, "bernoulli_nb", "kind", ["sign"], alpha=0)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("case", ["a constant column", "one class or value", "two rows", "one row", "no rows"])
def test_no_kind_answers_degenerate_rows_with_anything_but_finite_numbers_or_a_refusal(kind, case):
    features, table = ["apart", "noise"], TABLE
    if case == "a constant column":
        features = ["apart", "flat"]
    elif case == "one class or value":
        table = {name: values[:20] for name, values in TABLE.items()} | {"apart": [5] * 20}
    else:
        rows = {"two rows": 2, "one row": 1, "no rows": 0}[case]
        table = {name: values[:rows] for name, values in TABLE.items()}
    summary = collect(SCHEMA, table)
    target = None if kind in TARGETLESS else "kind" if KINDS[kind][1].__name__ == "Classifier" else "sign"
    try:
        model = fit(summary, kind, target, [name for name in features if name != target])
    except ModelError:
        return
    told = {k: v for k, v in model.to_dict().items() if k not in ("schema", "path", "certificate")}
    found = [abs(v) for v in numbers(told)]
    assert all(math.isfinite(v) for v in found)
    assert max(found, default=0) < 1e6
