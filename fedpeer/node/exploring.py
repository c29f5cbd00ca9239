"""Whose rows are explored, with whose consent, and what is asked of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fedpeer.core.errors import PermissionRefusedError, RequestError, UnknownError
from fedpeer.core.identity import PeerId
from fedpeer.core.peer.project import Project
from fedpeer.core.peer.state import Peer
from fedpeer.core.statistics.explore import explore
from fedpeer.core.statistics.metrics import measure
from fedpeer.core.statistics.summary import Summary

DIFFERENCE = "difference"  # what other rows are for, unless a metric is named

_EACH = "each"


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


def prepared(peer: Peer | Project, asked: Asked, of: str, against: str) -> tuple[Summary, Callable[[], dict[str, Any]]]:
    """The rows that are meant, and the work on them, which may take long; "each" part of the total has its answer."""
    if isinstance(peer, Project):
        summary = whose(peer, of)
        return summary, lambda: answered(asked, summary)
    if of == _EACH:
        return peer.ledger.total, _each(peer, asked, against)
    summary, other = whose(peer, of), compared(peer, of, against) if against else None
    return summary, lambda: answered(asked, summary, other)


def _each(peer: Peer, asked: Asked, against: str) -> Callable[[], dict[str, Any]]:
    if against not in {"", "rest"}:
        raise RequestError("each part of the total is compared with its rest only", hint="against: rest")
    total, found = peer.ledger.total, parts(peer)
    if against and len(found) < 2:
        raise UnknownError("there is one part of the rows that may be shown, and nothing to compare it with")
    return lambda: {"parts": {n: answered(asked, p, total - p if against else None) for n, p in found.items()}}


def whose(peer: Peer | Project, of: str) -> Summary:
    """The rows that people mean: total, local, rest, `rest of` whom, a member's, or several members' with commas.

    PermissionRefusedError where the answer, together with others that are given, would show a peer alone that does not
    let others explore it.
    """
    if isinstance(peer, Project):
        if of not in {"total", "local"}:
            raise RequestError(f"a project has nobody else's rows, so none of {of[:64]!r}", hint="leave out whose")
        return peer.local
    if of == "total":
        _check_shown(peer)
    if of != "local":
        _check_received(peer)
    if of in {"total", "local"}:
        return peer.ledger.total if of == "total" else peer.local
    return _shown(peer, _chosen(peer, of), of)


def members(peer: Peer, of: str) -> list[PeerId]:
    """The members whose rows `whose` gives."""
    return sorted(_chosen(peer, of))


def compared(peer: Peer, of: str, against: str) -> Summary:
    """The other rows, as `whose` has them, or those of everybody but `of` ("rest"); never some of the same rows."""
    if "total" in {of, against}:
        raise RequestError(
            "the total has everybody's rows in it", hint="compare local or a member with rest or a member"
        )
    one = _chosen(peer, of)
    other = frozenset(peer.ledger.contributors) - one if against == "rest" else _chosen(peer, against)
    if one & other:
        raise RequestError(f"{of[:64]} and {against[:64]} have the same rows in them")
    return peer.local if against == "local" else _shown(peer, other, against)


def parts(peer: Peer) -> dict[str, Summary]:
    """The total in as many parts as may be shown, by name: members alone, and those who would not be as one part."""
    _check_apart(peer)
    together = _together(peer)
    alone = [frozenset({member}) for member in peer.ledger.contributors if member not in together]
    every = [*alone, *([together] if together else [])]
    return {_names(peer, members): _shown(peer, members, "a part") for members in every}


def _shown(peer: Peer, members: frozenset[PeerId], of: str) -> Summary:
    """What these members have in the total, if that may be shown; what one of them sent, also if it does not count."""
    _check_apart(peer)
    if not members:
        raise UnknownError("nobody else has contributed yet")
    _permit(peer, members)
    missing = sorted(members - peer.ledger.held.keys())
    if missing:
        raise UnknownError(f"{_names(peer, missing)[:64]} has not contributed yet")
    if len(members) == 1:
        return peer.ledger.held[min(members)].summary
    idle = sorted(members - set(peer.ledger.contributors))
    if idle:
        raise UnknownError(f"{of[:64]}: {_names(peer, idle)[:64]} is not counted in the total")
    return peer.ledger.subset(members)


def _check_shown(peer: Peer) -> None:
    """PermissionRefusedError where the sum of all is somebody else's alone."""
    roster = peer.roster
    if roster.exchange.mode == "paillier" and roster.part(peer.me.peer) != "beneficiary":
        holder = roster.members[roster.holder("beneficiary")].card.name if roster.holds("beneficiary") else "nobody yet"
        me = roster.part(peer.me.peer)
        raise PermissionRefusedError(
            f"in paillier mode only the beneficiary, {holder}, sees the sum; this node is a {me}",
            hint="ask its operator for the model, or look at this node's own rows (local)",
        )


