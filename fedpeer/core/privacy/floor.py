"""The policy of a federation or of one node: the profiles, and what must hold before anything is released."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final, Literal, NamedTuple

from msgspec import Meta, structs

from fedpeer.core.canonical import Value
from fedpeer.core.errors import ConfigError
from fedpeer.core.privacy.plan import Noise
from fedpeer.core.statistics.schema import Schema

Profile = Literal["relaxed", "standard", "strict"]
Likeness = Literal["welch", "ks", "integral"]

# With no more rows than columns the rows can be solved for; five more leave some slack.
SPARE_ROWS: Final = 5

_PROFILES: tuple[Profile, ...] = ("relaxed", "standard", "strict")
_TESTS: tuple[Likeness, ...] = ("welch", "ks", "integral")
_FLOORS = ("rows", "cell", "change", "total", "patients", "dominance")
_MOST: Final = 2**40
_MOST_PERCENT: Final = 1000
_MOVED: Final = 10
_TOSS, _CERTAIN = 50, 100  # AUC, in percent

Floor = Annotated[int, Meta(ge=0, le=_MOST)]
Share = Annotated[int, Meta(ge=0, le=_MOST_PERCENT)]
Risk = Annotated[int, Meta(ge=0, le=_CERTAIN)]


class _Own(NamedTuple):
    rows: int
    cell: int
    change: int
    total: int
    patients: int
    dominance: int
    risk: int


_OWN: dict[Profile, _Own] = {
    "relaxed": _Own(0, 0, 0, 0, 0, 0, _CERTAIN),
    "standard": _Own(20, 10, 10, 100, 25, 10, _CERTAIN),
    "strict": _Own(20, 10, 10, 100, 25, 10, 60),
}


class Policy(Value, frozen=True):
    """The release rules of a federation (in its charter) or of one node.

    `rows`, `cell`, `change`, `total` and `patients` raise the profile's own floors, and `dominance` (p of the p% rule,
    in percent) its own p; a number below them changes nothing. `risk` lowers the highest membership risk (AUC, in
    percent) that is released, if it is not 0. `tests` are those that a change must pass. So no policy is weaker than
    its profile, and `tightened` is all that a node can do to its charter's. With `noise` every release carries that
    noise; only the charter can say so, as others must know it.
    """

    profile: Profile = "standard"
    rows: Floor = 0
    cell: Floor = 0
    change: Floor = 0
    total: Floor = 0
    patients: Floor = 0
    dominance: Share = 0
    risk: Risk = 0
    tests: tuple[Likeness, ...] = ()
    noise: Noise | None = None

    def check(self, schema: Schema | None = None) -> Policy:
        """Return the policy if this version can keep it, of such a schema if one is named; ConfigError if not."""
        if self.profile not in _PROFILES:
            raise ConfigError(f"there is no privacy profile {self.profile}", hint=f"choose {' or '.join(_PROFILES)}")
        for name in _FLOORS:
            most, said = (_MOST_PERCENT, "1000 percent") if name == "dominance" else (_MOST, "2^40")
            if not 0 <= getattr(self, name) <= most:
                hint = "0 keeps the profile's"
                raise ConfigError(f"the privacy floor {name} must lie between 0 and {said}", hint=hint)
        if self.risk and not _TOSS < self.risk <= _CERTAIN:
            hint = "50 is a coin toss, which no release is; 0 keeps the profile's"
            raise ConfigError("the highest membership risk must lie between 51 and 100 percent", hint=hint)
        if unknown := [test for test in self.tests if test not in _TESTS]:
            raise ConfigError(f"there is no statistical test {unknown[0]}", hint=f"choose from {', '.join(_TESTS)}")
        binned = [test for test in self.tests if test != "welch"]
        if binned and schema is not None and "histogram" not in schema.blocks:
            hint = "add `blocks: [histogram]` to the schema, or leave the test out"
            raise ConfigError(f"the test {binned[0]} needs histograms, which the schema does not count", hint=hint)
        return structs.replace(self, tests=_ordered(self.tests))

    def tightened(self, other: Policy) -> Policy:
        """Return the policy that keeps the stricter of both in every respect, and the noise of this one."""
        return structs.replace(
            self,
            profile=max(self.profile, other.profile, key=_PROFILES.index),
            risk=min(filter(None, (self.risk, other.risk)), default=0),
            tests=_ordered((*self.tests, *other.tests)),
            **{name: max(getattr(self, name), getattr(other, name)) for name in _FLOORS},
        )

    def row_floor(self, columns: int) -> int:
        """The fewest rows of one owner that others may see."""
        return max(columns + SPARE_ROWS, self._own.rows, self.rows)

    def masked_floor(self, columns: int) -> int:
        """The fewest rows that one owner may bring to a sum."""
        return max(columns + SPARE_ROWS, self.rows)

    def total_floor(self, columns: int) -> int:
        """The fewest rows behind a sum of several owners of whom others see nothing else."""
        return max(columns + SPARE_ROWS, self._own.total, self.total)

    @property
    def cell_floor(self) -> int:
        """The fewest rows that may share values of one or two 0/1 columns, if any do; 0: cells are not looked at."""
        return max(self._own.cell, self.cell)

    def change_floor(self, columns: int) -> int:
        """The fewest rows by which two releases may differ, if they do."""
        return max(columns + SPARE_ROWS, self._own.change, self.change)

    @property
    def patient_floor(self) -> int:
        """The fewest patients of one owner behind a release, if the schema has their ids; 0: they do not matter."""
        return max(self._own.patients, self.patients)

    @property
    def moved_floor(self) -> int:
        """The fewest patients whose rows may differ between two releases that do."""
        return max(min(_MOVED, self.patient_floor), self.change) if self.patient_floor else 0

    @property
    def told(self) -> str:
        """The profile and what is raised beyond it, for people."""
        raised = [f"{name} {value}" for name in (*_FLOORS, "risk") if (value := getattr(self, name))]
        return ", ".join([self.profile, *raised, *self.tests])

    @property
    def share(self) -> int:
        """The p of the p% rule, in percent; 0: dominance is not looked at."""
        return max(self._own.dominance, self.dominance)

    @property
    def highest_risk(self) -> int:
        """The highest membership risk (AUC, in percent) of a release without noise; 100: it is only shown."""
        return min(self._own.risk, self.risk or _CERTAIN)

    @property
    def _own(self) -> _Own:
        return _OWN[self.profile]


LAXEST: Final = Policy("relaxed")  # tightens nothing


def _ordered(tests: Iterable[Likeness]) -> tuple[Likeness, ...]:
    return tuple(sorted(set(tests), key=_TESTS.index))
