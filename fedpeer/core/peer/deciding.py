"""What only the admin may do, and what each operator may set for their own node."""

from __future__ import annotations

import msgspec

from fedpeer.core.canonical import digest
from fedpeer.core.contract.grammar import Contract
from fedpeer.core.envelope.messages import CatchUp, Farewell
from fedpeer.core.errors import ConfigError, PermissionRefusedError, StateError, UnknownError
from fedpeer.core.federation.decisions import ContractSet, EpochBegun, MemberRemoved, ScheduleSet
from fedpeer.core.federation.membership import INVITE, MEMBERSHIP
from fedpeer.core.federation.schedule import Schedule
from fedpeer.core.identity import FederationId, PeerId
from fedpeer.core.peer import visiting
from fedpeer.core.peer.effects import Enforce, Reconnect
from fedpeer.core.peer.events import (
    Leave,
    RemoveMember,
    RevokeInvite,
    SetContract,
    SetExplorable,
    SetPolicy,
    SetPulsing,
    SetSchedule,
)
from fedpeer.core.peer.proposals import ended
from fedpeer.core.peer.state import Peer
from fedpeer.core.peer.turn import Turn


def set_schedule(turn: Turn, event: SetSchedule) -> None:
    """Change when pulses are due, for everyone."""
    turn.need_admin("change the schedule")
    schedule = Schedule.parse(event.schedule)
    turn.decide(ScheduleSet(schedule.text))
    turn.note("charter", "info", f"the schedule is now {schedule.text}")
    tell_everyone(turn)


def set_contract(turn: Turn, event: SetContract) -> None:
    """Change what contributions must meet, for everyone; validated before it is decided."""
    turn.need_admin("change the contract")
    Contract.parse(event.contract).validate(turn.state.roster.schema)
    turn.decide(ContractSet(event.contract))
    turn.note("charter", "info", "the contract was changed")
    tell_everyone(turn)


def remove_member(turn: Turn, event: RemoveMember) -> None:
    """Shut a member out: the roster, a new epoch and the broker, in one step."""
    turn.need_admin("remove members")
    member = turn.state.roster.member(event.peer)
    if member is None:
        raise UnknownError(f"there is no member {event.peer}")
    if member.peer == turn.state.me.peer:
        raise PermissionRefusedError("the admin cannot be removed", hint="`fedpeer leave` is not for the admin either")
    shut_out(turn, member.peer, event.reason or "removed by the admin")
    turn.reply(member.peer)


def shut_out(turn: Turn, peer: PeerId, reason: str) -> None:
    """Record the removal, begin an epoch without the member, and have the broker cut it off."""
    name = turn.name(peer)
    turn.decide(MemberRemoved(peer, reason))
    turn.change(proposals=ended(turn.state.proposals, peer))
    turn.tell(peer, CatchUp(turn.state.charter.entries[1:], 0, b"", ()))
    new_epoch(turn)
    turn.effects.append(Enforce())
    turn.note("member", "info", f"{name} is out: {reason}", peer=peer)


def new_epoch(turn: Turn) -> None:
    """Begin an epoch under a fresh secret and hand it to every present member."""
    federation, epoch = turn.state.federation, turn.state.roster.epoch + 1
    secret = turn.draw("epoch secret")
    turn.decide(EpochBegun(epoch, commitment(federation, epoch, secret)))
    turn.hold(epoch, secret)
    tell_everyone(turn)


def commitment(federation: FederationId, epoch: int, secret: bytes) -> bytes:
    """What the charter says of an epoch's secret: enough to recognise it, nothing to guess it from."""
    return digest("epoch commitment", federation.encode(), epoch.to_bytes(8, "big"), secret)


def tell_everyone(turn: Turn) -> None:
    """Hand every other member what it lacks of the charter, as far as we have heard, and the newest secret."""
    for peer in turn.state.roster.active:
        if peer != turn.state.me.peer:
            heard = turn.state.session.heard.get(peer)
            known = heard.status.standing.charter_version if heard else 0
            turn.tell(peer, catch_up(turn.state, known))


def catch_up(state: Peer, known: int, *, lacking: tuple[bytes, ...] = ()) -> CatchUp:
    """What a member lacks that has the charter up to entry `known`."""
    secret = state.secret
    entries = state.charter.entries[max(known, 0) + 1 :]
    return CatchUp(entries, secret.epoch if secret else 0, secret.secret if secret else b"", lacking)


def revoke_invite(turn: Turn, event: RevokeInvite) -> None:
    """Make an open invite worthless."""
    turn.need_admin("revoke invites")
    record = turn.state.invites.get(event.invite)
    if record is None:
        raise UnknownError(f"there is no invite {event.invite}")
    record = msgspec.structs.replace(record, state=INVITE.step(record.state, "revoked"))
    turn.change(invites={**turn.state.invites, record.id: record})
    turn.effects.append(Enforce())
    turn.note("member", "info", f"invite {record.id} was revoked")
    turn.reply(record)


def leave(turn: Turn, _: Leave) -> None:
    """Leave for good. The admin is told and shuts this member out; nothing more is sent or received here."""
    state = turn.state
    if state.is_admin:
        raise StateError(
            "the admin cannot leave its federation", hint="remove the other members first, then delete the node's home"
        )
    phase = MEMBERSHIP.step(state.phase, "left")
    turn.tell(state.roster.admin, Farewell("left"))
    turn.change(phase=phase)
    turn.note("member", "info", f"left {state.roster.name}")
    turn.effects.append(Reconnect())


def set_pulsing(turn: Turn, event: SetPulsing) -> None:
    """Start or stop this node's own pulse."""
    turn.need_active()
    turn.change(settings=msgspec.structs.replace(turn.state.settings, pulsing=event.pulsing))
    turn.note("sync", "info", "the pulse was started" if event.pulsing else "the pulse was stopped")


def set_explorable(turn: Turn, event: SetExplorable) -> None:
    """Let others explore this node's contribution by itself, or not any more."""
    turn.need_active()
    turn.change(settings=msgspec.structs.replace(turn.state.settings, explorable=event.explorable))
    turn.session(dirty=True)
    visiting.log_consent(turn, turn.state.me.peer, explorable=event.explorable)
    turn.note("audit", "info", f"exploration of this node alone is {'allowed' if event.explorable else 'not allowed'}")


def set_policy(turn: Turn, event: SetPolicy) -> None:
    """Keep stricter release rules than the charter's from the next pulse on."""
    turn.need_active()
    policy = event.policy.check()
    if policy.noise is not None:
        raise ConfigError("noise is for the charter to ask for: others must know of it", hint="tighten something else")
    turn.change(settings=msgspec.structs.replace(turn.state.settings, policy=policy))
    turn.session(offered=None)
    turn.note("audit", "info", f"the release rules of this node are now {turn.state.terms.policy.told}")
