"""Whose rows may be compared, and what is answered of them."""

from contextlib import suppress
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core.errors import PermissionRefusedError, RequestError, UnknownError
from fedpeer.core.federation.exchange import Exchange
from fedpeer.core.statistics.metrics import measure
from fedpeer.core.statistics.summary import Summary
from fedpeer.node.exploring import Asked, answered, compared, parts, prepared, whose
from tests.support import real

NAMES = ("me", "east", "west", "north", "south")
SIZES = dict(zip(NAMES, (41, 42, 44, 48, 56), strict=True))  # so that a number of rows tells whose they are
PARTS = {
    name: real.summarised({"x": np.arange(0.0, n) + n - 41, "b": np.arange(n) % 2}, resolution="0.5")
    for name, n in SIZES.items()
}
SCHEMA = PARTS["me"].schema
WHOLE = [names for size in range(6) for names in combinations(NAMES, size)]
SUBSETS = [",".join(names) for names in WHOLE[1:]]


def added(*names):
    """The sum of these parts."""
    return sum((PARTS[name] for name in names), Summary.zero(SCHEMA))


def peer_with(*names, explorable=(), local=PARTS["me"], idle=()):
    """A peer that holds these members' contributions, but for the idle all counted; some let others explore."""
    members = {
        name: SimpleNamespace(card=SimpleNamespace(name=name.replace("twin", "east"))) for name in (*NAMES, "twin")
    }
    held = {name: SimpleNamespace(summary=PARTS[name]) for name in names}
    heard = {
        name: SimpleNamespace(status=SimpleNamespace(explorable=name in explorable)) for name in (*names, *explorable)
    }
    counting = [name for name in names if name not in idle]
    return SimpleNamespace(
        me=SimpleNamespace(peer="me"),
        local=local,
        ledger=SimpleNamespace(
            held=held, total=added(*counting), contributors=tuple(sorted(counting)),
            subset=lambda chosen: added(*(name for name in counting if name in chosen)),
        ),
        session=SimpleNamespace(heard=heard),
        roster=SimpleNamespace(members=members, active=NAMES, exchange=Exchange()),
    )  # fmt: skip


def test_the_rest_is_everybody_else():
    peer = peer_with("me", "east", "west", "north", explorable=["east"])
    assert compared(peer, "local", "rest") == whose(peer, "rest") == added("east", "west", "north")
    assert compared(peer, "east", "rest") == whose(peer, "rest of east") == added("me", "west", "north")
    assert compared(peer, "local, east", "rest") == whose(peer, "rest of east,local") == added("west", "north")


def test_the_rest_of_one_who_has_not_contributed_is_the_total():
    peer = peer_with("east", "west")
    assert compared(peer, "local", "rest") == peer.ledger.total


def test_a_rest_that_is_one_peer_takes_that_peers_consent():
    with pytest.raises(PermissionRefusedError, match="east does not let others explore"):
        compared(peer_with("me", "east"), "local", "rest")
    assert compared(peer_with("me", "east", explorable=["east"]), "local", "rest") == PARTS["east"]


def test_several_members_are_named_with_commas():
    peer = peer_with(*NAMES, explorable=NAMES)
    assert whose(peer, "east,west") == whose(peer, " west , east") == added("east", "west")
    assert whose(peer, "local,east") == added("me", "east")
    assert whose(peer, "me,east,west,north,south") == peer.ledger.total
    assert compared(peer, "east,west", "north,local") == added("north", "me")
    with pytest.raises(UnknownError, match="no members are called 'nobody'"):
        whose(peer, "east,nobody")


def test_members_that_did_not_consent_are_shown_together_or_not_at_all():
    peer = peer_with(*NAMES, explorable=["east"])
    assert whose(peer, "west,north,south") == added("west", "north", "south")
    assert whose(peer, "local,west,north,south") == added("me", "west", "north", "south")
    for of, who in (("west,north", "north, west do"), ("rest of west", "north, south do"), ("east,west", "west does")):
        with pytest.raises(PermissionRefusedError, match=f"{who} not let others explore"):
            whose(peer, of)


def test_a_consent_that_would_leave_another_alone_waits_for_that_others():
    peer = peer_with("me", "east", "west", explorable=["west"])
    for of in ("west", "rest of east", "local,west"):
        with pytest.raises(PermissionRefusedError, match="the total would show east alone, which does not let others"):
            whose(peer, of)
    with pytest.raises(PermissionRefusedError, match="east does not let others"):
        whose(peer, "rest of west")
    assert whose(peer, "rest") == added("east", "west")


def _follows(vectors, wanted):
    """Whether a sum can be computed by adding and subtracting multiples of these."""
    rank = np.linalg.matrix_rank(np.array(vectors))
    return np.linalg.matrix_rank(np.array([*vectors, wanted])) == rank


