"""The roster: what decisions mean."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from fedpeer.core.envelope.keys import Identity
from fedpeer.core.errors import CharterError
from fedpeer.core.federation import roster as rosters
from fedpeer.core.federation.decisions import (
    ContractSet,
    EpochBegun,
    Founded,
    MemberAdmitted,
    MemberRemoved,
    ScheduleSet,
    SchemaGrown,
    described,
)
from fedpeer.core.federation.exchange import Exchange
from fedpeer.core.federation.roster import Roster
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.privacy.plan import Noise
from fedpeer.core.statistics.additions import Additions
from tests.support.simulation import CONTRACT, SCHEMA

ADMIN, BRAVO, CHARLIE = (Identity.from_secret(bytes([n]) * 32) for n in range(1, 4))
FOUNDING = Founded("trial", ADMIN.card("alfa"), SCHEMA.to_json(), CONTRACT, "m1", Exchange(), Policy(), b"n" * 16)


@pytest.fixture
def roster() -> Roster:
    return Roster.founded(FOUNDING, 7).after(MemberAdmitted(BRAVO.card("bravo"), "member", "i"), 8)


def test_the_founder_is_the_admin_and_those_admitted_are_members(roster):
    assert roster.admin == ADMIN.peer
    assert roster.active == tuple(sorted((ADMIN.peer, BRAVO.peer)))
    assert (roster.member(ADMIN.peer).role, roster.member(BRAVO.peer).role) == ("admin", "member")
    assert roster.member(CHARLIE.peer) is None
    assert roster.member("") is None


@pytest.mark.parametrize("at", [9, 0, -5])
def test_who_is_removed_is_no_member_at_any_time_and_stays_known(roster, at):
    after = roster.after(MemberRemoved(BRAVO.peer, "x"), at)
    assert after.member(BRAVO.peer) is None
    assert after.active == (ADMIN.peer,)
    assert after.members[BRAVO.peer].removed_at >= 1
    with pytest.raises(CharterError):
        after.after(MemberRemoved(BRAVO.peer, "again"), 10)
    with pytest.raises(CharterError, match="new keys"):
        after.after(MemberAdmitted(BRAVO.card("bravo"), "member", "i"), 10)


def test_a_decision_changes_its_subject_and_nothing_else(roster):
    changed = {
        "schedule": roster.after(ScheduleSet("h9"), 9),
        "contract": roster.after(ContractSet("COUNT(x) >= 9"), 9),
        "members": roster.after(MemberAdmitted(CHARLIE.card("charlie"), "member", "i"), 9),
    }
    for name, after in changed.items():
        assert getattr(after, name) != getattr(roster, name)
        assert replace(after, **{name: getattr(roster, name)}) == roster
    begun = roster.after(EpochBegun(1, b"c"), 9)
    assert (begun.epoch, begun.commitment, begun.epoch_at) == (1, b"c", 9)


def test_a_federation_has_a_bounded_number_of_members(roster, monkeypatch):
    monkeypatch.setattr(rosters, "MOST_MEMBERS", 2)
    with pytest.raises(CharterError, match="at most 2"):
        roster.after(MemberAdmitted(CHARLIE.card("charlie"), "member", "i"), 9)


@pytest.mark.parametrize(
    "decision",
    [
        FOUNDING,
        MemberAdmitted(CHARLIE.card("charlie"), "member", "i"),
        MemberRemoved(BRAVO.peer, "why"),
        ScheduleSet("h9"),
        ContractSet("COUNT(x) >= 9"),
        EpochBegun(4, b""),
    ],
)
def test_every_decision_has_words(decision):
    told = described(decision, lambda peer: f"<{peer}>")
    assert told
    assert "\n" not in told
    if isinstance(decision, MemberRemoved):
        assert f"<{BRAVO.peer}>" in told


def test_the_schema_grows_by_what_a_member_proposed(roster):
    additions = Additions.from_dict({"levels": {"site": ["west"]}}).to_json()
    with pytest.raises(CharterError, match="somebody else"):
        roster.after(SchemaGrown(additions, CHARLIE.peer), 9)
    with pytest.raises(CharterError, match="no feature 'site'"):
        roster.after(SchemaGrown(additions, BRAVO.peer), 9)


def test_noise_is_of_a_mode_that_has_a_use_for_it_and_fits_the_schema():
    quiet = Policy(noise=Noise(10**9, colluders=3))
    for exchange in (Exchange("paillier"), Exchange("secure", least=3)):
        with pytest.raises(CharterError, match="no use for"):
            Roster.founded(structs.replace(FOUNDING, policy=quiet, exchange=exchange), 1)
    for exchange in (Exchange(), Exchange("secure", least=4)):
        assert Roster.founded(structs.replace(FOUNDING, policy=quiet, exchange=exchange), 1).policy == quiet
