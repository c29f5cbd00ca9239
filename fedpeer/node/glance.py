"""What was made of a state for people, kept for as long as that is the state: they ask more often than it changes."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, TypeVar

from fedpeer.core.peer.project import Project
from fedpeer.core.peer.state import Peer

T = TypeVar("T")


class Glances:
    """Remembers one view of each kind and membership or project.

    A state that is gone is not held: it may have had secrets.
    """

    def __init__(self) -> None:
        """Nothing yet."""
        self._made: dict[tuple[str, str], tuple[weakref.ref[Peer | Project], object, Any]] = {}

    def of(self, kind: str, state: Peer | Project, more: object, make: Callable[[], T]) -> T:
        """What `make` gives for a state and whatever else it is made of (`more`): made anew if one of them changed."""
        place = (kind, state.id if isinstance(state, Project) else state.federation)
        known = self._made.get(place)
        if known is not None and known[0]() is state and known[1] == more:
            found: T = known[2]
            return found
        made = make()
        self._made[place] = (weakref.ref(state), more, made)
        return made
