"""What is done because time passed, or because everything that arrived together has been dealt with."""

from __future__ import annotations

import msgspec

from fedpeer.core.envelope import subjects
from fedpeer.core.envelope.messages import Status
from fedpeer.core.federation.membership import INVITE
from fedpeer.core.peer import ciphering, rounds
from fedpeer.core.peer.deciding import new_epoch
from fedpeer.core.peer.effects import Enforce, Fetch
from fedpeer.core.peer.heeding import answer, answers, ask
from fedpeer.core.peer.state import Peer
from fedpeer.core.peer.turn import Turn

EPOCH_LASTS_S = 86_400
# Statuses closer together than this are said as one: a moment among few members, longer among many, as everyone hears
# everyone's.
LEAST_GAP_S, GAP_A_MEMBER_S = 0.03, 0.003
LEAST_RETIRED_S = 120


def connected(turn: Turn) -> None:
    """The bus is there: ask it for what was said while we were away, and say where we stand."""
    turn.session(connected_at=turn.now, dirty=True, said_at={})
    _fetch(turn)


def _fetch(turn: Turn) -> None:
    fed, me, roster = turn.state.federation, turn.state.me.peer, turn.state.roster
    others = roster.heard_by(me)
    wanted = [subjects.direct(fed, me, p) for p in others] + [subjects.everyone(fed, p) for p in others]
    if turn.state.is_admin:
        wanted += [subjects.join(fed, i.id) for i in turn.state.invites.values() if i.state == "open"]
    turn.effects.append(Fetch(tuple(wanted)))


def tick(turn: Turn) -> None:
    """Look after what is due."""
    if turn.state.phase != "active":
        return
    rounds.tick(turn)
    ciphering.tick(turn)
    _forget_old_secrets(turn)
    _look_for_secret(turn)
    if turn.now - turn.state.session.status_at >= turn.state.session.habits.status_every_s:
        turn.session(dirty=True)
    if turn.state.is_admin:
        if not turn.state.session.current and turn.state.may_decide(turn.now):
            # What was asked of us while we did not know whether we may decide is looked at again.
            turn.session(current=True)
            _fetch(turn)
        _expire_invites(turn)
        is_due = turn.now - turn.state.roster.epoch_at >= EPOCH_LASTS_S
        if is_due and turn.state.may_decide(turn.now):
            new_epoch(turn)


def gap_s(peer: Peer) -> float:
    """How long a status waits for what else there is to say."""
    return max(LEAST_GAP_S, GAP_A_MEMBER_S * len(peer.roster.active))


def void_passes(peer: Peer) -> dict[str, int]:
    """Broker keys to cut off, and since when: those of past members and of invites that are over."""
    gone = {m.card.broker: m.removed_at for m in peer.roster.members.values() if m.removed_at}
    over = {i.broker: i.expires_at for i in peer.invites.values() if i.broker and i.state in {"revoked", "expired"}}
    return gone | over


def settle(turn: Turn) -> None:
    """Say once where we stand after all that arrived together."""
    session = turn.state.session
    is_time = turn.now - session.status_at >= gap_s(turn.state)
    if session.dirty and is_time and turn.state.phase in {"active", "alarmed"}:
        answer(turn)
        turn.session(dirty=False, status_at=turn.now)
        state, session = turn.state, turn.state.session
        said = Status(state.standing, state.total_told, state.settings.explorable, session.ask, answers(turn))
        if not state.roster.exchange.centralised:
            turn.say(said)
            return
        for peer in state.roster.heard_by(state.me.peer):
            mine = tuple(answer for answer in said.answers if answer.peer == peer)
            turn.tell(peer, msgspec.structs.replace(said, standing=state.standing_for(peer), answers=mine))


def _look_for_secret(turn: Turn) -> None:
    state = turn.state
    if state.secret is None and not state.is_admin:
        ask(turn, state.roster.admin)
        for peer in state.session.heard:
            ask(turn, peer)


def _forget_old_secrets(turn: Turn) -> None:
    """Secrets of earlier epochs are kept for two pulses, for what is still on its way, and then wiped."""
    keep_s = max(2 * turn.state.roster.schedule.period_s, LEAST_RETIRED_S)
    kept = tuple(
        s for s in turn.state.secrets if not s.retired_at or turn.now - s.retired_at < min(keep_s, EPOCH_LASTS_S)
    )
    if len(kept) != len(turn.state.secrets):
        turn.change(secrets=kept)


def _expire_invites(turn: Turn) -> None:
    for record in turn.state.invites.values():
        if record.state == "open" and turn.now >= record.expires_at:
            expired = msgspec.structs.replace(record, state=INVITE.step(record.state, "expired"))
            turn.change(invites={**turn.state.invites, record.id: expired})
            turn.note("member", "info", f"invite {record.id} expired")
            turn.effects.append(Enforce())
