"""Users of the second dialect: one key a name, whoever asks at once, and nothing left of a user who is gone."""

from __future__ import annotations

import asyncio

import pytest

from fedpeer.adapters.store_memory import MemoryStore
from fedpeer.adapters.system import SystemEntropy
from fedpeer.core.errors import DuplicateError, RequestError, UnknownError
from fedpeer.node.users import KeptUsers
from tests.support.engines import running


@pytest.fixture
async def lone():
    async with running("alfa", store=MemoryStore()) as one:
        yield one


async def kept(lone) -> KeptUsers:
    users = KeptUsers(lone.engine, SystemEntropy())
    await users.load()
    return users


async def test_of_many_who_add_one_name_at_once_one_is_told_a_key_and_it_is_the_one_that_is_kept(lone):
    users = await kept(lone)
    told = await asyncio.gather(*(users.add("c1") for _ in range(20)), return_exceptions=True)
    keys = [key for key in told if isinstance(key, bytes)]
    assert len(keys) == 1
    assert sum(isinstance(no, DuplicateError) for no in told) == 19
    assert users.get("c1") == (await kept(lone)).get("c1") == keys[0]


async def test_what_is_kept_is_there_after_a_restart_and_gone_after_a_removal(lone):
    users = await kept(lone)
    key = await users.add("c1")
    await users.bind("c1", "p1", "f" * 26)
    again = await kept(lone)
    assert (again.get("c1"), again.names(), again.project("c1", "p1")) == (key, ["c1"], "f" * 26)
    await again.remove("c1")
    await again.add("c1")
    for now in (again, await kept(lone)):
        assert now.names() == ["c1"]
        assert now.get("c1") != key
        assert now.project("c1", "p1") is None


async def test_a_name_given_while_its_user_is_removed_does_not_outlive_the_user(lone):
    users = await kept(lone)
    await users.add("c1")
    told = await asyncio.gather(users.remove("c1"), users.bind("c1", "p1", "f" * 26), return_exceptions=True)
    assert [type(no) for no in told] == [type(None), UnknownError]
    await users.add("c1")
    assert (await kept(lone)).project("c1", "p1") is None


@pytest.mark.parametrize("name", ["", "a b", "é", "a/b", "x" * 65])
async def test_names_that_cannot_be_are_refused(lone, name):
    users = await kept(lone)
    with pytest.raises(RequestError):
        await users.add(name)
    with pytest.raises(UnknownError):
        await users.remove(name)
