"""The ledger: whatever comes in whatever order, what is held and its total are the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core.contract.admit import RECEIVING, admit
from fedpeer.core.contract.grammar import Contract
from fedpeer.core.envelope.contributions import Contribution
from fedpeer.core.federation.ledger import Held, Ledger
from fedpeer.core.identity import PeerId
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

SCHEMA = Schema([Feature("x", min=-10, max=10, resolution=1)])
SMALL = Schema([Feature("x", min=-10, max=10, resolution=1)], row_bound=30)
CONTRACT = Contract.parse("COUNT(x) >= 3")
PEERS = [PeerId(c * 26) for c in "abcd"]


def held(peer: str, serial: int, rows: list[int], schema: Schema = SCHEMA) -> Held:
    summary = collect(schema, {"x": rows})
    contribution = Contribution("f" * 26, peer, serial, 0, 0, schema.digest, summary.to_bytes())
    return Held(
        repr((peer, serial, rows)).encode(), contribution, summary, admit(summary, CONTRACT, RECEIVING, peers=4)
    )


def contributions(schema: Schema = SCHEMA):
    rows = st.lists(st.integers(-10, 10), min_size=0, max_size=12)
    return st.lists(st.builds(held, st.sampled_from(PEERS), st.integers(1, 3), rows, st.just(schema)), max_size=12)


def ledger(of: list[Held], schema: Schema = SCHEMA) -> Ledger:
    made = Ledger.empty(schema)
    for each in of:
        made = made.record(each)
    return made


@pytest.mark.long
@settings(max_examples=60)
@given(of=contributions(), data=st.data())
def test_order_and_repetition_change_nothing(of, data):
    shuffled = data.draw(st.permutations(of + of))
    one, other = ledger(of), ledger(shuffled)
    assert one.holdings == other.holdings
    assert one.total == other.total
    assert one.contributors == other.contributors


@settings(max_examples=60)
@given(of=contributions(), gone=st.sets(st.sampled_from(PEERS)))
def test_the_total_is_the_sum_of_what_is_held_and_admitted(of, gone):
    made = ledger(of).without(gone)
    best = {
        p: max((h for h in of if h.contribution.origin == p), key=lambda h: h.rank)
        for p in PEERS
        if p not in gone and any(h.contribution.origin == p for h in of)
    }
    expected = Summary.zero(SCHEMA)
    for each in best.values():
        if each.summary.rows >= 3:
            expected = expected + each.summary
    assert made.total == expected
    assert set(made.held) == set(best)
    assert made.contributors == tuple(sorted(p for p, h in best.items() if h.summary.rows >= 3))


@pytest.mark.long
@settings(max_examples=60)
@given(of=contributions(SMALL), chosen=st.sets(st.sampled_from(PEERS)))
def test_a_subset_is_the_sum_of_its_members_as_far_as_they_count(of, chosen):
    made = ledger(of, SMALL)
    counting = {p: made.held[p].summary for p in made.contributors}
    expected = Summary.zero(SMALL)
    for peer in chosen & set(counting):
        expected = expected + counting[peer]
    assert made.subset(chosen) == expected
    assert made.subset(chosen) + made.subset(set(PEERS) - chosen) == made.total
    for peer in PEERS:
        others = set(counting) - {peer}
        assert made.subset(others) == made.without([peer]).subset(others)


def test_an_older_one_changes_nothing_at_all():
    made = ledger([held(PEERS[0], 5, [1, 2, 3])])
    assert made.record(held(PEERS[0], 4, [4, 5, 6])) is made
    assert made.record(held(PEERS[0], 5, [1, 2, 3])) is made
    assert made.serial(PEERS[0]) == 5
    assert made.serial(PEERS[1]) == 0
    assert made.rank(PEERS[1]) < held(PEERS[1], 1, []).rank


@pytest.mark.long
@given(of=contributions())
def test_putting_all_to_another_contract_counts_them_anew(of):
    made = ledger(of)
    strict = Contract.parse("COUNT(x) >= 1000")
    none = made.judged(lambda s: admit(s, strict, RECEIVING, peers=4))
    assert none.total == Summary.zero(SCHEMA)
    assert none.holdings == made.holdings
    assert none.judged(lambda s: admit(s, CONTRACT, RECEIVING, peers=4)).total == made.total


@pytest.mark.long
@settings(max_examples=80)
@given(of=contributions(SMALL), data=st.data())
def test_a_total_never_has_more_rows_than_its_schema_proves_safe(of, data):
    """The largest are left out, and who is left out depends on what is held alone."""
    made, other = ledger(of, SMALL), ledger(data.draw(st.permutations(of)), SMALL)
    assert made.total.rows <= 30
    assert (made.total, made.left_out, made.contributors) == (other.total, other.left_out, other.contributors)
    rows = {p: h.summary.rows for p, h in made.held.items()}
    assert sum(rows[p] for p in made.contributors) == made.total.rows
    if made.left_out:
        assert min(rows[p] for p in made.left_out) >= max((rows[p] for p in made.contributors), default=0)
        assert made.without(made.contributors[:1]).total.rows <= 30
    again = made.without(made.left_out)
    assert again.total == made.total
    assert again.left_out == ()


def test_a_record_that_was_allowed_to_fail_counts():
    refused = held(PEERS[0], 1, [1])
    assert not refused.admitted
    allowed = replace(refused, verdict=admit(refused.summary, CONTRACT, RECEIVING, peers=1, action="allow"))
    assert ledger([allowed]).total.rows == 1
    assert ledger([refused]).total.rows == 0


def test_holdings_say_exactly_what_is_held():
    one = held(PEERS[1], 2, [1, 2, 3])
    (holding,) = ledger([one]).holdings
    assert (holding.peer, holding.serial, holding.digest.hex()) == (PEERS[1], 2, one.summary.digest)
    with pytest.raises(AttributeError):
        holding.serial = 3
