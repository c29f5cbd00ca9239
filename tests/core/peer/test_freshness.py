"""No key, nonce, seed or mask serves twice: not after a crash, not in a second attempt, not from an old backup."""

from __future__ import annotations

import random
from collections import Counter
from types import SimpleNamespace

import pytest

from fedpeer.adapters.system import SystemEntropy
from fedpeer.core.envelope import keys as envelope_keys
from fedpeer.core.envelope import seal
from fedpeer.core.federation.exchange import Exchange
from fedpeer.core.federation.secure import contributor
from fedpeer.core.federation.secure.contribution import Contribution
from fedpeer.core.federation.secure.contributor import Own
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.turn import Turn
from fedpeer.core.privacy import masks
from tests.support import rounds
from tests.support.simulation import Node, Simulation

PURPOSES = ("seed", "mask key", "share key", "seed shares", "mask key shares")


class Used:
    """What was given to every cipher and every mask, and for what."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sealed: dict[tuple[bytes, bytes], set[bytes]] = {}
        self.masked: dict[tuple[bytes, bytes], set[bytes]] = {}
        self.roots: list[bytes] = []
        self.hpke: list[bytes] = []
        real, begin, hpke = contributor.conceal, Contribution.begin.__func__, seal.seal_to

        def conceal(state, *args):
            used: list[bytes] = []

            def total(layout, *, added, taken, **others):
                used.extend([*added, *taken])
                return masks.total(layout, added=added, taken=taken, **others)

            own = state.own
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(contributor, "masks", SimpleNamespace(**vars(masks) | {"total": total}))
                after = real(state, *args)
            for key in used:
                self.masked.setdefault((own.me.encode(), key), set()).add(own.vector.to_bytes() + after.said)
            return after

        def began(cls, own, now):
            self.roots.append(own.root)
            return begin(cls, own, now)

        def sealed_to(public, info, data):
            out = hpke(public, info, data)
            self.hpke.append(out[: envelope_keys.SEALED_OVERHEAD - 16])
            return out

        monkeypatch.setattr(contributor, "conceal", conceal)
        monkeypatch.setattr(Contribution, "begin", classmethod(began))
        monkeypatch.setattr(seal, "seal_to", sealed_to)
        for room in (contributor, seal):
            monkeypatch.setattr(room, "ChaCha20Poly1305", self.cipher(room.ChaCha20Poly1305))

    def cipher(self, real: type) -> type:
        sealed = self.sealed

        class Watched:
            def __init__(self, key: bytes) -> None:
                self.key, self.real = bytes(key), real(key)

            def encrypt(self, nonce: bytes, data: bytes, head: bytes) -> bytes:
                sealed.setdefault((self.key, nonce), set()).add(data)
                return self.real.encrypt(nonce, data, head)

            def decrypt(self, *args: bytes) -> bytes:
                return self.real.decrypt(*args)

        return Watched

    @property
    def twice(self) -> list[object]:
        """What served for two things."""
        several = [each for found in (self.sealed, self.masked) for each, what in found.items() if len(what) > 1]
        return several + [each for each, n in (Counter(self.roots) + Counter(self.hpke)).items() if n > 1]


def rows(rng: random.Random) -> dict[str, list[float]]:
    return {"x": [rng.randrange(-200, 201) / 2 for _ in range(30)], "y": [rng.randrange(1001) for _ in range(30)]}


def crashing(simulation: Simulation, pulses: int) -> int:
    """Rounds in which peers die at any moment and come back at once, half of them from an old backup of their home."""
    rng, crashes = simulation.rng, 0
    old = {node.name: (dict(node.disk), dict(node.pledges)) for node in simulation.up()}
    for count in range(pulses):
        for node in simulation.up():
            simulation.add(node, rows(rng))
        simulation.act(rng.choice(simulation.up()), ev.SyncNow())
        for _ in range(400):
            if simulation.wire:
                simulation.deliver(0)
            else:
                simulation.pass_time(1)
            if rng.random() < 0.02:
                crashes += 1
                simulation.crash(node := rng.choice(simulation.up()))
                simulation.restart(node, *(old[node.name] if rng.random() < 0.5 else ()))
        if count % 5 == 4:
            old = {node.name: (dict(node.disk), dict(node.pledges)) for node in simulation.up()}
    return crashes


def federation(members: int = 4) -> tuple[Simulation, list[Node]]:
    simulation = Simulation(3)
    admin = simulation.found("alfa", exchange=Exchange(mode="secure", least=3))
    nodes = [admin, *(simulation.join(admin, name) for name in ("bravo", "charlie", "delta")[: members - 1])]
    simulation.run()
    return simulation, nodes


@pytest.mark.long
def test_nothing_serves_twice_in_rounds_with_crashes_and_old_backups(monkeypatch) -> None:
    used = Used(monkeypatch)
    simulation, nodes = federation()
    crashes = crashing(simulation, 8)
    assert crashes > 20
    assert len(used.roots) > 30
    assert len(used.masked) > 60
    assert len(used.sealed) > 1000
    assert not used.twice
    assert any(node.peer.ledger.opened for node in nodes), "and rounds have come to their end meanwhile"


def test_with_bytes_that_come_again_after_a_restart_the_same_masks_would_hide_two_vectors(monkeypatch) -> None:
    used = Used(monkeypatch)
    monkeypatch.setattr(Turn, "draw", lambda self, purpose: bytes(32))
    terms, rng = rounds.terms(4), random.Random(1)
    for _ in range(2):
        vectors = [rounds.vector(rng) for _ in range(4)]
        roots = [Turn(None, 0.0, b"from a backup").draw("round") for _ in range(4)]
        owns = [Own(terms, rounds.identity(i), vectors[i], root) for i, root in enumerate(roots)]
        simulated = rounds.Simulated(terms)
        simulated.begin()
        for own in owns:
            simulated.parts[own.me] = Contribution.begin(own, 0.0)
        simulated.wire.clear()
        for part in simulated.parts.values():
            simulated.say(part.state.own.me, part.collector, part.again)
        simulated.run()
    assert {type(each) for each in used.twice} == {tuple, bytes}
    assert any(key in used.masked for key in used.twice)


def secrets_of(draws: int, restored_every: int, entropy) -> int:
    """How many different secrets peers have in so many rounds, of which most are entered again and again."""
    vector, found = rounds.vector(random.Random(0)), set()
    terms = [rounds.terms(3, attempt) for attempt in range(restored_every)]
    for count in range(draws):
        root = Turn(None, 0.0, entropy(count)).draw("round")
        own = Own(terms[count % restored_every], rounds.identity(0), vector, root)
        found |= {root, *map(own.secret, PURPOSES)}
    return len(found)


@pytest.mark.long
def test_a_hundred_thousand_rounds_have_as_many_secrets_of_each_kind() -> None:
    """The peer is set back to one of a hundred rounds each time, which it enters again: only what is drawn is new.

    32 bytes from the kernel repeat among so many with a probability below 2**-220.
    """
    draws, kernel = 100_000, SystemEntropy()
    assert secrets_of(draws, 100, lambda _: kernel.draw(32)) == draws * (1 + len(PURPOSES))


def test_a_generator_that_is_set_back_with_its_home_repeats_them() -> None:
    assert secrets_of(200, 100, lambda count: bytes([count % 100]) * 32) == 100 * (1 + len(PURPOSES))


def test_one_step_never_draws_the_same_twice() -> None:
    turn = Turn(None, 0.0, bytes(32))
    drawn = [turn.draw(purpose) for purpose in ("round", "epoch", "round", "round") * 50]
    assert len(set(drawn)) == 200
