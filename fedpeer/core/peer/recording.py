"""Contributions into the ledger: what is newer than what is there, and what people should know of it."""

from __future__ import annotations

from fedpeer.core.envelope.contributions import origin_of
from fedpeer.core.errors import MismatchError
from fedpeer.core.federation.ledger import Held
from fedpeer.core.identity import PeerId
from fedpeer.core.peer.outcome import left_out
from fedpeer.core.peer.sharing import remember
from fedpeer.core.peer.turn import Turn
from fedpeer.core.pulse.inbound import inbound

DOUBLED_S = 60.0


def record(turn: Turn, signed: bytes) -> None:
    """Put a contribution into the ledger, if it is newer than what is there."""
    state = turn.state
    if state.roster.exchange.summed:
        raise MismatchError("a member's contribution by itself, where only sums of several are seen")
    if state.roster.exchange.centralised and not state.is_admin and origin_of(signed) != state.me.peer:
        raise MismatchError("another member's contribution, in a federation where the admin alone receives them")
    known = state.ledger.held.get(PeerId(origin_of(signed)))
    if known is not None and known.signed == signed:
        return
    held = inbound(signed, state.federation, state.roster, action=state.settings.receive_action)
    if known is not None and known.contribution.serial == held.contribution.serial and known.digest != held.digest:
        _doubled(turn, held)
    ledger = state.ledger.record(held)
    if held.contribution.origin == state.me.peer:
        turn.pay_forgotten(signed, held.summary)
        remember(turn, held if ledger is state.ledger else known)
    if ledger is state.ledger:
        return
    turn.change(ledger=ledger)
    turn.session(dirty=True)
    if held.contribution.origin == state.me.peer:
        # Signed by us and unknown to us: our data is that of a backup. What the others last saw of us is this.
        text = f"the others hold contribution {held.contribution.serial} of this node, which it had forgotten"
        turn.note("sync", "warning", text)
    else:
        _recorded(turn, held)
        left_out(turn, state.ledger)


def _recorded(turn: Turn, held: Held) -> None:
    origin, serial = PeerId(held.contribution.origin), held.contribution.serial
    turn.count(received=1)
    through = held.contribution.through
    text = f"received contribution {serial} of {turn.name(origin)}: {held.summary.rows or 'no'} rows"
    text += f", brought from {', '.join(through)}" if through else ""
    turn.note("sync", "info", text, peer=origin, data={"serial": serial, "digest": held.summary.digest})
    failed = [v for v in held.verdict.verdicts if not v.passed]
    if failed and held.summary.rows:
        what = "counted although" if held.admitted else "left out because"
        turn.blame(origin)
        turn.note("contract", "error", f"{turn.name(origin)} is {what} {failed[0].text}", peer=origin)


def _doubled(turn: Turn, held: Held) -> None:
    """Name who signed two contributions under one serial; the ledger holds the same one of them everywhere."""
    origin, serial = PeerId(held.contribution.origin), held.contribution.serial
    if turn.seldom(f"doubled/{origin}", DOUBLED_S):
        text = f"{turn.name(origin)} signed two different contributions {serial}: a restored backup, or a lie"
        turn.note("sync", "error", text, peer=origin, data={"serial": serial})
