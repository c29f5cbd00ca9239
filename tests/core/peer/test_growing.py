"""A schema grows while a federation lives: by proposal, for everyone, and no row is counted or sent again."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from fedpeer.core.envelope.messages import Motion, Ruling
from fedpeer.core.errors import DuplicateError, PermissionRefusedError, SchemaError, StateError, UnknownError
from fedpeer.core.federation.exchange import Exchange
from fedpeer.core.peer import events as ev
from fedpeer.core.peer import proposing
from fedpeer.core.peer.proposals import AcceptProposal, Agree, DeclineProposal, Proposal, Propose, ended
from fedpeer.core.peer.records import restore
from fedpeer.core.peer.session import Session
from fedpeer.core.peer.state import Batch, Peer
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.privacy.plan import Noise
from fedpeer.core.statistics.additions import Additions
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.lineage import Lineage
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from tests.core.peer import test_ciphering as ciphering
from tests.support.attack import said
from tests.support.simulation import SCHEMA as SIMPLE
from tests.support.simulation import Node, Simulation, totals

pytestmark = pytest.mark.long

SCHEMA = Schema(
    [
        Feature("x", min=-100, max=100, resolution="0.5"),
        Feature("stage", "category", levels=["I", "II"]),
        Feature("died", "binary"),
    ],
    missing="pairwise",
    blocks=["powers", "histogram", "conditional_histogram"],
    bins=4,
)
FURTHER = Additions.from_dict(
    {
        "levels": {"stage": ["III"]},
        "features": [
            {"name": "dose", "kind": "continuous", "min": 0, "max": 1000, "resolution": "0.001"},
            {"name": "x_dose", "kind": "product", "of": ["x", "dose"]},
        ],
    }
)
STRANGE = Additions.from_dict({"features": [{"name": "x_nothing", "kind": "product", "of": ["x", "nothing"]}]})
Rows = dict[str, list[Any]]


def drawn(rng: random.Random, count: int, *, grown: bool = False) -> Rows:
    """Rows of a site, each value missing now and then; with what is new, if the site measures it."""
    stages = ["I", "II", "III"] if grown else ["I", "II"]
    rows: Rows = {
        "x": [rng.choice([None, rng.randrange(-200, 201) / 2]) for _ in range(count)],
        "stage": [rng.choice(stages) for _ in range(count)],
        "died": [rng.randrange(2) for _ in range(count)],
    }
    return rows | ({"dose": [rng.randrange(1_000_000) / 1000 for _ in range(count)]} if grown else {})


def pooled(schema: Schema, parts: list[Rows]) -> Summary:
    """All rows in one place, those of before without what they lack."""
    names = [feature.name for feature in schema.inputs]
    lengths = [len(part["x"]) for part in parts]
    table = {n: [v for part, k in zip(parts, lengths, strict=True) for v in part.get(n, [None] * k)] for n in names}
    return collect(schema, table)


def lived(seed: int, *, names: tuple[str, ...] = ("bravo", "charlie"), **how: Any) -> tuple[Simulation, list[Rows]]:
    """A federation whose members all have rows, and have pulsed."""
    simulation, rng = Simulation(seed), random.Random(seed)
    admin = simulation.found("alfa", schema=SCHEMA, contract="COUNT(died) >= 5", **how)
    for name in names:
        simulation.join(admin, name)
    parts = [drawn(rng, 60) for _ in simulation.up()]
    for node, rows in zip(simulation.up(), parts, strict=True):
        simulation.add(node, rows)
    pulsed(simulation)
    return simulation, parts


def pulsed(simulation: Simulation) -> None:
    for node in simulation.up():
        simulation.act(node, ev.SyncNow())
        simulation.run()


def grown(simulation: Simulation, proposer: Node, additions: Additions = FURTHER) -> Schema:
    """Propose, accept, and let everyone hear of it."""
    proposal = simulation.act(proposer, Propose(additions, "we measure it"))
    simulation.run()
    admin = simulation.nodes["alfa"]
    assert simulation.act(admin, AcceptProposal(proposal.id)).state == "accepted"
    assert f"{proposer.name} proposed" in admin.said("charter")[-1]
    simulation.run()
    assert {node.peer.proposals[proposal.id].state for node in (admin, proposer)} == {"accepted"}
    assert len({node.peer.roster.schema.digest for node in simulation.up()}) == 1
    return admin.peer.roster.schema


def test_the_total_is_that_of_all_rows_under_the_schema_that_it_has_grown_into() -> None:
    simulation, parts = lived(1)
    admin, bravo, charlie = simulation.nodes.values()
    sent = {node.name: node.peer.counters.sent for node in simulation.up()}
    schema = grown(simulation, bravo)
    assert [c.name for c in schema.columns] == ["x", "stage$I", "stage$II", "stage$III", "died", "dose", "x_dose"]
    assert all(node.peer.ledger.total == pooled(schema, parts) for node in simulation.up())
    pulsed(simulation)
    assert {node.name: node.peer.counters.sent for node in simulation.up()} == sent, "nothing had to be sent again"
    more = drawn(random.Random(2), 40, grown=True)
    simulation.add(bravo, more)
    pulsed(simulation)
    assert totals(simulation) == {pooled(schema, [*parts, more]).digest}
    assert "bravo proposed" in charlie.said("charter")[-1]
    assert bravo.peer.counters.sent == sent["bravo"] + 1


def test_who_restarts_or_was_away_has_it_all_the_same() -> None:
    simulation, parts = lived(3)
    admin, bravo, charlie = simulation.nodes.values()
    simulation.crash(charlie)
    schema = grown(simulation, bravo)
    for node in (admin, bravo):
        simulation.crash(node)
    for node in (admin, bravo, charlie):
        simulation.restart(node)
    simulation.pass_time(15)
    assert totals(simulation) == {pooled(schema, parts).digest}
    for node in simulation.up():
        again = restore(simulation.federation, node.disk, Session(bytes(16)))
        assert (again.local, again.ledger.total) == (node.peer.local, node.peer.ledger.total)
        assert again.traces == node.peer.traces


def test_what_members_stand_by_keeps_its_name() -> None:
    """Members compare what they hold by digests of what was signed: growing must not make all of it look new."""
    simulation, _ = lived(4)
    before = [node.peer.ledger.holdings for node in simulation.up()]
    grown(simulation, simulation.nodes["bravo"])
    assert [node.peer.ledger.holdings for node in simulation.up()] == before


def test_earlier_releases_are_still_compared() -> None:
    """A row that was in a release of before the schema grew is not given away by one of after it."""
    simulation, _ = lived(5, policy=Policy(profile="relaxed", change=10))
    bravo = simulation.nodes["bravo"]
    simulation.add(bravo, drawn(random.Random(6), 60))
    pulsed(simulation)
    grown(simulation, bravo)
    assert len(bravo.peer.traces) == 1
    *_, last = bravo.peer.batches
    simulation.act(bravo, ev.WithdrawBatch(last))
    one = drawn(random.Random(7), 1)
    simulation.add(bravo, one)
    outcome, text = simulation.act(bravo, ev.SyncNow())
    assert outcome == "withheld"
    assert "contribution 1" in text


def test_a_batch_is_known_again_also_with_more_columns() -> None:
    simulation, parts = lived(8)
    bravo = simulation.nodes["bravo"]
    grown(simulation, bravo)
    dose = [1.0] * len(parts[1]["x"])
    for rows in (parts[1], parts[1] | {"dose": dose}):
        with pytest.raises(DuplicateError, match="holds exactly the rows of batch"):
            simulation.add(bravo, rows, force=False)


def test_rows_that_were_read_before_are_counted_and_withdrawn_after() -> None:
    simulation, _ = lived(9)
    bravo, rows = simulation.nodes["bravo"], drawn(random.Random(10), 30)
    old = collect(SCHEMA, rows)
    grown(simulation, bravo)
    before = bravo.peer.local
    late = ev.AddBatch(_batch(old), old, False)
    simulation.act(bravo, late)
    assert bravo.peer.local == before + collect(bravo.peer.roster.schema, rows)
    simulation.act(bravo, ev.WithdrawRows("rows", old, "late"))
    assert bravo.peer.local == before


def _batch(summary: Summary) -> Batch:
    return Batch("late", "test", 0, summary.rows, summary.rows, {}, summary.digest)


def test_rows_of_before_are_withdrawn_by_a_table_that_has_more_columns_now() -> None:
    simulation, parts = lived(21)
    bravo = simulation.nodes["bravo"]
    schema, before = grown(simulation, bravo), bravo.peer.local
    some = {name: values[:20] for name, values in parts[1].items()}
    told = collect(schema, some | {"dose": [1.0] * 20})
    simulation.act(bravo, ev.WithdrawRows("some", told, ""))
    assert bravo.peer.local == before - collect(schema, some | {"dose": [None] * 20})
    new = {"x": [1.0] * 5, "stage": ["III"] * 5, "died": [0] * 5, "dose": [1.0] * 5}
    with pytest.raises(UnknownError, match="not all in any batch"):
        simulation.act(bravo, ev.WithdrawRows("strangers", collect(schema, new), ""))


@pytest.mark.parametrize("guarded", [True, False])
def test_nobody_counts_what_their_operator_has_not_agreed_to(guarded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """An admin lets the schema grow by a column that a member's table happens to have."""
    if not guarded:
        monkeypatch.setattr(Peer, "agreed", property(lambda self: self.roster.schema))
    simulation, _ = lived(23)
    admin, bravo, charlie = simulation.nodes.values()
    schema = grown(simulation, bravo)
    assert [node.peer.agreed == schema for node in (admin, bravo, charlie)] == [True, True, not guarded]
    table, before = drawn(random.Random(24), 30, grown=True), charlie.peer.local
    simulation.act(charlie, ev.AddBatch(_batch(counted := collect(charlie.peer.agreed, table)), counted, False))
    assert (charlie.peer.local.count("dose") > 0) is not guarded
    simulation.act(charlie, ev.WithdrawBatch("late"))
    assert charlie.peer.local == before
    with pytest.raises(UnknownError, match="no schema 0000"):
        simulation.act(charlie, Agree("0" * 64))
    assert simulation.act(charlie, Agree(schema.digest)) == schema.digest
    assert charlie.peer.agreed == schema
    simulation.crash(charlie)
    simulation.restart(charlie)
    assert charlie.peer.agreed == schema


