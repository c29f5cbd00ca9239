"""Attacks on a round by those who take part in it. Each is shown to work where its defence is taken away."""

import random
from dataclasses import replace

import pytest

from fedpeer.core.canonical import decode, encode
from fedpeer.core.errors import ForgedError, MismatchError, OutsiderError, RemoteError
from fedpeer.core.federation.secure.audit import Transcript, audit
from fedpeer.core.federation.secure.chain import own_mask, pair_mask
from fedpeer.core.federation.secure.contribution import Contribution
from fedpeer.core.federation.secure.documents import (
    Delivery,
    Masked,
    Piece,
    Proposal,
    Reveal,
    Said,
    Survivor,
    Vote,
    Word,
    read,
    sign,
)
from fedpeer.core.federation.secure.terms import Circle
from fedpeer.core.privacy import masks, shares
from fedpeer.core.statistics.residues import Residues
from tests.support import rounds
from tests.support.flips import flipped
from tests.support.rounds import Simulated, plain


def until(kind: type, count: int = 5, **options) -> Simulated:
    """A round in which the collector is stopped before it says anything of this kind."""
    simulated = Simulated(rounds.terms(count, **options))
    simulated.begin()

    def hook(s: Simulated) -> None:
        s.wire[:] = [w for w in s.wire if not (w[3] and isinstance(read(w[2].documents[0], s.terms).document, kind))]
        if not s.wire:
            s.wire.append((s.terms.collectors[0], s.terms.collectors[0], Word(()), True))

    simulated.run(until=3.0, hook=hook)
    return simulated


def proposal(simulated: Simulated, peers) -> Word:
    """A proposal by the collector, of these survivors."""
    collector = simulated.collectors[simulated.terms.collectors[0]]
    vectors = collector.gathered[Masked]
    survivors = tuple(Survivor(p, vectors[p].digest) for p in simulated.terms.signers if p in peers)
    document = Proposal(simulated.terms.id, collector.course.delivery.digest, survivors)
    return Word((sign(document, collector.identity),))


def told(part: Contribution, word: Word) -> Contribution:
    return part.hear(word, 0.0)[0]


def voted(word: Word, votes) -> Word:
    return Word(word.documents, votes=tuple(votes))


def test_two_survivor_sets_told_to_two_halves_open_nothing() -> None:
    simulated = until(Proposal, count=6)
    peers = list(simulated.terms.signers)
    victim, halves = peers[2], (peers[:3], peers[3:])
    words = [proposal(simulated, peers), proposal(simulated, [p for p in peers if p != victim])]
    for half, word in zip(halves, words, strict=True):
        parts = {p: told(simulated.parts[p], word) for p in half}
        votes = tuple(part.said[-1] for part in parts.values())
        for part in parts.values():
            with pytest.raises(MismatchError, match="too few votes"):
                told(part, voted(word, votes))


def test_two_survivor_sets_isolate_a_peer_where_three_votes_are_enough(monkeypatch) -> None:
    monkeypatch.setattr(Circle, "threshold", property(lambda self: 3))
    test = until(Proposal, count=6)
    peers = list(test.terms.signers)
    victim = peers[2]
    seeds, keys = {}, {}
    for half, survivors, found in ((peers[:3], peers, seeds), (peers[3:], set(peers) - {victim}, keys)):
        word = proposal(test, survivors)
        parts = [told(test.parts[p], word) for p in half]
        votes = tuple(part.said[-1] for part in parts)
        for part in parts:
            reveal = read(told(part, voted(word, votes)).said[-1], test.terms)
            piece = next(p for p in reveal.document.pieces if p.peer == victim)
            found[test.terms.places[reveal.author]] = piece.share
    assert exposed(test, victim, shares.combine(seeds), shares.combine(keys)) == test.vectors[victim]


def exposed(simulated: Simulated, victim, seed: bytes, private: bytes) -> Residues:
    """The victim's vector, as whoever has both its secrets computes it."""
    terms, collector = simulated.terms, simulated.collectors[simulated.terms.collectors[0]]
    vector = Residues.from_bytes(terms.layout, collector.gathered[Masked][victim].document.vector)
    vector = vector - masks.mask(terms.layout, own_mask(terms, victim, seed))
    for peer, advert in collector.course.adverts.items():
        if peer != victim:
            pair = masks.mask(terms.layout, pair_mask(terms, (victim, masks.private(private)), (peer, advert.mask_key)))
            vector = vector - pair if terms.places[victim] < terms.places[peer] else vector + pair
    return vector


def test_a_contributor_votes_once_and_says_one_share() -> None:
    simulated = until(Proposal)
    peers = list(simulated.terms.signers)
    first, second = proposal(simulated, peers), proposal(simulated, peers[:-1])
    part = told(simulated.parts[peers[0]], first)
    with pytest.raises(MismatchError, match="before its time"):
        told(part, second)
    votes = tuple(told(simulated.parts[p], second).said[-1] for p in peers[1:])
    with pytest.raises(MismatchError):
        told(part, voted(second, votes))
    with pytest.raises(MismatchError, match="too few votes"):
        told(part, voted(first, votes))


