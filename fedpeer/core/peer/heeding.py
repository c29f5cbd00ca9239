"""What a member's message means for us, once it is known to be that member's and we can read it."""

from __future__ import annotations

from fedpeer.core.envelope.messages import (
    Answer,
    Call,
    CatchUp,
    Evidence,
    Farewell,
    Hello,
    Inquiry,
    Message,
    Motion,
    Recall,
    Receipt,
    Ruling,
    Share,
    Standing,
    Status,
    Talk,
    Visit,
)
from fedpeer.core.errors import CharterError, ForkError
from fedpeer.core.federation.decisions import EpochBegun, described
from fedpeer.core.federation.ledger import SUM, Held
from fedpeer.core.federation.membership import MEMBERSHIP
from fedpeer.core.federation.opened import passed_on
from fedpeer.core.identity import PeerId
from fedpeer.core.peer import auditing, ciphering, concluding, proposing, receipts, rounds, visiting
from fedpeer.core.peer.deciding import catch_up, commitment, shut_out
from fedpeer.core.peer.effects import Reconnect
from fedpeer.core.peer.recording import record
from fedpeer.core.peer.session import Heard
from fedpeer.core.peer.sharing import pulse, share_again
from fedpeer.core.peer.turn import Turn

# How often the same help is given to, or asked of, the same member.
SELDOM_S = 3.0
# How much of absent members' contributions one answer carries, and how much of such is sent in a second: whoever keeps
# saying that it lacks everything must not make the others fill the bus.
MOST_RELAYED_BYTES = 16 * 2**20
REPEATED_BYTES_PER_S = 2**20
# How often a member that says it has just started makes us say where we stand.
GREET_S = 1.0

_NONE = (0, b"")


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
        case Recall():
            receipts.sign(turn, sender, message)
        case Receipt():
            receipts.keep(turn, sender, message)
        case Visit():
            visiting.visited(turn, sender, message)
        case Motion() | Ruling():
            proposing.heed(turn, sender, message)
        case _:
            _heed_round(turn, sender, message)


def _heed_round(turn: Turn, sender: PeerId, message: Call | Talk | Inquiry | Evidence) -> None:
    ciphered = turn.state.roster.exchange.ciphered
    match message:
        case Call() if ciphered:
            ciphering.called(turn, sender, message.round)
        case Talk() if ciphered:
            ciphering.talked(turn, sender, message)
        case Call():
            rounds.heard(turn, message.round)
        case Talk():
            rounds.talked(turn, sender, message)
        case Inquiry():
            auditing.answer(turn, sender, message)
        case Evidence():
            auditing.look(turn, sender, message)


def ask(turn: Turn, peer: PeerId) -> None:
    """Ask a member what we lack; seldom, and never ourselves."""
    if peer != turn.state.me.peer and turn.seldom(f"ask/{peer}", SELDOM_S):
        turn.tell(peer, Hello(turn.state.standing_for(peer)))


def online(turn: Turn, peer: PeerId) -> bool:
    """Whether a member was heard lately."""
    heard = turn.state.session.heard.get(peer)
    return heard is not None and turn.now - heard.at < turn.state.session.habits.offline_after_s


def _status(turn: Turn, sender: PeerId, status: Status, boot: bytes) -> None:
    session = turn.state.session
    known = session.heard.get(sender)
    turn.session(heard={**session.heard, sender: Heard(status, turn.now, boot)})
    if (known is None or known.boot != boot) and turn.seldom(f"greet/{sender}", GREET_S):
        # Whoever has just started has not heard from us yet.
        turn.session(dirty=True)
    if status.ask > session.answers.get(sender, 0):
        turn.session(dirty=True)
    visiting.log_consent(turn, sender, explorable=status.explorable)
    _compare(turn, sender, status.standing)
    receipts.recall(turn, sender, status.standing)
    proposing.remind(turn, sender)


def answer(turn: Turn) -> None:
    """Do once what members have asked for since the last time: pulse, and say that it was done."""
    state = turn.state
    heard, answers, offered = state.session.heard, state.session.answers, state.session.offered
    asked = {p: h.status.ask for p, h in heard.items() if h.status.ask > answers.get(p, 0)}
    is_new = offered is None or offered[0] is not state.local or offered[1] is not state.roster
    if state.session.running:
        return
    if asked and state.phase == "active" and state.settings.pulsing:
        _pulse_as_asked(turn, is_new=is_new)
    turn.session(answers={**answers, **asked})