def test_who_proposes_agrees_to_that_and_to_nothing_else() -> None:
    simulation, _ = lived(25)
    admin, bravo, charlie = simulation.nodes.values()
    grown(simulation, charlie, Additions.from_dict({"features": [{"name": "hiv", "kind": "binary"}]}))
    grown(simulation, bravo, Additions.from_dict({"levels": {"stage": ["III"]}}))
    names = [[feature.name for feature in node.peer.agreed.features] for node in (admin, bravo, charlie)]
    assert names == [["x", "stage", "died", "hiv"], ["x", "stage", "died"], ["x", "stage", "died", "hiv"]]
    assert [node.peer.agreed.feature("stage").levels[-1] for node in (admin, bravo, charlie)] == ["III", "II", "II"]


def test_what_others_add_meanwhile_changes_nothing_of_what_was_agreed_to() -> None:
    simulation, _ = lived(30)
    admin, bravo, charlie = simulation.nodes.values()
    declined = simulation.act(bravo, Propose(FURTHER))
    simulation.run()
    simulation.act(admin, DeclineProposal(declined.id))
    simulation.pass_time(1)
    mine = grown(simulation, bravo, Additions.from_dict({"features": [{"name": "hiv", "kind": "binary"}]}))
    open_still = simulation.act(bravo, Propose(Additions.from_dict({"levels": {"stage": ["IV"]}})))
    simulation.run()
    assert grown(simulation, charlie) == bravo.peer.roster.schema
    assert bravo.peer.agreed == mine
    for node in (admin, bravo):
        assert [node.peer.proposals[p.id].state for p in (open_still, declined)] == ["open", "declined"]


