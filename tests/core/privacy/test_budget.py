"""The budget of a data set: what is told is paid for once, nothing is told when it is spent, and the noise holds."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from scipy import stats

from fedpeer.core import canonical
from fedpeer.core.errors import MalformedError
from fedpeer.core.privacy.budget import Account, Charge, Told, Wish, tell
from fedpeer.core.privacy.epsilon import UNIT, epsilon
from fedpeer.core.privacy.noise import noise
from fedpeer.core.privacy.plan import Plan, allot
from fedpeer.core.privacy.protect import Withheld
from fedpeer.core.privacy.sensitivity import scaled
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.layout import layout
from fedpeer.core.statistics.residues import Residues, integers
from fedpeer.core.statistics.schema import Schema

SCHEMA = Schema([Feature("x", min="0", max="10", resolution="1"), Feature("b", "binary")])
PLAN = allot(SCHEMA, Fraction(1, 100))
ENTROPY = bytes(range(32))


def sums(rows: int) -> Residues:
    table = {"x": pa.array(["10"] * rows, pa.string()), "b": pa.array(["1"] * rows, pa.string())}
    return collect(SCHEMA, table).residues


def account(limit: Fraction = Fraction(1, 10)) -> Account:
    return Account("patients", int(limit * UNIT), 6)


def wish(rows: int = 20, federation: str = "one", occasion: bytes = b"", plan: Plan = PLAN) -> Wish:
    return Wish(sums(rows), plan, federation, occasion)


def told(account: Account, wish: Wish, entropy: bytes = ENTROPY) -> Told:
    found = tell(account, wish, None, entropy)
    assert isinstance(found, Told)
    return found


def test_what_is_told_is_the_sums_and_noise_and_is_charged_for():
    found = told(account(), wish())
    assert not found.again
    noised = Residues.from_bytes(layout(SCHEMA), found.noised.residues)
    assert noised != sums(20)
    moved = [abs(x) for part in (noised - sums(20)).parts for x in integers(part)]
    assert max(moved) < 10 * math.isqrt(max(v for each in PLAN.each for v in each))
    assert found.account.spent == math.ceil(PLAN.rho * UNIT)
    assert [charge.federation for charge in found.account.charges] == ["one"]


def test_the_same_release_again_is_the_same_bytes_and_free():
    first = told(account(), wish())
    again = tell(first.account, wish(), first.noised, bytes(32))
    assert again == Told(first.account, first.noised, True)


def test_another_federation_is_told_the_same_for_nothing():
    first = told(account(), wish())
    again = tell(first.account, wish(federation="two"), first.noised, bytes(32))
    assert again == Told(first.account, first.noised, True)


def test_noise_is_never_drawn_again_for_what_was_lost_or_altered():
    first = told(account(), wish())
    other = told(account(), wish(30))
    altered = structs.replace(first.noised, residues=other.noised.residues)
    for kept in (None, other.noised, altered):
        refused = tell(first.account, wish(), kept, ENTROPY)
        assert isinstance(refused, Withheld)
        assert "not drawn twice" in refused.text


def test_other_rows_other_noise_and_another_occasion_are_other_releases():
    wishes = [wish(), wish(21), wish(occasion=b"round"), wish(plan=allot(SCHEMA, Fraction(1, 101)))]
    assert len({each.name for each in wishes}) == 4
    moved = set()
    ledger = account()
    for each in wishes:  # from the same entropy: what it is for makes the noise differ
        found = told(ledger, each)
        ledger = found.account
        moved.add(Residues.from_bytes(layout(SCHEMA), found.noised.residues) - each.exact)
    assert len(moved) == len(ledger.charges) == 4


def test_the_same_sums_in_other_units_are_another_release():
    wide = Schema([Feature("x", min="0", max="20", resolution="2"), Feature("b", "binary")])
    finer = Schema([Feature("x", min="-10", max="10", resolution="1"), Feature("b", "binary")])
    assert layout(wide) == layout(finer)
    names = {Wish(sums(20), allot(each, Fraction(1, 100)), "one").name for each in (SCHEMA, wide, finer)}
    assert len(names) == len({allot(each, Fraction(1, 100)).scales for each in (SCHEMA, wide, finer)})


def test_nothing_is_told_when_the_budget_is_spent():
    ledger = account(Fraction(25, 1000))
    for rows in (20, 21):
        ledger = told(ledger, wish(rows)).account
    refused = tell(ledger, wish(22), None, ENTROPY)
    assert isinstance(refused, Withheld)
    assert refused.text == "a release costs 0.00999 of the data set's privacy budget (ρ), and 0.00503 of it is left"
    assert refused.rule == "spent <= 0.025"


@pytest.mark.long
@given(st.lists(st.tuples(st.integers(1, 400), st.integers(20, 24)), max_size=12))
@settings(max_examples=30, deadline=None)
def test_costs_add_up_are_never_given_back_and_never_pass_the_limit(asked):
    ledger, kept, paid = account(Fraction(1, 50)), {}, Fraction(0)
    for thousandths, rows in asked:
        plan = allot(SCHEMA, Fraction(thousandths, 10**5))
        each = wish(rows, plan=plan)
        found = tell(ledger, each, kept.get(each.name), ENTROPY)
        if isinstance(found, Withheld):
            assert ledger.spent + plan.rho * UNIT > ledger.limit
            continue
        paid += 0 if found.again else plan.rho
        kept[each.name] = found.noised
        assert found.account.charges[: len(ledger.charges)] == ledger.charges
        ledger = found.account
        assert paid * UNIT <= ledger.spent <= min(ledger.limit, paid * UNIT + len(ledger.charges))
    assert Account.from_bytes(ledger.to_bytes()) == ledger


def test_an_account_allows_what_its_epsilon_does_and_reports_both():
    ledger = Account.opened("patients", Fraction(1), exponent=6)
    assert 0.99999 < epsilon(Fraction(ledger.limit, UNIT), Fraction(1, 10**6)) <= 1
    report = told(ledger, wish()).account.report()
    assert (report["dataset"], report["delta"], report["releases"]) == ("patients", "1e-6", 1)
    assert report["limit"]["epsilon"] <= 1
    assert report["spent"] == {
        "rho": math.ceil(PLAN.rho * UNIT) / UNIT,
        "epsilon": epsilon(Fraction(math.ceil(PLAN.rho * UNIT), UNIT), Fraction(1, 10**6)),
    }


def test_an_account_is_read_strictly():
    ledger = told(account(), wish()).account
    charge = ledger.charges[0]
    short = structs.replace(charge, release=b"short")
    bad = [
        structs.replace(ledger, form=2),
        structs.replace(ledger, charges=(charge, charge)),
        structs.replace(ledger, charges=(short,)),
        structs.replace(ledger, charges=(structs.replace(charge, cost=-1),)),
        structs.replace(ledger, rows=0),
    ]
    for each in bad:
        with pytest.raises(MalformedError):
            Account.from_bytes(each.to_bytes())
    with pytest.raises(MalformedError):
        Account.from_bytes(canonical.encode({**msgspec.to_builtins(ledger), "more": 1}))
    assert Account.from_bytes(ledger.to_bytes()) == ledger


def test_an_owner_may_declare_less_than_was_spent_and_then_nothing_is_left():
    ledger = told(account(), wish()).account
    less = ledger.declared(Fraction(1, 100), exponent=6, rows=1)
    assert less.charges == ledger.charges
    assert less.limit < less.spent
    assert less.left == 0
    assert Account.from_bytes(less.to_bytes()) == less
    assert isinstance(tell(less, wish(21), None, ENTROPY), Withheld)
    assert less.declared(Fraction(9), exponent=6, rows=1).left > 0


def test_noise_for_other_sums_or_other_people_is_a_mistake():
    with pytest.raises(ValueError, match="other sums"):
        tell(account(), Wish(sums(20), allot(Schema([Feature("b", "binary")]), Fraction(1)), "one"), None, ENTROPY)
    several = structs.replace(account(), rows=3)
    with pytest.raises(ValueError, match="fewer rows"):
        tell(several, wish(plan=allot(SCHEMA, Fraction(1, 100), rows=2)), None, ENTROPY)
    assert isinstance(tell(several, wish(plan=allot(SCHEMA, Fraction(1, 100), rows=4)), None, ENTROPY), Told)


def test_a_share_of_noise_is_drawn_for_a_round_only():
    shares = allot(SCHEMA, Fraction(1, 100), enough=3)
    with pytest.raises(ValueError, match="one round"):
        tell(account(), wish(plan=shares), None, ENTROPY)
    first = told(account(), wish(plan=shares, occasion=b"first"))
    second = told(first.account, wish(plan=shares, occasion=b"second"))
    assert first.noised.residues != second.noised.residues
    assert second.account.spent == 2 * first.account.spent > 0


def test_a_plan_without_noise_where_somebody_is_seen_costs_too_much_to_compute():
    bare = Plan(PLAN.layout, PLAN.reaches, (0,) * len(PLAN.variances))
    with pytest.raises(ZeroDivisionError):
        tell(account(), wish(plan=bare), None, ENTROPY)


RUNS = 10_000
CLAIMED = Fraction(1, 20)
DELTA = Fraction(1, 1000)


def scores(rows: int, plan: Plan, start: int, runs: int = RUNS, shares: int = 1) -> np.ndarray:
    """What the best attack sees in releases of so many equal rows: how much likelier they make one row more."""
    exact, one = sums(rows), [x for part in sums(1).parts for x in integers(part)]
    weights = [1 / v for each in plan.each for v in each]
    slope = np.array(one, float) * np.array(weights)
    base = np.array([x for part in sums(20).parts for x in integers(part)], float)
    found = []
    for run in range(start, start + runs):
        total = exact
        for share in range(shares):
            entropy = b"".join(k.to_bytes(16, "big") for k in (run, share))
            total = total + noise(plan.layout, plan.each, entropy)
        found.append((np.array([x for part in total.parts for x in integers(part)], float) - base) @ slope)
    return np.array(found)


def measured(with_row: np.ndarray, without: np.ndarray) -> float:
    """A lower bound of ε at δ, at 99.9% confidence, from the best threshold of one half tried on the other."""
    half = len(without) // 2

    def bound(t: float, part: slice) -> float:
        hits, misses = int((with_row[part] > t).sum()), int((without[part] > t).sum())
        high = stats.beta.ppf(0.9995, misses + 1, half - misses)
        low = stats.beta.ppf(0.0005, hits, half - hits + 1) if hits else 0
        return math.log(max(low - float(DELTA), 1e-9) / high)

    tried = np.quantile(np.concatenate([with_row, without]), np.linspace(0.05, 0.98, 60))
    best = max(tried, key=lambda t: bound(t, slice(None, half)))
    return bound(best, slice(half, None))


def noisier(plan: Plan, parts: int) -> Plan:
    return replace(plan, variances=tuple(-(-v // parts) for v in plan.variances))


@pytest.mark.long
def test_the_best_attack_measures_less_than_is_claimed_and_more_with_less_noise():
    plan, claimed = allot(SCHEMA, CLAIMED), epsilon(CLAIMED, DELTA)
    assert plan.reaches == scaled(SCHEMA)
    found = measured(scores(21, plan, 0), scores(20, plan, RUNS))
    assert 0 < found <= claimed
    weak = noisier(plan, 16)
    assert measured(scores(21, weak, 0, 1500), scores(20, weak, RUNS, 1500)) > claimed


@pytest.mark.long
def test_the_shares_of_enough_contributors_hide_as_much_as_is_claimed():
    plan, claimed = allot(SCHEMA, CLAIMED, enough=3), epsilon(CLAIMED, DELTA)
    assert 0 < measured(scores(21, plan, 0, 6000, 3), scores(20, plan, RUNS, 6000, 3)) <= claimed
    weak = noisier(plan, 32)
    assert measured(scores(21, weak, 0, 1500, 3), scores(20, weak, RUNS, 1500, 3)) > claimed


def test_charges_hold_no_floats_and_names_are_digests():
    assert all(float not in {field.type for field in structs.fields(kind)} for kind in (Account, Charge))
    assert len(wish().name) == 32
