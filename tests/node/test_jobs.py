"""Jobs: started, followed, cancelled, failed; never more of them than are kept."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from fedpeer.core.errors import StateError, TableError, UnknownError
from fedpeer.node import jobs as module
from fedpeer.node.jobs import Jobs
from fedpeer.node.shapes import Failure, Job

BLANK = Job(
    id="", kind="data", federation="f", state="running", started_at=0, ended_at=0, current=0, maximum=9, unit="rows"
)


@pytest.fixture
def jobs() -> Jobs:
    numbers = itertools.count(1)
    return Jobs(lambda: 5.0, lambda size: next(numbers).to_bytes(size, "big"))


async def over(jobs: Jobs, name: str) -> Job:
    async with asyncio.timeout(60):
        while jobs.get(name).state == "running":  # noqa: ASYNC110 jobs are polled by those who follow them
            await asyncio.sleep(0)
    return jobs.get(name)


async def test_a_job_tells_how_far_it_is_and_what_came_of_it(jobs):
    step = asyncio.Event()

    async def work(progress):
        progress(4)
        await step.wait()
        progress(9)
        return {"rows": 9}

    job = jobs.start(BLANK, work)
    await asyncio.sleep(0)
    assert (jobs.get(job.id).state, jobs.get(job.id).current) == ("running", 4)
    step.set()
    done = await over(jobs, job.id)
    assert (done.state, done.current, done.result, done.started_at, done.ended_at) == ("done", 9, {"rows": 9}, 5, 5)
    assert jobs.all() == [done]


async def test_a_cancelled_job_stops_at_its_next_progress_even_in_a_thread(jobs):
    import threading

    begun = threading.Event()

    def counting(progress):
        begun.set()
        for i in itertools.count():
            progress(i)

    async def work(progress):
        await asyncio.to_thread(counting, progress)

    job = jobs.start(BLANK, work)
    await asyncio.to_thread(begun.wait, 60)
    assert jobs.cancel(job.id).state == "running"
    assert (await over(jobs, job.id)).state == "cancelled"
    with pytest.raises(StateError, match="cancelled"):
        jobs.cancel(job.id)
    with pytest.raises(UnknownError):
        jobs.cancel("x")


async def test_a_failed_job_says_why_in_the_operators_words(jobs):
    async def work(progress):
        raise TableError("there is no column x", hint="add it")

    failed = await over(jobs, jobs.start(BLANK, work).id)
    assert failed.state == "failed"
    assert failed.error == Failure(code=TableError.code, detail="there is no column x", hint="add it")


async def test_a_bug_in_a_job_is_told_without_its_insides(jobs):
    async def work(progress):
        raise RuntimeError("secret insides")

    job = jobs.start(BLANK, work)
    failed = await over(jobs, job.id)
    assert failed.error.code == "FP000"
    assert "secret" not in str(failed.error)
    (task,) = asyncio.all_tasks() - {asyncio.current_task()} or {None}
    assert task is None


async def test_old_finished_jobs_are_forgotten_and_running_ones_are_not(jobs, monkeypatch):
    monkeypatch.setattr(module, "KEPT", 5)
    hold = asyncio.Event()

    async def waiting(progress):
        await hold.wait()

    async def quick(progress):
        return None

    first = jobs.start(BLANK, quick)
    await over(jobs, first.id)
    running = jobs.start(BLANK, waiting)
    for _ in range(10):
        await over(jobs, jobs.start(BLANK, quick).id)
    with pytest.raises(UnknownError):
        jobs.get(first.id)
    assert jobs.get(running.id).state == "running"
    hold.set()
    await over(jobs, running.id)


async def test_closing_cancels_what_runs(jobs):
    async def work(progress):
        while True:
            progress(1)
            await asyncio.sleep(0.001)

    job = jobs.start(BLANK, work)
    await asyncio.sleep(0)
    await asyncio.wait_for(jobs.close(), 60)
    assert jobs.get(job.id).state == "cancelled"
