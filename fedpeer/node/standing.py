"""How this node stands in a federation: its part, what noise costs it, what it brings from where to where."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from fedpeer.core.identity import PeerId, fingerprint
from fedpeer.core.peer.proposals import Proposal
from fedpeer.core.peer.state import Joining, Peer, State
from fedpeer.core.privacy.budget import Account
from fedpeer.core.privacy.epsilon import UNIT, epsilon
from fedpeer.core.privacy.findings import standing_risk
from fedpeer.core.privacy.plan import Noise
from fedpeer.core.statistics.additions import Additions
from fedpeer.node import shapes

_EXPONENT = 6  # of the δ at which noise is told where no privacy budget says another


class Now(NamedTuple):
    """What a federation is told of beside its state: what is so at a moment.

    `account` is what this node's noise is paid from, `brought` the names of the federations that it brings this one's
    total to, and `waiting` what it should look at and is not in the state.
    """

    connected: bool
    next_pulse_at: float
    account: Account | None
    brought: list[str]
    waiting: list[str]


def brought(state: Peer, states: Mapping[str, State]) -> list[str]:
    """What the federations are called to which this one's total is brought."""
    return sorted(_called(target, states) for target in state.roster.bridges)


def joined_shape(state: Peer, now: Now, trouble: list[str]) -> shapes.Federation:
    """A federation that this node is or was in."""
    roster, noise = state.roster, state.roster.policy.noise
    released, given = state.released, state.sums.given
    waiting = [roster.members[p].card.name for p in state.disagreeing]
    return shapes.Federation(
        id=state.federation,
        name=roster.name,
        me=state.me.peer,
        admin=roster.admin,
        role=getattr(roster.members.get(state.me.peer), "role", "member"),
        state=state.phase,
        alarm=state.alarm,
        mode=roster.exchange.mode,
        profile=roster.policy.profile,
        rules=state.terms.policy.told,
        schedule=roster.schedule.text,
        pulsing=state.settings.pulsing,
        next_pulse_at=now.next_pulse_at,
        charter_version=state.charter.version,
        charter_head=state.charter.head.hex(),
        epoch=roster.epoch,
        schema_digest=roster.schema.digest,
        contract=roster.contract.text,
        explorable=state.settings.explorable,
        send_action=state.settings.send_action,
        receive_action=state.settings.receive_action,
        bus_connected=now.connected,
        converged=not waiting and state.secret is not None and not state.session.dirty,
        waiting_for=waiting,
        differing=[roster.members[p].card.name for p in state.differing],
        members=len(roster.active),
        contributors=len(state.ledger.contributors),
        rows=state.ledger.total.rows,
        total_digest=state.ledger.total.digest,
        local_rows=state.local.rows,
        released_rows=released.summary.rows if released else given.rows if given else 0,
        released_risk=_risk(state),
        released_serial=released.contribution.serial if released else 0,
        released_at=float(released.contribution.made_at) if released else 0.0,
        fingerprint=fingerprint(state.me.peer),
        topology=roster.exchange.topology,
        part=roster.part(state.me.peer) if roster.exchange.ciphered else "",
        noise=None if noise is None else _priced(noise, now.account),
        brings=[state.inflow.name] if state.inflow else [],
        brought=now.brought,
        trouble=[*trouble, *now.waiting],
    )


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


def troubles(state: Peer, now: Now) -> list[str]:
    """What the operator should look at: noise that cannot be paid for, and what waits for the admin's decision."""
    noise, account, found = state.roster.policy.noise, now.account, list[str]()
    if noise is not None and state.local.rows and state.phase == "active":
        if account is None:
            found.append("this node declares no privacy budget, so nothing leaves (privacy.epsilon in its settings)")
        elif account.left < noise.cost:
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


def _priced(noise: Noise, account: Account | None) -> shapes.NoisePrice:
    exponent = _EXPONENT if account is None else account.exponent
    return shapes.NoisePrice(
        rho=noise.cost / UNIT,
        epsilon=_epsilon(noise.cost, exponent),
        delta=float(Fraction(1, 10**exponent)),
        left=0 if account is None else account.left // noise.cost,
        declared=account is not None,
    )


def _risk(state: Peer) -> float:
    """The membership risk of what others see of this node: its contribution, or the sum of several that it is in."""
    released, opened = state.released, state.ledger.opened
    shown = released.summary if released else opened.total if opened else None
    return 0.5 if shown is None else standing_risk(shown)


@lru_cache(maxsize=64)
def _epsilon(cost: int, exponent: int) -> float:
    return epsilon(Fraction(cost, UNIT), Fraction(1, 10**exponent))


def _called(scope: str, states: Mapping[str, State]) -> str:
    """What a federation is called, if this node is in it."""
    state = states.get(scope)
    if state is None:
        return scope[:10]
    return state.invitation.federation_name if isinstance(state, Joining) else state.roster.name
