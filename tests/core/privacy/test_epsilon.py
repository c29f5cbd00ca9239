"""(ε, δ) is what two other ways of computing it find, and never too small."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fedpeer.core.privacy.epsilon import UNIT, budget, delta, epsilon

RHO = st.fractions(Fraction(1, 10**9), 100)
DELTA = st.integers(2, 15).map(lambda k: Fraction(1, 10**k))

# opendp 0.16, make_zCDP_to_approxDP of make_gaussian: ρ, δ, ε.
OPENDP = [
    (1e-8, 1e-6, 0.00034558817880101265),
    (1e-3, 1e-3, 0.09036205113813313),
    (1e-3, 1e-12, 0.2951127971495086),
    (0.5, 1e-3, 3.5365618461689596),
    (0.5, 1e-6, 5.22153444453017),
    (3.0, 1e-12, 20.45879951096471),
    (100.0, 1e-6, 172.17755147589946),
]


@pytest.mark.parametrize(("rho", "delta_", "expected"), OPENDP)
def test_it_is_what_opendp_finds(rho, delta_, expected):
    # The ρ that opendp was given came by a square root: its last digits differ.
    assert epsilon(Fraction(rho), Fraction(delta_)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.long
@given(RHO, DELTA)
@settings(max_examples=50, deadline=None)
def test_no_order_of_a_fine_grid_gives_a_smaller_bound(rho, delta_):
    a = np.exp(np.linspace(-30, 30, 20_001))
    bounds = float(rho) * (1 + a) + (a * np.log(a / (1 + a)) - np.log1p(a) - math.log(delta_)) / a
    assert epsilon(rho, delta_) <= max(0.0, bounds.min()) * (1 + 1e-9) + 1e-12


@given(RHO, DELTA)
@settings(max_examples=50, deadline=None)
def test_it_is_better_than_the_simple_conversion_and_no_better_than_a_gaussian_is(rho, delta_):
    found = epsilon(rho, delta_)
    assert found <= float(rho) + 2 * math.sqrt(float(rho) * -math.log(delta_))
    mu = math.sqrt(2 * float(rho))
    # The δ of a Gaussian at this ε (Balle and Wang 2018): zCDP cannot promise less for all that it covers.
    least = stats.norm.cdf(mu / 2 - found / mu) - math.exp(found + stats.norm.logcdf(-mu / 2 - found / mu))
    assert least <= delta_


@given(RHO, DELTA)
@settings(max_examples=50, deadline=None)
def test_there_and_back_is_the_same(rho, delta_):
    found = epsilon(rho, delta_)
    back = delta(rho, Fraction(found))
    assert back <= delta_ * (1 + Fraction(1, 10**6))
    if found:
        assert back == pytest.approx(float(delta_), rel=1e-5)


@given(st.fractions(Fraction(1, 100), 20), DELTA)
@settings(max_examples=20, deadline=None)
def test_a_budget_is_the_most_that_stays_within(epsilon_, delta_):
    rho = budget(epsilon_, delta_)
    assert (rho * UNIT).denominator == 1
    assert epsilon(rho, delta_) <= epsilon_ < epsilon(rho + Fraction(1, UNIT), delta_)


def test_nothing_spent_is_nothing_lost():
    assert epsilon(Fraction(0), Fraction(1, 100)) == 0
    assert delta(Fraction(0), Fraction(1)) == 0
    assert delta(Fraction(10**6), Fraction(1)) == 1


@pytest.mark.parametrize("bad", [Fraction(0), Fraction(1), Fraction(-1)])
def test_a_delta_lies_between_0_and_1(bad):
    with pytest.raises(ValueError, match="δ lies between"):
        epsilon(Fraction(1), bad)
    with pytest.raises(ValueError, match="δ lies between"):
        budget(Fraction(1), bad)


def test_what_is_spent_is_not_negative():
    with pytest.raises(ValueError, match="not negative"):
        epsilon(Fraction(-1), Fraction(1, 100))
    with pytest.raises(ValueError, match="not negative"):
        delta(Fraction(1), Fraction(-1))
