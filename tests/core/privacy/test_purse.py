"""The purse: what is saved is what was paid, in whatever order, and nothing is ever taken out."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedpeer.core.errors import MalformedError
from fedpeer.core.privacy.budget import Charge, Noised
from fedpeer.core.privacy.purse import Bill, Declared, Purse

DECLARED = Declared("patients", Fraction(1), 6)


def bill(number: int, cost: int = 10**9) -> Bill:
    name = bytes([number] * 32)
    return Bill(Noised(name, b"bytes %d" % number), Charge(name, "one", cost, bytes([number, 1] * 16), 5))


def opened(**records: bytes) -> Purse:
    return Purse.restored(records, DECLARED)


@pytest.mark.long
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=12))
def test_what_is_stored_is_what_was_paid_however_often_the_node_starts_again(steps):
    records: dict[str, bytes] = {}
    purse, paid = opened(), set()
    for number, restarts in steps:
        after = purse.paid(bill(number))
        records |= after.changes(purse)
        purse = after
        paid.add(number)
        if restarts:
            purse = Purse.restored(records, DECLARED)
        assert {charge.release[0] for charge in purse.account.charges} == paid
        assert {noised.residues for noised in purse.kept.values()} == {b"bytes %d" % n for n in paid}
        assert purse.account.spent == 10**9 * len(paid)
    assert all(name.startswith("secret/") for name in records)
    assert purse.changes(purse) == {}


def test_another_data_set_has_an_account_of_its_own_and_none_has_none():
    records = opened().paid(bill(1)).changes(opened())
    assert Purse.restored(records, Declared("others", Fraction(1), 6)).account.spent == 0
    assert Purse.restored(records, DECLARED).account.spent == 10**9
    nothing = Purse.restored(records, None)
    assert nothing == Purse()
    assert not nothing.affords(bill(1))
    assert nothing.changes(Purse()) == {}
    with pytest.raises(ValueError, match="no account"):
        nothing.paid(bill(1))
    with pytest.raises(MalformedError, match="under the name of"):
        Purse.restored({"secret/account/others": next(iter(records.values()))}, Declared("others", Fraction(1), 6))


def test_a_bill_is_afforded_while_there_is_enough_and_once_it_was_paid():
    purse = opened()
    all_of_it = bill(1, purse.account.left)
    assert purse.affords(all_of_it)
    after = purse.paid(all_of_it)
    assert after.affords(all_of_it)
    assert not after.affords(bill(2))


def test_what_left_and_was_forgotten_is_charged_once_and_beyond_the_limit():
    purse = Purse.restored({}, Declared("patients", Fraction(1, 100), 6))
    once = purse.forgotten(b"signed", "one", 10**11, 5)
    assert (once.account.spent, once.account.left) == (10**11, 0)
    assert once.forgotten(b"signed", "one", 10**11, 9) is once
    assert Purse().forgotten(b"signed", "one", 1, 5) == Purse()
    records = once.changes(purse)
    assert Purse.restored(records, DECLARED).account.spent == 10**11
