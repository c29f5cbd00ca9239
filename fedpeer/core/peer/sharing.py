"""The pulse: the sum of our own rows leaves, if there is something new and every rule allows it."""

from __future__ import annotations

from fedpeer.core.contract.admit import Refused
from fedpeer.core.envelope.contributions import Contribution, contribute
from fedpeer.core.envelope.messages import Share
from fedpeer.core.federation.ledger import Held
from fedpeer.core.peer import receipts
from fedpeer.core.peer.kept import Exact
from fedpeer.core.peer.outcome import Outcome, allowed, kept_back, left_out, noted, refused
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
    last = state.told
    if state.released is not None and not state.batches:
        return _retracted(turn, last)
    veil = turn.veil() if state.terms.policy.noise else None
    action = state.settings.send_action
    passage = outbound(state.local, state.terms, action=action, last=last, past=state.past, veil=veil)
    if isinstance(passage, Refused):
        return refused(turn, passage)
    verdict, result = passage
    allowed(turn, verdict)
    match result:
        case Shareable():
            return _shared(turn, result)
        case Withheld():
            return kept_back(turn, result)


def _retracted(turn: Turn, last: Summary | None) -> tuple[Outcome, str]:
    """With no data left, what was released is taken back, whatever contract and release rules say of other sums."""
    if last is not None and not last.rows:
        receipts.forgotten(turn)
        return "unchanged", "nothing new since the last pulse"
    return _shared(turn, nothing(turn.state.roster.schema))


def share_again(turn: Turn) -> None:
    """Send the contribution that we stand by once more: the same signed bytes under a fresh seal."""
    if turn.state.released is not None:
        turn.say(Share(turn.state.released.signed))


def remember(turn: Turn, held: Held | None) -> None:
    """Keep the trace of a contribution of ours that others have had and that we do not stand by any more.

    Of one with noise it is that of the sums behind it; of one that was forgotten here nobody knows them.
    """
    if held is None:
        return
    serial, exact = held.contribution.serial, turn.state.exact
    if not held.summary.noise:
        turn.change(traces=turn.state.past.kept(serial, held.summary))
    elif exact is not None and exact.serial == serial:
        turn.change(traces=turn.state.past.kept(serial, exact.summary))


def _shared(turn: Turn, shareable: Shareable) -> tuple[Outcome, str]:
    state = turn.state
    through = state.inflow.through if state.inflow and shareable.summary.rows else ()
    if shareable.repeated and state.released is not None and state.released.contribution.through == through:
        receipts.forgotten(turn)
        return "unchanged", "nothing new since the last pulse"
    me = state.me.peer
    outline = Contribution(
        federation=state.federation,
        origin=me,
        serial=state.ledger.serial(me) + 1,
        pulse=state.roster.schedule.pulse_at(turn.now),
        made_at=int(turn.now),
        schema=state.roster.schema.digest,
        summary=b"",
        through=through,
    )
    turn.pay(shareable.bill)
    signed = contribute(shareable, state.me, outline)
    held = inbound(signed, state.federation, state.roster, action=state.settings.receive_action)
    turn.change(ledger=state.ledger.record(held))
    if state.roster.schema.patient:
        turn.change(persons=state.persons.released(outline.serial))
    remember(turn, state.released)
    turn.change(exact=Exact(outline.serial, state.local) if shareable.bill else None)
    receipts.released(turn, state.released, held)
    turn.session(dirty=True)
    left_out(turn, state.ledger)
    share_again(turn)
    turn.count(sent=1)
    data = {"serial": outline.serial, "digest": held.summary.digest, "membership_risk": shareable.risk}
    text = f"sent contribution {outline.serial}: {held.summary.rows} rows" + noted(turn, shareable.bill)
    turn.note("sync", "info", text, peer=me, data=data)
    return "sent", text
