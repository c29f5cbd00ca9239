"""Rows in, and out again; and the long work that this is."""

from __future__ import annotations

from fedpeer.api import jobs as waiting
from fedpeer.api.bodies import AddRows, AddSource, Nothing, Wait, WatchData, WithdrawRows
from fedpeer.api.call import Call, Reply
from fedpeer.api.permits import sees
from fedpeer.node.assessing import HeldOut
from fedpeer.node.origins import Watch
from fedpeer.node.shapes import Batch, Job, Withdrawal


async def batches(call: Call[Nothing, Nothing]) -> list[Batch]:
    """The rows of this node, by when they were counted."""
    return call.node.batches(call.fed)


async def add_source(call: Call[AddSource, Wait]) -> Reply:
    """Count the rows at a location that the node can read; 202 while that goes on."""
    body = call.body
    job = await call.node.add_source(call.fed, body.location, options=body.options, force=body.force)
    return await _begun(call, job)


async def add_rows(call: Call[AddRows, Wait]) -> Reply:
    """Count rows sent along; 202 while that goes on."""
    body = call.body
    job = await call.node.add_rows(call.fed, body.rows, source=body.source, force=body.force)
    return await _begun(call, job)


async def withdraw(call: Call[Nothing, Nothing]) -> Batch:
    """Take a batch of rows back out, exactly."""
    return await call.node.withdraw(call.fed, call.named("batch"))


async def withdraw_rows(call: Call[WithdrawRows, Wait]) -> Reply:
    """Take rows out of the batch that has them, exactly; 202 while that goes on."""
    body = call.body
    rows = HeldOut(body.location, body.rows, body.options)
    return await _begun(call, await call.node.withdraw_rows(call.fed, rows, body.batch))


async def watches(call: Call[Nothing, Nothing]) -> list[Watch]:
    """The places that are looked at for new rows."""
    return call.node.watches(call.fed)


async def watch(call: Call[WatchData, Nothing]) -> Watch:
    """Look at a folder, a pattern or a growing file from now on, and count what is new."""
    body = call.body
    options = body.options
    return await call.node.watch_data(call.fed, body.location, every_s=body.every_s, options=options, force=body.force)


async def unwatch(call: Call[Nothing, Nothing]) -> Watch:
    """Look at a place no more; what was counted stays."""
    return await call.node.unwatch_data(call.fed, call.named("watch"))


async def receipts(call: Call[Nothing, Nothing]) -> list[Withdrawal]:
    """What was withdrawn after others had it, with the receipts of those who hold it no longer."""
    return call.node.receipts(call.fed)


async def jobs(call: Call[Nothing, Nothing]) -> list[Job]:
    """Long work, running and ended."""
    return [one for one in call.node.jobs() if sees(call.who, one)]


async def job(call: Call[Nothing, Wait]) -> Job:
    """One piece of long work; `wait` for its end."""
    return await waiting.ended(call.node, call.job("viewer"), call.query.wait)


async def cancel(call: Call[Nothing, Nothing]) -> Job:
    """Stop long work; what it did is undone."""
    return await call.node.cancel_job(call.job("operator").id)


async def _begun(call: Call[AddSource, Wait] | Call[AddRows, Wait] | Call[WithdrawRows, Wait], job: Job) -> Reply:
    job = await waiting.ended(call.node, job, call.query.wait)
    return Reply(job, 202 if job.state == "running" else 200, {"Location": f"/v1/jobs/{job.id}"})
