"""Whose rows may be compared, and what is answered of them."""

from types import SimpleNamespace

import numpy as np
import pytest

from fedpeer.core.errors import PermissionRefusedError, RequestError, UnknownError
from fedpeer.core.statistics.metrics import measure
from fedpeer.core.statistics.summary import Summary
from fedpeer.node.exploring import Asked, answered, compared, whose
from tests.support import real

PARTS = {
    name: real.summarised({"x": np.arange(start, start + 20.0), "b": np.arange(20) % 2}, resolution="0.5")
    for name, start in (("me", 0), ("east", 5), ("west", 9))
}
SCHEMA = PARTS["me"].schema


def peer_with(*names, explorable=(), local=PARTS["me"]):
    """A peer that holds these members' contributions, some of whom let others explore."""
    members = {name: SimpleNamespace(card=SimpleNamespace(name=name)) for name in ("me", "east", "west")}
    held = {name: SimpleNamespace(summary=PARTS[name]) for name in names}
    heard = {name: SimpleNamespace(status=SimpleNamespace(explorable=True)) for name in explorable}
    total = sum((PARTS[name] for name in names), Summary.zero(SCHEMA))
    return SimpleNamespace(
        me=SimpleNamespace(peer="me"),
        local=local,
        ledger=SimpleNamespace(held=held, total=total, contributors=tuple(names)),
        session=SimpleNamespace(heard=heard),
        roster=SimpleNamespace(members=members, active=tuple(members)),
    )


def test_the_rest_is_everybody_else():
    peer = peer_with("me", "east", "west")
    assert compared(peer, "local", "rest") == PARTS["east"] + PARTS["west"]
    assert compared(peer, "east", "rest") == PARTS["me"] + PARTS["west"]


def test_the_rest_of_one_who_has_not_contributed_is_the_total():
    peer = peer_with("east", "west")
    assert compared(peer, "local", "rest") == peer.ledger.total


def test_a_rest_that_is_one_peer_takes_that_peers_consent():
    with pytest.raises(PermissionRefusedError, match="east does not let others explore"):
        compared(peer_with("me", "east"), "local", "rest")
    assert compared(peer_with("me", "east", explorable=["east"]), "local", "rest") == PARTS["east"]


def test_a_member_is_compared_with_its_consent_only():
    peer = peer_with("me", "east", "west", explorable=["west"])
    assert compared(peer, "local", "west") == PARTS["west"]
    assert whose(peer, "me") == PARTS["me"]
    with pytest.raises(PermissionRefusedError):
        compared(peer, "local", "east")


def test_rows_are_not_compared_with_themselves():
    peer = peer_with("me", "east", "west", explorable=["east"])
    for of, against in (("total", "rest"), ("local", "total"), ("total", "local")):
        with pytest.raises(RequestError, match="the total has everybody's rows in it"):
            compared(peer, of, against)
    for of, against in (("local", "me"), ("me", "local"), ("east", "east"), ("local", "local")):
        with pytest.raises(RequestError, match="the same rows"):
            compared(peer, of, against)


def test_there_is_no_rest_while_nobody_else_contributed():
    with pytest.raises(UnknownError, match="nobody else"):
        compared(peer_with("me"), "local", "rest")


def test_other_rows_without_a_metric_ask_for_the_difference():
    told = answered(Asked(("x",)), PARTS["me"], PARTS["east"])
    assert told == measure(PARTS["me"], "difference", ["x"], other=PARTS["east"])
    assert told["features"]["x"]["mean"] == [9.5, 14.5]


def test_options_need_a_metric_and_features_may_be_two_without_one():
    with pytest.raises(RequestError, match="options belong to a metric"):
        answered(Asked(("x",), options={"confidence": 0.9}), PARTS["me"])
    with pytest.raises(RequestError, match="name one feature, two, or none"):
        answered(Asked(("x", "b", "x")), PARTS["me"])
    assert set(answered(Asked(()), PARTS["me"])["univariate"]) == {"x", "b"}
    assert answered(Asked(("x", "b"), "t_test"), PARTS["me"]) == measure(PARTS["me"], "t_test", ["x", "b"])
