"""Bins are cells, powers are further columns: what the release rules make of the blocks that a schema may ask for."""

from __future__ import annotations

from math import gcd
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core.privacy.cells import Counted, smallest
from fedpeer.core.privacy.disclosure import Release, risk
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.privacy.protect import Shareable, Withheld, protect
from fedpeer.core.privacy.sides import exchanged, valued
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from tests.support.released import sendable

RELAXED, STANDARD = Policy("relaxed"), Policy("standard")
FEATURES = [Feature("x", min=0, max=99, resolution=1), Feature("a", "binary")]
BINNED = Schema(FEATURES, blocks=["histogram"], bins=4)
CROSSED = Schema(FEATURES, blocks=["histogram", "conditional_histogram"], bins=4)
POWERS = Schema(FEATURES, blocks=["powers"])


def _release(summary: Summary, policy: Policy = STANDARD, last: Summary | None = None) -> Shareable | Withheld:
    admitted = sendable(summary, 1)
    return protect(admitted, policy, last)


def _withheld(outcome: Shareable | Withheld) -> Withheld:
    assert isinstance(outcome, Withheld), outcome
    return outcome


def _rows(values: list[int]) -> dict[str, list[Any]]:
    """These values, and a flag that cuts them in half."""
    return {"x": values, "a": [i % 2 for i in range(len(values))]}


@pytest.mark.parametrize("few", range(1, 10))
def test_a_bin_of_few_rows_stays_and_is_named(few: int) -> None:
    table = _rows([10] * 40 + [60] * 40 + [99] * few)
    withheld = _withheld(_release(collect(BINNED, table)))
    assert withheld.rule == "cell = 0 or >= 10 rows"
    assert withheld.feature == "x is in bin 4 of 4, from 75 to 99"
    assert withheld.measured == str(few)
    assert withheld.text == f"{few} rows where {withheld.feature}, and a cell must have none or at least 10"
    assert isinstance(_release(collect(Schema(FEATURES), table)), Shareable)
    assert isinstance(_release(collect(BINNED, table), RELAXED), Shareable)


def test_bins_of_none_and_of_ten_pass_until_the_floor_is_raised() -> None:
    summary = collect(BINNED, _rows([10] * 40 + [60] * 40 + [99] * 10))
    assert isinstance(_release(summary), Shareable)
    assert _withheld(_release(summary, Policy(cell=11))).measured == "10"


