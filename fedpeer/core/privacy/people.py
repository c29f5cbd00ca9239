"""How many patients stand behind what is released, and behind its difference from every earlier release, exactly.

Of each release is kept by how many rows each patient's number of rows differed from the release before: a *step*. The
steps up to a release are its patients, and the steps after it, and what has changed since, its difference from now.
Whoever has as many rows as before may still have others: what is counted are patients whose number of rows differs, and
the true number is that or more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fedpeer.core.statistics.patients import Counts, Patients

Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Known:
    """How many patients there are, the most rows of one, and by earlier release how many it differs by, if known."""

    patients: int
    most: int
    moved: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class People:
    """The patients of the rows that are here, in parts, and the steps by the serial of their release."""

    now: Sequence[Patients] = ()
    steps: Mapping[int, Patients] = field(default_factory=dict)

    def step(self) -> Patients:
        """What is to be kept of a release of the rows that are here, as the newest one."""
        return Patients.together(self.now) - Patients.together(self.steps.values())

    def known(self) -> Known:
        """All that release rules ask; nothing is known of a release without a step."""
        serials = sorted(self.steps, reverse=True)
        size, places = _placed([*self.now, *(self.steps[serial] for serial in serials)])
        running = np.zeros(size, np.int64)
        for part in self.now:
            running[next(places)] += part.counts
        patients, most = int(np.count_nonzero(running)), int(running.max(initial=0))
        at = [(self.steps[serial].counts, next(places)) for serial in serials]
        for counts, where in at:
            running[where] -= counts
        return Known(patients, most, dict(zip(serials, _moved(running, at), strict=True)))


def _moved(running: Counts, steps: Sequence[tuple[Counts, Places]]) -> Iterator[int]:
    """Of each release, the newest first, how many patients' rows differ; `running` is the change since the newest."""
    differ = int(np.count_nonzero(running))
    for counts, where in steps:
        yield differ
        before = np.count_nonzero(running[where])
        running[where] += counts
        differ += int(np.count_nonzero(running[where]) - before)


def _placed(parts: Sequence[Patients]) -> tuple[int, Iterator[Places]]:
    """How many different tokens there are, and where each part's are among them."""
    tokens = np.concatenate([part.tokens for part in (Patients.none(), *parts)])
    order = np.lexsort((tokens[:, 1], tokens[:, 0]))
    new = np.ones(len(tokens), bool)
    new[1:] = np.any(tokens[order][1:] != tokens[order][:-1], axis=1)
    places = np.empty(len(tokens), np.intp)
    places[order] = np.cumsum(new) - 1
    ends = np.cumsum([part.distinct for part in parts])
    return int(np.count_nonzero(new)), iter(np.split(places, ends[:-1]) if len(ends) else [])
