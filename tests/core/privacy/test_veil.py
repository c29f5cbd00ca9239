"""The station of noise: what leaves is exact sums and noise that is paid for, and what arrives can be that."""

from __future__ import annotations

from fractions import Fraction

import pytest

from fedpeer.core.errors import OverflowRefusedError
from fedpeer.core.privacy.budget import Account
from fedpeer.core.privacy.epsilon import UNIT, epsilon
from fedpeer.core.privacy.noise import noise as draw
from fedpeer.core.privacy.plan import Noise
from fedpeer.core.privacy.protect import Withheld
from fedpeer.core.privacy.purse import Purse
from fedpeer.core.privacy.veil import Veil, Veiled, carried, unlikely
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.noised import settled
from fedpeer.core.statistics.residues import Residues, integers
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

SCHEMA = Schema([Feature("x", min="-10", max="10", resolution="1"), Feature("b", "binary")])
NOISE = Noise(10**10)
ENTROPY = bytes(range(32))


def counted(rows: int) -> Summary:
    return collect(SCHEMA, {"x": [str(k % 21 - 10) for k in range(rows)], "b": [str(k % 2) for k in range(rows)]})


def purse(limit: Fraction = Fraction(1, 10), rows: int = 1) -> Purse:
    return Purse(Account("patients", int(limit * UNIT), 6, rows))


def veiled(veil: Veil, summary: Summary, noise: Noise = NOISE) -> Veiled:
    found = veil.over(summary, noise)
    assert isinstance(found, Veiled), found
    return found


def test_a_veiled_summary_is_the_exact_one_and_noise_that_it_knows_of():
    found = veiled(Veil(purse(), "one", ENTROPY, 7), counted(100))
    plan = NOISE.plan(SCHEMA)
    assert found.summary.noise == plan.variances
    gone = found.summary.residues - counted(100).residues
    assert gone == settled(SCHEMA, gone, plan.variances)
    assert gone != Residues.zero(gone.layout)
    charge = found.bill.charge
    assert (charge.at, charge.federation) == (7, "one")
    assert 0.99 * NOISE.cost < charge.cost <= NOISE.cost
    paid = purse().paid(found.bill)
    again = veiled(Veil(paid, "two", bytes(32)), counted(100))
    assert (again.summary, again.bill) == (found.summary, found.bill)
    assert paid.paid(again.bill) is paid


@pytest.mark.parametrize(
    ("veil", "noise", "said"),
    [
        (Veil(Purse(), "one", ENTROPY), NOISE, "no privacy budget to pay it from"),
        (Veil(purse(rows=3), "one", ENTROPY), Noise(10**10, rows=2), "people of up to 2 rows"),
        (Veil(purse(Fraction(1, 1000)), "one", ENTROPY), NOISE, "0.001 of it is left"),
        (Veil(purse(), "one", ENTROPY, 0, b"round", 2), Noise(10**10, colluders=2), "2 may collude"),
    ],
)
def test_what_cannot_be_paid_for_or_hidden_stays(veil, noise, said):
    found = veil.over(counted(100), noise)
    assert isinstance(found, Withheld)
    assert said in found.text


def test_people_of_fewer_rows_than_the_noise_is_for_are_hidden_too():
    assert veiled(Veil(purse(rows=2), "one", ENTROPY), counted(100), Noise(10**10, rows=3)).bill.charge.cost > 0


def test_shares_of_the_survivors_add_up_to_the_exact_sum_and_its_noise_whoever_drops_out():
    noise, least = Noise(10**10, colluders=1), 4
    own = [counted(20 + k) for k in range(6)]
    parts = [
        veiled(Veil(purse(), "one", bytes([k] * 32), 0, b"round", least), each, noise) for k, each in enumerate(own)
    ]
    plan = noise.plan(SCHEMA, 3)
    assert all(part.summary.noise == plan.variances for part in parts)
    for survivors in (range(6), (0, 2, 3, 5)):
        opened = sum((parts[k].summary for k in survivors), Summary.zero(SCHEMA))
        exact = sum((own[k] for k in survivors), Summary.zero(SCHEMA))
        drawn = Residues.zero(exact.residues.layout)
        for k in survivors:
            drawn = drawn + (parts[k].summary.residues - own[k].residues)
        assert opened.residues == exact.residues + drawn
        assert opened.noise == carried(noise, SCHEMA, least, len(survivors))
        # Whoever knows one share still faces as much noise as the charter asks for.
        alone = noise.plan(SCHEMA).variances
        unknown = [v * (len(survivors) - 1) // len(survivors) for v in opened.noise]
        assert all(u >= a for u, a in zip(unknown, alone, strict=True))


def test_each_round_has_noise_of_its_own_and_the_same_round_the_same():
    first = veiled(Veil(purse(), "one", ENTROPY, 0, b"first", 3), counted(40))
    second = veiled(Veil(purse().paid(first.bill), "one", ENTROPY, 0, b"second", 3), counted(40))
    both = purse().paid(first.bill).paid(second.bill)
    again = veiled(Veil(both, "one", bytes(32), 0, b"first", 3), counted(40))
    assert first.summary != second.summary
    assert again.summary == first.summary
    assert both.account is not None
    assert both.account.spent == 2 * first.bill.charge.cost


@pytest.mark.long
def test_what_is_veiled_is_likely_and_what_no_rows_could_have_is_not():
    plan = NOISE.plan(SCHEMA)
    for seed in range(200):
        assert unlikely(veiled(Veil(purse(), "one", bytes([seed] * 32)), counted(30)).summary) is None
    zero = Residues.zero(plan.layout)
    for seed in range(50):  # of an owner without rows, too
        drawn = settled(SCHEMA, zero + draw(plan.layout, plan.each, bytes([seed] * 32)), plan.variances)
        assert unlikely(Summary(SCHEMA, drawn, plan.variances)) is None
    exact = counted(30)
    for block, at, value in (("rows", 0, -(10**6)), ("rows", 0, 2**50), ("products", 0, 10**9), ("squares", 0, 10**9)):
        values = {b.name: integers(part) for b, part in zip(plan.layout, exact.residues.parts, strict=True)}
        values[block][at] = value
        forged = Summary(SCHEMA, Residues.of(plan.layout, list(values.values())), plan.variances)
        assert unlikely(forged)
    values = {b.name: integers(part) for b, part in zip(plan.layout, exact.residues.parts, strict=True)}
    values["products"][2] += 1  # the square of b, and not its sum
    forged = Summary(SCHEMA, Residues.of(plan.layout, list(values.values())), plan.variances)
    assert "in two ways" in str(unlikely(forged))


def test_the_noise_of_a_charter_is_what_its_epsilon_asks_for_and_must_fit():
    noise = Noise.of(Fraction(1, 2), exponent=6, rows=2)
    assert 0.49 < epsilon(noise.plan(SCHEMA).rho, Fraction(1, 10**6)) <= 0.5
    assert noise.plan(SCHEMA).rows == 2
    narrow = Schema([Feature("x", min="0", max="30000", resolution="1")], row_bound=10)
    with pytest.raises(OverflowRefusedError, match="does not fit"):
        Noise(1, rows=2**20).plan(narrow, 1)
