"""A whole federation in one process: peers as values, one clock, one bus that can lose, repeat, reorder and record.

Nothing here sleeps or opens a socket. `Simulation(seed)` is deterministic but for what HPKE draws inside its library.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fedpeer.core.envelope import invite as invites
from fedpeer.core.envelope.access import Access
from fedpeer.core.errors import LocalError, PledgeError
from fedpeer.core.federation.exchange import Exchange
from fedpeer.core.peer import effects as fx
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.persons import patient_key
from fedpeer.core.peer.records import changes, restore
from fedpeer.core.peer.session import Habits, Session
from fedpeer.core.peer.state import Batch, Bus, Joining, Peer, Settings, State
from fedpeer.core.peer.step import begin, step
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.privacy.purse import Declared, Purse
from fedpeer.core.statistics.collect import tally
from fedpeer.core.statistics.schema import Feature, Schema
from fedpeer.node.computing import compute
from fedpeer.node.link import Line
from fedpeer.ports import SumCipher
from tests.support.ciphers import PlainCipher

SCHEMA = Schema(
    [
        Feature("x", "continuous", min=-100, max=100, resolution="0.5"),
        Feature("y", "continuous", min=0, max=1000, resolution=1),
    ]
)
CONTRACT = "COUNT(x) >= 5"
ABSENT_AFTER_S = 3.0  # shorter than daemons wait, so that fewer seconds have to be simulated


def matches(pattern: str, subject: str) -> bool:
    """NATS subject matching."""
    want, have = pattern.split("."), subject.split(".")
    for i, part in enumerate(want):
        if part == ">":
            return len(have) > i
        if i >= len(have) or part not in {"*", have[i]}:
            return False
    return len(want) == len(have)


@dataclass
class Node:
    """One peer's process: its state, its disk, and what it is told."""

    name: str
    state: State | None = None
    disk: dict[str, bytes] = field(default_factory=dict)
    pledges: dict[str, bytes] = field(default_factory=dict)
    line: Line | None = None
    notes: list[fx.Note] = field(default_factory=list)
    boots: int = 0
    online: bool = True
    declared: Declared | None = None
    purse: Purse = field(default_factory=Purse)
    own: dict[str, bytes] = field(default_factory=dict)  # records of the node, whatever federation

    @property
    def peer(self) -> Peer:
        assert isinstance(self.state, Peer), self.state
        return self.state

    def pledge(self, effects: list[fx.Effect]) -> None:
        """Keep words that are given once; PledgeError, as from a store, before anything else has happened."""
        given = dict(self.pledges)
        for effect in effects:
            if isinstance(effect, fx.Pledge) and given.setdefault(effect.name, effect.value) != effect.value:
                raise PledgeError.of(self.name, effect.name)
        self.pledges = given

    def declare(self, declared: Declared) -> None:
        """Say what data set this node's rows are of."""
        self.declared, self.purse = declared, Purse.restored(self.own, declared)

    def charge(self, effects: list[fx.Effect]) -> None:
        """Save what was paid, in the same change as the state."""
        for effect in effects:
            if isinstance(effect, fx.Charged):
                self.own |= effect.purse.changes(self.purse)
                self.purse = effect.purse

    def said(self, kind: str) -> list[str]:
        return [n.text for n in self.notes if n.kind == kind]


