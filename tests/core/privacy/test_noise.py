"""The noise has the distribution that it claims, exactly, and is drawn by integers from nothing but its entropy."""

from __future__ import annotations

import ast
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fedpeer.core.privacy import noise as room
from fedpeer.core.privacy.noise import gaussian, laplace, noise, words
from fedpeer.core.statistics.residues import Block, integers

KEY = bytes(range(32))
LAYOUT = (Block("rows", 1, 1), Block("sums", 3, 2), Block("none", 2, 1))
WIDTHS = [[10**6], [10**30] * 3, [0] * 2]
Weight = Callable[[int], Fraction]


def exponential(power: Fraction) -> Fraction:
    """exp(power) to 60 digits."""
    with localcontext() as context:
        context.prec = 60
        return Fraction((Decimal(power.numerator) / Decimal(power.denominator)).exp())


def bell(variance: int) -> Weight:
    return lambda x: exponential(Fraction(-x * x, 2 * variance))


def tent(scale: int) -> Weight:
    return lambda x: exponential(Fraction(-abs(x), scale))


def chi_square(drawn: list[int], weight: Weight, reach: int) -> float:
    """The p value of Pearson's test; what is expected fewer than ten times is put together in one cell a side."""
    every = {x: weight(x) for x in range(-reach, reach + 1)}
    total = sum(every.values())
    chances = {x: w / total for x, w in every.items()}
    some = [x for x in sorted(chances) if chances[x] * len(drawn) >= 10]
    low, high = some[0], some[-1]
    counts = Counter(min(max(x, low), high) for x in drawn)
    expected = {x: chances[x] for x in range(low, high + 1)}
    for x, chance in chances.items():
        if not low <= x <= high:
            expected[low if x < low else high] += chance
    assert sum(expected.values()) == 1
    statistic = sum((counts[x] - len(drawn) * p) ** 2 / (len(drawn) * p) for x, p in expected.items())
    return float(stats.chi2.sf(float(statistic), len(expected) - 1))


@pytest.mark.parametrize("variance", [1, 3, 100])
def test_the_numbers_are_gaussian_over_the_integers(variance):
    stream = words(KEY)
    drawn = [gaussian(stream, variance) for _ in range(10_000)]
    assert chi_square(drawn, bell(variance), 12 * (math.isqrt(variance) + 1)) > 0.001


@pytest.mark.long
@pytest.mark.parametrize("variance", [1, 2, 7, 64, 1000])
def test_a_hundred_thousand_numbers_are_gaussian_over_the_integers(variance):
    stream = words(KEY)
    drawn = [gaussian(stream, variance) for _ in range(100_000)]
    assert chi_square(drawn, bell(variance), 12 * (math.isqrt(variance) + 1)) > 0.001


def test_a_slightly_different_distribution_is_told_apart():
    stream = words(KEY)
    drawn = [gaussian(stream, 100) for _ in range(10_000)]
    assert chi_square(drawn, bell(115), 132) < 0.001


@pytest.mark.parametrize("scale", [1, 2, 9])
def test_what_it_is_cut_from_is_laplace_over_the_integers(scale):
    stream = words(KEY)
    drawn = [laplace(stream, scale) for _ in range(10_000)]
    assert chi_square(drawn, tent(scale), 40 * scale) > 0.001


@pytest.mark.parametrize("bits", [70, 200, 1000])
def test_numbers_of_any_width_are_gaussian(bits):
    stream, variance = words(KEY), 1 << bits
    drawn = [gaussian(stream, variance) for _ in range(2000)]
    unit = Fraction(1, math.isqrt(variance))
    assert stats.kstest([float(x * unit) for x in drawn], "norm").pvalue > 0.001


@given(st.integers(0, 2**80), st.integers(1, 2**80), st.lists(st.sampled_from([0, 1, 2**63, 2**64 - 1]), max_size=3))
def test_a_chance_compares_digits_of_the_quotient_with_random_ones(a, b, first):
    numerator, denominator = min(a, b), max(a, b)
    used: list[int] = []

    def stream() -> Iterator[int]:
        for word in itertools.chain(first, itertools.cycle([2**64 // 3, 2**62])):
            used.append(word)
            yield word

    happens = room._chance(stream(), numerator, denominator)
    low = sum(Fraction(word, 2 ** (64 * k)) for k, word in enumerate(used, 1))
    width = Fraction(1, 2 ** (64 * len(used)))
    chance = Fraction(numerator, denominator)
    # Every uniform number that begins with these digits lies on the side that was told, and one digit fewer leaves it
    # open.
    assert low + width <= chance if happens else low >= chance
    before = low - Fraction(used[-1], 2 ** (64 * len(used)))
    assert before <= chance <= before + 2**64 * width


@pytest.mark.parametrize("bound", [1, 2, 3, 64, 2**64, 2**64 + 1])
def test_uniform_numbers_reach_every_remainder_and_none_beyond(bound):
    stream = words(KEY)
    drawn = [room._below(stream, bound) for _ in range(3000)]
    assert min(drawn) >= 0
    assert max(drawn) < bound
    cells = min(bound, 64)
    counts = Counter(x * cells // bound for x in drawn)
    assert bound == 1 or stats.chisquare([counts[k] for k in range(cells)]).pvalue > 0.001


def test_each_entry_has_noise_of_its_own_variance_and_none_where_there_is_to_be_none():
    drawn = noise(LAYOUT, WIDTHS, KEY)
    assert drawn.layout == LAYOUT
    assert abs(integers(drawn.part("rows"))[0]) < 10**4
    assert all(10**10 < abs(x) < 10**16 for x in integers(drawn.part("sums")))
    assert integers(drawn.part("none")) == [0, 0]


def test_noise_is_made_by_its_entropy_and_what_it_is_for():
    first = noise(LAYOUT, WIDTHS, KEY, b"a", b"b")
    assert first == noise(LAYOUT, WIDTHS, KEY, b"a", b"b")
    given_otherwise = (KEY, b"ab"), (KEY, b"a"), (bytes(32), b"a", b"b")
    others = [noise(LAYOUT, WIDTHS, *each) for each in given_otherwise]
    assert len({first, *others}) == 4


def test_noise_wants_all_its_entropy_and_a_variance_that_can_be():
    with pytest.raises(ValueError, match="32 unpredictable bytes"):
        noise(LAYOUT, WIDTHS, bytes(31))
    with pytest.raises(ValueError, match="not negative"):
        noise(LAYOUT, [[1], [-1] * 3, [1] * 2], KEY)


def test_the_stream_is_aes_in_counter_mode():
    # What AES-256 makes of sixteen zero bytes under the key of zeros.
    first = list(itertools.islice(words(bytes(32)), 2))
    assert b"".join(word.to_bytes(8, "little") for word in first).hex() == "dc95c078a2408989ad48a21492842087"


def test_the_stream_does_not_repeat_where_it_is_refilled():
    drawn = list(itertools.islice(words(KEY), 10_000))
    assert len(set(drawn)) == 10_000


def test_no_float_has_a_part_in_any_decision():
    tree = ast.parse(Path(room.__file__).read_text("utf-8"))
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Div), "a true division"
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), node.value
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in {"math", "np"}:
            assert node.attr in {"isqrt", "frombuffer"}, node.attr
    stream = words(KEY)
    assert all(type(gaussian(stream, 2**k)) is int for k in range(100))
    assert type(next(stream)) is int
