"""A sum passes the p% rule only where no row dominates it, and a count with one positive does not pass."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core.privacy.disclosure import Release
from fedpeer.core.privacy.dominance import dominated
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.privacy.protect import Shareable, Withheld, protect
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from tests.support.released import sendable

HIGH = 40
NUMBERS = [Feature("cost", min=0, max=HIGH, resolution=1), Feature("flag", "binary")]
SCHEMAS = [
    Schema(NUMBERS),
    Schema(NUMBERS, missing="pairwise"),
    Schema([*NUMBERS[:1], Feature("flag", min=0, max=1, resolution=1)]),
]
Rows = list[tuple[int | None, int]]

values = st.one_of(st.integers(0, 3), st.integers(0, HIGH), st.just(HIGH))


def _summary(rows: Rows, schema: Schema = SCHEMAS[0]) -> Summary:
    return collect(schema, {"cost": [float("nan") if c is None else c for c, _ in rows], "flag": [f for _, f in rows]})


def _safe(values: list[int], percent: int) -> bool:
    """The rule itself, of values from 0 on: what the others hold is p% of the largest, at least."""
    first, *rest = sorted(values, reverse=True) or [0]
    return 100 * sum(rest[1:]) >= percent * first


@pytest.mark.long
@pytest.mark.parametrize("schema", SCHEMAS, ids=["plain", "gaps", "a flag as a number"])
@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from([1, 10, 100]))
def test_no_sum_passes_that_a_row_dominates(schema: Schema, data: st.DataObject, percent: int) -> None:
    cost = values | st.none() if schema.pairwise else values
    rows: Rows = data.draw(st.lists(st.tuples(cost, st.integers(0, 1)), min_size=1, max_size=60))
    worst = dominated(Release.of(_summary(rows, schema)), percent)
    assert worst is not None
    if not worst.proved:
        return
    for flags in ((0, 1), (0,), (1,)):
        held = [c for c, f in rows if f in flags and c is not None]
        assert _safe(held, percent)
        assert _safe([HIGH - c for c in held], percent)


def test_the_bound_is_reached_by_some_rows_and_missed_by_none() -> None:
    """Of all 10 rows with these sums, some have the (1 + p) y₁ + y₂ that the bound says: it cannot be sharper."""
    n, p = 10, Fraction(1, 10)
    a = np.array([1 + float(p), 1.0] + [0.0] * (n - 2))
    mean, scatter = 5.0, 60.0
    centred = a - a.mean()
    y = mean + centred * sqrt(scatter / (centred @ centred))
    bound = (2 + float(p)) * mean + sqrt(scatter * ((1 + float(p)) ** 2 + 1 - (2 + float(p)) ** 2 / n))
    assert a @ np.sort(y)[::-1] == pytest.approx(bound)
    rng = np.random.default_rng(0)
    for _ in range(200):
        z = rng.normal(size=n)
        z = mean + (z - z.mean()) * sqrt(scatter) / np.linalg.norm(z - z.mean())
        assert a @ np.sort(z)[::-1] <= bound + 1e-9


@pytest.mark.parametrize("percent", [1, 10, 50])
def test_the_largest_share_is_never_larger_than_what_is_said(percent: int) -> None:
    rng = np.random.default_rng(percent)
    for _ in range(40):
        costs = np.minimum(rng.geometric(0.3, 30) - 1, HIGH)
        worst = dominated(Release.of(_summary([(int(c), i % 2) for i, c in enumerate(costs)])), percent)
        assert worst is not None
        among = {"": costs, " where flag is 0": costs[0::2], " where flag is 1": costs[1::2]}[worst.where]
        held = among if worst.end == "smallest" else HIGH - among
        assert worst.share >= held.max() / held.sum() - 1e-12


def _released(summary: Summary, policy: Policy, last: Summary | None = None) -> Shareable | Withheld:
    admitted = sendable(summary)
    return protect(admitted, policy, last)


def _one_large(count: int, small: int) -> Rows:
    return [(HIGH, 1), *((small, i % 2) for i in range(count))]


@pytest.mark.parametrize("profile", ["standard", "strict"])
def test_a_number_that_is_nothing_for_all_but_one_stays(profile: str) -> None:
    """A count with one positive: its sum is that row's value, and its products are that row."""
    policy = Policy(profile)  # type: ignore[arg-type]
    withheld = _released(_summary(_one_large(400, 0)), policy)
    assert isinstance(withheld, Withheld)
    assert (withheld.rule, withheld.feature) == ("dominance: p = 10%", "cost")
    assert withheld.measured == "100%"
    assert isinstance(_released(_summary(_one_large(400, 2)), policy), Shareable)
    assert isinstance(_released(_summary(_one_large(400, 0)), Policy("relaxed")), Shareable)
    assert isinstance(_released(_summary(_one_large(400, 0)), Policy("relaxed", dominance=10)), Withheld)


def test_with_the_rule_off_the_one_positive_is_read_off_the_sums() -> None:
    summary = _summary(_one_large(400, 0))
    at = [summary.schema.index(name) for name in ("cost", "flag")]
    low = summary.schema.columns[at[0]].low
    own = summary.sum("cost") - low * summary.rows
    assert own == HIGH
    with_flag = summary.product(at[0], at[1]) - low * summary.sum("flag")
    assert with_flag == HIGH  # the sum of cost where flag is 1 is that of one row: its flag is known too


def test_a_row_that_dominates_the_change_stays_though_it_does_not_dominate_the_release() -> None:
    first: Rows = [(20, i % 2) for i in range(200)]
    added: Rows = [(HIGH, 1), *((0, i % 2) for i in range(39))]
    last, new = _summary(first), _summary([*first, *added])
    assert isinstance(_released(new, Policy()), Shareable)
    for summary, before in ((new, last), (last, new)):
        withheld = _released(summary, Policy(), before)
        assert isinstance(withheld, Withheld)
        assert withheld.rule == "dominance: p = 10% in the change since the last release"
        assert "within 10%" in withheld.text


def test_a_larger_p_asks_for_more() -> None:
    rows: Rows = [(HIGH, 1), *((1, i % 2) for i in range(200))]
    policies = [Policy(dominance=p) for p in (0, 50, 100, 200, 400, 1000)]
    asked = [isinstance(_released(_summary(rows), policy), Shareable) for policy in policies]
    assert asked == sorted(asked, reverse=True)
    assert (asked[0], asked[-1]) == (True, False)
