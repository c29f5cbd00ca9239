"""When pulses are due: `s10`, `m30`, `h3`, `d7`, aligned to 1970 so that every member counts the same pulses."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fedpeer.core.errors import ScheduleError

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_LONGEST_S = 366 * 86_400
_FORM = re.compile(r"([smhd])([1-9][0-9]{0,7})")


@dataclass(frozen=True, slots=True)
class Schedule:
    """A period; pulse number n is due at n · `period_s` seconds UTC."""

    text: str
    period_s: int

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read a schedule; ScheduleError says what is wrong with it."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise ScheduleError(f"{text[:40]!r} is not a schedule: a unit s, m, h or d and then a whole number")
        period = _UNITS[match[1]] * int(match[2])
        if period > _LONGEST_S:
            raise ScheduleError(f"{text} is longer than a year")
        return cls(text, period)

    def pulse_at(self, now: float) -> int:
        """The number of the pulse that `now` belongs to."""
        return int(now // self.period_s)

    def next_due(self, now: float) -> float:
        """When the pulse after `now` is due, UTC seconds."""
        return float((self.pulse_at(now) + 1) * self.period_s)
