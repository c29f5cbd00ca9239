"""Folders and growing files that are watched: real files, the real engine, a real store; each row counted once."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fedpeer.adapters.bus_memory import MemoryBroker, MemoryBus
from fedpeer.adapters.catalogue import Catalogue
from fedpeer.adapters.lookout import FileLookout
from fedpeer.adapters.store_sqlite import SqliteStore
from fedpeer.adapters.system import SystemEntropy
from fedpeer.core.envelope.access import Access
from fedpeer.core.errors import DuplicateError, RequestError, SourceError, StoreError, UnknownError
from fedpeer.core.statistics.additions import Additions
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema
from fedpeer.core.statistics.summary import Summary
from fedpeer.node.assessing import HeldOut
from fedpeer.node.commands import Node
from fedpeer.node.counting import Means
from fedpeer.node.engine import Engine, Manners, World
from fedpeer.node.jobs import Jobs
from fedpeer.node.shapes import NodeInfo
from fedpeer.node.watching import AGAIN_S, Watching
from fedpeer.ports import Entry
from tests.support.served import MovableClock, serving

SCHEMA = Schema(
    [
        Feature("x", "continuous", min=0, max=1000, resolution=1),
        Feature("s", "binary", levels=("M", "F")),
    ]
)


class Trial:
    """A node whose federation has started, and its watching, which looks when it is told to."""

    def __init__(self, node: Node, engine: Engine, watching: Watching, clock: MovableClock) -> None:
        self.node, self.engine, self.watching, self.clock = node, engine, watching, clock
        self.asked = 0

    async def look(self, after_s: float = 100.0) -> None:
        self.clock.at += after_s
        await self.watching.look()

    @property
    def local(self) -> Summary:
        return self.engine.peer(self.node.resolve("trial")).local

    async def faults(self) -> list[str]:
        """What the error log says of the rows; notes are written one after the other, so the last one ends the wait."""
        self.asked += 1
        last, found = f"the last {self.asked}", list[str]()
        self.engine.note(Entry(self.clock.now(), self.node.resolve("trial"), "data", "error", last))
        while last not in found:  # the timeline is for people, and tells nobody when it grows
            await asyncio.sleep(0.001)
            entries = self.node.error_log("trial", limit=1000).entries
            found = [e.text for e in entries if e.kind == "data" and e.level == "error"]
        return [t for t in found if not t.startswith("the last")]


@asynccontextmanager
async def living(
    home: Path, *, at: float = 1_800_000_000.0, probe: Callable[[str], None] = lambda _: None
) -> AsyncIterator[Trial]:
    """A node on a real store in this folder, as it was left there."""
    clock, entropy, broker = MovableClock(), SystemEntropy(), MemoryBroker()
    clock.at = at
    store = SqliteStore(home / "store.db", wrapping_key=b"k" * 32, keep_entries=1000, entropy=entropy)
    world = World(
        store, clock, entropy, lambda line: MemoryBus(broker, federation=line.federation, name=line.name), None, probe
    )
    engine, jobs = Engine(world, Manners()), Jobs(clock.now, entropy.draw)
    lookout = FileLookout(Catalogue())
    means = Means(Catalogue().open, Catalogue().rows, Access(servers=("nats://x:1",)), 60, lookout)
    about = NodeInfo(name="n", version="1", started_at=0.0, api="", bus="", federations=[])
    node = Node(engine, jobs, world, means, about)
    await engine.start()
    if not engine.states:
        await node.create("trial", SCHEMA, "ROWS() >= 1", "d7", display="n")
    try:
        yield Trial(node, engine, Watching(engine, world, lookout), clock)
    finally:
        await jobs.close()
        await engine.stop()


def text(*values: int) -> str:
    return "".join(f"{v},{'MF'[v % 2]}\n" for v in values)


def table(*values: int) -> Summary:
    return collect(SCHEMA, {"x": list(values), "s": ["MF"[v % 2] for v in values]})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


async def test_each_new_file_of_a_folder_is_a_batch_once(tmp_path, home):
    folder = tmp_path / "new"
    folder.mkdir()
    async with living(home) as trial:
        watch = await trial.node.watch_data("trial", str(folder), every_s=5, options={})
        await trial.look()
        assert trial.local.rows == 0
        (folder / "a.csv").write_text("x,s\n" + text(1, 2, 3))
        (folder / "_partial.csv").write_text("x,s\n" + text(9))
        await trial.look()
        assert trial.local == table(1, 2, 3)
        (folder / "b.csv").write_text("s,x\nM,4\n")
        (folder / "c.jsonl").write_text('{"x": 5, "s": "F"}\n')
        await trial.look()
        await trial.look()
        assert trial.local == table(1, 2, 3, 4, 5)
        assert sorted(Path(b.source).name for b in trial.node.batches("trial")) == ["a.csv", "b.csv", "c.jsonl"]
        (listed,) = trial.node.watches("trial")
        assert (listed.id, listed.files, listed.rows) == (watch.id, 3, 5)
        assert await trial.faults() == []


async def test_what_comes_after_the_schema_has_grown_is_counted_under_it(tmp_path, home):
    folder, grows = tmp_path / "new", tmp_path / "grows.csv"
    folder.mkdir()
    (folder / "a.csv").write_text("x,c\n1,a\n2,d\n")
    grows.write_text("x,c,y\n3,b,1\n")
    features = [Feature("x", min=0, max=99, resolution=1), Feature("c", "category", levels=["a", "b"])]
    additions = Additions.from_dict({"levels": {"c": ["d"]}, "features": [{"name": "y", "kind": "binary"}]})
    async with living(home) as trial:
        node = trial.node
        await node.create("wards", Schema(features, missing="pairwise"), "ROWS() >= 1", "d7", display="n")
        for place in (folder, grows):
            await node.watch_data("wards", str(place), every_s=5, options={})
        await trial.look()
        await node.accept("wards", (await node.propose("wards", additions)).id)
        (folder / "b.csv").write_text("x,c\n4,d\n")  # its column y is lacking, which it may be
        with grows.open("a") as file:
            file.write("5,d,0\n6,a,1\n")
        await trial.look()
        await trial.look()
        schema, local = node.schema("wards"), trial.engine.peer(node.resolve("wards")).local
        rows = {"x": [1, 3, 4, 5, 6], "c": ["a", "b", "d", "d", "a"], "y": [None, None, None, 0, 1]}
        assert local == collect(schema, rows)


async def test_what_is_wrong_with_a_file_is_said_once_and_nothing_of_it_is_counted(tmp_path, home):
    folder = tmp_path / "new"
    folder.mkdir()
    for name, content in {"a.csv": "x,s\n" + text(1, 2), "bad.csv": "x,s\n1\n", "NOTES.txt": "?"}.items():
        (folder / name).write_text(content)
    async with living(home) as trial:
        await trial.node.watch_data("trial", str(folder), every_s=5, options={})
        for _ in range(3):
            await trial.look()
        assert trial.local == table(1, 2)
        assert len(await trial.faults()) == 2
        (folder / "a.csv").write_text("x,s\n" + text(1, 2, 3))
        (folder / "bad.csv").unlink()
        (folder / "copy.csv").write_text("x,s\n" + text(2, 1))
        for _ in range(3):
            await trial.look()
        told = await trial.faults()
        assert sum("has changed since it was counted" in t for t in told) == 1
        assert sum("holds exactly the rows" in t for t in told) == 1
        (folder / "a.csv").unlink()
        for _ in range(3):
            await trial.look()
        assert sum("is gone: its rows stay counted" in t for t in await trial.faults()) == 1
        assert trial.local == table(1, 2)


async def test_what_a_full_disk_kept_out_is_counted_when_there_is_room(tmp_path, home, monkeypatch):
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "a.csv").write_text("x,s\n" + text(1, 2))
    async with living(home) as trial:
        await trial.node.watch_data("trial", str(folder), every_s=5, options={})
        with monkeypatch.context() as full:
            full.setattr(trial.watching._world.store, "commit", refuse)
            for _ in range(2):
                await trial.look()
            assert trial.local == table()
        await trial.look()
        assert trial.local == table(1, 2)


async def test_a_file_that_could_not_be_read_is_tried_again_after_a_while(tmp_path, home, monkeypatch):
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "a.csv").write_text("x,s\n" + text(1, 2))
    async with living(home) as trial:
        await trial.node.watch_data("trial", str(folder), every_s=5, options={})
        with monkeypatch.context() as closed:
            closed.setattr(trial.watching._lookout, "mark", denied)
            for _ in range(2):
                await trial.look()
        await trial.look()
        assert trial.local == table()  # nothing about the file has changed
        await trial.look(AGAIN_S)
        assert trial.local == table(1, 2)


def refuse(change):
    raise StoreError("the disk is full")


def denied(*args, **kwargs):
    raise SourceError("permission denied")


async def test_a_file_that_was_only_touched_is_the_same(tmp_path, home):
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "a.csv").write_text("x,s\n" + text(1, 2))
    async with living(home) as trial:
        await trial.node.watch_data("trial", str(folder), every_s=5, options={})
        await trial.look()
        os.utime(folder / "a.csv", (1, 1))
        await trial.look()
        assert trial.local == table(1, 2)
        assert await trial.faults() == []


async def test_a_file_that_is_being_written_waits_until_nobody_writes(tmp_path, home):
    folder = tmp_path / "new"
    folder.mkdir()
    async with living(home) as trial:
        await trial.node.watch_data("trial", str(folder), every_s=5, options={})
        file = folder / "a.csv"
        for written in ("x,s\n" + text(1), "x,s\n" + text(1, 2)):
            file.write_text(written)
            os.utime(file, (trial.clock.now() + 6, trial.clock.now() + 6))
            await trial.look(6)
            assert trial.local.rows == 0
        await trial.look(6)
        assert trial.local == table(1, 2)


async def test_a_growing_file_gives_only_its_whole_new_rows(tmp_path, home):
    log = tmp_path / "log.csv"
    log.write_text("x,s\n" + text(1, 2))
    async with living(home) as trial:
        await trial.node.watch_data("trial", str(log), every_s=1, options={})
        await trial.look()
        assert trial.local == table(1, 2)
        with log.open("a") as file:
            file.write(text(3) + "4")
        await trial.look()
        assert trial.local == table(1, 2, 3)
        with log.open("a") as file:
            file.write(",M\n5,F\r\n")
        await trial.look()
        await trial.look()
        assert trial.local == table(1, 2, 3, 4, 5)
        (batch,) = trial.node.batches("trial")
        assert (batch.rows, batch.read, batch.source) == (5, 5, str(log))
        assert await trial.faults() == []


async def test_a_growing_file_of_json_lines_may_leave_keys_out_later(tmp_path, home):
    log = tmp_path / "log.jsonl"
    log.write_text('{"x": 1, "s": "F"}\n')
    async with living(home) as trial:
        await trial.node.watch_data("trial", str(log), every_s=1, options={})
        await trial.look()
        with log.open("a") as file:
            file.write('{"x": 2}\n{"x": 3, "s": "F"}\n{"x":')
        await trial.look()
        (batch,) = trial.node.batches("trial")
        assert (batch.rows, batch.read, batch.rejected) == (2, 3, {"s": {"missing": 1}})
        assert trial.local == table(1, 3)


async def test_a_line_break_between_quotes_does_not_end_a_row(tmp_path, home):
    log = tmp_path / "log.csv"
    log.write_text('x,note,s\n1,"a\nb",F\n2,"open\n')
    async with living(home) as trial:
        await trial.node.watch_data("trial", str(log), every_s=1, options={})
        await trial.look()
        assert trial.local == table(1)
        with log.open("a") as file:
            file.write('still ""quoted""\n",M\n')
        await trial.look()
        assert trial.local == table(1, 2)


@pytest.mark.parametrize("how", ["cut", "exchanged", "beginning", "end"])
async def test_a_file_that_no_longer_begins_with_what_was_counted_is_said_and_not_guessed(tmp_path, home, how):
    log = tmp_path / "log.csv"
    before = "x,s\n" + text(1, 2)
    log.write_text(before)
    async with living(home) as trial:
        await trial.node.watch_data("trial", str(log), every_s=1, options={})
        await trial.look()
        now = {
            "cut": "x,s\n" + text(1),
            "exchanged": "x,s\n" + text(7, 8, 9),
            "beginning": before.replace("1,F", "3,F") + text(4),
            "end": before.replace("2,M", "4,M") + text(4),
        }
        log.write_text(now[how])
        os.utime(log, (1, 1))
        for _ in range(3):
            await trial.look()
        assert trial.local == table(1, 2)
        told = await trial.faults()
        assert len(told) == 1
        assert "no longer begins with what was counted" in told[0]
        log.write_text(before + text(5))
        await trial.look()
        assert trial.local == table(1, 2, 5)


async def test_a_watch_and_what_it_knows_survive_a_restart_and_its_removal(tmp_path, home):
    log, folder = tmp_path / "log.csv", tmp_path / "new"
    folder.mkdir()
    log.write_text("x,s\n" + text(1, 2))
    (folder / "a.csv").write_text("x,s\n" + text(3, 4))
    async with living(home) as trial:
        await trial.node.watch_data("trial", str(log), every_s=1, options={})
        await trial.node.watch_data("trial", str(folder), every_s=1, options={})
        await trial.look()
    with log.open("a") as file:
        file.write(text(5))
    async with living(home, at=1_800_001_000.0) as trial:
        await trial.look()
        assert trial.local == table(1, 2, 3, 4, 5)
        first, second = trial.node.watches("trial")
        for watch in (first, second):
            await trial.node.unwatch_data("trial", watch.id[:6])
        assert trial.node.watches("trial") == []
        await trial.node.watch_data("trial", str(log), every_s=1, options={})
        await trial.node.watch_data("trial", str(folder), every_s=1, options={})
        await trial.look()
        assert trial.local == table(1, 2, 3, 4, 5)
        assert [w.files for w in trial.node.watches("trial")] == [1, 1]
        assert await trial.faults() == []


async def test_what_was_added_by_hand_is_continued_and_not_counted_again(tmp_path, home):
    log = tmp_path / "log.csv"
    log.write_text("x,s\n" + text(1, 2))
    async with living(home) as trial:
        await done(trial, await trial.node.add_source("trial", str(log), options={}))
        with log.open("a") as file:
            file.write(text(3))
        with pytest.raises(DuplicateError, match="begins with the rows of batch"):
            await trial.node.add_source("trial", str(log), options={})
        await trial.node.watch_data("trial", str(log), every_s=1, options={})
        await trial.look()
        assert trial.local == table(1, 2, 3)
        assert len(trial.node.batches("trial")) == 1
        await trial.node.withdraw("trial", trial.node.batches("trial")[0].id)
        await trial.look()
        assert trial.local.rows == 0
        await trial.node.unwatch_data("trial", trial.node.watches("trial")[0].id)
        await trial.node.watch_data("trial", str(log), every_s=1, options={}, force=True)
        await trial.look()
        assert trial.local == table(1, 2, 3)


async def done(trial: Trial, job: Any) -> Any:
    """The job when it is over."""
    while trial.node.job(job.id).state == "running":  # noqa: ASYNC110 as the API waits for jobs
        await asyncio.sleep(0.001)
    return trial.node.job(job.id)


async def test_rows_of_a_file_are_taken_out_of_their_batch(tmp_path, home):
    (tmp_path / "all.csv").write_text("x,s\n" + text(*range(1, 30)))
    (tmp_path / "gone.csv").write_text("x,s\n" + text(3, 7))
    async with living(home) as trial:
        await done(trial, await trial.node.add_source("trial", str(tmp_path / "all.csv"), options={}))
        job = await done(trial, await trial.node.withdraw_rows("trial", HeldOut(str(tmp_path / "gone.csv"))))
        assert (job.result.rows, job.result.withdrawn) == (27, 2)
        assert trial.local == table(*(v for v in range(1, 30) if v not in {3, 7}))
        batch = trial.node.batches("trial")[0].id
        again = HeldOut(rows=[{"x": 1000, "s": "F"}] * 20)
        assert (await done(trial, await trial.node.withdraw_rows("trial", again, batch[:6]))).error.code == "FP110"
        with pytest.raises(UnknownError):
            await trial.node.withdraw_rows("trial", again, "zz")
        with pytest.raises(RequestError):
            await trial.node.withdraw_rows("trial", HeldOut())


@pytest.mark.parametrize("boundary", ["before-commit", "after-commit"])
async def test_a_node_that_is_killed_while_it_counts_counts_every_row_once(tmp_path, home, boundary):
    """What a kill at this boundary leaves on the disk, begun again."""
    log, left = tmp_path / "log.csv", tmp_path / "left"
    log.write_text("x,s\n" + text(1, 2))
    armed: list[bool] = []

    def probe(here: str) -> None:
        if armed and here == boundary:
            shutil.rmtree(left, ignore_errors=True)
            shutil.copytree(home, left)
            if boundary == "before-commit":
                armed.clear()

    async with living(home, probe=probe) as trial:
        await trial.node.watch_data("trial", str(log), every_s=1, options={})
        await trial.look()
        with log.open("a") as file:
            file.write(text(3, 4))
        armed.append(True)
        await trial.look()
        armed.clear()
        assert trial.local == table(1, 2, 3, 4)
    async with living(left, at=1_800_002_000.0) as trial:
        assert trial.local == (table(1, 2) if boundary == "before-commit" else table(1, 2, 3, 4))
        await trial.look()
        assert trial.local == table(1, 2, 3, 4)
        assert len(trial.node.batches("trial")) == 1


async def test_a_place_that_cannot_be_watched_is_refused(tmp_path, home):
    (tmp_path / "a.parquet").write_bytes(b"")
    (tmp_path / "a.csv.gz").write_bytes(b"")
    (tmp_path / "a.csv").write_text("x,s\n")
    async with living(home) as trial:
        for location in ("a.parquet", "a.csv.gz", "nothing.csv"):
            with pytest.raises(SourceError):
                await trial.node.watch_data("trial", str(tmp_path / location), every_s=1, options={})
        with pytest.raises(SourceError):
            await trial.node.watch_data("trial", str(tmp_path / "a.csv"), every_s=1, options={"nonsense": 1})
        await trial.node.watch_data("trial", str(tmp_path / "a.csv"), every_s=1, options={})
        with pytest.raises(DuplicateError):
            await trial.node.watch_data("trial", str(tmp_path / "a.csv"), every_s=1, options={})
        with pytest.raises(UnknownError):
            await trial.node.unwatch_data("trial", "zz")
        await trial.look()
        assert trial.local.rows == 0


async def test_watches_are_added_listed_and_removed_over_the_api(tmp_path, home):
    async with living(home) as trial, serving(trial.node, trial.clock) as served:
        base = "/v1/federations/trial/data/watches"
        status, made, _ = await served.ask("POST", base, {"location": str(tmp_path / "*.csv"), "every_s": 5})
        assert (status, made["every_s"], made["files"]) == (201, 5, 0)
        assert await served.good("GET", base) == [made]
        assert await served.good("DELETE", f"{base}/{made['id']}") == made
        assert await served.good("GET", base) == []
        status, no, _ = await served.ask("POST", base, {"location": "x", "every_s": 0})
        assert status in {400, 422}, no
