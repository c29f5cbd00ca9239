"""What people are told of proposals to grow a schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fedpeer.node.shapes import Shape

if TYPE_CHECKING:  # a client has these shapes too, and begins without numpy
    from fedpeer.core.federation.exchange import Exchange
    from fedpeer.core.privacy.floor import Policy


class Agreement(Shape, frozen=True):
    """What this node counts its rows under, and what the federation's schema, having grown, has beyond that."""

    schema: str  # digests
    newest: str
    additions: dict[str, Any]
    text: str  # their names, such as stage$IV, bmi; empty if there are none


class Demand(Shape, frozen=True):
    """What the rules ask of a release: the fewest rows of a member, of a change, and of a sum, 0 if none is opened."""

    columns: int
    rows: int
    change: int
    total: int


class Proposal(Shape, frozen=True):
    """What a member would have the schema grow by, and what became of it.

    `now` is what the charter's rules ask where no row lacks anything, and `then` what they would ask if it was accepted
    and rows lack what is new, as those from before do. `short` are the members who, as far as this node sees, would
    have too few rows then: what they shared last would stay.
    """

    id: str
    by: str
    additions: dict[str, Any]  # features and levels in the schema's own spelling
    text: str  # their names, such as stage$IV, bmi
    comment: str
    at: float
    state: str  # sent | open | accepted | declined
    reason: str
    now: Demand | None  # nothing where it is settled, or cannot be
    then: Demand | None
    short: list[str]


def demand(policy: Policy, exchange: Exchange, columns: int) -> Demand:
    """What a policy asks of releases of so many columns, as it counts them."""
    change = policy.change_floor(columns)
    if exchange.mode == "open":
        return Demand(columns, policy.row_floor(columns), change, 0)
    return Demand(columns, policy.masked_floor(columns), change, policy.total_floor(columns))
