"""How contributions are exchanged: the modes, and the part that each member has in them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from fedpeer.core.canonical import Value
from fedpeer.core.errors import ConfigError

Mode = Literal["open", "secure", "paillier", "ckks"]
Part = Literal["contributor", "beneficiary", "coordinator"]

LEAST = 3  # contributors to a sum: with two, each knows the other's part of it
_USUAL = 5
_MOST = 10_000

# What an invite can be for, in each mode.
ROLES: dict[Mode, tuple[str, ...]] = {
    "open": ("member",),
    "secure": ("member",),
    "paillier": ("contributor", "beneficiary", "coordinator"),
    "ckks": ("contributor", "beneficiary", "coordinator"),
}


class Exchange(Value, frozen=True):
    """The charter's terms: the mode, the fewest contributors to a sum, and the admin's own part in a cipher's sum."""

    mode: Mode = "open"
    least: Annotated[int, Meta(ge=LEAST, le=_MOST)] = _USUAL
    part: Part = "contributor"

    def check(self) -> Exchange:
        """Return these terms if a federation can have them; ConfigError if not."""
        if self.mode not in ROLES:
            raise ConfigError(f"there is no mode {self.mode}", hint=f"choose one of {', '.join(ROLES)}")
        if not LEAST <= self.least <= _MOST:
            raise ConfigError(f"a sum has {LEAST} to {_MOST} contributors at least, not {self.least}")
        return self

    @property
    def summed(self) -> bool:
        """Whether only sums of several are ever seen."""
        return self.mode != "open"

    def role(self, asked: str) -> str:
        """The role that an invite is for; ConfigError for one that this mode does not have."""
        roles = ROLES[self.mode]
        if asked not in roles:
            raise ConfigError(f"there is no role {asked[:40]!r} in {self.mode} mode", hint=f"choose {', '.join(roles)}")
        return asked