def test_who_proposes_more_of_what_it_has_not_agreed_to_still_follows_the_charter() -> None:
    """There is no schema that has its proposal and nothing else, so it has agreed to none."""
    simulation, _ = lived(8)
    admin, bravo, charlie = simulation.nodes.values()
    before = charlie.peer.agreed
    sex = Additions.from_dict({"features": [{"name": "sex", "kind": "category", "levels": ["f", "m"]}]})
    grown(simulation, bravo, sex)
    more = Additions.from_dict({"levels": {"sex": ["x"]}})
    newest = grown(simulation, charlie, more)
    assert charlie.peer.roster.schema == newest
    assert charlie.peer.agreed == before
    assert simulation.act(charlie, Agree(newest.digest)) == newest.digest
    assert charlie.peer.agreed == newest
    assert f"rows are counted under schema {newest.digest[:16]}" in charlie.said("audit")[-1]


def test_who_joins_agrees_to_what_the_invite_shows() -> None:
    simulation, _ = lived(26)
    admin, bravo, _ = simulation.nodes.values()
    early = simulation.invite(admin)
    schema = grown(simulation, bravo)
    late = simulation.join(admin, "delta")
    assert (late.peer.agreed, late.peer.roster.schema) == (schema, schema)
    slow = simulation.ask_to_join(admin, "echo", early)
    simulation.run()
    assert (slow.peer.agreed, slow.peer.roster.schema) == (SCHEMA, schema)


