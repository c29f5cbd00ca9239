"""How a federation begins and grows: founding, inviting, redeeming an invite, being welcomed.

An invite admits exactly one peer. The step that sees the first good request marks the invite redeemed, admits the
member, begins an epoch and stores the reply, all in one state: it is saved whole or not at all. The same joiner asking
again gets the same stored reply; anyone else is told that it is refused, and the invite is flagged as contested.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import msgspec

from fedpeer.core import canonical
from fedpeer.core.canonical import Value
from fedpeer.core.envelope import invite as invites
from fedpeer.core.envelope import join as joins
from fedpeer.core.envelope import passes, subjects
from fedpeer.core.envelope.access import Access
from fedpeer.core.envelope.grants import (
    permissions_for_admin,
    permissions_for_joiner,
    permissions_for_member,
    permissions_for_sender,
)
from fedpeer.core.envelope.invite import Invitation
from fedpeer.core.envelope.join import JoinRequest
from fedpeer.core.envelope.keys import Identity
from fedpeer.core.errors import CharterError, InviteError, OutsiderError
from fedpeer.core.federation.charter import Charter
from fedpeer.core.federation.decisions import Founded, MemberAdmitted
from fedpeer.core.federation.ledger import Ledger
from fedpeer.core.federation.membership import INVITE, MEMBERSHIP
from fedpeer.core.identity import FederationId
from fedpeer.core.peer.deciding import new_epoch
from fedpeer.core.peer.effects import Effect, Fetch, Note, Reconnect, Send
from fedpeer.core.peer.events import Found, IssueInvite, Join, Stamped
from fedpeer.core.peer.session import Session
from fedpeer.core.peer.state import Bus, InviteRecord, Joining, Peer, Settings, State
from fedpeer.core.peer.turn import Turn
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

ASK_EVERY_S = 2.0
OPEN_INVITES = 1_000


class Welcome(Value, frozen=True, tag="welcome"):
    """The admin's answer to a redeemed invite: the founding entry, and the new member's own way to the bus."""

    founding: bytes
    access: Access


class Declined(Value, frozen=True, tag="declined"):
    """The admin's answer to the holder of an invite that is over."""

    reason: str


@dataclass(frozen=True, slots=True)
class Issued:
    """An invite as it is handed to the operator, once."""

    record: InviteRecord
    text: str = field(repr=False)
    passphrase: str = field(repr=False)


def found(stamped: Stamped, event: Found, session: Session) -> tuple[Peer, list[Effect]]:
    """Found a federation with this node as its admin."""
    now, me = int(stamped.now), Identity.of(canonical.digest("identity", stamped.entropy))
    founding = Founded(
        name=event.name,
        admin=me.card(event.display),
        schema=event.schema.to_json(),
        contract=event.contract,
        schedule=event.schedule,
        exchange=event.exchange,
        policy=event.policy,
        nonce=canonical.digest("founding nonce", stamped.entropy)[:16],
    )
    charter = Charter.found(founding, me, now)
    bus = _admin_bus(event.bus, charter.federation, me, now)
    turn = Turn(_fresh(charter, me, bus, session), stamped.now, stamped.entropy)
    turn.change(settings=event.settings)
    new_epoch(turn)
    turn.note("charter", "info", f"founded the federation {event.name}")
    turn.effects.append(Reconnect())
    return turn.state, turn.effects


def join(stamped: Stamped, event: Join) -> tuple[Joining, list[Effect]]:
    """Begin to redeem an invite."""
    invitation = event.invitation
    if stamped.now >= invitation.expires_at:
        raise InviteError("this invite has expired")
    me = Identity.of(canonical.digest("identity", stamped.entropy))
    state = Joining(FederationId(invitation.federation), me, event.display, event.settings, invitation)
    note = Note("member", "info", f"asking {invitation.admin.name} to join {invitation.federation_name}")
    return state, [note, Reconnect()]


def ask_to_join(state: Joining, now: float) -> tuple[Joining, list[Effect]]:
    """Ask the admin, again and again until there is an answer."""
    if state.phase != "joining" or now - state.asked_at < ASK_EVERY_S:
        return state, []
    if now >= state.invitation.expires_at:
        return _declined(state, "the invite expired before the admin answered")
    request = joins.request(state.invitation, state.me, state.display)
    subject = subjects.join(state.federation, state.invitation.invite)
    return replace(state, asked_at=now), [Send("join", subject, request)]


