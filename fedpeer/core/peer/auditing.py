"""Looking at what a sum was opened from: asked of its collector, and checked here document by document."""

from __future__ import annotations

from fedpeer.core import canonical
from fedpeer.core.envelope.messages import Evidence, Inquiry
from fedpeer.core.errors import MismatchError, RemoteError, UnknownError
from fedpeer.core.federation.ledger import Opened
from fedpeer.core.federation.secure.audit import Transcript, audit
from fedpeer.core.federation.secure.conclusion import Concluded, Conclusion
from fedpeer.core.federation.secure.opened import read_opened, terms_of
from fedpeer.core.identity import PeerId
from fedpeer.core.peer.events import AuditRound
from fedpeer.core.peer.turn import Turn

_ANSWERED_S = 1.0


def audit_round(turn: Turn, _: AuditRound) -> None:
    """Ask for the evidence of the sum that is shown here; what comes of it is found in the session's audits."""
    turn.need_active()
    opened, concluded = _shown(turn)
    audits = {rank: found for rank, found in turn.state.session.audits.items() if rank != opened.serial}
    turn.session(audits=audits)
    which = canonical.decode(opened.data, Conclusion).round
    kept = turn.state.sums.evidence.get(canonical.ordinal(opened.serial))
    if kept is not None:
        look(turn, turn.state.me.peer, Evidence(which, kept))
    else:
        turn.tell(concluded.collector, Inquiry(which))
    turn.reply(opened.serial)


def answer(turn: Turn, sender: PeerId, asked: Inquiry) -> None:
    """Show a member what a sum that we collected was opened from, if that is still kept."""
    kept = turn.state.sums.evidence.get(canonical.ordinal(asked.round.rank))
    if kept is not None and turn.seldom(f"evidence/{sender}", _ANSWERED_S):
        turn.tell(sender, Evidence(asked.round, kept))


def look(turn: Turn, sender: PeerId, evidence: Evidence) -> None:
    """Look at the evidence of the sum that is shown here: open it again, and hold it to what was announced."""
    opened, concluded = _shown(turn)
    if evidence.round.rank != opened.serial or sender not in {concluded.collector, turn.state.me.peer}:
        raise MismatchError("evidence of another sum than the one that is shown, or of another collector")
    try:
        _check(turn, opened, concluded, evidence)
    except RemoteError as error:
        _found(turn, opened, concluded, str(error))
    else:
        _found(turn, opened, concluded, "")


def _check(turn: Turn, opened: Opened, concluded: Concluded, evidence: Evidence) -> None:
    transcript = canonical.decode(evidence.transcript, Transcript)
    if transcript.digest != concluded.transcript:
        raise MismatchError("the transcript is not the one that the result names")
    total = audit(terms_of(turn.state.charter, evidence.round), transcript)
    if total != opened.total.residues:
        raise MismatchError("the transcript opens to another sum than the one that was announced")


def _found(turn: Turn, opened: Opened, concluded: Concluded, fault: str) -> None:
    turn.session(audits={**turn.state.session.audits, opened.serial: fault})
    collector = concluded.collector
    if fault:
        turn.blame(collector)
        text = f"the evidence of the sum that {turn.name(collector)} opened does not hold: {fault}"
        turn.note("audit", "error", text, peer=collector)
    else:
        text = f"the sum of {len(opened.contributors)} members was opened again from its evidence: it is the same"
        turn.note("audit", "info", text, peer=collector, data={"transcript": concluded.transcript.hex()})


def _shown(turn: Turn) -> tuple[Opened, Concluded]:
    opened = turn.state.ledger.opened
    if turn.state.roster.exchange.ciphered:
        hint = "who pledged to a sum under a cipher is in its conclusion, which every member has checked"
        raise UnknownError("a sum under a cipher has no evidence beside its conclusion", hint=hint)
    if opened is None:
        raise UnknownError("no sum of several is shown here", hint="rounds are held in secure mode, at each pulse")
    return opened, read_opened(opened.data, turn.state.charter)[0]
