"""A whole round of the secure sum in one process, without a bus: what every phase costs a peer and the collector.

Some peers are measured as if each were alone: with terms of its own, and remembering only signatures that it verified.
The others share both, or a thousand peers on one machine would verify every advert a thousand times. Seconds are of
processor time. `python scripts/circle.py 1000 100` says it of 1,000 peers of whom 100 fall silent after dealing.
"""

from __future__ import annotations

import hashlib
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from fedpeer.core.canonical import encode
from fedpeer.core.envelope import keys
from fedpeer.core.envelope.keys import Identity
from fedpeer.core.federation.secure.collector import Collector, advance, take
from fedpeer.core.federation.secure.contribution import Contribution
from fedpeer.core.federation.secure.contributor import Own
from fedpeer.core.federation.secure.documents import Word
from fedpeer.core.federation.secure.terms import Round, Terms
from fedpeer.core.identity import PeerId
from fedpeer.core.statistics.residues import Block, Residues

PHASES = ("advert", "deal", "vector", "vote", "reveal", "result")
SILENT = PHASES.index("vector")  # from here on nothing comes from those who drop out: the dearest moment to do so
LAYOUT = (Block("products", 5151, 2),)  # what 100 features make
MEASURED = 10
WAIT_S = 1.0


@dataclass
class Cost:
    """Of each phase: the measured peers' seconds, bytes out and bytes in; the collector's seconds."""

    verified: list[int] = field(default_factory=list)

    peer: dict[str, list[float]] = field(default_factory=lambda: {phase: [] for phase in PHASES})
    out: dict[str, list[int]] = field(default_factory=lambda: {phase: [] for phase in PHASES})
    into: dict[str, list[int]] = field(default_factory=lambda: {phase: [] for phase in PHASES})
    collector: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))

    @property
    def told(self) -> dict[str, Any]:
        """Medians over the measured peers."""
        middle = {
            name: {phase: statistics.median(found or [0]) for phase, found in each.items()}
            for name, each in (("peer", self.peer), ("out", self.out), ("into", self.into))
        }
        return {**middle, "collector": self.collector, "verified": statistics.median(self.verified)}


@dataclass
class Circle:
    """A round among these vectors' owners, of whom the last `gone` fall silent after dealing."""

    layout: tuple[Block, ...]
    vectors: Sequence[Residues]
    gone: int = 0
    measured: int = MEASURED
    cost: Cost = field(default_factory=Cost)
    parts: dict[PeerId, Contribution] = field(default_factory=dict)
    said: dict[PeerId, Word] = field(default_factory=dict)
    now: float = 0.0

    def __post_init__(self) -> None:
        count = len(self.vectors)
        every = [Identity.of(hashlib.sha256(b"circle %d" % i).digest()) for i in range(count)]
        self.identities = {each.peer: each for each in every}
        self.signers = {each.peer: each.card("x").sign for each in every}
        self.lost = {each.peer for each in every[count - self.gone :]}
        self.shared = keys.proved
        self.memories = {each.peer: lru_cache(8192)(keys.proved.__wrapped__) for each in every[: self.measured]}
        common = self.terms()
        self.collector = Collector(common, self.identities[common.collectors[0]], WAIT_S, 0.0)

    def terms(self) -> Terms:
        """The round's terms, as one peer works them out."""
        return Terms(Round("f" * 26, bytes(32), 1, 0), self.signers, self.layout)

    def run(self) -> Residues:
        """The sum that all who are left were told."""
        for identity, vector in zip(self.identities.values(), self.vectors, strict=True):
            terms = self.terms() if identity.peer in self.memories else self.collector.terms
            own = Own(terms, identity, vector, hashlib.sha256(b"root" + identity.secret()).digest())
            self._part("advert", identity.peer, lambda own=own: _begun(own))
        for at, phase in enumerate(PHASES[:-1]):
            for peer in self.memories.keys() & self.said.keys():
                self.cost.out[phase].append(len(encode(self.said[peer])))
            words = self._collect(phase, self.lost if at >= SILENT else set())
            for peer, word in words:
                if at < SILENT - 1 or peer not in self.lost:
                    self._hear(PHASES[at + 1], peer, word)
        self.cost.verified = [memory.cache_info().misses for memory in self.memories.values()]
        (total,) = {part.total for part in self.parts.values() if part.total is not None}
        return total

    def _hear(self, phase: str, peer: PeerId, word: Word) -> None:
        if peer in self.memories:
            self.cost.into[phase].append(len(encode(word)))
        self._part(phase, peer, lambda: self.parts[peer].hear(word, self.now))

    def _part(self, phase: str, peer: PeerId, work: Callable[[], tuple[Contribution, Word | None]]) -> None:
        keys.proved = self.memories.get(peer, self.shared)
        begun = time.process_time()
        self.parts[peer], word = work()
        taken = time.process_time() - begun
        keys.proved = self.shared
        if peer in self.memories:
            self.cost.peer[phase].append(taken)
        if word is not None:
            self.said[peer] = word

    def _collect(self, phase: str, lost: set[PeerId]) -> list[tuple[PeerId, Word]]:
        said, self.said = self.said, {}
        words: list[tuple[PeerId, Word]] = []
        begun = time.process_time()
        for peer, word in said.items():
            if peer not in lost:
                self.collector, _ = take(self.collector, word)
                self.collector, more = advance(self.collector, self.now)
                words += more
        if not words:  # somebody did not come
            self.now += 2 * WAIT_S
            self.collector, words = advance(self.collector, self.now)
        self.cost.collector[phase] = time.process_time() - begun
        if not words:
            raise RuntimeError(self.collector.reason or f"no {phase} came to anything")
        return words


def random(layout: tuple[Block, ...], count: int) -> list[Residues]:
    """Vectors of random bits, with room for their sum."""
    rng = np.random.default_rng(1)
    every = [rng.integers(0, 2**64, (count, b.entries, b.limbs), np.uint64) for b in layout]
    for block in every:
        block[:, :, -1] >>= np.uint64(20)
    return [Residues(layout, tuple(block[i] for block in every)) for i in range(count)]


def plain(vectors: Sequence[Residues]) -> Residues:
    total = vectors[0]
    for each in vectors[1:]:
        total = total + each
    return total


def _begun(own: Own) -> tuple[Contribution, Word | None]:
    part = Contribution.begin(own, 0.0)
    return part, part.again


def main(count: int, gone: int) -> None:
    begun, used = time.perf_counter(), time.process_time()
    circle = Circle(LAYOUT, random(LAYOUT, count), gone)
    if circle.run() != plain(circle.vectors[: count - gone]):
        raise RuntimeError("the opened sum is not the plain sum")
    seconds, used, megabytes = (
        time.perf_counter() - begun,
        time.process_time() - used,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )
    print(
        json.dumps(
            {"seconds": seconds, "used": used, "megabytes": megabytes, "verify": _verifying(), **circle.cost.told}
        )
    )


def _verifying() -> float:
    """Seconds of verifying one signature."""
    identity = Identity.of(bytes(32))
    signed, signer = identity.sign("bench", b""), identity.card("x").sign
    begun = time.process_time()
    for _ in range(100):
        keys.proved.cache_clear()
        keys.verify(signer, "bench", b"", signed)
    return (time.process_time() - begun) / 100


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
