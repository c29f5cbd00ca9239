"""Rounds of the secure sum: what is opened is the plain sum of the agreed survivors, or nothing is opened."""

import random

import pytest

from fedpeer.core.federation.secure.audit import Transcript, audit
from tests.support import rounds
from tests.support.rounds import Simulated, plain


@pytest.mark.parametrize("count", [3, 4, 5, 10])
def test_the_opened_sum_is_the_plain_sum(count: int) -> None:
    simulated = Simulated(rounds.terms(count))
    simulated.begin()
    simulated.run()
    expected = plain(list(simulated.vectors.values()))
    assert [total == expected for total in simulated.totals] == [True] * count
    assert simulated.refused == []


def _fate(loss: float) -> rounds.Fate:
    def fate(rng: random.Random) -> str:
        return rng.choices(["ok", "drop", "twice", "late"], [1 - loss, loss / 3, loss / 3, loss / 3])[0]

    return fate


def _one(seed: int) -> str:
    rng = random.Random(seed)
    count = rng.choice([3, 4, 5, 6, 7, 9])
    simulated = Simulated(rounds.terms(count, seed), seed, _fate(rng.choice([0.0, 0.1, 0.4])))
    deaths = sorted(rng.randrange(40 * count) for _ in range(rng.choice([0, 0, 1, 1, 2, 3])))
    steps = 0

    def hook(s: Simulated) -> None:
        nonlocal steps
        steps += 1
        if deaths and steps > deaths[0]:
            deaths.pop(0)
            s.absent.add(rng.choice(sorted(s.terms.signers)))

    simulated.begin()
    simulated.run(hook=hook)
    for total in simulated.totals:
        (survivors,) = set(simulated.survivors)
        assert total == plain([simulated.vectors[peer] for peer in survivors])
    for collector in simulated.collectors.values():
        if collector.phase == "opened":
            assert audit(simulated.terms, Transcript.of(collector.course)) in simulated.totals
    return "opened" if simulated.totals else "unopened"


@pytest.mark.long
def test_rounds_under_loss_and_death_open_the_plain_sum_or_nothing() -> None:
    outcomes = [_one(seed) for seed in range(100)]
    assert outcomes.count("opened") > 80


def test_a_collector_that_takes_over_opens_the_sum_without_the_deal_of_a_dead_dealer() -> None:
    assert _one(1678) == "opened"  # the first collector heard a dealer that died before the second could


@pytest.mark.soak
def test_a_thousand_rounds_open_the_plain_sum_or_nothing() -> None:
    outcomes = [_one(1000 + seed) for seed in range(1000)]
    assert outcomes.count("opened") > 800