def test_a_proposal_is_heard_in_the_end_and_answered() -> None:
    """The admin is away, and then declines; the proposer hears of both."""
    simulation, _ = lived(11)
    admin, bravo, _ = simulation.nodes.values()
    simulation.crash(admin)
    proposal = simulation.act(bravo, Propose(FURTHER))
    assert simulation.act(bravo, Propose(FURTHER)) == proposal, "the same again is the same"
    simulation.run()
    simulation.kept.clear()  # and the bus has forgotten it
    simulation.restart(admin)
    simulation.pass_time(25)
    assert admin.peer.proposals[proposal.id].by == bravo.peer.me.peer
    assert bravo.peer.proposals[proposal.id].state == "open"
    assert "bravo proposes that the schema grow by" in admin.said("charter")[-1]
    assert simulation.act(admin, DeclineProposal(proposal.id, "nobody else measures it")).state == "declined"
    assert admin.said("charter")[-1] == "declined what bravo proposed"
    simulation.run()
    assert (bravo.peer.proposals[proposal.id].state, bravo.peer.proposals[proposal.id].reason) == (
        "declined",
        "nobody else measures it",
    )
    assert "nobody else measures it" in bravo.said("charter")[-1]
    assert bravo.peer.roster.schema == SCHEMA
    for event in (AcceptProposal(proposal.id), DeclineProposal(proposal.id)):
        with pytest.raises(StateError, match="declined already"):
            simulation.act(admin, event)


def test_a_ruling_that_was_lost_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposing, "ASKED_S", 10.0)
    simulation, _ = lived(27)
    admin, bravo, _ = simulation.nodes.values()
    proposal = simulation.act(bravo, Propose(FURTHER))
    simulation.run()
    simulation.act(admin, DeclineProposal(proposal.id, "not now"))
    simulation.wire.clear()
    simulation.kept.clear()
    assert bravo.peer.proposals[proposal.id].state == "open"
    simulation.pass_time(30)
    assert bravo.peer.proposals[proposal.id].state == "declined"
    assert admin.peer.counters.receive_errors == 0


def test_what_the_schema_has_already_or_cannot_have_is_not_kept_for_the_admin_to_decide() -> None:
    simulation, _ = lived(28)
    admin, bravo, charlie = simulation.nodes.values()
    grown(simulation, bravo)
    known = set(admin.peer.proposals)
    for n, additions in enumerate((FURTHER, STRANGE)):
        _heard(simulation, charlie, admin, Motion(f"{n:012d}", additions.to_json(), ""))
        assert set(admin.peer.proposals) == known


def test_what_was_declined_can_be_proposed_again() -> None:
    simulation, _ = lived(29)
    admin, bravo, _ = simulation.nodes.values()
    first = simulation.act(bravo, Propose(FURTHER))
    simulation.run()
    simulation.act(admin, DeclineProposal(first.id))
    simulation.pass_time(1)
    again = simulation.act(bravo, Propose(FURTHER, "now all do"))
    simulation.run()
    assert [admin.peer.proposals[p.id].state for p in (first, again)] == ["declined", "open"]
    own = simulation.act(admin, Propose(Additions.from_dict({"levels": {"stage": ["IV"]}})))
    assert own.state == "open"


def test_of_two_proposals_for_the_same_both_are_settled_by_one_decision() -> None:
    simulation, _ = lived(12)
    admin, bravo, charlie = simulation.nodes.values()
    level = Additions.from_dict({"levels": {"stage": ["III"]}})
    wider = Additions.from_dict(
        {"features": [{"name": "dose", "kind": "continuous", "min": 0, "max": 5, "resolution": 1}]}
    )
    same, other = simulation.act(charlie, Propose(level)), simulation.act(charlie, Propose(wider))
    simulation.run()
    grown(simulation, bravo)
    for node in (admin, charlie):
        assert node.peer.proposals[same.id].state == "accepted"
        assert node.peer.proposals[other.id].state == "declined"
        assert "dose" in node.peer.proposals[other.id].reason


