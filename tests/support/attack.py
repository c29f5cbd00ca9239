"""What a hostile peer, member or broker can put on the bus: sealed and signed as well as its keys allow."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace

from fedpeer.core import canonical
from fedpeer.core.envelope import subjects
from fedpeer.core.envelope.contributions import LABEL, Contribution, Signed
from fedpeer.core.envelope.header import Outline
from fedpeer.core.envelope.keys import Identity
from fedpeer.core.envelope.messages import KINDS, Message
from fedpeer.core.envelope.seal import seal_direct, seal_group
from fedpeer.core.identity import PeerId
from fedpeer.core.peer import effects as fx
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.records import changes
from fedpeer.core.peer.state import Peer
from fedpeer.core.peer.step import step
from fedpeer.core.statistics.residues import Residues
from fedpeer.core.statistics.summary import Summary
from tests.support.simulation import Node, Simulation

Wire = tuple[str, bytes]

_numbers = itertools.count(1_000_000, 1_000)


def said(
    simulation: Simulation,
    node: Node,
    message: Message | bytes,
    *,
    kind: int | None = None,
    to: Node | None = None,
    keys: Identity | None = None,
    **outline: object,
) -> list[Wire]:
    """What `node` would send if it said this, whatever it is; signed with `keys` if they are not its own."""
    peer = node.peer
    content = message if isinstance(message, bytes) else canonical.encode(message)
    identity = keys or peer.me
    usual = Outline(
        federation=peer.federation,
        epoch=peer.roster.epoch,
        charter=peer.charter.head,
        sender=peer.me.peer,
        boot=b"M" * 16,
        kind=kind if kind is not None else KINDS[type(message)],
        recipient=to.peer.me.peer if to else "",
        pulse=0,
        expires_at=int(simulation.now) + 600,
    )
    usual = replace(usual, **outline)
    sequence, mask = next(_numbers), _Mask(identity, PeerId(usual.sender))
    if to:
        seal = to.peer.roster.members[to.peer.me.peer].card.seal
        pieces = seal_direct(usual, content, sequence=sequence, seal_key=seal, identity=mask)
        return [
            (subjects.direct(peer.federation, to.peer.me.peer, mask.peer, i), piece) for i, piece in enumerate(pieces)
        ]
    secret = peer.secret.secret if peer.secret else bytes(32)
    pieces = seal_group(usual, content, sequence=sequence, secret=secret, identity=mask)
    return [(subjects.everyone(peer.federation, mask.peer, i), piece) for i, piece in enumerate(pieces)]


class _Mask:
    """Keys under another's name."""

    def __init__(self, identity: Identity, peer: PeerId) -> None:
        self.peer = peer
        self.sign = identity.sign


def contribution(node: Node, summary: Summary | bytes, *, keys: Identity | None = None, **changed: object) -> bytes:
    """A signed contribution that nothing was asked about."""
    peer = node.peer
    usual: dict[str, object] = {
        "federation": peer.federation,
        "origin": peer.me.peer,
        "serial": peer.ledger.serial(peer.me.peer) + 1,
        "pulse": 0,
        "made_at": 0,
        "schema": peer.roster.schema.digest,
        "summary": summary if isinstance(summary, bytes) else summary.to_bytes(),
    }
    made = Contribution(**(usual | changed))
    body = canonical.encode(made)
    return canonical.encode(Signed(made.origin, body, (keys or peer.me).sign(LABEL, body)))


def claimed(summary: Summary, **blocks: list[int]) -> Summary:
    """A summary with some of its numbers replaced."""
    residues = summary.residues
    told = [blocks.get(b.name, _integers(summary, b.name)) for b in residues.layout]
    return Summary(summary.schema, Residues.of(residues.layout, told))


def _integers(summary: Summary, name: str) -> list[int]:
    part = summary.residues.part(name)
    return [int.from_bytes(row.astype("<u8").tobytes(), "little", signed=True) for row in part]


class Victim:
    """A peer that is stepped by itself: everything it does is kept here and goes nowhere."""

    def __init__(self, simulation: Simulation, node: Node) -> None:
        self.simulation, self.node = simulation, node
        self.before = self.state = node.peer
        self.sent: list[fx.Send] = []
        self.notes: list[fx.Note] = []
        self.now = simulation.now

    def hears(self, messages: Iterable[Wire]) -> Victim:
        for subject, body in messages:
            self.meets(ev.Received(subject, body))
        return self

    def meets(self, event: ev.Event) -> Victim:
        stamped = self.simulation._stamped(event)
        stamped = replace(stamped, now=self.now)
        state, effects = step(self.state, stamped, self.state.session)
        assert isinstance(state, Peer)
        self.state = state
        self.sent += [e for e in effects if isinstance(e, fx.Send)]
        self.notes += [e for e in effects if isinstance(e, fx.Note)]
        return self

    @property
    def changed(self) -> set[str]:
        """The records that differ from when it began."""
        return set(changes(self.before, self.state))

    @property
    def errors(self) -> int:
        return self.state.counters.receive_errors - self.before.counters.receive_errors

    @property
    def texts(self) -> list[str]:
        return [n.text for n in self.notes]

    @property
    def sent_bytes(self) -> int:
        return sum(len(s.body) for s in self.sent)


def garbage(rng: random.Random, recorded: list[Wire]) -> Iterator[Wire]:
    """Random bytes on subjects that are listened to, some of the length and with the beginning of a message."""
    while True:
        subject, body = rng.choice(recorded)
        yield subject, body[: rng.choice([0, 4, 30, 186])] + rng.randbytes(rng.choice([0, 1, 100, 250, 1000]))


def truncations(rng: random.Random, recorded: list[Wire]) -> Iterator[Wire]:
    """Messages cut short at either end, or grown."""
    while True:
        subject, body = rng.choice(recorded)
        cut = rng.randrange(1, len(body))
        yield subject, rng.choice([body[:cut], body[cut:], body + body[:cut]])


def flips(rng: random.Random, recorded: list[Wire]) -> Iterator[Wire]:
    """Messages of which one bit is another."""
    while True:
        subject, body = rng.choice(recorded)
        at = rng.choice([rng.randrange(186 * 8), rng.randrange(len(body) * 8), len(body) * 8 - 1 - rng.randrange(512)])
        number = int.from_bytes(body, "little") ^ (1 << (at % (len(body) * 8)))
        yield subject, number.to_bytes(len(body), "little")


def forgeries(rng: random.Random, recorded: list[Wire]) -> Iterator[Wire]:
    """Messages with fresh sequence numbers, signed again by somebody else."""
    import hashlib

    thieves = [Identity.of(rng.randbytes(32)) for _ in range(4)]
    while True:
        subject, body = rng.choice(recorded)
        head = body[:112] + rng.randrange(10**6, 2**40).to_bytes(8, "big") + body[120:186]
        sealed = body[186:-64]
        yield subject, head + sealed + rng.choice(thieves).sign("envelope", head + hashlib.sha256(sealed).digest())


def resent(rng: random.Random, recorded: list[Wire]) -> Iterator[Wire]:
    """Messages as they were, in any order, under any subject."""
    while True:
        yield rng.choice(recorded)[0], rng.choice(recorded)[1]
