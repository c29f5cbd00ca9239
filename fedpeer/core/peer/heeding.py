"""What a member's message means for us, once it is known to be that member's and we can read it."""

from __future__ import annotations

from fedpeer.core.envelope.messages import Answer, CatchUp, Farewell, Hello, Message, Share, Standing, Status
from fedpeer.core.errors import CharterError, ForkError
from fedpeer.core.federation.membership import MEMBERSHIP
from fedpeer.core.federation.roster import EpochBegun, described
from fedpeer.core.identity import PeerId
from fedpeer.core.peer.deciding import catch_up, commitment, shut_out
from fedpeer.core.peer.effects import Reconnect
from fedpeer.core.peer.sharing import pulse, share_again
from fedpeer.core.peer.state import Heard
from fedpeer.core.peer.turn import Turn
from fedpeer.core.pulse.inbound import inbound

# How often the same help is given to, or asked of, the same member.
SELDOM_S = 3.0
# How much of absent members' contributions one answer carries.
MOST_RELAYED_BYTES = 16 * 2**20


def heed(turn: Turn, sender: PeerId, message: Message, *, boot: bytes) -> None:
    """Act on a member's message, said by its process `boot`. Each is idempotent."""
    match message:
        case Share():
            record(turn, message.contribution)
        case Status():
            _status(turn, sender, message, boot)
        case Hello():
            _help(turn, sender, message.standing)
        case CatchUp():
            _caught_up(turn, message)
        case Farewell():
            _farewell(turn, sender)


def ask(turn: Turn, peer: PeerId) -> None:
    """Ask a member what we lack; seldom, and never ourselves."""
    if peer != turn.state.me.peer and turn.seldom(f"ask/{peer}", SELDOM_S):
        turn.tell(peer, Hello(turn.state.standing))


def record(turn: Turn, signed: bytes) -> None:
    """Put a contribution into the ledger, if it is newer than what is there."""
    state = turn.state
    held = inbound(signed, state.federation, state.roster, action=state.settings.receive_action)
    origin, serial = PeerId(held.contribution.origin), held.contribution.serial
    if origin == state.me.peer or serial <= state.ledger.serial(origin):
        return
    turn.change(ledger=state.ledger.record(held))
    turn.session(dirty=True)
    turn.count(received=1)
    text = f"received contribution {serial} of {turn.name(origin)}: {held.summary.rows} rows"
    turn.note("sync", "info", text, peer=origin, data={"serial": serial, "digest": held.summary.digest})
    failed = [v for v in held.verdict.verdicts if not v.passed]
    if failed:
        what = "counted although" if held.admitted else "left out because"
        turn.blame(origin)
        turn.note("contract", "error", f"{turn.name(origin)} is {what} {failed[0].text}", peer=origin)


def online(turn: Turn, peer: PeerId) -> bool:
    """Whether a member was heard lately."""
    heard = turn.state.session.heard.get(peer)
    return heard is not None and turn.now - heard.at < turn.state.session.habits.offline_after_s


def _status(turn: Turn, sender: PeerId, status: Status, boot: bytes) -> None:
    session = turn.state.session
    known = session.heard.get(sender)
    if known is None or known.boot != boot:
        # Whoever has just started has not heard from us yet.
        turn.session(dirty=True)
    turn.session(heard={**session.heard, sender: Heard(status, turn.now, boot)})
    if status.ask > session.answers.get(sender, 0):
        _answer(turn, sender, status.ask)
    _compare(turn, sender, status.standing)


def _answer(turn: Turn, sender: PeerId, number: int) -> None:
    state = turn.state
    offered = state.session.offered
    is_new = offered is None or offered[0] is not state.local or offered[1] is not state.roster
    if state.phase == "active" and state.settings.pulsing and is_new:
        pulse(turn)
    turn.session(answers={**turn.state.session.answers, sender: number}, dirty=True)


