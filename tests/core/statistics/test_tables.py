"""Contingency tables against SciPy and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats.contingency import association
from sklearn.metrics import mutual_info_score

from fedpeer.core.errors import RequestError
from fedpeer.core.statistics.metrics import measure
from tests.support import real

IRIS, SUMMARY = real.iris()


def table_of(counts):
    """Rows of two categories (and one 0/1 column) whose table is this."""
    a, b = [], []
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            a += [f"a{i}"] * count
            b += [f"b{j}"] * count
    table = {"a": np.array(a), "b": np.array(b)}
    return table, real.summarised(table, resolution="1")


tables = st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=2, max_size=4).filter(
    lambda t: all(sum(r) for r in t) and all(sum(c) for c in zip(*t, strict=True))
)


@pytest.mark.long
@given(counts=tables)
@settings(max_examples=40, deadline=None)
def test_any_table_agrees_with_scipy(counts):
    table, summary = table_of(counts)
    told, expected = measure(summary, "contingency", ["a", "b"]), stats.chi2_contingency(counts, correction=False)
    assert [told["chi2"], told["df"], told["p"]] == pytest.approx(
        [expected.statistic, expected.dof, expected.pvalue], rel=1e-11, abs=1e-13
    )
    assert [list(row.values()) for row in told["table"].values()] == counts
    assert [list(row.values()) for row in told["expected"].values()] == [
        pytest.approx(row, rel=1e-14) for row in expected.expected_freq.tolist()
    ]
    assert told["smallest_expected"] == pytest.approx(expected.expected_freq.min())
    assert told["cramer_v"] == pytest.approx(association(np.array(counts), method="cramer"), rel=1e-11, abs=1e-7)
    assert told["tschuprow_t"] == pytest.approx(association(np.array(counts), method="tschuprow"), rel=1e-11, abs=1e-7)


@pytest.mark.long
@given(counts=tables)
@settings(max_examples=40, deadline=None)
def test_information_agrees_with_scikit_learn(counts):
    table, summary = table_of(counts)
    told = measure(summary, "information_gain", ["a", "b"])
    bits = np.log(2)
    expected = mutual_info_score(table["a"], table["b"]) / bits
    entropy = stats.entropy(np.sum(counts, axis=0), base=2)
    assert told["gain"] == pytest.approx(expected, rel=1e-9, abs=1e-14)
    assert told["entropy"] == pytest.approx(entropy, rel=1e-12)
    assert told["entropy_given"] == pytest.approx(entropy - expected, rel=1e-9, abs=1e-14)
    assert told["gain"] >= 0


def test_what_tells_all_leaves_exactly_nothing():
    told = measure(SUMMARY, "information_gain", ["species", "Iris_setosa"])
    assert told["entropy_given"] == 0.0
    assert (told["normalised"], told["gain"]) == (1.0, told["entropy"])


def test_independent_features_gain_exactly_nothing():
    _, summary = table_of([[2, 4, 6], [3, 6, 9]])
    told = measure(summary, "information_gain", ["a", "b"])
    assert (told["gain"], measure(summary, "contingency", ["a", "b"])["p"]) == (0.0, 1.0)


def test_two_binary_features_make_four_cells():
    told = measure(SUMMARY, "contingency", ["petal_width_b1", "Iris_virginica"])
    a, b = IRIS["petal_width_b1"], IRIS["Iris_virginica"]
    assert told["table"] == {str(i): {str(j): int(((a == i) & (b == j)).sum()) for j in (0, 1)} for i in (0, 1)}


def test_a_level_that_was_never_seen_stays_in_the_table_and_out_of_the_statistic():
    table, summary = table_of([[3, 0, 4], [5, 0, 6]])
    schema = measure(summary, "contingency", ["a", "b"])
    assert schema["df"] == 1
    listed = measure(
        SUMMARY,
        "contingency",
        options={"rows": "Iris_setosa,Iris_versicolor", "columns": ["petal_width_b1", "Iris_setosa"]},
    )
    assert listed["table"]["Iris_versicolor"] == {"petal_width_b1": 0, "Iris_setosa": 0}
    assert listed["undefined"] == {"chi2": "fewer than two rows or columns of the table have any counts"}
    assert (listed["chi2"], listed["p"], listed["cramer_v"]) == (None, None, None)


@pytest.mark.parametrize(
    ("features", "options", "message"),
    [
        (["sepal_width", "species"], {}, "'sepal_width' is continuous"),
        (["species"], {}, "takes 2 features"),
        ([], {"rows": "Iris_setosa"}, "name two 0/1 columns or more"),
        (
            [],
            {"rows": ["Iris_setosa", "petal_width"], "columns": "petal_width_b1,petal_width_b2"},
            "is not a 0/1 column",
        ),
    ],
)
def test_tables_that_cannot_be_are_refused(features, options, message):
    with pytest.raises(RequestError, match=message):
        measure(SUMMARY, "contingency", features, options=options)


def test_a_table_that_is_too_large_is_refused():
    table = {name: np.array([f"{name}{i:03}" for i in range(150)]) for name in ("a", "b")}
    with pytest.raises(RequestError, match="a table of 150 by 150 is too large"):
        measure(real.summarised(table, resolution="1"), "contingency", ["a", "b"])
