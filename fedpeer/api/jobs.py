"""Waiting for long work."""

from __future__ import annotations

import asyncio

from fedpeer.api.node import Node
from fedpeer.node.shapes import Job

_POLL_S = 0.02


async def ended(node: Node, job: Job, wait_s: float) -> Job:
    """Return the job once it has ended, or as it is when the wait runs out."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    while job.state == "running" and (left := deadline - loop.time()) > 0:
        await asyncio.sleep(min(_POLL_S, left))
        job = node.job(job.id)
    return job
