"""The round under a cipher that a peer is in. It lives as long as the process: who restarts has dropped out of it."""

from __future__ import annotations

from dataclasses import dataclass

from fedpeer.core.federation.sealed.seat import Early, State
from fedpeer.core.federation.sealed.terms import Terms

_AGAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Sitting:
    """A round, and where our part in it stands: nowhere, if it has ended or we have none.

    `said_at` is when others were last reminded of what we wait for, after the beginning.
    """

    terms: Terms
    began_at: float
    state: State | Early | None = None
    said_at: float = 0.0

    @property
    def running(self) -> bool:
        """Whether something is still expected of this round here."""
        return self.state is not None

    def reminds(self, now: float) -> bool:
        """Whether to remind others: soon, and then ever more seldom."""
        last = max(self.said_at, self.began_at)
        return now - last >= max(_AGAIN_S, (last - self.began_at) / 2)


@dataclass(frozen=True, slots=True)
class Sealed:
    """The newest round here; whether somebody has called for another, and whether our operator wants us in it."""

    sitting: Sitting | None = None
    called: bool = False
    willing: bool = False
