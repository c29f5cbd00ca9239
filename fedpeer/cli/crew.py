"""Daemons as separate processes that are started together and ended together, however their parent ends."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from fedpeer.client import Client
from fedpeer.core.errors import UnreachableError

_READY_S = 30.0
_END_S = 5.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Running:
    """A daemon that is ready."""

    name: str
    home: Path
    process: subprocess.Popen[bytes]
    client: Client


@contextmanager
def crew(root: Path, names: Sequence[str], *, keep: bool = False) -> Iterator[Callable[[], Mapping[str, Running]]]:
    """Start a daemon for each name, in a home of that name below `root`; end them all on the way out.

    What it gives, when called, waits until all are ready.
    With `keep` they outlive a good end; a failure or an interrupt ends them still.
    """
    started: dict[str, subprocess.Popen[bytes]] = {}
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    done = False
    try:
        for name in names:
            started[name] = _start(root / name, keep=keep)
        yield lambda: {name: _ready(name, root / name, process) for name, process in started.items()}
        done = True
    finally:
        if not (keep and done):
            _end(list(started.values()))
        for number, handler in before.items():
            signal.signal(number, handler)


def _start(home: Path, *, keep: bool) -> subprocess.Popen[bytes]:
    home.mkdir(mode=0o700, parents=True)
    command = [sys.executable, "-m", "fedpeer", "serve", "--home", str(home), "--init", "--api", "127.0.0.1:0"]
    command += ["--name", home.name]
    log = os.open(home.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603 (this program itself, with arguments made here)
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # a Ctrl-C reaches us alone, and we end the daemons in order
            preexec_fn=None if keep else _follow_parent,  # noqa: PLW1509 (no thread runs yet)
        )
    finally:
        os.close(log)


def _follow_parent() -> None:
    """Have Linux end this process when its parent is killed in a way that lets nobody clean up."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _ready(name: str, home: Path, process: subprocess.Popen[bytes]) -> Running:
    """Wait for the daemon's one line; UnreachableError with the end of its log if it does not come."""
    assert process.stdout is not None  # noqa: S101 (it was asked for a pipe)
    told = select.select([process.stdout], [], [], _READY_S)[0] and process.stdout.readline()
    process.stdout.close()
    if not told:
        log = home.with_suffix(".log").read_text("utf-8", "replace").strip().splitlines()
        raise UnreachableError(
            f"the daemon {name} did not start: {log[-1] if log else 'it said nothing'}",
            hint=f"try it by itself: fedpeer serve --home {home}",
        )
    return Running(name, home, process, Client.of_home(home))


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End the daemons and whatever they started; an impatient Ctrl-C does not interrupt this."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + _END_S
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
