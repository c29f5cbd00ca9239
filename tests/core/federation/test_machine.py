"""The tables of what can follow what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedpeer.core.errors import StateError
from fedpeer.core.federation.membership import INVITE, MEMBERSHIP
from fedpeer.core.machine import Machine

MACHINES = [MEMBERSHIP, INVITE]
EVENTS = sorted({event for machine in MACHINES for _, event in machine.table})


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
def test_every_state_can_be_reached_and_what_is_over_stays_over(machine: Machine):
    reached, grown = {machine.first}, True
    while grown:
        more = {after for (before, _), after in machine.table.items() if before in reached} - reached
        reached, grown = reached | more, bool(more)
    assert reached == set(machine.states)
    over = {s for s in machine.states if not any(s == before for before, _ in machine.table)}
    assert over >= ({"left", "removed", "declined"} if machine is MEMBERSHIP else {"revoked", "expired", "contested"})


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
@given(events=st.lists(st.sampled_from(EVENTS), max_size=6))
def test_a_step_is_taken_exactly_when_it_is_allowed(machine: Machine, events):
    state = machine.first
    for event in events:
        if machine.allows(state, event):
            state = machine.step(state, event)
            assert state in machine.states
        else:
            with pytest.raises(StateError, match=state):
                machine.step(state, event)


def test_nobody_comes_back_and_an_alarm_is_not_lifted():
    assert not any(after == "active" for (before, _), after in MEMBERSHIP.table.items() if before != "joining")
    assert not any(after == "open" for after in INVITE.table.values())


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
def test_the_diagram_has_every_arrow(machine: Machine):
    lines = machine.diagram().splitlines()
    assert lines[0] == "stateDiagram-v2"
    assert {f"    {b} --> {a}: {e}" for (b, e), a in machine.table.items()} <= set(lines)
    assert f"    [*] --> {machine.first}" in lines
