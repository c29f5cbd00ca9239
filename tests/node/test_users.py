"""Users of the second dialect: one key a name, whoever asks at once, and nothing left of a user who is gone."""

from __future__ import annotations

import asyncio

import pytest

from fedpeer.adapters.store_memory import MemoryStore
from fedpeer.adapters.system import SystemClock, SystemEntropy
from fedpeer.core.errors import DuplicateError, RequestError, UnknownError
from fedpeer.node.users import KeptUsers
from tests.support.engines import running


@pytest.fixture
async def lone():
    async with running("alfa", store=MemoryStore()) as one:
        yield one


async def kept(lone) -> KeptUsers:
    users = KeptUsers(lone.engine, SystemEntropy(), SystemClock())
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


@pytest.mark.parametrize("act", ["permit", "rotate", "revoke", "remove"])
async def test_nobody_s_key_cannot_be_changed(lone, act):
    users = await kept(lone)
    with pytest.raises(UnknownError):
        await (users.permit("c9", "admin", {}) if act == "permit" else getattr(users, act)("c9"))
    assert users.names() == []
