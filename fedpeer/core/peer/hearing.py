"""What arrives from the bus: checked in one order, then understood.

1. Is it an envelope of ours: form, federation, recipient, expiry, not seen before?
2. Is it signed by a present member? 3. Can we open it? 4. Only then is it remembered, put together and decoded.
A fault at any of these leaves the state as it was, except that it is counted and noted.
"""

from __future__ import annotations

from fedpeer.core.envelope.header import Header, Mode
from fedpeer.core.envelope.messages import Kind, parse
from fedpeer.core.envelope.seal import Verified, open_direct, open_group, read, verify
from fedpeer.core.envelope.window import Windows
from fedpeer.core.errors import EpochError, OutsiderError
from fedpeer.core.identity import PeerId
from fedpeer.core.peer.effects import Fetch
from fedpeer.core.peer.heeding import ask, heed
from fedpeer.core.peer.turn import Turn

# After connecting, kept messages arrive by their first piece only; the rest is then asked for.
RECENT_S = 15.0
UNKNOWN_EVERY_S = 60.0


def hear(turn: Turn, subject: str, body: bytes) -> None:
    """Deal with bytes from the bus; RemoteError if they are not a fit message of a present member."""
    if turn.state.phase not in {"active", "alarmed"}:
        return
    header = read(body)
    header.meant_for(turn.state.federation, turn.state.me.peer, int(turn.now))
    if header.sender == turn.state.me.peer:
        return
    sender = PeerId(header.sender)
    windows = turn.state.windows.get(sender, Windows())
    # Pieces are put together in memory only, so a message counts as heard when it is whole and not before.
    windows = windows.admit(header.message, int(turn.now))
    verified = _verified(turn, header, body)
    content = _opened(turn, header, verified)
    assembly, whole = turn.state.session.assembly.add(header, content, int(turn.now))
    turn.session(assembly=assembly)
    if whole is None:
        _fetch_rest(turn, header, subject)
        return
    turn.change(windows={**turn.state.windows, sender: windows})
    if header.kind not in set(Kind):
        if turn.seldom(f"kind/{sender}", UNKNOWN_EVERY_S):
            turn.note("receive", "warning", f"ignored a message of unknown kind {header.kind}", peer=sender)
        return
    heed(turn, sender, parse(header.kind, whole), boot=header.boot)


def _verified(turn: Turn, header: Header, body: bytes) -> Verified:
    member = turn.state.roster.member(header.sender)
    if member is None:
        if header.charter != turn.state.charter.head and header.sender not in turn.state.roster.members:
            ask(turn, turn.state.roster.admin)
        raise OutsiderError(f"a message of {turn.name(header.sender)}, who is not a member")
    return verify(body, member.card.sign)


def _opened(turn: Turn, header: Header, verified: Verified) -> bytes:
    if header.mode == Mode.DIRECT:
        return open_direct(verified, turn.state.me)
    secret = next((s for s in turn.state.secrets if s.epoch == header.epoch), None)
    if secret is None:
        ask(turn, PeerId(header.sender))
        raise EpochError(f"{turn.name(header.sender)} speaks in epoch {header.epoch}, whose secret this node lacks")
    return open_group(verified, secret.secret)


def _fetch_rest(turn: Turn, header: Header, subject: str) -> None:
    if header.index == 0 and turn.now - turn.state.session.connected_at < RECENT_S:
        stem = subject.rpartition(".")[0]
        turn.effects.append(Fetch(tuple(f"{stem}.{i}" for i in range(1, header.count))))
