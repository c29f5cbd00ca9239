"""One event in, the next state and the effects out. The whole peer goes through this door.

1. A LocalError leaves as an exception: the operator asked for something illegal and nothing was changed.
2. A RemoteError ends here: it is counted and noted, and the state is otherwise as it was. A replay is normal on a bus
   that repeats itself, and is only dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fedpeer.core.envelope import subjects
from fedpeer.core.errors import EpochError, RemoteError, ReplayError, StateError
from fedpeer.core.peer import (
    auditing,
    bridging,
    ciphering,
    deciding,
    events,
    joining,
    listening,
    proposing,
    rows,
    tending,
    visiting,
    watching,
)
from fedpeer.core.peer.bridge import Bridged, SetBridge
from fedpeer.core.peer.effects import Charged, Effect, Level, Note, Pledge, Send
from fedpeer.core.peer.events import Stamped
from fedpeer.core.peer.hearing import hear
from fedpeer.core.peer.proposals import AcceptProposal, Agree, DeclineProposal, Propose
from fedpeer.core.peer.pulsing import pulse
from fedpeer.core.peer.session import Session
from fedpeer.core.peer.state import Joining, Peer, State
from fedpeer.core.peer.turn import Turn

Handler = Callable[[Turn, Any], None]

# A flood of one kind of fault is counted in full and noted this often.
FAULTS_EVERY_S = 0.2


def _received(turn: Turn, event: events.Received) -> None:
    invite = subjects.invite_of(event.subject)
    if invite is not None and turn.state.me.peer != turn.state.roster.admin and subjects.is_welcome(event.subject):
        return  # the answer to our own request, repeated
    if invite is not None:
        joining.requested(turn, invite, event.body)
    else:
        hear(turn, event.subject, event.body)


def _pulse_due(turn: Turn, _: events.PulseDue) -> None:
    if turn.state.phase == "active" and turn.state.settings.pulsing:
        pulse(turn, asked=False)


def _sync_now(turn: Turn, _: events.SyncNow) -> None:
    turn.need_active()
    turn.session(ask=max(turn.state.session.ask + 1, int(turn.now * 1000)), dirty=True, status_at=0.0)
    turn.reply(pulse(turn, asked=True))


_HANDLERS: dict[type, Handler] = {
    events.IssueInvite: joining.issue_invite,
    events.RevokeInvite: deciding.revoke_invite,
    events.RemoveMember: deciding.remove_member,
    events.Leave: deciding.leave,
    events.SetSchedule: deciding.set_schedule,
    events.SetContract: deciding.set_contract,
    Propose: proposing.propose,
    AcceptProposal: proposing.accept,
    DeclineProposal: proposing.decline,
    Agree: proposing.agree,
    events.SetPulsing: deciding.set_pulsing,
    events.SetExplorable: deciding.set_explorable,
    events.SetPolicy: deciding.set_policy,
    SetBridge: bridging.set_bridge,
    Bridged: bridging.bridged,
    events.AddBatch: rows.add_batch,
    events.WithdrawBatch: rows.withdraw_batch,
    events.WithdrawRows: rows.withdraw_rows,
    events.AddWatch: watching.add_watch,
    events.RemoveWatch: watching.remove_watch,
    events.SawFile: watching.saw_file,
    events.AddStream: listening.add_stream,
    events.StopStream: listening.stop_stream,
    events.ForgetStream: listening.forget_stream,
    events.Flowed: listening.flowed,
    events.PulseDue: _pulse_due,
    events.SyncNow: _sync_now,
    events.AuditRound: auditing.audit_round,
    events.LookAt: visiting.look_at,
    events.Received: _received,
    events.Connected: lambda turn, _: tending.connected(turn),
    events.Computed: ciphering.computed,
    events.Tick: lambda turn, _: tending.tick(turn),
    events.Settle: lambda turn, _: tending.settle(turn),
}


def begin(stamped: Stamped, session: Session) -> tuple[State, list[Effect]]:
    """The first step of a membership: founding a federation, or redeeming an invite."""
    match stamped.event:
        case events.Found():
            return joining.found(stamped, stamped.event, session)
        case events.Join():
            return joining.join(stamped, stamped.event)
        case other:
            raise StateError(f"there is no membership yet that could {type(other).__name__}")


def step(state: State, stamped: Stamped, session: Session) -> tuple[State, list[Effect]]:
    """Every further step."""
    if isinstance(state, Joining):
        return _joining(state, stamped, session)
    turn = Turn(state, stamped.now, stamped.entropy, stamped.purse)
    try:
        _HANDLERS[type(stamped.event)](turn, stamped.event)
    except RemoteError as error:
        return _refused(turn, state, error)
    return turn.state, turn.effects


def _joining(state: Joining, stamped: Stamped, session: Session) -> tuple[State, list[Effect]]:
    event = stamped.event
    match event:
        case events.Received() if state.phase == "joining":
            try:
                return joining.answered(state, stamped, event.body, session)
            except RemoteError as error:
                return state, [Note("receive", "error", f"an answer to our request to join was refused: {error}")]
        case events.Connected():
            return joining.reconnected(state)
        case events.Tick():
            return joining.ask_to_join(state, stamped.now)
        case events.Leave():
            return joining.abandon(state)
        case events.Settle() | events.Received() | events.PulseDue():
            return state, []
        case _:
            raise StateError(f"still {state.phase} {state.invitation.federation_name}: the admin has not answered yet")


def _refused(turn: Turn, before: Peer, error: RemoteError) -> tuple[Peer, list[Effect]]:
    """Count and note a fault of theirs. Only what was asked because of it stands, with the sequence that it used up.

    So does what was paid: better too much than too little. But where a word was pledged nothing is sent, and the
    session does not know of it either: it must never leave without its pledge.
    """
    pledged = any(isinstance(e, Pledge) for e in turn.effects)
    session = before.session if pledged else turn.state.session
    after = Turn(replace(before, session=session), turn.now, b"")
    after.effects = [e for e in turn.effects if isinstance(e, Charged if pledged else Send | Charged)]
    if not isinstance(error, ReplayError):
        after.count(receive_errors=1)
        if after.seldom(f"fault/{error.code}", FAULTS_EVERY_S):
            level: Level = "warning" if isinstance(error, EpochError) else "error"
            after.note("receive", level, f"dropped a message: {error}", data={"code": error.code})
    return after.state, after.effects
