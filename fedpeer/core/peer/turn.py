"""One step in the making: the state as it becomes, and the effects it leads to.

A `Turn` is made by `step` for one event, handed down through the handlers and taken apart again; it is the only mutable
thing in the core and never leaves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from fedpeer.core import canonical
from fedpeer.core.canonical import digest
from fedpeer.core.envelope import subjects
from fedpeer.core.envelope.header import Outline
from fedpeer.core.envelope.messages import KINDS, Call, Evidence, Inquiry, Message, Share, Status, Talk
from fedpeer.core.envelope.seal import seal_direct, seal_group
from fedpeer.core.errors import CharterError, PermissionRefusedError, StateError
from fedpeer.core.federation.charter import Charter
from fedpeer.core.federation.decisions import Decision
from fedpeer.core.identity import PeerId
from fedpeer.core.peer.effects import Charged, Effect, Level, Note, Reply, Send
from fedpeer.core.peer.growing import grown
from fedpeer.core.peer.state import Peer, Secret
from fedpeer.core.privacy.purse import Bill, Purse
from fedpeer.core.privacy.veil import Veil, knows
from fedpeer.core.pulse.inbound import judge
from fedpeer.core.statistics.summary import Summary

# What the broker does not keep matters only now.
SAID_FOR_S = 3_600


class Turn:
    """The state before, becoming the state after."""

    def __init__(self, state: Peer, now: float, entropy: bytes, purse: Purse | None = None) -> None:
        self.state = state
        self.purse = purse or Purse()
        self.now = now
        self.effects: list[Effect] = []
        self.own: list[Talk] = []
        self._entropy = entropy
        self._drawn = 0

    def draw(self, purpose: str) -> bytes:
        """32 fresh bytes; never the same twice in one step, nor for two purposes."""
        self._drawn += 1
        return digest("draw/" + purpose, self._entropy, self._drawn.to_bytes(4, "big"))

    def veil(self, occasion: bytes = b"") -> Veil:
        """What noise is drawn from and paid with; the occasion is a round's id, or nothing for a sum of our own."""
        state, least = self.state, self.state.roster.exchange.least if occasion else 1
        return Veil(self.purse, state.federation, self.draw("noise"), int(self.now), occasion, least)

    def pay(self, bill: Bill | None) -> None:
        """Pay for the noise of what leaves in this step, if it has any."""
        if bill is not None:
            self._charged(self.purse.paid(bill))

    def pay_forgotten(self, signed: bytes, summary: Summary) -> None:
        """Pay for a contribution of ours with noise, if it left and is not known: a backup was restored."""
        noise = self.state.roster.policy.noise
        if noise is not None and summary.noise and not knows(self.purse, summary):
            self._charged(self.purse.forgotten(signed, self.state.federation, noise.cost, int(self.now)))

    def _charged(self, purse: Purse) -> None:
        if purse is not self.purse:
            self.purse = purse
            self.effects.append(Charged(purse))

    def change(self, **changes: Any) -> None:
        """Change the state."""
        self.state = replace(self.state, **changes)

    def session(self, **changes: Any) -> None:
        """Change the session."""
        self.state = self.state.with_session(**changes)

    def count(self, **by: int) -> None:
        """Add to counters."""
        counters = self.state.counters
        self.change(counters=msgspec.structs.replace(counters, **{k: getattr(counters, k) + n for k, n in by.items()}))

    def blame(self, peer: PeerId) -> None:
        """Count a contract failure of a member."""
        failures = self.state.counters.receive_contract_failures
        failures = {**failures, peer: failures.get(peer, 0) + 1}
        self.change(counters=msgspec.structs.replace(self.state.counters, receive_contract_failures=failures))

    def note(
        self, kind: str, level: Level, text: str, *, peer: str = "", data: Mapping[str, Any] | None = None
    ) -> None:
        """Tell people."""
        pulse = self.state.roster.schedule.pulse_at(self.now)
        self.effects.append(Note(kind, level, text, peer, pulse, data or {}))

    def reply(self, value: object) -> None:
        """Answer the operator."""
        self.effects.append(Reply(value))

    def name(self, peer: str) -> str:
        """What people call a peer."""
        member = self.state.roster.members.get(PeerId(peer))
        return member.card.name if member else peer

    def need_active(self) -> None:
        """StateError unless this membership is active."""
        if self.state.phase != "active":
            raise StateError(f"this node's membership of {self.state.roster.name} is {self.state.phase}")

    def need_admin(self, action: str) -> None:
        """PermissionRefusedError unless this node is the admin and its membership active."""
        self.need_active()
        if not self.state.is_admin:
            raise PermissionRefusedError(
                f"only the federation's admin, {self.name(self.state.roster.admin)}, may {action}"
            )

    def need_newest(self) -> None:
        """CharterError unless this admin can know that its charter is the newest: then what others ask is put off."""
        if not self.state.may_decide(self.now):
            raise CharterError("it cannot be decided yet: this node asks whether its charter is the newest")

    def seldom(self, what: str, every_s: float) -> bool:
        """Whether it is time to do again what should not be done often; remembers that it was done."""
        said = self.state.session.said_at
        if self.now - said.get(what, float("-inf")) < every_s:
            return False
        self.session(said_at={**said, what: self.now})
        return True

    # Deciding, as the admin

    def decide(self, *decisions: Decision) -> None:
        """Append the admin's decisions to the charter; StateError while ours may be an old one."""
        if not self.state.may_decide(self.now):
            raise StateError(
                "this node has just started and asks the members whether its charter is the newest",
                hint="try again in a few seconds; if it stays so, check that the bus is connected",
            )
        self.session(current=True)
        charter = self.state.charter
        for decision in decisions:
            charter = charter.decide(decision, self.state.me, int(self.now))
        self.adopt(charter)

    def adopt(self, charter: Charter) -> None:
        """Follow a longer charter: drop who left, put every contribution to the contract again, tell the others."""
        before = self.state
        roster, old = charter.roster, before.roster
        self.change(charter=charter)
        if roster.lineage is not old.lineage:
            self.state = before = grown(self.state)
        gone = [p for p in before.ledger.held if not roster.member(p)]
        ledger = before.ledger.without(gone)
        rules = (roster.contract.text, roster.active, roster.schema.digest)
        if rules != (old.contract.text, old.active, old.schema.digest):
            action = before.settings.receive_action
            ledger = ledger.judged(lambda summary: judge(summary, roster, action=action))
        self.change(ledger=ledger)
        session = self.state.session
        heard = {p: h for p, h in session.heard.items() if roster.member(p)}
        answers = {p: n for p, n in session.answers.items() if roster.member(p)}
        self.session(dirty=True, heard=heard, answers=answers)

    def hold(self, epoch: int, secret: bytes) -> None:
        """Hold the newest epoch's secret and retire the ones before it."""
        retired = (_retired(s, self.now) for s in self.state.secrets)
        self.change(secrets=(*(s for s in retired if s.epoch != epoch), Secret(epoch, secret)))
        self.session(dirty=True)

    # Speaking

    def say(self, message: Share | Status | Call) -> None:
        """Seal a message to the group and send it. Without the newest secret nothing can be said, and nothing is.

        In a centralised federation there is no group: members speak to the admin, and it keeps what it has.
        """
        if self.state.roster.exchange.centralised:
            if not self.state.is_admin:
                self.tell(self.state.roster.admin, message)
            return
        secret = self.state.secret
        if secret is None:
            return
        kept = isinstance(message, Share)
        outline = self._outline(message, "", self.state.session.habits.kept_for_s if kept else SAID_FOR_S)
        content = canonical.encode(message)
        pieces = seal_group(
            outline, content, sequence=self.state.session.sequence, secret=secret.secret, identity=self.state.me
        )
        self._advance(len(pieces))
        fed, me = self.state.federation, self.state.me.peer
        for i, piece in enumerate(pieces):
            subject = subjects.everyone(fed, me, i) if kept else subjects.now(fed, me)
            self.effects.append(Send(f"{type(message).__name__}/{i}", subject, piece))

    def tell(self, peer: PeerId, message: Message) -> None:
        """Seal a message to one member, past or present, and send it. What matters only now is not kept for it."""
        card = self.state.roster.members[peer].card
        passing = isinstance(message, _PASSING)
        outline = self._outline(message, peer, SAID_FOR_S if passing else self.state.session.habits.kept_for_s)
        content = canonical.encode(message)
        pieces = seal_direct(
            outline, content, sequence=self.state.session.sequence, seal_key=card.seal, identity=self.state.me
        )
        self._advance(len(pieces))
        fed, me = self.state.federation, self.state.me.peer
        for i, piece in enumerate(pieces):
            subject = subjects.talk(fed, peer, me) if passing else subjects.direct(fed, peer, me, i)
            self.effects.append(Send(f"{_slot(message)}/{peer}/{i}", subject, piece))

    def talk(self, peer: PeerId, talk: Talk) -> None:
        """Say a word of a round to a member, or to ourselves: that is heard when the round is gone on with."""
        if peer == self.state.me.peer:
            self.own.append(talk)
        else:
            self.tell(peer, talk)

    def _outline(self, message: Message, recipient: str, lasts_s: int) -> Outline:
        state = self.state
        return Outline(
            federation=state.federation,
            epoch=state.roster.epoch,
            charter=state.charter.head,
            sender=state.me.peer,
            boot=state.session.boot,
            kind=KINDS[type(message)],
            recipient=recipient,
            pulse=state.roster.schedule.pulse_at(self.now),
            expires_at=int(self.now) + lasts_s,
        )

    def _advance(self, pieces: int) -> None:
        self.session(sequence=self.state.session.sequence + pieces)


_PASSING = (Status, Talk, Inquiry, Evidence)


def _slot(message: Message) -> str:
    """Where a newer message takes the place of one that has not left; a round's two directions are two places."""
    return f"Talk/{'up' if message.up else 'down'}" if isinstance(message, Talk) else type(message).__name__


def _retired(secret: Secret, now: float) -> Secret:
    """The secret, marked as replaced by a newer one."""
    return secret if secret.retired_at else msgspec.structs.replace(secret, retired_at=int(now))
