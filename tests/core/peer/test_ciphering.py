"""Rounds under a cipher between whole peers: only the beneficiary opens, only sums, and each only once."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from fedpeer.core import canonical
from fedpeer.core.envelope.keys import Identity
from fedpeer.core.envelope.messages import Round, Talk
from fedpeer.core.errors import CharterError, ConfigError, PledgeError, RemoteError, UnknownError
from fedpeer.core.federation.decisions import MemberAdmitted
from fedpeer.core.federation.exchange import Exchange
from fedpeer.core.federation.sealed import seat
from fedpeer.core.federation.sealed.conclusion import Conclusion
from fedpeer.core.federation.sealed.coordinator import Gathering
from fedpeer.core.federation.sealed.documents import Opened, Word, sign
from fedpeer.core.federation.sealed.opened import read_opened, terms_of
from fedpeer.core.federation.sealed.work import Keys, Open
from fedpeer.core.peer import ciphering, concluding, heeding
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.effects import Compute
from fedpeer.core.peer.turn import Turn
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from tests.core.peer.test_rounds import table
from tests.support.ciphers import PlainCipher
from tests.support.flips import flipped
from tests.support.simulation import SCHEMA, Node, Simulation, refused

pytestmark = pytest.mark.long

PARTS = {"bene": "beneficiary", "coord": "coordinator"}


def federation(contributors: int = 4, mode: str = "paillier", *, seed: int = 1, **how: object) -> Simulation:
    """The admin `bene` is the beneficiary, `coord` coordinates, `c0` and on bring rows."""
    fate = how.pop("fate", None)
    simulation = Simulation(seed, fate=fate)
    exchange = Exchange(mode=mode, least=3, part="beneficiary")
    admin = simulation.found("bene", exchange=exchange, **({"profile": "relaxed"} | how))
    for name in ("coord", *(f"c{i}" for i in range(contributors))):
        simulation.join(admin, name, role=PARTS.get(name, "contributor"))
    simulation.run()
    rng = random.Random(seed)
    for node in those(simulation):
        simulation.add(node, table(rng))
    simulation.run()
    return simulation


def those(simulation: Simulation) -> list[Node]:
    return [node for name, node in simulation.nodes.items() if name.startswith("c") and name != "coord"]


def pooled(nodes: list[Node], schema: Schema = SCHEMA) -> Summary:
    return sum((node.peer.local for node in nodes), Summary.zero(schema))


def sync(simulation: Simulation, name: str = "bene") -> tuple[str, str]:
    reply = simulation.act(simulation.nodes[name], ev.SyncNow())
    simulation.run()
    return reply


def shown(simulation: Simulation) -> dict[str, int]:
    return {name: node.peer.ledger.total.rows for name, node in simulation.nodes.items() if node.online}


def opened(simulation: Simulation) -> Summary:
    return simulation.nodes["bene"].peer.ledger.total


def test_in_paillier_the_beneficiary_alone_sees_the_pooled_sum_bit_for_bit():
    simulation = federation()
    outcome, _ = sync(simulation)
    assert outcome == "called"
    assert opened(simulation) == pooled(those(simulation))
    assert shown(simulation) == {"bene": 240, "coord": 0} | {f"c{i}": 0 for i in range(4)}
    for node in simulation.up():
        assert len(node.peer.ledger.contributors) == 4
        assert node.peer.disagreeing == ()
        assert node.peer.differing == ()
    assert "it is for bene alone" in simulation.nodes["c0"].said("sync")[-1]


def test_in_ckks_the_beneficiary_tells_all_the_exact_sum():
    simulation = federation(mode="ckks")
    sync(simulation)
    assert len({wanted.round for wanted in simulation.wanted}) == 1  # the contributors' calls ask for no other
    assert {node.peer.ledger.total for node in simulation.up()} == {pooled(those(simulation))}
    assert not any(node.peer.disagreeing for node in simulation.up())


def test_what_the_others_hear_in_paillier_gives_no_digest_to_guess_by():
    simulation = federation()
    sync(simulation)
    for node in simulation.up():
        assert node.peer.total_told == b""
        assert all(heard.status.total == b"" for heard in node.peer.session.heard.values())
    secret = bytes.fromhex(opened(simulation).digest)
    for node in those(simulation):
        assert secret not in canonical.encode([*node.disk.values()])
        assert secret not in canonical.encode(node.peer.standing)


def test_who_was_away_hears_of_the_end_and_still_not_of_the_sum(monkeypatch):
    simulation = federation(5)
    away = simulation.nodes["c4"]
    away.online = False
    simulation.act(simulation.nodes["bene"], ev.SyncNow())
    simulation.run()
    simulation.pass_time(61)
    assert opened(simulation) == pooled(those(simulation)[:4])
    away.online = True
    simulation.act(away, ev.Connected())
    simulation.pass_time(12)
    assert away.peer.ledger.opened.rank == simulation.nodes["bene"].peer.ledger.opened.rank
    assert away.peer.ledger.total.rows == 0
    assert read_opened(away.peer.ledger.opened.data, away.peer.charter)[0].total is None
    # Without what leaves the sum out, the help that a member is given would have told it.
    monkeypatch.setattr(heeding, "passed_on", lambda opened, charter, me: opened.data)
    bene = simulation.nodes["bene"].peer
    blind = replace(away.peer.ledger, opened=None)
    said = heeding._absent(Turn(bene, simulation.now, bytes(32)), away.peer.me.peer, peer_standing(away, blind))
    assert read_opened(said[0], bene.charter)[0].total is not None


def peer_standing(node: Node, ledger):
    return replace(node.peer, ledger=ledger).standing


def test_a_contributor_calls_when_it_has_something_new_and_not_otherwise():
    simulation = federation()
    outcome, text = sync(simulation, "c1")
    assert outcome == "called"
    assert "60 rows" in text
    assert opened(simulation) == pooled(those(simulation))
    assert sync(simulation, "c1") == ("unchanged", "nothing new since the last sum")
    before = simulation.nodes["bene"].peer.ledger.opened
    assert simulation.nodes["bene"].peer.ledger.opened is before
    assert sync(simulation, "coord")[0] == "empty"


def test_pulses_go_on_by_themselves():
    simulation = federation()
    for node in simulation.up():
        simulation.act(node, ev.PulseDue())
    simulation.run()
    assert opened(simulation) == pooled(those(simulation))
    first = simulation.nodes["bene"].peer.ledger.opened
    simulation.pass_time(60)
    for node in simulation.up():
        simulation.act(node, ev.PulseDue())
    simulation.run()
    assert simulation.nodes["bene"].peer.ledger.opened is first  # nobody had anything new
    rng = random.Random(9)
    for node in those(simulation):
        simulation.add(node, table(rng, 40))
    for node in simulation.up():
        simulation.act(node, ev.PulseDue())
    simulation.run()
    assert opened(simulation) == pooled(those(simulation))
    assert opened(simulation).rows == 400


def test_a_sum_that_differs_from_an_earlier_one_by_too_few_is_not_added(monkeypatch):
    for guarded in (True, False):
        simulation = federation()
        sync(simulation)
        first = opened(simulation)
        simulation.add(simulation.nodes["c2"], table(random.Random(3), 40))
        if not guarded:
            monkeypatch.setattr(concluding, "clash", lambda turn, versions: "")
        simulation.pass_time(61)
        sync(simulation)
        coord = simulation.nodes["coord"]
        assert (opened(simulation) == first) is guarded
        assert any("only 1 (c2) differ" in text for text in coord.said("contract")) is guarded
        assert not simulation.nodes["bene"].peer.session.running


@pytest.fixture
def talks(monkeypatch) -> list[tuple[str, str, Talk]]:
    """Everything that is said in rounds: by whom, to whom, what."""
    found: list[tuple[str, str, Talk]] = []
    real = Turn.talk

    def talk(self: Turn, peer: str, talk: Talk) -> None:
        found.append((self.name(self.state.me.peer), self.name(peer), talk))
        real(self, peer, talk)

    monkeypatch.setattr(Turn, "talk", talk)
    return found


def hear(simulation: Simulation, to: str, sender: str, talk: Talk) -> None:
    """A member says something in a round to another, sealed and signed as it must be."""
    node = simulation.nodes[sender]
    turn = Turn(node.peer, simulation.now, simulation._stamped(ev.Tick()).entropy)
    turn.tell(simulation.nodes[to].peer.me.peer, talk)
    simulation._commit(node, node.state, turn.state, turn.effects)
    simulation.run()


@pytest.mark.parametrize("kept", [True, False])
def test_one_round_gives_one_sum_whatever_the_coordinator_forgets(talks, kept: bool):
    """Its disk is a backup of before the round, and it hears no more than somebody wants: another sum under one key."""
    simulation = federation()
    coord = simulation.nodes["coord"]
    disk = dict(coord.disk)
    sync(simulation)
    said = list(talks)
    simulation.crash(coord)
    for node in simulation.up():
        node.online = False
    simulation.restart(coord, disk, None if kept else {})
    talks.clear()
    (key,) = [talk for who, to, talk in said if (who, to) == ("bene", "coord") and word_of(talk)][:1]
    hear(simulation, "coord", "bene", key)
    for who, to, talk in said:
        if to == "coord" and who in {"c1", "c2", "c3"}:
            hear(simulation, "coord", who, talk)
    assert isinstance(coord.peer.session.sealed.sitting.state, Gathering)
    if kept:
        with pytest.raises(PledgeError):
            simulation.pass_time(61)
    else:
        simulation.pass_time(61)
        assert [to for who, to, talk in talks if who == "coord" and talk.up is False and word_of(talk)]


def word_of(talk: Talk) -> Word | None:
    return canonical.decode(talk.word, Word) if talk.word and b"conclusion" not in talk.word[:24] else None


def test_a_contributors_ciphertext_is_said_to_the_coordinator_alone(talks):
    simulation = federation()
    sync(simulation)
    pledges = [(who, to) for who, to, talk in talks if talk.up]
    assert sorted(pledges) == [(f"c{i}", "coord") for i in range(4)]
    assert {(who, to) for who, to, talk in talks if who == "coord"} == {("coord", "bene")}


def test_the_sum_is_told_to_nobody_in_paillier(talks):
    simulation = federation()
    sync(simulation)
    total = opened(simulation).residues.to_bytes()
    kept = simulation.nodes["bene"].peer.ledger.opened.data
    assert total in kept
    for who, to, talk in talks:
        # The plain cipher of these tests hides nothing: what the coordinator adds is the sum itself.
        assert total not in talk.word or (who, to) == ("coord", "bene")


@pytest.mark.parametrize("part", ["beneficiary", "coordinator"])
def test_a_federation_has_one_of_each_lone_part(part: str):
    simulation = federation()
    bene = simulation.nodes["bene"]
    error = refused(simulation, bene, ev.IssueInvite(part, 60))
    assert error is not None
    assert part in str(error)
    second = MemberAdmitted(Identity.of(bytes(32)).card("second"), part, "i")
    with pytest.raises(CharterError, match=f"has a {part}"):
        bene.peer.roster.after(second, 1)


def test_of_two_invites_for_a_lone_part_the_second_is_declined_with_the_reason():
    simulation = Simulation(1)
    admin = simulation.found("bene", exchange=Exchange(mode="ckks", part="beneficiary"))
    one, two = (simulation.invite(admin, role="coordinator") for _ in range(2))
    for name, invitation in (("coord", one), ("late", two)):
        simulation.ask_to_join(admin, name, invitation)
        simulation.run()
    late = simulation.nodes["late"].state
    assert (late.phase, late.reason) == ("declined", "somebody else has the part that the invite is for")
    assert admin.peer.roster.part(simulation.nodes["coord"].peer.me.peer) == "coordinator"


def test_a_part_that_a_mode_does_not_have_is_refused():
    exchange = Exchange(mode="paillier")
    with pytest.raises(ConfigError, match="no role 'member' in paillier"):
        exchange.role("member")
    with pytest.raises(ConfigError, match="no role 'coordinator' in secure"):
        Exchange(mode="secure").role("coordinator")


def test_a_round_without_all_parts_or_too_few_contributors_is_refused_with_the_reason():
    simulation = Simulation(1)
    admin = simulation.found("bene", exchange=Exchange(mode="ckks", least=4, part="beneficiary"))
    assert sync(simulation) == (
        "refused",
        "there is no coordinator in this federation: invite one with `fedpeer invite --role coordinator`",
    )
    simulation.join(admin, "coord", role="coordinator")
    for i in range(3):
        simulation.join(admin, f"c{i}", role="contributor")
    assert sync(simulation) == ("refused", "3 contributors are in this federation, and a sum needs 4")
    assert "no round was begun: 3 contributors" in simulation.nodes["bene"].said("sync")[-1]


def test_a_contributor_whose_rows_could_overflow_or_are_too_few_brings_nothing_and_reads_why():
    simulation = federation(5, profile="standard")
    few = simulation.nodes["c1"]
    for name in ("c1",):
        node = simulation.nodes[name]
        for batch in list(node.peer.batches):
            simulation.act(node, ev.WithdrawBatch(batch))
        simulation.add(node, table(random.Random(1), 6))
    sync(simulation)
    assert "withheld by a release rule" in few.said("contract")[-1]
    simulation.pass_time(61)
    assert opened(simulation) == pooled([n for n in those(simulation) if n is not few])
    assert sync(simulation, "c1")[0] == "withheld"


def test_an_opened_sum_that_fails_the_rules_is_kept_from_all():
    simulation = federation(mode="ckks", policy=Policy(profile="relaxed", total=1000))
    sync(simulation)
    assert shown(simulation) == dict.fromkeys(simulation.nodes, 0)
    assert "240 rows, and at least 1000" in simulation.nodes["bene"].said("contract")[-1]
    for name in ("c0", "coord"):
        node = simulation.nodes[name]
        assert not node.peer.session.running
        assert "did not pass its release rules" in node.said("sync")[-1]
        assert not any("1000" in text for text in node.said("sync"))


def test_a_restart_drops_the_round_and_the_next_takes_its_place(talks):
    for name in ("bene", "coord", "c0"):
        simulation = federation(seed=3)
        node = simulation.nodes[name]
        simulation.act(simulation.nodes["bene"], ev.SyncNow())
        for _ in range(3):
            if simulation.computing:
                simulation.compute()
            elif simulation.wire:
                simulation.deliver(0)
        simulation.crash(node)
        simulation.restart(node)
        assert not node.peer.session.running
        simulation.run()
        simulation.pass_time(70)
        assert sync(simulation)[0] == "called"
        assert opened(simulation) == pooled(those(simulation)), name


def test_a_beneficiary_that_forgot_a_round_does_not_number_another_as_that():
    simulation = federation()
    bene = simulation.nodes["bene"]
    simulation.act(bene, ev.SyncNow())
    first = bene.peer.session.sealed.sitting.terms.round
    while simulation.computing or simulation.wire:
        simulation.compute() if simulation.computing else simulation.deliver(0)
        if any(isinstance(wanted.task, Open) for _, _, wanted in simulation.computing):
            break
    simulation.crash(bene)
    simulation.restart(bene)
    simulation.pass_time(2)
    simulation.act(bene, ev.SyncNow())
    assert bene.peer.session.sealed.sitting.terms.round.rank > first.rank
    simulation.run()
    assert opened(simulation) == pooled(those(simulation))


def test_rounds_go_on_when_the_schedule_becomes_slower():
    simulation = federation()
    sync(simulation)
    simulation.act(simulation.nodes["bene"], ev.SetSchedule("d7"))
    simulation.run()
    rng = random.Random(9)
    for node in those(simulation):
        simulation.add(node, table(rng, 40))
    simulation.pass_time(3)
    sync(simulation)
    assert opened(simulation) == pooled(those(simulation))
    assert {node.peer.ledger.opened.serial for node in simulation.up()} == {
        simulation.nodes["bene"].peer.ledger.opened.serial
    }


def test_no_secret_of_a_round_is_in_any_record(talks):
    simulation = federation()
    secrets: list[bytes] = []
    real = PlainCipher.generate
    PlainCipher.generate = lambda self, seed: secrets.append(real(self, seed)) or secrets[-1]
    try:
        sync(simulation)
    finally:
        PlainCipher.generate = real
    (secret,) = secrets
    for node in simulation.up():
        assert secret not in canonical.encode([*node.disk.values()])
    assert not any(secret in talk.word for _, _, talk in talks)


def test_rounds_get_through_a_bad_bus():
    def fate(rng: random.Random, subject: str) -> str:
        return rng.choices(["ok", "drop", "twice"], [6, 1, 1])[0] if ".talk." in subject else "ok"

    simulation = federation(seed=5, fate=fate)
    sync(simulation)
    simulation.pass_time(70)
    assert opened(simulation) == pooled(those(simulation))
    simulation.pass_time(30)
    assert not any(node.peer.disagreeing for node in simulation.up())


def test_words_again_from_others_and_of_other_rounds_change_nothing(talks):
    simulation = federation(mode="ckks")
    sync(simulation)
    said, before = list(talks), {name: node.peer.ledger.opened for name, node in simulation.nodes.items()}
    for who, to, talk in said:
        hear(simulation, to, who, talk)
        hear(simulation, to, "c3" if who != "c3" and to != "c3" else "c2" if to != "c2" else "c1", talk)
        other = Round(talk.round.federation, talk.round.charter, talk.round.pulse, talk.round.attempt + 1)
        hear(simulation, to, who, Talk(other, talk.up, talk.word))
    for name, node in simulation.nodes.items():
        assert node.peer.ledger.opened is before[name]
        assert not node.peer.session.running or name == "coord"


def test_garbage_in_a_round_has_no_effect(talks):
    simulation = federation()
    simulation.act(simulation.nodes["bene"], ev.SyncNow())
    simulation.run()
    (which,) = {talk.round for _, _, talk in talks}
    rng = random.Random(4)
    before = simulation.nodes["bene"].peer.ledger.opened
    for _, to, talk in list(talks)[:12]:
        for data in (b"", rng.randbytes(50), flipped(talk.word, rng.randrange(8 * len(talk.word))), talk.word[:-1]):
            sender = "c2" if to != "c2" else "c1"
            hear(simulation, to, sender, Talk(which, False, data))
    assert simulation.nodes["bene"].peer.ledger.opened is before


def test_calls_of_rounds_of_another_charter_or_to_no_beneficiary_begin_nothing():
    simulation = federation()
    bene, c0 = (simulation.nodes[n] for n in ("bene", "c0"))
    right = Round(simulation.federation, bene.peer.charter.head, int(simulation.now), 0)
    for node, which in ((c0, right), (bene, Round(simulation.federation, bytes(32), 1, 0))):
        turn = Turn(node.peer, simulation.now, bytes(32))
        ciphering.called(turn, simulation.nodes["c1"].peer.me.peer, which)
        assert turn.effects == []
    turn = Turn(bene.peer, simulation.now, bytes(32))
    ciphering.called(turn, c0.peer.me.peer, right)
    assert [type(effect) for effect in turn.effects] == [Compute]


def test_a_sum_of_a_false_beneficiary_is_refused():
    simulation = federation(mode="ckks")
    sync(simulation)
    c0, c1 = (simulation.nodes[n] for n in ("c0", "c1"))
    kept = canonical.decode(c0.peer.ledger.opened.data, Conclusion)
    terms = terms_of(c0.peer.charter, kept.round)
    concluded, _ = read_opened(c0.peer.ledger.opened.data, c0.peer.charter)
    false = sign(Opened(terms.id, concluded.transcript, concluded.total.to_bytes()), c1.peer.me)
    with pytest.raises(RemoteError):
        read_opened(canonical.encode(Conclusion(kept.round, kept.key, kept.added, false)), c0.peer.charter)


def test_rounds_stop_at_an_alarm():
    simulation = federation(mode="ckks")
    for name in ("bene", "coord", "c1"):
        node = simulation.nodes[name]
        node.state = replace(node.peer, phase="alarmed", alarm="a fork")
        turn = Turn(node.peer, simulation.now, bytes(32))
        which = Round(simulation.federation, node.peer.charter.head, int(simulation.now), 0)
        sender = simulation.nodes["c0"].peer.me.peer
        ciphering.called(turn, sender, which)
        ciphering.talked(turn, sender, Talk(which, False, b"garbage"))
        assert turn.effects == []
        assert not turn.state.session.running


def test_a_sum_under_a_cipher_has_no_evidence_to_audit():
    simulation = federation(mode="ckks")
    sync(simulation)
    with pytest.raises(UnknownError, match="no evidence beside its conclusion"):
        simulation.act(simulation.nodes["c0"], ev.AuditRound())


def test_what_is_computed_for_a_round_that_is_over_is_forgotten():
    simulation = federation()
    bene = simulation.nodes["bene"]
    simulation.act(bene, ev.SyncNow())
    name, boots, wanted = simulation.computing[0]
    simulation.run()
    before = bene.peer.session.sealed
    simulation.act(bene, ev.Computed(wanted.round, Keys(b"s", b"p")))
    simulation.act(bene, ev.Computed(bytes(32), Keys(b"s", b"p")))
    assert bene.peer.session.sealed.sitting == before.sitting
    assert (name, boots) == ("bene", 0)


def test_who_has_no_part_in_it_is_told_nothing():
    assert seat.listeners(None) == ()
