"""Whose rows are explored, with whose consent, and what is asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fedpeer.core.errors import PermissionRefusedError, RequestError, UnknownError
from fedpeer.core.identity import PeerId
from fedpeer.core.peer.state import Peer
from fedpeer.core.statistics.explore import explore
from fedpeer.core.statistics.metrics import measure
from fedpeer.core.statistics.summary import Summary

DIFFERENCE = "difference"  # what other rows are for, unless a metric is named


@dataclass(frozen=True, slots=True)
class Asked:
    """Features, a metric or "" for the plain descriptions, and the metric's options."""

    features: tuple[str, ...]
    metric: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


def answered(asked: Asked, summary: Summary, other: Summary | None = None) -> dict[str, Any]:
    """The answer about a summary; with other rows and no metric, how the two differ."""
    if asked.metric or other is not None:
        return measure(summary, asked.metric or DIFFERENCE, asked.features, options=asked.options, other=other)
    if asked.options:
        raise RequestError("options belong to a metric, and none is named", hint="docs/statistics.md lists them")
    explored = explore(summary)
    match asked.features:
        case ():
            return {"univariate": {f.name: explored.univariate(f.name) for f in summary.schema.features}}
        case (one,):
            return explored.univariate(one)
        case (one, other_one):
            return explored.bivariate(one, other_one)
        case _:
            raise RequestError("name one feature, two, or none for all", hint="a metric may take more")


def whose(peer: Peer, of: str) -> Summary:
    """The summary that people mean; a peer's alone only with that peer's consent."""
    if of in {"total", "local"}:
        return peer.ledger.total if of == "total" else peer.local
    member = known(peer, of)
    held, heard = peer.ledger.held.get(member), peer.session.heard.get(member)
    if member != peer.me.peer and not (heard and heard.status.explorable):
        raise PermissionRefusedError(
            f"{of[:64]} does not let others explore its contribution alone", hint="ask its operator to allow it"
        )
    if held is None:
        raise UnknownError(f"{of[:64]} has not contributed yet")
    return held.summary


def compared(peer: Peer, of: str, against: str) -> Summary:
    """The other rows: a member's, this node's, or those of everybody but `of` ("rest"); never some of the same rows."""
    if "total" in {of, against}:
        raise RequestError(
            "the total has everybody's rows in it", hint="compare local or a member with rest or a member"
        )
    one = _member(peer, of)
    if against != "rest":
        if _member(peer, against) == one:
            raise RequestError(f"{of[:64]} and {against[:64]} are the same rows")
        return whose(peer, against)
    others = [member for member in peer.ledger.contributors if member != one]
    if not others:
        raise UnknownError("nobody else has contributed yet")
    if len(others) == 1:  # the rest is one peer alone, which takes that peer's consent
        return whose(peer, others[0])
    total = peer.ledger.total
    return total - peer.ledger.held[one].summary if one in peer.ledger.contributors else total


def _member(peer: Peer, of: str) -> PeerId:
    return peer.me.peer if of == "local" else known(peer, of)


def known(peer: Peer, member: str) -> PeerId:
    """A member's id from its id or its name; UnknownError if none or several fit."""
    if member in peer.roster.members:
        return PeerId(member)
    fits = [p for p in peer.roster.active if peer.roster.members[p].card.name == member]
    if len(fits) != 1:
        raise UnknownError(f"{len(fits) or 'no'} members are called {member[:64]!r}", hint="`fedpeer peers` lists them")
    return fits[0]
