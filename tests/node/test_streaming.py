"""Streams on a real server: each message counted once, whoever is killed, whatever comes again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
from msgspec.structs import replace

from fedpeer.adapters import feed_nats
from fedpeer.adapters.bus_memory import MemoryBroker, MemoryBus
from fedpeer.adapters.catalogue import Catalogue
from fedpeer.adapters.feed_nats import NatsFeed, NatsFeeds
from fedpeer.adapters.store_sqlite import SqliteStore
from fedpeer.adapters.system import SystemClock, SystemEntropy
from fedpeer.core.envelope.access import Access
from fedpeer.core.errors import DuplicateError, RequestError, SourceError, StoreError, UnknownError
from fedpeer.core.peer import flowing
from fedpeer.core.peer.streams import Inlet, Stream
from fedpeer.core.statistics.additions import Additions
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema
from fedpeer.core.statistics.summary import Summary
from fedpeer.node import origins, streaming
from fedpeer.node.commands import Node
from fedpeer.node.counting import Means
from fedpeer.node.engine import Engine, Manners, World
from fedpeer.node.jobs import Jobs
from fedpeer.node.shapes import NodeInfo
from fedpeer.node.streaming import Streaming
from tests.support.nats import free_port, plain_server, until

pytestmark = pytest.mark.long

SCHEMA = Schema([Feature("x", min=0, max=100_000, resolution=1), Feature("s", "binary")], patient="who")
SUBJECT = "vitals.ward1"


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(feed_nats, "GATHER_S", 0.05)
    monkeypatch.setattr(feed_nats, "AGAIN_S", 0.5)
    monkeypatch.setattr(streaming, "LOOKS_EVERY_S", 0.01)
    monkeypatch.setattr(streaming, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(streaming, "LONGEST_WAIT_S", 0.05)


class Trial:
    """A node whose federation has started, and a stream on a server."""

    def __init__(self, node: Node, engine: Engine) -> None:
        self.node, self.engine = node, engine

    @property
    def peer(self) -> Any:
        return self.engine.peer(self.node.resolve("trial"))

    @property
    def stream(self) -> origins.Stream:
        (found,) = self.node.streams("trial")
        return found

    async def begin(self, place: str, *, force: bool = False, **how: Any) -> origins.Stream:
        """Begin with a stream; `how`: options, credential, name, new."""
        return await self.node.start_stream("trial", origins.Begin(place, **how), force=force)

    async def stop(self, stream: str) -> origins.Stream:
        told = await self.node.set_stream("trial", stream, running=False)
        await until(lambda: told.id not in self.node.flowing)  # until its line is down
        return told

    async def counted(self, messages: int) -> None:
        await until(lambda: self.stream.messages >= messages)

    def errors(self) -> list[str]:
        return [e.text for e in self.node.error_log("trial", limit=1000).entries]


@asynccontextmanager
async def living(home: Path) -> AsyncIterator[Trial]:
    """A node on a real store in this folder, as it was left there."""
    clock, entropy, broker = SystemClock(), SystemEntropy(), MemoryBroker()
    store = SqliteStore(home / "store.db", wrapping_key=b"k" * 32, keep_entries=1000, entropy=entropy)
    world = World(
        store, clock, entropy, lambda line: MemoryBus(broker, federation=line.federation, name=line.name), None
    )
    engine, jobs, feeds = Engine(world, Manners()), Jobs(clock.now, entropy.draw), NatsFeeds()
    means = Means(Catalogue().open, Catalogue().rows, Access(servers=("nats://x:1",)), 60, None, feeds)
    about = NodeInfo(name="n", version="1", started_at=0.0, api="", bus="", federations=[])
    node = Node(engine, jobs, world, means, about)
    await engine.start()
    await node.load()
    if not engine.states:
        await node.create("trial", SCHEMA, "ROWS() >= 1", "d7", display="n")
    listener = Streaming(node, engine, clock)
    listener.start()
    try:
        yield Trial(node, engine)
    finally:
        await listener.close()
        await jobs.close()
        await engine.stop()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[str]:
    async with plain_server(tmp_path / "nats", f'jetstream {{ store_dir: "{tmp_path}/jetstream" }}') as address:
        yield address


@pytest.fixture
async def bus(server: str) -> AsyncIterator[Any]:
    client = await nats.connect(f"nats://{server}")
    await client.jetstream().add_stream(name="VITALS", subjects=["vitals.>"])
    yield client.jetstream()
    await client.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def row(x: int) -> dict[str, Any]:
    return {"x": x, "s": x % 2, "who": f"person {x % 50}"}


async def publish(bus: Any, numbers: Sequence[int], subject: str = SUBJECT) -> None:
    for x in numbers:
        await bus.publish(subject, json.dumps(row(x)).encode())


def table(numbers: Sequence[int]) -> Summary:
    rows = [row(x) for x in numbers]
    return collect(SCHEMA, {name: [each[name] for each in rows] for name in ("x", "s", "who")})


async def test_messages_are_counted_as_they_come_and_gone_on_with_after_a_stop_and_a_restart(server, bus, home):
    place = f"nats://{server}/{SUBJECT}"
    await publish(bus, range(5))
    async with living(home) as trial:
        begun = await trial.begin(place)
        await trial.counted(5)
        await publish(bus, range(5, 300))
        await publish(bus, range(500, 510), "vitals.other")
        await trial.counted(300)
        assert trial.peer.local == table(range(300))
        assert (trial.stream.state, trial.stream.rows, trial.stream.read) == ("running", 300, 300)
        assert trial.stream.last_at > 1_600_000_000
        (batch,) = trial.node.batches("trial")
        assert (batch.source, batch.rows, batch.patients, batch.id) == (place, 300, 50, trial.stream.batch)
        with pytest.raises(DuplicateError):
            await trial.begin(place)
        await trial.stop(begun.id[:6])
        await publish(bus, range(300, 310))
    async with living(home) as trial:
        assert trial.stream.state == "stopped"
        await publish(bus, range(310, 320))
        again = await trial.begin(place)
        assert (again.id, again.sequence) == (begun.id, 300)
        await trial.counted(320)
        assert trial.peer.local == table(range(320))
        assert trial.errors() == []

        async def acknowledged() -> bool:
            info = await bus.consumer_info("VITALS", f"fedpeer-{begun.id}")
            return (info.num_ack_pending, info.num_pending) == (0, 0)

        await until(acknowledged)
        assert trial.peer.local == table(range(320))
        await trial.node.forget_stream("trial", begun.id)
        assert trial.node.streams("trial") == []
        assert trial.peer.local.rows == 320
        with pytest.raises(nats.js.errors.NotFoundError):
            await bus.consumer_info("VITALS", f"fedpeer-{begun.id}")


async def test_messages_that_cannot_be_read_are_passed_over_and_rows_left_out_are_accounted_for(server, bus, home):
    async with living(home) as trial:
        await trial.begin(f"nats://{server}/{SUBJECT}", options={"map": {"X": "x"}})
        bodies = [
            b'{"X": 1, "s": 0, "who": "secret id"}',
            b'[{"X": 2, "s": 1, "who": "b"}, {"X": 3, "s": 1, "who": "b"}]',
            b'{"X": 4, "s": 1, "who": "b"}\n{"X": NaN, "s": 1, "who": "b"}\n',
            b"not json, but a secret id",
            b"",
            b"7",
            b'{"X": [1], "s": 0, "who": "b"}',
            b'{"X": 5, "s": 0, "who": "\\ud800"}',
            b"\xff\xfe",
            b'{"X": 1e9, "s": 0, "who": "b"}',
            b'{"X": 6, "s": 7, "who": null}',
            b"[]",
        ]
        for body in bodies:
            await bus.publish(SUBJECT, body)
        await trial.counted(len(bodies))
        told = trial.stream
        assert trial.peer.local == collect(SCHEMA, {"x": [1, 2, 3, 4], "s": [0, 1, 1, 1], "who": list("abbb")})
        assert (told.messages, told.read, told.rows) == (12, 7, 4)
        assert told.rejected == {
            "x": {"missing": 1, "out of range": 1},
            "s": {"unknown level": 1},
            "who": {"missing": 1},
        }
        assert told.unreadable == {
            "not JSON": 2,
            "not an object of values by column": 1,
            "with a list or an object for a value": 1,
            "with a text that is not Unicode": 1,
            "without a row": 2,
        }
        await until(lambda: any("cannot be read" in text for text in trial.errors()))
        assert "secret" not in str([trial.errors(), told, trial.node.batches("trial")])


async def test_lines_of_csv(server, bus, home):
    options = {"format": "csv", "columns": "who, x,ignored,s", "delimiter": ";"}
    async with living(home) as trial:
        await trial.begin(f"nats://{server}/vitals.>", options=options)
        for body in (b"a;1;?;0\n", b'b;2;"x;y";1\r\nb;3;;0', b"a;1;?", b"", b'"a;1;?;0', b"\xff;1;1;1"):
            await bus.publish("vitals.deep.down", body)
        await trial.counted(6)
        assert trial.peer.local == collect(SCHEMA, {"x": [1, 2, 3], "s": [0, 1, 0], "who": list("abb")})
        faults = {"with another number of values than columns": 1, "without a row": 1, "not CSV": 1, "not UTF-8": 1}
        assert trial.stream.unreadable == faults


_KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from fedpeer.adapters import feed_nats
from tests.node import test_streaming as t

async def acknowledge(self, until):
    os.kill(os.getpid(), signal.SIGKILL)

async def main(place, home, when):
    feed_nats.GATHER_S, feed_nats.AGAIN_S = 0.05, 0.5
    if when == "after":
        feed_nats.NatsFeed.acknowledge = acknowledge
    else:
        async def event(self, *what):
            os.kill(os.getpid(), signal.SIGKILL)
        t.Node._event = event
    async with t.living(Path(home)) as trial:
        if not trial.node.streams("trial"):
            await trial.begin(place)
        await asyncio.sleep(600)

asyncio.run(main(*sys.argv[1:]))
"""


