"""Bridges: a node that is in two federations brings the total of one into the other as its own contribution there.

1. The charter of the one whose total is brought says so, by its admin's decision; so only its admin can bridge it.
2. The total is one batch, replaced as a whole, with all federations that are in it. The node has no other rows there,
   and so no row of its own can be counted twice.
3. What would come round in a ring is not brought, and what was is taken back. Others look for that too
   (`core/pulse/inbound.py`), and for one federation that is brought by two (`core/federation/ledger.py`).
"""

from __future__ import annotations

from msgspec.structs import replace

from fedpeer.core.envelope.contributions import MOST_THROUGH
from fedpeer.core.errors import PermissionRefusedError, StateError
from fedpeer.core.federation.decisions import BridgeSet
from fedpeer.core.federation.roster import Roster
from fedpeer.core.identity import PeerId
from fedpeer.core.peer import receipts
from fedpeer.core.peer.bridge import Bridged, Inflow, SetBridge
from fedpeer.core.peer.deciding import tell_everyone
from fedpeer.core.peer.sharing import pulse
from fedpeer.core.peer.state import BRIDGE, Batch, Local, Peer
from fedpeer.core.peer.turn import Turn
from fedpeer.core.statistics.extension import embed, extends
from fedpeer.core.statistics.summary import Summary

_TOLD_S = 3_600.0


def set_bridge(turn: Turn, event: SetBridge) -> None:
    """Let the federation's total be brought into another, or no longer; everybody can read that in the charter."""
    turn.need_admin("let its total be brought into another")
    if event.on == (event.target in turn.state.roster.bridges):
        return
    turn.decide(BridgeSet(event.target, event.name, event.on))
    turn.note("charter", "info", f"the total is {'' if event.on else 'no longer '}brought into {event.name}")
    tell_everyone(turn)


def outflow(state: Peer) -> Bridged:
    """What this federation gives to another; LocalError if it is not this node's to give.

    One member's contribution by itself is nothing that a federation gives away, but for the admin's own.
    """
    roster = state.roster
    if not state.is_admin:
        admin = roster.members[roster.admin].card.name
        raise PermissionRefusedError(f"only the admin of {roster.name}, {admin}, may bring its total elsewhere")
    reason = f"its membership of {roster.name} is {state.phase}" if state.phase != "active" else _unbridgeable(roster)
    if reason:
        raise StateError(f"this node cannot bring {roster.name} into another federation: {reason}")
    counting = [state.ledger.held[p] for p in state.ledger.contributors]
    having = [held for held in counting if held.summary.rows]
    alone = len(having) == 1 and having[0].contribution.origin != state.me.peer and not having[0].contribution.through
    total = Summary.zero(roster.schema) if alone else state.ledger.total
    through = {state.federation, *(each for held in having for each in held.contribution.through)}
    return Bridged(Inflow(state.federation, roster.name, tuple(sorted(through)), roster.policy), total)


def objection(state: Peer, event: Bridged) -> str:
    """Why a federation cannot be brought into this one by this node; "" if it can."""
    inflow, roster = event.inflow, state.roster
    if inflow.source == state.federation:
        return "it is this federation itself"
    if state.federation in inflow.through:
        return f"{roster.name} is brought into {inflow.name} already, perhaps through others: rows would go in a ring"
    if len(inflow.through) > MOST_THROUGH:
        return f"there are more than {MOST_THROUGH} federations in it"
    if event.summary is not None and not extends(event.summary.schema, roster.schema):
        return "it has another schema"
    if state.inflow is not None and state.inflow.source != inflow.source:
        return f"this node brings {state.inflow.name} here, and can bring one only"
    if state.inflow is None and state.batches:
        return "this node has rows of its own here: withdraw them first, or bridge with a node that has none"
    return _unbridgeable(roster) or _brought(state, inflow)


def bridged(turn: Turn, event: Bridged) -> None:
    """Keep a federation's total as this node's rows here, in place of what it was; nothing, if it cannot be."""
    turn.need_active()
    before, source = turn.state.inflow, event.inflow.source
    known = before is not None and before.source == source
    if event.summary is None:
        if known:
            _kept(turn, event.inflow, Summary.zero(turn.state.roster.schema))
            turn.change(inflow=None)
            turn.note("data", "info", f"{event.inflow.name} is not brought into this federation any more")
            pulse(turn)
        return
    reason = objection(turn.state, event)
    if not reason:
        _kept(turn, event.inflow, embed(event.summary, turn.state.roster.schema))
        return
    if turn.seldom(f"bridge/{source}", _TOLD_S):
        turn.note("data", "error", f"{event.inflow.name} is not brought into this federation: {reason}")
    if known and BRIDGE in turn.state.batches:
        _kept(turn, event.inflow, Summary.zero(turn.state.roster.schema))
        pulse(turn)


def need_own(state: Peer) -> None:
    """StateError if this node's rows here are not its own."""
    if state.inflow is not None:
        raise StateError(
            f"this node brings the total of {state.inflow.name} into {state.roster.name}, and no rows of its own",
            hint=f"`fedpeer bridge {state.inflow.name} --off` ends that",
        )


def _kept(turn: Turn, inflow: Inflow, total: Summary) -> None:
    state = turn.state
    before = state.batches.get(BRIDGE)
    had = before.summary if before else Summary.zero(total.schema)
    if state.inflow != inflow:
        turn.change(inflow=inflow)
    if had == total:
        return
    if before is not None and total.rows < had.rows:
        receipts.taken_out(turn, before.batch, had.rows - total.rows)
    rest = {k: b for k, b in state.batches.items() if k != BRIDGE}
    if total.rows:
        batch = _batch(turn, inflow, total, before)
        rest[BRIDGE] = Local(batch, total)
    turn.change(batches=rest, local=total)
    text = f"{inflow.name} is brought into this federation: {total.rows or 'no'} rows"
    turn.note("data", "info", text, data={"through": list(inflow.through), "digest": total.digest})


def _batch(turn: Turn, inflow: Inflow, total: Summary, before: Local | None) -> Batch:
    if before is None:
        turn.change(marks=replace(turn.state.marks, added=turn.state.marks.added + 1))
    number = before.batch.number if before else turn.state.marks.added
    rows, source = total.rows, f"federation {inflow.name}"
    return Batch(BRIDGE, source, int(turn.now), rows, rows, {}, total.digest, number)


def _unbridgeable(roster: Roster) -> str:
    """Why no total is brought from such a federation, or into it."""
    if roster.exchange.summed:
        return f"in {roster.exchange.mode} mode nobody could see through which federations a sum has come"
    if roster.policy.noise is not None:
        return "noise is drawn, and paid for, by who has the rows"
    return "a total does not tell whose rows are in it, and patients are counted" if roster.schema.patient else ""


def _brought(state: Peer, inflow: Inflow) -> str:
    """Who brings some of these federations here already, before this node does."""
    if state.inflow is not None:
        return ""
    for peer, held in state.ledger.held.items():
        both = set(inflow.through) & set(held.contribution.through)
        if both and peer != state.me.peer:
            name = state.roster.members[PeerId(peer)].card.name
            return f"{name} brings federation {min(both)} here already: its rows would be counted twice"
    return ""
