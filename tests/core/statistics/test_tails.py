import math
from fractions import Fraction

import flint
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fedpeer.core.statistics import tails
from fedpeer.core.statistics.rounding import certified, rational
from fedpeer.core.statistics.tails import beyond_chi2, beyond_f, beyond_t, beyond_z, normal_quantile, student_quantile

HALF = Fraction(1, 2)
USUAL = Fraction(19, 20)


def p_of_t(t, nu):
    return certified(lambda: [beyond_t(flint.arb(t) ** 2, nu)])[0]


def p_of_f(f, m, nu):
    return certified(lambda: [beyond_f(flint.arb(f), m, nu)])[0]


@pytest.mark.parametrize("t", [1e-12, 1e-3, 0.7, 2.0, 12.0, 1e6])
def test_student_on_one_and_two_degrees_of_freedom_has_closed_forms(t):
    def closed():
        ball = flint.arb(t)
        return [1 - 2 / flint.arb.pi() * ball.atan(), 1 - ball / (2 + ball * ball).sqrt()]

    assert [p_of_t(t, 1), p_of_t(t, 2)] == certified(closed)


@given(t=st.floats(1e-6, 30), nu=st.integers(1, 10**6))
@settings(max_examples=60, deadline=None)
def test_student_agrees_with_scipy(t, nu):
    assert p_of_t(t, nu) == pytest.approx(2 * stats.t.sf(t, nu), rel=1e-10)


@given(t=st.floats(0.1, 30), nu=st.integers(60, 10**5), wide=st.integers(20, 110))
@settings(max_examples=60, deadline=None)
def test_the_tail_of_a_ball_holds_the_tails_of_its_ends_and_little_more(t, nu, wide):
    with flint.ctx.workprec(128):
        low, high = flint.arb(t) ** 2, flint.arb(t) ** 2 * (1 + flint.arb(2) ** -wide)
        ends = beyond_t(low, nu), beyond_t(high, nu)
        ball = beyond_t(low.union(high), nu)
    assert all(ball.overlaps(end) for end in ends)
    assert ball.rel_accuracy_bits() >= wide - 24


@given(f=st.floats(0.05, 50), m=st.integers(1, 300), nu=st.integers(3, 10**7))
@settings(max_examples=60, deadline=None)
def test_fisher_agrees_with_scipy(f, m, nu):
    assert p_of_f(f, m, nu) == pytest.approx(stats.f.sf(f, m, nu), rel=1e-8, abs=1e-200)  # where SciPy gives up


@pytest.mark.long
@given(f=st.floats(0.05, 40), m=st.integers(1, 60), nu=st.integers(3, 400))
@settings(max_examples=60, deadline=None)
def test_the_integral_and_the_series_enclose_the_same_number(f, m, nu):
    with flint.ctx.workprec(150):
        square = flint.arb(f) * m
        series = (nu / (nu + square)).beta_lower(flint.arb(nu) / 2, flint.arb(m) / 2, regularized=1)
        integral = tails._integrated(square, m, flint.arb(nu))
    assert series.overlaps(integral)
    assert series.rel_accuracy_bits() > 60 < integral.rel_accuracy_bits()


@pytest.mark.long
@given(f=st.floats(0.05, 8), m=st.integers(61, 2000), nu=st.integers(1, 2000))
@settings(max_examples=60, deadline=None)
def test_both_sums_and_the_series_enclose_the_same_number(f, m, nu):
    with flint.ctx.workprec(200):
        square, a, b = flint.arb(f) * m, flint.arb(nu) / 2, flint.arb(m) / 2
        x, y = nu / (nu + square), square / (nu + square)
        series = x.beta_lower(a, b, regularized=1)
        sums = (tails._series(x, y, a, b), 1 - tails._series(y, x, b, a), tails._summed(square, m, flint.arb(nu)))
    assert all(series.overlaps(total) for total in sums)
    assert max(total.rel_accuracy_bits() for total in sums) > 60


# where SciPy's own tail is known to be good to so many digits
@pytest.mark.parametrize(
    ("f", "m", "nu"),
    [(0.9, 10**5, 50), (2.9, 10**5, 50), (1.1, 100, 10**6), (1.001, 10**7, 10**7), (0.99, 10**6, 10**6)],
)
def test_many_degrees_of_freedom_on_both_sides_agree_with_scipy(f, m, nu):
    assert p_of_f(f, m, nu) == pytest.approx(stats.f.sf(f, m, nu), rel=1e-11)


