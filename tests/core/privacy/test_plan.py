"""A plan costs what it says and no more, is split as well as can be, and holds where its noise comes in shares."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from fedpeer.core.errors import OverflowRefusedError
from fedpeer.core.privacy import plan as room
from fedpeer.core.privacy.epsilon import budget
from fedpeer.core.privacy.noise import noise
from fedpeer.core.privacy.plan import Plan, allot
from fedpeer.core.privacy.sensitivity import Reach, scaled
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.layout import layout
from fedpeer.core.statistics.noised import scales
from fedpeer.core.statistics.residues import Block, Residues, integers
from fedpeer.core.statistics.schema import Schema

FEATURES = [*(Feature(f"x{i}", min="0", max="100", resolution="0.1") for i in range(5)), Feature("b", "binary")]
SCHEMA = Schema(FEATURES)
BLOCKS = ["powers", "histogram", "conditional_histogram"]
RHO = st.fractions(Fraction(1, 10**6), 1)


@given(RHO, st.integers(1, 100), st.integers(1, 200), st.sampled_from(["listwise", "pairwise"]))
@settings(max_examples=50, deadline=None)
def test_a_plan_costs_no_more_than_it_may_and_hardly_less(rho, rows, enough, missing):
    plan = allot(Schema(FEATURES, missing=missing, blocks=BLOCKS), rho, rows=rows, enough=enough)
    assert plan.rho <= rho
    if min(v for v in plan.variances if v) > 1000:
        assert plan.rho >= rho * Fraction(99, 100)


@given(RHO)
def test_the_cost_of_one_contributors_noise_is_the_sum_over_blocks(rho):
    plan = allot(SCHEMA, rho)
    each = zip(scaled(SCHEMA), plan.variances, strict=True)
    assert plan.rho == sum(Fraction(reach.square, 2 * variance) for reach, variance in each)
    assert [plan.spread(block.name) for block in layout(SCHEMA)] == list(plan.variances)


@given(st.lists(st.integers(1, 1000), min_size=4, max_size=4))
def test_no_other_split_of_a_budget_has_less_relative_variance(weights):
    rho, reaches = Fraction(1, 10**9), scaled(SCHEMA)

    def loss(variances):
        return sum(Fraction(v * r.entries, r.square) for v, r in zip(variances, reaches, strict=True))

    ours = loss(allot(SCHEMA, rho).variances)
    theirs = [r.square * Fraction(sum(weights), 2 * w) / rho for w, r in zip(weights, reaches, strict=True)]
    assert ours <= loss(theirs) * (1 + Fraction(1, 10**6))


def test_an_entry_has_noise_of_its_own_size_and_what_every_entry_costs_adds_up():
    schema = Schema([Feature("wide", min="-1000", max="1000", resolution="0.001"), Feature("b", "binary")])
    plan = allot(schema, Fraction(1, 100))
    assert plan.each[1] == [plan.variances[1] * 10**12, plan.variances[1]]
    assert math.sqrt(plan.each[1][1]) < 40  # counts are not drowned by what is beside them
    row = collect(schema, {"wide": ["1000"], "b": ["1"]}).residues
    moved = [integers(part) for part in row.parts]
    cost = sum(
        (Fraction(x * x, 2 * v) for xs, vs in zip(moved, plan.each, strict=True) for x, v in zip(xs, vs, strict=True)),
        Fraction(),
    )
    assert cost == plan.rho


def test_a_person_with_more_rows_needs_as_many_times_the_deviation():
    one, ten = (allot(SCHEMA, Fraction(1, 10**6), rows=k) for k in (1, 10))
    assert ten.rows == 10
    assert all(99 < Fraction(t, o) <= 100 for o, t in zip(one.variances, ten.variances, strict=True))


def test_blocks_in_which_nothing_moves_have_no_noise():
    schema = Schema(FEATURES[:2])  # no 0/1 columns: no squares
    assert (
        dict(zip([b.name for b in layout(schema)], allot(schema, Fraction(1)).variances, strict=True))["squares"] == 0
    )


def test_noise_that_does_not_fit_the_integers_is_refused():
    with pytest.raises(OverflowRefusedError, match="integers of rows"):
        allot(SCHEMA, Fraction(1, 10**40))
    for bad in ({"rho": Fraction(0)}, {"rho": Fraction(1), "enough": 0}):
        with pytest.raises(ValueError, match="positive budget"):
            allot(SCHEMA, **bad)


def chances(variance: int, enough: int, reach: int = 80) -> np.ndarray:
    """The logarithms of the chances of the sum of so many numbers of this variance, from −reach to reach."""
    x = np.arange(-reach, reach + 1)
    weight = -(x**2) / (2 * variance)
    one = found = weight - special.logsumexp(weight)
    for _ in range(enough - 1):
        pairs = x[:, None] - x[None, :]  # what the last must be for a sum of x
        last = np.where(np.abs(pairs) <= reach, one[np.clip(pairs, -reach, reach) + reach], -np.inf)
        found = special.logsumexp(found[None, :] + last, axis=1)
    return found


CASES = list(itertools.product([1, 2], [2, 3, 5]))


@pytest.mark.parametrize(("variance", "enough"), CASES)
def test_a_sum_of_shares_is_as_near_to_one_discrete_gaussian_as_is_said(variance, enough):
    reach = 20
    whole = chances(variance * enough, 1)
    ratio = (chances(variance, enough) - whole)[80 - reach : 81 + reach]
    exact = 10 * sum(math.exp(-2 * math.pi**2 * variance * k / (k + 1)) for k in range(1, enough))
    assert 0 < np.abs(ratio).max() <= exact / 2 <= float(room._tau(variance, enough)) / 2


@pytest.mark.parametrize(("variance", "enough"), CASES)
@pytest.mark.parametrize("moved", [1, 3])
def test_a_sum_of_shares_costs_no_more_than_is_said(variance, enough, moved):
    reach = Reach("rows", 1, moved, moved**2, moved)
    plan = Plan((Block("rows", 1, 1),), (reach,), (variance,), 1, enough)
    logs = chances(variance, enough)[40:121]
    before, after = logs[moved:], logs[:-moved]
    for order in (1.01, 1.5, 2, 4, 10):
        divergence = float(special.logsumexp(order * before + (1 - order) * after)) / (order - 1)
        assert divergence <= order * float(plan.rho)
        assert divergence >= order * float(plan.rho) * 0.5 or variance == 1  # and it is not said to cost far more


def test_shares_that_are_planned_are_wide_enough_for_the_loss_to_vanish():
    plan = allot(SCHEMA, Fraction(10**6), enough=50)
    assert min(v for v in plan.variances if v) >= 16
    whole = sum(Fraction(r.square, 100 * v) for r, v in zip(plan.reaches, plan.variances, strict=True) if v)
    assert 0 < plan.rho - whole < Fraction(1, 2**80)


def test_the_shares_of_enough_contributors_have_the_whole_variance_together():
    plan = allot(SCHEMA, Fraction(1, 100), enough=3)
    total = Residues.zero(plan.layout)
    for place in range(3):
        total = total + noise(plan.layout, plan.each, bytes([place]) * 32)
    deviation, units = math.sqrt(plan.spread("products")), scales(SCHEMA)[2]
    drawn = zip(integers(total.part("products")), units, strict=True)
    assert stats.kstest([x / deviation / unit for x, unit in drawn], "norm").pvalue > 0.001
    alone = allot(SCHEMA, Fraction(1, 100)).spread("products")
    assert alone <= plan.spread("products") <= alone * Fraction(1001, 1000)


def table() -> list[list[float]]:
    """The figures of the table in docs/noise.md."""
    page = (Path(__file__).parents[3] / "docs" / "noise.md").read_text("utf-8")
    lines = page.split("| ε | columns | ρ |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[float(cell) for cell in line.strip("|").split("|")] for line in lines]


def test_the_page_says_how_large_the_noise_is():
    assert len(table()) == 7
    for epsilon_, columns, rho, *deviations in table():
        features = [Feature(f"x{i}", min="-1", max="1", resolution="0.001") for i in range(int(columns))]
        schema = Schema(features)
        cost = budget(Fraction(epsilon_), Fraction(1, 10**6))
        assert round(float(cost), 5) == rho
        plan, bound = allot(schema, cost), schema.columns[0].bound
        assert [max(units) for units in plan.scales[:3]] == [1, bound, bound**2]
        assert [round(math.sqrt(plan.spread(b)), 1) for b in ("rows", "sums", "products")] == deviations
