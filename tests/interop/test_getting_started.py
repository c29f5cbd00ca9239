"""docs/getting-started.md, typed as it stands: two nodes that meet over TLS on this machine's own address."""

from __future__ import annotations

import os
import random
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.nats import free_port

DOC = Path(__file__).parents[2] / "docs" / "getting-started.md"
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _address() -> tuple[str, int]:
    """An address of this machine that is not the loopback's, if it has one, and a port that is free there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only chooses the way out
            host = str(probe.getsockname()[0])
        except OSError:
            pytest.skip("this machine has no network but itself")
    return host, free_port(host)


class Machine:
    """A home and a directory in which someone types."""

    def __init__(self, root: Path, name: str, rows: int) -> None:
        self.place = root / name
        self.place.mkdir()
        self.environment = {**os.environ, "FEDPEER_HOME": str(self.place / "home")}
        self.daemon: subprocess.Popen[bytes] | None = None
        draw = random.Random(name)
        lines = [f"{draw.randint(20, 80)},{draw.randint(90, 180)},{draw.randint(0, 1)}" for _ in range(rows)]
        (self.place / "patients.csv").write_text("\n".join(["age,pressure,sick", *lines, ""]))

    def type(self, command: str) -> str:
        words = [sys.executable, "-m", *shlex.split(command)]
        if words[3] == "serve":
            self._serve(words)
            return ""
        ran = subprocess.run(
            words,
            cwd=self.place,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"
        return ran.stdout + ran.stderr

    def _serve(self, words: list[str]) -> None:
        command = [*words, "--api", "127.0.0.1:0"]  # two daemons on one machine cannot have the same port
        self.daemon = subprocess.Popen(command, cwd=self.place, env=self.environment, stdout=subprocess.PIPE)
        assert self.daemon.stdout is not None
        assert self.daemon.stdout.readline()

    def end(self) -> None:
        if self.daemon is not None:
            self.daemon.send_signal(signal.SIGTERM)
            self.daemon.communicate(timeout=60)


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[dict[str, Machine]]:
    made = {"north": Machine(tmp_path, "north", 300), "south": Machine(tmp_path, "south", 200)}
    yield made
    for machine in made.values():
        machine.end()


def test_the_shortest_way_to_a_model(machines: dict[str, Machine]) -> None:
    host, port = _address()
    text = DOC.read_text("utf-8").replace("203.0.113.7:4222", f"{host}:{port}")
    (machines["north"].place / "contract.txt").write_text("ROWS() >= 50\n")
    said: dict[str, str] = {}
    for line in "".join(CONSOLE.findall(text)).splitlines():
        name, _, command = line.partition("$ ")
        said[command] = machines[name].type(command)
        if command.startswith("fedpeer invite"):
            _send(machines, said[command])
    assert "converged: all hold 500 rows" in said["fedpeer sync --wait 30"]
    assert "500 rows of the federation" in said["fedpeer fit ols pressure age sick"]
    assert "south" in said["fedpeer peers"]


def _send(machines: dict[str, Machine], said: str) -> None:
    """The file goes by mail, the passphrase by telephone."""
    (machines["south"].place / "south.invite").write_text((machines["north"].place / "south.invite").read_text())
    words = re.search(r"^    (\S.*)$", said, re.MULTILINE)
    assert words is not None
    machines["south"].environment["FEDPEER_PASSPHRASE"] = words[1]
