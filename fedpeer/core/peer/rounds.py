"""Rounds of the secure sum: called by whoever is first, entered by all who hear of them, followed until they are over.

1. The round of a pulse follows from the charter and the second in which the pulse is due, so whoever calls it, it is
   the same one. An operator who wants a sum now calls the next attempt. Seconds grow whatever becomes of the schedule.
2. Whatever speaks against a round is found before it: too few members, rows that could overflow the sum, the contract,
   a release rule. Then nothing of ours goes into it, and the operator reads why.
3. A round's secrets are drawn for it and live in the session. A later round takes the place of an earlier one.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from fedpeer.core.contract.admit import Refused
from fedpeer.core.envelope.messages import ATTEMPTS, Call, Round, Talk
from fedpeer.core.errors import RemoteError
from fedpeer.core.federation.secure.contribution import Contribution
from fedpeer.core.federation.secure.contributor import Own
from fedpeer.core.federation.secure.opened import terms_of
from fedpeer.core.identity import PeerId
from fedpeer.core.peer import collecting, contributing
from fedpeer.core.peer.ongoing import Brought, Ongoing
from fedpeer.core.peer.outcome import Outcome, allowed, kept_back, refused
from fedpeer.core.peer.turn import Turn
from fedpeer.core.privacy.protect import Withheld
from fedpeer.core.pulse.outbound import hidden
from fedpeer.core.statistics.summary import Summary

# How far another clock may be from ours, at least.
_OFF_S = 60
# How many attempts a call may skip: those of which we did not hear. The last one there can be would end all others.
_SKIPPED = 1_000
# How long a round may take before another of its pulse takes its place.
_LASTS_S = 60.0
# How soon rows that a rule kept out of one round are put to the rules for another, so that calls do not fill the log.
_REFUSED_S = 5.0
# How often a contributor says again what was not answered.
_AGAIN_S = 2.0
_PATIENCE = 3.0

Part = Summary | tuple[Outcome, str]


def due(turn: Turn) -> tuple[Outcome, str]:
    """The pulse's own round, unless somebody has called it already."""
    which, sums = _first(turn), turn.state.sums
    if turn.state.roster.policy.noise is not None and sums.given == turn.state.local:
        return "unchanged", "nothing new since the last sum, and another would cost privacy budget"
    return _called(turn, which) if which.rank > _newest(turn) else ("unchanged", "this pulse's round was called")


def wanted(turn: Turn) -> tuple[Outcome, str]:
    """A round now, because the operator wants one."""
    first = _first(turn)
    at, attempt = divmod(max(first.rank, _newest(turn) + 1), ATTEMPTS)
    return _called(turn, replace(first, pulse=at, attempt=attempt))


def heard(turn: Turn, which: Round) -> None:
    """A member calls a round, or speaks of one that we have not heard of: enter it, if it can be one of now."""
    if _is_next(turn, which):
        enter(turn, which, asked=False)


def talked(turn: Turn, sender: PeerId, talk: Talk) -> None:
    """A word of a round."""
    heard(turn, talk.round)
    _hear(turn, sender, talk)
    _hear_ourselves(turn)


def enter(turn: Turn, which: Round, *, asked: bool) -> tuple[Outcome, str]:
    """Enter a round with what we can bring; `asked` by our operator also while the pulse is stopped."""
    terms = terms_of(turn.state.charter, which)
    turn.session(round=Ongoing(terms, turn.now), dirty=True)
    exact = part(turn, tuple(terms.signers), asked=asked)
    if not isinstance(exact, Summary):
        return exact
    brought = _veiled(turn, exact, terms.id)
    if isinstance(brought, Withheld):
        return kept_back(turn, brought)
    root = turn.draw("round")
    contribution = Contribution.begin(Own(terms, turn.state.me, brought.vector, root, brought.lean), turn.now)
    turn.session(round=Ongoing(terms, turn.now, contribution, brought, turn.state.persons, said_at=turn.now))
    contributing.say(turn, contribution.again)
    _hear_ourselves(turn)
    return "called", f"round {_name(which)} was called, and {exact.rows} rows are brought into it"


def tick(turn: Turn) -> None:
    """Go on with a round although nothing was heard."""
    _tick(turn)
    _hear_ourselves(turn)


def _tick(turn: Turn) -> None:
    ongoing = turn.state.session.round
    if ongoing is None:
        return
    if ongoing.collector is not None and not ongoing.collector.ended:
        collecting.go_on(turn)
    contribution = ongoing.contribution
    if contribution is None or ongoing.over:
        return
    if turn.now - contribution.since >= _PATIENCE * turn.state.session.habits.absent_after_s:
        contributing.turn_away(turn)
    elif turn.now - ongoing.said_at >= _AGAIN_S:
        contributing.say(turn, contribution.again)


