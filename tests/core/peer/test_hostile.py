"""A whole peer against a hostile bus and hostile members: no exception, no effect but what is legal, bounded cost."""

from __future__ import annotations

import itertools
import random

import pytest

from fedpeer.core import canonical
from fedpeer.core.envelope import contributions, seal
from fedpeer.core.envelope.header import Header
from fedpeer.core.envelope.messages import Answer, CatchUp, Farewell, Hello, Holding, Kind, Share, Standing, Status
from fedpeer.core.envelope.window import Windows
from fedpeer.core.errors import ReplayError
from fedpeer.core.federation import charter as charters
from fedpeer.core.federation.charter import Entry
from fedpeer.core.federation.decisions import ScheduleSet
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.turn import Turn
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.summary import Summary
from tests.support import attack
from tests.support.attack import Victim, claimed, contribution, said
from tests.support.simulation import SCHEMA, Node, Simulation, totals

VARIANTS = 10_000


def rows(seed: int, count: int = 20) -> dict[str, list[float]]:
    rng = random.Random(seed)
    return {"x": [rng.randrange(-200, 201) / 2 for _ in range(count)], "y": [rng.randrange(1001) for _ in range(count)]}


def crew(*names: str, seed: int = 0) -> tuple[Simulation, list[Node]]:
    """A federation that has lived: everyone has contributed, the schedule was changed, one has left."""
    simulation = Simulation(seed)
    admin = simulation.found(names[0])
    nodes = [admin, *(simulation.join(admin, name) for name in names[1:])]
    gone = simulation.join(admin, "gone")
    for i, node in enumerate([*nodes, gone]):
        simulation.add(node, rows(i))
        simulation.act(node, ev.SyncNow())
        simulation.run()
    simulation.act(gone, ev.Leave())
    simulation.run()
    simulation.act(admin, ev.SetSchedule("m5"))
    simulation.pass_time(5)
    assert len(totals(simulation)) == 1
    return simulation, nodes


@pytest.fixture(scope="module")
def lived() -> tuple[Simulation, list[Node]]:
    return crew("alfa", "bravo", "charlie")


