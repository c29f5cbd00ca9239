"""What all but two contributors and the collector know together, put to use: with the masks off it is everything."""

from __future__ import annotations

import random
from functools import cached_property

import pytest

from fedpeer.core.federation.secure import contributor
from fedpeer.core.federation.secure.chain import own_mask, pair_mask
from fedpeer.core.federation.secure.collector import advance, take
from fedpeer.core.federation.secure.contributor import Dealt, Own, Shares
from fedpeer.core.federation.secure.documents import Advert, Delivery, Masked, Opening, Reveal, Word, expect, read, sign
from fedpeer.core.federation.secure.terms import Terms
from fedpeer.core.identity import PeerId
from fedpeer.core.privacy import masks, shares
from fedpeer.core.statistics.residues import Block, Residues
from tests.support import rounds
from tests.support.rounds import Simulated, plain

LAYOUT = (Block("entries", 2, 1),)
SUM = Residues.of(LAYOUT, [[2**61, 12]])
INPUTS = [Residues.of(LAYOUT, [[value, 5]]) for value in (0, 2**56)]


class Game:
    """Two honest peers, one of whose inputs is one of two; the others, and the collector, want to know which.

    The sum is the same in both cases, for it is what a round tells. The honest peers' words are made by the contributor
    that everybody runs. The others know every secret of theirs, and the honest peers' seeds, which a round reveals.
    """

    def __init__(self, trial: int, truth: int) -> None:
        rng = random.Random(trial)
        self.truth = truth
        self.terms = Terms(rounds.terms(5, trial).round, rounds.terms(5).signers, LAYOUT)
        mine, theirs = INPUTS[self.truth], SUM - INPUTS[self.truth]
        inputs = [mine, theirs, *[Residues.zero(LAYOUT)] * 3]
        self.owns = [Own(self.terms, rounds.identity(i), each, rng.randbytes(32)) for i, each in enumerate(inputs)]

    @cached_property
    def adverts(self) -> dict[PeerId, Advert]:
        """What everybody has said about keys."""
        keys = ((own, masks.public(own.mask_key)) for own in self.owns)
        return {own.me: Advert(self.terms.id, b"", key, key, b"") for own, key in keys}

    def masked(self, own: Own) -> Residues:
        """The vector that leaves a peer."""
        circle = self.terms.circle(list(self.terms.signers))
        others = {peer: self.adverts[peer] for peer in circle.peers if peer != own.me}
        opening = expect(read(sign(Opening(self.terms.id, b"", ()), own.identity), self.terms), Opening)
        dealt = Dealt(own, opening, circle, others, dict.fromkeys(others, bytes(32)), Shares(b"", b""), b"")
        delivery = sign(Delivery(self.terms.id, opening.digest, circle.peers), own.identity)
        said = contributor.conceal(dealt, expect(read(delivery, self.terms), Delivery), {}).said
        return Residues.from_bytes(LAYOUT, expect(read(said, self.terms), Masked).document.vector)

    def left(self, own: Own) -> Residues:
        """The same, when the others have taken off it all that they can make."""
        vector = self.masked(own) - masks.mask(LAYOUT, own_mask(self.terms, own.me, own.secret("seed")))
        for other in self.owns[2:]:
            key = pair_mask(self.terms, (other.me, other.mask_key), (own.me, self.adverts[own.me].mask_key))
            vector = vector - masks.mask(LAYOUT, key)
        return vector

    @property
    def guess(self) -> int:
        """The candidate that the vector is nearer to.

        Of the honest peers' vectors the others have a = x + r and b = sum - a: `r` is the mask between the two. So all
        that they know is `a` and the sum. If `r` is uniform, `a` has the same distribution for both inputs, and every
        guess is right half the time; if `r` is anything less, or is left out, the nearer input is the likelier one.
        """
        seen = self.left(self.owns[0])
        far = [int.from_bytes((seen - each).to_bytes()[:8], "little", signed=True) for each in INPUTS]
        return min((0, 1), key=lambda bit: abs(far[bit]))