def answered(state: Joining, stamped: Stamped, body: bytes, session: Session) -> tuple[State, list[Effect]]:
    """Read the admin's answer and become a member or not; RemoteError if it is not its answer to our request."""
    content = joins.open_reply(body, state.invitation, state.me, state.display)
    answer: Welcome | Declined = canonical.decode(content, Welcome | Declined)  # type: ignore[arg-type]
    if isinstance(answer, Declined):
        return _declined(state, answer.reason)
    return _welcomed(state, stamped, answer, session)


def _declined(state: Joining, reason: str) -> tuple[Joining, list[Effect]]:
    phase = MEMBERSHIP.step(state.phase, "declined")
    note = Note("member", "error", f"not admitted to {state.invitation.federation_name}: {reason}")
    return replace(state, phase=phase, reason=reason), [note, Reconnect()]


def _welcomed(state: Joining, stamped: Stamped, welcome: Welcome, session: Session) -> tuple[Peer, list[Effect]]:
    charter = Charter.open(welcome.founding, expected=state.federation)
    if charter.roster.exchange.told != state.invitation.exchange:
        raise CharterError("the federation exchanges contributions otherwise than its invite says")
    access = welcome.access
    if access.kind == "pass":
        access = msgspec.structs.replace(access, secret=state.me.broker_seed())
    peer = _fresh(charter, state.me, Bus(access), session)
    # Whoever redeems an invite has agreed to the schema that it shows, and to none that comes later.
    agreed = Schema.from_json(state.invitation.schema).digest
    settings = msgspec.structs.replace(state.settings, agreed=agreed)
    turn = Turn(replace(peer, settings=settings), stamped.now, stamped.entropy)
    turn.note("member", "info", f"joined {charter.roster.name}")
    turn.effects.append(Reconnect())
    return turn.state, turn.effects


def reconnected(state: Joining) -> tuple[Joining, list[Effect]]:
    """The bus is there: look whether the admin has answered, and ask again."""
    fetch = Fetch((subjects.welcome(state.federation, state.invitation.invite),))
    return replace(state, asked_at=0.0), [fetch]


def abandon(state: Joining) -> tuple[Joining, list[Effect]]:
    """Stop asking."""
    phase = MEMBERSHIP.step(state.phase, "left")
    return replace(state, phase=phase, reason="abandoned"), [
        Note("member", "info", "stopped asking to join"),
        Reconnect(),
    ]


def issue_invite(turn: Turn, event: IssueInvite) -> None:
    """Make an invite: its text and passphrase go to the operator, and only what verifies it stays here."""
    turn.need_admin("invite")
    if turn.state.roster.taken(event.role):
        raise InviteError(f"this federation has a {event.role}, and can have one only", hint="remove that member first")
    state, now = turn.state, int(turn.now)
    if sum(r.state == "open" for r in state.invites.values()) >= OPEN_INVITES:
        raise InviteError("too many open invites", hint="revoke some: `fedpeer invite list`")
    name = event.name or canonical.digest("invite id", turn.draw("invite id")).hex()[:16]
    if name in state.invites:
        raise InviteError(f"there is an invite {name} already", hint="an id serves once")
    access, broker = _joiner_access(turn, name, now + event.expires_in_s)
    invitation = Invitation(
        federation=state.federation,
        federation_name=state.roster.name,
        admin=state.roster.members[state.roster.admin].card,
        access=access,
        invite=name,
        token=turn.draw("invite token"),
        role=event.role,
        expires_at=now + event.expires_in_s,
        schema=state.roster.schema.to_json(),
        exchange=state.roster.exchange.told,
    )
    verifier = joins.verifier(invitation.token)
    record = InviteRecord(name, event.role, INVITE.first, now, invitation.expires_at, verifier, broker)
    turn.change(invites={**state.invites, name: record})
    passphrase = event.passphrase or invites.passphrase(turn.draw("invite passphrase"))
    turn.note("member", "info", f"issued invite {name}", data={"expires_at": record.expires_at})
    turn.reply(Issued(record, invites.write(invitation, passphrase, turn.draw("invite file")), passphrase))


