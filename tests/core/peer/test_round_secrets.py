"""What a round hides is in memory only: in no record, note, log, message, text of an object or of a fault."""

from __future__ import annotations

import base64
import logging
import random

import pytest

from fedpeer.core.federation.exchange import Exchange
from fedpeer.core.federation.secure.contribution import Contribution
from fedpeer.core.peer import events as ev
from fedpeer.core.privacy import masks, shares
from tests.support import rounds
from tests.support.simulation import Simulation, totals

# What the end of a round shows of its survivors, to whoever has its transcript.
SHOWN = {"seed", "own mask", "version"}


class Secrets:
    """Every secret that is made in a round, by what it is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: dict[str, set[bytes]] = {}
        for room, name in ((masks, "key"), (masks, "agree"), (shares, "split")):
            monkeypatch.setattr(room, name, self._watched(name, getattr(room, name)))
        begin = Contribution.begin.__func__

        def began(cls, own, now):
            self._add("root", own.root)
            return begin(cls, own, now)

        monkeypatch.setattr(Contribution, "begin", classmethod(began))

    def _add(self, what: str, secret: bytes) -> None:
        self.made.setdefault(what, set()).add(secret)

    def _watched(self, name: str, real):
        def watched(*args):
            made = real(*args)
            if name == "split":
                key = args[0] in self.made.get("mask key", ())
                for share in made:
                    self._add("share of a key" if key else "share of a seed", share)
            else:
                self._add(args[1] if name == "key" else "agreement", made)
            return made

        return watched

    def found(self, text: str | bytes, shown: set[str] = frozenset()) -> set[str]:
        """Which kinds of secrets are in a text, raw, as Python writes them, in hexadecimal or in base64."""
        return {w for w, made in self.made.items() if w not in shown and any(_has(text, each) for each in made)}


def _has(text: str | bytes, secret: bytes) -> bool:
    if isinstance(text, bytes):
        return secret[1:] in text
    middle = [secret[i : i + 8] for i in (3, 11, 19)]
    plain = [repr(part)[2:-1] for part in middle if b"'" not in part and b'"' not in part]
    return any(each in text for each in (*plain, secret[1:].hex(), base64.b64encode(secret[:30]).decode()[:38]))


def test_no_text_of_what_a_round_is_made_of_has_a_secret(monkeypatch) -> None:
    secrets = Secrets(monkeypatch)
    simulated, texts = rounds.Simulated(rounds.terms(4)), set()

    def look(s: rounds.Simulated) -> None:
        texts.update(repr(part) for part in s.parts.values())
        texts.update(repr(collector) for collector in s.collectors.values())

    simulated.begin()
    simulated.run(hook=look)
    course = simulated.collectors[simulated.terms.collectors[0]].course
    everything = [course, *simulated.parts.values(), *(p.state for p in simulated.parts.values())]
    texts.update(map(repr, everything))
    assert simulated.totals
    assert {
        "root",
        "mask key",
        "share key",
        "pair mask",
        "shares",
        "share of a key",
        "agreement",
    } <= secrets.made.keys()
    for text in texts:
        assert not secrets.found(text, {"version"})
    assert secrets.found(repr(min(secrets.made["root"]))) == {"root"}, "it would have been found"


def test_no_fault_tells_a_secret(monkeypatch) -> None:
    secrets = Secrets(monkeypatch)
    fates = ("ok", "ok", "late", "twice", "drop")
    simulated = rounds.Simulated(rounds.terms(5), 3, fate=lambda rng: rng.choice(fates))
    simulated.begin()
    simulated.run()
    assert simulated.refused
    for error in simulated.refused:
        assert not secrets.found(f"{error!r} {error} {error.hint} {error.__cause__!r} {error.__context__!r}")


def federation(secrets: Secrets) -> Simulation:
    simulation, rng = Simulation(4), random.Random(4)
    admin = simulation.found("alfa", exchange=Exchange(mode="secure", least=3))
    for name in ("bravo", "charlie", "delta"):
        simulation.join(admin, name)
    simulation.run()
    for node in simulation.up():
        xs = [rng.randrange(-200, 201) / 2 for _ in range(40)]
        simulation.add(node, {"x": xs, "y": [rng.randrange(1001) for _ in range(40)]})
    simulation.act(admin, ev.SyncNow())
    simulation.run()
    return simulation


def test_nothing_that_a_federation_stores_says_or_logs_has_a_secret(monkeypatch, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = Secrets(monkeypatch)
    simulation = federation(secrets)
    assert len(totals(simulation)) == 1
    assert simulation.nodes["alfa"].peer.ledger.opened
    shown = {*SHOWN, "share of a seed"}
    for node in simulation.nodes.values():
        for value in (*node.disk.values(), *node.pledges.values()):
            assert not secrets.found(value, shown)
        for note in node.notes:
            assert not secrets.found(repr(note))
        assert not secrets.found(repr(node.state), {"version"})
    for _, body in simulation.recorded:
        assert not secrets.found(body, {"version"}), "and what is shown at the end is sealed on the bus"
    assert not secrets.found(caplog.text)


def test_a_round_secret_in_a_record_would_be_found(monkeypatch) -> None:
    secrets = Secrets(monkeypatch)
    simulation = federation(secrets)
    evidence = next(value for node in simulation.nodes.values() for value in node.peer.sums.evidence.values())
    assert secrets.found(evidence) == {"share of a seed"}, "what opens the sum is in the transcript, and nothing else"
