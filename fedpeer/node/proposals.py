"""What people are told of proposals to grow a schema."""

from __future__ import annotations

from typing import Any

from fedpeer.node.shapes import Shape


class Agreement(Shape, frozen=True):
    """What this node counts its rows under, and what the federation's schema, having grown, has beyond that."""

    schema: str  # digests
    newest: str
    additions: dict[str, Any]
    text: str  # their names, such as stage$IV, bmi; empty if there are none


class Proposal(Shape, frozen=True):
    """What a member would have the schema grow by, and what became of it."""

    id: str
    by: str
    additions: dict[str, Any]  # features and levels in the schema's own spelling
    text: str  # their names, such as stage$IV, bmi
    comment: str
    at: float
    state: str  # sent | open | accepted | declined
    reason: str