def requested(turn: Turn, name: str, body: bytes) -> None:
    """Deal with a request to join; RemoteError if it is not from a holder of an invite of ours."""
    if not turn.state.is_admin or turn.state.phase != "active":
        raise OutsiderError("a request to join was sent to a node that is not the admin")
    record = turn.state.invites.get(name)
    if record is None:
        raise OutsiderError(f"a request to join with an invite that was never issued: {name[:32]!r}")
    request = joins.open_request(body, turn.state.me, turn.state.federation, name)
    joins.check_proof(request, record.verifier)
    peer, over = request.card.peer, record.state == "open" and turn.now >= record.expires_at
    taken = turn.state.roster.taken(record.role) and not record.redeemed_by
    if record.state == "open" and not over and not taken:
        record = _redeem(turn, record, request)
    if record.redeemed_by == peer:
        turn.effects.append(Send(f"welcome/{name}", subjects.welcome(turn.state.federation, name), record.reply))
        return
    if record.redeemed_by:
        _contest(turn, record)
    # In a slot of its own: it must not take the place of a welcome that has not left yet.
    declined = Declined(_why_not("taken" if taken else "expired" if over else record.state))
    reply = joins.reply(canonical.encode(declined), request, turn.state.me)
    turn.effects.append(Send(f"declined/{name}/{peer}", subjects.welcome(turn.state.federation, name), reply))


def _why_not(state: str) -> str:
    return {
        "taken": "somebody else has the part that the invite is for",
        "expired": "the invite has expired",
        "revoked": "the invite was taken back",
    }.get(state, "the invite was used already, by someone else")


def _redeem(turn: Turn, record: InviteRecord, request: JoinRequest) -> InviteRecord:
    turn.need_newest()
    card, state = request.card, turn.state
    if card.broker in {m.card.broker for m in state.roster.members.values()}:
        # Whoever leaves is cut off at the broker by its key: nobody may come with the key of another.
        raise OutsiderError(f"{card.name} asks to join with a broker key that is another member's")
    turn.decide(MemberAdmitted(card, record.role, record.id))
    if state.roster.exchange.centralised:
        rights = permissions_for_sender(state.federation, card.peer, state.me.peer)
    else:
        rights = permissions_for_member(state.federation, card.peer)
    welcome = Welcome(state.charter.entries[0], _access(turn, card.broker, card.name, rights))
    reply = joins.reply(canonical.encode(welcome), request, state.me)
    record = msgspec.structs.replace(
        record, state=INVITE.step(record.state, "redeemed"), redeemed_by=card.peer, reply=reply
    )
    turn.change(invites={**state.invites, record.id: record})
    new_epoch(turn)
    turn.note("member", "info", f"{card.name} joined with invite {record.id}", peer=card.peer)
    return record


def _contest(turn: Turn, record: InviteRecord) -> None:
    if INVITE.allows(record.state, "contested"):
        record = msgspec.structs.replace(record, state=INVITE.step(record.state, "contested"))
        turn.change(invites={**turn.state.invites, record.id: record})
        who = turn.name(record.redeemed_by)
        text = f"invite {record.id} was used by {who} and then by someone else: compare fingerprints with {who}"
        turn.note("member", "error", text, peer=record.redeemed_by)
    turn.count(receive_errors=1)


def _access(turn: Turn, broker: str, name: str, rights: passes.Rights) -> Access:
    """A new member's own way to the bus: a pass for its key, or on an external bus what everyone uses."""
    bus = turn.state.bus
    if not bus.account_seed:
        return bus.access
    jwt = passes.user_jwt(bus.account_seed, broker, name, rights=rights, now=int(turn.now))
    return Access(servers=bus.servers or bus.access.servers, ca=bus.access.ca, kind="pass", jwt=jwt)


def _joiner_access(turn: Turn, name: str, expires_at: int) -> tuple[Access, str]:
    seed = passes.seed("user", turn.draw("joiner broker key"))
    public = passes.public_key(seed, "user")
    rights = permissions_for_joiner(turn.state.federation, name, expires_at)
    access = _access(turn, public, name, rights)
    return (msgspec.structs.replace(access, secret=seed), public) if access.kind == "pass" else (access, "")


def _admin_bus(bus: Bus, federation: FederationId, me: Identity, now: int) -> Bus:
    if not bus.account_seed:
        return bus
    rights = permissions_for_admin(federation, me.peer)
    jwt = passes.user_jwt(bus.account_seed, me.card("").broker, "admin", rights=rights, now=now)
    access = msgspec.structs.replace(bus.access, kind="pass", jwt=jwt, secret=me.broker_seed())
    return msgspec.structs.replace(bus, access=access)


def _fresh(charter: Charter, me: Identity, bus: Bus, session: Session) -> Peer:
    schema = charter.roster.schema
    return Peer(me, bus, Settings(), charter, Ledger.empty(schema), session, Summary.zero(schema))
