"""The pulse: the sum of our own rows leaves, if there is something new and every rule allows it."""

from __future__ import annotations

from fedpeer.core.contract.admit import Refused
from fedpeer.core.envelope.messages import Contribution, Share, contribute
from fedpeer.core.federation.ledger import Held
from fedpeer.core.peer import receipts
from fedpeer.core.peer.outcome import Outcome, kept_back, refused
from fedpeer.core.peer.turn import Turn
from fedpeer.core.privacy.protect import Shareable, Withheld, nothing
from fedpeer.core.pulse.inbound import inbound
from fedpeer.core.pulse.outbound import outbound
from fedpeer.core.statistics.summary import Summary


def pulse(turn: Turn) -> tuple[Outcome, str]:
    """Let the sum of our rows leave, if there is something new and every rule allows it."""
    state = turn.state
    if not state.batches and state.released is None:
        return "empty", "this node has no data yet"
    turn.session(offered=(state.local, state.roster))
    last = state.released.summary if state.released else None
    if last is not None and not state.batches:
        return _retracted(turn, last)
    passage = outbound(state.local, state.terms, action=state.settings.send_action, last=last, past=state.past)
    if isinstance(passage, Refused):
        return refused(turn, passage)
    verdict, result = passage
    if verdict.failed:
        turn.count(send_contract_failures=1)
        turn.note("contract", "error", f"sent although the contract refused, as this node is set: {verdict.reason}")
    match result:
        case Shareable():
            return _shared(turn, result)
        case Withheld():
            return kept_back(turn, result)


def _retracted(turn: Turn, last: Summary) -> tuple[Outcome, str]:
    """With no data left, what was released is taken back, whatever contract and release rules say of other sums."""
    if not last.rows:
        receipts.forgotten(turn)
        return "unchanged", "nothing new since the last pulse"
    return _shared(turn, nothing(turn.state.roster.schema))


def share_again(turn: Turn) -> None:
    """Send the contribution that we stand by once more: the same signed bytes under a fresh seal."""
    if turn.state.released is not None:
        turn.say(Share(turn.state.released.signed))


def remember(turn: Turn, held: Held | None) -> None:
    """Keep the trace of a contribution of ours that others have had and that we do not stand by any more."""
    if held is not None:
        turn.change(traces=turn.state.past.kept(held.contribution.serial, held.summary))


def _shared(turn: Turn, shareable: Shareable) -> tuple[Outcome, str]:
    if shareable.repeated:
        receipts.forgotten(turn)
        return "unchanged", "nothing new since the last pulse"
    state = turn.state
    me = state.me.peer
    outline = Contribution(
        federation=state.federation,
        origin=me,
        serial=state.ledger.serial(me) + 1,
        pulse=state.roster.schedule.pulse_at(turn.now),
        made_at=int(turn.now),
        schema=state.roster.schema.digest,
        summary=b"",
    )
    signed = contribute(shareable, state.me, outline)
    held = inbound(signed, state.federation, state.roster, action=state.settings.receive_action)
    turn.change(ledger=state.ledger.record(held))
    if state.roster.schema.patient:
        turn.change(persons=state.persons.released(outline.serial))
    remember(turn, state.released)
    receipts.released(turn, state.released, held)
    turn.session(dirty=True)
    share_again(turn)
    turn.count(sent=1)
    data = {"serial": outline.serial, "digest": shareable.summary.digest, "membership_risk": shareable.risk}
    text = f"sent contribution {outline.serial}: {shareable.summary.rows} rows"
    turn.note("sync", "info", text, peer=me, data=data)
    return "sent", text
