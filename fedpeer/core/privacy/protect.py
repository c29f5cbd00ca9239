"""The station of privacy: what may leave the owner's node, or the rule, the place and the number that keep it there."""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import TYPE_CHECKING

from fedpeer.core.contract.admit import SENDING, Admitted
from fedpeer.core.privacy.findings import Examined, Finding, examine
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.privacy.traces import Past
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

if TYPE_CHECKING:
    from fedpeer.core.privacy.purse import Bill
    from fedpeer.core.privacy.veil import Veil

_MAKER = object()


@dataclass(frozen=True, slots=True)
class Shareable:
    """A summary that may be published: the only thing that can be. Only `protect` makes one.

    `risk` is the chance (AUC, 0.5 to 1) of telling whether somebody's row is in it, or in its change since an earlier
    release, whichever is higher. `repeated` says that it is the last release again, so the same bytes are resent.
    Under a policy with noise the summary has it, and `bill` is what must be paid before it leaves.
    """

    summary: Summary
    risk: float
    repeated: bool
    maker: InitVar[object]
    bill: Bill | None = None

    def __post_init__(self, maker: object) -> None:
        if maker is not _MAKER:
            raise TypeError("only protect() makes a Shareable")


@dataclass(frozen=True, slots=True)
class Withheld:
    """Why a summary stays: for the operator's own log, and never for others."""

    rule: str
    feature: str
    measured: str
    text: str

    @classmethod
    def by(cls, finding: Finding) -> Withheld:
        """What a rule that failed says."""
        return cls(finding.rule, finding.feature, finding.measured, finding.text)


def protect(
    admitted: Admitted, policy: Policy, last: Summary | None, past: Past | None = None, *, veil: Veil | None = None
) -> Shareable | Withheld:
    """Apply the release rules to a summary that is to be sent, and then the noise, if the policy asks for it.

    `last` is what this peer released before, if anything, and `past` all that it released before that, without noise.
    The floors hold for a repetition too: whoever joins late has not seen the last release.
    """
    if admitted.side is not SENDING:
        raise TypeError("only a summary admitted for sending is protected")
    summary = admitted.summary
    found = examined(summary, policy, last, past)
    if found.failed is not None:
        return Withheld.by(found.failed)
    if policy.noise is None:
        return Shareable(summary, found.risk, last == summary, _MAKER)
    if veil is None:
        return Withheld("noise", "", "none", "every release here carries noise, and there is nothing to draw it from")
    veiled = veil.over(summary, policy.noise)
    if isinstance(veiled, Withheld):
        return veiled
    return Shareable(veiled.summary, found.risk, last == summary, _MAKER, veiled.bill)


def examined(summary: Summary, policy: Policy, last: Summary | None, past: Past | None = None) -> Examined:
    """Put a summary that others are to see to every release rule, without stopping at the first that fails."""
    return examine(summary, policy, last, past, "alone")


def nothing(schema: Schema) -> Shareable:
    """The empty summary, which takes back what was released before: nobody is in it, so no rule holds it back."""
    return Shareable(Summary.zero(schema), 0.5, False, _MAKER)
