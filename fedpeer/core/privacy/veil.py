"""The station of noise: what the release rules let through gets the noise that the charter asks for, and is paid for.

Contracts and release rules have looked at the exact sums before. Alone, an owner brings all of the noise. In a sum that
hides its parts each brings a share, so that those of any `least` contributors, less the ones who collude, are enough:
whoever drops out takes its share along, and the round opens nothing when fewer than that are left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fedpeer.core.privacy.budget import Wish, tell
from fedpeer.core.privacy.plan import Noise
from fedpeer.core.privacy.protect import Withheld
from fedpeer.core.privacy.purse import Bill, Purse
from fedpeer.core.statistics.noised import Variances, scales, settled
from fedpeer.core.statistics.residues import Residues, integer, integers
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

_TAIL = 64  # standard deviations that noise exceeds with a chance below 2⁻²⁹⁰⁰


@dataclass(frozen=True, slots=True)
class Veiled:
    """Sums with their noise, and the bill that must be paid, and saved, before they leave."""

    summary: Summary
    bill: Bill


@dataclass(frozen=True, slots=True)
class Veil:
    """What noise is drawn from and paid with in one step: `entropy` is 32 unpredictable bytes used for nothing else.

    `occasion` is empty where an owner tells its own sums, and else the id of the round, which opens nothing of fewer
    than `least` contributors.
    """

    purse: Purse
    federation: str
    entropy: bytes
    at: int = 0
    occasion: bytes = b""
    least: int = 1

    def over(self, summary: Summary, noise: Noise) -> Veiled | Withheld:
        """Add the noise, which is to be paid for, or say why not."""
        account = self.purse.account
        if account is None:
            text = "every release here carries noise, and this node has no privacy budget to pay it from"
            return Withheld("privacy budget", "", "none", f"{text} (privacy.epsilon)")
        if noise.rows < account.rows:
            text = f"the noise hides people of up to {noise.rows} rows, and this data set declares up to {account.rows}"
            return Withheld(f"rows of a person <= {noise.rows}", "", str(account.rows), text)
        unknown = shares(noise, self.least) if self.occasion else 1
        if unknown < 1:
            text = f"of {self.least} contributors {noise.colluders} may collude: nobody is left whose noise they lack"
            return Withheld(f"contributors > {noise.colluders}", "", str(self.least), text)
        plan = noise.plan(summary.schema, unknown)
        wish = Wish(summary.residues, plan, self.federation, self.occasion, self.at)
        told = tell(account, wish, self.purse.kept.get(wish.name), self.entropy)
        if isinstance(told, Withheld):
            return told
        residues = Residues.from_bytes(plan.layout, told.noised.residues)
        veiled = Summary(summary.schema, settled(summary.schema, residues, plan.variances), plan.variances)
        charge = told.account.find(wish.name)
        if charge is None:
            raise ValueError("what is told is charged for")
        return Veiled(veiled, Bill(told.noised, charge))


def shares(noise: Noise, least: int) -> int:
    """How many contributors' noise is unknown to those who collude, at least, in a sum of at least so many."""
    return least - noise.colluders


def carried(noise: Noise, schema: Schema, least: int, survivors: int) -> Variances:
    """The variances in an opened sum of so many contributors, each of which brought its share."""
    return tuple(survivors * variance for variance in noise.plan(schema, max(1, shares(noise, least))).variances)


def knows(purse: Purse, summary: Summary) -> bool:
    """Whether these sums with noise are among what was told and is kept."""
    schema, layout = summary.schema, summary.residues.layout
    size = len(summary.residues.to_bytes())
    told = (noised.residues for noised in purse.kept.values() if len(noised.residues) == size)
    return any(settled(schema, Residues.from_bytes(layout, each), summary.noise) == summary.residues for each in told)


def unlikely(summary: Summary) -> str | None:
    """Say why no rows under this schema, with the noise that the summary is to carry, could give these sums, or None.

    It holds for noise up to 64 standard deviations. What is exact may claim to have noise: that cannot be seen.
    """
    schema, residues, variances = summary.schema, summary.residues, summary.noise
    if settled(schema, residues, variances) != residues:
        return "what is there twice is there in two ways"
    most = [_TAIL * (math.isqrt(variance) + 1) if variance else 0 for variance in variances]
    rows = integer(residues.part("rows")[0])
    if not -most[0] <= rows <= schema.row_bound + most[0]:
        return f"{rows} rows"
    there = min(max(rows, 0) + most[0], schema.row_bound)
    for block, part, slack, units in zip(residues.layout, residues.parts, most, scales(schema), strict=True):
        if any(abs(value) > unit * (there + slack) for value, unit in zip(integers(part), units, strict=True)):
            return f"{block.name}: more than {rows} rows can have"
    return None