async def killed(place: str, home: Path, when: str) -> None:
    root = str(Path(__file__).parents[2])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _KILLED, place, str(home), when, env={**os.environ, "PYTHONPATH": root}, cwd=root
    )
    assert await asyncio.wait_for(process.wait(), 200) == -signal.SIGKILL


async def test_a_node_that_is_killed_before_or_after_it_has_stored_messages_counts_each_once(server, bus, home):
    place = f"nats://{server}/{SUBJECT}"
    await publish(bus, range(40))
    await killed(place, home, "after")
    await publish(bus, range(40, 60))
    await killed(place, home, "before")
    await publish(bus, range(60, 80))
    await killed(place, home, "after")
    async with living(home) as trial:
        await publish(bus, range(80, 100))
        await trial.counted(100)
        assert trial.peer.local == table(range(100))
        assert (trial.stream.messages, trial.stream.rows) == (100, 100)
        assert trial.peer.past.people.known().most == 2


async def test_without_its_number_the_messages_would_be_counted_twice(server, bus, home, monkeypatch):
    real = Stream.after
    monkeypatch.setattr(flowing, "expecting", lambda streams, flow: streams[flow.stream])
    monkeypatch.setattr(Stream, "after", lambda self, *what: replace(real(self, *what), sequence=0))
    await publish(bus, range(20))
    async with living(home) as trial:
        await trial.begin(f"nats://{server}/{SUBJECT}")
        await trial.counted(20)
    async with living(home) as trial:
        await trial.counted(40)
        assert trial.peer.local == table(range(20)) + table(range(20))


