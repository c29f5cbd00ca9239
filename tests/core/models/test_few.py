"""Whatever the few rows, every kind gives a model that JSON can hold and that predicts, or says why not."""

import json

import numpy as np
import pytest

from fedpeer.core.errors import ModelError
from fedpeer.core.models.fit import KINDS, fit, restore
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema

SCHEMA = Schema(
    [
        Feature("a", "continuous", min=-9, max=9, resolution="0.1"),
        Feature("b", "continuous", min=-9, max=9, resolution="0.1"),
        Feature("k", "binary"),
        Feature("c", "category", levels=["x", "y", "z"]),
        Feature("y", "continuous", min=-9, max=9, resolution="0.1"),
    ],
    blocks=["powers", "histogram"],
    bins=9,
)
SQUARED = Schema([*SCHEMA.features, *(Feature(f"{name}2", "product", of=[name, name]) for name in "aby")])

CHAINED = Schema([*SCHEMA.features, Feature("d", "category", levels=["x", "y", "z"])])


def rows(seed):
    rng = np.random.default_rng(seed)
    n, spread = int(rng.integers(0, 9)), int(rng.integers(0, 3))
    table = {name: rng.integers(-spread, spread + 1, n) / 10 for name in "aby"}
    return (
        table
        | {"k": rng.integers(0, rng.integers(1, 3), n), "c": rng.choice(["x", "y", "z"], n)}
        | {"d": np.array(list("xyzxyzxyz"))[:n]}
    )


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_fits_or_says_why_not(kind):
    fitted = 0
    for seed in range(24):
        table = rows(seed)
        schema = SQUARED if kind in {"qda", "ledoit_wolf"} else CHAINED if kind == "markov" else SCHEMA
        summary = collect(schema, table)
        for target, missing in ((None, "none"), ("k", "gaussian"), ("c", "none"), ("y", "mean")):
            try:
                model = fit(summary, kind, target, missing=missing)
            except ModelError:
                continue
            fitted += 1
            assert len(model.predict(table)) == len(table["a"])
            assert restore(json.loads(json.dumps(model.to_dict(), allow_nan=False))) == model
    assert bool(fitted) == (kind not in {"qda", "bernoulli_nb", "hmm", "evt"})