def test_what_cannot_be_proposed_or_decided_is_refused_with_the_reason() -> None:
    simulation, _ = lived(13)
    admin, bravo, _ = simulation.nodes.values()
    with pytest.raises(StateError, match="has all of this"):
        simulation.act(bravo, Propose(Additions.from_dict({"features": [SCHEMA.features[0].to_dict()]})))
    for additions in (Additions.from_dict({"levels": {"x": ["III"]}}), STRANGE):
        with pytest.raises(SchemaError):
            simulation.act(bravo, Propose(additions))
    assert not bravo.peer.proposals
    many = [{"name": f"{i:0100}", "kind": "category", "levels": ["a" * 100, "b" * 100]} for i in range(3_000)]
    with pytest.raises(SchemaError, match="characters of additions"):
        simulation.act(bravo, Propose(Additions.from_dict({"features": many})))
    proposal = simulation.act(bravo, Propose(FURTHER))
    assert "proposed that the schema grow by" in bravo.said("charter")[-1]
    for decision in (AcceptProposal(proposal.id), DeclineProposal(proposal.id)):
        with pytest.raises(PermissionRefusedError, match="only the federation's admin"):
            simulation.act(bravo, decision)
    with pytest.raises(UnknownError):
        simulation.act(admin, AcceptProposal("0" * 12))
    simulation.act(admin, ev.RemoveMember(bravo.peer.me.peer, ""))
    simulation.run()
    for event in (Propose(FURTHER), Agree(SCHEMA.digest)):
        with pytest.raises(StateError, match="is removed"):
            simulation.act(bravo, event)


def test_noise_that_was_made_for_one_schema_keeps_it() -> None:
    simulation = Simulation(14)
    admin = simulation.found("alfa", policy=Policy(profile="relaxed", noise=Noise(cost=100)), schema=SCHEMA)
    with pytest.raises(StateError, match="noise"):
        simulation.act(admin, Propose(FURTHER))


