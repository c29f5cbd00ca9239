"""Skewness and kurtosis against SciPy on the rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fedpeer.core.statistics.explore import explore
from fedpeer.core.statistics.moments import Moments
from fedpeer.core.statistics.summary import Summary
from tests.support import real

FORMS = {
    "skewness": (stats.skew, True),
    "skewness_unbiased": (stats.skew, False),
    "kurtosis_excess": (stats.kurtosis, True),
    "kurtosis_excess_unbiased": (stats.kurtosis, False),
}


def told_of(values):
    table = {"x": np.asarray(values, float)}
    return explore(real.summarised(table, resolution="0.25", blocks=("powers",))).univariate("x")


@pytest.mark.long
@given(values=st.lists(st.integers(-400, 400).map(lambda q: q / 4), min_size=4, max_size=40).filter(np.ptp))
@settings(max_examples=60, deadline=None)
def test_any_rows_agree_with_scipy(values):
    told = told_of(values)
    for key, (function, bias) in FORMS.items():
        assert told[key] == pytest.approx(function(values, bias=bias), rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("name", ["bmi", "s5", "y"])
def test_real_rows_agree_with_scipy(name):
    values = real.diabetes()[0][name]
    table = {"x": values}
    told = explore(real.summarised(table, resolution="0.0001", blocks=("powers",))).univariate("x")
    for key, (function, bias) in FORMS.items():
        assert told[key] == pytest.approx(function(values, bias=bias), rel=1e-11)


def test_a_column_of_zeros_and_ones_needs_no_powers():
    summary = real.summarised({"b": np.array([0, 1, 1, 1, 0, 1])}, resolution="1")
    told = Moments.of(summary, "b").told()
    assert told["skewness"] == pytest.approx(stats.skew([0, 1, 1, 1, 0, 1]))
    assert told["kurtosis_excess"] == pytest.approx(stats.kurtosis([0, 1, 1, 1, 0, 1]))


def test_without_powers_nothing_is_said_of_the_shape():
    summary = real.summarised({"x": np.array([1.0, 2.0, 4.0])}, resolution="1")
    assert Moments.of(summary, "x") is None
    assert "skewness" not in explore(summary).univariate("x")


def test_constant_and_few_rows_have_no_shape():
    assert [told_of([2, 2, 2])[key] for key in FORMS] == [None] * 4
    two = told_of([1, 2])
    assert (two["skewness"], two["skewness_unbiased"], two["kurtosis_excess_unbiased"]) == (0.0, None, None)
    schema = real.summarised({"x": np.array([1.0])}, resolution="1", blocks=("powers",)).schema
    assert explore(Summary.zero(schema)).univariate("x")["skewness"] is None
