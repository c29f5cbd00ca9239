"""Rounds under a cipher: begun by the beneficiary, entered by all who hear its key, followed until they are over.

1. A contributor that has something new calls; the beneficiary draws a key and begins. A later round takes the place of
   an earlier one, whose secrets are forgotten with it. They live in the session only.
2. Whatever speaks against our part is found before anything is encrypted, and the operator reads why. What goes into a
   sum is remembered when it leaves.
3. The coordinator adds no sum whose difference from an earlier one is that of too few, and only one of each round: the
   store keeps it to that, whatever happens. The opened sum is put to the charter's rules before anybody hears of it.
"""

from __future__ import annotations

from dataclasses import replace

from fedpeer.core import canonical
from fedpeer.core.envelope.messages import Call, Round, Talk
from fedpeer.core.errors import RemoteError
from fedpeer.core.federation.sealed import beneficiary, contributor, coordinator, seat
from fedpeer.core.federation.sealed.beneficiary import Drawing, Opening
from fedpeer.core.federation.sealed.conclusion import Conclusion
from fedpeer.core.federation.sealed.contributor import Own, Part
from fedpeer.core.federation.sealed.coordinator import Adding, Summed
from fedpeer.core.federation.sealed.documents import Key, Word, digest, kind_of
from fedpeer.core.federation.sealed.opened import terms_of
from fedpeer.core.federation.sealed.seat import Early, Move
from fedpeer.core.federation.sealed.terms import lacking
from fedpeer.core.identity import PeerId
from fedpeer.core.peer import concluding, contributing, latest, rounds
from fedpeer.core.peer.effects import Compute, Pledge
from fedpeer.core.peer.events import Computed
from fedpeer.core.peer.outcome import Outcome
from fedpeer.core.peer.sitting import Sitting
from fedpeer.core.peer.turn import Turn
from fedpeer.core.statistics.residues import Residues
from fedpeer.core.statistics.summary import Summary

# How often one member is heard to call.
_CALLED_S = 1.0
# How long the coordinator waits for all, as a multiple of how long a silent member counts as there.
_PATIENCE = 6
_CLOSE = "the sum would differ from an earlier one by too few contributors"


def due(turn: Turn) -> tuple[Outcome, str]:
    """A pulse: call if there is something new here; begin, as the beneficiary, if anybody has called."""
    if _part(turn) == "beneficiary" and not (turn.state.session.sealed.called or latest.unopened(turn)):
        return "unchanged", "nobody has called for a sum since the last"
    return wanted(turn)


def wanted(turn: Turn) -> tuple[Outcome, str]:
    """The operator wants a sum now."""
    match _part(turn):
        case "beneficiary":
            return _begin(turn, latest.following(turn))
        case "coordinator":
            return "empty", "this node adds what others encrypt: the beneficiary and the contributors begin rounds"
        case _:
            return _call(turn)


def called(turn: Turn, sender: PeerId, which: Round) -> None:
    """A member has something new: begin a round, if we are the beneficiary and none is under way."""
    state = turn.state
    sitting = state.session.sealed.sitting
    if _part(turn) != "beneficiary" or not state.settings.pulsing or state.phase != "active":
        return
    if which.charter != state.charter.head:
        return
    if sitting is not None and (isinstance(sitting.state, Drawing) or _unheard(sitting, which)):
        return  # the caller has not heard yet that this one was begun
    turn.session(sealed=replace(state.session.sealed, called=True))
    if turn.seldom(f"called/{sender}", _CALLED_S):
        _begin_if_called(turn)


def talked(turn: Turn, sender: PeerId, talk: Talk) -> None:
    """A word of a round, or its end; nothing while rounds are stopped."""
    if turn.state.phase != "active":
        return
    sitting = turn.state.session.sealed.sitting
    here = sitting is not None and sitting.terms.round == talk.round
    if talk.reason:
        if sitting is not None and here and sender in (sitting.terms.beneficiary, sitting.terms.coordinator):
            _end(turn, sitting, f"{turn.name(sender)} says: {talk.reason}")
        return
    match canonical.decode(talk.word, Word | Conclusion):  # type: ignore[arg-type]
        case Conclusion():
            show(turn, talk.word)
        case Word() as word if sitting is not None and here:
            if sitting.state is not None:
                wait_s = _PATIENCE * turn.state.session.habits.absent_after_s
                _moved(turn, sitting, seat.hear(sitting.state, word, turn.now, wait_s))
        case word:
            _enter(turn, talk.round, word)


