"""Looking at one member's contribution by itself: with its consent, told to it, and not without end.

A contribution is here, so nothing but this program's own manners makes it tell. What a member has not consented to is
refused by who shows it (docs/privacy.md); what it has is noted at that member, by whom and what was asked.
"""

from __future__ import annotations

from fedpeer.core.envelope.messages import MOST_REASON, Visit
from fedpeer.core.errors import TooOftenError
from fedpeer.core.federation.decisions import ConsentSet
from fedpeer.core.identity import PeerId
from fedpeer.core.peer.events import LookAt
from fedpeer.core.peer.turn import Turn

# How often one member may be looked at.
MOST, WITHIN_S = 60, 60.0
# How often one member's change of mind is put into the charter: nobody should be able to fill it.
LOGGED_S = 600.0


def look_at(turn: Turn, event: LookAt) -> None:
    """Tell a member that it is looked at; TooOftenError if that is asked too often."""
    turn.need_active()
    peer, visits = PeerId(event.peer), turn.state.session.visits
    recent = tuple(at for at in visits.get(peer, ()) if turn.now - at < WITHIN_S)
    if len(recent) >= MOST:
        raise TooOftenError(f"{turn.name(peer)} was looked at {MOST} times within a minute")
    turn.session(visits={**visits, peer: (*recent, turn.now)})
    turn.tell(peer, Visit(event.what[:MOST_REASON]))
    turn.note("audit", "info", f"looked at {turn.name(peer)} alone: {event.what}", peer=peer)


def visited(turn: Turn, sender: PeerId, visit: Visit) -> None:
    """A member looks at our contribution by itself."""
    text = f"{turn.name(sender)} looked at this node's contribution alone: {visit.what}"
    turn.note("audit", "info", text, peer=sender)


def log_consent(turn: Turn, peer: PeerId, *, explorable: bool) -> None:
    """Put into the charter, as its admin, what a member says about being looked at. It holds without that, at once."""
    state = turn.state
    if not state.is_admin or state.phase != "active" or not state.may_decide(turn.now):
        return
    changed = state.roster.member(peer) is not None and explorable != (peer in state.roster.consenting)
    if changed and turn.seldom(f"consent/{peer}", LOGGED_S):
        turn.decide(ConsentSet(peer, explorable))
