"""Users of the second dialect: one key a name, whoever asks at once, and nothing left of a user who is gone."""

from __future__ import annotations

import asyncio

import pytest

from fedpeer.adapters.store_memory import MemoryStore
from fedpeer.adapters.system import SystemClock, SystemEntropy
from fedpeer.core.errors import DuplicateError, RequestError, UnknownError
from fedpeer.node.users import Account, KeptUsers
from fedpeer.ports import Clock
from tests.support.engines import running


@pytest.fixture
async def lone():
    async with running("alfa", store=MemoryStore()) as one:
        yield one


class SetClock:
    """A clock that stands."""

    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        return self.at


async def kept(lone, clock: Clock | None = None) -> KeptUsers:
    users = KeptUsers(lone.engine, SystemEntropy(), clock or SystemClock())
    await users.load()
    return users


async def test_of_many_who_add_one_name_at_once_one_is_told_a_key_and_it_is_the_one_that_is_kept(lone):
    users = await kept(lone)
    told = await asyncio.gather(*(users.add("c1", "viewer", {}) for _ in range(20)), return_exceptions=True)
    keys = [key for key in told if isinstance(key, bytes)]
    assert len(keys) == 1
    assert sum(isinstance(no, DuplicateError) for no in told) == 19
    assert users.get("c1").key == (await kept(lone)).get("c1").key == keys[0]


async def test_what_is_kept_is_there_after_a_restart_and_gone_after_a_removal(lone):
    users = await kept(lone)
    key = await users.add("c1", "viewer", {})
    await users.bind("c1", "p1", "f" * 26)
    again = await kept(lone)
    assert (again.get("c1").key, again.names(), again.project("c1", "p1")) == (key, ["c1"], "f" * 26)
    await again.remove("c1")
    await again.add("c1", "viewer", {})
    for now in (again, await kept(lone)):
        assert now.names() == ["c1"]
        assert now.get("c1").key != key
        assert now.project("c1", "p1") is None


async def test_a_name_given_while_its_user_is_removed_does_not_outlive_the_user(lone):
    users = await kept(lone)
    await users.add("c1", "viewer", {})
    told = await asyncio.gather(users.remove("c1"), users.bind("c1", "p1", "f" * 26), return_exceptions=True)
    assert [type(no) for no in told] == [type(None), UnknownError]
    await users.add("c1", "viewer", {})
    assert (await kept(lone)).project("c1", "p1") is None


@pytest.mark.parametrize("name", ["", "a b", "é", "a/b", "x" * 65])
async def test_names_that_cannot_be_are_refused(lone, name):
    users = await kept(lone)
    with pytest.raises(RequestError):
        await users.add(name, "viewer", {})
    with pytest.raises(UnknownError):
        await users.remove(name)


async def test_keys_and_roles_are_kept_and_only_sealed_records_hold_keys(lone):
    users = await kept(lone)
    first = await users.add("c1", "viewer", {"f" * 26: "admin"})
    second = await users.rotate("c1")
    await users.permit("c1", "operator", {})
    again = await kept(lone)
    account = again.get("c1")
    assert (account.key, account.role, account.grants) == (second, "operator", {})
    assert first != second
    await again.revoke("c1")
    assert (await kept(lone)).get("c1").key == b""
    assert (await kept(lone)).get("c1").role == "operator"
    third = await again.rotate("c1")
    for name, value in (await lone.engine.records("")).items():
        assert name.startswith("secret/") or not any(key in value for key in (first, second, third))


async def test_what_was_signed_is_known_after_a_restart_and_never_falls(lone):
    users = await kept(lone)
    assert users.signed == 0
    await asyncio.gather(*(users.advance(second) for second in (5, 9, 7)))
    await users.advance(8)
    assert users.signed == (await kept(lone)).signed == 9


async def test_a_key_before_is_good_as_long_as_was_said_and_no_longer_also_after_restarts(lone):
    clock = SetClock(1_000.5)
    users = await kept(lone, clock)
    first = await users.add("c1", "viewer", {})
    second = await users.rotate("c1", 60)
    for now, good in ((1_000.5, True), (1_059.99, True), (1_060.0, False), (2_000.0, False)):
        clock.at = now
        for some in (users, await kept(lone, clock)):
            assert some.get("c1").keys(now) == ((second, first) if good else (second,))
    records = (await lone.engine.records("")).values()
    assert not any(first in value for value in records), "a key that is good no more is kept no longer than a start"
    assert any(second in value for value in records)


async def test_only_one_key_before_is_good_and_it_ends_with_the_next_or_when_it_is_taken_away(lone):
    clock = SetClock(1_000.0)
    users = await kept(lone, clock)
    first = await users.add("c1", "viewer", {})
    second = await users.rotate("c1", 600)
    third = await users.rotate("c1", 60)
    assert users.get("c1").keys(1_001.0) == (third, second)
    await users.permit("c1", "operator", {})
    assert users.get("c1").keys(1_001.0) == (third, second)
    await users.revoke("c1", older=True)
    assert users.get("c1").keys(1_001.0) == (third,)
    with pytest.raises(UnknownError, match="no older key"):
        await users.revoke("c1", older=True)
    await users.rotate("c1", 60)
    await users.revoke("c1")
    assert users.get("c1").keys(1_001.0) == () == (await kept(lone, clock)).get("c1").keys(1_001.0)
    fifth = await users.rotate("c1", 60)
    assert users.get("c1").keys(1_001.0) == (fifth,), "what was taken away does not come back"
    clock.at = 1_200.0
    await users.rotate("c1")
    assert len({first, second, third, fifth}) == 4
    assert len(users.get("c1").keys(1_200.0)) == 1
    await users.rotate("c1", 60)
    clock.at = 1_300.0
    with pytest.raises(UnknownError, match="no older key"):
        await users.revoke("c1", older=True)


def test_an_account_shows_no_key():
    assert "older" not in repr(Account(b"k" * 16, "viewer", {}, 0, 0, b"older key of 16.", 10))


@pytest.mark.parametrize("act", ["permit", "rotate", "revoke", "remove"])
async def test_nobody_s_key_cannot_be_changed(lone, act):
    users = await kept(lone)
    with pytest.raises(UnknownError):
        await (users.permit("c9", "admin", {}) if act == "permit" else getattr(users, act)("c9"))
    assert users.names() == []