def test_nothing_is_said_before_the_votes_are_in() -> None:
    simulated = until(Proposal)
    peers = list(simulated.terms.signers)
    word = proposal(simulated, peers)
    parts = {p: told(simulated.parts[p], word) for p in peers}
    votes = [part.said[-1] for part in parts.values()]
    part = parts[peers[0]]
    for few in (votes[:3], [votes[0]] * 5):
        with pytest.raises(MismatchError):
            told(part, voted(word, few))
    assert isinstance(read(told(part, voted(word, votes[:4])).said[-1], simulated.terms).document, Reveal)


def finished(count: int = 5) -> tuple[Simulated, Transcript]:
    simulated = Simulated(rounds.terms(count))
    simulated.begin()
    simulated.run()
    return simulated, Transcript.of(simulated.collectors[simulated.terms.collectors[0]].course)


def test_a_transcript_gives_the_sum_again() -> None:
    simulated, transcript = finished()
    assert audit(simulated.terms, transcript) == plain(list(simulated.vectors.values()))
    assert decode(encode(transcript), Transcript) == transcript


@pytest.mark.parametrize("part", ["opening", "delivery", "proposal", "result", "deals", "vectors", "votes", "reveals"])
def test_a_transcript_with_one_bit_changed_is_refused(part: str) -> None:
    simulated, transcript = finished(3)
    rng, value = random.Random(part), getattr(transcript, part)
    for _ in range(25):
        if isinstance(value, tuple):
            at = rng.randrange(len(value))
            wrong = (*value[:at], flipped(value[at], rng.randrange(8 * len(value[at]))), *value[at + 1 :])
        else:
            wrong = flipped(value, rng.randrange(8 * len(value)))
        with pytest.raises(RemoteError):
            audit(simulated.terms, replace_part(transcript, part, wrong))


def replace_part(transcript: Transcript, part: str, value) -> Transcript:
    form = {name: getattr(transcript, name) for name in transcript.__struct_fields__}
    return Transcript(**form | {part: value})


def test_a_transcript_of_a_wrong_sum_is_refused() -> None:
    simulated, transcript = finished(3)
    collector = simulated.collectors[simulated.terms.collectors[0]]
    result = read(transcript.result, simulated.terms).document
    other = replace_document(result, total=bytes(len(result.total)))
    with pytest.raises(MismatchError, match="another sum"):
        audit(simulated.terms, replace_part(transcript, "result", sign(other, collector.identity)))


def replace_document(document, **changes):
    form = {name: getattr(document, name) for name in document.__struct_fields__}
    return type(document)(**form | changes)


def test_false_shares_are_left_out() -> None:
    simulated = Simulated(rounds.terms(6))
    simulated.begin()
    liar = simulated.terms.collectors[3]

    def hook(s: Simulated) -> None:
        for i, (sender, to, word, down) in enumerate(s.wire):
            heard = None if down else read(word.documents[-1], s.terms)
            if heard and sender == liar and isinstance(heard.document, Reveal):
                pieces = tuple(Piece(p.peer, bytes(33)) for p in heard.document.pieces)
                false = sign(replace_document(heard.document, pieces=pieces), s.identities[liar])
                s.wire[i] = (sender, to, Word((false,)), down)

    simulated.run(hook=hook)
    assert set(simulated.totals) == {plain(list(simulated.vectors.values()))}


def test_documents_of_others_of_other_rounds_and_of_strangers_are_refused() -> None:
    simulated = until(Proposal, count=3)
    peers, terms = list(simulated.terms.signers), simulated.terms
    said = simulated.parts[peers[0]].said[-1]
    with pytest.raises(MismatchError, match="another round"):
        read(said, rounds.terms(3, attempt=1))
    stranger = rounds.identity(99)
    with pytest.raises(OutsiderError):
        read(sign(Vote(terms.id, bytes(32)), stranger), terms)
    forged = decode(said, Said)
    with pytest.raises(ForgedError):
        read(encode(Said(forged.kind, peers[1], forged.body, forged.signature)), terms)
    with pytest.raises(ForgedError):
        read(encode(Said("vote", forged.author, forged.body, forged.signature)), terms)


def test_a_peer_who_collects_later_decides_nothing_yet() -> None:
    simulated = until(Delivery)
    terms = simulated.terms
    course = simulated.collectors[terms.collectors[0]].course
    usurper = simulated.identities[terms.collectors[1]]
    false = Delivery(terms.id, course.opening.digest, tuple(terms.signers))
    part = simulated.parts[terms.collectors[2]]
    with pytest.raises(MismatchError, match="whose turn"):
        told(part, Word((sign(false, usurper),)))
    assert told(replace(part, rank=1), Word((sign(false, usurper),))).said[-1] != part.said[-1]