def _hear(turn: Turn, sender: PeerId, talk: Talk) -> None:
    ongoing = turn.state.session.round
    if ongoing is None or ongoing.terms.round != talk.round:
        return
    if talk.reason:
        contributing.stopped(turn, sender, talk.reason)
    elif talk.up:
        collecting.hear(turn, sender, talk.word)
    else:
        contributing.hear(turn, talk.word)


def _hear_ourselves(turn: Turn) -> None:
    """Hear what we have said to ourselves. A fault in it undoes nothing: what was said to others is on its way."""
    while turn.own:
        try:
            _hear(turn, turn.state.me.peer, turn.own.pop(0))
        except RemoteError as error:
            turn.note("sync", "warning", f"this node's own part in a round was refused: {error}")


def _called(turn: Turn, which: Round) -> tuple[Outcome, str]:
    reason = _preflight(turn)
    if reason:
        turn.note("sync", "warning", f"no round was called: {reason}")
        return "refused", reason
    turn.say(Call(which))
    return enter(turn, which, asked=True)


def _preflight(turn: Turn) -> str:
    """Why no round can be begun, or nothing."""
    roster = turn.state.roster
    members, least = len(roster.contributing), roster.exchange.least
    if members < least:
        return f"{members} members can contribute, and the charter wants at least {least}"
    return ""


def part(turn: Turn, contributors: Sequence[PeerId], *, asked: bool) -> Part:
    """What we bring into a sum of these members, or why nothing."""
    state = turn.state
    if state.me.peer not in contributors:
        return "empty", "this node's part in the federation is not to contribute"
    if not asked and not state.settings.pulsing:
        return "empty", "this node's pulse is stopped"
    if not state.batches:
        # Taking all rows out is always possible: what was brought before is replaced by nothing.
        return Summary.zero(state.roster.schema) if state.sums.given else ("empty", "this node has no data yet")
    most = state.roster.schema.row_bound // len(contributors)
    if state.local.rows > most:
        reason = f"{state.local.rows} rows, and {len(contributors)} members may have {most} each, lest sums overflow"
        turn.note("sync", "error", f"not sent: {reason}")
        return "refused", reason
    return _allowed(turn)


def _allowed(turn: Turn) -> Part:
    state = turn.state
    last, past = state.sums.given, state.past
    passage = hidden(state.local, state.terms, action=state.settings.send_action, last=last, past=past)
    if isinstance(passage, Refused):
        return refused(turn, passage)
    verdict, result = passage
    allowed(turn, verdict)
    return kept_back(turn, result) if isinstance(result, Withheld) else result.summary


def _veiled(turn: Turn, exact: Summary, occasion: bytes) -> Brought | Withheld:
    """The vector that stands for our part: with its share of the noise that the charter asks for, also of no rows."""
    noise = turn.state.roster.policy.noise
    if noise is None:
        return Brought(exact, exact.residues, turn.state.roster.lineage.lean(exact).residues)
    veiled = turn.veil(occasion).over(exact, noise)
    return veiled if isinstance(veiled, Withheld) else Brought(exact, veiled.summary.residues, None, veiled.bill)


def _first(turn: Turn) -> Round:
    """The pulse's own round."""
    state, schedule = turn.state, turn.state.roster.schedule
    return Round(state.federation, state.charter.head, schedule.pulse_at(turn.now) * schedule.period_s, 0)


def _newest(turn: Turn) -> int:
    """The rank of the newest round that is known here; below it is nothing."""
    ongoing, opened = turn.state.session.round, turn.state.ledger.opened
    return max(ongoing.terms.round.rank if ongoing else -1, opened.serial if opened else -1)


def _is_next(turn: Turn, which: Round) -> bool:
    """Whether this can be a round of now, and none that is going on would be lost with it."""
    state, ongoing = turn.state, turn.state.session.round
    if state.phase != "active" or state.roster.exchange.mode != "secure" or which.charter != state.charter.head:
        return False
    newest, first = _newest(turn), replace(which, attempt=0).rank
    old = turn.now - which.pulse
    if not -_OFF_S <= old <= max(_OFF_S, 2 * state.roster.schedule.period_s) or which.rank <= newest:
        return False
    if which.rank > max(newest, first) + _SKIPPED:
        return False
    if ongoing is None or ongoing.terms.round.charter != which.charter:
        return True
    if not ongoing.running:
        last, waited = ongoing.terms.round.pulse, turn.now - ongoing.began_at
        return ongoing.contribution is not None or last != which.pulse or waited >= _REFUSED_S
    return ongoing.terms.round.pulse < which.pulse or turn.now - ongoing.began_at >= _LASTS_S


def _name(which: Round) -> str:
    return f"{which.pulse}.{which.attempt}" if which.attempt else str(which.pulse)
