"""A daemon that answers from a table: what the command line and the client are tried against without a node.

Bodies and queries are checked against the API's own declarations, so that a drift between the two fails here.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from fedpeer.api.routes import ROUTES, Route
from fedpeer.node import shapes

NOW = 1_800_000_000.0
TOKEN = "t0ken"
FED = "fed" + "a" * 23
NORTH, SOUTH, EAST = ("north" + "a" * 21, "south" + "a" * 21, "eastx" + "a" * 21)
DIGEST = "d1be57" + "0" * 58

FEDERATION = shapes.Federation(
    id=FED,
    name="hearts",
    me=NORTH,
    admin=NORTH,
    role="admin",
    state="active",
    alarm="",
    mode="open",
    profile="standard",
    rules="standard",
    schedule="h1",
    pulsing=True,
    next_pulse_at=NOW + 1200,
    charter_version=4,
    charter_head="c4a7" + "0" * 60,
    epoch=3,
    schema_digest="5c4e" + "0" * 60,
    contract="ROWS() >= 50\nMEAN(age) > 18",
    explorable=False,
    send_action="block",
    receive_action="block",
    bus_connected=True,
    converged=False,
    waiting_for=["south"],
    differing=[],
    members=3,
    contributors=2,
    rows=1300,
    total_digest=DIGEST,
    local_rows=800,
    released_rows=800,
    released_risk=0.5193,
    released_serial=2,
    released_at=NOW - 300,
    fingerprint="badab badef bafig babib badod bagak",
)
NODE = shapes.NodeInfo(
    name="north", version="0.1.0", started_at=NOW - 7200, api="http://127.0.0.1:8440", bus="", federations=[FED]
)


def member(id_: str, name: str, **changes: Any) -> shapes.Member:
    """A member in good order, but for the changes."""
    plain: dict[str, Any] = {
        "role": "member",
        "me": False,
        "admitted_at": NOW - 86400,
        "removed_at": 0.0,
        "online": True,
        "last_seen_at": NOW - 2,
        "rows": 500,
        "serial": 1,
        "digest": DIGEST,
        "counted": True,
        "admitted": True,
        "agrees": True,
        "explorable": False,
        "fingerprint": "badab badef bafig babib badod bagak",
    }
    return shapes.Member(**(plain | {"id": id_, "name": name} | changes))


def entry(number: int, text: str, **changes: Any) -> shapes.LogEntry:
    """A line of the timeline, ten seconds older for each number below 100."""
    plain: dict[str, Any] = {"at": NOW - 10 * (100 - number), "federation": FED, "kind": "sync", "level": "info"}
    rest: dict[str, Any] = {"peer": "", "pulse": 0, "data": {}}
    return shapes.LogEntry(**(plain | rest | {"id": number, "text": text} | changes))


class RefusalError(Exception):
    """A problem document that the stub answers with."""

    def __init__(self, status: int, code: str, detail: str, hint: str) -> None:
        super().__init__(detail)
        self.status = status
        self.problem = {"type": "", "title": "no", "status": status, "code": code, "detail": detail, "hint": hint}


Answer = Any | Callable[[dict[str, Any]], Any]


class Daemon:
    """Answers by (method, path below the federation or whole), and keeps what was asked."""

    def __init__(self, answers: dict[tuple[str, str], Answer]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        self.routes: set[Route] = set()
        self.url = ""

    def answer(self, method: str, target: str, body: bytes, token: str) -> tuple[int, bytes]:
        """The status and the body of one answer."""
        if token != f"Bearer {TOKEN}":
            return 401, msgspec.json.encode(
                RefusalError(401, "FP117", "the token is not valid here", "send the right one").problem
            )
        split = urlsplit(target)
        path, query = unquote(split.path), dict(parse_qsl(split.query))
        told = msgspec.json.decode(body) if body else None
        key = (method, path.removeprefix(f"/v1/federations/{FED}/"))
        self.asked.append((*key, query, told))
        self.routes.add(_checked(method, split.path, query, told))
        try:
            found = self.answers[key]
            made = found(told) if callable(found) else found
        except KeyError:
            return 404, msgspec.json.encode(RefusalError(404, "FP138", f"{path} is not among the routes", "").problem)
        except RefusalError as refused:
            return refused.status, msgspec.json.encode(refused.problem)
        return 200, made if isinstance(made, bytes) else msgspec.json.encode(made)


_ROUTES = [(r, re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(r.path)))) for r in ROUTES]


def _checked(method: str, path: str, query: dict[str, str], told: Any) -> Route:
    """Return the route; fail unless the API has this route, with such a body and such a query."""
    route = next(r for r, pattern in _ROUTES if r.method == method and pattern.fullmatch(path))
    if route.body is None:
        assert told is None, f"{method} {route.path} takes no body"
    else:
        msgspec.convert(told, route.body)
    msgspec.convert(query, route.query, strict=False)
    return route


@contextmanager
def serving(answers: dict[tuple[str, str], Answer]) -> Iterator[Daemon]:
    """Serve a table of answers on a free port of this machine."""
    daemon = Daemon(answers)

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, data = daemon.answer(self.command, self.path, body, self.headers.get("Authorization", ""))
            if status == 200 and urlsplit(self.path).path == "/v1/events":
                self._stream()
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _stream(self) -> None:
            self.send_response(200)
            self.end_headers()
            for told in daemon.answers[("GET", "/v1/events")]:
                self.wfile.write(b"id: 1\nevent: entry\ndata: " + msgspec.json.encode(told) + b"\n\n: a comment\n\n")

        do_GET = do_POST = do_PUT = do_DELETE = _do  # noqa: N815 (http.server looks for these names)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    daemon.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield daemon
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
