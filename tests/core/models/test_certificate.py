"""Certificates, each number computed again on the pooled rows or in exact fractions."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache

import flint
import msgspec
import numpy as np
import pytest

from fedpeer.core.errors import ModelError
from fedpeer.core.models import certify
from fedpeer.core.models.certify import DIGITS
from fedpeer.core.models.fit import KINDS, fit, restore
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema
from tests.support import pooled
from tests.support.elimination import least_squares

CHOSEN = {"lda_stepwise", "lda_subset", "lda_reduced"}
TARGETS = {"lda", "qda", "gaussian_nb", "ridge_classifier", "ls_svm"} | CHOSEN
UNPROVED = {"hbos", "ecod"}  # scores of unusual rows
INPUTS = ["alcohol", "malic_acid", "ash", "hue"]
FIT = sorted(KINDS.keys() - UNPROVED - {"bernoulli_nb", "markov", "hmm", "evt"})


@cache
def with_products():
    """The wine data, with what quadratic models of the inputs need."""
    data = pooled.classes("wine")
    levels = [f"class${level}" for level in data.summary.schema.feature("class").levels[1:]]
    pairs = [(name, other) for name in INPUTS for other in (name, *levels)]
    more = [Feature(f"product {k}", "product", of=pair) for k, pair in enumerate(pairs)]
    return replace(data, summary=collect(Schema([*data.summary.schema.features, *more]), data.table))


def model_of(kind, **options):
    """A model of four columns of the wine data, and those rows."""
    data = with_products() if kind in {"qda", "ledoit_wolf"} else pooled.classes("wine")
    rows = np.column_stack([data.table[name] for name in INPUTS])
    if kind in TARGETS:
        return fit(data.summary, kind, "class", INPUTS, **options), rows, data
    if kind in {"pca", "oas", "graphical_lasso", "ledoit_wolf"}:
        return fit(data.summary, kind, features=INPUTS, **options), rows, data
    return fit(data.summary, kind, "proline", INPUTS, **options), rows, data


def scaled(rows):
    """Columns centred, and of length 1."""
    apart = rows - rows.mean(axis=0)
    return apart / np.linalg.norm(apart, axis=0)


def near(condition, expected):
    assert condition.value == pytest.approx(expected, rel=1e-9)
    assert condition.low <= expected * (1 + 1e-9)
    assert condition.high >= expected * (1 - 1e-9)


@pytest.mark.parametrize(
    "kind", [k for k in FIT if k not in {"lda", "qda", "gaussian_nb", "stepwise", "best_subset"} | CHOSEN]
)
def test_the_condition_is_that_of_the_pooled_rows(kind):
    model, rows, _ = model_of(kind)
    assert model.certificate.condition.of == "the inputs"
    near(model.certificate.condition, np.linalg.cond(scaled(rows)))


def test_the_condition_of_chosen_features_is_of_those():
    model, rows, _ = model_of("stepwise")
    near(model.certificate.condition, np.linalg.cond(scaled(rows[:, [INPUTS.index(name) for name in model.columns]])))


def test_the_condition_of_discriminants_is_within_the_classes():
    model, rows, data = model_of("lda")
    for label in set(data.target):
        rows[data.target == label] -= rows[data.target == label].mean(axis=0)
    near(model.certificate.condition, np.linalg.cond(rows / np.linalg.norm(rows, axis=0)))


def test_the_condition_of_quadratic_discriminants_is_the_worst_of_the_classes():
    model, rows, data = model_of("qda")
    found = {label: np.linalg.cond(scaled(rows[data.target == label])) for label in set(data.target)}
    worst = max(found, key=found.get)
    assert model.certificate.condition.of == f"the inputs within the class {worst!r}"
    near(model.certificate.condition, found[worst])


def test_columns_that_are_taken_one_by_one_have_no_condition():
    model, _, _ = model_of("gaussian_nb")
    assert model.certificate.condition.value is None
    assert "by itself" in model.certificate.condition.of


def table_of(step, n=40):
    """Columns that differ by little: the third is the sum of two, but for single steps."""
    rng = np.random.default_rng(2)
    a, b = (np.round(rng.normal(size=n) * 1000) for _ in range(2))
    return {"a": a, "b": b, "c": a + b + step * rng.integers(-1, 2, n), "y": np.round(a - b + rng.normal(size=n) * 50)}


def summary_of(table):
    features = [Feature(name, "continuous", min=-10_000, max=10_000, resolution="0.001") for name in table]
    return collect(Schema(features), table)


@pytest.mark.parametrize("step", [1, 0.01, 0.001])
def test_the_bounds_of_the_condition_hold_in_fifty_digits(step):
    table = table_of(step)
    certificate = fit(summary_of(table), "ols", "y").certificate
    rows = [[round(float(v) * 1000) for v in table[name]] for name in "abc"]
    n = len(rows[0])
    gram = [[n * sum(x * y for x, y in zip(p, q, strict=True)) - sum(p) * sum(q) for q in rows] for p in rows]
    with flint.ctx.workprec(300):
        sizes = [flint.arb(gram[i][i]).sqrt() for i in range(3)]
        matrix = flint.acb_mat(3, 3, [gram[i][j] / sizes[i] / sizes[j] for i in range(3) for j in range(3)])
        values = sorted(value.real for value in matrix.eig(multiple=True))
        exact = (values[-1] / values[0]).sqrt()
        assert certificate.condition.low <= exact <= certificate.condition.high
    assert certificate.condition.value == pytest.approx(float(exact), rel=1e-3)
    assert certificate.condition.high / certificate.condition.low < 1.2


def test_columns_that_determine_each_other_have_a_condition_without_end():
    certificate = fit(summary_of(table_of(0)), "ridge", "y").certificate
    assert (certificate.condition.value, certificate.condition.high) == (None, None)
    assert certificate.condition.low > 1e6


def exact_line(table, names, penalty=0):
    """The least-squares or ridge solution in fractions of the decimals, the intercept first."""
    rows = zip(*([Fraction(repr(float(v))) for v in table[name]] for name in names), strict=True)
    return least_squares(list(rows), [Fraction(repr(float(v))) for v in table["y"]], penalty)[0]


@pytest.mark.parametrize("step", [1, 0.001])
@pytest.mark.parametrize(("kind", "options", "penalty"), [("ols", {}, 0), ("ridge", {"lam": "0.25"}, Fraction(1, 4))])
def test_the_digits_are_right_however_bad_the_condition(step, kind, options, penalty):
    table = table_of(step)
    model = fit(summary_of(table), kind, "y", **options)
    assert model.certificate.digits == DIGITS
    for told, exact in zip(model.coefficients.values(), exact_line(table, "abc", penalty), strict=True):
        assert abs(Fraction(told) - exact) <= abs(exact) / 10**DIGITS


def test_the_digits_of_a_classifier_are_right_too():
    table = table_of(1)
    yes = table["y"] > 0
    schema = Schema([*summary_of(table).schema.features[:3], Feature("sick", "binary")])
    model = fit(collect(schema, {**{n: table[n] for n in "abc"}, "sick": yes}), "ridge_classifier", "sick", lam=2)
    _, *exact = exact_line({**table, "y": np.where(yes, 1.0, -1.0)}, "abc", 2)
    for told, beta in zip(model.classes[1].weights.values(), exact, strict=True):
        assert abs(Fraction(told) - beta) <= abs(beta) / 10**model.certificate.digits


@pytest.mark.parametrize("standardise", [False, True])
@pytest.mark.parametrize(("kind", "mix"), [("lasso", 1.0), ("elastic_net", 0.5)])
def test_what_a_sparse_model_reached_is_found_again_on_the_rows(kind, mix, standardise):
    model, rows, data = model_of(kind, lam="20", standardise=standardise)
    apart = rows - rows.mean(axis=0)
    beta = np.array([model.coefficients[name] for name in INPUTS])
    size = apart.std(axis=0) if standardise else np.ones(4)
    truth = data.table["proline"] - data.table["proline"].mean()
    slope = apart.T @ (truth - apart @ beta) / len(truth) - 20 * (1 - mix) * size**2 * beta
    missed = np.where(
        beta != 0, np.abs(slope / (20 * mix * size) - np.sign(beta)), np.abs(slope) / (20 * mix * size) - 1
    )
    assert model.certificate.reached == pytest.approx(max(missed.max(), 0), abs=1e-9)
    assert 0 <= model.certificate.reached <= 1e-9
    assert model.certificate.digits == DIGITS


def test_the_gap_of_the_graphical_lasso_is_found_again_on_the_rows():
    model, rows, _ = model_of("graphical_lasso", lam="0.1")
    precision = np.array(model.precision)
    off = np.abs(precision).sum() - np.trace(np.abs(precision))
    gap = (np.cov(rows.T, bias=True) * precision).sum() - 4 + 0.1 * off
    assert model.certificate.reached == pytest.approx(gap, abs=1e-9)
    assert abs(model.certificate.reached) <= 1e-5
    assert model.certificate.digits is None


@pytest.mark.parametrize("kind", FIT)
def test_every_kind_has_a_certificate_that_is_kept_and_may_be_missing(kind):
    model, _, data = model_of(kind)
    certificate = model.certificate
    assert (certificate.basis.rows, certificate.basis.summary) == (178, data.summary.digest)
    assert certificate.proof
    assert set(certificate.resolution) >= {column for column in model.columns if column in INPUTS}
    form = msgspec.json.decode(msgspec.json.encode(model.to_dict()))
    assert restore(form) == model
    del form["certificate"]
    assert restore(form) == msgspec.structs.replace(model, certificate=None)
    with pytest.raises(ModelError, match="not a model"):
        restore({**form, "certificate": {"rows": 3}})


def test_every_kind_says_what_is_proved_of_it():
    assert KINDS.keys() - certify._PROOFS.keys() == UNPROVED


def test_resolutions_are_those_of_the_schema():
    schema = Schema(
        [
            Feature("x", "continuous", min=0, max=9, resolution="0.05"),
            Feature("site", "category", levels=["a", "b"]),
            Feature("y", "continuous", min=0, max=900, resolution="10"),
            Feature("z", "binary"),
        ]
    )
    table = {"x": [1.0, 2, 3, 4, 5.5], "site": list("ababb"), "y": [10.0, 30, 20, 50, 60], "z": [0, 1, 1, 0, 1]}
    certificate = fit(collect(schema, table), "ols", "y", ["x", "site"]).certificate
    assert certificate.resolution == {"x": "0.05", "site": "exact", "y": "10"}
    assert (certificate.basis.contributors, certificate.basis.of, certificate.fedpeer) == ([], "", "")
    alone = fit(collect(schema, table), "ols", "y", []).certificate.condition
    assert (alone.low, alone.value, alone.high) == (1, 1, 1)
