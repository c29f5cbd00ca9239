"""Bad input through the real API and command line: what, where and what to do are said, and nothing is changed."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fedpeer.client import ApiError, Client
from fedpeer.core.errors import FedpeerError
from tests.support.daemons import SELDOM, Daemon, daemons, eventually
from tests.support.simulation import SCHEMA

CONTRACT = "COUNT(x) >= 5"
GOOD = "x,y\n" + "".join(f"{i % 100},{i}\n" for i in range(40))


class Site:
    """One daemon that has founded a federation, holds rows and has an invite out."""

    def __init__(self, daemon: Daemon, root: Path) -> None:
        self.daemon, self.root, self.client = daemon, root, daemon.client
        self.fed = self.client.create("trial", SCHEMA.to_dict(), CONTRACT, schedule="d7", profile="relaxed").id
        self.daemon.add(self.fed, {"x": [1.0] * 30, "y": [2] * 30}, "first")
        self.invite = self.client.invite(self.fed)
        self.revoked = self.client.invite(self.fed)
        self.client.revoke(self.fed, self.revoked.id)
        eventually(lambda: self.client.federation(self.fed).converged)  # it has said how it stands, and is quiet

    def file(self, name: str, data: str | bytes) -> str:
        path = self.root / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return str(path)

    def load(self, location: str, **options: Any) -> None:
        """Count a file, and raise what its job failed with."""
        job = self.client.add_source(self.fed, location, **options)
        eventually(lambda: self.client.job(job.id).state != "running")
        done = self.client.job(job.id)
        if done.error is not None:
            raise ApiError.of(done.error)

    @property
    def standing(self) -> tuple[Any, ...]:
        """Everything that bad input must leave alone."""
        return (
            [msgspec.structs.replace(f, next_pulse_at=0.0, bus_connected=True) for f in self.client.federations()],
            self.client.batches(self.fed),
            [msgspec.structs.replace(m, last_seen_at=0.0) for m in self.client.members(self.fed)],
            self.client.invites(self.fed),
            self.client.charter(self.fed),
            self.client.contract(self.fed),
        )


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    root = tmp_path_factory.mktemp("badinput")
    with daemons(root, "alfa") as (alfa,):
        yield Site(alfa, root)


Attempt = Callable[[Site], Any]
JOIN = {"display": "me", "wait_s": 0.0}
ATTEMPTS: dict[str, tuple[str, Attempt]] = {
    "wrong passphrase": (
        "FP108",
        lambda s: s.client.join(s.invite.text, "seven other words than those it has", **JOIN),
    ),
    "no passphrase": ("FP108", lambda s: s.client.join(s.invite.text, "", **JOIN)),
    "damaged invite": (
        "FP108",
        lambda s: s.client.join(s.invite.text.replace("A", "B", 3), s.invite.passphrase, **JOIN),
    ),
    "half an invite": ("FP108", lambda s: s.client.join(s.invite.text[:200], s.invite.passphrase, **JOIN)),
    "no invite": ("FP108", lambda s: s.client.join("hello", s.invite.passphrase, **JOIN)),
    "one's own invite": ("FP112", lambda s: s.client.join(s.invite.text, s.invite.passphrase, **JOIN)),
    "schema without features": ("FP101", lambda s: s.client.create("b", {"features": []}, CONTRACT)),
    "schema of nonsense": ("FP101", lambda s: s.client.create("b", {"columns": 3}, CONTRACT)),
    "schema with a range reversed": (
        "FP101",
        lambda s: s.client.create(
            "b",
            {"features": [{"name": "x", "kind": "continuous", "min": "9", "max": "1", "resolution": "1"}]},
            CONTRACT,
        ),
    ),
    "schema that overflows": (
        "FP102",
        lambda s: s.client.create(
            "b",
            {"features": [{"name": "x", "kind": "continuous", "min": "0", "max": "1e58", "resolution": "1e-58"}]},
            CONTRACT,
        ),
    ),
    "contract of nonsense": ("FP105", lambda s: s.client.set_contract(s.fed, "COUNT(x >= 5")),
    "contract of another schema": ("FP105", lambda s: s.client.set_contract(s.fed, "COUNT(nothing) >= 5")),
    "empty contract": ("FP105", lambda s: s.client.set_contract(s.fed, "# nothing")),
    "deep contract": ("FP105", lambda s: s.client.set_contract(s.fed, "(" * 60 + "COUNT(x) > 1" + ")" * 60)),
    "founding contract of nonsense": ("FP105", lambda s: s.client.create("b", SCHEMA.to_dict(), "1 >")),
    "schedule": ("FP106", lambda s: s.client.set_schedule(s.fed, "often")),
    "schedule of more than a year": ("FP106", lambda s: s.client.set_schedule(s.fed, "d999")),
    "founding schedule": ("FP106", lambda s: s.client.create("b", SCHEMA.to_dict(), CONTRACT, schedule="0")),
    "profile": ("FP118", lambda s: s.client.create("b", SCHEMA.to_dict(), CONTRACT, profile="lax")),
    "unprintable name": ("FP118", lambda s: s.client.create("b\x07", SCHEMA.to_dict(), CONTRACT)),
    "unknown federation": ("FP110", lambda s: s.client.federation("nowhere")),
    "unknown federation id": ("FP110", lambda s: s.client.sync("a" * 26)),
    "unknown member": ("FP110", lambda s: s.client.remove(s.fed, "nobody")),
    "the admin itself": ("FP109", lambda s: s.client.remove(s.fed, s.client.federation(s.fed).me)),
    "unknown invite": ("FP110", lambda s: s.client.revoke(s.fed, "0" * 16)),
    "invite revoked twice": ("FP111", lambda s: s.client.revoke(s.fed, s.revoked.id)),
    "short invite passphrase": (
        "FP108",
        lambda s: s.client.call(
            "POST", f"/v1/federations/{s.fed}/invites", shape=dict[str, Any], body={"passphrase": "short"}
        ),
    ),
    "invite for ever": ("FP118", lambda s: s.client.invite(s.fed, expires_in_s=10**9)),
    "unknown batch": ("FP110", lambda s: s.client.withdraw(s.fed, "none")),
    "unknown job": ("FP110", lambda s: s.client.job("none")),
    "unknown model": ("FP110", lambda s: s.client.model(s.fed, "none")),
    "unknown feature": ("FP101", lambda s: s.client.explore(s.fed, ["none"])),
    "leaving as the admin": ("FP111", lambda s: s.client.leave(s.fed)),
    "missing file": ("FP104", lambda s: s.load(str(s.root / "none.csv"))),
    "a directory": ("FP104", lambda s: s.load(str(s.root))),
    "unknown kind of file": ("FP104", lambda s: s.load(s.file("rows.docx", b"PK"))),
    "unreadable parquet": ("FP104", lambda s: s.load(s.file("rows.parquet", b"PAR1 not really PAR1"))),
    "empty file": ("FP104", lambda s: s.load(s.file("empty.csv", ""))),
    "missing column": ("FP104", lambda s: s.load(s.file("narrow.csv", "x\n1\n2\n"))),
    "other columns": ("FP104", lambda s: s.load(s.file("others.csv", "a,b\n1,2\n"))),
    "column twice": ("FP10", lambda s: s.load(s.file("twice.csv", "x,x,y\n1,2,3\n"))),
    "latin-1": ("FP104", lambda s: s.load(s.file("latin.csv", "x,y,größe\n1,2,3\n".encode("latin-1")))),
    "utf-16": ("FP104", lambda s: s.load(s.file("wide.csv", GOOD.encode("utf-16")))),
    "zeros": ("FP10", lambda s: s.load(s.file("zeros.csv", bytes(2000)))),
    "ragged": ("FP104", lambda s: s.load(s.file("ragged.csv", "x,y\n1,2\n3,4,5\n"))),
    "unknown option": ("FP1", lambda s: s.load(s.file("good.csv", GOOD), delimeter=";")),
    "rows of other columns": ("FP104", lambda s: s.daemon.client and _rows(s, {"a": [1]})),
    "the same rows again": ("FP112", lambda s: _rows(s, {"x": [1.0] * 30, "y": [2] * 30})),
}


def _rows(site: Site, rows: dict[str, list[Any]]) -> None:
    job = site.client.add_rows(site.fed, rows, source="again")
    eventually(lambda: site.client.job(job.id).state != "running")
    error = site.client.job(job.id).error
    if error is not None:
        raise ApiError.of(error)


@pytest.mark.parametrize("name", ATTEMPTS)
def test_a_bad_request_says_what_where_and_what_to_do_and_changes_nothing(site, name):
    code, attempt = ATTEMPTS[name]
    before = site.standing
    with pytest.raises((ApiError, FedpeerError)) as told:
        attempt(site)
    assert told.value.code.startswith(code), (told.value.code, str(told.value))
    assert len(str(told.value)) > 10
    assert len(told.value.hint) > 5
    assert "Traceback" not in str(told.value)
    assert site.standing == before


def _raw(site: Site, method: str, path: str, data: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    token = Path(site.daemon.facts["token_file"]).read_text().strip()
    usual = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(site.client.url + path, data, usual | headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


@pytest.mark.parametrize(
    ("status", "method", "path", "data", "headers"),
    [
        (413, "POST", "/v1/federations", b'{"name": "' + b"a" * (2 << 20) + b'"}', {}),
        (400, "POST", "/v1/federations", b"{", {}),
        (400, "POST", "/v1/federations", b'{"name": "a", "name": "b"}', {}),
        (400, "POST", "/v1/federations", b'{"name": 3}', {}),
        (400, "POST", "/v1/federations", b"\xff\xfe", {}),
        (400, "POST", "/v1/federations", b"[" * 100_000, {}),
        (415, "POST", "/v1/federations", b"name=a", {"Content-Type": "application/x-www-form-urlencoded"}),
        (401, "POST", "/v1/federations", b"{}", {"Authorization": "Bearer wrong"}),
        (403, "POST", "/v1/federations", b"{}", {"Origin": "https://evil.example"}),
        (421, "POST", "/v1/federations", b"{}", {"Host": "evil.example"}),
        (404, "POST", "/v1/nothing", b"{}", {}),
        (405, "PUT", "/v1/federations", b"{}", {}),
    ],
)
def test_a_request_that_is_none_is_a_problem_document(site, status, method, path, data, headers):
    before = site.standing
    found, problem = _raw(site, method, path, data, **headers)
    assert found == status
    assert all(problem[name] for name in ("code", "title", "detail", "hint", "instance"))
    assert site.standing == before


def _fedpeer(*argv: str, stdin: str = "", timeout_s: float = 120, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fedpeer", *argv],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env={**os.environ, **env},
    )


def _busy() -> tuple[socket.socket, str]:
    taken = socket.create_server(("127.0.0.1", 0))
    return taken, f"127.0.0.1:{taken.getsockname()[1]}"


def test_what_keeps_a_daemon_from_starting_is_said_by_the_command_line(tmp_path):
    home = tmp_path / "home"
    assert _fedpeer("--home", str(home), "init").returncode == 0
    taken, address = _busy()
    with taken:
        told = {
            f"cannot listen on {address}": _fedpeer("--home", str(home), "serve", "--api", address),
        }
    home.chmod(0o755)
    told["chmod 700"] = _fedpeer("--home", str(home), "serve", "--api", "127.0.0.1:0")
    home.chmod(0o700)
    (home / "home.key").chmod(0o644)
    told["chmod 600"] = _fedpeer("--home", str(home), "serve", "--api", "127.0.0.1:0")
    (home / "home.key").chmod(0o600)
    config = home / "fedpeer.yaml"
    config.write_text("api:\n  listne: 127.0.0.1:0\n")
    config.chmod(0o600)
    told["listne"] = _fedpeer("--home", str(home), "serve")
    for needed, done in told.items():
        assert done.returncode not in {0, 130}, done
        assert needed in done.stderr.replace("\n", " "), done.stderr
        assert "Traceback" not in done.stderr + done.stdout
        assert len(done.stderr.splitlines()) <= 8


def test_a_bus_that_cannot_be_reached_is_said_and_the_node_serves_all_the_same(tmp_path):
    with daemons(tmp_path, "alfa", settings={"bus.kind": "external", "bus.servers": '["nats://127.0.0.1:9"]'}) as (
        alfa,
    ):
        fed = alfa.client.create("trial", SCHEMA.to_dict(), CONTRACT, schedule=SELDOM).id
        eventually(lambda: [e for e in alfa.client.log(fed).entries if e.kind == "bus" and e.level != "info"])
        assert not alfa.client.federation(fed).bus_connected
        assert alfa.client.health()["status"] == "degraded"
        assert alfa.add(fed, {"x": [1.0] * 30, "y": [2] * 30}, "first").rows == 30
        text = next(e.text for e in alfa.client.log(fed).entries if e.kind == "bus" and e.level != "info")
        assert "127.0.0.1:9" in text


def test_a_full_disk_stops_rounds_keeps_reads_and_is_over_when_there_is_room(tmp_path):
    with daemons(tmp_path, "alfa") as (alfa,):
        fed = alfa.client.create("trial", SCHEMA.to_dict(), CONTRACT, schedule=SELDOM, profile="relaxed").id
        alfa.client.set_pulsing(fed, True)
        alfa.add(fed, {"x": [1.0] * 30, "y": [2] * 30}, "first")
        before, pid = alfa.client.federation(fed), alfa.facts["pid"]
        largest = max(p.stat().st_size for p in alfa.home.iterdir() if p.is_file())
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest, hard))

        refused = _refused_in_the_end(lambda n: alfa.client.set_schedule(fed, f"h{2 + n % 2}"))
        assert (refused.code, refused.status) == ("FP116", 503), refused
        assert "disk" in refused.hint
        seen = alfa.client.federation(fed)
        assert seen.total_digest == before.total_digest
        assert alfa.client.explore(fed, ["x"], of="local").rows == 30
        assert alfa.client.log(fed).entries
        assert alfa.client.health()["status"] == "degraded"
        with pytest.raises(ApiError):
            alfa.client.sync(fed)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        assert alfa.client.sync(fed).outcome == "sent"
        alfa.client.set_schedule(fed, "h5")
        eventually(lambda: alfa.client.health()["status"] == "ok")
        alfa.stop()
        alfa.start().ready()
        assert alfa.client.federation(fed).schedule == "h5"


def _refused_in_the_end(attempt: Callable[[int], Any]) -> ApiError:
    for n in range(400):
        try:
            attempt(n)
        except ApiError as error:
            return error
    raise AssertionError("it was never refused")


def test_a_stranger_at_the_port_is_not_served(site):
    stranger = Client(site.client.url, "not the token")
    with pytest.raises(ApiError) as told:
        stranger.federations()
    assert (told.value.code, told.value.status) == ("FP117", 401)
    assert told.value.hint
