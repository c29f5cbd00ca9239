"""A pulse, in whatever mode the federation has."""

from __future__ import annotations

from fedpeer.core.peer import ciphering, rounds, sharing
from fedpeer.core.peer.outcome import Outcome
from fedpeer.core.peer.turn import Turn


def pulse(turn: Turn, *, asked: bool) -> tuple[Outcome, str]:
    """Let what is new leave, by itself or into a sum of several; `asked` if the operator wants it now."""
    match turn.state.roster.exchange.mode:
        case "open":
            return sharing.pulse(turn)
        case "secure":
            return rounds.wanted(turn) if asked else rounds.due(turn)
        case "paillier" | "ckks":
            return ciphering.wanted(turn) if asked else ciphering.due(turn)