async def robbed(trial: Trial, server: str, bus: Any) -> None:
    """Somebody else takes some of our deliveries, as a line does that is broken and does not know it yet."""
    await trial.begin(f"nats://{server}/{SUBJECT}")
    await publish(bus, range(10))
    await trial.counted(10)
    thief = await nats.connect(f"nats://{server}")
    durable = f"fedpeer-{trial.stream.id}"
    stolen = await thief.jetstream().pull_subscribe_bind(durable=durable, stream="VITALS")
    taken = asyncio.create_task(stolen.fetch(30, timeout=2))
    await publish(bus, range(10, 200))
    await taken
    await until(lambda: trial.stream.sequence == 200)
    await thief.close()


async def test_what_went_to_a_line_that_is_no_more_is_asked_for_by_its_number(server, bus, home):
    async with living(home) as trial:
        await robbed(trial, server, bus)
        assert trial.peer.local == table(range(200))


async def test_if_deliveries_were_not_followed_by_their_numbers_some_would_be_lost(server, bus, home, monkeypatch):
    monkeypatch.setattr(NatsFeed, "_is_next", lambda self, delivery: True)
    async with living(home) as trial:
        await robbed(trial, server, bus)
        assert trial.stream.messages < 200


async def test_a_queue_that_deletes_what_was_acknowledged_is_emptied_and_counted_once(server, home):
    client = await nats.connect(f"nats://{server}")
    bus = client.jetstream()
    await bus.add_stream(name="QUEUE", subjects=["queue.>"], retention="workqueue")
    await publish(bus, range(30), "queue.a")
    await killed(f"nats://{server}/queue.a", home, "before")
    async with living(home) as trial:
        await publish(bus, range(30, 50), "queue.a")
        await trial.counted(50)
        assert trial.peer.local == table(range(50))

        async def empty() -> bool:
            return (await bus.stream_info("QUEUE")).state.messages == 0

        await until(empty)
    await client.close()