@pytest.mark.parametrize("lean", [True, False])
def test_growing_does_not_make_an_old_vector_look_new(lean: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hidden sums may differ only by enough who have moved. Were all to look new, one member's rows would show."""
    if not lean:
        monkeypatch.setattr(Lineage, "lean", lambda self, summary: summary)
    names = ("bravo", "charlie", "delta")
    simulation, parts = lived(15, names=names, exchange=Exchange(mode="secure", least=3))
    admin, bravo, *_ = simulation.nodes.values()
    opened = admin.peer.ledger.opened
    assert opened.total == pooled(SCHEMA, parts)
    schema = grown(simulation, bravo)
    assert admin.peer.ledger.opened.total == pooled(schema, parts)
    assert admin.peer.ledger.opened.rank == opened.rank
    more = drawn(random.Random(16), 40, grown=True)
    simulation.add(bravo, more)
    simulation.act(admin, ev.SyncNow())
    simulation.run()
    simulation.pass_time(30)
    shown = admin.peer.ledger.total - pooled(schema, parts) == pooled(schema, [more])
    assert shown is not lean, "without it the difference of the two sums is one member's"


@pytest.mark.parametrize("mode", ["paillier", "ckks"])
def test_sums_under_a_cipher_grow_too(mode: str) -> None:
    simulation = ciphering.federation(mode=mode, schema=Schema(SIMPLE.features, missing="pairwise"))
    admin, contributor = simulation.nodes["bene"], simulation.nodes["c0"]
    ciphering.sync(simulation)
    before, rounds = admin.peer.ledger.total, len(simulation.wanted)
    proposal = simulation.act(
        contributor, Propose(Additions.from_dict({"features": [{"name": "z", "kind": "binary"}]}))
    )
    simulation.run()
    simulation.act(admin, AcceptProposal(proposal.id))
    simulation.run()
    lineage = admin.peer.roster.lineage
    assert admin.peer.ledger.total == lineage.embed(before)
    for node in ciphering.those(simulation)[:3]:
        simulation.add(node, {"x": [1.0] * 9, "y": [2] * 9, "z": [0, 1, 1] * 3})
    ciphering.sync(simulation)
    assert len(simulation.wanted) > rounds
    assert admin.peer.ledger.total == ciphering.pooled(ciphering.those(simulation), lineage.newest)


def test_proposals_of_nobody_who_may_make_them_are_dropped() -> None:
    simulation, _ = lived(18)
    admin, bravo, charlie = simulation.nodes.values()
    hostile = [
        (charlie, bravo, Motion("0" * 12, FURTHER.to_json(), "")),  # to who does not decide
        (charlie, bravo, Ruling("0" * 12, "declined", "")),  # by who does not
        (charlie, admin, Motion("1" * 12, "{}", "")),
        (charlie, admin, Motion("../../\x1b[2J", FURTHER.to_json(), "")),  # which would be shown, and name a record
        (charlie, admin, Motion("1" * 12, FURTHER.to_json() + " ", "")),
        (charlie, admin, Motion("1" * 12, '{"features": 3}', "")),
    ]
    for sender, to, message in hostile:
        before = to.peer.counters.receive_errors
        _heard(simulation, sender, to, message)
        assert to.peer.counters.receive_errors == before + 1
        assert not to.peer.proposals
    proposal = simulation.act(bravo, Propose(FURTHER))
    simulation.run()
    before = admin.peer.counters.receive_errors
    _heard(simulation, charlie, admin, Motion(proposal.id, FURTHER.to_json(), "mine"))
    assert admin.peer.counters.receive_errors == before + 1
    assert admin.peer.proposals[proposal.id].by == bravo.peer.me.peer
    _heard(simulation, charlie, bravo, Ruling(proposal.id, "declined", "says charlie"))
    assert bravo.peer.proposals[proposal.id].state == "open"


def test_that_something_was_accepted_is_for_the_charter_to_say() -> None:
    simulation, _ = lived(18)
    admin, bravo, _ = simulation.nodes.values()
    proposal = simulation.act(bravo, Propose(FURTHER))
    _heard(simulation, admin, bravo, Ruling(proposal.id, "accepted", ""))
    assert bravo.peer.proposals[proposal.id].state == "open"
    simulation.act(admin, AcceptProposal(proposal.id))
    simulation.run()
    assert bravo.peer.proposals[proposal.id].state == "accepted"
    assert bravo.peer.agreed is bravo.peer.roster.schema
    _heard(simulation, admin, bravo, Ruling(proposal.id, "declined", "on second thoughts"))
    assert bravo.peer.proposals[proposal.id].state == "accepted"


@pytest.mark.parametrize("most", [1_000, 10**9])
def test_nobody_fills_the_admins_store_with_long_proposals(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposing, "MOST_WAITING", most)
    simulation, _ = lived(19)
    admin, _, charlie = simulation.nodes.values()
    for n in range(9):
        additions = Additions.from_dict({"levels": {"stage": [f"{n}".rjust(120, "L")]}})
        _heard(simulation, charlie, admin, Motion(f"{n:012d}", additions.to_json(), ""))
    kept = [len(each.additions) for each in admin.peer.proposals.values()]
    assert (sum(kept) <= 1_000) is (most == 1_000)
    assert len(kept) == (1_000 // kept[0] if most == 1_000 else 9)


def test_what_a_member_that_is_gone_has_left_open_is_settled_and_in_the_end_forgotten() -> None:
    simulation, _ = lived(20)
    admin, bravo, charlie = simulation.nodes.values()
    other = simulation.act(bravo, Propose(FURTHER))
    simulation.run()
    for n in range(3):
        additions = Additions.from_dict({"levels": {"stage": [f"L{n}"]}})
        _heard(simulation, charlie, admin, Motion(f"{n:012d}", additions.to_json(), ""))
    simulation.act(admin, ev.RemoveMember(charlie.peer.me.peer, ""))
    told = {each.id: (each.state, each.reason) for each in admin.peer.proposals.values()}
    assert told.pop(other.id) == ("open", "")
    assert set(told.values()) == {("declined", "who proposed it is no member any more")}
    for n in range(150):
        gone = Proposal(f"{n:012x}", charlie.peer.me.peer, FURTHER.to_json(), "", n, "open")
        admin.state = replace(admin.peer, proposals=ended({**admin.peer.proposals, gone.id: gone}, gone.by))
    assert len(admin.peer.proposals) == 101


def test_nobody_fills_the_admins_store_with_proposals() -> None:
    simulation, _ = lived(19)
    admin, bravo, charlie = simulation.nodes.values()
    for n in range(proposing.MOST_OPEN + 5):
        additions = Additions.from_dict({"levels": {"stage": [f"L{n}"]}})
        _heard(simulation, charlie, admin, Motion(f"{n:012d}", additions.to_json(), ""))
    assert len(admin.peer.proposals) == proposing.MOST_OPEN
    other = simulation.act(bravo, Propose(FURTHER))
    simulation.run()
    assert admin.peer.proposals[other.id].state == "open"
    assert isinstance(next(iter(admin.peer.proposals.values())), Proposal)


def _heard(simulation: Simulation, sender: Node, to: Node, message: Motion | Ruling) -> None:
    for subject, body in said(simulation, sender, message, to=to):
        simulation.act(to, ev.Received(subject, body))
    simulation.run()
