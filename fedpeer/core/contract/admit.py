"""The station of the contract: a summary that may go on, or the reason why it may not."""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from enum import Enum
from functools import cache, partial
from typing import Literal

from fedpeer.core.contract.functions import Evidence, measure
from fedpeer.core.contract.grammar import Contract
from fedpeer.core.contract.rules import Verdict, judge
from fedpeer.core.statistics.summary import Summary

_MAKER = object()


class Side(Enum):
    """Where a contract is checked: at the owner before sending, or at a peer before merging."""

    SENDING = "sending"
    RECEIVING = "receiving"


SENDING, RECEIVING = Side.SENDING, Side.RECEIVING


@dataclass(frozen=True, slots=True)
class Admitted:
    """A summary that its contract let through; `failed` if only the action "allow" did. Only `admit` makes one."""

    summary: Summary
    side: Side
    verdicts: tuple[Verdict, ...]
    failed: bool
    maker: InitVar[object]

    def __post_init__(self, maker: object) -> None:
        if maker is not _MAKER:
            raise TypeError("only admit() makes an Admitted")

    @property
    def reason(self) -> str:
        """What failed and was let through all the same; empty if nothing failed."""
        return _reason(self.verdicts)


@dataclass(frozen=True, slots=True)
class Refused:
    """A summary's verdicts, at least one of which failed."""

    side: Side
    verdicts: tuple[Verdict, ...]

    @property
    def reason(self) -> str:
        """The first rule that failed, with what was measured."""
        return _reason(self.verdicts)


def admit(
    summary: Summary, contract: Contract, side: Side, *, peers: int, action: Literal["block", "allow"] = "block"
) -> Admitted | Refused:
    """Judge a summary by every rule of a contract; ContractError if the contract does not fit its schema."""
    contract.validate(summary.schema)
    known = cache(partial(measure, evidence=Evidence(summary, peers)))
    verdicts = tuple(judge(rule, known) for rule in contract.rules)
    failed = not all(verdict.passed for verdict in verdicts)
    if failed and action != "allow":
        return Refused(side, verdicts)
    return Admitted(summary, side, verdicts, failed, _MAKER)


def _reason(verdicts: tuple[Verdict, ...]) -> str:
    failed = [verdict.text for verdict in verdicts if not verdict.passed]
    more = f" (and {len(failed) - 1} more of {len(verdicts)} rules failed)" if len(failed) > 1 else ""
    return failed[0] + more if failed else ""
