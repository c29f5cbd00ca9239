"""What is said of a bridge: which federation's total a node brings into another as its own contribution there."""

from __future__ import annotations

from dataclasses import dataclass

from fedpeer.core.canonical import Value
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.statistics.summary import Summary


class Inflow(Value, frozen=True):
    """The federation that is brought here, all federations whose totals are in its own, and its release rules."""

    source: str
    name: str
    through: tuple[str, ...]
    policy: Policy


@dataclass(frozen=True, slots=True)
class SetBridge:
    """The admin's operator lets this federation's total be brought into another, or no longer."""

    target: str
    name: str
    on: bool


@dataclass(frozen=True, slots=True)
class Bridged:
    """A federation's total, all of it, takes the place of what was brought here before; None: nothing any more."""

    inflow: Inflow
    summary: Summary | None
