"""Every function against an independent oracle on the rows themselves."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris

from fedpeer.core.contract.admit import SENDING, Admitted, admit
from fedpeer.core.contract.functions import FUNCTIONS, Kind
from fedpeer.core.contract.grammar import Contract
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema

Floats = npt.NDArray[np.float64]

SCHEMA = Schema(
    [
        Feature("x", min=-100, max=100, resolution="0.25"),
        Feature("y", min=0, max=1000, resolution="1"),
        Feature("a", kind="binary"),
        Feature("b", kind="binary"),
    ]
)
rows = st.tuples(
    st.integers(-400, 400).map(lambda q: q / 4), st.integers(0, 1000), st.integers(0, 1), st.integers(0, 1)
)


def _spread(ddof: int) -> Callable[[Floats], float]:
    return lambda x: float(x.var(ddof=ddof)) if len(x) > ddof else math.nan


def _root(ddof: int) -> Callable[[Floats], float]:
    return lambda x: math.sqrt(_spread(ddof)(x))


def _mean(x: Floats) -> float:
    return float(x.mean()) if len(x) else math.nan


def _correlation(x: Floats, y: Floats) -> float:
    return float(np.corrcoef(x, y)[0, 1]) if len(x) and np.ptp(x) and np.ptp(y) else math.nan


ORACLE: dict[str, Callable[..., float]] = {
    "COUNT": len,
    "COUNT_TRUE": lambda b: b.sum(),
    "MEAN": _mean,
    "STDDEV": _root(0),
    "VARIANCE": _spread(0),
    "STDDEV_UNBIASED": _root(1),
    "VARIANCE_UNBIASED": _spread(1),
    "COVAR": lambda x, y: np.cov(x, y, bias=True)[0, 1] if len(x) else math.nan,
    "LINCORR": _correlation,
    "COND_COUNT": lambda x, f: len(x[f == 1]),
    "COND_MEAN": lambda x, f: _mean(x[f == 1]),
    "COND_STDDEV": lambda x, f: _root(0)(x[f == 1]),
    "COND_VARIANCE": lambda x, f: _spread(0)(x[f == 1]),
    "COND_STDDEV_UNBIASED": lambda x, f: _root(1)(x[f == 1]),
    "COND_VARIANCE_UNBIASED": lambda x, f: _spread(1)(x[f == 1]),
    "COMPL_COND_STDDEV": lambda x, f: _root(0)(x[f == 0]),
    "COMPL_COND_VARIANCE": lambda x, f: _spread(0)(x[f == 0]),
    "COMPL_COND_STDDEV_UNBIASED": lambda x, f: _root(1)(x[f == 0]),
    "COMPL_COND_VARIANCE_UNBIASED": lambda x, f: _spread(1)(x[f == 0]),
    "PCT_OF_TRUE": lambda b, f: 100 * _mean(b[f == 1]),
    "PCT_OF_FALSE": lambda b, f: 100 * _mean(b[f == 0]),
    "NUM_OCCURENCE_WHEN_TRUE": lambda b, f: ((b == 1) & (f == 1)).sum(),
    "NUM_OCCURENCE_WHEN_FALSE": lambda b, f: ((b == 1) & (f == 0)).sum(),
    "MEAN_WHEN_TRUE": lambda x, f: _mean(x[f == 1]),
    "MEAN_WHEN_FALSE": lambda x, f: _mean(x[f == 0]),
}
FEATURES = {Kind.ANY: ("x", "a", "y"), Kind.REAL: ("x", "y"), Kind.FLAG: ("a", "b")}


def _applied(name: str) -> list[tuple[str, ...]]:
    """Return the features to apply a function to: for every kind that it takes, each that fits."""
    choices: list[tuple[str, ...]] = [()]
    for kind in FUNCTIONS[name].kinds:
        choices = [(*chosen, feature) for chosen in choices for feature in FEATURES[kind]]
    return choices


CALLS = [(name, features) for name in ORACLE for features in _applied(name)]
CONTRACT = Contract.parse("\n".join(f"{name}({', '.join(features)}) > 0" for name, features in CALLS))


@pytest.mark.long
@settings(max_examples=40, deadline=None)
@given(st.lists(rows, max_size=12))
def test_every_function_measures_what_numpy_finds_in_the_rows(table: list[tuple[float, int, int, int]]) -> None:
    columns = {name: np.array([row[i] for row in table], float) for i, name in enumerate("xyab")}
    outcome = admit(collect(SCHEMA, columns), CONTRACT, SENDING, peers=1, action="allow")
    for (name, features), verdict in zip(CALLS, outcome.verdicts, strict=True):
        ((_, text),) = verdict.measured
        expected = float(ORACLE[name](*(columns[feature] for feature in features)))
        if math.isnan(expected):
            assert text.startswith("undefined")
            assert not verdict.passed
        else:
            assert float(text) == pytest.approx(expected, rel=1e-9, abs=1e-9)
            if abs(expected) > 1e-9:
                assert verdict.passed is (expected > 0)


def test_the_oracle_knows_every_function() -> None:
    assert set(ORACLE) | {"ROWS", "PEERS"} == set(FUNCTIONS)


IRIS = """
COUNT(sepal_length) >= 150
MEAN(sepal_width) > 3.0
STDDEV(petal_length) > 1.75
VARIANCE(sepal_width) > 0.1
VARIANCE(petal_width) > 0.5
COUNT(Iris_setosa) > 100
COVAR(petal_length, petal_width) > 1.28
LINCORR(petal_width, petal_length) > 0.25
COND_COUNT(sepal_length, Iris_versicolor) >= 50
COND_MEAN(sepal_length, Iris_versicolor) >= 50
COND_STDDEV(sepal_length, Iris_versicolor) >= 50 OR COND_VARIANCE(sepal_length, Iris_versicolor) >= 50
"""


def test_the_contract_of_the_published_description_on_the_data_it_was_written_for() -> None:
    iris = load_iris()
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    kinds = ["Iris_setosa", "Iris_versicolor", "Iris_virginica"]
    table = dict(zip(names, iris.data.T, strict=True))
    table |= {kind: (iris.target == i).astype(int) for i, kind in enumerate(kinds)}
    features = [Feature(name, min=0, max=10, resolution="0.1") for name in names]
    summary = collect(Schema([*features, *(Feature(kind, kind="binary") for kind in kinds)]), table)
    verdicts = admit(summary, Contract.parse(IRIS), SENDING, peers=1).verdicts
    assert [verdict.passed for verdict in verdicts] == [True] * 9 + [False] * 2
    measured = {name: float(text) for verdict in verdicts for name, text in verdict.measured}
    assert measured["COVAR(petal_length, petal_width)"] == pytest.approx(1.2869719999999997)
    assert measured["COUNT(Iris_setosa)"] == 150
    assert measured["COND_MEAN(sepal_length, Iris_versicolor)"] == pytest.approx(5.936)


def test_rules_hold_on_a_sum_as_they_do_on_pooled_rows() -> None:
    table = {"x": [1.0, 2.5, 3.0, 4.0], "y": [1, 2, 3, 4], "a": [0, 1, 1, 0], "b": [1, 1, 0, 0]}
    parts = [{name: values[half] for name, values in table.items()} for half in (slice(0, 1), slice(1, 4))]
    added = collect(SCHEMA, parts[0]) + collect(SCHEMA, parts[1])
    both = [admit(s, CONTRACT, SENDING, peers=1, action="allow") for s in (added, collect(SCHEMA, table))]
    assert all(isinstance(outcome, Admitted) for outcome in both)
    assert both[0].verdicts == both[1].verdicts
