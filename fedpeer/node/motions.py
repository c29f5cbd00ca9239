"""What people are told of proposals to grow a schema."""

from __future__ import annotations

from typing import Any

from fedpeer.node.shapes import Shape


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
