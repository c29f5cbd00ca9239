"""What would leave if this node pulsed now: the pulse itself, on a copy of the state that nobody keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, sqrt

from fedpeer.core.contract.admit import SENDING, Admitted, Refused, admit
from fedpeer.core.identity import PeerId
from fedpeer.core.peer.effects import Send
from fedpeer.core.peer.outcome import Outcome
from fedpeer.core.peer.pulsing import pulse
from fedpeer.core.peer.state import Peer
from fedpeer.core.peer.turn import Turn
from fedpeer.core.privacy import masks
from fedpeer.core.privacy.cells import Cell, Counted, smallest
from fedpeer.core.privacy.disclosure import Release
from fedpeer.core.privacy.epsilon import UNIT
from fedpeer.core.privacy.findings import Examined
from fedpeer.core.privacy.masked import examined_part
from fedpeer.core.privacy.plan import Plan
from fedpeer.core.privacy.protect import examined
from fedpeer.core.privacy.purse import Purse
from fedpeer.core.privacy.traces import Change
from fedpeer.core.privacy.veil import shares

_ALL = 2**62


@dataclass(frozen=True, slots=True)
class Preview:
    """The outcome of a pulse that did not happen, every rule, and what others could subtract.

    `signed` is the contribution, or the masked vector, and `sealed` the messages with it, in bytes, 0 where nothing
    would leave; how long a ciphertext is only its cipher knows. `readers` can read it, and nobody else; where it goes
    into a sum of several that is nobody, and `watchers` see the sum. `cell` is the smallest that is not empty, whether
    or not the profile looks at cells. `noise` is the deviation of what would be added to each block, in units of the
    most that a row gives, and `cost` its ρ, in parts.
    """

    outcome: Outcome
    detail: str
    signed: int
    sealed: tuple[int, ...]
    readers: tuple[PeerId, ...]
    watchers: tuple[PeerId, ...]
    verdict: Admitted | Refused
    examined: Examined
    cell: Cell | None
    noise: Mapping[str, float]
    cost: int


def preview(peer: Peer, now: float, purse: Purse | None = None) -> Preview:
    """What a pulse would lead to now; StateError for a membership that is not active. Nothing happens."""
    exchange = peer.roster.exchange
    turn = Turn(peer.with_session(round=None), now, bytes(32), purse)
    turn.need_active()
    outcome, detail = pulse(turn, asked=True)
    bodies = tuple(len(effect.body) for effect in turn.effects if isinstance(effect, Send))
    held = turn.state.released if outcome == "sent" else None
    if held:
        detail = f"contribution {held.contribution.serial} of {held.summary.rows} rows"
    plan = _planned(peer)
    masked = masks.size(peer.local.residues.layout) if outcome == "called" and exchange.mode == "secure" else 0
    return Preview(
        outcome=outcome,
        detail=detail,
        signed=len(held.signed) if held else masked,
        sealed=bodies,
        readers=() if exchange.summed else peer.roster.heard_by(peer.me.peer),
        watchers=_watchers(peer) if exchange.summed else (),
        verdict=admit(peer.local, peer.roster.contract, SENDING, peers=len(peer.roster.active), action="allow"),
        examined=_examined(peer),
        cell=smallest(Counted.of(Release.of(peer.local)), _ALL),
        noise={} if plan is None else {b.name: sqrt(v) for b, v in zip(plan.layout, plan.variances, strict=True)},
        cost=ceil(plan.rho * UNIT) if plan else 0,
    )


def _watchers(peer: Peer) -> tuple[PeerId, ...]:
    """Who else would see the sum of several."""
    roster, alone = peer.roster, peer.roster.exchange.mode == "paillier"
    return tuple(p for p in roster.heard_by(peer.me.peer) if not alone or roster.part(p) == "beneficiary")


def _planned(peer: Peer) -> Plan | None:
    """The noise that this node would bring, if any."""
    noise, exchange = peer.roster.policy.noise, peer.roster.exchange
    unknown = max(1, shares(noise, exchange.least)) if noise and exchange.summed else 1
    return noise.plan(peer.roster.schema, unknown) if noise else None


def _examined(peer: Peer) -> Examined:
    if peer.roster.exchange.summed:
        return examined_part(peer.local, peer.terms.policy, peer.sums.given, peer.past)
    return examined(peer.local, peer.terms.policy, peer.told, peer.past)


def learned(change: Change) -> str:
    """What whoever kept an earlier release could work out from it and the new one, if this were released."""
    rows, columns = abs(change.rows), len(change.counted.columns)
    cell = smallest(change.counted, _ALL)
    if change.nothing:
        return "nothing: it is the same again"
    if not rows:
        return "the difference between the rows that came and as many that went: of one each, both, exactly"
    if rows == 1:
        return "one row, exactly"
    if rows <= columns:
        return f"sums of {rows} rows, no more than the {columns} columns: they can be solved for"
    if cell is not None and abs(cell.rows) == 1:
        return f"sums of {rows} rows, and one row exactly: where {cell.name}"
    if moved := change.valued or change.gapped:
        return f"sums of {rows} rows, and the difference between rows that were exchanged where {moved}"
    least = f", the smallest group in which is {abs(cell.rows)} rows where {cell.name}" if cell else ""
    return f"sums of {rows} rows{least}"