def test_what_would_take_too_long_is_not_a_number():
    assert certified(lambda: [beyond_f(flint.arb(1.000001), 10**12, 10**12)]) == [None]
    assert p_of_f(3.0, 10**12, 10**12) == 0.0


@given(t=st.floats(0.01, 30), nu=st.fractions(Fraction(1), Fraction(10**5), max_denominator=997))
@settings(max_examples=40, deadline=None)
def test_degrees_of_freedom_need_not_be_whole(t, nu):
    assert p_of_t(t, nu) == pytest.approx(2 * stats.t.sf(t, float(nu)), rel=1e-10)
    quantile = certified(lambda: [student_quantile(USUAL, nu)])[0]
    assert quantile == pytest.approx(stats.t.ppf(0.975, float(nu)), rel=1e-11)


@given(x=st.floats(0, 200), nu=st.integers(1, 300))
@settings(max_examples=40, deadline=None)
def test_chi_square_agrees_with_scipy(x, nu):
    told = certified(lambda: [beyond_chi2(flint.arb(x), nu)])[0]
    assert told == pytest.approx(stats.chi2.sf(x, nu), rel=1e-10, abs=1e-300)


@given(z=st.floats(0, 37))
@settings(max_examples=40, deadline=None)
def test_the_normal_tail_agrees_with_scipy(z):
    told = certified(lambda: [beyond_z(flint.arb(z) ** 2)])[0]
    assert told == pytest.approx(2 * stats.norm.sf(z), rel=1e-12, abs=1e-320)


@pytest.mark.parametrize(("t", "nu"), [(38.0, 10**12), (1e5, 10**6), (60.0, 10**9), (1e300, 5000)])
def test_what_is_smaller_than_any_float_is_zero_or_its_nearest(t, nu):
    assert p_of_t(t, nu) < 1e-300


def test_no_distance_at_all_is_certain():
    assert p_of_t(0.0, 7) == 1.0
    assert p_of_f(0.0, 3, 7) == 1.0


# t on 10 degrees of freedom, and on none too few: printed tables have 2.228, 12.706, 4.303, 1.984, 63.657
@pytest.mark.parametrize(
    ("confidence", "nu", "table"),
    [(USUAL, 10, 2.228), (USUAL, 1, 12.706), (USUAL, 2, 4.303), (USUAL, 100, 1.984), (Fraction(99, 100), 1, 63.657)],
)
def test_quantiles_are_those_of_the_printed_tables(confidence, nu, table):
    assert certified(lambda: [student_quantile(confidence, nu)])[0] == pytest.approx(table, abs=5e-4)


@given(confidence=st.fractions(Fraction(1, 100), Fraction(999, 1000)), nu=st.integers(1, 10**9))
@settings(max_examples=40, deadline=None)
def test_a_quantile_leaves_its_share_in_the_tails(confidence, nu):
    with flint.ctx.workprec(150):
        quantile = student_quantile(confidence, nu)
        outside = beyond_t(quantile * quantile, nu)
    assert outside.overlaps(flint.arb(rational(1 - confidence)))
    assert outside.rel_accuracy_bits() > 53


def test_the_normal_quantile_is_the_limit_of_students():
    normal, student = certified(lambda: [normal_quantile(USUAL), student_quantile(USUAL, 10**12)])
    assert normal == float("1.959963984540054235524594430520551")  # OEIS A220510
    assert student == pytest.approx(normal, rel=1e-11)
    assert student > normal
    assert math.isclose(certified(lambda: [normal_quantile(HALF)])[0], stats.norm.ppf(0.75), rel_tol=1e-14)


@given(t=st.floats(0.01, 50), w=st.floats(0.0, 50), nu=st.integers(2, 1000))
@settings(max_examples=60, deadline=None)
def test_what_the_integral_leaves_out_is_bounded(t, w, nu):
    with flint.ctx.workprec(150):
        start, step = flint.arb(t), flint.arb(w)
        left_out = 2 * tails._density(start, nu) * tails._rest(step, start, 1, nu)
        assert not left_out < beyond_t((start + step) ** 2, nu)
