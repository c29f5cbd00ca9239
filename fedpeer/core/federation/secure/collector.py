"""A collector's side of a round: it gathers, says what it has, and opens the sum; it cannot open anything else.

1. Each phase gathers one kind of document. It ends when all that can come have come, or when it has lasted long enough
   and enough have come; with too few the round ends, and nothing was opened.
2. A collector that takes over hears from the contributors all that they have said and heard. What an earlier collector
   decided stays decided; two different decisions end the round.
3. Whoever says something again has not heard the answer, and is told it again.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, replace

from fedpeer.core.envelope.keys import Identity
from fedpeer.core.errors import MismatchError, RemoteError
from fedpeer.core.federation.secure.chain import delivered, follows, is_deal, is_masked, opened, proposed
from fedpeer.core.federation.secure.course import Course, there
from fedpeer.core.federation.secure.documents import (
    Advert,
    Deal,
    Delivery,
    Document,
    E,
    Heard,
    Masked,
    Opening,
    Proposal,
    Result,
    Reveal,
    Survivor,
    Vote,
    Word,
    expect,
    read,
    sign,
    speak,
)
from fedpeer.core.federation.secure.sums import Opened
from fedpeer.core.federation.secure.terms import Terms
from fedpeer.core.identity import PeerId
from fedpeer.core.machine import Machine

COLLECTOR = Machine(
    "the collector",
    "gathering adverts",
    {
        ("gathering adverts", "opening"): "gathering deals",
        ("gathering deals", "delivery"): "gathering vectors",
        ("gathering vectors", "proposal"): "gathering votes",
        ("gathering votes", "agreement"): "gathering reveals",
        ("gathering reveals", "result"): "opened",
        ("gathering adverts", "failure"): "ended",
        ("gathering deals", "failure"): "ended",
        ("gathering vectors", "failure"): "ended",
        ("gathering votes", "failure"): "ended",
        ("gathering reveals", "failure"): "ended",
    },
)

Words = list[tuple[PeerId, Word]]
Gathered = Mapping[type[Document], Mapping[PeerId, Heard[Document]]]


@dataclass(frozen=True)
class Collector:
    """What was gathered, the phase and since when it lasts. `reason` says why a round ended without being opened."""

    terms: Terms
    identity: Identity = field(repr=False)
    wait_s: float
    since: float
    phase: str = COLLECTOR.first
    gathered: Gathered = field(default_factory=dict, repr=False)
    course: Course | None = field(default=None, repr=False)
    reason: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.phase in {"opened", "ended"}


def take(state: Collector, word: Word) -> tuple[Collector, Words]:
    """Gather what a contributor says. RemoteError for what no member says, and for saying two things."""
    words: Words = []
    for data in word.documents:
        heard = read(data, state.terms)
        kind, known = type(heard.document), state.gathered.get(type(heard.document), {})
        if kind in _DECISIONS:
            _check_earlier(state, heard)
        if (before := known.get(heard.author)) is None:
            state = replace(state, gathered={**state.gathered, kind: {**known, heard.author: heard}})
        elif before.digest != heard.digest:
            raise MismatchError(f"{heard.author} has said two different things as its {kind.__name__.lower()}")
        else:
            answer = state.course.answer(heard) if state.course else None
            words = [(heard.author, answer)] if answer else []
    return state, words


def advance(state: Collector, now: float) -> tuple[Collector, Words]:
    """Go on as far as what was gathered allows."""
    words: Words = []
    while not state.ended and not _early(state, now):
        try:
            after, said = _TURNS[state.phase](state, now)
        except RemoteError as error:
            # What an earlier collector decided, or a secret that was put together, is not what it should be.
            return _ended(state, str(error)), words
        if after is state:
            break
        state, words = replace(after, since=now), [*words, *said]
    return state, words


def _open(state: Collector, _: float) -> tuple[Collector, Words]:
    adverts = state.gathered.get(Advert, {})
    opening = _decision(state, Opening)
    if opening is None:
        if len(adverts) < state.terms.enough:
            return _short(state, f"{len(adverts)} want to contribute")
        said = tuple(adverts[peer].data for peer in state.terms.signers if peer in adverts)
        opening = speak(Opening(state.terms.id, b"", said), state.identity)
    course = Course(opening, *opened(state.terms, opening))
    word = Word((opening.data,))
    return _on(state, "opening", course), [(peer, word) for peer in course.circle.peers]


def _deliver(state: Collector, _: float) -> tuple[Collector, Words]:
    course = _course(state)
    deals = _fitting(state, Deal, course.opening, lambda deal: is_deal(course.circle, deal))
    delivery = _decision(state, Delivery)
    if delivery is None:
        if len(deals) < state.terms.enough:
            return _short(state, f"{len(deals)} have dealt")
        document = Delivery(state.terms.id, course.opening.digest, _ordered(state, deals))
        delivery = speak(document, state.identity)
    dealers = delivered(course.circle, delivery)
    known = {peer: deal for peer, deal in deals.items() if peer in dealers}
    course = replace(course, delivery=delivery, dealers=dealers, deals=known)
    return _on(state, "delivery", course), [(peer, course.delivered(peer)) for peer in course.deals]


def _propose(state: Collector, _: float) -> tuple[Collector, Words]:
    course = _course(state)
    delivery, dealers = there(course.delivery), course.dealers
    vectors = _fitting(state, Masked, delivery, lambda masked: is_masked(state.terms, dealers, masked))
    proposal = _decision(state, Proposal)
    if proposal is None:
        if len(vectors) < state.terms.enough:
            return _short(state, f"{len(vectors)} have sent a vector")
        survivors = tuple(Survivor(peer, vectors[PeerId(peer)].digest) for peer in _ordered(state, vectors))
        proposal = speak(Proposal(state.terms.id, delivery.digest, survivors), state.identity)
    chosen = proposed(state.terms, dealers, proposal)
    if any(peer not in vectors or vectors[peer].digest != chosen[peer] for peer in chosen):
        return _short(state, "the collector before knew vectors that this one does not")
    course = replace(course, proposal=proposal, vectors={peer: vectors[peer] for peer in chosen})
    word = Word((proposal.data,))
    return _on(state, "proposal", course), [(peer, word) for peer in dealers]


def _agree(state: Collector, _: float) -> tuple[Collector, Words]:
    course = _course(state)
    votes = _fitting(state, Vote, there(course.proposal))
    if len(votes.keys() & course.vectors.keys()) < course.circle.threshold:
        return _short(state, f"{len(votes)} have voted")
    course = replace(course, votes=votes)
    return _on(state, "agreement", course), [(peer, course.agreed(peer)) for peer in course.deals]


def _sum(state: Collector, now: float) -> tuple[Collector, Words]:
    course = _course(state)
    reveals = _fitting(state, Reveal, there(course.proposal))
    summed = Opened(course.circle, course.dealers, course.adverts, course.deals, course.vectors, reveals)
    late = now - state.since >= state.wait_s
    if not late and (not summed.answered or summed.lacking):
        return state, []
    if summed.lacking:
        return _short(state, f"of {len(summed.lacking)} contributors too few shares came back")
    total = summed.total().to_bytes()
    course = replace(course, reveals=reveals)
    document = Result(state.terms.id, there(course.proposal).digest, total, course.evidence)
    course = replace(course, result=sign(document, state.identity))
    return _on(state, "result", course), [(peer, course.concluded) for peer in state.terms.signers]


_TURNS: Mapping[str, Callable[[Collector, float], tuple[Collector, Words]]] = {
    "gathering adverts": _open,
    "gathering deals": _deliver,
    "gathering vectors": _propose,
    "gathering votes": _agree,
    "gathering reveals": _sum,
}
_GATHERED: Mapping[str, type[Document]] = dict(zip(_TURNS, (Advert, Deal, Masked, Vote, Reveal), strict=True))
_DECISIONS = (Opening, Delivery, Proposal)


def _early(state: Collector, now: float) -> bool:
    """Whether some may still say what this phase gathers; who said what does not fit has nothing else to say."""
    said = state.gathered.get(_GATHERED[state.phase], {})
    awaited = state.course.awaited if state.course else state.terms.signers
    return now - state.since < state.wait_s and any(peer not in said for peer in awaited)


def _on(state: Collector, event: str, course: Course) -> Collector:
    return replace(state, phase=COLLECTOR.step(state.phase, event), course=course)


def _short(state: Collector, what: str) -> tuple[Collector, Words]:
    return _ended(state, f"{what}; the round needs {state.terms.enough} contributors"), []


def _ended(state: Collector, reason: str) -> Collector:
    return replace(state, phase=COLLECTOR.step(state.phase, "failure"), reason=reason)


def _decision(state: Collector, kind: type[E]) -> Heard[E] | None:
    """What an earlier collector decided; MismatchError if there are two such decisions."""
    found = {heard.digest: expect(heard, kind) for heard in state.gathered.get(kind, {}).values()}
    if len(found) > 1:
        raise MismatchError(f"the round's collectors have decided two things as its {kind.__name__.lower()}")
    return next(iter(found.values()), None)


def _check_earlier(state: Collector, heard: Heard[Document]) -> None:
    order = state.terms.collectors
    if order.index(heard.author) >= order.index(state.identity.peer):
        raise MismatchError(f"a decision of {heard.author}, who collects after this node")


def _fitting(
    state: Collector, kind: type[E], before: Heard[Document], fits: Callable[[Heard[E]], bool] = lambda _: True
) -> dict[PeerId, Heard[E]]:
    """The documents of a kind that answer the one before it, and make sense."""
    heard = (expect(each, kind) for each in state.gathered.get(kind, {}).values())
    return {each.author: each for each in heard if follows(each, before) and fits(each)}


def _ordered(state: Collector, peers: Container[PeerId]) -> tuple[PeerId, ...]:
    return tuple(peer for peer in state.terms.signers if peer in peers)


def _course(state: Collector) -> Course:
    return there(state.course)
