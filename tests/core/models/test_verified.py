"""Float64 with proved bounds against ball arithmetic and rationals: its balls hold the truth, and are narrow."""

import flint
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core.models.exact import System
from fedpeer.core.models.verified import Verified
from fedpeer.core.statistics.rounding import certified


def gram(p, condition, seed, bits=60):
    """A positive definite matrix of integers of about this condition number."""
    rng = np.random.default_rng(seed)
    base = np.linalg.qr(rng.normal(size=(p, p)))[0] * np.geomspace(1, condition**-0.5, p)
    rows = np.rint(np.ldexp(base, bits // 2)).astype(np.int64).astype(object)
    return rows @ rows.T


def whole(matrix):
    return flint.fmpz_mat(matrix.tolist())


def proved(matrix):
    size = max(int(v).bit_length() for v in matrix.diagonal())
    return Verified.of(whole(matrix), size, np.ldexp(matrix.astype(np.float64), -size)), size


@pytest.mark.parametrize("condition", [1e0, 1e4, 1e8])
@given(p=st.integers(1, 12), seed=st.integers(0, 2**32))
@settings(max_examples=15, deadline=None)
def test_balls_hold_the_exact_inverse_at_every_sharpness(condition, p, seed):
    matrix = gram(p, condition, seed)
    inverse, right = whole(matrix).inv(), [int(v) for v in np.random.default_rng(seed).integers(-999, 999, p)]
    solution = (inverse * flint.fmpq_mat(whole(np.array([right], dtype=object)).transpose())).entries()
    found, size = proved(matrix)
    assert found is not None
    for bits in (128, 256, 512):
        with flint.ctx.workprec(bits):
            diagonal, x = found.diagonal(), found.solved(right, bits)
        with flint.ctx.workprec(2000):
            for i in range(p):
                assert (inverse[i, i] * 2**size).q != 0
                assert diagonal[i].contains(flint.arb(inverse[i, i]) * 2**size)
                assert x[i].contains(flint.arb(solution[i]))
            largest = max(abs(flint.arb(value)) for value in solution)
            assert all(value.rad() <= largest * flint.arb(2) ** (40 - bits) for value in x)
        found = found.sharpened()


def test_each_step_of_newton_squares_the_error():
    found, _ = proved(gram(30, 1e3, 5))
    accuracies = []
    for bits in (128, 256, 512):
        with flint.ctx.workprec(bits):
            accuracies.append(min(value.rel_accuracy_bits() for value in found.diagonal()))
        found = found.sharpened()
    assert accuracies[0] >= 75
    assert accuracies[1] >= accuracies[0] + 40
    assert accuracies[2] >= accuracies[1] + 40


def test_what_float64_cannot_invert_is_not_proved():
    assert proved(np.array([[1, 1], [1, 1]], dtype=object))[0] is None
    assert proved(np.array([[0]], dtype=object))[0] is None
    near = np.array([[10**40, 10**40 - 1], [10**40 - 1, 10**40]], dtype=object)  # in float64 the same row twice
    assert proved(near)[0] is None


def test_a_matrix_beyond_the_range_of_floats_is_solved_all_the_same():
    system = System(np.array([[2 * 10**400, 10**400], [10**400, 3 * 10**400]], dtype=object))
    assert certified(system.diagonal) == [0.0, 0.0]
    assert certified(lambda: system.solved([10**400, 10**400], exactly=False)) == [0.4, 0.2]


@pytest.mark.parametrize(("p", "condition"), [(3, 1e2), (40, 1e3), (25, 1e12), (12, 1e15)])
def test_rounded_numbers_are_those_of_ball_arithmetic_to_the_last_bit(p, condition):
    matrix = gram(p, condition, p, bits=80)
    right = [int(v) for v in np.random.default_rng(p).integers(-(10**9), 10**9, p)]

    def balls():
        inverse = flint.arb_mat(whole(matrix)).inv(nonstop=True)
        x = inverse * flint.arb_mat(whole(np.array([right], dtype=object)).transpose())
        return [*x.entries(), *(inverse[i, i] for i in range(p))]

    system = System(matrix)
    assert certified(lambda: [*system.solved(right, exactly=False), *system.diagonal()]) == certified(balls)


def test_a_right_side_of_zeros_has_a_solution_that_holds_zero():
    found, _ = proved(gram(4, 1e2, 1))
    assert all(value.contains(0) for value in found.solved([0] * 4, 128))
