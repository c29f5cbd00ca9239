"""Which round under a cipher comes next here, and what the newest opened sum has of us.

A round has the second in which it was begun where others have the pulse. So a beneficiary that was started anew, or
whose schedule has changed, numbers no round as it did before.
"""

from __future__ import annotations

from fedpeer.core import canonical
from fedpeer.core.envelope.messages import ATTEMPTS, Round
from fedpeer.core.federation.sealed.conclusion import Conclusion
from fedpeer.core.federation.sealed.contributor import version
from fedpeer.core.federation.sealed.opened import read_opened
from fedpeer.core.peer.turn import Turn
from fedpeer.core.statistics.residues import Residues

# How far another clock may be from ours, unless pulses are longer.
_OFF_S = 60


def following(turn: Turn) -> Round:
    """The next round: later than any that is known here."""
    state = turn.state
    first = Round(state.federation, state.charter.head, int(turn.now), 0)
    at, attempt = divmod(max(first.rank, _newest(turn) + 1), ATTEMPTS)
    return Round(first.federation, first.charter, at, attempt)


def may_follow(turn: Turn, which: Round) -> bool:
    """Whether this can be a round of now that we have not heard of."""
    state = turn.state
    soon = abs(which.pulse - turn.now) <= max(_OFF_S, state.roster.schedule.period_s)
    return state.phase == "active" and which.charter == state.charter.head and soon and which.rank > _newest(turn)


def unopened(turn: Turn) -> bool:
    """Whether no sum was opened under the charter as it is now."""
    opened = turn.state.ledger.opened
    return opened is None or canonical.decode(opened.data, Conclusion).round.charter != turn.state.charter.head


def has(turn: Turn, lean: Residues) -> bool:
    """Whether this lean vector of ours is in the newest opened sum, and that of the charter as it is now."""
    opened, me = turn.state.ledger.opened, turn.state.me
    if opened is None or unopened(turn):
        return False
    return read_opened(opened.data, turn.state.charter)[0].versions.get(me.peer) == version(me, lean)


def _newest(turn: Turn) -> int:
    """The rank of the newest round that is known here; below it is nothing."""
    sitting, opened = turn.state.session.sealed.sitting, turn.state.ledger.opened
    return max(sitting.terms.round.rank if sitting else -1, opened.serial if opened else -1)