def show(turn: Turn, data: bytes) -> None:
    """The end of a round: show its sum, or that there is one, and go on with what was called for meanwhile."""
    concluding.show(turn, data)
    sealed = turn.state.session.sealed
    opened = turn.state.ledger.opened
    if sealed.sitting is not None and opened is not None and sealed.sitting.terms.round.rank <= opened.serial:
        turn.session(sealed=replace(sealed, sitting=replace(sealed.sitting, state=None)), dirty=True)
        _begin_if_called(turn)


def computed(turn: Turn, event: Computed) -> None:
    """What was asked for is computed. What belongs to a round that is over is forgotten."""
    sitting = turn.state.session.sealed.sitting
    if sitting is None or sitting.terms.id != event.round or sitting.state is None:
        return
    try:
        _moved(turn, sitting, seat.answered(sitting.state, event.answer, turn.now))
    except RemoteError as error:
        _end(turn, sitting, str(error))


def tick(turn: Turn) -> None:
    """Go on although nothing was heard; drop a round of another charter."""
    sealed = turn.state.session.sealed
    sitting = sealed.sitting
    if sitting is None or sitting.state is None:
        return
    if sitting.terms.round.charter != turn.state.charter.head:
        turn.session(sealed=replace(sealed, called=True))
        _end(turn, sitting, "the charter has changed")
        _begin_if_called(turn)
        return
    move = seat.advance(sitting.state, turn.now)
    if move.state is not sitting.state:
        _moved(turn, sitting, move)
    elif sitting.reminds(turn.now):
        turn.session(sealed=replace(sealed, sitting=replace(sitting, said_at=turn.now)))
        for peer, word in seat.reminders(sitting.state):
            turn.talk(peer, Talk(sitting.terms.round, False, canonical.encode(word)))


def _call(turn: Turn) -> tuple[Outcome, str]:
    brought = rounds.part(turn, turn.state.roster.contributing, asked=True)
    if not isinstance(brought, Summary):
        return brought
    if latest.has(turn, turn.state.roster.lineage.lean(brought).residues):
        return "unchanged", "nothing new since the last sum"
    sealed = turn.state.session.sealed
    if sealed.sitting is not None and sealed.sitting.running and turn.state.sums.given == brought:
        return "unchanged", f"{brought.rows} rows are in a round that is under way"
    turn.session(sealed=replace(sealed, willing=True), dirty=True)
    turn.say(Call(latest.following(turn)))
    return "called", f"the beneficiary is asked for a sum, into which {brought.rows} rows are to go"


def _begin(turn: Turn, which: Round) -> tuple[Outcome, str]:
    reason = lacking(turn.state.roster)
    if reason:
        turn.note("sync", "warning", f"no round was begun: {reason}")
        return "refused", reason
    terms = terms_of(turn.state.charter, which)
    turn.session(sealed=replace(turn.state.session.sealed, called=False), dirty=True)
    own = Own(terms, turn.state.me)
    _moved(turn, Sitting(terms, turn.now), Move(*beneficiary.begin(own, turn.draw("round key"))))
    return "called", f"a round of {len(terms.contributors)} contributors was begun"


def _begin_if_called(turn: Turn) -> None:
    state = turn.state
    sealed = state.session.sealed
    busy = sealed.sitting is not None and sealed.sitting.running
    if sealed.called and not busy and _part(turn) == "beneficiary" and state.settings.pulsing:
        _begin(turn, latest.following(turn))


def _enter(turn: Turn, which: Round, word: Word) -> None:
    """Take up our part in a round that we have not heard of, if it can be one of now."""
    if not latest.may_follow(turn, which):
        return
    terms = terms_of(turn.state.charter, which)
    own, part = Own(terms, turn.state.me), _part(turn)
    if part == "coordinator":
        wait_s = _PATIENCE * turn.state.session.habits.absent_after_s
        _moved(turn, Sitting(terms, turn.now), seat.hear(Early(own), word, turn.now, wait_s))
    elif part == "contributor" and kind_of(word) is Key:
        _bring(turn, own, word)


