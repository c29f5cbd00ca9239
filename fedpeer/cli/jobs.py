"""`jobs`: long work, running and done."""

from __future__ import annotations

import click

from fedpeer.cli import frame, render
from fedpeer.node.shapes import Job


@click.group(cls=frame.Group, invoke_without_command=True)
@click.pass_context
def jobs(ctx: click.Context) -> None:
    """List and cancel long work."""
    if ctx.invoked_subcommand is None:
        frame.show(frame.client().jobs(), _draw)


@jobs.command()
@click.argument("job_id", metavar="ID")
def cancel(job_id: str) -> None:
    """Stop a job; what it had begun is undone."""
    frame.show(frame.client().cancel(job_id), lambda job: render.say(f"job {job.id} is {job.state}"))


def _draw(every: list[Job]) -> None:
    rows = ((j.id, j.kind, j.state, _done(j), render.moment(j.started_at)) for j in every)
    render.table(("JOB", "KIND", "STATE", ">DONE", "STARTED"), rows, empty="no long work so far")


def _done(job: Job) -> str:
    of = f" of {job.maximum:,}" if job.maximum else ""  # how much there is, is not always known beforehand
    return f"{job.current:,}{of} {job.unit}".strip()
