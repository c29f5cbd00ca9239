"""What stands for an id: a beginning that is long enough, and only one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedpeer.core.errors import UnknownError
from fedpeer.core.statistics.schema import Schema
from fedpeer.node.engine import PROJECT
from fedpeer.node.naming import LEAST_BEGUN, called, named
from tests.node.test_projects import node_at
from tests.support.served import SCHEMA

drawn = st.text("0123456789abcdef", min_size=16, max_size=16)


def found(ids: set[str], text: str) -> str:
    return named({each: each for each in ids}, text, "batches", "fedpeer data list")


@given(drawn, st.integers(0, 16), st.sampled_from(["", PROJECT]))
def test_a_beginning_stands_for_an_id_from_four_drawn_signs_on(hexed: str, signs: int, prefix: str) -> None:
    text = prefix + hexed[:signs]
    if signs >= LEAST_BEGUN:
        assert found({prefix + hexed}, text) == prefix + hexed
        return
    with pytest.raises(UnknownError, match="no batches here are called"):
        found({prefix + hexed}, text)


@given(st.sets(drawn, min_size=2, max_size=2), st.integers(LEAST_BEGUN, 16))
def test_what_begins_several_stands_for_none(two: set[str], signs: int) -> None:
    alike = {"beef" + each[4:] for each in two}
    for text in (each[:signs] for each in alike):
        if len({each for each in alike if each.startswith(text)}) == 1:
            assert found(alike, text).startswith(text)
        else:
            with pytest.raises(UnknownError, match="2 batches here are called"):
                found(alike, text)


def test_the_beginning_of_every_project_stands_for_none() -> None:
    for signs in range(len(PROJECT) + 1):
        with pytest.raises(UnknownError):
            found({PROJECT + "0123456789abcdef"}, PROJECT[:signs])


def test_of_several_of_one_name_the_one_that_is_rather_meant_is_found() -> None:
    names = {"one": "hearts", "two": "hearts", "three": "hearts", "four": "lungs"}
    seen, alive = {"one", "two", "four"}, {"two", "three"}
    assert called(names, "hearts", (seen.__contains__, alive.__contains__), whole=True) == "two"
    assert called(names, "lungs", (alive.__contains__,), whole=True) == "four"
    with pytest.raises(UnknownError, match="2 federations or projects here are called 'hearts'") as fault:
        called(names, "hearts", (seen.__contains__, lambda _: False), whole=True)
    assert fault.value.hint == "say which by its id: one, two"


async def test_a_node_finds_a_project_by_name_id_and_beginning(tmp_path: Path) -> None:
    async with node_at(tmp_path) as node:
        made = await node.create_project("wards", Schema.from_dict(SCHEMA))
        begun = made.id[: len(PROJECT) + LEAST_BEGUN]
        assert [node.resolve(text) for text in ("wards", made.id, begun)] == [made.id] * 3
        assert node.resolve("wards", whole=True) == node.resolve(made.id, whole=True) == made.id
        with pytest.raises(UnknownError):
            node.resolve(begun, whole=True)
        for text in ("", "w", PROJECT, begun[:-1]):
            with pytest.raises(UnknownError):
                node.resolve(text)
