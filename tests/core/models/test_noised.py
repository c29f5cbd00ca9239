"""Models of sums with noise: intervals that hold the truth as often as they say, and refusals in words."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from fedpeer.core.errors import ModelError
from fedpeer.core.models import noised as room
from fedpeer.core.models.fit import KINDS, fit, restore
from fedpeer.core.models.model import Model
from fedpeer.core.models.validate import cross_validate
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from tests.support.released import noised

pytestmark = pytest.mark.long

FEATURES = [
    Feature("x", min="-4", max="4", resolution="0.01"),
    Feature("z", min="0", max="20", resolution="0.1"),
    Feature("b", "binary"),
    Feature("c", "category", levels=["k", "l", "m"]),
    Feature("y", min="-40", max="40", resolution="0.01"),
]
SCHEMA = Schema(FEATURES)
TRUTH = {"intercept": 1.0, "x": 2.0, "z": -0.5, "b": 1.5, "c$l": 0.7, "c$m": -1.0}


def population(rows: int, seed: int, schema: Schema = SCHEMA) -> Summary:
    """Rows of a linear truth with errors of deviation 1."""
    rng = np.random.default_rng(seed)
    x = np.clip(rng.normal(0, 1, rows), -4, 4).round(2)
    z = np.clip(rng.normal(8, 3, rows) + x, 0, 20).round(1)
    b, c = (rng.random(rows) < 0.3).astype(int), rng.integers(0, 3, rows)
    y = 1 + 2 * x - 0.5 * z + 1.5 * b + np.array([0, 0.7, -1.0])[c] + rng.normal(0, 1, rows)
    return collect(schema, {"x": x, "z": z, "b": b, "c": np.array(["k", "l", "m"])[c].tolist(), "y": y})


def errors(model: Model) -> np.ndarray:
    return np.array([row["std_error"] for row in model.table])


@pytest.mark.parametrize(("rows", "rho"), [(2000, Fraction(1, 2)), (2000, Fraction(500)), (500, Fraction(2))])
def test_intervals_of_least_squares_hold_the_truth_as_often_as_they_say(rows, rho):
    held, bare, told, runs = 0, 0, 0, 120
    for seed in range(runs):
        exact = population(rows, seed)
        try:
            model = fit(noised(exact, rho, seed + 1), "ols", "y")
        except ModelError:
            continue
        told += len(TRUTH)
        held += sum(row["ci_low"] <= TRUTH[row["name"]] <= row["ci_high"] for row in model.table)
        known = 1.96 * errors(fit(exact, "ols", "y"))  # what does not know of the noise
        off = np.array(list(model.coefficients.values())) - list(TRUTH.values())
        bare += int((np.abs(off) <= known).sum())
    assert told > 0.8 * runs * len(TRUTH)
    assert held / told >= 0.93  # 95% less three deviations of what is counted
    assert bare / told < 0.6


def test_errors_come_to_those_without_noise_as_it_goes_and_grow_with_it():
    exact = population(1000, 1)
    bare = errors(fit(exact, "ols", "y"))
    calm = fit(Summary(SCHEMA, exact.residues, (1, 0, 0, 0)), "ols", "y")  # hardly any, and none of it drawn
    np.testing.assert_allclose(errors(calm), bare, rtol=0.02)
    loud = fit(noised(exact, Fraction(10), 1), "ols", "y")
    assert (errors(loud) > 1.5 * bare).all()


def test_errors_of_one_noise_are_the_spread_of_the_coefficients_that_it_gives():
    exact = population(5000, 2)
    models = [fit(noised(exact, Fraction(1), seed), "ols", "y") for seed in range(150)]
    spread = np.std([list(model.coefficients.values()) for model in models], axis=0, ddof=1)
    said = np.sqrt(np.mean([errors(model) ** 2 for model in models], axis=0) - errors(fit(exact, "ols", "y")) ** 2)
    np.testing.assert_allclose(spread, said, rtol=0.25)


def test_a_model_of_sums_with_noise_says_what_accounts_for_it_and_is_kept_like_any_other():
    summary = noised(population(2000, 3), Fraction(1), 3)
    ols = fit(summary, "ols", "y")
    assert ols.certificate is not None
    assert ols.certificate.noise.startswith("noise: accounted for in standard errors")
    assert ols.f is ols.f_p is None
    assert ols.summary == ols.certificate.basis.summary == summary.digest
    assert restore(ols.to_dict()) == ols
    ridge = fit(summary, "ridge", "y", lam=1)
    assert ridge.certificate is not None
    assert "not accounted for" in ridge.certificate.noise
    exact = fit(population(2000, 3), "ols", "y")
    assert exact.certificate is not None
    assert exact.certificate.noise == ""
    assert "noise" not in exact.to_dict()["certificate"]


@pytest.mark.parametrize("kind", sorted(set(KINDS) - room.KINDS))
def test_kinds_that_cannot_have_noise_say_so(kind):
    with pytest.raises(ModelError, match="cannot be fitted from sums that carry noise"):
        fit(noised(population(500, 4), Fraction(1), 4), kind, None if kind in {"oas", "hbos"} else "c")


@pytest.mark.parametrize("kind", sorted(room.KINDS))
@pytest.mark.parametrize("rho", [Fraction(1, 10**6), Fraction(1, 50), Fraction(100)])
def test_however_large_the_noise_a_kind_fits_or_says_why_not(kind, rho):
    for seed in range(5):
        summary = noised(population(300, seed), rho, seed)
        try:
            model = fit(summary, kind, None if kind == "pca" else "y")
        except ModelError as fault:
            text = str(fault)
        else:
            text = model.certificate.noise if model.certificate else ""
            assert all(np.isfinite(v) for v in getattr(model, "coefficients", {}).values())
        assert "noise" in text or "rows are too few" in text, text


def test_sums_shorter_than_the_noise_are_raised_to_it_and_then_give_a_ridge():
    exact = population(300, 5)
    summary = noised(exact, Fraction(1, 50), 5)
    with pytest.raises(ModelError, match="larger than what it hides"):
        fit(summary, "ols", "y")
    raised = fit(summary, "ridge", "y", lam=1)
    assert raised.certificate is not None
    assert "raised to it" in raised.certificate.noise
    assert max(map(abs, raised.coefficients.values())) < 100


def test_options_and_rows_that_noise_leaves_no_meaning_are_refused():
    summary = noised(population(500, 6), Fraction(1), 6)
    for options, said in (
        ({"singular": "drop"}, "no option 'singular'"),
        ({"intercept": False}, "no option 'intercept'"),
        ({"missing": "gaussian"}, "covariances that carry noise"),
    ):
        with pytest.raises(ModelError, match=said):
            fit(summary, "ols", "y", **options)
    assert fit(summary, "ols", "y", ["x"], missing="mean").completion is not None
    gaps = Schema(FEATURES, missing="pairwise")
    with pytest.raises(ModelError, match="rows without gaps"):
        fit(noised(population(500, 6, gaps), Fraction(1), 6), "ols", "y")
    with pytest.raises(ModelError, match="carry noise"):
        cross_validate({"one": summary, "other": summary}, "ols", "y")