@given(st.lists(st.tuples(st.integers(0, 99), st.sampled_from([1, 5, 9, 10, 30])), max_size=5), st.integers(2, 9))
@settings(max_examples=80, deadline=None)
def test_the_smallest_bin_is_the_one_that_counting_finds(parts: list[tuple[int, int]], bins: int) -> None:
    schema = Schema(FEATURES[:1], blocks=["histogram"], bins=bins)
    values = [value for value, copies in parts for _ in range(copies)]
    counts = [sum(value * bins // 100 == k for value in values) for k in range(bins)]
    small = [count for count in counts if 0 < count < 10]
    found = smallest(Counted.of(Release.of(collect(schema, {"x": values}))), 10)
    if small:
        assert found is not None
        assert (found.rows, found.others) == (min(small), len(small) - 1)
        assert found.name.startswith(f"x is in bin {counts.index(min(small)) + 1} of {bins}, from ")
    else:
        assert found is None


def test_a_small_bin_of_the_change_stays_though_both_releases_are_well_filled() -> None:
    first = [10] * 40 + [40] * 40 + [60] * 40
    last, new = collect(BINNED, _rows(first)), collect(BINNED, _rows([*first, *[60] * 20, *[40] * 4]))
    assert isinstance(_release(new), Shareable)
    for summary, before in ((new, last), (last, new)):
        withheld = _withheld(_release(summary, STANDARD, before))
        assert withheld.feature == "x is in bin 2 of 4, from 25 to 49"
        assert withheld.measured == "4"
        assert withheld.rule.endswith("in the change since the last release")


@pytest.mark.parametrize(("policy", "floor"), [(RELAXED, 9), (Policy(rows=3), 20)])
def test_each_power_asks_for_a_row_more(policy: Policy, floor: int) -> None:
    table = _rows([40 + i % 7 for i in range(floor)])
    withheld = _withheld(_release(collect(POWERS, {name: v[1:] for name, v in table.items()}), policy))
    assert withheld.measured == str(floor - 1)
    assert withheld.text.endswith(f"at least {floor} must stand behind a release of 2 columns and 2 powers")
    assert isinstance(_release(collect(POWERS, table), RELAXED), Shareable)


def test_each_power_asks_for_a_row_more_in_a_change() -> None:
    first, policy = [40 + i % 7 for i in range(100)], RELAXED
    for more, fine in ((8, False), (9, True)):
        new, last = collect(POWERS, _rows([*first, *[45] * more])), collect(POWERS, _rows(first))
        assert isinstance(_release(new, policy, last), Shareable) is fine


def test_an_exchange_that_only_powers_or_bins_show_stays() -> None:
    """0, 4 and 5 have the sum and the squares of 1, 2 and 6, and not the cubes."""
    table, other = ({"x": [*rows, *[50] * 60], "a": [0, 0, 0, *[1, 0] * 30]} for rows in ([0, 4, 5], [1, 2, 6]))
    plain, fine = Schema(FEATURES), Schema(FEATURES, blocks=["histogram"], bins=100)
    assert collect(plain, table) == collect(plain, other)
    for schema in (POWERS, fine):
        withheld = _withheld(_release(collect(schema, other), RELAXED, collect(schema, table)))
        assert "exchanged" in withheld.text


@pytest.mark.long
@given(
    st.lists(st.integers(0, 99), min_size=1, max_size=30),
    st.lists(st.integers(0, 99), max_size=9),
    st.integers(2, 12),
    st.integers(2, 12),
)
@settings(max_examples=80, deadline=None)
def test_histograms_of_different_bins_are_compared_over_the_bins_that_both_have(
    first: list[int], added: list[int], bins: int, others: int
) -> None:
    before, after = (
        Release.of(collect(Schema(FEATURES[:1], blocks=["histogram"], bins=k), {"x": values}))
        for k, values in ((bins, first), (others, [*first, *added]))
    )
    both = gcd(bins, others)
    expected = [sum(value * both // 100 == k for value in added) for k in range(both)]
    assert after.change(before).bins.tolist() == [expected]


def test_blocks_that_only_one_release_has_are_not_compared() -> None:
    plain, both = (
        Release.of(collect(Schema(FEATURES, blocks=blocks), _rows([50] * 40)))
        for blocks in ([], ["powers", "histogram"])
    )
    for change in (plain.change(both), both.change(plain)):
        assert (change.powers.shape, change.bins.shape) == ((1, 0), (1, 0))
        assert change.nothing


def test_the_risk_grows_with_powers_and_with_bins_that_somebody_is_in() -> None:
    table = _rows([10] * 40 + [60] * 40)
    risks = [_release(collect(schema, table)) for schema in (Schema(FEATURES), BINNED, POWERS)]
    shown = [outcome.risk for outcome in risks if isinstance(outcome, Shareable)]
    assert shown == [risk(2, 80), risk(2, 80, 1), risk(2, 80, 2)]
    assert shown == sorted(set(shown))


@pytest.mark.parametrize(("columns", "rows", "bins"), [(8, 400, 0), (6, 200, 8), (4, 300, 16)])
def test_the_risk_that_is_shown_is_the_one_that_an_attack_measures(columns: int, rows: int, bins: int) -> None:
    """The attacker knows the population: products, third and fourth Hermite polynomials, and the bins' shares."""
    rng = np.random.default_rng(columns * rows)
    wins = []
    for _ in range(max(1, 4000 // rows)):
        inside, outside = (_seen(rng.normal(size=(rows, columns)), bins) for _ in range(2))
        told = inside.mean(axis=0)
        mine, other = inside @ told, outside @ told
        wins.append((mine[:, None] > other[None, :]).mean())
    further = columns * (2 + max(0, bins - 1))
    assert risk(columns, rows, further) == pytest.approx(float(np.mean(wins)), abs=0.04)


def _seen(z: np.ndarray, bins: int) -> np.ndarray:
    """What is told of each row, as sums that are uncorrelated, of mean 0 and variance 1 in the population."""
    first, second = np.triu_indices(z.shape[1])
    products = z[:, first] * z[:, second] - (first == second)
    scaled = [products / np.where(first == second, np.sqrt(2), 1), (z**3 - 3 * z) / np.sqrt(6)]
    scaled.append((z**4 - 6 * z**2 + 3) / np.sqrt(24))
    if bins:  # of columns of their own, for bins of the same ones would tell in part what their powers tell
        place = np.random.default_rng(len(z)).permutation(z.ravel()).reshape(z.shape)
        index = np.minimum((_uniform(place) * bins).astype(int), bins - 1)
        marks = (index[:, :, None] == np.arange(bins)) * np.sqrt(bins) - 1 / np.sqrt(bins)
        scaled.append(marks.reshape(len(z), -1))
    return np.hstack(scaled)


def _uniform(z: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr

    return ndtr(z)


@pytest.mark.parametrize("few", range(1, 10))
@pytest.mark.parametrize("word", [0, 1])
def test_few_rows_of_a_bin_on_one_side_of_a_flag_stay_and_are_named(few: int, word: int) -> None:
    """The bin has 30 rows; what is left of them on the other side is as telling as what is there."""
    table = {"x": [10] * 60 + [60] * 30, "a": [0, 1] * 30 + [word] * few + [1 - word] * (30 - few)}
    assert isinstance(_release(collect(BINNED, table)), Shareable)
    withheld = _withheld(_release(collect(CROSSED, table)))
    assert withheld.feature == f"x is in bin 3 of 4, from 50 to 74 and a is {word}"
    assert withheld.measured == str(few)
    assert isinstance(_release(collect(CROSSED, table), RELAXED), Shareable)


def test_bins_given_flags_of_none_or_of_ten_pass() -> None:
    table = {"x": [10] * 20 + [60] * 30, "a": [0, 1] * 10 + [1] * 30}
    assert isinstance(_release(collect(CROSSED, table)), Shareable)


def test_few_rows_of_the_change_in_a_bin_given_a_flag_stay() -> None:
    first, second = [10] * 60 + [60] * 60, [10] * 20 + [60] * 20
    last = collect(CROSSED, {"x": first, "a": [0, 1] * 60})
    new = last + collect(CROSSED, {"x": second, "a": [1] * 4 + [0] * 16 + [0, 1] * 10})
    assert isinstance(_release(new), Shareable)
    for summary, before in ((new, last), (last, new)):
        withheld = _withheld(_release(summary, STANDARD, before))
        assert withheld.feature == "x is in bin 1 of 4, from 0 to 24 and a is 1"
        assert withheld.measured == "4"
        assert withheld.rule.endswith("in the change since the last release")


def test_rows_exchanged_on_one_side_of_a_flag_are_seen_by_their_bins() -> None:
    """0, 4 and 5 have the sum and the squares of 1, 2 and 6; only bins of two values tell them apart."""
    fine = Schema(FEATURES, blocks=["histogram", "conditional_histogram"], bins=50)
    old, new = ({"x": [*rows, *[50] * 60], "a": [1, 1, 1, *[0] * 60]} for rows in ([0, 4, 5], [1, 2, 6]))
    more = {"x": [8] * 20, "a": [0] * 20}
    change = Release.of(collect(fine, new) + collect(fine, more)).change(Release.of(collect(fine, old)))
    assert exchanged(valued(change)) == "a is 1"


@given(
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 1)), max_size=30),
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 1)), max_size=9),
    st.integers(2, 12),
    st.integers(2, 12),
)
@settings(max_examples=40, deadline=None)
def test_bins_given_flags_are_compared_over_the_bins_that_both_have(
    first: list[tuple[int, int]], added: list[tuple[int, int]], bins: int, others: int
) -> None:
    before, after = (
        Release.of(
            collect(
                Schema(FEATURES, blocks=["histogram", "conditional_histogram"], bins=k),
                {"x": [x for x, _ in rows], "a": [a for _, a in rows]},
            )
        )
        for k, rows in ((bins, first), (others, [*first, *added]))
    )
    both = gcd(bins, others)
    expected = [sum(a for x, a in added if x * both // 100 == k) for k in range(both)]
    assert after.change(before).given.tolist() == [[expected]]
    assert after.change(Release.of(collect(BINNED, {"x": [], "a": []}))).given.shape == (1, 1, 0)


def test_the_risk_counts_the_bins_that_a_flag_splits() -> None:
    """Of three bins one is split: what the flag's rows are in the others is told by the sum and the bins."""
    tables = [[0] * 20 + [1] * 20 + [0, 1] * 10, [0] * 20 + [0, 1] * 20, [0, 1] * 30]
    shown = [_release(collect(CROSSED, {"x": [10] * 20 + [30] * 20 + [60] * 20, "a": a})) for a in tables]
    risks = [outcome.risk for outcome in shown if isinstance(outcome, Shareable)]
    assert risks == [risk(2, 60, 2), risk(2, 60, 3), risk(2, 60, 4)]