def _attacked(lived, make, count, *, kept: set[str]) -> list[Victim]:
    simulation, nodes = lived
    victims = [Victim(simulation, node) for node in nodes[:2]]
    stream = make(random.Random(11), list(simulation.recorded))
    for victim in victims:
        victim.hears(itertools.islice(stream, count // len(victims)))
        assert victim.changed <= kept, victim.changed
        assert victim.state.session.assembly.held == 0
        assert len(victim.state.session.said_at) < 60
    return victims


DAMAGE = [attack.garbage, attack.truncations, attack.flips, attack.forgeries]


@pytest.mark.long
@pytest.mark.parametrize("make", DAMAGE, ids=lambda f: f.__name__)
def test_damaged_and_forged_messages_are_counted_and_have_no_effect(lived, make):
    for victim in _attacked(lived, make, VARIANTS, kept={"counters"}):
        assert victim.errors > 0.3 * VARIANTS / 2
        assert any("dropped a message" in text for text in victim.texts)
        assert len(victim.notes) < 20
        assert len(victim.sent) < 5


@pytest.mark.long
def test_what_was_said_before_has_no_effect_again(lived):
    for victim in _attacked(lived, attack.resent, VARIANTS, kept={"counters"}):
        assert victim.state.ledger is victim.before.ledger
        assert victim.state.charter is victim.before.charter
        assert len(victim.sent) < 5


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("make", [*DAMAGE, attack.resent], ids=lambda f: f.__name__)
def test_a_million_of_each_have_no_effect(lived, make):
    _attacked(lived, make, 1_000_000, kept={"counters"})


def test_every_message_of_a_federation_can_come_again_in_any_order_while_it_goes_on():
    simulation, nodes = crew("alfa", "bravo", seed=3)
    before = [node.peer.ledger.total for node in nodes]
    for subject, body in random.Random(5).sample(simulation.recorded, len(simulation.recorded)):
        for node in nodes:
            simulation.act(node, ev.Received(subject, body))
    simulation.pass_time(5)
    assert [node.peer.ledger.total for node in nodes] == before
    assert nodes[1].peer.roster.schedule.text == "m5"


def test_messages_of_another_federation_to_other_peers_and_expired_ones_are_dropped(lived):
    simulation, (alfa, bravo, charlie) = lived
    other, (stranger, *_) = crew("delta", "echo", seed=9)
    status = Status(stranger.peer.standing, b"", False, 0, ())
    victim = Victim(simulation, bravo).hears(other.recorded)
    assert victim.errors == len([s for s, _ in other.recorded if ".welcome." not in s])
    for message in (
        said(other, stranger, status),
        said(other, stranger, status, federation=bravo.peer.federation),
        said(simulation, alfa, Hello(alfa.peer.standing), to=charlie),
        said(simulation, alfa, Farewell(""), to=bravo, expires_at=int(simulation.now)),
        said(simulation, alfa, Farewell(""), to=bravo, expires_at=2**62),
    ):
        errors = victim.errors
        assert victim.hears(message).errors == errors + 1
    assert victim.changed == {"counters"}


def test_a_past_member_is_not_heard(lived):
    simulation, (alfa, bravo, _) = lived
    gone = simulation.nodes["gone"]
    victim = Victim(simulation, alfa)
    claims = [Status(gone.peer.standing, b"", False, 9, ()), Share(contribution(gone, collect(SCHEMA, rows(50))))]
    for epoch in (1, alfa.peer.roster.epoch):
        for claim in claims:
            victim.hears(said(simulation, gone, claim, epoch=epoch))
        victim.hears(said(simulation, gone, Farewell("again"), to=alfa, epoch=epoch))
    relayed = CatchUp((), 0, b"", (contribution(gone, collect(SCHEMA, rows(50)), serial=99),))
    victim.hears(said(simulation, bravo, relayed, to=alfa))
    assert victim.errors == 7
    assert victim.changed <= {"counters", f"window/{bravo.peer.me.peer}"}
    assert victim.state.ledger is victim.before.ledger


# A malicious member, who can sign and seal whatever it likes


def _standing(node: Node, **changed: object) -> Standing:
    from msgspec.structs import replace

    return replace(node.peer.standing, **changed)


def _status(node: Node, ask: int = 0, answers: tuple[Answer, ...] = (), **changed: object) -> Status:
    return Status(_standing(node, **changed), b"", False, ask, answers)


def _big(node: Node) -> Summary:
    return collect(SCHEMA, rows(77, 30))


def _misshapen(node: Node) -> list[bytes]:
    """Contributions that are signed well and should not be believed."""
    good = _big(node)
    written = good.to_bytes()
    return [
        contribution(node, b""),
        contribution(node, b"\xff" * 50),
        contribution(node, written[:-8]),
        contribution(node, written + bytes(8)),
        contribution(node, bytes([written[0]]) + written[:0:-1]),
        contribution(node, claimed(good, rows=[-1])),
        contribution(node, claimed(good, rows=[2**41]).to_bytes() if SCHEMA.row_bound > 2**41 else written[:-1]),
        contribution(node, claimed(good, rows=[0])),
        contribution(node, claimed(good, sums=[2**62, -(2**62)])),
        contribution(node, claimed(good, products=[-1, 0, -1])),
        contribution(node, claimed(good, products=[0, 0, 0])),
        contribution(node, good, schema="0" * 64),
        contribution(node, good, federation="a" * 26),
        contribution(node, good, origin="a" * 26),
        contribution(node, good, origin=""),
        contribution(node, good)[:-1],
        b"",
        b"\x00",
        b"\xdd\xff\xff\xff\xff",
        b"\x81" * 5000,
    ]


def test_a_member_that_signs_what_cannot_be_is_dropped_counted_and_named(lived):
    simulation, (alfa, bravo, mallory) = lived
    victim = Victim(simulation, bravo)
    claims = _misshapen(mallory)
    for i, signed in enumerate(claims):
        victim.now += 1
        message = Share(signed) if i % 2 else CatchUp((), 0, b"", (signed,))
        victim.hears(said(simulation, mallory, message, to=None if i % 2 else bravo))
    assert victim.errors == len(claims)
    assert victim.state.ledger is victim.before.ledger
    assert victim.changed == {"counters"}
    assert len([t for t in victim.texts if "dropped a message" in t]) > 5


def _entries(alfa: Node, mallory: Node) -> dict[str, tuple[bytes, ...]]:
    charter = alfa.peer.charter
    next_ = Entry(charter.federation, charter.version + 1, charter.head, 0, ScheduleSet("d1"))
    other, _ = crew("xray", seed=21)
    foreign = other.nodes["xray"].peer.charter.entries
    return {
        "forged": (charters._signed(next_, mallory.peer.me),),
        "gapped": (
            charters._signed(
                Entry(next_.federation, next_.version + 5, b"x" * 32, 0, ScheduleSet("d1")), mallory.peer.me
            ),
        ),
        "forged fork": (
            charters._signed(Entry(next_.federation, 2, charter.hashes[1], 0, ScheduleSet("d1")), mallory.peer.me),
        ),
        "foreign": foreign,
        "backwards": charter.entries[::-1],
        "damaged": (charter.entries[3][:-1],),
        "empty": (b"",),
        "hostile": (b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff"),
    }


@pytest.mark.parametrize(
    "name", ["forged", "gapped", "forged fork", "foreign", "backwards", "damaged", "empty", "hostile"]
)
def test_no_entry_of_a_member_changes_a_charter_or_raises_an_alarm(lived, name):
    simulation, (alfa, bravo, mallory) = lived
    victim = Victim(simulation, bravo)
    victim.hears(said(simulation, mallory, CatchUp(_entries(alfa, mallory)[name], 0, b"", ()), to=bravo))
    assert victim.state.charter is victim.before.charter
    assert victim.state.phase == "active"
    if name != "backwards":
        assert victim.errors == 1


NUMBERS = [-(2**63), -1, 0, 1, 2**31, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1]


@pytest.mark.parametrize("number", NUMBERS)
def test_no_number_that_a_member_says_stops_anyone(lived, number):
    """Whatever it claims of epochs, versions, serials, requests: the others can still pulse, help and agree."""
    simulation, (alfa, bravo, mallory) = lived
    me = bravo.peer.me.peer
    everyone = [n.peer.me.peer for n in (alfa, bravo, mallory)]
    lies = [
        _status(mallory, charter_version=number),
        _status(mallory, epoch=number),
        _status(mallory, ask=number, answers=(Answer(me, number), Answer("z", number))),
        _status(mallory, holds=tuple(Holding(p, number, b"d" * 32) for p in everyone)),
        _status(mallory, holds=(Holding("", number, b""),) * 50),
        Hello(_standing(mallory, charter_version=number, epoch=number, holds=(Holding(me, number, b""),))),
        CatchUp((), number, b"s" * 32, ()),
        CatchUp((), bravo.peer.roster.epoch, b"s" * 32, ()),
        Share(contribution(mallory, _big(mallory), serial=number, pulse=number, made_at=number)),
    ]
    victim = Victim(simulation, bravo)
    for lie in lies:
        victim.now += 4
        victim.hears(said(simulation, mallory, lie, to=bravo if isinstance(lie, Hello | CatchUp) else None))
        victim.meets(ev.Settle())
        victim.meets(ev.Tick())
    assert victim.state.phase == "active"
    assert victim.state.secrets == victim.before.secrets
    assert victim.state.charter is victim.before.charter
    held = victim.state.ledger.held
    assert {p: h for p, h in held.items() if p != mallory.peer.me.peer}.keys() == {alfa.peer.me.peer, me}
    # It can still contribute, and its serial goes on from its own.
    serial = victim.before.ledger.serial(me)
    batch = simulation.nodes["bravo"].peer.batches
    from fedpeer.core.peer.state import Batch

    more = collect(SCHEMA, rows(88))
    victim.meets(ev.AddBatch(Batch(f"n{number}", "t", 0, 20, 20, {}, f"{number}"), more, True))
    victim.meets(ev.SyncNow())
    assert batch
    assert victim.state.ledger.serial(me) == serial + 1
    assert victim.state.ledger.held[me].summary == victim.before.local + more


def test_a_serial_out_of_reach_shuts_out_only_who_said_it():
    simulation, (alfa, bravo, mallory) = crew("alfa", "bravo", "mallory")
    out = mallory.peer.me.peer
    shares = [Share(contribution(mallory, _big(mallory), serial=n)) for n in (2**62, 2**62 + 1, 2**64 - 1)]
    wires = [wire for share in shares for wire in said(simulation, mallory, share)]
    simulation.crash(mallory)
    for node, wire in itertools.product((alfa, bravo), wires):
        simulation.act(node, ev.Received(*wire))
    assert alfa.peer.ledger.serial(out) == bravo.peer.ledger.serial(out) == 2**62
    assert alfa.peer.counters.receive_errors == bravo.peer.counters.receive_errors == 2
    simulation.add(bravo, rows(40))
    simulation.act(bravo, ev.SyncNow())
    simulation.pass_time(5)
    assert alfa.peer.ledger.held[bravo.peer.me.peer].summary == bravo.peer.local
    simulation.act(alfa, ev.RemoveMember(out, ""))
    simulation.run()
    assert alfa.peer.ledger.total == bravo.peer.ledger.total == alfa.peer.local + bravo.peer.local


def test_a_member_that_claims_every_row_there_can_be_shuts_out_itself():
    simulation, (alfa, bravo, mallory) = crew("alfa", "bravo", "mallory")
    bound = SCHEMA.row_bound
    most = claimed(Summary.zero(SCHEMA), rows=[bound])
    out, wires = mallory.peer.me.peer, said(simulation, mallory, Share(contribution(mallory, most)))
    simulation.crash(mallory)
    for node, wire in itertools.product((alfa, bravo), wires):
        simulation.act(node, ev.Received(*wire))
    simulation.run()
    simulation.add(bravo, rows(41))
    simulation.act(bravo, ev.SyncNow())
    simulation.run()
    for node in (alfa, bravo):
        assert node.peer.ledger.total == alfa.peer.local + bravo.peer.local
        assert node.peer.ledger.left_out == (out,)
        assert any("mallory is left out" in text for text in node.said("contract"))
        assert node.peer.counters.receive_contract_failures == {out: 1}
    simulation.crash(bravo)
    simulation.restart(bravo)
    assert bravo.peer.ledger.total == alfa.peer.ledger.total


@pytest.mark.parametrize("seed", range(4))
def test_two_contributions_under_one_serial_are_named_and_end_as_the_same_one_everywhere(seed):
    simulation, (alfa, bravo, mallory) = crew("alfa", "bravo", "mallory", seed=seed)
    tales = [contribution(mallory, collect(SCHEMA, rows(60 + seed + i)), serial=7) for i in range(2)]
    out, told = mallory.peer.me.peer, [said(simulation, mallory, Share(tale)) for tale in tales]
    if seed % 2:
        simulation.crash(mallory)
    for node, wires in zip((alfa, bravo), told, strict=True):
        for wire in wires:
            simulation.act(node, ev.Received(*wire))
    simulation.pass_time(20)
    held = [n.peer.ledger.held[out] for n in (alfa, bravo)]
    assert held[0].signed == held[1].signed
    assert alfa.peer.ledger.total == bravo.peer.ledger.total
    lower = min((alfa, bravo), key=lambda n: tales[0 if n is alfa else 1] == held[0].signed)
    assert any("signed two different contributions 7" in text for text in lower.said("sync"))


def test_a_restored_backup_that_speaks_before_it_listens_agrees_with_the_others_in_the_end():
    simulation, (alfa, bravo, charlie) = crew("alfa", "bravo", "charlie")
    backup = dict(bravo.disk)
    simulation.add(bravo, rows(30))
    simulation.act(bravo, ev.SyncNow())
    simulation.run()
    simulation.crash(bravo)
    bravo.disk, bravo.boots = backup, bravo.boots + 1
    from fedpeer.core.peer.records import restore

    bravo.state, bravo.online = restore(simulation.federation, backup, simulation._session(bravo)), True
    simulation.add(bravo, rows(31))
    simulation.act(bravo, ev.SyncNow())
    simulation._reconnect(bravo)
    simulation.pass_time(15)
    simulation.act(bravo, ev.SyncNow())
    simulation.pass_time(5)
    assert len(totals(simulation)) == 1
    assert alfa.peer.ledger.held[bravo.peer.me.peer].summary == bravo.peer.local
    assert not alfa.peer.disagreeing


def test_an_admin_that_tells_two_members_two_things_is_found_out():
    simulation, (alfa, bravo, charlie) = crew("alfa", "bravo", "charlie")
    now = int(simulation.now)
    for node, schedule in ((bravo, "h1"), (charlie, "h2")):
        entry = alfa.peer.charter.decide(ScheduleSet(schedule), alfa.peer.me, now).entries[-1]
        for wire in said(simulation, alfa, CatchUp((entry,), 0, b"", ()), to=node):
            simulation.act(node, ev.Received(*wire))
    assert bravo.peer.phase == charlie.peer.phase == "active"
    simulation.pass_time(15)
    assert bravo.peer.phase == charlie.peer.phase == "alarmed"
    assert "both signed by the admin" in bravo.peer.alarm


# What a member can cost the others


def _flood(victim: Victim, simulation: Simulation, node: Node, message, seconds: int, *, to: Node | None = None) -> int:
    """A hundred messages a second for some seconds; returns the bytes that they were."""
    spent = 0
    for i in range(seconds * 100):
        victim.now += 0.01
        wires = said(simulation, node, message(i), to=to)
        spent += sum(len(body) for _, body in wires)
        victim.hears(wires)
        victim.meets(ev.Settle())
    return spent


FLOODS = {
    "hellos that lack everything": lambda n: lambda i: Hello(Standing(0, b"", 0, ())),
    "statuses that lack everything": lambda n: lambda i: _status(n, holds=()),
    "statuses of another charter": lambda n: lambda i: _status(n, charter_head=b"?" * 32),
    "statuses far ahead": lambda n: lambda i: _status(n, charter_version=2**62 + i),
    "endless requests": lambda n: lambda i: _status(n, ask=i + 1),
    "answers to nobody": lambda n: lambda i: _status(n, answers=(Answer("a" * 26, i),)),
    "empty answers": lambda n: lambda i: CatchUp((), i, b"", ()),
}


@pytest.mark.long
@pytest.mark.parametrize("name", FLOODS)
@pytest.mark.parametrize("role", [0, 1], ids=["admin", "member"])
def test_a_flood_costs_its_sender_more_than_its_hearers(name, role):
    simulation, nodes = crew("alfa", "bravo", "mallory")
    victim, mallory = Victim(simulation, nodes[role]), nodes[2]
    make = FLOODS[name](mallory)
    to = nodes[role] if isinstance(make(0), Hello | CatchUp) else None
    spent = _flood(victim, simulation, mallory, make, 2, to=to)
    assert victim.sent_bytes < spent
    assert len(victim.sent) <= 2 * 10 + 10
    assert len(victim.notes) < 60
    assert len(victim.state.windows) <= 4
    assert len(victim.state.session.said_at) < 30
    assert len(victim.state.session.answers) <= 3
    assert victim.state.charter is victim.before.charter
    assert victim.state.ledger is victim.before.ledger


def test_who_keeps_saying_that_it_lacks_everything_is_helped_at_a_bounded_rate():
    simulation, nodes = crew("alfa", "bravo", "mallory")
    alfa, bravo, mallory = nodes
    simulation.crash(bravo)
    simulation.pass_time(60, tick=10)
    victim = Victim(simulation, alfa)
    from fedpeer.core.peer import heeding

    for _ in range(300):
        victim.now += 0.2
        victim.hears(said(simulation, mallory, Hello(Standing(0, b"", 0, ())), to=alfa))
    assert 10 <= len(victim.sent) <= 60 / heeding.SELDOM_S + 1


def test_restarting_for_ever_makes_the_others_speak_once_a_second_and_keeps_nothing():
    simulation, nodes = crew("alfa", "bravo", "mallory")
    victim = Victim(simulation, nodes[0])
    for i in range(250):
        victim.now += 0.02
        boot = i.to_bytes(16, "big")
        victim.hears(said(simulation, nodes[2], _status(nodes[2]), boot=boot, expires_at=int(victim.now) + 600))
        victim.meets(ev.Settle())
    assert len(victim.sent) <= 7
    assert len(victim.state.windows[nodes[2].peer.me.peer].boots) <= 8


def test_chunks_that_never_become_whole_are_bounded():
    simulation, (alfa, bravo, mallory) = crew("alfa", "bravo", "mallory")
    from fedpeer.core.envelope.chunks import Assembly, Bounds

    bravo.state = bravo.peer.with_session(assembly=Assembly(Bounds(sender=3 * 2**20, total=4 * 2**20)))
    victim = Victim(simulation, bravo)
    for _ in range(6):
        pieces = said(simulation, mallory, b"\x00" * (2 * 2**20), kind=Kind.SHARE)
        assert len(pieces) > 3
        victim.hears(pieces[:-1])
    assert 0 < victim.state.session.assembly.held <= 3 * 2**20
    assert len(victim.state.session.assembly._partials) <= 8
    assert victim.changed == set()
    victim.now += 700
    victim.hears(said(simulation, mallory, b"\x00" * 600_000, kind=Kind.SHARE, expires_at=int(victim.now) + 9)[:1])
    assert victim.state.session.assembly.held < 600_000


BOMBS = {
    "holdings": b"\x85\xa4type\xa6status\xa8standing\x84\xafcharter_version\x01\xaccharter_head\xc4\x00\xa5epoch\x01"
    b"\xa5holds\xdd" + (700_000).to_bytes(4, "big") + b"\x93\xa0\x00\xc4\x00" * 700_000,
    "digest": canonical.encode(Status(Standing(1, b"", 1, (Holding("", 1, b"d" * 3_000_000),)), b"", True, 0, ())),
    "head": canonical.encode(Hello(Standing(1, b"h" * 3_000_000, 1, ()))),
    "names": canonical.encode(Status(Standing(1, b"", 1, (Holding("n" * 3_000_000, 1, b""),)), b"", True, 0, ())),
    "answers": canonical.encode(Status(Standing(1, b"", 1, ()), b"", True, 0, (Answer("", 1),) * 600_000)),
    "entries": canonical.encode(CatchUp((b"",) * 1_000_000, 1, b"", ())),
    "contributions": canonical.encode(CatchUp((), 1, b"", (b"",) * 1_000_000)),
    "nesting": b"\x91" * 1_000_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_unfolds_into_much_is_refused_before_it_does(lived, name):
    import tracemalloc

    simulation, (alfa, bravo, mallory) = lived
    kind = {"head": Kind.HELLO, "entries": Kind.CATCHUP, "contributions": Kind.CATCHUP}.get(name, Kind.STATUS)
    victim = Victim(simulation, bravo)
    *first, last = said(simulation, mallory, BOMBS[name], kind=kind)
    victim.hears(first)
    tracemalloc.start()
    victim.hears([last])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert victim.errors == 1
    assert peak < 2.5 * len(BOMBS[name]) + 3 * 2**20
    assert victim.changed == {"counters"}
    assert victim.state.session.heard == victim.before.session.heard


def test_wrong_and_unknown_kinds_are_ignored_and_noted_once(lived):
    simulation, (alfa, bravo, mallory) = lived
    victim = Victim(simulation, bravo)
    known = set(Kind)
    for kind in set(range(256)) - known:
        victim.hears(said(simulation, mallory, b"from the future", kind=kind))
    assert len([t for t in victim.texts if "unknown kind" in t]) == 1
    status = canonical.encode(_status(mallory))
    others = known - {Kind.STATUS}
    for kind in others:
        victim.hears(said(simulation, mallory, status, kind=kind))
    assert victim.errors == len(others)
    assert victim.changed <= {"counters", f"window/{mallory.peer.me.peer}"}
    for message in (_status(mallory), Share(b""), CatchUp((), 0, b"", ()), Hello(_standing(mallory))):
        victim.now += 1
        victim.hears(said(simulation, mallory, message, to=bravo))
        victim.hears(said(simulation, mallory, message))
    assert victim.state.ledger is victim.before.ledger


def test_a_farewell_shuts_out_only_who_says_it():
    simulation, (alfa, bravo, mallory) = crew("alfa", "bravo", "mallory")
    victim = Victim(simulation, alfa)
    victim.hears(said(simulation, mallory, Farewell("x" * 100_000), to=alfa, sender=bravo.peer.me.peer))
    assert victim.changed == {"counters"}
    victim.hears(said(simulation, mallory, Farewell("x" * 100_000), to=alfa))
    assert victim.state.roster.active == tuple(sorted((alfa.peer.me.peer, bravo.peer.me.peer)))
    assert not any("xxx" in text for text in victim.texts)


@pytest.mark.long
def test_random_content_under_a_members_seal_never_leaves_step(lived):
    simulation, (alfa, bravo, mallory) = lived
    rng = random.Random(2)
    honest = [
        canonical.encode(m)
        for m in (
            _status(mallory, 3, (Answer("a" * 26, 2),)),
            Hello(_standing(mallory)),
            CatchUp(alfa.peer.charter.entries, 2, b"s" * 32, (contribution(mallory, _big(mallory)),)),
            Share(contribution(mallory, _big(mallory))),
        )
    ]
    for role in (alfa, bravo):
        victim = Victim(simulation, role)
        for _ in range(400):
            victim.now += 0.05
            content = bytearray(rng.choice(honest))
            for _ in range(rng.choice([1, 1, 2, 8])):
                content[rng.randrange(len(content))] = rng.choice([0, 1, 0x7F, 0x80, 0xC0, 0xCF, 0xD3, 0xFF, 0x90])
            kind = rng.choice([1, 2, 3, 4])
            victim.hears(said(simulation, mallory, bytes(content), kind=kind, to=rng.choice([None, role])))
        assert victim.state.charter is victim.before.charter
        assert victim.state.secrets == victim.before.secrets
        theirs = {p: h for p, h in victim.state.ledger.held.items() if p != mallory.peer.me.peer}
        assert theirs == {p: h for p, h in victim.before.ledger.held.items() if p != mallory.peer.me.peer}


# The tests above would notice: each defence taken away lets its attack through.


def _off(*args: object, **kwargs: object) -> None:
    """Nothing is checked."""


def test_without_the_envelopes_signature_a_member_can_speak_for_another(lived, monkeypatch):
    simulation, (alfa, bravo, mallory) = lived
    monkeypatch.setattr(seal.keys, "verify", _off)
    victim = Victim(simulation, alfa)
    victim.hears(said(simulation, mallory, Farewell(""), to=alfa, sender=bravo.peer.me.peer))
    assert bravo.peer.me.peer not in victim.state.roster.active


def test_without_the_contributions_signature_a_member_can_contribute_for_another(lived, monkeypatch):
    simulation, (alfa, bravo, mallory) = lived
    forged = contribution(bravo, _big(bravo), keys=mallory.peer.me)
    victim = Victim(simulation, alfa).hears(said(simulation, mallory, Share(forged)))
    assert victim.state.ledger is victim.before.ledger
    monkeypatch.setattr(contributions, "verify", _off)
    victim.hears(said(simulation, mallory, Share(forged)))
    assert victim.state.ledger is not victim.before.ledger


def test_without_the_charters_signature_a_member_can_decide(lived, monkeypatch):
    simulation, (alfa, bravo, mallory) = lived
    monkeypatch.setattr(charters, "verify", _off)
    victim = Victim(simulation, bravo)
    victim.hears(said(simulation, mallory, CatchUp(_entries(alfa, mallory)["forged"], 0, b"", ()), to=bravo))
    assert victim.state.roster.schedule.text == "d1"


def test_without_the_windows_an_old_status_is_believed_again(lived, monkeypatch):
    simulation, (alfa, bravo, mallory) = lived
    victim = Victim(simulation, bravo)
    old = said(simulation, mallory, _status(mallory, ask=1, answers=(Answer("a" * 26, 1),)))
    new = said(simulation, mallory, _status(mallory, ask=2))
    victim.hears([*old, *new, *old])
    assert victim.state.session.heard[mallory.peer.me.peer].status.ask == 2
    monkeypatch.setattr(Windows, "admit", lambda self, header, now: self)
    victim.hears(old)
    assert victim.state.session.heard[mallory.peer.me.peer].status.ask == 1


def test_without_its_address_a_message_to_another_federation_is_counted_otherwise(lived, monkeypatch):
    simulation, (alfa, bravo, _) = lived
    wire = said(simulation, alfa, _status(alfa), federation="a" * 26)
    assert Victim(simulation, bravo).hears(wire).errors == 1
    monkeypatch.setattr(Header, "meant_for", _off)
    assert Victim(simulation, bravo).hears(wire).errors == 0


def test_without_the_pace_of_help_a_flood_is_answered_in_full(lived, monkeypatch):
    simulation, (alfa, bravo, mallory) = lived
    monkeypatch.setattr(Turn, "seldom", lambda self, what, every_s: True)
    victim = Victim(simulation, alfa)
    for _ in range(20):
        victim.hears(said(simulation, mallory, Hello(Standing(0, b"", 0, ())), to=alfa))
    assert len(victim.sent) == 20


def test_a_replay_is_dropped_without_a_count(lived):
    simulation, (alfa, bravo, mallory) = lived
    wire = said(simulation, mallory, _status(mallory))
    victim = Victim(simulation, bravo).hears([*wire, *wire, *wire])
    assert victim.errors == 0
    with pytest.raises(ReplayError):
        Windows().admit(seal.read(wire[0][1]), int(victim.now)).admit(seal.read(wire[0][1]), int(victim.now))


def test_an_honest_federation_on_a_bus_that_repeats_itself_has_no_receive_errors():
    simulation = Simulation(4, fate=lambda rng, subject: "twice")
    alfa = simulation.found("alfa")
    nodes = [alfa, *(simulation.join(alfa, name) for name in ("bravo", "charlie"))]
    for i, node in enumerate(nodes):
        simulation.add(node, rows(i))
        simulation.act(node, ev.SyncNow())
    simulation.pass_time(20, tick=4)
    assert len(totals(simulation)) == 1
    # A joiner can hear a member before it has the secret; nothing else may look like a fault.
    assert not [n for node in nodes for n in node.notes if n.kind == "receive" and n.data.get("code") != "FP206"]


def _restarted(simulation: Simulation, alfa: Node) -> None:
    simulation.crash(alfa)
    simulation.now += 60
    simulation.restart(alfa)


def test_a_member_that_speaks_of_decisions_that_there_are_not_does_not_stop_the_admin():
    simulation, (alfa, bravo, mallory) = crew("alfa", "bravo", "mallory")
    lie, out = _status(mallory, charter_version=2**62), mallory.peer.me.peer
    victim = Victim(simulation, alfa).hears(said(simulation, mallory, lie))
    victim.meets(ev.RemoveMember(out, ""))
    assert out not in victim.state.roster.active
    _restarted(simulation, alfa)
    for _ in range(12):
        for wire in said(simulation, mallory, lie):
            simulation.act(alfa, ev.Received(*wire))
        simulation.pass_time(3)
    simulation.act(alfa, ev.RemoveMember(out, ""))
    assert alfa.peer.roster.member(out) is None


@pytest.mark.parametrize("alone", [True, False])
def test_a_farewell_that_the_admin_finds_at_its_start_is_met_once_it_may_decide(alone):
    simulation, (alfa, bravo, charlie) = crew("alfa", "bravo", "charlie")
    simulation.crash(alfa)
    simulation.act(charlie, ev.Leave())
    if alone:
        simulation.crash(bravo)
    simulation.wire.clear()
    simulation.now += 60
    simulation.restart(alfa)
    simulation.pass_time(10)
    assert alfa.peer.roster.member(charlie.state.me.peer) is None