def advantage(games: int) -> float:
    """How much more often a guess is of the first input when it was that one, with the same secrets in both cases."""
    return abs(sum(Game(t, 1).guess - Game(t, 0).guess for t in range(games // 2))) / (games // 2)


def test_the_others_take_off_all_but_the_mask_between_the_honest_two() -> None:
    for trial in range(20):
        game = Game(trial, trial % 2)
        assert game.left(game.owns[0]) + game.left(game.owns[1]) == SUM
        shared = pair_mask(
            game.terms, (game.owns[0].me, game.owns[0].mask_key), (game.owns[1].me, masks.public(game.owns[1].mask_key))
        )
        assert game.left(game.owns[0]) == game.owns[0].vector + masks.mask(LAYOUT, shared)


@pytest.mark.long
def test_all_but_two_and_the_collector_do_not_know_which_of_two_inputs_it_was() -> None:
    assert advantage(10_000) <= 0.01


@pytest.mark.parametrize("off", ["no masks", "one mask for all rounds"])
def test_without_masks_or_with_the_same_in_two_rounds_they_know_it(monkeypatch, off: str) -> None:
    if off == "no masks":
        bare = masks.total
        monkeypatch.setattr(masks, "total", lambda layout, vectors=(), **_: bare(layout, vectors=vectors))
        assert advantage(100) == 1
        return
    real = masks.key
    monkeypatch.setattr(masks, "key", lambda secret, purpose, *_: real(b"always" * 6, purpose))
    games = [Game(trial, trial % 2) for trial in range(100)]
    known = games[0].left(games[0].owns[0]) - games[0].owns[0].vector  # of a round whose input they know
    assert all(g.left(g.owns[0]) - known == g.owns[0].vector for g in games)


def late(victim_at: int = 2) -> tuple[Simulated, PeerId, Residues]:
    """A round that opens without a victim's vector, which comes when the set of survivors is decided."""
    test = Simulated(rounds.terms(5))
    test.begin()
    victim, held = test.terms.collectors[victim_at], []

    def hook(s: Simulated) -> None:
        for item in list(s.wire):
            sender, _, word, down = item
            if sender == victim and not down and isinstance(read(word.documents[-1], s.terms).document, Masked):
                s.wire.remove(item)
                held.append(word)
                s.absent.add(victim)
        if not s.wire:
            s.wire.append((s.terms.collectors[1], s.terms.collectors[1], Word(()), True))

    test.run(hook=hook)
    vector = expect(read(held[0].documents[-1], test.terms), Masked).document.vector
    collector = test.terms.collectors[0]
    state, words = take(test.collectors[collector], held[0])
    assert advance(state, test.now)[0].course.vectors.keys() == test.collectors[collector].course.vectors.keys()
    return test, victim, Residues.from_bytes(test.terms.layout, vector)


def uncovered(test: Simulated, victim: PeerId, vector: Residues) -> Residues:
    """A late vector without the masks that can be made from its owner's key, which the others have revealed."""
    course = test.collectors[test.terms.collectors[0]].course
    pieces = {
        test.terms.places[holder]: piece.share
        for holder, reveal in course.reveals.items()
        for piece in reveal.document.pieces
        if piece.peer == victim
    }
    private = masks.private(shares.combine(dict(list(pieces.items())[: course.circle.threshold])))
    assert masks.public(private) == course.adverts[victim].mask_key
    for peer, advert in course.adverts.items():
        if peer != victim:
            mask = masks.mask(test.terms.layout, pair_mask(test.terms, (victim, private), (peer, advert.mask_key)))
            vector = vector - mask if test.terms.places[victim] < test.terms.places[peer] else vector + mask
    return vector


def test_a_vector_that_comes_too_late_is_not_in_the_sum_and_stays_masked() -> None:
    test, victim, vector = late()
    rest = [v for peer, v in test.vectors.items() if peer != victim]
    assert set(test.totals) == {plain(rest)}
    assert uncovered(test, victim, vector) != test.vectors[victim]
    course, part = test.collectors[test.terms.collectors[0]].course, test.parts[victim]
    part, _ = part.hear(Word((course.proposal.data,)), test.now)
    part, said = part.hear(course.agreed(victim), test.now)
    own = next(p.share for p in expect(read(said.documents[0], test.terms), Reveal).document.pieces if p.peer == victim)
    kept = test.parts[victim].state.dealt.kept
    assert own == kept.key != kept.seed, "who comes back says a share of its key too, and of its seed none"


def test_without_the_mask_of_its_own_a_vector_that_comes_too_late_is_read(monkeypatch) -> None:
    real = contributor.own_mask
    monkeypatch.setattr(contributor, "own_mask", lambda *args: (real(*args), bytes(32))[1])
    test, victim, vector = late()
    fixed = masks.mask(test.terms.layout, bytes(32))  # a key that everybody knows is no mask
    assert uncovered(test, victim, vector) - fixed == test.vectors[victim]
