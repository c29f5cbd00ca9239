"""Whose rows are here: the patients of each batch, and by how much each release changed them.

1. Only tokens are kept (core/statistics/patients.py), under a key of this membership, in records that the store seals.
   They are in no message: what leaves is that a release leaves, or does not.
2. A batch's patients lie in few parts, so that one that grows by a row is not written anew as a whole.
3. A step is kept with the release that it is of, in one commit, before anything of it leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from fedpeer.core.canonical import ordinal
from fedpeer.core.envelope.keys import Identity, derive
from fedpeer.core.errors import MalformedError
from fedpeer.core.privacy.people import People
from fedpeer.core.statistics.patients import Patients, grown


@dataclass(frozen=True, slots=True)
class Persons:
    """Parts by batch and number, such as `4f2a/00`, and steps by serial."""

    parts: Mapping[str, Patients] = field(default_factory=dict)
    steps: Mapping[str, Patients] = field(default_factory=dict)

    @property
    def people(self) -> People:
        """Everybody, as release rules ask."""
        return People(tuple(self.parts.values()), {int(serial): step for serial, step in self.steps.items()})

    def of(self, batch: str) -> Patients:
        """The patients of a batch."""
        return Patients.together(self._parts(batch))

    def more(self, batch: str, patients: Patients) -> Persons:
        """The same with further rows of a batch."""
        return self._with(batch, grown(self._parts(batch), patients)) if patients.distinct else self

    def only(self, batch: str, patients: Patients) -> Persons:
        """The same with other patients of a batch, or none."""
        return self._with(batch, (patients,) if patients.distinct else ())

    @property
    def last(self) -> int:
        """The serial of the newest step; 0 without any."""
        return max(map(int, self.steps), default=0)

    def released(self, serial: int, rows: Persons | None = None) -> Persons:
        """The same with a step for a release of the rows that are, or were, here, added to what the serial has."""
        name = ordinal(serial)
        step = People(tuple((rows or self).parts.values()), self.people.steps).step()
        known = self.steps.get(name, Patients.none())
        return replace(self, steps={**self.steps, name: Patients.together([known, step])})

    def check(self, rows: Mapping[str, int]) -> None:
        """MalformedError unless there is a patient for each row of each batch, and no other."""
        parts = dict.fromkeys(rows, 0)
        for name, part in self.parts.items():
            batch = name.rpartition("/")[0]
            if batch not in parts or not part.whole:
                raise MalformedError("patients of rows that are not here")
            parts[batch] += part.rows
        if parts != rows:
            raise MalformedError("not as many rows of patients as rows")
        if any(ordinal(int(serial)) != serial for serial in self.steps):
            raise MalformedError("the patients of a release by another name")

    def _parts(self, batch: str) -> tuple[Patients, ...]:
        return tuple(self.parts[name] for name in sorted(self.parts) if name.rpartition("/")[0] == batch)

    def _with(self, batch: str, parts: Iterable[Patients]) -> Persons:
        others = {name: part for name, part in self.parts.items() if name.rpartition("/")[0] != batch}
        return replace(self, parts=others | {f"{batch}/{i:02d}": part for i, part in enumerate(parts)})


def patient_key(me: Identity) -> bytes:
    """The key of this membership's tokens, which is shown to nobody."""
    return derive(me.secret(), "patient tokens")
