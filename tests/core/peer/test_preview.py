"""A preview says what a pulse does, and does nothing."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedpeer.core.errors import StateError
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.preview import learned, preview
from fedpeer.core.privacy.disclosure import Release
from fedpeer.core.privacy.traces import Change
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema
from tests.support.simulation import Node, Simulation, refused


def rows(seed: int, count: int) -> dict[str, list[float]]:
    rng = random.Random(seed)
    return {"x": [rng.randrange(-200, 201) / 2 for _ in range(count)], "y": [rng.randrange(1001) for _ in range(count)]}


def pair(profile: str = "standard") -> tuple[Simulation, Node]:
    simulation = Simulation()
    alfa = simulation.found("alfa", profile=profile, contract="ROWS() >= 12")
    return simulation, simulation.join(alfa, "bravo")


@pytest.mark.long
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.sampled_from([0, 1, 8, 15, 30, -1, -2]), min_size=1, max_size=8),
    st.sampled_from(["relaxed", "standard"]),
)
def test_it_says_what_the_pulse_then_does(history, profile):
    simulation, bravo = pair(profile)
    for i, count in enumerate(history):
        batches = sorted(bravo.peer.batches)
        if count > 0:
            simulation.add(bravo, rows(i, count))
        elif count < 0 and batches:
            simulation.act(bravo, ev.WithdrawBatch(batches[count % len(batches)]))
        before, recorded = bravo.state, len(simulation.recorded)
        told = preview(bravo.peer, simulation.now)
        assert bravo.state is before
        outcome = simulation.act(bravo, ev.SyncNow())[0]
        assert told.outcome == outcome
        shares = [body for subject, body in simulation.recorded[recorded:] if ".now." not in subject]
        assert bool(told.sealed) is (outcome == "sent")
        assert list(told.sealed) == [len(body) for body in shares][: len(told.sealed)]
        assert told.signed == (len(bravo.peer.released.signed) if outcome == "sent" else 0)
        if outcome == "withheld":
            failed = [finding for finding in told.examined.findings if not finding.passed]
            assert failed[0].text == told.detail
        elif outcome == "sent" and bravo.peer.batches:
            assert all(finding.passed for finding in told.examined.findings)
            (note,) = [
                n
                for n in bravo.notes
                if n.data.get("serial") == bravo.peer.released.contribution.serial and "sent" in n.text
            ]
            assert note.data["membership_risk"] == told.examined.risk
        simulation.run()


def test_it_names_who_could_read_it_and_measures_the_contract():
    simulation, bravo = pair()
    simulation.add(bravo, rows(0, 11))
    told = preview(bravo.peer, simulation.now)
    assert told.readers == (simulation.nodes["alfa"].peer.me.peer,)
    assert (told.outcome, told.signed, told.sealed) == ("refused", 0, ())
    assert [verdict.passed for verdict in told.verdict.verdicts] == [False]
    assert told.detail == told.verdict.reason


def test_there_is_none_of_a_membership_that_is_over():
    simulation, bravo = pair()
    assert refused(simulation, bravo, ev.Leave()) is None
    with pytest.raises(StateError):
        preview(bravo.peer, simulation.now)


SCHEMA = Schema([Feature("x", min=0, max=99, resolution=1), Feature("a", "binary")])


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([(1, 0)], [(1, 0)], "nothing: it is the same again"),
        ([], [(7, 1)], "one row, exactly"),
        ([(7, 1)], [], "one row, exactly"),
        ([(7, 1)], [(8, 1)], "the difference between the rows that came and as many that went: of one each, both"),
        ([], [(7, 1), (8, 1)], "sums of 2 rows, no more than the 2 columns: they can be solved for"),
        ([], [(7, 1), (8, 0), (9, 0)], "sums of 3 rows, and one row exactly: where a is 1"),
        (
            [(7, 1)],
            [(8, 1), *[(9, 0)] * 5],
            "sums of 5 rows, and the difference between rows that were exchanged where a is 1",
        ),
        ([], [(7, 1), (7, 1), *[(9, 0)] * 5], "sums of 7 rows, the smallest group in which is 2 rows where a is 1"),
    ],
)
def test_it_says_what_whoever_kept_an_earlier_release_could_learn(before, after, told):
    old, new = (Release.of(collect(SCHEMA, {"x": [x for x, _ in t], "a": [a for _, a in t]})) for t in (before, after))
    assert learned(Change.between(new, old, "contribution 3")).startswith(told)
