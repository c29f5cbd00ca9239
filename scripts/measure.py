"""What every bench does alike: time two things in pairs, and say how they compare."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

PAIRS = 5


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def pairs(ours: Callable[[], object], theirs: Callable[[], object], count: int = PAIRS) -> tuple[float, float, float]:
    """Seconds of each and the ratio, all medians; each is run once before, unmeasured."""
    ours(), theirs()
    return compared([(timed(ours), timed(theirs)) for _ in range(count)])


def compared(rows: list[tuple[float, float]]) -> tuple[float, float, float]:
    """The medians of pairs of seconds, and of their ratios."""
    return (
        statistics.median(a for a, _ in rows),
        statistics.median(b for _, b in rows),
        statistics.median(a / b for a, b in rows),
    )


def report(what: str, measured: tuple[float, float, float], goal: str) -> None:
    ours, theirs, ratio = measured
    print(f"{what:<74} {ours:8.3f} s {theirs:8.3f} s   {ratio:6.2f}x   goal {goal}", flush=True)
