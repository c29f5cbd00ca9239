"""The release rules where only a sum of several owners is seen: for each owner's own part, and for the opened sum."""

from __future__ import annotations

from dataclasses import InitVar, dataclass

from fedpeer.core.contract.admit import SENDING, Admitted
from fedpeer.core.privacy.findings import Examined, examine
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.privacy.protect import Withheld
from fedpeer.core.privacy.traces import Past
from fedpeer.core.statistics.summary import Summary

_MAKER = object()


@dataclass(frozen=True, slots=True)
class Maskable:
    """A summary that may go into a sum which hides it: the only thing that can. Only `maskable` makes one."""

    summary: Summary
    maker: InitVar[object]

    def __post_init__(self, maker: object) -> None:
        if maker is not _MAKER:
            raise TypeError("only maskable() makes a Maskable")


def maskable(admitted: Admitted, policy: Policy, last: Summary | None, past: Past | None = None) -> Maskable | Withheld:
    """Apply the release rules to an owner's part of a sum. Its share of noise, if any, comes when the round is known.

    `last` is this owner's part of the newest sum, if any, and `past` of all before, both without noise. Its cells are
    not looked at, as nobody sees them; those of its change are, since it alone may differ between two sums.
    """
    if admitted.side is not SENDING:
        raise TypeError("only a summary admitted for sending is masked")
    found = examined_part(admitted.summary, policy, last, past)
    if found.failed is not None:
        return Withheld.by(found.failed)
    return Maskable(admitted.summary, _MAKER)


def examined_part(summary: Summary, policy: Policy, last: Summary | None, past: Past | None = None) -> Examined:
    """Put an owner's part of a sum to every rule for such, without stopping at the first that fails."""
    return examine(summary, policy, last, past, "masked")


def examined_sum(summary: Summary, policy: Policy, last: Summary | None, past: Past | None = None) -> Examined:
    """Put the opened sum of several owners to every rule; `last` and `past` are the sums opened before."""
    return examine(summary, policy, last, past, "sum")