async def test_a_server_that_goes_and_comes_back_is_gone_on_with(tmp_path, home):
    port, text = free_port(), f'jetstream {{ store_dir: "{tmp_path}/jetstream" }}'
    async with living(home) as trial:
        await trial.begin(f"nats://127.0.0.1:{port}/{SUBJECT}")
        await until(lambda: trial.stream.state == "waiting")
        assert "cannot connect" in trial.stream.error
        for numbers in (range(20), range(20, 40)):
            async with plain_server(tmp_path / "nats", text, port=port) as server:
                client = await nats.connect(f"nats://{server}")
                await client.jetstream().add_stream(name="VITALS", subjects=["vitals.>"])
                await publish(client.jetstream(), numbers)
                await trial.counted(numbers.stop)
                assert trial.stream.state == "running"
                await client.close()
            await until(lambda: trial.stream.state == "waiting")
        assert trial.peer.local == table(range(40))
        assert len([text for text in trial.errors() if "cannot connect" in text]) <= 3


async def test_how_far_behind_a_stream_is_and_how_often_its_line_broke_is_measured(server, bus, home, monkeypatch):
    monkeypatch.setattr(feed_nats, "_TOGETHER", 10)
    monkeypatch.setattr(feed_nats, "_MOST", 10)
    monkeypatch.setattr(feed_nats, "GATHER_S", 2.0)  # as long as it may take until ten of them are here
    await publish(bus, range(24))
    await bus.publish(SUBJECT, b"no json")
    async with living(home) as trial:
        seen, real = list[int | None](), trial.node.count_messages

        async def count(scope: str, stream: str, origin: str, gathered: Any) -> bool:
            seen.append(trial.node.behind[stream])
            return await real(scope, stream, origin, gathered)

        monkeypatch.setattr(trial.node, "count_messages", count)
        begun = await trial.begin(f"nats://{server}/{SUBJECT}", name="ward1")
        await trial.counted(25)
        assert seen == [15, 5, 0]
        monkeypatch.setattr(feed_nats, "GATHER_S", 0.05)
        labels = {"federation": trial.node.resolve("trial"), "name": "trial", "stream": "ward1"}
        told = {name.removeprefix("fedpeer_stream_"): value for name, value in trial.node.metrics().items()}
        last = told.pop("last_message_timestamp_seconds")
        assert last == [(labels, trial.stream.last_at)]
        numbers = {
            "connected": 1, "behind_messages": 0, "messages_total": 25, "unreadable_messages_total": 1,
            "rows_total": 24, "rejected_rows_total": 0, "errors_total": 0,
        }  # fmt: skip
        assert {name: told[name] for name in numbers} == {name: [(labels, n)] for name, n in numbers.items()}
        monkeypatch.setattr(trial.node, "count_messages", _fails)
        await bus.publish(SUBJECT, b"{}")
        await until(lambda: trial.stream.broken >= 2)
        told = trial.node.metrics()
        assert told["fedpeer_stream_connected"] == [(labels, 0)]
        assert "fedpeer_stream_behind_messages" not in told
        assert told["fedpeer_stream_errors_total"][0][1] >= 2
        assert trial.node.federation("trial").trouble == ["stream ward1 waits: the disk is full"]
        await trial.stop(begun.id)
        assert "fedpeer_stream_connected" not in trial.node.metrics()
        assert trial.node.federation("trial").trouble == []


