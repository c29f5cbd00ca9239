"""Who may publish and hear where: no two holders can speak in one name, and nobody is given more than the lists say."""

from __future__ import annotations

import itertools

import pytest

from fedpeer.core.envelope import grants, subjects
from fedpeer.core.errors import BusError

FED, OTHER = "f" * 26, "o" * 26
ALICE, BOB, ADMIN, INVITE, STRANGER, CAROL = (letter * 26 for letter in "abcisd")

RIGHTS = {
    "alice": grants.permissions_for_member(FED, ALICE),
    "bob": grants.permissions_for_member(FED, BOB),
    "admin": grants.permissions_for_admin(FED, ADMIN),
    "joiner": grants.permissions_for_joiner(FED, INVITE),
    "elsewhere": grants.permissions_for_admin(OTHER, STRANGER),
    "sender": grants.permissions_for_sender(FED, CAROL, ADMIN),
}


def overlap(one: str, two: str) -> bool:
    """Whether some subject is named by both patterns."""
    left, right = one.split("."), two.split(".")
    for a, b in itertools.zip_longest(left, right):
        if a is None or b is None:
            return False
        if ">" in (a, b):
            return True
        if a != b and "*" not in (a, b):
            return False
    return True


def may(patterns: tuple[str, ...], subject: str) -> bool:
    return any(overlap(pattern, subject) for pattern in patterns)


def spoken(pattern: str) -> bool:
    return not pattern.startswith("$JS.API.DIRECT.GET.")


@pytest.mark.parametrize(("one", "two"), itertools.combinations(RIGHTS, 2))
def test_no_subject_can_be_published_by_two(one, two):
    both = [
        (a, b)
        for a in filter(spoken, RIGHTS[one].publish)
        for b in filter(spoken, RIGHTS[two].publish)
        if overlap(a, b)
    ]
    assert both == []


@pytest.mark.parametrize("name", RIGHTS)
def test_what_is_addressed_to_another_is_not_heard_or_fetched(name):
    for peer in {ALICE, BOB, ADMIN} - {{"alice": ALICE, "bob": BOB, "admin": ADMIN}.get(name)}:
        private = subjects.direct(FED, peer, BOB)
        assert not may(RIGHTS[name].subscribe, private)
        assert not may(RIGHTS[name].publish, grants.newest_request(FED, private))
        assert not may(RIGHTS[name].subscribe, f"{grants.inbox(peer)}.x")


@pytest.mark.parametrize("name", RIGHTS)
def test_no_list_reaches_the_system_or_more_of_jetstream_than_said(name):
    rights, holder = RIGHTS[name], dict(zip(RIGHTS, (ALICE, BOB, ADMIN, INVITE, STRANGER, CAROL), strict=True))[name]
    stream = grants.stream_name(OTHER if name == "elsewhere" else FED)
    for pattern in (*rights.publish, *rights.subscribe):
        assert pattern.split(".")[0] in {"fp", "$JS", grants.inbox(holder)}
    verbs = {p.removeprefix("$JS.API.").split(f".{stream}")[0] for p in rights.publish if "$JS" in p}
    admin = {"STREAM.CREATE", "STREAM.UPDATE", "STREAM.INFO"} if name in {"admin", "elsewhere"} else set()
    assert verbs == {"DIRECT.GET"} | admin
    for forbidden in (f"$JS.API.STREAM.DELETE.{stream}", f"$JS.API.DIRECT.GET.{stream}", "$SYS.REQ.SERVER.PING"):
        assert not may(rights.publish, forbidden)


def test_each_may_do_its_work():
    alice, admin, joiner = RIGHTS["alice"], RIGHTS["admin"], RIGHTS["joiner"]
    for subject in (subjects.everyone(FED, ALICE, 3), subjects.now(FED, ALICE), subjects.direct(FED, BOB, ALICE, 1)):
        assert may(alice.publish, subject)
    for pattern in subjects.followed_by_member(FED, ALICE):
        assert pattern in alice.subscribe
    for pattern in subjects.followed_by_admin(FED, ADMIN):
        assert pattern in admin.subscribe
    for subject in (subjects.everyone(FED, BOB), subjects.direct(FED, ALICE, BOB)):
        assert may(alice.publish, grants.newest_request(FED, subject))
    assert may(admin.publish, subjects.welcome(FED, INVITE))
    assert may(admin.publish, grants.newest_request(FED, subjects.join(FED, INVITE)))
    assert may(joiner.publish, subjects.join(FED, INVITE))
    assert may(joiner.subscribe, subjects.welcome(FED, INVITE))
    assert may(joiner.publish, grants.newest_request(FED, subjects.welcome(FED, INVITE)))
    for kept in (subjects.everyone(FED, BOB), subjects.direct(FED, ALICE, BOB), subjects.join(FED, INVITE)):
        assert may(grants.stream_subjects(FED), kept)
    assert not may(grants.stream_subjects(FED), subjects.now(FED, ALICE))


def test_a_send_only_member_reaches_the_admin_and_hears_what_is_addressed_to_it_and_nothing_else():
    sender = RIGHTS["sender"]
    for subject in (subjects.direct(FED, ADMIN, CAROL, 3), subjects.talk(FED, ADMIN, CAROL)):
        assert may(sender.publish, subject)
    group = (subjects.everyone(FED, CAROL), subjects.now(FED, CAROL))
    for subject in (*group, subjects.direct(FED, ALICE, CAROL), subjects.talk(FED, ALICE, CAROL)):
        assert not may(sender.publish, subject)
    for subject in (subjects.everyone(FED, ALICE), subjects.now(FED, ALICE), subjects.direct(FED, ALICE, ADMIN)):
        assert not may(sender.subscribe, subject)
        assert not may(sender.publish, grants.newest_request(FED, subject))
    assert set(subjects.followed_by_sender(FED, CAROL)) <= set(sender.subscribe)


def test_an_expiry_is_carried():
    assert grants.permissions_for_joiner(FED, INVITE, expires=7).expires == 7
    assert grants.permissions_for_admin(FED, ADMIN, expires=8).expires == 8
    assert RIGHTS["alice"].expires is None


def test_an_empty_name_makes_no_grant_wider():
    """A pattern such as `fp.x.all..>` is none, so a slip upstream cannot become a wildcard."""
    with pytest.raises(BusError):
        grants.permissions_for_member(FED, "")
    with pytest.raises(BusError):
        grants.permissions_for_sender(FED, CAROL, "")
    for bad in ("*", ">", "a.b", "a b"):
        with pytest.raises(BusError):
            grants.permissions_for_member(FED, bad)
        with pytest.raises(BusError):
            grants.permissions_for_joiner(bad, "i")
