"""What arrives is checked in the order that docs/protocol/envelope.md gives, and noted only when it is whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fedpeer.core.envelope.keys import Identity
from fedpeer.core.envelope.messages import Farewell, Kind, Status
from fedpeer.core.errors import (
    EpochError,
    FedpeerError,
    ForgedError,
    MalformedError,
    MismatchError,
    OutsiderError,
    ReplayError,
)
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.hearing import hear
from fedpeer.core.peer.turn import Turn
from tests.support.attack import Wire, said
from tests.support.simulation import Node, Simulation

PAGE = Path(__file__).parents[3] / "docs" / "protocol" / "envelope.md"
THIEF = Identity.of(b"T" * 32)


@pytest.fixture(scope="module")
def lived() -> tuple[Simulation, Node, Node]:
    simulation = Simulation(3)
    alfa = simulation.found("alfa")
    bravo, gone = (simulation.join(alfa, name) for name in ("bravo", "gone"))
    simulation.act(gone, ev.Leave())
    simulation.run()
    return simulation, alfa, bravo


def _turn(simulation: Simulation, node: Node) -> Turn:
    return Turn(node.peer, simulation.now, b"e" * 32)


def _status(simulation: Simulation, node: Node, **outline: object) -> Wire:
    return said(simulation, node, Status(node.peer.standing, b"", False, 0, ()), **outline)[0]


def _damaged(wire: Wire) -> Wire:
    subject, body = wire
    return subject, body[:-1] + bytes([body[-1] ^ 1])


def _fault(turn: Turn, wire: Wire) -> type[FedpeerError] | None:
    try:
        hear(turn, *wire)
    except FedpeerError as error:
        return type(error)
    return None


def test_of_several_faults_the_first_in_the_order_of_the_page_is_told(lived):
    simulation, alfa, bravo = lived
    turn, gone = _turn(simulation, alfa), simulation.nodes["gone"]
    heard = _status(simulation, bravo)
    assert _fault(turn, heard) is None
    nonsense = said(simulation, bravo, b"nonsense", kind=Kind.STATUS)[0]
    cut = heard[0], heard[1][:-1]
    found = [
        (1, MalformedError, cut),
        (2, MismatchError, _damaged(_status(simulation, bravo, federation="x" * 26))),
        (3, ReplayError, _damaged(heard)),
        (4, OutsiderError, _damaged(_status(simulation, gone, epoch=99))),
        (5, ForgedError, _status(simulation, bravo, epoch=99, keys=THIEF)),
        (6, EpochError, _status(simulation, bravo, epoch=99)),
        (9, MalformedError, nonsense),
    ]
    told = dict(re.findall(r"^\| (\d) .*? \| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE))
    for step, fault, wire in found:
        assert _fault(turn, wire) is fault, step
        assert f"`{fault.__name__}`" in told[str(step)], step


def test_a_forged_message_does_not_use_up_the_number_of_a_genuine_one(lived):
    simulation, alfa, bravo = lived
    turn, genuine = _turn(simulation, alfa), _status(simulation, bravo)
    assert _fault(turn, _damaged(genuine)) is ForgedError
    assert _fault(turn, genuine) is None
    assert _fault(turn, genuine) is ReplayError


def test_the_pieces_of_a_message_are_noted_when_it_is_whole_and_not_before(lived):
    simulation, alfa, bravo = lived
    turn = _turn(simulation, alfa)
    first, last = said(simulation, bravo, Farewell("x" * 600_000))
    windows = turn.state.windows
    assert [_fault(turn, first), _fault(turn, first)] == [None, None]
    assert turn.state.windows == windows
    assert _fault(turn, last) is None
    assert turn.state.windows != windows
    assert [_fault(turn, first), _fault(turn, last)] == [ReplayError, ReplayError]
