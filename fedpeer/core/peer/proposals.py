"""What members would have the schema grow by, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from msgspec.structs import replace

from fedpeer.core import canonical
from fedpeer.core.canonical import Value
from fedpeer.core.errors import SchemaError
from fedpeer.core.statistics.additions import Additions
from fedpeer.core.statistics.extension import beyond
from fedpeer.core.statistics.schema import Schema

# How many that are settled are remembered.
_KEPT = 100
_GONE = "who proposed it is no member any more"

Stage = Literal["sent", "open", "accepted", "declined"]


@dataclass(frozen=True, slots=True)
class Propose:
    """The operator would have the schema grow; answered with the `Proposal`."""

    additions: Additions
    comment: str = ""


@dataclass(frozen=True, slots=True)
class AcceptProposal:
    """The admin's operator lets the schema grow as proposed."""

    proposal: str


@dataclass(frozen=True, slots=True)
class DeclineProposal:
    """The admin's operator does not."""

    proposal: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Agree:
    """The operator lets this node count rows under this schema of the federation; answered with it."""

    schema: str


class Proposal(Value, frozen=True):
    """A member's wish: `sent` until the admin has it, then `open` until the charter has it or the admin declines."""

    id: str
    by: str
    additions: str
    comment: str
    at: int
    state: Stage
    reason: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will become of it."""
        return self.state in {"accepted", "declined"}


def proposal_id(by: str, additions: str, at: int) -> str:
    """What people call a proposal."""
    return canonical.digest("proposal", by.encode(), additions.encode(), at.to_bytes(8, "big")).hex()[:12]


def settled(proposals: Mapping[str, Proposal], schema: Schema) -> Mapping[str, Proposal]:
    """The proposals now that the schema has grown: what it has is accepted, and what it has otherwise cannot be."""
    found = {name: each if each.is_settled else _settled(each, schema) for name, each in proposals.items()}
    return found if found != proposals else proposals


def together(proposals: Mapping[str, Proposal], one: Proposal) -> dict[str, Proposal]:
    """The proposals with one more, or another state of it; of those that are settled only the newest."""
    found = {**proposals, one.id: one}
    over = sorted((each.at, name) for name, each in found.items() if each.is_settled)[:-_KEPT]
    return {name: each for name, each in found.items() if (each.at, name) not in over}


def ended(proposals: Mapping[str, Proposal], by: str) -> Mapping[str, Proposal]:
    """The proposals now that a member is none any more: what it has left open is declined."""
    for each in list(proposals.values()):
        if each.by == by and not each.is_settled:
            proposals = together(proposals, replace(each, state="declined", reason=_GONE))
    return proposals


def _settled(proposal: Proposal, schema: Schema) -> Proposal:
    try:
        rest = beyond(schema, Additions.from_json(proposal.additions))
    except SchemaError as error:
        return replace(proposal, state="declined", reason=str(error))
    return proposal if rest else replace(proposal, state="accepted")
