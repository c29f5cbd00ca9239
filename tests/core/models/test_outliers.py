"""Outlier scores are those of the published formulas on the raw rows, binned alike."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import skew

from fedpeer.core.errors import ModelError, SchemaError
from fedpeer.core.models.fit import fit, restore
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema
from tests.support.pooled import classes, numbers

BLOCKS = ["powers", "histogram"]
BINS = 12
SETS = {"iris": classes, "wine": classes, "breast_cancer": classes, "diabetes": numbers}
EVERY = pytest.mark.parametrize("name", SETS)


def summarised(name, bins=BINS):
    """The data set's continuous columns under a schema that counts histograms, their names and their limits."""
    data = SETS[name](name)
    features = [f for f in data.summary.schema.features if f.kind == "continuous" and f.name != "target"]
    schema = Schema(features, blocks=BLOCKS, bins=bins)
    table = {feature.name: np.asarray(data.table[feature.name], float) for feature in features}
    return collect(schema, table), table


def places(summary, name, values, bins=BINS):
    """The bin of each value by the definition: ⌊(q − low)·K / W⌋ with q the value in steps."""
    column = summary.schema.columns[summary.schema.index(name)]
    q = np.rint((values - float(column.origin)) / float(column.step)).astype(np.int64)
    width = column.high - column.low + 1
    return np.array([(int(v) - column.low) * bins // width for v in q]), np.diff(column.edges(bins))


@EVERY
def test_hbos_is_that_of_the_formula(name):
    summary, table = summarised(name)
    expected = np.zeros(summary.rows)
    for feature, values in table.items():
        at, widths = places(summary, feature, values)
        height = np.bincount(at, minlength=BINS) / widths
        expected += np.log(height.max() / height[at])
    model = fit(summary, "hbos")
    np.testing.assert_allclose(model.predict(table), expected, rtol=1e-12, atol=1e-12)
    parts = model.explain(table)
    assert list(parts) == list(table)
    np.testing.assert_allclose(sum(parts.values()), expected, rtol=1e-12, atol=1e-12)


@EVERY
def test_ecod_is_that_of_the_formula(name):
    """Tails of the bins, and the side on which the rows' own skewness says the long tail is."""
    summary, table = summarised(name)
    left, right, leaning = (np.zeros(summary.rows) for _ in range(3))
    for feature, values in table.items():
        at, _ = places(summary, feature, values)
        upto = -np.log((at[:, None] >= at[None, :]).mean(axis=1))
        beyond = -np.log((at[:, None] <= at[None, :]).mean(axis=1))
        left, right = left + upto, right + beyond
        leaning = leaning + (upto if skew(values) < 0 else beyond)
    model = fit(summary, "ecod")
    expected = np.max([left, right, leaning], axis=0)
    np.testing.assert_allclose(model.predict(table), expected, rtol=1e-11, atol=1e-11)
    told = model.explain(table)
    for way, sums in (("left", left), ("right", right), ("skewness", leaning)):
        np.testing.assert_allclose(told[way], sums, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ["iris", "wine", "diabetes"])
def test_tails_of_bins_are_as_near_to_those_of_the_rows_as_the_guide_says(name):
    """−ln F of the rows is not below that of the bin, nor above that of the bin before."""
    summary, table = summarised(name, bins=50)
    told = fit(summary, "ecod").tallies
    for feature, values in table.items():
        at, _ = places(summary, feature, values, bins=50)
        edges, scores = told[feature].edges, told[feature].scores[0]
        for value, place in zip(values, at, strict=True):
            exact = -np.log(np.mean(values <= value))
            k = int(np.searchsorted(edges, value, side="right"))
            assert scores[k] == pytest.approx(-np.log(np.mean(at <= place)), rel=1e-12, abs=1e-15)
            assert scores[k] - 1e-12 <= exact
            assert exact <= scores[k - 1] + 1e-12


def test_with_a_bin_for_each_value_ecod_is_that_of_the_rows():
    rng = np.random.default_rng(3)
    table = {"x": rng.integers(0, 20, 80), "y": rng.poisson(3, 80).clip(0, 19)}
    features = [Feature(name, min=0, max=19, resolution=1) for name in table]
    model = fit(collect(Schema(features, blocks=BLOCKS, bins=20), table), "ecod")
    sums = np.zeros((3, 80))
    for values in table.values():
        tails = [-np.log([np.mean(values <= v) for v in values]), -np.log([np.mean(values >= v) for v in values])]
        sums += [*tails, tails[0] if skew(values) < 0 else tails[1]]
    np.testing.assert_allclose(model.predict(table), sums.max(axis=0), rtol=1e-12, atol=1e-12)


MIXED = Schema(
    [
        Feature("x", min=0, max=9, resolution=1),
        Feature("b", "binary"),
        Feature("c", "category", levels=["u", "v", "w"]),
    ],
    blocks=BLOCKS,
    bins=5,
)
ROWS = {"x": [0, 1, 1, 2, 3, 9], "b": [1, 0, 0, 0, 0, 0], "c": ["u", "u", "u", "v", "v", "u"]}


def test_levels_and_flags_are_bins_and_what_nobody_has_counts_for_half_a_row():
    model = fit(collect(MIXED, ROWS), "hbos")
    told = model.predict({"x": [1, 9, 5, -3, 100], "b": [0, 1, 0, 0, 0], "c": ["u", "w", "v", "u", "u"]})
    tallest, most, levels = 3, 5, 4  # rows in the fullest bin of each
    expected = [
        0,
        np.log(tallest / 1) + np.log(most / 1) + np.log(levels / 0.5),
        np.log(tallest / 0.5) + np.log(levels / 2),
        np.log(tallest / 0.5),
        np.log(tallest / 0.5),
    ]
    np.testing.assert_allclose(told, expected, rtol=1e-14)


def test_beyond_the_range_a_tail_has_half_a_row():
    model = fit(collect(MIXED, ROWS), "ecod", features=["x"])
    scores = model.predict({"x": [-1, 0, 9, 10]})
    np.testing.assert_allclose(scores, [np.log(12), np.log(2), np.log(6), np.log(12)], rtol=1e-14)


@pytest.mark.parametrize("kind", ["hbos", "ecod"])
def test_what_cannot_be_read_has_no_score_unless_it_is_completed(kind):
    summary = collect(MIXED, ROWS)
    rows = {"x": [1, None, 1], "b": [0, 0, None], "c": ["u", "u", "z"]}
    assert np.isnan(fit(summary, kind).predict(rows)).tolist() == [False, True, True]
    assert np.isfinite(fit(summary, kind, missing="mean").predict(rows)).all()


@pytest.mark.long
@given(st.lists(st.integers(0, 9), min_size=1, max_size=20), st.sampled_from(["hbos", "ecod"]), st.integers(2, 12))
@settings(max_examples=60, deadline=None)
def test_scores_come_back_from_json_and_are_never_negative(values, kind, bins):
    schema = Schema([Feature("x", min=0, max=9, resolution=1)], blocks=BLOCKS, bins=bins)
    model = fit(collect(schema, {"x": values}), kind)
    again = restore(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    assert again == model
    scores = model.predict({"x": list(range(-2, 12))})
    assert (scores >= 0).all()
    assert np.array_equal(again.predict({"x": list(range(-2, 12))}), scores)


def test_a_form_that_is_none_is_refused():
    form = fit(collect(MIXED, ROWS), "ecod").to_dict()
    tally = form["tallies"]["x"]
    for change in (
        {"ways": ["left"]},
        {"ways": [], "tallies": {}},
        {"tallies": {"x": tally | {"edges": tally["edges"][::-1]}}},
        {"tallies": {"x": tally | {"scores": [tally["scores"][0][1:]] * 3}}},
        {"tallies": {"z": tally}},
    ):
        with pytest.raises(ModelError, match="not a model"):
            restore(form | change)


def test_what_is_not_counted_is_named():
    plain = Schema(MIXED.features, blocks=["histogram"], bins=5)
    summary = collect(plain, ROWS)
    assert fit(summary, "hbos").predict(ROWS).shape == (6,)
    with pytest.raises(ModelError, match="ecod needs the block powers") as caught:
        fit(summary, "ecod")
    assert caught.value.hint == "agree on a schema with blocks: [powers, histogram]"
    assert fit(summary, "ecod", features=["b", "c"]).columns == ["b", "c$u", "c$v", "c$w"]
    with pytest.raises(ModelError, match="hbos needs the block histogram"):
        fit(collect(Schema(MIXED.features), ROWS), "hbos")
    with pytest.raises(ModelError, match="hbos has no target"):
        fit(summary, "hbos", "b")
    with pytest.raises((ModelError, SchemaError), match="needs a column and rows"):
        fit(collect(MIXED, {name: [] for name in ROWS}), "hbos")