@given(
    holding=st.sets(st.sampled_from(NAMES), min_size=1),
    explorable=st.sets(st.sampled_from(NAMES)),
    idle=st.sets(st.sampled_from(NAMES)),
)
@settings(max_examples=150, deadline=None)
def test_no_answers_together_give_a_peer_alone_that_did_not_consent(holding, explorable, idle):
    """Whatever is asked: every subset, every rest, on both sides of a comparison, added and subtracted at will."""
    peer = peer_with(*sorted(holding), explorable=explorable, idle=idle)
    counting = peer.ledger.contributors
    open_ = {tuple(n in counting for n in NAMES), tuple(n == "me" for n in NAMES)}
    shown = {_vector(part) for part in _parts_of(peer)}
    for text in ("rest", *SUBSETS, *(f"rest of {names}" for names in SUBSETS)):
        for ask, *whom in ((whose, text), (compared, text, "rest"), (compared, "local", text)):
            with suppress(PermissionRefusedError, RequestError, UnknownError):
                shown.add(_vector(ask(peer, *whom)))
    others = set(counting) - {"me"}
    for name in holding - {"me"} - explorable:
        alone = tuple(n == name for n in NAMES)
        assert alone not in shown
        if others != {name}:  # of a total of two, either knows the other
            assert not _follows([*open_, *shown], alone), name
    for name in explorable & others if len(others - explorable) != 1 else ():
        assert whose(peer, name) == PARTS[name]


def _vector(summary):
    """Which parts a sum is of."""
    return next(tuple(n in part for n in NAMES) for part in WHOLE if sum(SIZES[n] for n in part) == summary.rows)


def _parts_of(peer):
    try:
        found = parts(peer)
    except PermissionRefusedError:
        assert len(set(peer.ledger.contributors) - {"me"}) == 1
        return []
    assert sum(found.values(), Summary.zero(SCHEMA)) == peer.ledger.total
    return found.values()


def test_the_parts_are_members_and_one_of_all_who_did_not_consent():
    found = parts(peer_with(*NAMES, explorable=["west", "south"]))
    assert {name: part.rows for name, part in found.items()} == {"me": 41, "west": 44, "south": 56, "east, north": 90}
    assert set(parts(peer_with(*NAMES, explorable=NAMES))) == set(NAMES)
    assert set(parts(peer_with(*NAMES, explorable=["east", "west", "north"]))) == {"me", "east, north, south, west"}


def test_each_part_is_described_or_compared_with_its_rest():
    peer, asked = peer_with(*NAMES, explorable=["west"]), Asked(("x",))
    summary, work = prepared(peer, asked, "each", "")
    assert summary == peer.ledger.total
    assert work() == {"parts": {name: answered(asked, part) for name, part in parts(peer).items()}}
    told = prepared(peer, Asked(("b",), "drift"), "each", "rest")[1]()["parts"]
    assert set(told) == {"me", "west", "east, north, south"}
    assert told["west"] == measure(PARTS["west"], "drift", ["b"], other=added("me", "east", "north", "south"))
    with pytest.raises(RequestError, match="compared with its rest only"):
        prepared(peer, asked, "each", "local")
    with pytest.raises(UnknownError, match="nothing to compare it with"):
        prepared(peer_with("me"), asked, "each", "rest")
    with pytest.raises(PermissionRefusedError, match="east does not let others"):
        prepared(peer_with("me", "east"), asked, "each", "")
    summary, work = prepared(peer, asked, "local", "rest")
    assert (summary, work()) == (PARTS["me"], answered(asked, PARTS["me"], whose(peer, "rest")))


def test_what_is_not_counted_is_shown_alone_with_consent_and_in_no_sum():
    peer = peer_with("me", "east", "west", explorable=["east", "west"], idle=["east"])
    assert whose(peer, "east") == PARTS["east"]
    with pytest.raises(UnknownError, match="east,west: east is not counted in the total"):
        whose(peer, "east,west")
    with pytest.raises(UnknownError, match="north has not contributed yet"):
        whose(peer_with("me", "east", explorable=["east", "north"]), "east,north")


def test_a_member_is_compared_with_its_consent_only():
    peer = peer_with("me", "east", "west", "north", explorable=["west"])
    assert compared(peer, "local", "west") == PARTS["west"]
    assert whose(peer, "me") == PARTS["me"]
    with pytest.raises(PermissionRefusedError):
        compared(peer, "local", "east")


def test_rows_are_not_compared_with_themselves():
    peer = peer_with("me", "east", "west", explorable=["east", "west"])
    for of, against in (("total", "rest"), ("local", "total"), ("total", "local")):
        with pytest.raises(RequestError, match="the total has everybody's rows in it"):
            compared(peer, of, against)
    for of, against in (("local", "me"), ("me", "local"), ("east", "east"), ("east,me", "west,local")):
        with pytest.raises(RequestError, match="the same rows"):
            compared(peer, of, against)


def test_there_is_no_rest_while_nobody_else_contributed():
    with pytest.raises(UnknownError, match="nobody else"):
        compared(peer_with("me"), "local", "rest")


def test_other_rows_without_a_metric_ask_for_the_difference():
    told = answered(Asked(("x",)), PARTS["me"], PARTS["east"])
    assert told == measure(PARTS["me"], "difference", ["x"], other=PARTS["east"])
    assert told["features"]["x"]["mean"] == [20.0, 21.5]


def test_options_need_a_metric_and_features_may_be_two_without_one():
    with pytest.raises(RequestError, match="options belong to a metric"):
        answered(Asked(("x",), options={"confidence": 0.9}), PARTS["me"])
    with pytest.raises(RequestError, match="name one feature, two, or none"):
        answered(Asked(("x", "b", "x")), PARTS["me"])
    assert set(answered(Asked(()), PARTS["me"])["univariate"]) == {"x", "b"}
    assert answered(Asked(("x", "b"), "t_test"), PARTS["me"]) == measure(PARTS["me"], "t_test", ["x", "b"])
