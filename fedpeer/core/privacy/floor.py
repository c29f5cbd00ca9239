"""How many rows must stand behind what is released: the profiles, and the floors they set."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from fedpeer.core.canonical import Value
from fedpeer.core.errors import ConfigError
from fedpeer.core.privacy.plan import Noise

Profile = Literal["relaxed", "standard", "strict"]

# With no more rows than columns the rows can be solved for; five more leave some slack.
SPARE_ROWS: Final = 5

_PROFILES: tuple[Profile, ...] = ("relaxed", "standard", "strict")
_OWN: dict[Profile, tuple[int, int, int, int]] = {
    "relaxed": (0, 0, 0, 0),
    "standard": (20, 10, 10, 100),
    "strict": (20, 10, 10, 100),
}
_MOST: Final = 2**40

Floor = Annotated[int, Meta(ge=0, le=_MOST)]


class Policy(Value, frozen=True):
    """The release rules of a federation (in its charter) or of one node.

    `rows`, `cell`, `change` and `total` raise the profile's own floors; a number below them changes nothing. So no
    policy is weaker than its profile, and `tightened` is all that a node can do to its charter's. With `noise` every
    release carries that noise; only the charter can say so, as others must know it.
    """

    profile: Profile = "standard"
    rows: Floor = 0
    cell: Floor = 0
    change: Floor = 0
    total: Floor = 0
    noise: Noise | None = None

    def check(self) -> Policy:
        """Return the policy if this version can keep it; ConfigError if not."""
        if self.profile not in _PROFILES:
            raise ConfigError(
                f"there is no privacy profile {self.profile}", hint=f"choose {' or '.join(_PROFILES[:2])}"
            )
        for name in ("rows", "cell", "change", "total"):
            if not 0 <= getattr(self, name) <= _MOST:
                raise ConfigError(f"the privacy floor {name} must lie between 0 and 2^40", hint="0 keeps the profile's")
        if not self.offered:
            raise ConfigError(
                "the privacy profile strict is not offered yet: it needs differential privacy",
                hint="choose standard, and raise its floors with rows, cell and change",
            )
        return self

    @property
    def offered(self) -> bool:
        """Whether this version can keep the profile; what it cannot keep, it withholds everything under."""
        return self.profile in ("relaxed", "standard")

    def tightened(self, other: Policy) -> Policy:
        """Return the policy that keeps the stricter of both in every respect, and the noise of this one."""
        profile = max(self.profile, other.profile, key=_PROFILES.index)
        raised = (max(mine, theirs) for mine, theirs in zip(self._raised, other._raised, strict=True))
        return Policy(profile, *raised, noise=self.noise)

    def row_floor(self, columns: int) -> int:
        """The fewest rows of one owner that others may see."""
        return max(columns + SPARE_ROWS, _OWN[self.profile][0], self.rows)

    def masked_floor(self, columns: int) -> int:
        """The fewest rows that one owner may bring to a sum."""
        return max(columns + SPARE_ROWS, self.rows)

    def total_floor(self, columns: int) -> int:
        """The fewest rows behind a sum of several owners of whom others see nothing else."""
        return max(columns + SPARE_ROWS, _OWN[self.profile][3], self.total)

    @property
    def cell_floor(self) -> int:
        """The fewest rows that may share values of one or two 0/1 columns, if any do; 0: cells are not looked at."""
        return max(_OWN[self.profile][1], self.cell)

    def change_floor(self, columns: int) -> int:
        """The fewest rows by which two releases may differ, if they do."""
        return max(columns + SPARE_ROWS, _OWN[self.profile][2], self.change)

    @property
    def _raised(self) -> tuple[int, ...]:
        return self.rows, self.cell, self.change, self.total