async def _fails(*_: Any) -> bool:
    raise StoreError("the disk is full")


async def test_a_stream_that_was_made_anew_is_not_taken_for_the_old_one(server, bus, home):
    place = f"nats://{server}/{SUBJECT}"
    async with living(home) as trial:
        await trial.begin(place)
        await publish(bus, range(10))
        await trial.counted(10)
        await trial.stop(trial.stream.id)
        await bus.delete_stream("VITALS")
        await bus.add_stream(name="VITALS", subjects=["vitals.>"])
        await publish(bus, range(10, 30))
        await trial.begin(place)
        await until(lambda: "made anew" in trial.stream.error)
        assert trial.peer.local.rows == 10
        await trial.stop(trial.stream.id)
        await trial.begin(place, force=True)
        await trial.counted(20)
        assert trial.peer.local == table(range(30))


async def test_a_consumer_that_is_deleted_is_made_again_and_nothing_is_told_twice(server, bus, home, monkeypatch):
    monkeypatch.setattr(feed_nats, "SILENT_S", 0.1)
    async with living(home) as trial:
        await trial.begin(f"nats://{server}/{SUBJECT}")
        await publish(bus, range(10))
        await trial.counted(10)
        await bus.delete_consumer("VITALS", f"fedpeer-{trial.stream.id}")
        await publish(bus, range(10, 30))
        await trial.counted(30)
        assert trial.peer.local == table(range(30))


async def test_a_batch_that_was_withdrawn_is_gone_and_the_stream_goes_on_in_another(server, bus, home):
    async with living(home) as trial:
        await trial.begin(f"nats://{server}/{SUBJECT}")
        await publish(bus, range(10))
        await trial.counted(10)
        await trial.node.withdraw("trial", trial.stream.batch)
        assert trial.stream.batch == ""
        await publish(bus, range(10, 15))
        await trial.counted(15)
        assert trial.peer.local == table(range(10, 15))


async def test_a_subject_that_nobody_keeps_is_an_error_that_says_so(server, bus, home):
    async with living(home) as trial:
        await trial.begin(f"nats://{server}/nowhere")
        await until(lambda: "keeps the messages of nowhere" in trial.stream.error)
        await until(lambda: any("nowhere" in text for text in trial.errors()))


@pytest.mark.parametrize(
    ("location", "options", "says"),
    [
        ("http://localhost/x", {}, "is no subject"),
        ("nats://localhost", {}, "is no subject"),
        ("nats://localhost/a..b", {}, "is no subject"),
        ("nats://localhost/a b", {}, "is no subject"),
        ("nats://localhost:99999/a", {}, "is no subject"),
        ("nats://me:secret@localhost/a", {}, "must not hold a password"),
        ("nats://localhost/a?token=secret", {}, "must not hold a password"),
        ("nats://example.org/a", {}, "in clear"),
        ("nats://localhost/a", {"delay": 1}, "is no option"),
        ("nats://localhost/a", {"format": "xml"}, "cannot be 'xml'"),
        ("nats://localhost/a", {"format": "csv"}, "need columns"),
        ("nats://localhost/a", {"format": "csv", "columns": "x,s"}, "has no 'who'"),
        ("nats://localhost/a", {"format": "csv", "columns": "x,s,who,x"}, "a name twice"),
        ("nats://localhost/a", {"format": "csv", "columns": "x,s,who", "delimiter": "a"}, "cannot separate"),
        ("nats://localhost/a", {"columns": "x"}, "option of messages of CSV"),
        ("nats://localhost/a", {"map": {"a": "b"}}, "no feature 'b'"),
        ("nats://localhost/a", {"creds_file": "/nowhere"}, "/nowhere"),
        ("nats://localhost/a", {"token_file": 7}, "not the path"),
    ],
)
def test_a_stream_that_cannot_be_listened_to_is_refused(location, options, says):
    with pytest.raises(Exception, match=says) as refused:
        NatsFeeds().check(Inlet(location, options), SCHEMA)
    assert "secret" not in str(refused.value)


