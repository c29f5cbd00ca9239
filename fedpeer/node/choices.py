"""What is told of a model that was chosen; without loading what chooses."""

from __future__ import annotations

from typing import Any

from fedpeer.node.shapes import Fitted, Shape


class Chosen(Shape, frozen=True):
    """A model that was kept because it was the best on rows of a source; `choice` says what it was compared with."""

    model: Fitted
    source: str
    choice: dict[str, Any]
