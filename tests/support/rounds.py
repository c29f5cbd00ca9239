"""A secure sum's round in one process: contributors, collectors, one clock, and a bus that does what a test wants."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from fedpeer.core.envelope.keys import Identity
from fedpeer.core.envelope.messages import Round
from fedpeer.core.errors import RemoteError
from fedpeer.core.federation.secure.collector import Collector, advance, take
from fedpeer.core.federation.secure.contribution import Contribution
from fedpeer.core.federation.secure.contributor import Own
from fedpeer.core.federation.secure.documents import Word
from fedpeer.core.federation.secure.terms import Terms
from fedpeer.core.identity import PeerId
from fedpeer.core.statistics.residues import Block, Residues

LAYOUT = (Block("narrow", 5, 1), Block("wide", 3, 2), Block("widest", 1, 3))
WAIT_S = 4.0  # of a collector, for those who do not come
PATIENCE_S = 10.0  # of a contributor, with a silent collector
AGAIN_S = 1.0  # until a contributor says again what was not answered


@cache
def identity(number: int) -> Identity:
    return Identity.of(hashlib.sha256(b"round %d" % number).digest())


def terms(count: int, attempt: int = 0, *, layout: tuple[Block, ...] = LAYOUT, least: int = 3) -> Terms:
    peers = {identity(i).peer: identity(i).card("x").sign for i in range(count)}
    return Terms(Round("f" * 26, bytes(32), 7, attempt), peers, layout, least)


def vector(rng: random.Random, layout: tuple[Block, ...] = LAYOUT) -> Residues:
    def entry(block: Block) -> int:
        return rng.choice([0, 1, -1, rng.randint(-(2**40), 2**40), rng.randint(-(2 ** (64 * block.limbs - 9)), 2**40)])

    return Residues.of(layout, [[entry(block) for _ in range(block.entries)] for block in layout])


def plain(vectors: list[Residues], layout: tuple[Block, ...] = LAYOUT) -> Residues:
    total = Residues.zero(layout)
    for each in vectors:
        total = total + each
    return total


Fate = Callable[[random.Random], str]


@dataclass
class Simulated:
    """`fate` decides what becomes of a word: "ok", "drop", "twice" or "late"; `absent` is who is dead by now."""

    terms: Terms
    seed: int = 0
    fate: Fate = lambda rng: "ok"
    now: float = 0.0
    absent: set[PeerId] = field(default_factory=set)
    parts: dict[PeerId, Contribution] = field(default_factory=dict)
    collectors: dict[PeerId, Collector] = field(default_factory=dict)
    vectors: dict[PeerId, Residues] = field(default_factory=dict)
    wire: list[tuple[PeerId, PeerId, Word, bool]] = field(default_factory=list)
    refused: list[RemoteError] = field(default_factory=list)
    said_at: dict[PeerId, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.identities = {identity(i).peer: identity(i) for i in range(len(self.terms.signers))}

    def begin(self) -> None:
        for peer in self.terms.signers:
            self.vectors[peer] = vector(self.rng, self.terms.layout)
            own = Own(self.terms, self.identities[peer], self.vectors[peer], self.rng.randbytes(32))
            self.parts[peer] = Contribution.begin(own, self.now)
            self.say(peer, self.parts[peer].collector, self.parts[peer].again)

    def say(self, sender: PeerId, to: PeerId, word: Word, *, down: bool = False) -> None:
        if sender in self.absent:
            return
        if not down:
            self.said_at[sender] = self.now
        for _ in range({"drop": 0, "twice": 2}.get(fate := self.fate(self.rng), 1)):
            place = self.rng.randrange(len(self.wire) + 1) if fate == "late" else len(self.wire)
            self.wire.insert(place, (sender, to, word, down))

    def run(self, until: float = 200.0, hook: Callable[[Simulated], None] = lambda s: None) -> None:
        """Let everything happen that will."""
        while self.now < until and not all(p.total is not None for q, p in self.parts.items() if q not in self.absent):
            while self.wire:
                hook(self)
                self.deliver(*self.wire.pop(0))
            self.now += 0.5
            self.tick()
            if all(c.ended for c in self.collectors.values()) and not self.wire and self.now > 60:
                break

    def deliver(self, sender: PeerId, to: PeerId, word: Word, down: bool) -> None:
        if to in self.absent:
            return
        try:
            if down:
                self.parts[to], answer = self.parts[to].hear(word, self.now)
                if answer is not None:
                    self.say(to, self.parts[to].collector, answer)
            else:
                fresh = Collector(self.terms, self.identities[to], WAIT_S, self.now)
                collector, words = take(self.collectors.get(to, fresh), word)
                self.collect(to, collector, words)
        except RemoteError as error:
            self.refused.append(error)

    def collect(self, peer: PeerId, collector: Collector, words: list[tuple[PeerId, Word]]) -> None:
        self.collectors[peer], more = advance(collector, self.now)
        for to, word in [*words, *more]:
            self.say(peer, to, word, down=True)

    def tick(self) -> None:
        for peer, collector in list(self.collectors.items()):
            if peer not in self.absent:
                self.collect(peer, collector, [])
        for peer, part in list(self.parts.items()):
            if peer in self.absent or part.total is not None:
                continue
            if self.now - part.since >= PATIENCE_S:
                self.parts[peer], word = part.turn(self.now)
                self.say(peer, self.parts[peer].collector, word)
            elif self.now - self.said_at[peer] >= AGAIN_S:
                self.say(peer, part.collector, part.again)

    @property
    def totals(self) -> list[Residues]:
        return [part.total for part in self.parts.values() if part.total is not None]

    @property
    def survivors(self) -> list[frozenset[PeerId]]:
        """The sets that were opened."""
        return [frozenset(c.course.vectors) for c in self.collectors.values() if c.phase == "opened" and c.course]
