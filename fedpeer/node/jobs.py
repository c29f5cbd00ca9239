"""Long work that people follow: started, told how far it is, done, failed or cancelled."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from threading import Event
from typing import Any

import msgspec

from fedpeer.core.errors import FedpeerError, StateError, UnknownError
from fedpeer.node.authors import author
from fedpeer.node.shapes import Failure, Job

KEPT = 1_000

_BUG = Failure(
    code=FedpeerError.code,
    detail="a fault in the node, which its log tells about",
    hint="look for the time of the job in the node's log, and report it",
)


class JobCancelledError(StateError):
    """Work that somebody cancelled; nothing of it remains."""


class Progress:
    """How far a job is; told from any thread. Raises JobCancelledError once the job was cancelled."""

    def __init__(self) -> None:
        self.current = 0
        self.cancelled = Event()

    def __call__(self, current: int) -> None:
        """Tell how far the work is."""
        self.current = current
        if self.cancelled.is_set():
            raise JobCancelledError("the job was cancelled")


class Jobs:
    """The jobs of this process, newest last; old finished ones are forgotten."""

    def __init__(self, now: Callable[[], float], draw: Callable[[int], bytes]) -> None:
        """`draw` gives the randomness of ids."""
        self._now = now
        self._draw = draw
        self._jobs: OrderedDict[str, tuple[Job, Progress]] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, job: Job, work: Callable[[Progress], Awaitable[Any]]) -> Job:
        """Start work; `job` says what it is (its id, its start and whose doing it is are filled in here)."""
        progress, who = Progress(), author()
        by = who.name if who else ""
        job = msgspec.structs.replace(job, id=self._draw(8).hex(), started_at=self._now(), by=by)
        self._jobs[job.id] = (job, progress)
        while len(self._jobs) > KEPT and self._oldest_is_over():
            self._jobs.popitem(last=False)
        task = asyncio.create_task(self._run(job.id, work, progress))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    def all(self) -> list[Job]:
        """Every job, oldest first."""
        return [self.get(name) for name in self._jobs]

    def get(self, name: str) -> Job:
        """A job as it is now; UnknownError if there is none."""
        found = self._jobs.get(name)
        if found is None:
            raise UnknownError(f"there is no job {name[:40]}")
        job, progress = found
        return msgspec.structs.replace(job, current=progress.current) if job.state == "running" else job

    def cancel(self, name: str) -> Job:
        """Have a job stop at its next progress; StateError if it is over."""
        job = self.get(name)
        if job.state != "running":
            raise StateError(f"job {name} is {job.state}")
        self._jobs[name][1].cancelled.set()
        return job

    async def close(self) -> None:
        """Cancel what runs and wait for it."""
        for _, progress in self._jobs.values():
            progress.cancelled.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, name: str, work: Callable[[Progress], Awaitable[Any]], progress: Progress) -> None:
        try:
            result = await work(progress)
        except JobCancelledError:
            self._end(name, state="cancelled")
        except FedpeerError as error:
            self._end(name, state="failed", error=Failure(code=error.code, detail=str(error), hint=error.hint))
        except BaseException:
            self._end(name, state="failed", error=_BUG)
            raise
        else:
            self._end(name, state="done", result=result)

    def _end(self, name: str, **how: Any) -> None:
        job, progress = self._jobs[name]
        ended = msgspec.structs.replace(job, current=progress.current, ended_at=self._now(), **how)
        self._jobs[name] = (ended, progress)

    def _oldest_is_over(self) -> bool:
        return next(iter(self._jobs.values()))[0].state != "running"
