"""Quantities order and print as the real numbers that they stand for."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fedpeer.core.contract.quantity import Quantity

rationals = st.fractions(min_value=-(10**20), max_value=10**20, max_denominator=10**12)


@given(rationals, rationals)
def test_rationals_keep_their_order(a: Fraction, b: Fraction) -> None:
    assert (Quantity.of(a) < Quantity.of(b)) is (a < b)
    assert (Quantity.of(a) >= Quantity.of(b)) is (a >= b)
    assert (Quantity.of(a) == Quantity.of(b)) is (a == b)


def test_a_root_is_compared_with_no_rounding_at_all() -> None:
    root = Quantity(Fraction(2))
    near = Fraction(14142135623730950488016887242096980785696718753769, 10**49)
    assert Quantity.of(near) < root < Quantity.of(near + Fraction(1, 10**49))
    assert Quantity(Fraction(4)) == Quantity.of(2)
    assert Quantity(Fraction(-2)) < Quantity.of(0)


@given(rationals.filter(bool), st.integers(1, 17))
@example(Fraction(5, 2), 1)
@example(Fraction(7, 2), 1)
@example(Fraction(-999999999, 10**9), 6)
@example(Fraction(10**18 + 1, 3), 6)
@example(Fraction(1, 10**12), 6)
def test_a_rational_prints_as_its_decimal_rounded_half_to_even(value: Fraction, digits: int) -> None:
    shown = Quantity.of(value).text(digits)
    if value.denominator == 1:
        assert Fraction(shown) == value
        return
    exact = Context(prec=60).divide(Decimal(value.numerator), Decimal(value.denominator))
    expected = Context(prec=max(digits, 1), rounding=ROUND_HALF_EVEN).plus(exact)
    assert Fraction(shown) == Fraction(expected)


@given(st.fractions(min_value=0, max_value=10**15, max_denominator=10**9).filter(bool), st.integers(1, 17))
def test_a_root_prints_as_its_decimal(square: Fraction, digits: int) -> None:
    context = Context(prec=80)
    root = context.sqrt(context.divide(Decimal(square.numerator), Decimal(square.denominator)))
    expected = Context(prec=digits, rounding=ROUND_HALF_EVEN).plus(root)
    shown = Decimal(Quantity(square).text(digits))
    assert shown == expected or shown == shown.to_integral_value() == root


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0, 6, "0"),
        (8, 6, "8"),
        (-12345678, 6, "-12345678"),
        (Fraction(1, 3), 6, "0.333333"),
        (Fraction(-2, 3), 3, "-0.667"),
        (Fraction(25, 100), 6, "0.25"),
        (Fraction(12345678, 10), 6, "1234570"),
        (Fraction(1, 10**6), 6, "0.000001"),
        (Fraction(1, 10**9), 6, "1e-9"),
        (Fraction(123456, 10**14), 6, "1.23456e-9"),
        (Fraction(10**30 + 1, 2), 6, "5e29"),
        (Fraction(9999999, 10), 6, "1000000"),
        (Fraction(10**13 + 1, 10**13), 17, "1.0000000000001"),
    ],
)
def test_numbers_are_written_for_people(value: Fraction, digits: int, text: str) -> None:
    assert Quantity.of(value).text(digits) == text