def _check_received(peer: Peer) -> None:
    """PermissionRefusedError at a member that no contributions come to."""
    if peer.roster.exchange.centralised and not peer.is_admin:
        raise PermissionRefusedError(
            "this federation is centralised: its admin alone receives contributions",
            hint="ask for this node's own rows (local), or ask the admin",
        )


def _check_apart(peer: Peer) -> None:
    """PermissionRefusedError where nothing but the sum of all was ever seen."""
    mode = peer.roster.exchange.mode
    if peer.roster.exchange.summed:
        raise PermissionRefusedError(
            f"in {mode} mode only the sum of all is seen, and no member's rows by themselves",
            hint="ask for the total, or for this node's own rows (local)",
        )


def _permit(peer: Peer, members: frozenset[PeerId]) -> None:
    """Whoever did not consent is in a sum with all others who did not, or not in it: what is shown has them as one."""
    together = _together(peer)
    silent = {p for p in members if not _consents(peer, p)} | (members & together)
    if not silent or (silent == together and len(members) > 1):
        return
    refusing = sorted(p for p in silent if not _consents(peer, p))
    if refusing:
        verb, whose_ = ("does", "its contribution") if len(refusing) == 1 else ("do", "their contributions")
        raise PermissionRefusedError(
            f"{_names(peer, refusing)[:200]} {verb} not let others explore {whose_} alone",
            hint="ask its operator to allow it; all who do not are shown together only",
        )
    last = next(p for p in sorted(together) if not _consents(peer, p))
    raise PermissionRefusedError(
        f"less what is asked for, the total would show {_names(peer, [last])[:64]} alone, which does not let others",
        hint="ask its operator to allow it",
    )


def _together(peer: Peer) -> frozenset[PeerId]:
    """Contributors that are shown as one: those who did not consent; if that is one, all but this node.

    For everything else can be subtracted from the total, and what is left would be that one alone.
    """
    others = frozenset(peer.ledger.contributors) - {peer.me.peer}
    silent = frozenset(p for p in others if not _consents(peer, p))
    return others if len(silent) == 1 else silent


def _consents(peer: Peer, member: PeerId) -> bool:
    heard = peer.session.heard.get(member)
    return member == peer.me.peer or bool(heard and heard.status.explorable)


def _chosen(peer: Peer, of: str) -> frozenset[PeerId]:
    """The members that a text names."""
    everybody, of = frozenset(peer.ledger.contributors), of.strip()
    if of == "total":
        return everybody
    if of == "local":
        return frozenset({peer.me.peer})
    if of == "rest" or of.startswith("rest of "):
        return everybody - _chosen(peer, of.removeprefix("rest").removeprefix(" of ") or "local")
    if "," in of and not _called(peer, of):
        return frozenset[PeerId]().union(*(_chosen(peer, part) for part in of.split(",")))
    return frozenset({known(peer, of)})


def _names(peer: Peer, members: Iterable[PeerId]) -> str:
    cards = {member: peer.roster.members[member].card.name for member in sorted(members)}
    return ", ".join(f"{name} {p[:10]}" if len(_called(peer, name)) > 1 else name for p, name in cards.items())


def known(peer: Peer, member: str) -> PeerId:
    """A member's id from its id or its name; UnknownError if none or several fit."""
    if member in peer.roster.members:
        return PeerId(member)
    fits = _called(peer, member)
    if len(fits) != 1:
        raise UnknownError(f"{len(fits) or 'no'} members are called {member[:64]!r}", hint="`fedpeer peers` lists them")
    return fits[0]


def _called(peer: Peer, name: str) -> list[PeerId]:
    return [p for p in peer.roster.active if peer.roster.members[p].card.name == name]
