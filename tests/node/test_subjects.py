"""Streams of projects, begun with what comes, let in with what was told, and looked at: on a real server."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nats
import pytest

from fedpeer.adapters.feed_nats import NatsFeeds
from fedpeer.core.envelope import passes
from fedpeer.core.envelope.passes import Rights
from fedpeer.core.errors import DuplicateError, RequestError, SourceError, StateError
from fedpeer.core.peer.streams import Credential, Inlet
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema
from fedpeer.core.statistics.summary import Summary
from fedpeer.node.origins import Begin
from tests.node import test_streaming as trials
from tests.node.test_streaming import SUBJECT, living, publish, table
from tests.support.nats import embedded, pass_for, plain_server, until

pytestmark = pytest.mark.long

hurry, server, bus, home = trials.hurry, trials.server, trials.bus, trials.home

PLAIN = Schema([Feature("x", min=0, max=100_000, resolution=1), Feature("s", "binary")])


def counted(numbers: range) -> Summary:
    return collect(PLAIN, {"x": list(numbers), "s": [x % 2 for x in numbers]})


async def test_a_project_counts_a_stream_across_a_restart_and_is_deleted_with_it(server, bus, home):
    place, begin = f"nats://{server}/{SUBJECT}", Begin(f"nats://{server}/{SUBJECT}", name="beds")
    async with living(home) as trial:
        project = await trial.node.create_project("ward", PLAIN)
        held = lambda: trial.node._projects.get(project.id)  # noqa: E731
        begun = await trial.node.start_stream("ward", begin)
        await publish(bus, range(30))
        await until(lambda: trial.node.stream("ward", "beds").messages == 30)
        assert held().local == counted(range(30))
        with pytest.raises(StateError, match="under its schema"):
            await trial.node.change_project("ward", schema=SCHEMA_OTHER)
        await trial.node.change_project("ward", frozen=True)
        await publish(bus, range(30, 40))
        await until(lambda: "is frozen" in trial.node.stream("ward", "beds").error)
        await trial.node.change_project("ward", frozen=False)
        await until(lambda: trial.node.stream("ward", "beds").messages == 40)
        await bus.publish(SUBJECT, b"not json, but a secret id")
        await until(lambda: trial.node.stream("ward", "beds").unreadable == {"not JSON": 1})
        log = [(e.level, e.text) for e in trial.node.stream_log("ward", "beds").entries]
        assert log[-1] == ("info", f"listens to {place}")
        assert "secret" not in str(log)
        errors = lambda: [e.text for e in trial.node.stream_log("ward", "beds", ("error",)).entries]  # noqa: E731
        await until(lambda: "cannot be read" in errors()[0])
        assert errors()[0] == f"messages of {place} cannot be read and are passed over, by now: 1 not JSON"
        (page,) = trial.node.stream_log("ward", "beds", limit=1).entries
        assert trial.node.stream_log("ward", "beds", limit=1).next == page.id
    async with living(home) as trial:
        await publish(bus, range(40, 60))
        await until(lambda: trial.node.stream("ward", begun.id[:5]).messages == 61)
        assert held().local == counted(range(60))
        (batch,) = trial.node.batches("ward")
        assert (batch.rows, batch.source) == (60, place)
        with pytest.raises(DuplicateError, match="listened to already"):
            await trial.node.start_stream("ward", begin)
        await trial.begin(place, name="beds")  # another scope, another name
        await trial.node.delete_project("ward")
        await until(lambda: {key[0] for key in trial.node.running_streams()} == {trial.node.resolve("trial")})


SCHEMA_OTHER = Schema([Feature("x", min=0, max=10, resolution=1)])


async def test_a_stream_begun_with_what_comes_leaves_what_was_there(server, bus, home):
    place = f"nats://{server}/{SUBJECT}"
    await publish(bus, range(10))
    async with living(home) as trial:
        await trial.begin(place, new=True, name="beds")
        await publish(bus, range(10, 30))
        await trial.counted(20)
        assert trial.peer.local == table(range(10, 30))
        await trial.stop("beds")
        await publish(bus, range(30, 35))
        again = await trial.node.set_stream("trial", "beds", running=True)
        assert (again.name, again.sequence) == ("beds", 30)
        await trial.counted(25)
        assert trial.peer.local == table(range(10, 35))
        anew = await trial.node.set_stream("trial", "beds", running=True, force=True)
        assert (anew.id != again.id, anew.name, anew.sequence) == (True, "beds", 0)
        await trial.counted(35)
        assert trial.peer.local == table(range(10, 35)) + table(range(35))
        await bus.add_stream(name="QUEUE", subjects=["queue.>"], retention="workqueue")
        with pytest.raises(SourceError, match="is a queue"):
            await trial.begin(f"nats://{server}/queue.a", new=True)
        with pytest.raises(RequestError, match="1 to 64"):
            await trial.begin(f"nats://{server}/queue.a", name="no name")


SEED = passes.seed("user", bytes(range(32)))
WAYS: dict[str, tuple[str, Credential]] = {
    "password": ("user: me, password: sesame", Credential("me", "sesame")),
    "token": ("token: open-sesame", Credential(token="open-sesame")),
    "nkey": (f'users: [{{nkey: "{passes.public_key(SEED, "user")}"}}]', Credential(seed=SEED)),
}


async def let_in(address: str, told: Credential) -> Any:
    keys: Mapping[str, Any] = {"signature_cb": lambda nonce: passes.sign_nonce(SEED, nonce)} if told.seed else {}
    client = nats.NATS()
    if told.seed:
        client._public_nkey = passes.public_key(SEED, "user")
    names = {"user": told.user, "password": told.password} if told.user else {"token": told.token or None}
    await client.connect(f"nats://{address}", **names, **keys)
    return client


@pytest.mark.parametrize("way", WAYS)
async def test_what_lets_us_in_is_kept_sealed_and_shown_to_nobody(way, tmp_path, home):
    text, credential = WAYS[way]
    config = f'jetstream {{ store_dir: "{tmp_path}/jetstream" }}\nauthorization {{ {text} }}'
    async with plain_server(tmp_path / "nats", config) as address:
        client, place = await let_in(address, credential), f"nats://{address}/{SUBJECT}"
        await client.jetstream().add_stream(name="VITALS", subjects=["vitals.>"])
        await publish(client.jetstream(), range(5))
        async with living(home) as trial:
            await trial.begin(place)
            await until(lambda: "Authorization" in trial.stream.error)
            await trial.stop(trial.stream.id)
            await trial.begin(place, credential=credential)
            await trial.counted(5)
        async with living(home) as trial:
            await publish(client.jetstream(), range(5, 9))
            await trial.counted(9)
            assert trial.peer.local == table(range(9))
            shown = str([trial.stream, trial.node.log("").entries, trial.node.credentials])
            await trial.node.forget_stream("trial", trial.stream.id)
            assert trial.node.credentials == {}
        kept = b"".join(path.read_bytes() for path in home.iterdir())
        for secret in filter(None, (credential.password, credential.token, credential.seed)):
            assert secret not in shown
            assert secret.encode() not in kept
        await client.close()


async def test_a_pass_in_a_file_lets_us_in(tmp_path, home):
    server = embedded(tmp_path / "bus")
    await server.start()
    try:
        await server.set_account("wards", {})
        access, _ = pass_for(server, "wards", "reader", Rights((">",), (">",), int(time.time()) + 600))
        told = f"-----BEGIN NATS USER JWT-----\n{access.jwt}\n------END NATS USER JWT------\n\n"
        told += f"-----BEGIN USER NKEY SEED-----\n{access.secret}\n------END USER NKEY SEED------\n"
        (tmp_path / "creds").write_text(told)
        (tmp_path / "creds").chmod(0o600)
        signed = {"signature_cb": lambda nonce: passes.sign_nonce(access.secret, nonce)}
        client = await nats.connect(server.url, user_jwt_cb=access.jwt.encode, **signed)
        await client.jetstream().add_stream(name="VITALS", subjects=["vitals.>"])
        await publish(client.jetstream(), range(5))
        async with living(home) as trial:
            options = {"creds_file": str(tmp_path / "creds")}
            await trial.begin(f"{server.url}/{SUBJECT}", options=options)
            await trial.counted(5)
            assert trial.peer.local == table(range(5))
            with pytest.raises(SourceError, match="2 ways to be let in"):
                await trial.begin(f"{server.url}/vitals.b", options=options, credential=Credential(token="t"))
            (tmp_path / "creds").write_text("nothing of the kind")
            with pytest.raises(SourceError, match="JWT and seed"):
                await trial.begin(f"{server.url}/vitals.b", options=options)
            with pytest.raises(SourceError, match="not that of a NATS user"):
                await trial.begin(f"{server.url}/vitals.b", credential=Credential(seed="SUNOT"))
        await client.close()
    finally:
        await server.stop()


async def test_what_a_server_has_is_looked_at_and_not_counted(server, bus, home):
    for body in (b'{"a": 1, "b": "x"}', b"unreadable", b'[{"a": 2}, {"c": [1]}]'):
        await bus.publish("vitals.a", body)
    await bus.publish("vitals.csv", b"1;x\n2;y")
    feeds = NatsFeeds((Path("/nowhere"),))
    assert await feeds.subjects(Inlet(f"nats://{server}")) == {"vitals.a": 3, "vitals.csv": 1}
    assert await feeds.subjects(Inlet(f"nats://{server}/vitals.c*")) == {}
    assert await feeds.subjects(Inlet(f"nats://{server}/vitals.csv", {"stream": "VITALS"})) == {"vitals.csv": 1}
    found = await feeds.sample(Inlet(f"nats://{server}/vitals.a"), 10)
    assert found == {"a": [1, 2, None], "b": ["x", None, None], "c": [None, None, [1]]}
    assert await feeds.sample(Inlet(f"nats://{server}/vitals.a"), 1) == {"a": [1], "b": ["x"]}
    csv = {"format": "csv", "delimiter": ";"}
    assert await feeds.sample(Inlet(f"nats://{server}/vitals.csv", csv), 5) == {
        "column 1": ["1", "2"],
        "column 2": ["x", "y"],
    }
    named = await feeds.sample(Inlet(f"nats://{server}/vitals.csv", csv | {"columns": "n,t"}), 1)
    assert named == {"n": ["1"], "t": ["x"]}
    assert (await bus.stream_info("VITALS")).state.consumer_count == 0
    for look in (NatsFeeds().subjects(Inlet(f"nats://{server}")), NatsFeeds().sample(Inlet(f"nats://{server}/a"), 1)):
        with pytest.raises(SourceError, match="names no directories"):
            await look
    async with living(home) as trial:
        trial.node._means = trials.Means(*[None] * 3, feeds=feeds)
        (first, _) = await trial.node.browse_streams(Inlet(f"nats://{server}"))
        assert (first.subject, first.messages) == ("vitals.a", 3)
        sample = await trial.node.preview_stream(Inlet(f"nats://{server}/vitals.a"), 10)
        assert (sample.columns, sample.rows[2]) == (["a", "b", "c"], [None, None, json.dumps([1])])
        with pytest.raises(RequestError, match="1 to 128"):
            await trial.node.preview_stream(Inlet(f"nats://{server}/vitals.a"), 0)
