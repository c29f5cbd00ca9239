"""The privacy budget of a data set: what was told of it, everywhere, what that cost, and what is left.

1. Costs add up, whichever federation they were spent in. They are kept in whole parts of ρ, each rounded up.
2. A release has a name: the digest of the exact sums, of the noise planned for them, and of the occasion. Noise is
   drawn once for a name. The same release again costs nothing and is the same bytes.
3. An occasion is empty where one owner releases its own sums. Inside a secure sum it is the id of the round: sums that
   were opened over different circles, with the same noise of somebody in both, would differ by the others' alone.
4. The account and what was told are saved together, before anything leaves.
5. What others show us that we told, and had forgotten, is charged as well, also beyond the limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Self

from msgspec import Meta, structs

from fedpeer.core import canonical
from fedpeer.core.errors import MalformedError
from fedpeer.core.privacy.epsilon import UNIT, budget, epsilon
from fedpeer.core.privacy.noise import noise
from fedpeer.core.privacy.plan import Plan
from fedpeer.core.privacy.protect import Withheld
from fedpeer.core.statistics.residues import Residues

Parts = Annotated[int, Meta(ge=0, le=2**62)]  # of ρ
Digest = Annotated[bytes, Meta(min_length=32, max_length=32)]

_FORM = 1


class Charge(canonical.Value, frozen=True):
    """One release: its name, where it was told, what it cost, the digest of what was told, and when (UTC seconds)."""

    release: Digest
    federation: str
    cost: Parts
    told: Digest
    at: int = 0


class Account(canonical.Value, frozen=True):
    """Of one data set: the most ρ that may be spent on a person in it, δ = 10**−exponent, and all charges in order.

    Nobody has more than `rows` rows in the data set: whoever counts them sees to that.
    """

    dataset: str
    limit: Parts
    exponent: Annotated[int, Meta(ge=1, le=100)]
    rows: Annotated[int, Meta(ge=1, le=2**40)] = 1
    charges: tuple[Charge, ...] = ()
    form: int = _FORM

    @classmethod
    def opened(cls, dataset: str, epsilon_: Fraction, *, exponent: int, rows: int = 1) -> Self:
        """A new account, of all that (ε, 10**−exponent) allows."""
        return cls(dataset, int(budget(epsilon_, Fraction(1, 10**exponent)) * UNIT), exponent, rows)

    def declared(self, epsilon_: Fraction, *, exponent: int, rows: int) -> Self:
        """The same charges under what the owner declares now; with less than was spent, nothing is left."""
        new = type(self).opened(self.dataset, epsilon_, exponent=exponent, rows=rows)
        return structs.replace(new, charges=self.charges)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` writes; MalformedError for anything else, and for an account that cannot be."""
        account = canonical.decode(data, cls)
        if account.form != _FORM:
            raise MalformedError(f"form {account.form} of a privacy account is not known here")
        if len({c.release for c in account.charges}) < len(account.charges):
            raise MalformedError("a privacy account is charged twice for one release")
        return account

    def to_bytes(self) -> bytes:
        """The canonical bytes."""
        return canonical.encode(self)

    @property
    def spent(self) -> int:
        """Parts of ρ."""
        return sum(charge.cost for charge in self.charges)

    @property
    def left(self) -> int:
        """Parts of ρ that may still be spent."""
        return max(0, self.limit - self.spent)

    def charged(self, charge: Charge) -> Self:
        """The account with one more charge, whatever its limit is; the same account if it has it."""
        return self if self.find(charge.release) else structs.replace(self, charges=(*self.charges, charge))

    def find(self, release: bytes) -> Charge | None:
        """The charge of this name."""
        return next((charge for charge in self.charges if charge.release == release), None)

    def report(self) -> dict[str, Any]:
        """Return what was spent and what may be, as JSON-able values, with ε for each at the account's δ."""
        delta = Fraction(1, 10**self.exponent)
        each = {"spent": self.spent, "left": self.left, "limit": self.limit}
        figures = {
            name: {"rho": parts / UNIT, "epsilon": epsilon(Fraction(parts, UNIT), delta)}
            for name, parts in each.items()
        }
        return {"dataset": self.dataset, "delta": f"1e-{self.exponent}", "releases": len(self.charges), **figures}


class Noised(canonical.Value, frozen=True):
    """What was told under a name: kept as long as its charge, and told again as it is."""

    release: Digest
    residues: bytes


@dataclass(frozen=True, slots=True)
class Wish:
    """Exact sums that are to be told with noise: as planned, in a federation, on an occasion (empty: its owner's)."""

    exact: Residues
    plan: Plan
    federation: str
    occasion: bytes = b""
    at: int = 0

    @property
    def name(self) -> bytes:
        """The name of the release."""
        units = canonical.digest("units", canonical.encode([[str(u) for u in own] for own in self.plan.scales]))
        plan = canonical.encode([self.plan.layout, [str(v) for v in self.plan.variances], self.plan.enough, units])
        return canonical.digest("noised release", self.exact.to_bytes(), plan, self.occasion)


@dataclass(frozen=True, slots=True)
class Told:
    """What may leave, after the account and the noised sums were saved; `again` says that nothing was drawn."""

    account: Account
    noised: Noised
    again: bool


def tell(account: Account, wish: Wish, kept: Noised | None, entropy: bytes) -> Told | Withheld:
    """Add the noise and charge for it, or say why not; `kept` is what was saved under the wish's name, if anything."""
    if wish.exact.layout != wish.plan.layout:
        raise ValueError("the noise was planned for other sums")
    if wish.plan.rows < account.rows:
        raise ValueError("the noise was planned for people with fewer rows")
    if wish.plan.enough > 1 and not wish.occasion:
        raise ValueError("a share of noise is drawn for one round, which is its occasion")
    charge = account.find(wish.name)
    if charge is not None:
        return _again(account, charge, kept)
    cost = math.ceil(wish.plan.rho * UNIT)
    if account.spent + cost > account.limit:
        return _overdrawn(account, cost)
    drawn = noise(wish.plan.layout, wish.plan.each, entropy, wish.name)
    noised = Noised(wish.name, (wish.exact + drawn).to_bytes())
    charge = Charge(wish.name, wish.federation, cost, _seal(noised), wish.at)
    return Told(account.charged(charge), noised, False)


def _again(account: Account, charge: Charge, kept: Noised | None) -> Told | Withheld:
    if kept is None or kept.release != charge.release or _seal(kept) != charge.told:
        text = "this was told before, and what was told is not at hand: noise is not drawn twice for one release"
        return Withheld("noise drawn once", "", charge.release.hex()[:12], text)
    return Told(account, kept, True)


def _overdrawn(account: Account, cost: int) -> Withheld:
    left = account.left / UNIT
    text = f"a release costs {cost / UNIT:.3g} of the data set's privacy budget (ρ), and {left:.3g} of it is left"
    return Withheld(f"spent <= {account.limit / UNIT:.3g}", "", f"{(account.spent + cost) / UNIT:.3g}", text)


def _seal(noised: Noised) -> bytes:
    return canonical.digest("noised", noised.release, noised.residues)
