"""The table of metrics: what it refuses, and that every answer is JSON without NaN, whatever the rows."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core.errors import RequestError, SchemaError
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.explore import explore
from fedpeer.core.statistics.metrics import METRICS, measure
from fedpeer.core.statistics.schema import Feature, Schema
from fedpeer.core.statistics.summary import Summary
from tests.support import real

_, SUMMARY = real.iris()
SCHEMA = Schema(
    [
        Feature("x", "continuous", min=-5, max=5, resolution="0.5"),
        Feature("y", "continuous", min=-5, max=5, resolution="0.5"),
        Feature("b", "binary"),
        Feature("c", "binary"),
        Feature("k", "category", levels=["one", "two"]),
        Feature("l", "category", levels=["one", "two"]),
        Feature("both", "product", of=["b", "c"]),
    ],
    blocks=["powers", "histogram", "conditional_histogram"],
    bins=21,
)
ASKED = {
    "conditional_density": [["x", "b"], ["x", "k"]], "ks_test": [["x", "k"]],
    "conditionalDensityEstimate": [["x", "b"]],
    "kaplan_meier": [["y", "b"], ["y", "b", "c"]], "log_rank": [["y", "b", "c"]],
    "univariate": [["x"], ["k"]], "bivariate": [["x", "b"], ["k", "l"]], "z_test": [["x", "y"], ["x", "k"]],
    "proportion_test": [["b", "c"], ["b", "k"]], "t_test": [["x", "b"], ["x", "y"]], "f_test": [["x", "y"], ["x", "b"]],
    "oneway": [["x", "k"], ["x", "y"]], "contingency": [["k", "l"], ["b", "k"]], "information_gain": [["b", "k"]],
    "correlation": [[]], "vif": [[]], "components": [["x", "y", "b"]], "singular": [["x", "y"]],
    "selection": [["x", "y", "b"]], "difference": [[]], "uni": [["x"]], "bi": [["x", "b"], ["x", "y"]],
    "ztest": [["x", "y"]], "ztestp": [["b", "c"]], "ztestmu": [["x"]], "ttest": [["x", "b"]], "ttestmu": [["x"]],
    "ftest": [["x", "y"]], "ftestmu": [["x"]], "anova": [["x", "k"]], "chi2": [["k", "l"]], "gain": [["b", "k"]],
    "explorepca": [["x", "y"]], "quantiles": [[], ["x", "b"]], "box": [[]], "density": [["x"]], "drift": [[]],
    "exploresvd": [["x", "y"]], "exploresvdfs": [["x", "y"]], "densityEstimate": [["x"]],
}  # fmt: skip
OPTIONS = {"ztestmu": {"known": 1}, "ttestmu": {"known": 1}, "ftestmu": {"known": 1}, "difference": {"by": "b"}}

rows = st.lists(
    st.tuples(
        st.sampled_from([-1, 0, 2.5]),
        st.sampled_from([0, 3]),
        st.integers(0, 1),
        st.integers(0, 1),
        st.sampled_from(["one", "two"]),
        st.sampled_from(["one", "two"]),
    ),
    max_size=8,
)


def answered(summary, metric, features):
    """The answer, or what was said instead."""
    try:
        return measure(summary, metric, features, options=OPTIONS.get(metric))
    except (RequestError, SchemaError) as refusal:
        return str(refusal)


def test_every_metric_is_asked_here():
    assert set(ASKED) == set(METRICS)


def test_every_metric_is_told_of_with_its_options_and_no_other():
    page = Path(__file__).parents[3] / "docs" / "statistics.md"
    told = {}
    for line in page.read_text("utf-8").split("## Metrics", 1)[1].splitlines():
        cells = [re.findall(r"`([^`]+)`", cell) for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) >= 3 and cells[0][0] in METRICS:
            told[cells[0][0]] = cells[2 if len(cells) == 4 else 1]
    assert {name: set(options) for name, options in told.items()} == {
        name: set(metric.options) for name, metric in METRICS.items()
    }


@pytest.mark.long
@given(rows=rows)
@settings(max_examples=60, deadline=None)
def test_any_rows_give_json_numbers_or_reasons_or_a_clear_refusal(rows):
    summary = collect(SCHEMA, {f.name: [row[i] for row in rows] for i, f in enumerate(SCHEMA.inputs)})
    for metric, every in ASKED.items():
        for features in every:
            json.dumps(answered(summary, metric, features), allow_nan=False)


@pytest.mark.long
@given(rows=rows.filter(lambda r: len(r) > 2), cut=st.integers(1, 2))
@settings(max_examples=20, deadline=None)
def test_how_rows_are_split_among_peers_changes_no_bit(rows, cut):
    def counted(part):
        return collect(SCHEMA, {f.name: [row[i] for row in part] for i, f in enumerate(SCHEMA.inputs)})

    whole, parts = counted(rows), counted(rows[:cut]) + counted(rows[cut:])
    for metric, every in ASKED.items():
        for features in every:
            assert answered(whole, metric, features) == answered(parts, metric, features), metric


def test_the_plain_descriptions_are_those_of_explore():
    assert measure(SUMMARY, "univariate", ["petal_width"]) == explore(SUMMARY).univariate("petal_width")
    options = {"confidence": "0.99"}
    expected = explore(SUMMARY, confidence="0.99").bivariate("petal_width", "Iris_setosa")
    assert measure(SUMMARY, "bivariate", ["petal_width", "Iris_setosa"], options=options) == expected


@pytest.mark.parametrize(
    ("metric", "features", "options", "message"),
    [
        ("ttests", ["a"], {}, "no metric 'ttests'; did you mean 'ttest'"),
        ("vif", [], {"known": 1}, "metric vif has no option 'known'; it takes none"),
        ("oneway", ["sepal_width", "species"], {"level": 1}, "has no option 'level'; it takes levels"),
        ("vif", ["sepal_width", "sepal_width"], {}, "the feature 'sepal_width' is named twice"),
        ("z_test", ["sepal_width"], {"known": "much"}, "option known is 'much', not a number"),
        ("z_test", ["sepal_width"], {"known": True}, "option known is True, not a number"),
        ("z_test", ["sepal_width"], {"known": "1e999999999"}, "not a number"),
        ("z_test", ["sepal_width"], {"known": float("nan")}, "not a number"),
        ("z_test", ["sepal_width"], {"known": 3, "confidence": 95}, "a confidence of 95 is not between 0 and 1"),
        ("t_test", ["sepal_width", "sepal_length"], {"paired": "yes"}, "paired is 'yes'; it must be true or false"),
        ("components", [], {"components": "1.5"}, "option components is '1.5', not a whole number from 1"),
        ("oneway", ["sepal_width", "species"], {"levels": 7}, "option levels is 7; it must be a list of names"),
        ("components", [], {"explained": 2}, "a share of 2 is not between 0 and 1"),
    ],
)  # fmt: skip
def test_what_a_metric_does_not_take_is_refused(metric, features, options, message):
    with pytest.raises(RequestError, match=message):
        measure(SUMMARY, metric, features, options=options)


def test_only_what_compares_takes_other_rows():
    with pytest.raises(RequestError, match="metric vif does not compare two sets of rows"):
        measure(SUMMARY, "vif", other=SUMMARY)
    with pytest.raises(RequestError, match="under one schema"):
        measure(SUMMARY, "t_test", ["sepal_width"], other=real.diabetes()[1])
    with pytest.raises(RequestError, match="not with both"):
        measure(SUMMARY, "t_test", ["sepal_width"], options={"known": 1}, other=SUMMARY)
    with pytest.raises(SchemaError, match="there are no rows"):
        measure(SUMMARY, "t_test", ["sepal_width"], other=Summary.zero(SUMMARY.schema))


def test_many_columns_are_refused_with_a_number():
    table = {f"x{i}": np.arange(3.0) for i in range(501)}
    with pytest.raises(RequestError, match="501 columns; this metric takes at most 500"):
        measure(real.summarised(table, resolution="1"), "correlation")
