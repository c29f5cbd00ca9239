"""Benches of what ten daemons do together: pulses, rounds of the secure sum, and the project that comes of them."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import sys
import tempfile
import time
from base64 import b64decode
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import asking
import msgspec
import nats
import nats.errors
import numpy as np
from measure import PAIRS, compared, pairs, report

from fedpeer.adapters.home import Home
from fedpeer.adapters.store_sqlite import SqliteStore
from fedpeer.cli.crew import Running, crew
from fedpeer.core.envelope.contributions import Contribution
from fedpeer.core.envelope.padding import pad
from fedpeer.core.federation.ledger import Ledger
from fedpeer.core.identity import PeerId
from fedpeer.core.peer.records import restore
from fedpeer.core.peer.session import Session
from fedpeer.core.peer.state import Peer
from fedpeer.core.pulse.inbound import inbound
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema

PEERS, COLUMNS = 10, 100

NARROW, WIDE = "0.001", "0.0000001"  # resolutions of −100 … 100: q of 18 bits, and of 31, which are two limbs
ALL = json.dumps({"values": [{"inputAttributes": [i]} for i in range(COLUMNS)]}).encode()
LOOKS = (  # what is asked, what it is, and with what body
    ("projects/FED/info", "ProjectInfo", b""),
    ("projects/FED/explore?metric=uni", f"explore of {COLUMNS} attributes, uni", ALL),
)


def schema(columns: int, *, wide: int = 0, blocks: Sequence[str] = ()) -> Schema:
    """So many columns from −100 to 100, the first ones wide."""
    steps = [WIDE] * wide + [NARROW] * (columns - wide)
    features = [Feature(f"x{i}", "continuous", min=-100, max=100, resolution=step) for i, step in enumerate(steps)]
    return Schema(features, blocks=blocks)


def bench_pulse() -> None:
    """A pulse of ten peers, from new rows to everyone agreeing, against the same bytes moved by nats-py alone."""
    with tempfile.TemporaryDirectory() as folder, crew(Path(folder), [f"peer{i}" for i in range(PEERS)]) as ready:
        everyone = list(ready().values())
        fed, size = _federate(everyone)
        ours = [_pulse(everyone, fed, seed) for seed in range(2, 2 + PAIRS)]
        where = _where(everyone)
    theirs = [_bare(size) for _ in range(PAIRS)]
    a, b = statistics.median(ours), statistics.median(theirs)
    report(f"pulse of {PEERS} peers x {COLUMNS} features, {size:,} B each | nats-py", (a, b, a / b), "<= 5x")
    print(where, flush=True)


def bench_round() -> None:
    """A whole round of the secure sum of ten peers, from the call to all agreeing, against their pulse in the open."""
    with tempfile.TemporaryDirectory() as folder, crew(Path(folder), [f"peer{i}" for i in range(PEERS)]) as ready:
        everyone = list(ready().values())
        shown, _ = _federate(everyone)
        hidden, _ = _federate(everyone, exchange={"mode": "secure"})
        rows = [(_pulse(everyone, hidden, seed), _pulse(everyone, shown, seed)) for seed in range(2, 2 + PAIRS)]
        where = _where(everyone)
    report(f"secure round of {PEERS} peers x {COLUMNS} features | their open pulse", compared(rows), "<= 2x")
    print(where, flush=True)


def bench_rebuild() -> None:
    """The federated project after a pulse of ten peers: from what came to the sum, and what the dialect shows of it."""
    with tempfile.TemporaryDirectory() as folder:
        with crew(Path(folder), [f"peer{i}" for i in range(PEERS)]) as ready:
            everyone = list(ready().values())
            fed, _ = _federate(everyone)
            first = everyone[0]
            key = b64decode(first.client.add_user(asking.CID, role="operator").secret_key)
            node = asking.Asked(first, fed, key, urlsplit(first.client.url).port or 0)
            shown = []
            for seed in range(2, 2 + PAIRS):
                _pulse(everyone, fed, seed)
                shown.append([_shown(node, *look) for look in LOOKS])
        peer = _restored(Path(folder) / first.name, fed)
    newer = list(peer.ledger.held.values())
    older = [replace(h, contribution=_before(h.contribution)) for h in newer]
    ledger = Ledger({PeerId(h.contribution.origin): h for h in older}, peer.ledger.total)
    arrays = [h.summary.to_bytes() for h in newer]

    def rebuild() -> None:
        made = ledger
        for held in newer:
            made = made.record(inbound(held.signed, peer.federation, peer.roster, action="block"))
        assert made.total.digest == peer.ledger.total.digest

    def plain() -> None:
        sum(np.frombuffer(data[: len(data) // 8 * 8], np.uint64) for data in arrays)

    what = f"rebuild of {PEERS} peers x {COLUMNS} features, from signed bytes to their sum | numpy's sum"
    report(what, pairs(rebuild, plain), "<= 50 ms")
    for (_, said, _), *times in zip(LOOKS, *shown, strict=True):
        print(f"{f'    {said}, right after a pulse':<74} {statistics.median(times):8.3f} s", flush=True)


def _before(contribution: Contribution) -> Contribution:
    return msgspec.structs.replace(contribution, serial=contribution.serial - 1)


def _shown(node: asking.Asked, what: str, _: str, body: bytes) -> float:
    method = "POST" if body else "GET"
    return asyncio.run(asking.asked(node.port, asking.signed(method, node.path(what), node.key, 1, body)))[0]


def _restored(home: Path, fed: str) -> Peer:
    """What a node that has ended kept of its federation."""
    opened = Home.open(home)
    try:
        store = SqliteStore(opened.database, wrapping_key=opened.wrapping_key)
        found = restore(fed, store.load(fed), Session(b""))
        store.close()
    finally:
        opened.close()
    assert isinstance(found, Peer)
    return found


def _federate(everyone: Sequence[Running], **terms: object) -> tuple[str, int]:
    admin, *others = everyone
    agreed = schema(COLUMNS)
    fed = admin.client.create(
        "bench", agreed.to_dict(), "ROWS() >= 1", schedule="d1", display=admin.name, profile="relaxed", **terms
    ).id
    for other in others:
        invite = admin.client.invite(fed)
        other.client.join(invite.text, invite.passphrase, display=other.name)
    for peer in everyone:
        peer.client.set_pulsing(fed, True)
    _pulse(everyone, fed, 1)
    summary = collect(agreed, _rows(0, 1))
    return fed, len(pad(summary.to_bytes())) + 400


def _rows(peer: int, seed: int) -> dict[str, list[float]]:
    values = np.random.default_rng([peer, seed]).uniform(-100, 100, (COLUMNS, 200)).round(3)
    return {f"x{i}": values[i].tolist() for i in range(COLUMNS)}


def _pulse(everyone: Sequence[Running], fed: str, seed: int) -> float:
    for i, peer in enumerate(everyone):
        job = peer.client.add_rows(fed, _rows(i, seed), source=f"rows {seed}")
        while peer.client.job(job.id).state == "running":
            time.sleep(0.01)
    # In the open everybody pulses; a round is one for all, whoever calls it.
    callers = everyone if everyone[0].client.federation(fed).mode == "open" else everyone[:1]
    with ThreadPoolExecutor(len(everyone)) as pool:
        begun = time.perf_counter()
        done = list(pool.map(lambda peer: peer.client.sync(fed, wait_s=60), callers))
        taken = time.perf_counter() - begun
    assert all(synced.converged for synced in done)
    assert len({peer.client.federation(fed).total_digest for peer in everyone}) == 1
    return taken


def _where(everyone: Sequence[Running]) -> str:
    """CPU seconds of the daemons so far, by process: the broker is the admin's child."""
    ticks = os.sysconf("SC_CLK_TCK")
    used = []
    for peer in everyone:
        fields = Path(f"/proc/{peer.process.pid}/stat").read_text().rpartition(")")[2].split()
        used.append((int(fields[11]) + int(fields[12])) / ticks)
    return f"    CPU seconds of the ten daemons since their start: {', '.join(f'{u:.1f}' for u in used)}"


