"""Exploring sums with noise: every answer has a value or says that noise is larger, and intervals hold the truth."""

from __future__ import annotations

import contextlib
import json
import math
import random
from fractions import Fraction

import pytest

from fedpeer.core.contract.admit import RECEIVING, Admitted, admit
from fedpeer.core.contract.functions import FUNCTIONS
from fedpeer.core.contract.grammar import Contract
from fedpeer.core.errors import LocalError
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.explore import explore
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.metrics import METRICS, measure
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from fedpeer.core.statistics.uncertain import deviations, of_count, of_sum
from tests.support.released import noised

FEATURES = [
    Feature("x", min="-10", max="10", resolution="0.5"),
    Feature("y", min="0", max="100", resolution="1"),
    Feature("b", "binary"),
    Feature("c", "category", levels=["k", "l", "m"]),
]
BLOCKS = ("powers", "histogram", "conditional_histogram")
SCHEMAS = [Schema(FEATURES, blocks=BLOCKS, bins=8), Schema(FEATURES, missing="pairwise", blocks=BLOCKS, bins=8)]


def rows(count: int, seed: int = 1) -> dict[str, list[str]]:
    rng = random.Random(seed)
    x = [rng.randrange(-20, 21) / 2 for _ in range(count)]
    return {
        "x": [str(v) for v in x],
        "y": [str(min(100, max(0, round(50 + 3 * v + rng.gauss(0, 8))))) for v in x],
        "b": [str(int(rng.random() < 0.3)) for _ in range(count)],
        "c": [rng.choice("klm") for _ in range(count)],
    }


@pytest.mark.long
@pytest.mark.parametrize("schema", SCHEMAS, ids=["whole", "gaps"])
@pytest.mark.parametrize("count", [0, 3, 400])
def test_every_answer_is_json_or_an_error_in_words_however_large_the_noise(schema, count):
    exact = collect(schema, rows(count)) if count else Summary.zero(schema)
    pairs = [(a, b) for a in "xybc" for b in "xybc" if a != b]
    for seed, rho in enumerate((Fraction(1, 10**6), Fraction(1, 100), Fraction(10))):
        summary, other = noised(exact, rho, seed), noised(exact, rho, seed + 50)
        explored = explore(summary)
        for name in "xybc":
            json.dumps(explored.univariate(name), allow_nan=False)
        for a, b in pairs:
            json.dumps(explored.bivariate(a, b), allow_nan=False)
        for metric, how in METRICS.items():
            for features in [(), ("x",), ("y",), ("b",), ("c",), ("x", "b"), ("x", "y"), ("x", "c"), ("b", "c")]:
                for against in (None, other) if how.compares else (None,):
                    with contextlib.suppress(LocalError):
                        json.dumps(measure(summary, metric, features, other=against), allow_nan=False)


@pytest.mark.parametrize("schema", SCHEMAS, ids=["whole", "gaps"])
def test_contracts_on_sums_with_noise_have_verdicts(schema):
    kinds = {"continuous or 0/1": "x", "continuous": "y", "0/1": "b"}
    lines = [f"{name}({', '.join(kinds[k] for k in f.kinds)}) >= 0" for name, f in FUNCTIONS.items()]
    contract = Contract.parse("\n".join(lines))
    exact = collect(schema, rows(5))
    for seed in range(10):
        verdict = admit(noised(exact, Fraction(1, 10**5), seed), contract, RECEIVING, peers=3, action="allow")
        assert isinstance(verdict, Admitted)
        assert all(v.text for v in verdict.verdicts)
    texts = " ".join(v.text for v in verdict.verdicts)
    assert "undefined (the noise is larger than what it hides)" in texts
    calm = admit(noised(collect(schema, rows(400)), Fraction(10**4), 1), contract, RECEIVING, peers=3, action="allow")
    assert "undefined" not in " ".join(v.text for v in calm.verdicts)


def test_a_count_and_a_mean_are_told_where_only_the_variance_is_lost():
    exact, seeds = collect(SCHEMAS[0], rows(60)), range(200)
    told = (explore(noised(exact, Fraction(1, 10), seed)).univariate("x") for seed in seeds)
    lost = next(answer for answer in told if answer["variance"] is None and answer["count"] > 0)
    assert lost["undefined"] == {"variance": "the noise is larger than what it hides"}
    assert lost["mean"] is not None
    assert lost["noise"]["count"] == math.sqrt(of_count(noised(exact, Fraction(1, 10), 0)))
    assert lost["ci_low"] is lost["stderr"] is None


@pytest.mark.long
@pytest.mark.parametrize("rho", [Fraction(1, 20), Fraction(2)])
def test_intervals_of_means_hold_the_mean_of_the_population_with_noise_too(rho):
    schema, runs, held, narrow = Schema(FEATURES[:1]), 300, 0, 0
    for seed in range(runs):
        exact = collect(schema, {"x": rows(150, seed)["x"]})
        told = explore(noised(exact, rho, seed)).univariate("x")
        bare = explore(exact).univariate("x")
        held += told["ci_low"] is not None and told["ci_low"] <= 0 <= told["ci_high"]
        narrow += (
            told["mean"] - (bare["ci_high"] - bare["mean"]) <= 0 <= told["mean"] + (bare["ci_high"] - bare["mean"])
        )
    assert held >= 0.92 * runs
    if rho < 1:
        assert narrow < held - 10  # intervals that know of no noise miss it


def test_the_variance_of_a_sum_of_ones_is_that_of_the_quieter_block():
    exact = collect(SCHEMAS[0], rows(50))
    summary = noised(exact, Fraction(1, 10), 1)
    assert of_sum(summary, "b") <= of_sum(summary, "x")
    assert deviations(summary)["rows"] == math.sqrt(summary.noise[0])
    assert deviations(exact) == {}
