"""Rows in, what a project is, and long work."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from fedpeer.api import jobs
from fedpeer.api.symetry import entities
from fedpeer.api.symetry.door import Ask
from fedpeer.api.symetry.envelope import DialectError, reply
from fedpeer.core.errors import DuplicateError, StateError, UnknownError
from fedpeer.node.shapes import Job

_WAIT_S = 60.0


async def learn(ask: Ask) -> web.Response:
    """Count rows; 202 with the job when the client asks for that, or when it takes long."""
    force, later = ask.flag("force", False), ask.flag("async", False)
    job = await ask.node.add_rows(ask.federation(), ask.body.columns, source=f"symetry:{ask.cid}", force=force)
    return _told(ask, await jobs.ended(ask.node, job, 0.0 if later else _WAIT_S))


async def info(ask: Ask) -> web.Response:
    """What the project is: attributes, models, sources, flags."""
    fed = ask.node.federation(ask.federation())
    return reply(200, values={"smlInfo": entities.project_info(ask.pid, ask.node, fed)})


async def every_job(ask: Ask) -> web.Response:
    """Long work, running and ended."""
    found = [entities.job_info(job, ask.cid) for job in ask.node.jobs() if ask.who.may("viewer", job.federation)]
    return reply(200, values={"jobinfo": found})


async def one_job(ask: Ask) -> web.Response:
    """One piece of long work."""
    return _told(ask, _job(ask))


async def kill(ask: Ask) -> web.Response:
    """Stop long work; 202 if that is too late."""
    job = _job(ask)
    try:
        await ask.node.cancel_job(job.id)
    except StateError as late:
        return reply(HTTPStatus.ACCEPTED, str(late))
    return reply(200, "Job was killed")


def _job(ask: Ask) -> Job:
    text = ask.request.match_info["job"]
    try:
        job = ask.node.job(text)
        ask.permit(job.federation)
    except UnknownError:
        raise DialectError(HTTPStatus.BAD_REQUEST, "No such job") from None
    return job


def _told(ask: Ask, job: Job) -> web.Response:
    """Answer with a job: running, done, or what went wrong."""
    values = {"jobinfo": entities.job_info(job, ask.cid)}
    if job.state == "running":
        headers = {"Location": f"/symetry/rest/{ask.cid}/jobs/{job.id}", "sym-job-id": job.id}
        return reply(HTTPStatus.ACCEPTED, "Job still running", values, headers=headers)
    if job.state == "done":
        return reply(200, "Job is finished", values)
    conflict = job.error is not None and job.error.code == DuplicateError.code
    text = job.error.detail if job.error is not None else f"the job was {job.state}"
    raise DialectError(HTTPStatus.CONFLICT if conflict else HTTPStatus.BAD_REQUEST, text, values)