class Simulation:
    """Peers, a bus and a clock."""

    def __init__(self, seed: int = 0, *, fate: Callable[[random.Random, str], str] | None = None) -> None:
        """`fate` decides what becomes of each delivery: "ok", "drop", "twice" or "late"."""
        self.now = 1_700_000_000.0
        self.rng = random.Random(seed)
        self.fate = fate or (lambda rng, subject: "ok")
        self.nodes: dict[str, Node] = {}
        self.wire: list[tuple[str, str, bytes]] = []
        self.kept: dict[str, bytes] = {}
        self.recorded: list[tuple[str, bytes]] = []
        self.federation = ""
        self.ciphers: Callable[..., SumCipher] = PlainCipher
        self.wanted: list[fx.Compute] = []
        self.computing: list[tuple[str, int, fx.Compute]] = []
        self._drawn = 0
        self._seed = seed

    # People

    def found(self, name: str, *, schema: Schema = SCHEMA, contract: str = CONTRACT, **how: Any) -> Node:
        node = self.nodes.setdefault(name, Node(name))
        event = ev.Found(
            name="trial",
            display=name,
            schema=schema,
            contract=contract,
            schedule=how.get("schedule", "m1"),
            policy=how.get("policy", Policy(profile=how.get("profile", "relaxed"))),
            settings=how.get("settings", Settings(pulsing=True)),
            bus=Bus(Access(servers=("nats://127.0.0.1:1",))),
            exchange=how.get("exchange", Exchange()),
        )
        self._begin(node, event)
        return node

    def join(self, admin: Node, name: str, **how: Any) -> Node:
        node = self.ask_to_join(admin, name, self.invite(admin, role=how.pop("role", "")), **how)
        self.run()
        return node

    def invite(self, admin: Node, expires_in_s: int = 3600, *, role: str = "") -> invites.Invitation:
        """An invitation, as if its file had been opened: the slow passphrase is tested elsewhere."""
        taken: list[invites.Invitation] = []
        real = invites.write

        def write(invitation: invites.Invitation, passphrase: str, entropy: bytes) -> str:
            taken.append(invitation)
            return "text"

        invites.write = write
        try:
            role = admin.peer.roster.exchange.role(role)
            self.act(admin, ev.IssueInvite(role, expires_in_s))
        finally:
            invites.write = real
        return taken[0]

    def ask_to_join(self, admin: Node, name: str, invitation: invites.Invitation, **how: Any) -> Node:
        node = self.nodes.setdefault(name, Node(name))
        self._begin(node, ev.Join(invitation, name, how.get("settings", Settings(pulsing=True))))
        self.act(node, ev.Tick())
        return node

    def add(self, node: Node, rows: dict[str, list[float]], *, force: bool = True) -> None:
        collected = tally(node.peer.roster.schema, rows, key=patient_key(node.peer.me))
        self._drawn += 1
        batch = Batch(
            f"b{self._drawn}",
            "test",
            int(self.now),
            collected.counted,
            collected.read,
            collected.rejected,
            collected.summary.digest,
        )
        self.act(node, ev.AddBatch(batch, collected.summary, force, patients=collected.patients))

    # Time and the wire

    def act(self, node: Node, event: ev.Event) -> Any:
        """One event and the settling after it, saved and then carried out, as the engine does it."""
        assert node.state is not None
        reply = None
        for each in (event, ev.Settle()):
            before = node.state
            after, effects = step(before, self._stamped(each, node), self._session(node))
            reply = self._commit(node, before, after, effects) if each is event else reply
            if each is not event:
                self._commit(node, before, after, effects)
        return reply

    def run(self, most: int = 20_000) -> None:
        """Deliver until the wire is silent, letting the short waits between statuses pass."""
        for _ in range(most):
            if self.computing:
                self.compute()
            elif not self.wire:
                self.now += 0.2
                for node in self.up():
                    self.act(node, ev.Settle())
                if not (self.wire or self.computing):
                    return
            else:
                self.deliver(self.rng.randrange(len(self.wire)) if self._chaotic() else 0)
        raise AssertionError("the wire does not fall silent")

    def pass_time(self, seconds: float, *, tick: float = 1.0) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += tick
            for node in self.up():
                self.act(node, ev.Tick())
            self.run()

    def deliver(self, index: int) -> None:
        name, subject, body = self.wire.pop(index)
        node = self.nodes[name]
        if node.online and node.state is not None:
            self.act(node, ev.Received(subject, body))

    def compute(self) -> None:
        """Do the first thing that a cipher was asked for; whoever has died meanwhile does not hear of it."""
        name, boots, wanted = self.computing.pop(0)
        node = self.nodes[name]
        if node.online and node.boots == boots:
            cipher = self.ciphers(wanted.terms.layout, wanted.terms.addends)
            self.act(node, ev.Computed(wanted.round, compute(cipher, wanted.task)))

    def up(self) -> list[Node]:
        return [n for n in self.nodes.values() if n.online and n.state is not None]

    def crash(self, node: Node) -> None:
        """The process dies; its disk stays."""
        node.online, node.state, node.line = False, None, None

    def restart(
        self, node: Node, disk: dict[str, bytes] | None = None, pledges: dict[str, bytes] | None = None
    ) -> None:
        """Start again from the disk, or from a backup of it (with its `pledges`, if they are not the newest either)."""
        node.disk = dict(disk if disk is not None else node.disk)
        node.pledges = dict(pledges if pledges is not None else node.pledges)
        node.boots += 1
        node.purse = Purse.restored(node.own, node.declared)
        node.state = restore(self.federation, node.disk, self._session(node))
        node.online = True
        self._reconnect(node)

    # Inside

    def _chaotic(self) -> bool:
        return self.fate(self.rng, "order") != "ok"

    def _session(self, node: Node) -> Session:
        boot = hashlib.sha256(f"{self._seed}/{node.name}/{node.boots}".encode()).digest()[:16]
        return Session(boot, Habits(absent_after_s=ABSENT_AFTER_S))

    def _stamped(self, event: ev.Event, node: Node | None = None) -> ev.Stamped:
        self._drawn += 1
        entropy = hashlib.sha256(f"{self._seed}/{self._drawn}".encode()).digest()
        return ev.Stamped(self.now, entropy, event, node.purse if node else Purse())

    def _begin(self, node: Node, event: ev.Found | ev.Join) -> None:
        state, effects = begin(self._stamped(event, node), self._session(node))
        self.federation = state.federation
        self._commit(node, None, state, effects)

    def _commit(self, node: Node, before: State | None, after: State, effects: list[fx.Effect]) -> Any:
        node.pledge(effects)
        node.charge(effects)
        for name, value in changes(before, after).items():
            if value is None:
                node.disk.pop(name, None)
            else:
                node.disk[name] = value
        node.state = after
        reply = None
        for effect in effects:
            match effect:
                case fx.Send():
                    self.publish(effect.subject, effect.body, node.name)
                case fx.Note():
                    node.notes.append(effect)
                case fx.Reply():
                    reply = effect.value
                case fx.Reconnect():
                    self._reconnect(node)
                case fx.Compute():
                    self.computing.append((node.name, node.boots, effect))
                    self.wanted.append(effect)
                case fx.Fetch():
                    for subject in effect.subjects:
                        if subject in self.kept:
                            self.wire.append((node.name, subject, self.kept[subject]))
        return reply

    def publish(self, subject: str, body: bytes, sender: str = "") -> None:
        self.recorded.append((subject, body))
        if ".now." not in subject and ".talk." not in subject:
            self.kept[subject] = body
        for name, other in self.nodes.items():
            listening = other.line and any(matches(p, subject) for p in other.line.subjects)
            if name != sender and other.online and listening:
                fate = self.fate(self.rng, subject)
                for _ in range({"drop": 0, "twice": 2}.get(fate, 1)):
                    self.wire.append((name, subject, body))

    def _reconnect(self, node: Node) -> None:
        assert node.state is not None
        line = Line.of(node.state)
        if line != node.line:
            node.line = line
            if line is not None:
                self.act(node, ev.Connected())


def totals(simulation: Simulation) -> set[str]:
    """The digests of all present members' totals: one, when they agree."""
    members = [n.peer for n in simulation.up() if not isinstance(n.state, Joining)]
    return {p.ledger.total.digest for p in members if p.phase == "active"}


def refused(simulation: Simulation, node: Node, event: ev.Event) -> LocalError | None:
    """The LocalError that an event leads to, if it does."""
    try:
        simulation.act(node, event)
    except LocalError as error:
        return error
    return None
