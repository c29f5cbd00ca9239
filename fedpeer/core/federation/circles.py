"""Circles: whose vectors a sum is of, by the version of each, and what two sums show together."""

from __future__ import annotations

from collections.abc import Mapping

from fedpeer.core import canonical
from fedpeer.core.errors import MalformedError
from fedpeer.core.federation.exchange import LEAST
from fedpeer.core.identity import PeerId

Versions = Mapping[PeerId, bytes]


class _Circle(canonical.Value, frozen=True, array_like=True):
    peer: str
    version: bytes


def circle(versions: Versions) -> tuple[str, bytes]:
    """A set of contributors with their versions as it is kept, under a name that is the same for the same set."""
    data = canonical.encode(tuple(_Circle(peer, version) for peer, version in sorted(versions.items())))
    return canonical.digest("circle", data).hex()[:32], data


def check_circle(name: str, data: bytes) -> Versions:
    """Read what `circle` writes; MalformedError if it is something else, or has another name."""
    versions = {PeerId(each.peer): each.version for each in canonical.decode(data, tuple[_Circle, ...])}
    if circle(versions) != (name, data):
        raise MalformedError(f"the circle {name} of a round was altered")
    return versions


def moved(new: Versions, old: Versions) -> int:
    """How many have come, gone, or brought another vector: the difference of two sums is theirs together."""
    return sum(new.get(peer) != old.get(peer) for peer in new.keys() | old.keys())


def distinct(new: Versions, old: Versions) -> bool:
    """Whether two sums may both be opened: they are of the same vectors, or enough have moved to hide each other."""
    return not 0 < moved(new, old) < LEAST