WORKER = """
import asyncio, sys, nats
async def main(url, me, peers, size):
    client = await nats.connect(url)
    got, go, all_here = set(), asyncio.Event(), asyncio.Event()
    async def heard(message):
        got.add(message.subject)
        if len(got) == peers - 1: all_here.set()
    async def begin(message): go.set()
    for i in range(peers):
        if i != me: await client.subscribe(f"bare.{i}", cb=heard)
    await client.subscribe("go", cb=begin)
    await client.flush(); await client.flush()
    print("ready", flush=True)
    await go.wait()
    await client.publish(f"bare.{me}", bytes(size)); await client.flush()
    await all_here.wait()
    print("done", flush=True)
    await client.close()
url, me, peers, size = sys.argv[1], *map(int, sys.argv[2:])
asyncio.run(main(url, me, peers, size))
"""


def _bare(size: int) -> float:
    return asyncio.run(_bare_run(size))


async def _bare_run(size: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        server = await asyncio.create_subprocess_exec(
            _server(), "-p", str(port), "-a", "127.0.0.1", stderr=asyncio.subprocess.DEVNULL, cwd=folder
        )
        try:
            url = f"nats://127.0.0.1:{port}"
            client = await _connected(url)
            workers = [
                await asyncio.create_subprocess_exec(
                    sys.executable, "-c", WORKER, url, str(i), str(PEERS), str(size), stdout=asyncio.subprocess.PIPE
                )
                for i in range(PEERS)
            ]
            for worker in workers:
                await worker.stdout.readline()
            begun = time.perf_counter()
            await client.publish("go", b"")
            await client.flush()
            for worker in workers:
                await worker.stdout.readline()
            taken = time.perf_counter() - begun
            for worker in workers:
                await worker.wait()
            await client.close()
            return taken
        finally:
            server.terminate()
            await server.wait()


async def _connected(url: str) -> nats.NATS:
    while True:
        try:
            return await nats.connect(url, allow_reconnect=False, error_cb=_quiet)
        except (OSError, nats.errors.Error):
            await asyncio.sleep(0.05)


async def _quiet(_: Exception) -> None:
    """A server that is still starting refuses; that is no news."""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _server() -> str:
    return str(Path(sys.executable).with_name("nats-server"))
