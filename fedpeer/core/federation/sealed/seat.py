"""A member's part in one round, whichever it is: what it does with a word, an answer, and time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from fedpeer.core.errors import MismatchError
from fedpeer.core.federation.sealed import beneficiary, contributor, coordinator
from fedpeer.core.federation.sealed.beneficiary import BENEFICIARY, Drawing, Opening, Waiting
from fedpeer.core.federation.sealed.contributor import CONTRIBUTOR, Encrypting, Own, Pledged
from fedpeer.core.federation.sealed.coordinator import COORDINATOR, Adding, Gathering, Summed
from fedpeer.core.federation.sealed.documents import Added, Key, Pledge, Word, kind_of, read
from fedpeer.core.federation.sealed.work import Answer, Failed, Keys, Task, Unfit
from fedpeer.core.identity import PeerId
from fedpeer.core.machine import Machine
from fedpeer.core.statistics.residues import Residues

State: TypeAlias = Drawing | Waiting | Opening | Encrypting | Pledged | Gathering | Adding | Summed


@dataclass(frozen=True)
class Early:
    """A coordinator that has not heard the key yet, and what has come before it."""

    own: Own
    words: Mapping[PeerId, Word] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Move:
    """What became of a part: its state, what is to be computed, what to be said, and what was opened.

    A part without a state has ended; `reason` says why, if that is for people to know.
    """

    state: State | Early | None
    task: Task | None = None
    word: Word | None = None
    opened: Residues | None = field(default=None, repr=False)
    reason: str = ""


def listeners(state: State | Early | None) -> tuple[PeerId, ...]:
    """Whom what this part has said is for: all, the coordinator alone, or the beneficiary alone."""
    match state:
        case Waiting():
            me = state.own.identity.peer
            return tuple(peer for peer in state.own.terms.signers if peer != me)
        case Pledged():
            return (state.own.terms.coordinator,)
        case Summed():
            return (state.own.terms.beneficiary,)
        case _:
            return ()


def hear(state: State | Early, word: Word, now: float, wait_s: float) -> Move:
    """Hear what another part says; RemoteError, and no change, for what does not belong here."""
    kind = kind_of(word)
    match state:
        case Early() if kind is Pledge:
            heard = read(word.document, state.own.terms, Pledge)
            return Move(replace(state, words={**state.words, heard.author: word}))
        case Early() if kind is Key:
            return _begun(state, word, now, wait_s)
        case Gathering() if kind is Pledge:
            return advance(coordinator.take(state, word), now)
        case Waiting() if kind is Added:
            return _on(state, "sum", Move(*beneficiary.open_sum(state, word)))
        case Encrypting() | Pledged() | Gathering() | Adding() | Summed() if kind is Key:
            return _reminded(state, word)
        case Adding() | Summed() if kind is Pledge:
            read(word.document, state.own.terms, Pledge)
            return Move(state)  # too late: under one key there is one sum
        case Opening() if kind is Added:
            return _same(state, word)
        case _:
            raise MismatchError(f"a {kind.__name__.lower()} that is not for a part of this kind, or not now")


def answered(state: State | Early, answer: Answer, now: float) -> Move:
    """Hear what was computed."""
    match state, answer:
        case Drawing() | Encrypting() | Adding() | Opening(), Failed():
            return _on(state, "failure", Move(None, reason=answer.reason))
        case Drawing(), Keys():
            waiting = beneficiary.publish(state, answer)
            return _on(state, "key", Move(waiting, word=waiting.said))
        case Encrypting(), bytes():
            pledged = contributor.pledge(state, answer)
            return _on(state, "ciphertext", Move(pledged, word=pledged.said))
        case Adding(), bytes():
            summed = coordinator.pass_on(state, answer)
            return _on(state, "sum", Move(summed, word=summed.said))
        case Adding(), Unfit():
            gathering, unfit = coordinator.leave_out(state, answer.places)
            _on(state, "misfit", Move(gathering))
            move = advance(gathering, now)
            return replace(move, reason=f"what {', '.join(unfit)} pledged cannot be added, and is left out")
        case Opening(), Residues():
            return _on(state, "total", Move(None, opened=answer))
        case _:
            raise TypeError("a computation was answered with something else than it asks for")


def advance(state: State | Early, now: float) -> Move:
    """Go on as far as time allows."""
    ripe = coordinator.advance(state, now) if isinstance(state, Gathering) else None
    return _on(state, "enough", Move(*ripe)) if ripe else Move(state)


def reminders(state: State | Early) -> list[tuple[PeerId, Word]]:
    """What to say again to whom, while something is waited for: the round's key. Who has answered it answers again."""
    match state:
        case Waiting():
            return [(state.own.terms.coordinator, state.said)]
        case Gathering():
            word = Word(state.key.data, state.public)
            return [(peer, word) for peer in state.own.terms.contributors if peer not in {*state.gathered, *state.out}]
        case _:
            return []


def phase(state: State | Early) -> str:
    """What the table of its part calls this state."""
    return _PHASES[type(state)][1]


_PHASES: Mapping[type, tuple[Machine, str]] = {
    Drawing: (BENEFICIARY, "drawing"),
    Waiting: (BENEFICIARY, "waiting"),
    Opening: (BENEFICIARY, "opening"),
    Encrypting: (CONTRIBUTOR, "encrypting"),
    Pledged: (CONTRIBUTOR, "pledged"),
    Early: (COORDINATOR, "gathering"),
    Gathering: (COORDINATOR, "gathering"),
    Adding: (COORDINATOR, "adding"),
    Summed: (COORDINATOR, "added"),
}


def _on(state: State | Early, event: str, move: Move) -> Move:
    """The move, held to the table of its part."""
    machine, before = _PHASES[type(state)]
    after = machine.step(before, event)
    if move.state is not None and phase(move.state) != after:
        raise TypeError(f"{machine.name} is {phase(move.state)} after {event}, and its table says {after}")
    return move


def _begun(state: Early, word: Word, now: float, wait_s: float) -> Move:
    gathering = coordinator.gather(state.own, word, now, wait_s)
    refused = ""
    for author, early in state.words.items():
        try:
            gathering = coordinator.take(gathering, early)
        except MismatchError as error:
            refused = f"what {author} said before the round's key was known is left out: {error}"
    return replace(advance(gathering, now), reason=refused)


def _reminded(state: Encrypting | Pledged | Gathering | Adding | Summed, word: Word) -> Move:
    """The same key again is answered again; another one for the same round is a lie, or a beneficiary started anew."""
    if read(word.document, state.own.terms, Key).digest != state.key.digest:
        raise MismatchError("the beneficiary has said two keys for one round")
    return Move(state, word=state.said if isinstance(state, Pledged | Summed) else None)


def _same(state: Opening, word: Word) -> Move:
    if read(word.document, state.own.terms, Added).digest != state.added.digest:
        raise MismatchError("the coordinator has said two sums for one round")
    return Move(state)
