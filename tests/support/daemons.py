"""Real daemons in real processes, each in a home of its own, to be started, killed and started again."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fedpeer.client import Client
from fedpeer.node.shapes import Batch, Federation

READY_S = 120.0
SELDOM = "d365"  # a schedule whose pulse comes at no time at which a test runs


class Daemon:
    """One node: its home outlives its processes."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self.home = root / name
        self.log = root / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, crash_at: str = "", settings: Mapping[str, Any] | None = None) -> Daemon:
        self._hush()
        options = [f"--set={key}={value}" for key, value in (settings or {}).items()]
        command = [sys.executable, "-m", "fedpeer", "--home", str(self.home), "serve", "--init", "--api", "127.0.0.1:0"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "FEDPEER_CRASH_AT": crash_at},
            )
        return self

    def ready(self) -> Daemon:
        assert self.process is not None
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], READY_S)[0], self.said
        line = self.process.stdout.readline()
        assert line, self.said
        self.facts = json.loads(line)
        return self

    @property
    def client(self) -> Client:
        return Client.of_home(self.home)

    @property
    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    @property
    def dead(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
        self._hush()

    def _hush(self) -> None:
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()

    def add(self, fed: str, rows: Mapping[str, Any], source: str) -> Batch:
        """Post rows and wait until they are counted and stored."""
        job = self.client.add_rows(fed, rows, source=source)
        eventually(lambda: self.client.job(job.id).state != "running")
        done = self.client.job(job.id)
        assert done.state == "done", done.error
        return next(b for b in self.client.batches(fed) if b.id == done.result["id"])


@contextmanager
def daemons(root: Path, *names: str, settings: Mapping[str, Any] | None = None) -> Iterator[list[Daemon]]:
    """Start a daemon for each name and wait until all are ready; all are ended on the way out."""
    made = [Daemon(root, name) for name in names]
    try:
        for daemon in made:
            daemon.start(settings=settings)
        for daemon in made:
            daemon.ready()
        yield made
    finally:
        for daemon in made:
            daemon.stop()


def federate(admin: Daemon, *others: Daemon, schema: Mapping[str, Any], contract: str, **options: Any) -> Federation:
    """Found a federation, have the others join, and start every pulse."""
    founded = admin.client.create("trial", schema, contract, **{"schedule": SELDOM, "display": admin.name, **options})
    for other in others:
        invite = admin.client.invite(founded.id)
        other.client.join(invite.text, invite.passphrase, display=other.name, wait_s=120)
    for daemon in (admin, *others):
        daemon.client.set_pulsing(founded.id, True)
    return admin.client.federation(founded.id)


def eventually(ready: Callable[[], bool], timeout_s: float = 120.0) -> None:
    """Wait until something is so; AssertionError when it takes too long."""
    end = time.monotonic() + timeout_s
    while not ready():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.02)