def _pulse_as_asked(turn: Turn, *, is_new: bool) -> None:
    exchange = turn.state.roster.exchange
    if exchange.ciphered:
        ciphering.due(turn)
    elif is_new and not exchange.summed:
        pulse(turn)


def _compare(turn: Turn, sender: PeerId, theirs: Standing) -> None:
    ours = turn.state.standing_for(sender)
    if theirs == ours:
        return
    if theirs.charter_version > ours.charter_version or (
        theirs.charter_version == ours.charter_version and theirs.charter_head != ours.charter_head
    ):
        ask(turn, sender)
        return
    released = turn.state.released
    if released and _ranks(theirs).get(turn.state.me.peer, _NONE) < released.rank:
        _repeat(turn, released)
    if theirs.charter_version < ours.charter_version or theirs.epoch < ours.epoch or _absent(turn, sender, theirs):
        _help(turn, sender, theirs)


def _repeat(turn: Turn, released: Held) -> None:
    if turn.seldom("share", SELDOM_S + len(released.signed) / REPEATED_BYTES_PER_S):
        share_again(turn)


def _ranks(standing: Standing) -> dict[str, tuple[int, bytes]]:
    return {h.peer: (h.serial, h.digest) for h in standing.holds}


def _absent(turn: Turn, to: PeerId, theirs: Standing) -> list[bytes]:
    """Contributions that a member lacks and that nobody else sends it.

    Those of members who are away; its own, which a restored backup has forgotten; and those whose origin says one thing
    here and another there.
    """
    found, size, ranks, opened = [], 0, _ranks(theirs), turn.state.ledger.opened
    if opened is not None:
        lacking = ranks.get(SUM, _NONE) < opened.rank
        return [passed_on(opened, turn.state.charter, turn.state.me)] if lacking else []
    for peer, held in turn.state.ledger.held.items():
        rank = ranks.get(peer, _NONE)
        if turn.state.roster.exchange.centralised and peer != to:
            continue
        comes_anyway = peer == turn.state.me.peer or (online(turn, peer) and peer != to and rank[0] != held.rank[0])
        if comes_anyway or rank >= held.rank:
            continue
        size += len(held.signed)
        if size <= MOST_RELAYED_BYTES:
            found.append(held.signed)
    return found


def _help(turn: Turn, peer: PeerId, theirs: Standing) -> None:
    """Give a member what it lacks, if that is up to us: the admin if it is there, else the first of those who are.

    Whoever follows another charter is told so by everyone: only two entries side by side prove that it was forked.
    """
    state, me = turn.state, turn.state.me.peer
    there = sorted(p for p in state.roster.heard_by(me) if p not in {peer, me} and online(turn, p))
    first = state.roster.admin if state.roster.admin in there else min([*there, me])
    version, hashes = theirs.charter_version, state.charter.hashes
    forked = 0 <= version < len(hashes) and hashes[version] != theirs.charter_head
    if me not in {state.roster.admin, first} and peer != state.roster.admin and not forked:
        return
    message = catch_up(state, 0 if forked else version, lacking=tuple(_absent(turn, peer, theirs)))
    size = sum(map(len, (*message.entries, *message.contributions)))
    if turn.seldom(f"help/{peer}", SELDOM_S + size / REPEATED_BYTES_PER_S):
        turn.tell(peer, message)


def _caught_up(turn: Turn, message: CatchUp) -> None:
    _follow(turn, message.entries)
    if turn.state.phase != "active":
        return
    roster = turn.state.roster
    expected = commitment(turn.state.federation, roster.epoch, message.secret)
    if message.epoch == roster.epoch and expected == roster.commitment and turn.state.secret is None:
        turn.hold(roster.epoch, message.secret)
        share_again(turn)
    for data in message.contributions:
        _shown_or_recorded(turn, data)


def _shown_or_recorded(turn: Turn, data: bytes) -> None:
    exchange = turn.state.roster.exchange
    if exchange.ciphered:
        ciphering.show(turn, data)
    else:
        (concluding.show if exchange.summed else record)(turn, data)


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
        turn.need_newest()
        shut_out(turn, sender, "left")


def answers(turn: Turn) -> tuple[Answer, ...]:
    """The requests that were met, for our status."""
    return tuple(Answer(p, n) for p, n in sorted(turn.state.session.answers.items()))
