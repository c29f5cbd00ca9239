"""The charter: only the admin writes it, only in order, and whoever replays it arrives at the same roster."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core import canonical
from fedpeer.core.envelope.keys import Identity
from fedpeer.core.errors import CharterError, ForgedError, ForkError, MalformedError, RemoteError
from fedpeer.core.federation.charter import LABEL, Charter, Entry, SignedEntry
from fedpeer.core.federation.decisions import (
    ContractSet,
    EpochBegun,
    Founded,
    MemberAdmitted,
    MemberRemoved,
    ScheduleSet,
)
from fedpeer.core.federation.exchange import Exchange
from fedpeer.core.privacy.floor import Policy
from tests.support.simulation import CONTRACT, SCHEMA

ADMIN, OTHER, *PEERS = (Identity.from_secret(bytes([n]) * 32) for n in range(1, 6))


def founding(**changed: object) -> Founded:
    usual = {
        "name": "trial",
        "admin": ADMIN.card("alfa"),
        "schema": SCHEMA.to_json(),
        "contract": CONTRACT,
        "schedule": "m1",
        "exchange": Exchange(),
        "policy": Policy(),
        "nonce": b"n" * 16,
    }
    return Founded(**(usual | changed))


def admitted(i: int) -> MemberAdmitted:
    return MemberAdmitted(PEERS[i].card(f"peer {i}"), "member", "0" * 16)


DECISIONS = [
    ScheduleSet("h1"),
    ScheduleSet("nonsense"),
    ContractSet("COUNT(x) >= 7"),
    ContractSet("COUNT(nothing) > 1"),
    admitted(0),
    admitted(1),
    MemberRemoved(PEERS[0].peer, "why"),
    MemberRemoved(ADMIN.peer, "never"),
    EpochBegun(1, b"c" * 32),
    EpochBegun(2, b"d" * 32),
    founding(),
]


def signed(body: bytes, identity: Identity = ADMIN, label: str = LABEL) -> bytes:
    return canonical.encode(SignedEntry(body, identity.sign(label, body)))


def entry(charter: Charter, **changed: object) -> bytes:
    usual = {
        "federation": charter.federation,
        "version": charter.version + 1,
        "previous": charter.head,
        "at": 5,
        "decision": ScheduleSet("h2"),
    }
    return canonical.encode(Entry(**(usual | changed)))


@pytest.fixture
def charter() -> Charter:
    made = Charter.found(founding(), ADMIN, 1)
    for decision in (admitted(0), EpochBegun(1, b"c" * 32), ScheduleSet("h1")):
        made = made.decide(decision, ADMIN, 2)
    return made


@settings(max_examples=50)
@given(st.lists(st.sampled_from(DECISIONS), max_size=12))
def test_whoever_follows_the_entries_arrives_at_the_same_roster(decisions):
    made = Charter.found(founding(), ADMIN, 1)
    for at, decision in enumerate(decisions, start=2):
        before = made
        try:
            made = made.decide(decision, ADMIN, at)
        except CharterError:
            assert made is before
    replayed = Charter.open(made.entries[0], expected=made.federation)
    for each in made.entries[1:]:
        replayed = replayed.follow(each).follow(each)
    assert (replayed.entries, replayed.hashes) == (made.entries, made.hashes)
    assert replayed.roster.members == made.roster.members
    assert replayed.roster.schedule == made.roster.schedule
    assert replayed.roster.contract.text == made.roster.contract.text
    assert (replayed.roster.epoch, replayed.roster.commitment) == (made.roster.epoch, made.roster.commitment)
    assert [e.version for e in made.history()] == list(range(made.version + 1))
    assert len(set(made.hashes)) == len(made.hashes)


def test_what_is_known_is_recognised_and_changes_nothing(charter):
    for each in charter.entries:
        assert charter.follow(each) is charter


@pytest.mark.parametrize("identity", [OTHER, PEERS[0]], ids=["a stranger", "a member"])
def test_only_the_admin_writes(charter, identity):
    with pytest.raises(ForgedError):
        charter.follow(signed(entry(charter), identity))
    with pytest.raises(ForgedError):
        charter.follow(signed(entry(charter), ADMIN, "envelope"))


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"federation": "a" * 26}, CharterError),
        ({"federation": ""}, CharterError),
        ({"version": 9}, CharterError),
        ({"version": 2**64 - 1}, CharterError),
        ({"previous": b"x" * 32}, ForkError),
        ({"previous": b""}, ForkError),
        ({"version": 3}, ForkError),
        ({"version": 0}, ForkError),
        ({"version": -1}, ForkError),
        ({"version": -(2**63)}, ForkError),
        ({"decision": ScheduleSet("s0")}, CharterError),
        ({"decision": ContractSet("(" * 70_000)}, CharterError),
        ({"decision": ContractSet("")}, CharterError),
        ({"decision": EpochBegun(1, b"")}, CharterError),
        ({"decision": EpochBegun(3, b"")}, CharterError),
        ({"decision": admitted(0)}, CharterError),
        ({"decision": MemberAdmitted(PEERS[1].card("\x1b[2J"), "member", "")}, CharterError),
        ({"decision": MemberAdmitted(PEERS[1].card("x"), "\n", "")}, CharterError),
        ({"decision": MemberRemoved(ADMIN.peer, "")}, CharterError),
        ({"decision": MemberRemoved("nobody", "")}, CharterError),
        ({"decision": founding()}, CharterError),
    ],
)
def test_what_does_not_follow_is_refused_even_from_the_admin(charter, changed, error):
    with pytest.raises(error) as told:
        charter.follow(signed(entry(charter, **changed)))
    assert isinstance(told.value, ForkError) == (error is ForkError)


def test_a_fork_is_proven_by_two_entries_of_one_number(charter):
    one = charter.follow(signed(entry(charter)))
    with pytest.raises(ForkError, match="both signed by the admin"):
        one.follow(signed(entry(charter, at=6)))
    with pytest.raises(ForkError, match="another charter"):
        charter.follow(signed(entry(one, previous=b"o" * 32, version=4)))


@given(data=st.data())
@settings(max_examples=100)
def test_damaged_entries_are_a_remote_error(data):
    made = Charter.found(founding(), ADMIN, 1)
    good = signed(entry(made))
    at = data.draw(st.integers(0, len(good) - 1))
    bad = data.draw(
        st.sampled_from([good[:at], good[:at] + b"\xff" + good[at + 1 :], good + b"\x00", bytes(at), b"\x82" * at])
    )
    if bad != good:
        with pytest.raises(RemoteError):
            made.follow(bad)


def test_an_id_vouches_for_its_founding_entry(charter):
    with pytest.raises(CharterError, match="another federation"):
        Charter.open(charter.entries[0], expected="a" * 26)
    with pytest.raises(ForgedError):
        Charter.open(signed(canonical.encode(Entry("", 0, b"", 1, founding())), OTHER))
    again = Charter.open(Charter.found(founding(nonce=b"m" * 16), ADMIN, 1).entries[0])
    assert again.federation != charter.federation


@pytest.mark.parametrize(
    "changed",
    [
        {"name": ""},
        {"name": "tab\there"},
        {"name": "n" * 65},
        {"schema": "{"},
        {"schema": ""},
        {"contract": "1 +"},
        {"contract": "COUNT(z) > 1"},
        {"schedule": "often"},
    ],
)
def test_terms_that_cannot_hold_found_nothing(changed):
    with pytest.raises(CharterError):
        Charter.found(founding(**changed), ADMIN, 1)


@pytest.mark.parametrize(
    "body",
    [
        canonical.encode(Entry("a" * 26, 0, b"", 1, founding())),
        canonical.encode(Entry("", 1, b"", 1, founding())),
        canonical.encode(Entry("", 0, b"p", 1, founding())),
        canonical.encode(Entry("", 0, b"", 1, ScheduleSet("h1"))),
    ],
)
def test_entry_0_has_one_form(body):
    with pytest.raises(CharterError):
        Charter.open(signed(body))


def test_an_entry_of_an_unknown_kind_is_refused(charter):
    body = entry(charter).replace(b"\xa8schedule", b"\xa8surprise", 1)
    with pytest.raises(MalformedError):
        charter.follow(signed(body))
