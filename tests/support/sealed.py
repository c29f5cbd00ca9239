"""A round under a cipher in one process: three kinds of parts, one clock, and a bus that does what a test wants."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from fedpeer.core.envelope.messages import Round
from fedpeer.core.errors import RemoteError
from fedpeer.core.federation.sealed import beneficiary, contributor, seat
from fedpeer.core.federation.sealed.beneficiary import Ended, Opening
from fedpeer.core.federation.sealed.conclusion import Concluded, conclude
from fedpeer.core.federation.sealed.contributor import Own, Part
from fedpeer.core.federation.sealed.documents import Key, Word, kind_of
from fedpeer.core.federation.sealed.seat import Early, Move
from fedpeer.core.federation.sealed.terms import Terms
from fedpeer.core.federation.sealed.work import Task
from fedpeer.core.identity import PeerId
from fedpeer.core.privacy import cipher
from fedpeer.core.statistics.residues import Residues
from fedpeer.node.computing import compute
from fedpeer.ports import SumCipher
from tests.support import rounds
from tests.support.ciphers import PlainCipher
from tests.support.rounds import LAYOUT, Fate, identity, vector

WAIT_S = 6.0
AGAIN_S = 3.0


def terms(contributors: int = 4, attempt: int = 0, *, scheme: str = "paillier", least: int = 3) -> Terms:
    """The first is the beneficiary, the second the coordinator."""
    peers = [identity(i).peer for i in range(contributors + 2)]
    signers = {peer: identity(i).card("x").sign for i, peer in enumerate(peers)}
    work = cipher.Terms(scheme, (), LAYOUT, contributors)
    which = Round("f" * 26, bytes(32), 7, attempt)
    return Terms(which, peers[0], peers[1], tuple(sorted(peers[2:])), signers, work, least)


@dataclass
class Simulated:
    """`fate` decides what becomes of a word: "ok", "drop", "twice" or "late"; `absent` is who is dead by now."""

    terms: Terms
    seed: int = 0
    fate: Fate = lambda rng: "ok"
    cipher: SumCipher = field(default_factory=lambda: PlainCipher(LAYOUT, 20))
    now: float = 0.0
    absent: set[PeerId] = field(default_factory=set)
    states: dict[PeerId, seat.State | Early | None] = field(default_factory=dict)
    vectors: dict[PeerId, Residues] = field(default_factory=dict)
    wire: list[tuple[PeerId, PeerId, Word]] = field(default_factory=list)
    tasks: list[tuple[PeerId, Task]] = field(default_factory=list)
    refused: list[RemoteError] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    opened: list[Residues] = field(default_factory=list)
    ended: Ended | None = None

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.identities = {identity(i).peer: identity(i) for i in range(len(self.terms.signers))}

    def own(self, peer: PeerId) -> Own:
        return Own(self.terms, self.identities[peer])

    def begin(self) -> None:
        for peer in self.terms.contributors:
            self.vectors[peer] = vector(self.rng)
        self.states[self.terms.coordinator] = Early(self.own(self.terms.coordinator))
        lead = self.terms.beneficiary
        self.moved(lead, Move(*beneficiary.begin(self.own(lead), self.rng.randbytes(32))))

    def moved(self, peer: PeerId, move: Move) -> None:
        before = self.states.get(peer)
        self.states[peer] = move.state
        if move.task is not None:
            self.tasks.append((peer, move.task))
        if move.word is not None:
            self.say(peer, move.word)
        if move.reason:
            self.reasons.append(move.reason)
        if move.opened is not None:
            assert isinstance(before, Opening)
            self.opened.append(move.opened)
            self.ended = beneficiary.end(before, move.opened)

    def say(self, peer: PeerId, word: Word) -> None:
        for to in seat.listeners(self.states[peer]):
            self.send(peer, to, word)

    def send(self, peer: PeerId, to: PeerId, word: Word) -> None:
        for _ in range({"drop": 0, "twice": 2}.get(fate := self.fate(self.rng), 1)):
            place = self.rng.randrange(len(self.wire) + 1) if fate == "late" else len(self.wire)
            self.wire.insert(place, (peer, to, word))

    def deliver(self, to: PeerId, word: Word) -> None:
        if to in self.absent:
            return
        try:
            self.moved(to, self.heard(to, word))
        except RemoteError as error:
            self.refused.append(error)

    def heard(self, to: PeerId, word: Word) -> Move:
        state = self.states.get(to)
        if state is None and to in self.terms.contributors and kind_of(word) is Key:
            part = Part(self.vectors[to], self.rng.randbytes(32))
            return Move(*contributor.encrypt(self.own(to), word, part))
        return seat.hear(state, word, self.now, WAIT_S) if state is not None else Move(None)

    def run(self, until: float = 60.0, hook=lambda s: None) -> None:
        """Let everything happen that will."""
        while self.now < until and self.ended is None:
            while self.wire or self.tasks:
                hook(self)
                if (self.tasks and self.rng.random() < 0.5) or not self.wire:
                    peer, task = self.tasks.pop(0)
                    state = self.states.get(peer)
                    if peer not in self.absent and state is not None:
                        self.moved(peer, seat.answered(state, compute(self.cipher, task), self.now))
                else:
                    self.deliver(*self.wire.pop(0)[1:])
            self.now += 0.5
            self.tick()

    def tick(self) -> None:
        for peer, state in list(self.states.items()):
            if peer in self.absent or state is None:
                continue
            self.moved(peer, seat.advance(state, self.now))
            if self.now % AGAIN_S == 0 and self.states[peer] is state:
                for to, word in seat.reminders(state):
                    self.send(peer, to, word)

    @property
    def concluded(self) -> tuple[Concluded, Concluded]:
        """The end as it is kept, and as it is told."""
        assert self.ended is not None
        return conclude(self.terms, self.ended.kept), conclude(self.terms, self.ended.told)

    def plain(self) -> Residues:
        """The plain sum of those who are in the opened one."""
        return rounds.plain([self.vectors[peer] for peer in self.concluded[0].versions])