def _compare(turn: Turn, sender: PeerId, theirs: Standing) -> None:
    ours = turn.state.standing
    if theirs == ours:
        return
    if theirs.charter_version > ours.charter_version or (
        theirs.charter_version == ours.charter_version and theirs.charter_head != ours.charter_head
    ):
        ask(turn, sender)
        return
    known = {h.peer: h.serial for h in theirs.holds}
    me = turn.state.me.peer
    _outrank(turn, known.get(me, 0))
    if known.get(me, 0) < turn.state.ledger.serial(me) and turn.seldom("share", SELDOM_S):
        share_again(turn)
    if theirs.charter_version < ours.charter_version or theirs.epoch < ours.epoch or _absent(turn, known):
        _help(turn, sender, theirs)


def _outrank(turn: Turn, serial: int) -> None:
    """A restored backup has forgotten serials that the others have seen: our next one must be higher than theirs."""
    if serial > max(turn.state.ledger.serial(turn.state.me.peer), turn.state.outranked):
        turn.change(outranked=serial)
        turn.note("sync", "warning", f"the others hold contribution {serial} of this node, which it does not know")


def _absent(turn: Turn, known: dict[str, int]) -> list[bytes]:
    """Contributions that a member lacks and whose origin is not there to send them."""
    found, size = [], 0
    for peer, held in turn.state.ledger.held.items():
        if peer == turn.state.me.peer or online(turn, peer) or known.get(peer, 0) >= held.contribution.serial:
            continue
        size += len(held.signed)
        if size <= MOST_RELAYED_BYTES:
            found.append(held.signed)
    return found


def _help(turn: Turn, peer: PeerId, theirs: Standing) -> None:
    """Give a member what it lacks, if that is up to us: the admin if it is there, else the first of those who are."""
    admin, me = turn.state.roster.admin, turn.state.me.peer
    there = sorted(p for p in turn.state.roster.active if p not in {peer, me} and online(turn, p))
    first = admin if admin in there else min([*there, me])
    mine_to_give = me in {admin, first} or peer == admin
    if mine_to_give and turn.seldom(f"help/{peer}", SELDOM_S):
        lacking = _absent(turn, {h.peer: h.serial for h in theirs.holds})
        turn.tell(peer, catch_up(turn.state, theirs.charter_version, lacking=tuple(lacking)))


def _caught_up(turn: Turn, message: CatchUp) -> None:
    _follow(turn, message.entries)
    if turn.state.phase != "active":
        return
    roster = turn.state.roster
    expected = commitment(turn.state.federation, message.epoch, message.secret)
    if message.epoch == roster.epoch and expected == roster.commitment and turn.state.secret is None:
        turn.hold(message.epoch, message.secret)
        share_again(turn)
    for signed in message.contributions:
        record(turn, signed)


def _follow(turn: Turn, entries: tuple[bytes, ...]) -> None:
    """Follow the charter as far as these entries lead; a proven fork is an alarm."""
    charter = before = turn.state.charter
    try:
        for entry in entries:
            charter = charter.follow(entry)
    except ForkError as fork:
        _alarm(turn, str(fork))
    except CharterError:
        if charter is before:
            raise
    if charter is before:
        return
    turn.adopt(charter)
    for made in charter.history()[before.version + 1 :]:
        if not isinstance(made.decision, EpochBegun):
            turn.note("charter", "info", f"the admin decided: {described(made.decision, turn.name)}")
    if turn.state.roster.member(turn.state.me.peer) is None:
        _removed(turn)


def _removed(turn: Turn) -> None:
    if turn.state.me.peer in turn.state.roster.members:
        turn.change(phase=MEMBERSHIP.step(turn.state.phase, "removed"), secrets=())
        turn.note("member", "error", f"this node was removed from {turn.state.roster.name}")
        turn.effects.append(Reconnect())


def _alarm(turn: Turn, text: str) -> None:
    if MEMBERSHIP.allows(turn.state.phase, "alarmed"):
        turn.change(phase=MEMBERSHIP.step(turn.state.phase, "alarmed"), alarm=text)
        turn.note("charter", "error", f"rounds are stopped: {text}")


def _farewell(turn: Turn, sender: PeerId) -> None:
    if turn.state.is_admin and turn.state.phase == "active":
        shut_out(turn, sender, "left")


def answers(turn: Turn) -> tuple[Answer, ...]:
    """The requests that were met, for our status."""
    return tuple(Answer(p, n) for p, n in sorted(turn.state.session.answers.items()))
