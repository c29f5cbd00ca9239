"""Every kind of message: forged, replayed, damaged, and it is no more than a count. New kinds must be added here."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fedpeer.core import canonical
from fedpeer.core.envelope import messages as ms
from fedpeer.core.envelope import seal
from fedpeer.core.envelope.messages import Kind, Message
from fedpeer.core.envelope.receipts import Confirmation, confirm
from fedpeer.core.envelope.window import Windows
from fedpeer.core.errors import RemoteError
from fedpeer.core.federation.exchange import Exchange
from fedpeer.core.federation.secure.conclusion import Conclusion
from fedpeer.core.federation.secure.documents import Said, Sealed, Word
from fedpeer.core.peer import events as ev
from fedpeer.core.peer import hearing, rounds
from fedpeer.core.peer.state import Batch
from fedpeer.core.statistics.additions import Additions
from fedpeer.core.statistics.collect import tally
from fedpeer.node import batch
from tests.support import attack
from tests.support.attack import Victim, said
from tests.support.letters import Letter
from tests.support.simulation import Node, Simulation, totals
from tests.support.vectors import CONTENTS, content, written

NAMES = ("alfa", "bravo", "mallory", "delta")
COLOUR = Additions.from_dict({"features": [{"name": "colour", "kind": "category", "levels": ["red", "green"]}]})
GROUP = {Kind.STATUS, Kind.SHARE, Kind.CALL}


@pytest.fixture(scope="module")
def lived() -> tuple[Simulation, list[Node]]:
    """A federation of hidden sums that has opened one."""
    simulation, rng = Simulation(7), random.Random(7)
    admin = simulation.found("alfa", exchange=Exchange(mode="secure", least=3))
    for name in NAMES[1:]:
        simulation.join(admin, name)
    simulation.run()
    for node in simulation.up():
        xs = [rng.randrange(-200, 201) / 2 for _ in range(50)]
        simulation.add(node, {"x": xs, "y": [rng.randrange(1001) for _ in range(50)]})
    simulation.act(admin, ev.SyncNow())
    simulation.run()
    assert len(totals(simulation)) == 1
    assert admin.peer.ledger.opened
    return simulation, [simulation.nodes[name] for name in NAMES]


def one_of_each(simulation: Simulation, mallory: Node) -> dict[Kind, Message]:
    """A message of each kind, as a member could say it."""
    peer, opened = mallory.peer, simulation.nodes["alfa"].peer.ledger.opened
    conclusion = canonical.decode(opened.data, Conclusion)
    collector = next(node for node in simulation.nodes.values() if node.peer.sums.evidence)
    evidence = next(iter(collector.peer.sums.evidence.values()))
    word = Word((conclusion.opening,), (Sealed(peer.me.peer, b"shares"),), (conclusion.proposal,))
    which = conclusion.round
    confirmation = Confirmation(peer.federation, "a" * 26, peer.me.peer, 1, b"d" * 32, (), 0)
    found: list[Message] = [
        ms.Status(peer.standing, b"t" * 32, False, 3, (ms.Answer("a" * 26, 2),)),
        ms.Share(attack.contribution(mallory, peer.local)),
        ms.Hello(peer.standing),
        ms.CatchUp(peer.charter.entries, peer.roster.epoch, b"s" * 32, (opened.data,)),
        ms.Farewell("a reason"),
        ms.Recall((ms.Rank(1, b"d" * 32),)),
        ms.Receipt(confirm(confirmation, peer.me)),
        ms.Call(ms.Round(which.federation, which.charter, which.pulse + 1, 0)),
        ms.Talk(which, False, canonical.encode(word), "and a reason"),
        ms.Inquiry(which),
        ms.Evidence(which, evidence),
        ms.Visit("the mean of x"),
        ms.Motion("0123456789ab", COLOUR.to_json(), "of use to us"),
        ms.Ruling("0123456789ab", "declined", "not now"),
    ]
    return {ms.KINDS[type(each)]: each for each in found}


@pytest.fixture
def heeded(monkeypatch) -> list[tuple[str, Message]]:
    """What was understood, and of whom."""
    found: list[tuple[str, Message]] = []
    real = hearing.heed

    def heed(turn, sender, message, *, boot):
        found.append((sender, message))
        real(turn, sender, message, boot=boot)

    monkeypatch.setattr(hearing, "heed", heed)
    return found


def sent(lived, kind: Kind, **how: object) -> list[attack.Wire]:
    """A message of this kind by Mallory to Bravo, or to the group."""
    simulation, (_, bravo, mallory, _) = lived
    to = None if kind in GROUP else bravo
    return said(simulation, mallory, one_of_each(simulation, mallory)[kind], to=to, **how)


def test_there_is_one_of_each_kind(lived):
    assert one_of_each(lived[0], lived[1][2]).keys() == set(Kind) == set(ms.KINDS.values())


@pytest.mark.parametrize("kind", Kind)
def test_in_anothers_name_it_is_not_heard(lived, heeded, monkeypatch, kind):
    simulation, (_, bravo, mallory, delta) = lived
    wire = sent(lived, kind, sender=delta.peer.me.peer)
    victim = Victim(simulation, bravo).hears(wire)
    assert (heeded, victim.changed, len(victim.sent)) == ([], {"counters"}, 0)
    assert victim.errors == len(wire)
    monkeypatch.setattr(seal.keys, "verify", lambda *_: None)
    Victim(simulation, bravo).hears(sent(lived, kind, sender=delta.peer.me.peer))
    assert [sender for sender, _ in heeded] == [delta.peer.me.peer], "it was the signature that kept it out"


@pytest.mark.parametrize("kind", Kind)
def test_said_again_it_is_heard_once(lived, heeded, monkeypatch, kind):
    simulation, (_, bravo, _, _) = lived
    wire = sent(lived, kind)
    victim = Victim(simulation, bravo).hears(wire)
    once = victim.state
    assert len(heeded) == 1
    victim.hears(wire * 3)
    if victim.errors:
        # Out of place in this federation, or of nobody who may say it: refused each time, as if it had never come.
        assert (victim.errors, victim.changed) == (4, {"counters"})
        assert kind in {Kind.SHARE, Kind.RECEIPT, Kind.EVIDENCE, Kind.MOTION, Kind.RULING}
        return
    assert len(heeded) == 1
    assert victim.state.session == once.session
    assert victim.state.ledger is once.ledger
    monkeypatch.setattr(Windows, "admit", lambda self, header, now: self)
    victim.hears(wire)
    assert len(heeded) == 2, "it was the window that kept it out"


@pytest.mark.parametrize("kind", Kind)
def test_damaged_under_a_good_seal_it_leads_to_nothing_but_what_its_kind_may_do(lived, kind):
    simulation, (alfa, bravo, mallory, _) = lived
    rng, good = random.Random(int(kind)), one_of_each(simulation, mallory)[kind]
    for victim in (Victim(simulation, alfa), Victim(simulation, bravo)):
        for n, data in enumerate(damaged(rng, good)):
            if n == 60:
                break
            victim.now += 0.05
            to = None if kind in GROUP else victim.node
            victim.hears(said(simulation, mallory, data, kind=int(kind), to=to))
        assert victim.state.charter.head == victim.before.charter.head or kind == Kind.FAREWELL
        assert victim.state.secrets == victim.before.secrets or kind == Kind.FAREWELL
        assert victim.state.ledger.opened == victim.before.ledger.opened
        assert victim.state.batches == victim.before.batches


def damaged(rng: random.Random, message: Message) -> Iterator[bytes]:
    """Its bytes with some changed, and those of what is inside with some changed."""
    whole = canonical.encode(message)
    inner = [name for name in message.__struct_fields__ if isinstance(getattr(message, name), bytes)]
    while True:
        yield spoiled(rng, whole)
        for name in inner:
            form = {field: getattr(message, field) for field in message.__struct_fields__}
            yield canonical.encode(type(message)(**form | {name: spoiled(rng, form[name])}))


def spoiled(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data or b"\0")
    for _ in range(rng.choice([1, 1, 2, 8])):
        out[rng.randrange(len(out))] = rng.choice([0, 1, 0x7F, 0x80, 0xC0, 0xC4, 0xDB, 0xFF, 0x90, rng.randrange(256)])
    return bytes(out) if rng.random() < 0.8 else bytes(out[: rng.randrange(len(out))])


@pytest.mark.parametrize("kind", Kind)
def test_random_bytes_are_no_content(lived, kind):
    rng, good = random.Random(int(kind)), one_of_each(lived[0], lived[1][2])[kind]
    for n, data in enumerate(damaged(rng, good)):
        if n == 500:
            break
        for each in (data, rng.randbytes(rng.randrange(60))):
            try:
                message = ms.parse(kind, each)
            except RemoteError:
                continue
            assert canonical.encode(message) == each
    assert ms.parse(kind, canonical.encode(good)) == good


@pytest.mark.parametrize("part", [Word, Said, Conclusion])
def test_what_travels_inside_is_canonical_or_refused(part, lived):
    simulation, nodes = lived
    opened = nodes[0].peer.ledger.opened.data
    inside = canonical.decode(opened, Conclusion)
    good = {Conclusion: opened, Said: inside.opening, Word: canonical.encode(Word((inside.opening,)))}[part]
    rng = random.Random(3)
    for _ in range(500):
        data = spoiled(rng, good)
        try:
            assert canonical.encode(canonical.decode(data, part)) == data
        except RemoteError:
            continue


@pytest.mark.parametrize("kind", Kind)
def test_the_bytes_of_each_kind_are_those_of_the_annotated_files(kind):
    path = CONTENTS / f"{kind.name.lower()}.txt"
    letter = Letter.load(path)
    assert letter.body == canonical.encode(content(kind))
    assert ms.parse(int(letter.facts["kind"]), letter.body) == content(kind)
    assert path.read_text("utf-8") == written(kind)


def test_text_of_a_member_reaches_people_without_what_a_terminal_would_obey(lived):
    simulation, nodes = lived
    ongoing = nodes[0].peer.session.round
    collector = next(n for n in nodes if n.peer.me.peer == ongoing.contribution.collector)
    hearer = next(n for n in nodes if n is not collector)
    ongoing = hearer.peer.session.round
    talk = ms.Talk(ongoing.terms.round, False, b"", "\x1b[2Jgone\n2026-01-01 all is well")
    victim = Victim(simulation, hearer)
    victim.state = victim.state.with_session(round=replace(ongoing, over=False))
    victim.hears(said(simulation, collector, talk, to=hearer))
    (told,) = (note for note in victim.notes if "a round ended" in note.text)
    entry = batch._entry(0.0, "f", told)
    assert not told.text.isprintable()
    assert entry.text.isprintable()
    assert "\\x1b[2Jgone\\n2026" in entry.text


def test_calls_without_end_do_not_fill_the_log_of_who_brings_nothing(lived, monkeypatch):
    simulation, (_, bravo, mallory, _) = lived
    first = bravo.peer.session.round.terms.round

    def flooded() -> Victim:
        victim = Victim(simulation, bravo)
        few = tally(victim.state.roster.schema, {"x": [1.0, 2.0], "y": [3.0, 4.0]})
        batch = Batch("few", "test", 0, few.counted, few.read, few.rejected, few.summary.digest)
        victim.meets(ev.AddBatch(batch, few.summary, True))
        for attempt in range(1, 100):
            victim.now += 0.1
            called = ms.Round(first.federation, first.charter, first.pulse, attempt)
            victim.hears(said(simulation, mallory, ms.Call(called)))
        return victim

    assert 1 <= sum("withheld" in text for text in flooded().texts) <= 3
    monkeypatch.setattr(rounds, "_REFUSED_S", 0.0)
    assert sum("withheld" in text for text in flooded().texts) == 99


def test_no_call_takes_all_attempts_of_a_pulse_from_the_others(lived, monkeypatch):
    simulation, (_, bravo, mallory, _) = lived
    first = bravo.peer.session.round.terms.round

    def asked_afterwards() -> tuple[int, int]:
        victim = Victim(simulation, bravo)
        last = ms.Round(first.federation, first.charter, first.pulse + 1, 2**20 - 1)
        victim.hears(said(simulation, mallory, ms.Call(last)))
        victim.meets(ev.SyncNow())
        which = victim.state.session.round.terms.round
        return which.pulse - first.pulse, which.attempt

    assert asked_afterwards() == (0, first.attempt + 1)
    monkeypatch.setattr(rounds, "_SKIPPED", 2**40)
    assert asked_afterwards() == (2, 0), "a call has used up the attempts of a second"
