"""How contributions are exchanged: the modes, and the part that each member has in them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from fedpeer.core.canonical import Value, decode, encode
from fedpeer.core.errors import ConfigError
from fedpeer.core.privacy.cipher import CKKS, LEAST_BITS, MOST_BITS

Mode = Literal["open", "secure", "paillier", "ckks"]
Part = Literal["contributor", "beneficiary", "coordinator"]
Primes = Literal["lean", "usual"]
Topology = Literal["decentralised", "centralised"]

LEAST = 3  # contributors to a sum: with two, each knows the other's part of it
_USUAL = 5
_MOST = 10_000

# The parts that only one member has.
LONE: tuple[Part, Part] = ("beneficiary", "coordinator")

# What an invite can be for, in each mode.
ROLES: dict[Mode, tuple[str, ...]] = {
    "open": ("member",),
    "secure": ("member",),
    "paillier": ("contributor", "beneficiary", "coordinator"),
    "ckks": ("contributor", "beneficiary", "coordinator"),
}


class Exchange(Value, frozen=True):
    """The charter's terms: the mode, the fewest contributors to a sum, and the admin's own part in a cipher's sum.

    In a centralised federation contributions are sealed to the admin alone, and members hear nobody else.

    `release` are rules in the language of contracts that an opened sum must meet. `bits` are those of Paillier's
    modulus, `primes` which of CKKS's parameters.
    """

    mode: Mode = "open"
    least: Annotated[int, Meta(ge=LEAST, le=_MOST)] = _USUAL
    part: Part = "contributor"
    release: str = ""
    bits: Annotated[int, Meta(ge=LEAST_BITS, le=MOST_BITS)] = LEAST_BITS
    primes: Primes = "lean"
    topology: Topology = "decentralised"

    def check(self) -> Exchange:
        """Return these terms if a federation can have them; ConfigError if not."""
        if self.mode not in ROLES:
            raise ConfigError(f"there is no mode {self.mode}", hint=f"choose one of {', '.join(ROLES)}")
        if self.centralised and self.summed:
            raise ConfigError(
                f"a federation in {self.mode} mode is not centralised: nobody receives contributions there",
                hint="choose open mode, or paillier mode for a sum that one member sees",
            )
        if not LEAST <= self.least <= _MOST:
            raise ConfigError(f"a sum has {LEAST} to {_MOST} contributors at least, not {self.least}")
        if not LEAST_BITS <= self.bits <= MOST_BITS or self.bits % 16:
            raise ConfigError(
                f"a modulus of {self.bits} bits is not offered",
                hint=f"take {LEAST_BITS} to {MOST_BITS}, a multiple of 16",
            )
        if self.primes not in CKKS:
            raise ConfigError(f"there are no parameters {self.primes} for ckks", hint=f"choose {' or '.join(CKKS)}")
        return self

    @property
    def told(self) -> bytes:
        """These terms as an invite has them: nothing, if contributions are open to all."""
        return encode(self) if self.summed or self.centralised else b""

    @classmethod
    def read(cls, told: bytes) -> Exchange:
        """Read what `told` gives; MalformedError if it is something else."""
        return decode(told, cls) if told else cls()

    @property
    def ciphered(self) -> bool:
        """Whether vectors are added under a cipher, by members with parts of their own."""
        return len(ROLES[self.mode]) > 1

    @property
    def parameters(self) -> tuple[int, ...]:
        """The cipher's parameters: bits of the modulus, or degree and bits of primes; none in other modes."""
        return {"paillier": (self.bits,), "ckks": CKKS[self.primes]}.get(self.mode, ())

    @property
    def centralised(self) -> bool:
        """Whether the admin alone receives contributions."""
        return self.topology == "centralised"

    @property
    def summed(self) -> bool:
        """Whether only sums of several are ever seen."""
        return self.mode != "open"

    def role(self, asked: str) -> str:
        """The role that an invite is for, "" for the usual one; ConfigError for one that this mode does not have."""
        roles = ROLES[self.mode]
        asked = asked or roles[0]
        if asked not in roles:
            raise ConfigError(f"there is no role {asked[:40]!r} in {self.mode} mode", hint=f"choose {', '.join(roles)}")
        return asked
