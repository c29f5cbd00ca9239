import math
from fractions import Fraction

import flint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedpeer.core.statistics.rounding import certified, rational, root, rounded, settled

SIZES = st.integers(-900, 900)
POSITIVE = st.builds(lambda a, b, e: Fraction(a, b) * Fraction(2) ** e, st.integers(1), st.integers(1), SIZES)


def nearest(value: float, holds) -> bool:
    """Whether no other float is nearer to the number of which `holds(low, high)` says that it is between two others."""
    below, above = Fraction(math.nextafter(value, -math.inf)), Fraction(math.nextafter(value, math.inf))
    return holds((below + Fraction(value)) / 2, (Fraction(value) + above) / 2)


@given(POSITIVE)
def test_a_root_is_the_nearest_float(value):
    assert nearest(root(value), lambda low, high: low * low <= value <= high * high)


@given(st.floats(min_value=1e-150, max_value=1e150))
def test_the_root_of_a_square_is_exact(x):
    assert root(Fraction(x) ** 2) == x


def test_a_root_midway_between_two_floats_goes_to_the_even_one():
    middle = Fraction(2**53 + 1)  # between 2⁵³ and 2⁵³ + 2
    assert root(middle**2) == 2.0**53
    assert root(middle**2 + Fraction(1, 10**30)) == 2.0**53 + 2


def test_roots_at_the_edges():
    assert root(Fraction(0)) == 0.0
    assert root(Fraction(2) ** -2148) == 5e-324
    assert root(Fraction(10) ** 800) == math.inf
    with pytest.raises(ValueError, match="nonnegative"):
        root(Fraction(-1))


def test_rounding_beyond_the_range_of_floats_is_infinite():
    assert rounded(Fraction(-(10**400))) == -math.inf
    assert rounded(Fraction(1, 10**400)) == 0.0


@given(POSITIVE)
def test_balls_and_rationals_round_alike(value):
    exact = rational(value)
    assert certified(lambda: [exact, flint.arb(exact), exact * flint.arb(3) / 3]) == [rounded(value)] * 3


def test_precision_grows_until_the_result_is_settled():
    seen = []

    def cancelling():
        seen.append(flint.ctx.prec)
        return [(1 + flint.arb(2) ** -500 / 3) - 1, None]

    assert certified(cancelling, 64) == [rounded(Fraction(1, 3 * 2**500)), None]
    assert seen == [64, 128, 256, 512, 1024]


def test_a_value_midway_between_two_floats_ends_at_one_of_them():
    tie = Fraction(2**53 + 1)
    values = certified(lambda: [flint.arb(rational(tie**2 / 3)).sqrt() * flint.arb(3).sqrt()])
    assert values in ([2.0**53], [2.0**53 + 2])


def test_a_wide_ball_is_not_settled_and_nothing_else_changes_the_precision():
    before = flint.ctx.prec
    assert settled(flint.arb(1, 0.5)) is None
    assert settled(flint.arb.nan()) is None
    assert certified(lambda: [flint.arb(2).sqrt()]) == [math.sqrt(2)]
    assert flint.ctx.prec == before


def test_a_precision_changed_by_another_thread_costs_a_repetition_only():
    calls = []

    def disturbed():
        calls.append(flint.ctx.prec)
        if len(calls) < 4:
            flint.ctx.prec = 20
        return [flint.arb(2).sqrt() - flint.arb(1) / 3]

    assert certified(disturbed) == certified(lambda: [flint.arb(2).sqrt() - flint.arb(1) / 3])
    assert calls == [128] * 4
