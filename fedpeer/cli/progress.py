"""Long work made visible: a bar or a spinner on a terminal, plain lines elsewhere, all on stderr."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from fedpeer.cli import render
from fedpeer.client import Client
from fedpeer.node.shapes import Job

_POLL_S = (0.02, 0.05, 0.1, 0.2, 0.4)
_LINE_EVERY_S = 5.0
_KINDS = {"data": "counting rows", "evaluation": "evaluating rows"}


@contextmanager
def spin(text: str) -> Iterator[None]:
    """Show that something is awaited."""
    console = render.console(error=True)
    if not console.is_terminal:
        yield
        return
    with console.status(text):
        yield


def follow(client: Client, job: Job) -> Job:
    """Show a job until it ends; return how it ended. An interrupt cancels it."""
    try:
        return _on_terminal(client, job) if render.console(error=True).is_terminal else _in_lines(client, job)
    except KeyboardInterrupt:
        client.cancel(job.id)
        raise


def ended(client: Client, job: Job) -> Job:
    """Wait in silence until a job has ended."""
    for now in _states(client, job):
        job = now
    return job


def _states(client: Client, job: Job) -> Iterator[Job]:
    """The job again and again, ever less often, until it has ended."""
    turn = 0
    while job.state == "running":
        yield job
        time.sleep(_POLL_S[min(turn, len(_POLL_S) - 1)])
        turn, job = turn + 1, client.job(job.id)
    yield job


def _on_terminal(client: Client, job: Job) -> Job:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"))
    with Progress(*columns, TimeElapsedColumn(), console=render.console(error=True), transient=True) as bar:
        task = bar.add_task(_KINDS.get(job.kind, job.kind), total=job.maximum or None, told=_told(job))
        for now in _states(client, job):
            bar.update(task, completed=now.current, total=now.maximum or None, told=_told(now))
            job = now
    return job


def _in_lines(client: Client, job: Job) -> Job:
    console, last = render.console(error=True), time.monotonic()
    for now in _states(client, job):
        if time.monotonic() - last >= _LINE_EVERY_S:
            console.print(f"{_KINDS.get(now.kind, now.kind)}: {_told(now)}")
            last = time.monotonic()
        job = now
    return job


def _told(job: Job) -> str:
    unit = job.unit or "rows"
    if unit == "bytes":
        return f"{job.current / 1e6:,.0f} of {job.maximum / 1e6:,.0f} MB"
    return f"{job.current:,} of {job.maximum:,} {unit}" if job.maximum else f"{job.current:,} {unit}"
