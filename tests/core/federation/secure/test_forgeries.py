"""Documents and shares of every kind, forged, replayed, of strangers and doubled: none counts, and each would have."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from fedpeer.core.canonical import decode, encode
from fedpeer.core.errors import ForgedError, MismatchError, OutsiderError, RemoteError
from fedpeer.core.federation.secure import documents
from fedpeer.core.federation.secure.collector import Collector, take
from fedpeer.core.federation.secure.contribution import Contribution
from fedpeer.core.federation.secure.contributor import Concealed, Own
from fedpeer.core.federation.secure.course import Course
from fedpeer.core.federation.secure.documents import KINDS, Piece, Reveal, Said, Sealed, Word, expect, read, sign
from fedpeer.core.federation.secure.sums import Opened
from fedpeer.core.federation.secure.terms import Terms
from fedpeer.core.privacy import shares
from tests.support import rounds
from tests.support.rounds import Simulated, plain


def finished(attempt: int = 0, seed: int = 0) -> Simulated:
    simulated = Simulated(rounds.terms(4, attempt), seed)
    simulated.begin()
    simulated.run()
    return simulated


def every(simulated: Simulated) -> dict[str, bytes]:
    """One document of each kind, as it was said in a round."""
    course = course_of(simulated)
    peer = simulated.terms.collectors[1]
    said = {"advert": course.opening.document.adverts[0], "opening": course.opening.data}
    said |= {"delivery": course.delivery.data, "proposal": course.proposal.data, "result": course.result}
    gathered = {"deal": course.deals, "masked": course.vectors, "vote": course.votes, "reveal": course.reveals}
    return said | {kind: found[peer].data for kind, found in gathered.items()}


def course_of(simulated: Simulated) -> Course:
    return simulated.collectors[simulated.terms.collectors[0]].course


ROUND, OTHER = finished(), finished(attempt=1)


def test_there_is_one_of_each_kind() -> None:
    assert every(ROUND).keys() == KINDS.keys()
    assert [type(read(data, ROUND.terms).document).__name__.lower() for data in every(ROUND).values()] == [
        *every(ROUND)
    ]


def false(kind: str, how: str) -> bytes:
    """A document that is not what it seems."""
    said = decode(every(ROUND)[kind], Said)
    author, stranger = said.author, rounds.identity(99)
    another = next(peer for peer in ROUND.terms.signers if peer != author)
    match how:
        case "in another's name":
            return encode(Said(said.kind, another, said.body, said.signature))
        case "of a stranger":
            return sign(decode(said.body, KINDS[kind]), stranger)
        case "by a stranger in a member's name":
            forged = decode(sign(decode(said.body, KINDS[kind]), stranger), Said)
            return encode(Said(kind, author, forged.body, forged.signature))
        case "as another kind":
            return encode(Said(next(k for k in KINDS if k != kind), author, said.body, said.signature))
        case "of another round":
            return every(OTHER)[kind]
        case _:
            return encode(Said(kind, author, said.body[:-1] + bytes([said.body[-1] ^ 1]), said.signature))


HOW = {
    "in another's name": ForgedError,
    "of a stranger": OutsiderError,
    "by a stranger in a member's name": ForgedError,
    "as another kind": ForgedError,
    "of another round": MismatchError,
    "with one bit changed": ForgedError,
}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("kind", KINDS)
def test_no_false_document_is_read(kind: str, how: str) -> None:
    with pytest.raises(HOW[how]):
        read(false(kind, how), ROUND.terms)


@pytest.mark.parametrize("kind", KINDS)
def test_without_the_check_of_signatures_a_document_in_anothers_name_is_read(monkeypatch, kind: str) -> None:
    monkeypatch.setattr(documents, "verify", lambda *_: None)
    for how in ("in another's name", "by a stranger in a member's name"):
        assert read(false(kind, how), ROUND.terms).author in ROUND.terms.signers


@pytest.mark.parametrize("kind", KINDS)
def test_if_rounds_had_no_number_a_document_would_serve_two(monkeypatch, kind: str) -> None:
    monkeypatch.setattr(Terms, "id", bytes(32))
    one, two = rounds.terms(4, attempt=0), rounds.terms(4, attempt=1)
    identity = rounds.identity(0)
    document = decode(decode(every(ROUND)[kind], Said).body, KINDS[kind])
    form = {name: getattr(document, name) for name in document.__struct_fields__} | {"round": one.id}
    assert read(sign(KINDS[kind](**form), identity), two).author == identity.peer


UP = ("advert", "deal", "masked", "vote", "reveal")


@pytest.mark.parametrize("kind", UP)
def test_the_same_document_again_changes_nothing_and_another_of_its_kind_is_refused(kind: str) -> None:
    state, data = ROUND.collectors[ROUND.terms.collectors[0]], every(ROUND)[kind]
    after, words = take(state, Word((data,)))
    assert after == state
    assert all(to == read(data, ROUND.terms).author for to, _ in words), "its author is told the answer again"
    with pytest.raises(MismatchError, match="two different things"):
        take(state, Word((second(kind),)))
    fresh = Collector(state.terms, state.identity, 1.0, 0.0)
    assert take(fresh, Word((second(kind),)))[0] != fresh, "as the first it would have been gathered"


def second(kind: str) -> bytes:
    """What the author of a document could sign besides it."""
    heard = read(every(ROUND)[kind], ROUND.terms)
    form = {name: getattr(heard.document, name) for name in heard.document.__struct_fields__}
    return sign(type(heard.document)(**form | {"after": b"something else"}), ROUND.identities[heard.author])


def opened(reveals: dict) -> Opened:
    course = course_of(ROUND)
    return Opened(course.circle, frozenset(course.deals), course.adverts, course.deals, course.vectors, reveals)


def reveals_of(simulated: Simulated) -> dict:
    """What each contributor has revealed, also those that the collector did not wait for."""
    heard = (read(part.said[-1], simulated.terms) for part in simulated.parts.values())
    return {each.author: expect(each, Reveal) for each in heard}


def pieces(holder: str, change) -> dict:
    """The reveals of a round, in which one holder says other shares."""
    reveals = reveals_of(ROUND)
    reveal = reveals[holder]
    said = sign(Reveal(ROUND.terms.id, reveal.document.after, change(reveal.document.pieces)), ROUND.identities[holder])
    return {**reveals, holder: expect(read(said, ROUND.terms), Reveal)}


FALSE_SHARES = {
    "forged": lambda own: tuple(Piece(p.peer, bytes(shares.SIZE)) for p in own),
    "of another round": lambda own: next(
        r.document.pieces for r in reveals_of(OTHER).values() if r.document.pieces != own
    ),
    "of strangers": lambda own: tuple(Piece(rounds.identity(99).peer, p.share) for p in own),
    "exchanged": lambda own: tuple(Piece(p.peer, q.share) for p, q in zip(own, own[1:] + own[:1], strict=True)),
    "doubled, the last one false": lambda own: own + tuple(Piece(p.peer, bytes(shares.SIZE)) for p in own),
    "too short": lambda own: tuple(Piece(p.peer, p.share[:-1]) for p in own),
    "none": lambda own: (),
}


@pytest.mark.parametrize("how", FALSE_SHARES)
def test_a_false_share_is_only_left_out(monkeypatch, how: str) -> None:
    course, truth = course_of(ROUND), plain(list(ROUND.vectors.values()))
    few = list(itertools.islice(reveals_of(ROUND), course.circle.threshold))
    liar = few[0]
    told = pieces(liar, FALSE_SHARES[how])
    assert opened(told).total() == truth, "one of four who lies does not matter"
    without = {holder: told[holder] for holder in few}
    assert len(opened(without).lacking) == len(course.deals), "where it would be needed, it is not taken"
    monkeypatch.setattr(Opened, "_promised", lambda *_: True)
    if how not in {"none", "of strangers"}:
        with pytest.raises(RemoteError):
            opened(without).total()


def test_shares_of_who_is_no_holder_are_not_looked_at() -> None:
    course = course_of(ROUND)
    first, *others = reveals_of(ROUND).values()
    outsider = replace(first, author=rounds.identity(99).peer)
    reveals = {each.author: each for each in others[: course.circle.threshold - 1]}
    assert len(opened({**reveals, outsider.author: outsider}).lacking) == len(course.deals)


def test_sealed_shares_of_another_dealer_round_or_holder_are_refused() -> None:
    course, terms = course_of(ROUND), ROUND.terms
    me, dealer, another = list(terms.signers)[:3]
    state = ROUND_BEFORE[me]
    sealed = {each.dealer: each.data for each in course.delivered(me).sealed}
    wrong = {
        "another dealer's": sealed[another],
        "another holder's": {e.dealer: e.data for e in course.delivered(another).sealed}[dealer],
        "another round's": {e.dealer: e.data for e in course_of(OTHER).delivered(me).sealed}[dealer],
        "one bit": bytes([sealed[dealer][0] ^ 1]) + sealed[dealer][1:],
    }
    for data in wrong.values():
        with pytest.raises(MismatchError, match="did not seal for us"):
            state.hear(Word((course.delivery.data,), sealed=(Sealed(dealer, data),)), 0.0)
    good = Word((course.delivery.data,), sealed=(Sealed(dealer, sealed[dealer]),))
    assert isinstance(state.hear(good, 0.0)[0].state, Concealed)


def before_delivery() -> dict[str, Contribution]:
    """The contributors of `ROUND` as they were when each had dealt."""
    fresh = Simulated(ROUND.terms)
    fresh.begin()
    opening = course_of(ROUND).opening
    return {peer: part.hear(Word((opening.data,)), 0.0)[0] for peer, part in fresh.parts.items()}


ROUND_BEFORE = before_delivery()


# Both shares of a peer


def asked_twice(part: Contribution, first: Word, then: Word, votes: tuple[bytes, ...]) -> None:
    """What a collector that wants both shares says to one holder."""
    part = part.hear(first, 0.0)[0]
    part = part.hear(Word(first.documents, votes=votes), 0.0)[0]
    for word in (then, Word(then.documents, votes=votes), Word(first.documents, votes=votes)):
        with pytest.raises(MismatchError):
            part.hear(word, 0.0)


def test_who_has_said_one_share_says_no_other_in_its_round() -> None:
    course, me = course_of(ROUND), list(ROUND.terms.signers)[1]
    part = ROUND_BEFORE[me].hear(course.delivered(me), 0.0)[0]
    first = Word((course.proposal.data,))
    lead = ROUND.identities[ROUND.terms.collectors[0]]
    fewer = course.proposal.document.survivors[:-1]
    then = Word((sign(documents.Proposal(ROUND.terms.id, course.delivery.digest, fewer), lead),))
    asked_twice(part, first, then, tuple(vote.data for vote in course.votes.values()))


def restarted(root: bytes, terms: Terms = ROUND.terms) -> Contribution:
    """A contributor that begins a round, with these bytes drawn for it."""
    me = list(terms.signers)[1]
    return Contribution.begin(Own(terms, rounds.identity(1), ROUND.vectors[me], root), 0.0)


def test_who_restarts_has_no_share_of_the_round_any_more_whatever_it_is_told_again() -> None:
    course, me = course_of(ROUND), list(ROUND.terms.signers)[1]
    again = restarted(b"R" * 32)
    for word in (Word((course.opening.data,)), course.delivered(me), Word((course.proposal.data,)), course.agreed(me)):
        with pytest.raises(MismatchError):
            again.hear(word, 0.0)


def test_if_a_rounds_secrets_outlived_a_restart_both_shares_would_be_said() -> None:
    course, me = course_of(ROUND), list(ROUND.terms.signers)[1]
    lead = ROUND.identities[ROUND.terms.collectors[0]]
    every_one = course.proposal.document.survivors
    fewer, victim = every_one[:-1], every_one[-1].peer
    said = []
    for survivors in (every_one, fewer):
        part = ROUND_BEFORE[me].hear(course.delivered(me), 0.0)[0]  # the state of before, as from a disk
        proposal = sign(documents.Proposal(ROUND.terms.id, course.delivery.digest, survivors), lead)
        after = read(proposal, ROUND.terms).digest
        votes = tuple(sign(documents.Vote(ROUND.terms.id, after), each) for each in ROUND.identities.values())
        part = part.hear(Word((proposal,)), 0.0)[0].hear(Word((proposal,), votes=votes), 0.0)[0]
        reveal = expect(read(part.said[-1], ROUND.terms), Reveal).document
        said.append(next(piece.share for piece in reveal.pieces if piece.peer == victim))
    held = ROUND_BEFORE[me].hear(course.delivered(me), 0.0)[0].state.held[victim]
    assert said == [held.seed, held.key]


def test_a_share_of_one_attempt_says_nothing_of_another() -> None:
    """The same 32 bytes, were they ever drawn again, give other seeds, keys and shares in every other attempt."""
    vector = ROUND.vectors[rounds.identity(1).peer]
    owns = [Own(rounds.terms(4, attempt), rounds.identity(1), vector, b"r" * 32) for attempt in (0, 1)]
    for purpose in ("seed", "mask key", "share key", "seed shares", "mask key shares"):
        assert owns[0].secret(purpose) != owns[1].secret(purpose)
