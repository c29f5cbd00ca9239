"""What a node keeps of the privacy budget of its data set: the account, and what was told under noise.

It is the node's and not a federation's: what is told here and there adds up. All of it is saved in the same change of
the store as what leaves, and before that leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from fedpeer.core import canonical
from fedpeer.core.errors import MalformedError
from fedpeer.core.privacy.budget import Account, Charge, Noised

_ACCOUNT, _TOLD = "secret/account/", "secret/told/"


@dataclass(frozen=True, slots=True)
class Declared:
    """What an owner declares of a data set: its name, the (ε, 10**−exponent) that may be spent, rows of a person."""

    dataset: str
    epsilon: Fraction
    exponent: int
    rows: int = 1


@dataclass(frozen=True, slots=True)
class Bill:
    """Sums with noise that are about to leave, and what is to be charged for them."""

    noised: Noised = field(repr=False)
    charge: Charge


@dataclass(frozen=True, slots=True)
class Purse:
    """The account of a node's data set and what was told, by the names of releases; no account where none is declared.

    Nothing is ever taken out of it.
    """

    account: Account | None = None
    kept: Mapping[bytes, Noised] = field(default_factory=dict)

    @classmethod
    def restored(cls, records: Mapping[str, bytes], declared: Declared | None) -> Purse:
        """What these records of a node hold for the data set that is declared; MalformedError if they are not whole."""
        if declared is None:
            return cls()
        terms = {"exponent": declared.exponent, "rows": declared.rows}
        name = _ACCOUNT + declared.dataset
        if name not in records:
            return cls(Account.opened(declared.dataset, declared.epsilon, **terms))
        account = Account.from_bytes(records[name]).declared(declared.epsilon, **terms)
        if account.dataset != declared.dataset:
            raise MalformedError(f"the privacy account of {account.dataset!r} under the name of {declared.dataset!r}")
        told = (records.get(_TOLD + charge.told.hex()) for charge in account.charges)
        kept = [canonical.decode(data, Noised) for data in told if data is not None]
        return cls(account, {noised.release: noised for noised in kept})

    def changes(self, before: Purse) -> dict[str, bytes]:
        """The records that must be written so that the store holds this purse instead of an earlier one."""
        if self.account is None or self.account is before.account:
            return {}
        new = [n for name, n in self.kept.items() if name not in before.kept]
        found = {_TOLD + charge.told.hex(): n for n in new if (charge := self.account.find(n.release))}
        told = {name: canonical.encode(noised) for name, noised in found.items()}
        return {_ACCOUNT + self.account.dataset: self.account.to_bytes(), **told}

    def affords(self, bill: Bill) -> bool:
        """Whether it was paid, or can be."""
        account = self.account
        if account is None:
            return False
        return account.find(bill.charge.release) is not None or bill.charge.cost <= account.left

    def paid(self, bill: Bill) -> Purse:
        """The purse once this was paid, whether or not there was enough; the same purse if it had been."""
        if self.account is None:
            raise ValueError("there is no account to pay from")
        account = self.account.charged(bill.charge)
        return self if account is self.account else Purse(account, {**self.kept, bill.noised.release: bill.noised})

    def forgotten(self, signed: bytes, federation: str, cost: int, at: int) -> Purse:
        """The purse charged for something that left this node and that it does not know: a backup was restored."""
        if self.account is None:
            return self
        name = canonical.digest("forgotten release", signed)
        account = self.account.charged(Charge(name, federation, cost, canonical.digest("forgotten", signed), at))
        return self if account is self.account else Purse(account, self.kept)
