"""Outward: a summary is put to the contract, then to the release rules, and gets its noise; then it may leave."""

from __future__ import annotations

from fedpeer.core.contract.admit import SENDING, Admitted, Refused, admit
from fedpeer.core.federation.roster import Action, Roster
from fedpeer.core.privacy.masked import Maskable, maskable
from fedpeer.core.privacy.protect import Shareable, Withheld, protect
from fedpeer.core.privacy.traces import Past
from fedpeer.core.privacy.veil import Veil
from fedpeer.core.statistics.summary import Summary


def outbound(
    local: Summary, roster: Roster, *, action: Action, last: Summary | None, past: Past, veil: Veil | None = None
) -> Refused | tuple[Admitted, Shareable | Withheld]:
    """What the contract says of `local`, and what may leave of it, given what left `last` and before, without noise."""
    verdict = admit(local, roster.contract, SENDING, peers=len(roster.active), action=action)
    if isinstance(verdict, Refused):
        return verdict
    return verdict, protect(verdict, roster.policy, last, past, veil=veil)


def hidden(
    local: Summary, roster: Roster, *, action: Action, last: Summary | None, past: Past
) -> Refused | tuple[Admitted, Maskable | Withheld]:
    """The same for a sum that hides `local`; `last` is what went into the newest one, `past` into those before."""
    verdict = admit(local, roster.contract, SENDING, peers=len(roster.active), action=action)
    if isinstance(verdict, Refused):
        return verdict
    return verdict, maskable(verdict, roster.policy, last, past)
