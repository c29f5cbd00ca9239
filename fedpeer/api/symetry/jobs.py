"""Long work: listed, looked at, stopped, and begun for what the dialect answers later."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from fedpeer.api import jobs as waiting
from fedpeer.api import permits
from fedpeer.api.call import told as asked
from fedpeer.api.node import Rows
from fedpeer.api.symetry import algorithms, entities
from fedpeer.api.symetry.door import Ask
from fedpeer.api.symetry.envelope import DialectError, reply
from fedpeer.core.errors import DuplicateError, StateError, UnknownError
from fedpeer.node.choices import Chosen
from fedpeer.node.shapes import Job

WAIT_S = 60.0

Values = dict[str, Any]


class Answered(msgspec.Struct, frozen=True):
    """The result of a job that this dialect began: the entities of its answer."""

    values: Values


async def every_job(ask: Ask) -> web.Response:
    """Long work, running and ended."""
    found = [_info(job) for job in ask.node.jobs() if permits.sees(ask.who, job)]
    return reply(200, values={"jobinfo": found})


async def one_job(ask: Ask) -> web.Response:
    """One piece of long work."""
    return told(ask, _job(ask), text="Job still running")


async def kill(ask: Ask) -> web.Response:
    """Stop long work; 202 if that is too late."""
    job = _job(ask)
    try:
        await ask.node.cancel_job(job.id)
    except StateError as late:
        return reply(HTTPStatus.ACCEPTED, str(late))
    return reply(200, "Job was killed")


async def later(ask: Ask, kind: str, scope: str, work: Callable[[], Awaitable[Values]]) -> web.Response:
    """Answer with what the work finds, or, if the client asks for that, 202 with the job that finds it."""
    if not ask.flag("async", False):
        return reply(200, values=await work())

    async def done(_: Callable[[int], None]) -> Answered:
        return Answered(await work())

    return told(ask, ask.node.begin(f"symetry {kind}", scope, done))


async def followed(ask: Ask, job: Job) -> web.Response:
    """Answer with a job of the node, once it has ended or at once if the client asks for that."""
    wait_s = 0.0 if ask.flag("async", False) else WAIT_S
    return told(ask, await waiting.ended(ask.node, job, wait_s))


async def begun(ask: Ask, job: Job) -> web.Response:
    """Answer with a job of the node at once, or, if the client asks to wait (async=false), once it has ended."""
    return told(ask, await waiting.ended(ask.node, job, 0.0 if ask.flag("async", True) else WAIT_S))


async def counted(ask: Ask, scope: str, rows: Rows) -> None:
    """Count rows and wait for that; DialectError if it fails or takes too long."""
    job = await ask.node.add_rows(scope, rows, source=f"symetry:{ask.cid}", force=True)
    job = await waiting.ended(ask.node, job, WAIT_S)
    if job.state != "done":
        raise DialectError(HTTPStatus.BAD_REQUEST, job.error.detail if job.error else f"the job is {job.state}")


def told(ask: Ask, job: Job, *, text: str = "Job Created") -> web.Response:
    """Answer with a job: running (which is said with this text), done, or what went wrong."""
    values = {"jobinfo": _info(job)}
    if job.state == "running":
        headers = {"Location": f"/symetry/rest/{ask.cid}/jobs/{job.id}", "sym-job-id": job.id}
        return reply(HTTPStatus.ACCEPTED, text, values, headers=headers)
    if job.state == "done":
        more = _entities(ask, job)
        return reply(200, "Job is finished", {**values, **more})
    conflict = job.error is not None and job.error.code == DuplicateError.code
    why = job.error.detail if job.error is not None else f"the job was {job.state}"
    raise DialectError(HTTPStatus.CONFLICT if conflict else HTTPStatus.BAD_REQUEST, why, values)


def _info(job: Job) -> Values:
    """A JobInfo; what this dialect was to find is an entity of the answer, and no detail."""
    return entities.job_info(msgspec.structs.replace(job, result=None) if isinstance(job.result, Answered) else job)


def _entities(ask: Ask, job: Job) -> Values:
    if isinstance(job.result, Chosen):
        return {"modelInfo": algorithms.info(job.result.model, ask.node.schema(job.federation))}
    return job.result.values if isinstance(job.result, Answered) else {}


def _job(ask: Ask) -> Job:
    text = ask.request.match_info["job"]
    try:
        job = ask.node.job(text)
        permits.check_job(ask.who, ask.point.need, job, what=asked(ask.request))
    except UnknownError:
        raise DialectError(HTTPStatus.BAD_REQUEST, "No such job") from None
    return job
