"""What follows from charter and round alone: who is enough, who collects, whose masks meet."""

import random

import pytest

from fedpeer.core.envelope.messages import Round
from fedpeer.core.errors import MismatchError
from fedpeer.core.federation.secure import terms as room
from fedpeer.core.federation.secure.terms import Terms
from fedpeer.core.identity import PeerId
from tests.support import rounds
from tests.support.rounds import Simulated, plain


def of(count: int, attempt: int = 0) -> Terms:
    """Terms of members that need no keys."""
    signers = {PeerId(f"peer{i:022d}"): b"" for i in range(count)}
    return Terms(Round("f" * 26, bytes(32), 7, attempt), signers, rounds.LAYOUT)


def test_in_a_large_circle_everyone_has_a_hundred_neighbours_that_are_drawn_for_the_round() -> None:
    small, large, again = (of(count, attempt) for count, attempt in ((200, 0), (301, 0), (301, 1)))
    peers = tuple(large.signers)
    circle = large.circle(peers)
    for peer in peers[::50]:
        neighbours = circle.neighbours(peer)
        assert len(set(neighbours)) == 100
        assert peer not in neighbours
        assert all(peer in circle.neighbours(other) for other in neighbours)
        assert circle.holders(peer) == tuple(p for p in peers if p in {*neighbours, peer})
        assert neighbours != again.circle(peers).neighbours(peer)
    assert circle.threshold == 68
    assert small.circle(tuple(small.signers)).threshold == 134
    assert len(small.circle(tuple(small.signers)).neighbours(peers[0])) == 199


def test_enough_is_more_than_two_thirds_and_never_fewer_than_three() -> None:
    assert [of(count).enough for count in (3, 4, 5, 6, 10, 300)] == [3, 3, 4, 5, 7, 201]


def test_another_round_has_another_collector_and_all_take_their_turn() -> None:
    firsts = {of(6, attempt).collectors[0] for attempt in range(100)}
    assert firsts == set(of(6).signers)


def test_a_circle_is_of_enough_members_each_once_and_in_order() -> None:
    terms = of(5)
    a, b, c, d, e = terms.signers
    assert terms.circle((a, b, c, e)).peers == (a, b, c, e)
    for wrong in ((b, a, c, d), (a, a, b, c, d), (a, b, c, PeerId("x" * 26)), (a, b, c)):
        with pytest.raises(MismatchError):
            terms.circle(wrong)


@pytest.mark.parametrize("seed", range(6))
def test_a_round_with_few_neighbours_opens_the_plain_sum_or_nothing(monkeypatch, seed: int) -> None:
    monkeypatch.setattr(room, "COMPLETE", 5)
    monkeypatch.setattr(room, "DEGREE", 4)
    simulated, rng = Simulated(rounds.terms(9, seed), seed), random.Random(seed)
    dies, after = rng.choice(sorted(simulated.terms.signers)), rng.randrange(20, 120)
    steps = 0

    def hook(s: Simulated) -> None:
        nonlocal steps
        steps += 1
        if seed and steps == after:
            s.absent.add(dies)

    simulated.begin()
    simulated.run(hook=hook)
    for total in simulated.totals:
        (survivors,) = set(simulated.survivors)
        assert total == plain([simulated.vectors[peer] for peer in survivors])
    assert seed or len(simulated.totals) == 9
