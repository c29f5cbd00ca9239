"""Projects outlive the process: what was answered is there after a restart, with its rows and models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from fedpeer.adapters.source_rows import RowsSource
from fedpeer.adapters.store_sqlite import SqliteStore
from fedpeer.adapters.system import SystemClock, SystemEntropy
from fedpeer.api import jobs as waiting
from fedpeer.core.errors import DuplicateError, FedpeerError, RequestError, StoreError, UnknownError
from fedpeer.core.statistics.schema import Schema
from fedpeer.node.commands import Node
from fedpeer.node.counting import Means
from fedpeer.node.engine import Engine, Manners, World
from fedpeer.node.jobs import Jobs
from fedpeer.node.shapes import Job, NodeInfo
from tests.support.served import SCHEMA, rows


@asynccontextmanager
async def node_at(path: Path) -> AsyncIterator[Node]:
    """A node on a database of its own, without a bus."""
    entropy, clock = SystemEntropy(), SystemClock()
    store = SqliteStore(path / "store.db", wrapping_key=bytes(32), keep_entries=100, entropy=entropy)

    def no_bus(_: Any) -> Any:
        raise AssertionError("a project needs no bus")

    def no_source(*_: Any) -> Any:
        raise AssertionError("nothing is read from a place")

    world = World(store, clock, entropy, no_bus, None)
    engine, jobs = Engine(world, Manners()), Jobs(clock.now, entropy.draw)
    means = Means(no_source, lambda source, posted, _: RowsSource(posted, name=source), None)
    node = Node(engine, jobs, world, means, _about())
    await engine.start()
    await node.load()
    try:
        yield node
    finally:
        await jobs.close()
        await engine.stop()


def _about() -> NodeInfo:
    return NodeInfo(name="n", version="1", started_at=0.0, api="", bus="", federations=[])


async def ended(node: Node, job: Job) -> Job:
    return await waiting.ended(node, job, 30)


async def test_a_project_is_there_after_a_restart(tmp_path: Path) -> None:
    async with node_at(tmp_path) as node:
        made = await node.create_project("ward", Schema.from_dict(SCHEMA))
        assert (await ended(node, await node.add_rows("ward", rows(60), source="t"))).state == "done"
        model = await node.fit("ward", "ols", "dose", ["age"], {}, model_id="m1")
        bare = await node.create_project("bare")
        kept = node.project("ward")
    async with node_at(tmp_path) as node:
        assert node.project(made.id) == kept
        assert node.model("ward", "m1") == model
        assert node.project("bare") == bare
        assert node.federations() == []
        with pytest.raises(DuplicateError):
            await node.fit("ward", "ols", "dose", ["age"], {}, model_id="m1")
        await node.withdraw("ward", node.batches("ward")[0].id)
        await node.delete_project("bare")
    async with node_at(tmp_path) as node:
        assert (node.project("ward").rows, [p.name for p in node.projects()]) == (0, ["ward"])
        with pytest.raises(UnknownError):
            node.project("bare")


async def test_what_is_not_stored_did_not_happen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with node_at(tmp_path) as node:
        await node.create_project("ward", Schema.from_dict(SCHEMA))

        def full(*_: Any) -> Any:
            raise StoreError("the disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(node._world.store, "commit", full)
            job = await ended(node, await node.add_rows("ward", rows(60), source="t"))
            assert (job.state, job.error.code) == ("failed", StoreError.code)
            with pytest.raises(StoreError):
                await node.create_project("other")
            with pytest.raises(StoreError):
                await node.change_project("ward", name="beds")
        assert [(p.name, p.rows) for p in node.projects()] == [("ward", 0)]


async def test_two_who_add_at_once_are_both_counted(tmp_path: Path) -> None:
    async with node_at(tmp_path) as node:
        await node.create_project("ward", Schema.from_dict(SCHEMA))
        jobs = [await node.add_rows("ward", rows(7, start), source="t") for start in range(0, 56, 7)]
        assert {(await ended(node, job)).state for job in jobs} == {"done"}
        assert node.project("ward").rows == 56


async def test_names_and_numbers_have_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with node_at(tmp_path) as node:
        for name in ("", "a" * 100, "a\nb"):
            with pytest.raises(RequestError):
                await node.create_project(name)
        monkeypatch.setattr("fedpeer.node.standalone._MOST", 1)
        await node.create_project("one")
        with pytest.raises(RequestError, match="1 projects already"):
            await node.create_project("two")


async def test_models_travel_with_a_project_under_their_names(tmp_path: Path) -> None:
    async with node_at(tmp_path) as node:
        await node.create_project("ward", Schema.from_dict(SCHEMA))
        await ended(node, await node.add_rows("ward", rows(60), source="t"))
        for name in ("m1", "m2"):
            await node.fit("ward", "ols", "dose", ["age"], {}, model_id=name)
        copy = await node.import_project(await node.export_project("ward"), "copy")
        assert sorted(model.id for model in node.models(copy.id)) == ["m1", "m2"]
        assert node.model("copy", "m1") == replace(node.model("ward", "m1"), federation=copy.id)


async def test_of_a_project_that_cannot_be_read_nothing_is_made(tmp_path: Path) -> None:
    async with node_at(tmp_path) as node:
        await node.create_project("ward", Schema.from_dict(SCHEMA))
        await ended(node, await node.add_rows("ward", rows(60), source="t"))
        good = await node.fit("ward", "ols", "dose", ["age"], {}, model_id="m1")
        kept, strange = (msgspec.json.encode(each) for each in (good, replace(good, id="../x")))
        for models in ((kept, kept), (kept, strange), (kept, b"{}")):
            with pytest.raises(FedpeerError):
                await node.import_project(node._projects.carried(node.resolve("ward"), models), "broken")
        assert [project.name for project in node.projects()] == ["ward"]
