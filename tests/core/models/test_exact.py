"""Linear systems of integers against Gauss-Jordan elimination over fractions."""

from fractions import Fraction

import flint
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core.models import exact
from fedpeer.core.models.exact import System, definite, relations
from fedpeer.core.statistics.rounding import certified
from tests.support.elimination import inverse

FACTORS = st.integers(1, 4).flatmap(
    lambda p: st.lists(st.lists(st.integers(-9, 9), min_size=p, max_size=p), min_size=1, max_size=6)
)


def gram(rows):
    columns = np.array(rows, dtype=object)
    return columns.T @ columns


@pytest.mark.long
@given(FACTORS)
def test_the_dependent_columns_are_those_that_elimination_finds(rows):
    whole = gram(rows)
    independent = []
    for j in range(len(whole)):
        tried = [*independent, j]
        if inverse(whole[np.ix_(tried, tried)].tolist()) is not None:
            independent = tried
    found = relations(whole)
    assert sorted(found) == [j for j in range(len(whole)) if j not in independent]
    for j, others in found.items():
        assert set(others) <= {i for i in independent if i < j}
        together = [*others, j]
        assert inverse(whole[np.ix_(together, together)].tolist()) is None
        if others:
            assert inverse(whole[np.ix_(others, others)].tolist()) is not None


def test_an_unlucky_prime_does_not_make_columns_dependent():
    prime = exact._PRIME
    assert relations(np.array([[prime, 0], [0, 1]], dtype=object)) == {}
    twice = np.array([[prime, 0, prime], [0, 1, 0], [prime, 0, prime]], dtype=object)
    assert relations(twice) == {2: [0]}
    assert relations(np.array([[prime]], dtype=object)) == {}


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 12), st.integers(0, 200), st.randoms(use_true_random=False))
def test_floats_never_prove_what_is_singular_and_prove_what_is_far_from_it(p, bits, rng):
    """A Gram matrix of fewer rows than columns is singular, however large its numbers and whatever is taken away."""
    few = [[rng.randrange(-(2**30), 2**30) << rng.randrange(bits + 1) for _ in range(p)] for _ in range(p - 1)]
    assert not definite(gram(few))
    assert not definite(gram(few) - np.diag([1] * p).astype(object))
    many = [[rng.randrange(-9, 10) for _ in range(p)] for _ in range(p)]
    apart = gram(many) + np.diag([p * 81] * p).astype(object)
    scale = np.array([1 << rng.randrange(bits + 1) for _ in range(p)], dtype=object)
    assert definite(apart * np.multiply.outer(scale, scale))


def test_what_is_beyond_floats_is_left_to_integers():
    huge = np.array([[1 << 2000, 0], [0, 1]], dtype=object)
    assert not definite(huge)
    assert relations(huge) == {}


def test_nothing_depends_on_nothing():
    assert relations(np.empty((0, 0), dtype=object)) == {}
    assert relations(np.array([[0, 0], [0, 0]], dtype=object)) == {0: [], 1: []}


@pytest.mark.parametrize("exactly", [True, False])
@given(rows=FACTORS, scales=st.lists(st.integers(0, 300), min_size=4, max_size=4), data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_solution_is_that_of_elimination_whatever_the_scales(exactly, rows, scales, data):
    sizes = np.array([2**k for k in scales[: len(rows[0])]], dtype=object)
    whole = gram(rows) * np.multiply.outer(sizes, sizes)
    inverted = inverse(whole.tolist())
    if inverted is None:
        return
    p = len(whole)
    right = data.draw(st.lists(st.integers(-1000, 1000), min_size=p, max_size=p))
    system = System(whole)
    with flint.ctx.workprec(256):
        x, diagonal = system.solved(right, exactly=exactly), system.diagonal()
        for i, row in enumerate(inverted):
            assert contains(x[i], sum(a * b for a, b in zip(row, right, strict=True)))
            assert contains(diagonal[i], row[i])
            assert diagonal[i].rel_accuracy_bits() >= 64


def contains(number, value: Fraction) -> bool:
    value = flint.fmpq(value.numerator, value.denominator)
    with flint.ctx.extraprec(1000):  # a rational becomes a ball to be compared: a narrow one
        return number == value if isinstance(number, flint.fmpq) else number.overlaps(flint.arb(value))


def test_a_matrix_that_float64_cannot_invert_is_solved_to_the_last_bit():
    p = 14  # a Hilbert matrix in integers: its condition number is above 10¹⁹
    common = 5342931457063200
    hilbert = np.array([[common // (i + j + 1) * 10**6 for j in range(p)] for i in range(p)], dtype=object)
    inverted = inverse(hilbert.tolist())
    system = System(hilbert)
    assert certified(system.diagonal) == [float(inverted[i][i]) for i in range(p)]
    right = [(-1) ** i for i in range(p)]
    expected = [float(sum(a * b for a, b in zip(row, right, strict=True))) for row in inverted]
    assert certified(lambda: system.solved(right, exactly=False)) == expected
