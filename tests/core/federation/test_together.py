"""Sums that show nobody two by two, and everybody all together; against ranks that are computed as they are defined."""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter

import flint
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core.federation.circles import distinct
from fedpeer.core.federation.together import MOST, shown

TEN = [chr(ord("a") + i) for i in range(10)]
LINES = ("abc", "ade", "afg", "bdf", "beg", "cdg", "cef")


def circle(peers, versions=None) -> dict[str, bytes]:
    return {peer: (versions or {}).get(peer, b"1") for peer in peers}


FANO = [circle(TEN), *(circle(p for p in TEN if p not in line) for line in LINES)]


def test_eight_sums_without_two_that_are_near_give_seven_vectors_one_by_one() -> None:
    assert all(distinct(one, other) for one, other in itertools.combinations(FANO, 2)), "no two of them give anybody"
    rng = random.Random(1)
    vectors = {peer: rng.randrange(2**40) for peer in TEN}
    whole, *rest = (sum(vectors[peer] for peer in each) for each in FANO)
    lines = [whole - each for each in rest]
    for point in "abcdefg":
        through = sum(line for name, line in zip(LINES, lines, strict=True) if point in name)
        assert (through - sum(lines) // 3) // 2 == vectors[point]


def test_the_one_that_would_give_somebody_is_refused() -> None:
    found = [shown(new, FANO[:n]) for n, new in enumerate(FANO)]
    assert any(found)
    first = next(n for n, few in enumerate(found) if few)
    assert not +exactly(FANO[:first]), "before it nobody is shown"
    assert exactly(FANO[: first + 1])[found[first]] > 0


def exactly(circles, among=TEN) -> Counter[tuple[str, ...]]:
    """How many independent combinations each two peers have to themselves, by ranks over the rationals."""
    parts = sorted({part for each in circles for part in each.items()})

    def rank(without=()) -> int:
        kept = [(p, v) for p, v in parts if p not in without]
        rows = [[flint.fmpq(int(each.get(peer) == version)) for peer, version in kept] for each in circles]
        return flint.fmpq_mat(rows).rank() if kept and rows else 0

    return Counter({few: rank() - rank(few) for few in itertools.combinations(among, 2)})


circles = st.dictionaries(st.sampled_from(TEN[:6]), st.sampled_from([b"1", b"2"]), min_size=3)


@settings(max_examples=20, deadline=None)
@given(st.lists(circles, min_size=1, max_size=6, unique_by=lambda each: tuple(sorted(each.items()))))
def test_what_is_refused_is_what_ranks_over_the_rationals_say(history) -> None:
    *before, new = history
    near = [each for each in before if each.items() & new.items()]
    grown = exactly([*near, new], TEN[:6]) - exactly(near, TEN[:6])
    found = shown(new, before)
    assert bool(found) == bool(+grown)
    assert not found or found in grown


@settings(max_examples=20, deadline=None)
@given(circles, circles)
def test_of_two_sums_it_says_what_their_difference_says(one, other) -> None:
    if one.items() & other.items() and len(one) > 2 < len(other):
        assert bool(shown(one, [other])) >= (not distinct(one, other))


def test_the_same_sum_again_and_sums_of_other_vectors_show_nobody() -> None:
    assert shown(circle(TEN), [circle(TEN)] * 3) == ()
    news = [circle(TEN, dict.fromkeys(TEN, b"%d" % n)) for n in range(40)]
    assert all(shown(new, news[:n]) == () for n, new in enumerate(news))


def test_a_circle_that_has_shown_somebody_already_stops_nobody_else() -> None:
    bad = [circle(TEN), circle(TEN[1:])]
    assert shown(bad[1], bad[:1])
    assert shown(circle(TEN, dict.fromkeys(TEN[:5], b"2")), bad) == ()


@pytest.mark.long
def test_two_hundred_members_are_looked_at_within_seconds() -> None:
    rng = random.Random(2)
    peers = [f"{n:03}" for n in range(200)]
    versions = dict.fromkeys(peers, b"0")
    history = []
    for n in range(MOST + 3):
        versions |= dict.fromkeys(rng.sample(peers, 20), b"%d" % n)
        history.append(dict(versions))
    began = time.process_time()
    assert shown(history[-1], history[:-1]) == ()
    assert time.process_time() - began < 20
