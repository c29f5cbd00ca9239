"""How this node stands in a federation: its part, what noise costs it, what it brings from where to where."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

from fedpeer.core.identity import PeerId, fingerprint
from fedpeer.core.peer.proposals import Proposal
from fedpeer.core.peer.state import Joining, Peer, State
from fedpeer.core.privacy.epsilon import UNIT, epsilon
from fedpeer.core.privacy.plan import Noise
from fedpeer.core.privacy.purse import Purse
from fedpeer.core.statistics.additions import Additions
from fedpeer.node import shapes

_EXPONENT = 6  # of the δ at which noise is told where no privacy budget says another


def standing(state: Peer, states: Mapping[str, State], purse: Purse) -> dict[str, Any]:
    """The fields of `shapes.Federation` that say so."""
    roster, noise = state.roster, state.roster.policy.noise
    return {
        "topology": roster.exchange.topology,
        "part": roster.part(state.me.peer) if roster.exchange.ciphered else "",
        "noise": None if noise is None else _priced(noise, purse),
        "brings": [state.inflow.name] if state.inflow else [],
        "brought": sorted(_called(target, states) for target in roster.bridges),
    }


def measured(fed: shapes.Federation) -> dict[str, float]:
    """What is measured of a federation, by the names of metrics."""
    return {
        "fedpeer_members": fed.members,
        "fedpeer_contributors": fed.contributors,
        "fedpeer_rows": fed.rows,
        "fedpeer_local_rows": fed.local_rows,
        "fedpeer_bus_connected": float(fed.bus_connected),
        "fedpeer_converged": float(fed.converged),
        "fedpeer_charter_version": fed.charter_version,
        "fedpeer_epoch": fed.epoch,
    }


def joining_shape(state: Joining) -> shapes.Federation:
    """A federation that this node has asked to join."""
    empty: dict[str, Any] = {
        name: {"str": "", "bool": False, "int": 0, "float": 0.0, "list[str]": []}.get(str(kind))
        for name, kind in shapes.Federation.__annotations__.items()
    }
    known = {
        "id": state.federation,
        "name": state.invitation.federation_name,
        "me": state.me.peer,
        "admin": state.invitation.admin.peer,
        "role": state.invitation.role,
        "state": state.phase,
        "alarm": state.reason,
        "send_action": state.settings.send_action,
        "receive_action": state.settings.receive_action,
        "fingerprint": fingerprint(state.me.peer),
        "waiting_for": [state.invitation.admin.name],
    }
    return shapes.Federation(**(empty | known))


def troubles(state: Peer, purse: Purse) -> list[str]:
    """What the operator should look at: noise that cannot be paid for, and what waits for the admin's decision."""
    noise, found = state.roster.policy.noise, list[str]()
    if noise is not None and state.local.rows and state.phase == "active":
        if purse.account is None:
            found.append("this node declares no privacy budget, so nothing leaves (privacy.epsilon in its settings)")
        elif purse.account.left < noise.cost:
            found.append("too little is left of the privacy budget for another release (`fedpeer budget`)")
    if state.is_admin:
        found += [_asked(each, state) for each in state.proposals.values() if each.state == "open"]
    return found


def _asked(proposal: Proposal, state: Peer) -> str:
    member = state.roster.members.get(PeerId(proposal.by))
    more = Additions.from_json(proposal.additions).told
    return (
        f"{member.card.name if member else proposal.by} would have the schema grow by {more} (proposal {proposal.id})"
    )


def _priced(noise: Noise, purse: Purse) -> shapes.NoisePrice:
    account = purse.account
    exponent = _EXPONENT if account is None else account.exponent
    return shapes.NoisePrice(
        rho=noise.cost / UNIT,
        epsilon=_epsilon(noise.cost, exponent),
        delta=float(Fraction(1, 10**exponent)),
        left=0 if account is None else account.left // noise.cost,
        declared=account is not None,
    )


@lru_cache(maxsize=64)
def _epsilon(cost: int, exponent: int) -> float:
    return epsilon(Fraction(cost, UNIT), Fraction(1, 10**exponent))


def _called(scope: str, states: Mapping[str, State]) -> str:
    """What a federation is called, if this node is in it."""
    state = states.get(scope)
    if state is None:
        return scope[:10]
    return state.invitation.federation_name if isinstance(state, Joining) else state.roster.name
