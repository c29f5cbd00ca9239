"""Benches of the second dialect: signed requests and rows to a node, beside a bare aiohttp handler of the same."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from measure import PAIRS, compared, report

from fedpeer.api.symetry import signing
from fedpeer.cli.crew import Running, crew
from fedpeer.core.statistics.schema import Schema

COUNT, TOGETHER = 3_000, 8
ROWS, COLUMNS = 36_168, 52
CID = "bench"
NUMBERS = itertools.count(1)
LOOKS = ("jobs", "fedml/FED/info", "fedml/FED/syncStats", "fedml/FED/getSyncLog", "projects/FED/info")

BARE = """
import asyncio, json, sys

import numpy as np
from aiohttp import web

BODY = b"x" * int(sys.argv[1])


async def answer(request):
    data = await request.read()
    if data:  # the plainest way to the sums of rows of texts
        rows = np.array(json.loads(data)["data"], np.float64)
        rows.T @ rows
    return web.Response(body=BODY, content_type="application/json")


async def run():
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


asyncio.run(run())
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A node with a federation and a user, and where it is."""

    running: Running
    fed: str
    key: bytes
    port: int

    def path(self, what: str) -> str:
        """What is below the user's path, with FED for the federation."""
        return f"/symetry/rest/{CID}/{what.replace('FED', self.fed)}"


def bench_requests() -> None:
    """Signed requests that merely look, to a small node."""
    with _node() as node:
        for what in LOOKS:
            path = node.path(what)
            size = asyncio.run(asked(node.port, signed("GET", path, node.key, 1)))[1]
            with _bare(size) as (bare, port):
                rounds = [_both(node, bare, port, signed("GET", path, node.key, COUNT)) for _ in range(PAIRS + 1)][1:]
            a, b = (statistics.median(taken) for taken in list(zip(*rounds, strict=True))[:2])
            rates = f"{COUNT / a:,.0f}/s | aiohttp alone, {COUNT / b:,.0f}/s"
            _told(f"signed requests, {what}: {rates}", rounds, "<= 2x")


def _both(node: Asked, bare: subprocess.Popen[bytes], port: int, sent: Sequence[bytes]) -> tuple[float, ...]:
    """Seconds here and there, and the processor time of the two servers."""
    before = _used(node.running.process), _used(bare)
    ours, theirs = (asyncio.run(asked(where, sent))[0] for where in (node.port, port))
    after = _used(node.running.process), _used(bare)
    return ours, theirs, after[0] - before[0], after[1] - before[1]


def _told(what: str, rounds: Sequence[tuple[float, ...]], goal: str) -> None:
    report(what, compared([(ours, theirs) for ours, theirs, _, _ in rounds]), goal)
    report("    processor time of the two servers", compared([(ours, theirs) for _, _, ours, theirs in rounds]), goal)


def bench_learn() -> None:
    """Rows sent as texts to a project of a node, counted and on disk, against plain floats of the same body."""
    with _node() as node, _bare(100) as (bare, port):
        rounds = []
        for number in range(PAIRS + 1):
            body, pid = _frame(number), f"p{number}"
            asyncio.run(asked(node.port, signed("POST", node.path(f"projects?pid={pid}"), node.key, 1, b"{}")))
            rounds.append(
                _both(node, bare, port, signed("POST", node.path(f"projects/{pid}/learn"), node.key, 1, body))
            )
            counted = node.running.client.project(pid).rows
            if counted != ROWS:
                raise RuntimeError(f"{counted} rows were counted")
    what = f"learn {ROWS:,} x {COLUMNS} ({len(body) / 1e6:.0f} MB) | aiohttp, json and float64"
    _told(what, rounds[1:], "<= 2 s")


def _frame(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    numbers = rng.uniform(-1000, 1000, (ROWS, COLUMNS - 8)).round(4).astype(str)
    flags = rng.integers(0, 2, (ROWS, 8)).astype(str)
    told = {
        "attributeNames": [f"a{i}" for i in range(COLUMNS)],
        "attributeTypes": ["C"] * (COLUMNS - 8) + ["B"] * 8,
        "data": [[*a, *b] for a, b in zip(numbers.tolist(), flags.tolist(), strict=True)],
    }
    return json.dumps(told).encode()


@contextmanager
def _node() -> Iterator[Asked]:
    with tempfile.TemporaryDirectory() as folder, crew(Path(folder), ["alone"]) as ready:
        running = ready()["alone"]
        agreed = Schema.from_dict({"features": [{"name": "x", "kind": "binary"}]})
        fed = running.client.create("bench", agreed.to_dict(), "ROWS() > 1", profile="relaxed").id
        key = b64decode(running.client.add_user(CID, role="operator").secret_key)
        time.sleep(1)  # what is signed must be dated after the user's node was started
        yield Asked(running, fed, key, urlsplit(running.client.url).port or 0)


@contextmanager
def _bare(size: int) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    bare = subprocess.Popen([sys.executable, "-c", BARE, str(size)], stdout=subprocess.PIPE)
    try:
        yield bare, int(bare.stdout.readline())
    finally:
        bare.kill()
        bare.wait()


def _used(process: subprocess.Popen[bytes]) -> float:
    """Seconds of processor time so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def signed(method: str, where: str, key: bytes, count: int, body: bytes = b"") -> list[bytes]:
    """Requests that are signed beforehand, each with a date of its own."""
    now, requests, (path, _, query) = datetime.now(UTC), [], where.partition("?")
    for _ in range(count):
        date = f"{now:%Y-%m-%d %H:%M:%S};{next(NUMBERS):09}"
        signature = signing.sign(signing.Signed(method, path, query, body, CID, date, None), key)
        head = f"{method} {where} HTTP/1.1\r\nHost: localhost\r\nSym-Date: {date}\r\nAuthorization: {signature}\r\n"
        more = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        requests.append(f"{head}{more}\r\n".encode() + body)
    return requests


async def asked(port: int, requests: Sequence[bytes]) -> tuple[float, int]:
    """Seconds until all are answered, over a few connections; and the size of an answer."""
    begun = time.perf_counter()
    parts = [requests[i::TOGETHER] for i in range(min(TOGETHER, len(requests)))]
    sizes = await asyncio.gather(*(_line(port, part) for part in parts))
    return time.perf_counter() - begun, sizes[0]


async def _line(port: int, requests: Sequence[bytes]) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    size = 0
    for request in requests:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        answer = await reader.readexactly(size)
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
            raise RuntimeError((head + answer).decode())
    writer.close()
    return size
