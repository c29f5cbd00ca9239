"""When pulses fire: one APScheduler job a federation, aligned to the schedule, jittered, coalesced, in UTC.

The jobs live in memory: what to schedule follows from the federations' states, which are stored.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.job import Job
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from fedpeer.core.federation.schedule import Schedule


class _Aligned(BaseTrigger):  # type: ignore[misc]  # apscheduler has no types
    """Fires once a period, late by up to a fraction of it.

    The next pulse is counted from the schedule and not from when the last one fired, as the library's own interval
    does: otherwise each lateness would be added to all before.
    """

    def __init__(self, schedule: Schedule, jitter: float) -> None:
        self._schedule = schedule
        self._late_s = schedule.period_s * jitter

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """The first pulse after both: what was slept through is not made up for one by one."""
        since = max(previous_fire_time or now, now)
        due = datetime.fromtimestamp(self._schedule.next_due(since.timestamp()), UTC)
        late: datetime = self._apply_jitter(due, self._late_s, now)
        return late


class Pulses:
    """Fires `due(scope)` for every federation whose pulse is on."""

    def __init__(self, due: Callable[[str], None], *, jitter: float) -> None:
        """`jitter` is the fraction of the period by which a pulse may be late, lest all peers speak at once."""
        self._due = due
        self._jitter = jitter
        self._set: dict[str, tuple[Schedule, Job]] = {}
        self._scheduler = AsyncIOScheduler(timezone=UTC)

    def start(self) -> None:
        """Begin to fire."""
        self._scheduler.start()

    def stop(self) -> None:
        """Fire no more. Idempotent."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def set(self, scope: str, schedule: Schedule | None) -> None:
        """Follow this schedule for a federation; None stops its pulse. Setting the same again changes nothing."""
        known, job = self._set.get(scope, (None, None))
        if known == schedule:
            return
        if job is not None:
            self._scheduler.remove_job(scope)
            del self._set[scope]
        if schedule is not None:
            job = self._scheduler.add_job(
                self._due,
                _Aligned(schedule, self._jitter),
                args=[scope],
                id=scope,
                coalesce=True,
                max_instances=1,
                misfire_grace_time=None,
            )
            self._set[scope] = (schedule, job)

    def next_at(self, scope: str) -> float:
        """When the next pulse fires, UTC seconds; 0 if none is set."""
        if scope not in self._set or not self._scheduler.running:  # a job has no time until then
            return 0.0
        due = self._set[scope][1].next_run_time
        return float(due.timestamp()) if due else 0.0