def _bring(turn: Turn, own: Own, word: Word) -> None:
    seed, zero = turn.draw("round blinding"), Residues.zero(own.terms.sum.layout)
    contributor.encrypt(own, word, Part(zero, seed))  # whose key it is, before anything else
    sealed = turn.state.session.sealed
    brought = rounds.part(turn, own.terms.contributors, asked=sealed.willing)
    sitting = Sitting(own.terms, turn.now)
    if not isinstance(brought, Summary):
        turn.session(sealed=replace(sealed, sitting=sitting))
        return
    turn.session(sealed=replace(sealed, willing=False))
    contributing.given(turn, brought, "encrypted", turn.state.persons)
    lean = turn.state.roster.lineage.lean(brought).residues
    _moved(turn, sitting, Move(*contributor.encrypt(own, word, Part(brought.residues, seed, lean))))


def _moved(turn: Turn, sitting: Sitting, move: Move) -> None:
    """Do what our part in a round comes to."""
    if isinstance(move.state, Adding) and (clash := concluding.clash(turn, coordinator.versions(move.state))):
        _refuse(turn, sitting, clash)
        return
    after = replace(sitting, state=move.state)
    turn.session(sealed=replace(turn.state.session.sealed, sitting=after), dirty=True)
    if move.reason:
        turn.note("sync", "warning", f"in a round under a cipher: {_named(turn, sitting, move.reason)}")
    if move.task is not None:
        turn.effects.append(Compute(sitting.terms.id, sitting.terms.sum, move.task))
    if move.word is not None and move.state is not None:
        _say(turn, sitting, move.state, move.word)
    if move.opened is not None and isinstance(sitting.state, Opening):
        _opened(turn, sitting, sitting.state, move.opened)


def _say(turn: Turn, sitting: Sitting, state: seat.State | Early, word: Word) -> None:
    if isinstance(state, Summed) and isinstance(sitting.state, Adding):
        concluding.remember_circle(turn, coordinator.versions(sitting.state))
        turn.effects.append(Pledge(f"round/{sitting.terms.id.hex()}", digest(word.document)))
    data = canonical.encode(word)
    for peer in seat.listeners(state):
        turn.talk(peer, Talk(sitting.terms.round, _part(turn) == "contributor", data))


def _opened(turn: Turn, sitting: Sitting, state: Opening, total: Residues) -> None:
    """Put the opened sum to the rules, keep it, and tell the others what is for them."""
    ended = beneficiary.end(state, total)
    kept, told = canonical.encode(ended.kept), canonical.encode(ended.told)
    reason = concluding.fault(turn, kept)
    if reason:
        turn.count(withheld=1)
        turn.note("contract", "error", f"the opened sum is not kept: {reason}")
        _tell(turn, sitting, Talk(sitting.terms.round, False, b"", concluding.RULED))
        return
    show(turn, kept)
    _tell(turn, sitting, Talk(sitting.terms.round, False, told))


def _refuse(turn: Turn, sitting: Sitting, reason: str) -> None:
    """The coordinator adds nothing: the sum and an earlier one would show too much."""
    turn.count(withheld=1)
    turn.note("contract", "warning", f"nothing is added: {reason}")
    _end(turn, sitting, "")
    _tell(turn, sitting, Talk(sitting.terms.round, False, b"", _CLOSE))


def _tell(turn: Turn, sitting: Sitting, talk: Talk) -> None:
    for peer in sitting.terms.signers:
        if peer != turn.state.me.peer and turn.state.roster.member(peer):
            turn.talk(peer, talk)


def _end(turn: Turn, sitting: Sitting, reason: str) -> None:
    turn.session(sealed=replace(turn.state.session.sealed, sitting=replace(sitting, state=None)), dirty=True)
    if reason and sitting.running:
        turn.note("sync", "warning", f"a round ended without a sum: {reason}")


def _named(turn: Turn, sitting: Sitting, text: str) -> str:
    for peer in sitting.terms.signers:
        text = text.replace(peer, turn.name(peer))
    return text


def _unheard(sitting: Sitting, which: Round) -> bool:
    return sitting.running and which.rank <= sitting.terms.round.rank


def _part(turn: Turn) -> str:
    return turn.state.roster.part(turn.state.me.peer)
