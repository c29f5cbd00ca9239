"""A real PostgreSQL of the tests' own: installed if need be, run by a user without rights, in its own directory."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.nats import free_port

_PLACE = Path("/usr/lib/postgresql")
PASSWORD = "p%40ss w0rd'&"  # every sign that an address could get wrong


@dataclass(frozen=True)
class Postgres:
    """A running server; `run` gives it statements as its owner."""

    port: int
    sockets: Path
    programs: Path

    @property
    def address(self) -> str:
        """Where it is, as the reader whom it asks for a password."""
        return f"postgresql://reader@127.0.0.1:{self.port}/postgres"

    def run(self, statements: str) -> None:
        """Have statements carried out by the owner."""
        command = [self.programs / "psql", "-h", self.sockets, "-p", str(self.port), "-U", "owner", "-d", "postgres"]
        done = subprocess.run(
            [*map(str, command), "-q", "-v", "ON_ERROR_STOP=1", "-f", "-"],
            check=False,
            input=statements,
            text=True,
            capture_output=True,
            env={"PATH": os.environ["PATH"], "PGPASSWORD": PASSWORD},
        )
        assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def running() -> Iterator[Postgres]:
    """Start a server with a database, an `owner`, and a `reader` who may read all and write nothing."""
    programs = _programs()
    home = Path(tempfile.mkdtemp(prefix="fedpeer-pg-", dir="/tmp"))
    who = _who(home)
    (home / "password").write_text(PASSWORD)
    (home / "password").chmod(0o644)
    try:
        _call([programs / "initdb", "-D", home / "data", "-U", "owner", "--no-sync", "-E", "UTF8", "--locale=C",
               "-A", "scram-sha-256", f"--pwfile={home / 'password'}"], who)  # fmt: skip
        port = free_port()
        flags = f"-F -h 127.0.0.1 -p {port} -k {home}"
        _call([programs / "pg_ctl", "-D", home / "data", "-w", "-l", home / "log", "-o", flags, "start"], who)
        try:
            server = Postgres(port, home, programs)
            quoted = PASSWORD.replace("'", "''")
            server.run(f"CREATE ROLE reader LOGIN PASSWORD '{quoted}'; GRANT CREATE ON SCHEMA public TO reader")
            yield server
        finally:
            _call([programs / "pg_ctl", "-D", home / "data", "-m", "immediate", "stop"], who)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _programs() -> Path:
    """Where the newest installed server's programs are; installs Debian's where there are none."""
    if not _installed():
        if os.getuid() != 0 or shutil.which("apt-get") is None:
            raise RuntimeError("these tests need PostgreSQL: `apt-get install postgresql` as root, then run them again")
        with Path(tempfile.gettempdir(), "fedpeer-apt.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _installed():
                quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
                subprocess.run(["apt-get", "update", "-q"], env=quiet, check=True)
                subprocess.run(["apt-get", "install", "-qy", "postgresql"], env=quiet, check=True)
    return _installed()[-1]


def _installed() -> list[Path]:
    found = [path.parent for path in _PLACE.glob("*/bin/initdb")]
    return sorted(found, key=lambda path: float(path.parent.name))


def _who(home: Path) -> dict[str, object]:
    """The user that runs the server, which refuses to be run by root."""
    if os.getuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = names.get("postgres") or names["nobody"]
    os.chown(home, entry.pw_uid, entry.pw_gid)
    home.chmod(0o755)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _call(command: list[object], who: dict[str, object]) -> None:
    with tempfile.TemporaryFile() as told:  # not a pipe, which a server that goes on would hold open
        done = subprocess.run(
            list(map(str, command)), check=False, stdin=subprocess.DEVNULL, stdout=told, stderr=told, cwd="/", **who
        )
        told.seek(0)
        assert done.returncode == 0, told.read().decode()