def test_only_files_that_may_be_read_are_shown_to_a_server(tmp_path):
    (tmp_path / "in").mkdir()
    for path in (tmp_path / "in/token", tmp_path / "token"):
        path.write_text("t\n")
        path.chmod(0o600)
    feeds = NatsFeeds((tmp_path / "in",))
    assert feeds.check(Inlet("nats://localhost/a", {"token_file": str(tmp_path / "in/token")}), SCHEMA)
    with pytest.raises(SourceError, match="outside the directories"):
        feeds.check(Inlet("nats://localhost/a", {"token_file": str(tmp_path / "token")}), SCHEMA)
    (tmp_path / "in/token").chmod(0o644)
    with pytest.raises(SourceError, match="by others on this machine"):
        feeds.check(Inlet("nats://localhost/a", {"token_file": str(tmp_path / "in/token")}), SCHEMA)


async def test_a_node_without_streams_says_so_and_an_unknown_one_is_unknown(home):
    async with living(home) as trial:
        with pytest.raises(UnknownError):
            await trial.stop("abc")
        trial.node._means = Means(Catalogue().open, Catalogue().rows, None)
        with pytest.raises(RequestError):
            await trial.begin("nats://localhost/a")


async def test_a_stream_goes_on_under_what_the_schema_has_grown_into(server, bus, home, monkeypatch):
    monkeypatch.setattr(streaming, "LOOKS_EVERY_S", 1.0)  # so that what comes next is gathered under the old one
    features = [Feature("x", min=0, max=99, resolution=1), Feature("c", "category", levels=["a", "b"])]
    additions = Additions.from_dict({"levels": {"c": ["d"]}, "features": [{"name": "y", "kind": "binary"}]})

    async def told(numbers: Sequence[int]) -> None:
        for x in numbers:
            await bus.publish(SUBJECT, json.dumps({"x": x, "c": "abd"[x % 3], "y": x % 2}).encode())

    async with living(home) as trial:
        node = trial.node
        await node.create("wards", Schema(features, missing="pairwise"), "ROWS() >= 1", "d7", display="n")
        stream = await node.start_stream("wards", origins.Begin(f"nats://{server}/{SUBJECT}"))
        await told(range(30))
        await until(lambda: node.stream("wards", stream.id).messages == 30)
        await node.accept("wards", (await node.propose("wards", additions)).id)
        await told(range(30, 60))
        await until(lambda: node.stream("wards", stream.id).messages == 60)
        local = trial.engine.peer(node.resolve("wards")).local
        assert (local.rows, local.sum("c$d"), local.count("y"), local.sum("y")) == (20 + 30, 10, 30, 15)
        assert node.stream("wards", stream.id).rejected == {"c": {"unknown level": 10}}


async def test_messages_are_read_and_looked_at_where_nothing_else_waits_for_it(server, bus, home, monkeypatch):
    threads: dict[str, set[int]] = {"read": set(), "rows": set(), "sampled": set()}

    def told(name: str, work: Any) -> Any:
        def done(*args: Any) -> Any:
            threads[name].add(threading.get_ident())
            return work(*args)

        return done

    monkeypatch.setattr(feed_nats.Messages, "read", told("read", feed_nats.Messages.read))
    monkeypatch.setattr(Catalogue, "rows", told("rows", Catalogue.rows))
    monkeypatch.setattr(feed_nats, "sampled", told("sampled", feed_nats.sampled))
    place = f"nats://{server}/{SUBJECT}"
    await publish(bus, range(5))
    async with living(home) as trial:
        await trial.begin(place)
        await trial.counted(5)
        assert trial.peer.local == table(range(5))
        assert len((await NatsFeeds((home,)).sample(Inlet(place), 3))["x"]) == 3
    assert all(threads.values())
    assert threading.get_ident() not in set.union(*threads.values())
