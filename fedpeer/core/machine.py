"""State machines as tables: the table that runs is the table that the diagrams are drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fedpeer.core.errors import StateError


@dataclass(frozen=True, slots=True)
class Machine:
    """A name, the first state, and (state, event) → state. What is not in the table is illegal."""

    name: str
    first: str
    table: Mapping[tuple[str, str], str]

    def step(self, state: str, event: str) -> str:
        """Return the next state; StateError if this event is illegal in this state."""
        after = self.table.get((state, event))
        if after is None:
            raise StateError(f"{self.name} is {state}: it cannot be {event}")
        return after

    def allows(self, state: str, event: str) -> bool:
        """Whether this event is legal in this state."""
        return (state, event) in self.table

    @property
    def states(self) -> tuple[str, ...]:
        """Every state, the first one first."""
        return tuple(dict.fromkeys([self.first, *(s for s, _ in self.table), *self.table.values()]))

    def diagram(self) -> str:
        """The machine as a Mermaid state diagram."""
        ends = [s for s in self.states if not any(s == before for before, _ in self.table)]
        lines = ["stateDiagram-v2", f"    [*] --> {self.first}"]
        lines += [f"    {before} --> {after}: {event}" for (before, event), after in self.table.items()]
        return "\n".join(lines + [f"    {s} --> [*]" for s in ends])
