"""An operator tightens the charter's release rules for the own node, and never loosens them."""

from __future__ import annotations

import dataclasses
import random

import pytest

from fedpeer.core.errors import ConfigError
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.preview import preview
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.privacy.plan import Noise
from tests.support.simulation import Node, Simulation


def _rows(seed: int, count: int) -> dict[str, list[float]]:
    rng = random.Random(seed)
    return {"x": [rng.randrange(-200, 201) / 2 for _ in range(count)], "y": [rng.randrange(1001) for _ in range(count)]}


def _pair(profile: str = "standard") -> tuple[Simulation, Node]:
    simulation = Simulation()
    return simulation, simulation.join(simulation.found("alfa", profile=profile), "bravo")


@pytest.mark.parametrize(
    ("tight", "says"),
    [
        (Policy("relaxed", rows=50), "40 rows, and at least 50"),
        (Policy("strict", risk=55), "at most 0.55 leaves without noise"),
    ],
)
def test_what_the_operator_asks_for_holds_in_the_pulse_and_in_the_preview(tight: Policy, says: str) -> None:
    simulation, bravo = _pair("relaxed")
    simulation.add(bravo, _rows(1, 40))
    assert preview(bravo.peer, simulation.now).outcome == "sent"
    simulation.act(bravo, ev.SetPolicy(tight))
    told = preview(bravo.peer, simulation.now)
    assert told.outcome == "withheld"
    assert says in told.detail
    assert any(not finding.passed and says in finding.text for finding in told.examined.findings)
    assert simulation.act(bravo, ev.SyncNow())[0] == "withheld"
    assert bravo.peer.released is None
    simulation.act(bravo, ev.SetPolicy(Policy("relaxed")))
    assert simulation.act(bravo, ev.SyncNow())[0] == "sent"


def test_the_charter_cannot_be_loosened() -> None:
    simulation, bravo = _pair()
    simulation.add(bravo, _rows(1, 15))
    simulation.act(bravo, ev.SetPolicy(Policy("relaxed", risk=100)))
    assert bravo.peer.terms.policy.row_floor(2) == 20
    assert simulation.act(bravo, ev.SyncNow())[0] == "withheld"


def test_what_the_configuration_asks_for_holds_beside_it() -> None:
    simulation, bravo = _pair("relaxed")
    habits = dataclasses.replace(bravo.peer.session.habits, policy=Policy("relaxed", cell=30))
    session = dataclasses.replace(bravo.peer.session, habits=habits)
    tight = dataclasses.replace(bravo.peer, session=session).terms.policy
    assert (tight.profile, tight.cell_floor) == ("relaxed", 30)
    simulation.act(bravo, ev.SetPolicy(Policy("relaxed", rows=70)))
    tight = dataclasses.replace(bravo.peer, session=session).terms.policy
    assert (tight.cell_floor, tight.row_floor(2)) == (30, 70)
    assert bravo.peer.roster.policy == Policy("relaxed")


def test_it_outlives_a_restart() -> None:
    simulation, bravo = _pair()
    simulation.act(bravo, ev.SetPolicy(Policy("strict", rows=70)))
    simulation.restart(bravo)
    assert bravo.peer.settings.policy == Policy("strict", rows=70)
    assert bravo.peer.terms.policy.highest_risk == 60


@pytest.mark.parametrize("policy", [Policy(risk=20), Policy(noise=Noise(1)), Policy(rows=-1)])
def test_what_cannot_be_kept_is_refused(policy: Policy) -> None:
    simulation, bravo = _pair()
    with pytest.raises(ConfigError):
        simulation.act(bravo, ev.SetPolicy(policy))
    assert bravo.peer.settings.policy == Policy("relaxed")
