"""After a life with everything logged, no secret is anywhere but in its place."""

from __future__ import annotations

import base64
import json
import os
import re
import stat
import urllib.request
from pathlib import Path

import pytest

from fedpeer.adapters.home import Home
from fedpeer.adapters.store_sqlite import SqliteStore
from fedpeer.client import ApiError
from fedpeer.core.peer.records import restore
from fedpeer.core.peer.session import Session
from fedpeer.core.peer.state import Peer
from tests.support.daemons import SELDOM, Daemon, daemons
from tests.support.simulation import SCHEMA

PASSPHRASE = "quiet herons wade at dusk in june"


def _spellings(secret: bytes) -> set[bytes]:
    """A key as it could be written by accident."""
    plain = base64.b64encode(secret).rstrip(b"=")
    url = base64.urlsafe_b64encode(secret).rstrip(b"=")
    return {
        secret,
        secret.hex().encode(),
        secret.hex().upper().encode(),
        plain,
        url,
        base64.b32encode(secret).rstrip(b"="),
    }


def _keys(daemon: Daemon, fed: str) -> set[bytes]:
    """Every key in a stopped daemon's home."""
    home = Home.open(daemon.home)
    store = SqliteStore(home.database, wrapping_key=home.wrapping_key)
    try:
        state = restore(fed, store.load(fed), Session(b"m" * 16))
        raw = [home.wrapping_key]
    finally:
        store.close()
        home.close()
    assert isinstance(state, Peer)
    raw += [state.me.secret(), *(s.secret for s in state.secrets)]
    texts = [state.me.broker_seed(), state.bus.account_seed, state.bus.access.secret, state.bus.access.jwt]
    assert len(raw) >= 2
    return {s for key in raw for s in _spellings(key)} | {t.encode() for t in texts if t}


def _processes(pids: list[int]) -> bytes:
    """The command lines of processes and of their children."""
    found, every = b"", {int(p.name): p for p in Path("/proc").iterdir() if p.name.isdigit()}
    for number, place in every.items():
        try:
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            if number in pids or parent in pids:
                found += (place / "cmdline").read_bytes() + b"\n"
        except (OSError, ValueError):
            continue
    return found


@pytest.fixture(scope="module")
def life(tmp_path_factory):
    """Two daemons at debug level through good and bad; what they showed, and every secret there was."""
    root = tmp_path_factory.mktemp("secrets")
    with daemons(root, "alfa", "bravo", settings={"log.level": "debug"}) as (alfa, bravo):
        fed = alfa.client.create("trial", SCHEMA.to_dict(), "COUNT(x) >= 5", schedule=SELDOM, profile="relaxed").id
        drawn = alfa.client.invite(fed)
        given = alfa.client.call("POST", f"/v1/federations/{fed}/invites", shape=dict, body={"passphrase": PASSPHRASE})
        shown = [_error(lambda: bravo.client.join(drawn.text, PASSPHRASE, display="bravo"))]
        shown += [_error(lambda: bravo.client.join(drawn.text[:-99], drawn.passphrase, display="bravo"))]
        shown += [_error(lambda: bravo.client.join(given["text"], PASSPHRASE, display="\x07"))]
        bravo.client.join(drawn.text, drawn.passphrase, display="bravo")
        shown += [_error(lambda: alfa.client.join(drawn.text, drawn.passphrase, display="again"))]
        for daemon in (alfa, bravo):
            daemon.client.set_pulsing(fed, True)
            daemon.add(fed, {"x": [1.0] * 30, "y": [2] * 30}, "first")
            daemon.client.sync(fed, wait_s=120)
            daemon.client.log(fed, limit=1000)
        tokens = {(d.home / "run" / name).read_text().strip() for d in (alfa, bravo) for name in _tokens(d)}
        pids = [d.facts["pid"] for d in (alfa, bravo)]
        shown += [_processes(pids)]
        for daemon in (alfa, bravo):
            shown += [json.dumps([_asked(daemon, p) for p in _paths(fed)]).encode()]
            shown += [(daemon.home / "run" / "ready.json").read_bytes()]
        bravo.kill()
        bravo.start(settings={"log.level": "debug"}).ready()
        alfa.client.remove(fed, "bravo")
        alfa.stop()
        bravo.stop()
        secrets = {PASSPHRASE.encode(), drawn.passphrase.encode(), *(t.encode() for t in tokens)}
        secrets |= {line.encode() for text in (drawn.text, given["text"]) for line in text.splitlines()[1:-1]}
        secrets |= _keys(alfa, fed) | _keys(bravo, fed)
        yield root, (alfa, bravo), secrets, shown


def _tokens(daemon: Daemon) -> list[str]:
    found = [p.name for p in (daemon.home / "run").iterdir() if "token" in p.name]
    assert found
    return found


def _paths(fed: str) -> list[str]:
    rest = ("", "/log?limit=1000", "/log/errors", "/invites", "/members", "/charter", "/stats", "/schema", "/data")
    return ["/v1/metrics", "/v1/node", "/v1/health", "/v1/jobs", *(f"/v1/federations/{fed}{r}" for r in rest)]


def _asked(daemon: Daemon, path: str) -> str:
    token = Path(daemon.facts["token_file"]).read_text().strip()
    request = urllib.request.Request(daemon.facts["api"] + path, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read().decode()


def _error(attempt) -> bytes:
    with pytest.raises(ApiError) as told:
        attempt()
    return repr(told.value.problem).encode()


def _leaks(data: bytes, secrets: set[bytes]) -> list[bytes]:
    return [s[:8] for s in secrets if s in data]


def test_no_secret_is_in_a_log_an_answer_an_error_or_a_command_line(life):
    _, crew, secrets, shown = life
    assert len(secrets) > 40
    assert all(len(s) >= 16 for s in secrets)
    for daemon in crew:
        assert b"DEBUG" in daemon.log.read_bytes()
        assert _leaks(daemon.log.read_bytes(), secrets) == []
    for data in shown:
        assert len(data) > 20
        assert _leaks(data, secrets) == []


def test_the_search_would_find_one(life):
    _, _, secrets, _ = life
    one = next(iter(secrets))
    assert _leaks(b"before " + one + b" after", secrets)


def test_no_key_is_on_disk_in_the_clear_but_in_the_files_that_are_for_it(life):
    root, crew, secrets, _ = life
    for daemon in crew:
        places = {
            str(path.relative_to(daemon.home))
            for path in daemon.home.rglob("*")
            if path.is_file() and _leaks(path.read_bytes(), secrets)
        }
        expected = re.compile(r"(home\.key|run/.*token.*|bus/.*)")
        assert not [p for p in places if not expected.fullmatch(p)], places
        assert not [p for p in places if p.endswith((".log", ".conf", ".json"))], places


def test_a_home_is_its_owners_alone(life):
    _, crew, _, _ = life
    for daemon in crew:
        for path in [daemon.home, *daemon.home.rglob("*")]:
            mode = stat.S_IMODE(os.lstat(path).st_mode)
            inside = path.relative_to(daemon.home).parts
            if inside[:1] != ("bus",) or len(inside) == 1:
                assert not mode & 0o077, (path, oct(mode))
