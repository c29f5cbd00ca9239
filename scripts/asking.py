"""Requests per second: signed ones to a node, and the same bytes to a bare aiohttp handler with an answer as long."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from fedpeer.api.symetry import signing
from fedpeer.cli.crew import crew
from fedpeer.core.statistics.schema import Schema

COUNT, TOGETHER = 3_000, 8
CID = "bench"

BARE = """
import sys
from aiohttp import web

BODY = b"x" * int(sys.argv[1])


async def answer(request):
    await request.read()
    return web.Response(body=BODY, content_type="application/json")


async def run():
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await __import__("asyncio").Event().wait()


__import__("asyncio").run(run())
"""


def measured(pairs: int, what: str) -> list[tuple[float, float]]:
    """Seconds for COUNT requests, to a node with one federation and to the bare handler, taken in turn.

    `what` is asked for below the user's path, with FED for the federation.
    """
    with tempfile.TemporaryDirectory() as folder, crew(Path(folder), ["alone"]) as ready:
        client = ready()["alone"].client
        agreed = Schema.from_dict({"features": [{"name": "x", "kind": "binary"}]})
        fed = client.create("bench", agreed.to_dict(), "ROWS() > 1", profile="relaxed").id
        key = b64decode(client.add_user(CID, role="viewer").secret_key)
        path, node = f"/symetry/rest/{CID}/{what.replace('FED', fed)}", urlsplit(client.url).port or 0
        size = asyncio.run(_asked(node, _signed(path, key, 1)))[1]
        bare = subprocess.Popen([sys.executable, "-c", BARE, str(size)], stdout=subprocess.PIPE)
        try:
            port = int(bare.stdout.readline())
            rounds = []
            for _ in range(pairs + 1):
                sent = _signed(path, key, COUNT)
                rounds.append((asyncio.run(_asked(node, sent))[0], asyncio.run(_asked(port, sent))[0]))
        finally:
            bare.kill()
            bare.wait()
    return rounds[1:]


def _signed(path: str, key: bytes, count: int) -> list[bytes]:
    """Requests that are signed beforehand, each with a date of its own."""
    now, requests = datetime.now(UTC), []
    for number in range(count):
        date = f"{now:%Y-%m-%d %H:%M:%S};{number + 1:09}"
        signature = signing.sign(signing.Signed("GET", path, "", b"", CID, date, None), key)
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nSym-Date: {date}\r\nAuthorization: {signature}\r\n\r\n"
        requests.append(head.encode())
    return requests


async def _asked(port: int, requests: list[bytes]) -> tuple[float, int]:
    """Seconds until all are answered, over a few connections; and the size of an answer."""
    begun = time.perf_counter()
    parts = [requests[i::TOGETHER] for i in range(min(TOGETHER, len(requests)))]
    sizes = await asyncio.gather(*(_line(port, part) for part in parts))
    return time.perf_counter() - begun, sizes[0]


async def _line(port: int, requests: list[bytes]) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    size = 0
    for request in requests:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        await reader.readexactly(size)
    writer.close()
    return size
