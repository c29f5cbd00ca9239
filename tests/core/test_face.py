"""The small public face: what a notebook imports is what the daemon uses."""

from __future__ import annotations

import pyarrow as pa
import pytest
from sklearn.datasets import load_diabetes

import fedpeer as fp


def test_a_notebook_gets_a_federated_model_without_a_daemon():
    data = load_diabetes(as_frame=True, scaled=False).frame
    features = [
        fp.Feature("bmi", "continuous", min=10, max=60, resolution="0.1", unit="kg/m2"),
        fp.Feature("bp", "continuous", min=40, max=160, resolution="0.01", unit="mmHg"),
        fp.Feature("target", "continuous", min=0, max=400, resolution=1),
    ]
    schema = fp.Schema(features)
    parts = [fp.collect(schema, data.iloc[i::3]) for i in range(3)]
    total = parts[2] + parts[0] + parts[1]
    pooled = fp.collect(schema, pa.Table.from_pandas(data))
    assert total == pooled
    assert total.digest == pooled.digest
    assert total - parts[1] == parts[0] + parts[2]
    model = fp.fit(total, "ols", target="target")
    assert model.coefficients == fp.fit(pooled, "ols", target="target").coefficients
    assert set(model.coefficients) == {"intercept", "bmi", "bp"}
    assert model.n == 442
    assert fp.explore(total).univariate("bmi")["count"] == 442
    assert fp.measure(total, "vif", ["bmi", "bp"])["vif"]["bmi"] == pytest.approx(1.185, abs=0.001)
    contract = fp.Contract.parse("COUNT(bmi) >= 400 AND STDDEV(bmi) > 1")
    contract.validate(schema)


def test_every_public_name_is_there_and_no_other():
    assert {name: getattr(fp, name) for name in fp.__all__}.keys() == set(fp.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        fp.Nonsense  # noqa: B018
