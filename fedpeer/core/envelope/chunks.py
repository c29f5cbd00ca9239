"""Chunks put together again: opened chunks in, whole contents out, within bounds that no sender can exceed.

1. Chunks belong together when their headers agree in all but number and length; each was signed and opened by itself,
   so nobody but its sender can have put one in, and chunks of two messages never mix.
2. Bounds are on bytes held, per sender and in all, and on messages begun per sender. Whoever exceeds its own loses its
   own oldest; when all together exceed theirs, whoever holds most loses its oldest.
3. What is not whole in time is dropped. Nothing here is saved: after a restart the sender sends again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fedpeer.core.envelope.header import Header
from fedpeer.core.errors import MalformedError

_MOST_BEGUN = 8
_LIFE_S = 600
_MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much an `Assembly` may hold: bytes of one sender, bytes in all. The first must fit the largest message."""

    sender: int = 160 * _MEBIBYTE
    total: int = 512 * _MEBIBYTE


@dataclass(frozen=True, slots=True, repr=False)
class _Partial:
    """The chunks of one message that are here, by index, and when the first came."""

    since: int
    parts: Mapping[int, bytes]
    size: int


@dataclass(frozen=True, slots=True)
class Assembly:
    """Messages of which some chunks are here, oldest first."""

    bounds: Bounds = field(default_factory=Bounds)
    _partials: Mapping[Header, _Partial] = field(default_factory=dict, repr=False)

    @property
    def held(self) -> int:
        """Bytes held."""
        return sum(p.size for p in self._partials.values())

    def add(self, header: Header, content: bytes, now: int) -> tuple[Assembly, bytes | None]:
        """Take an opened chunk in; return its message's whole content if this completes it, and None if not.

        A chunk that is here already changes nothing. MalformedError if it differs from the one that is here.
        """
        if header.count == 1:
            return self, content
        partials, message = self._young(now), header.message
        partial = partials.pop(message, _Partial(now, {}, 0))
        if partial.parts.get(header.index, content) != content:
            raise MalformedError(f"two different chunks {header.index + 1} of one message")
        parts = {**partial.parts, header.index: content}
        if len(parts) == header.count:
            return Assembly(self.bounds, partials), b"".join(parts[i] for i in range(header.count))
        partials[message] = _Partial(partial.since, parts, sum(map(len, parts.values())))
        return Assembly(self.bounds, self._bounded(partials, header.sender)), None

    def _young(self, now: int) -> dict[Header, _Partial]:
        return {h: p for h, p in self._partials.items() if p.since + _LIFE_S > now and h.expires_at > now}

    def _bounded(self, partials: dict[Header, _Partial], sender: str) -> dict[Header, _Partial]:
        while _held(partials, sender) > self.bounds.sender or sum(h.sender == sender for h in partials) > _MOST_BEGUN:
            del partials[_oldest(partials, sender)]
        while sum(p.size for p in partials.values()) > self.bounds.total:
            greedy = max({h.sender for h in partials}, key=lambda s: (_held(partials, s), s))
            del partials[_oldest(partials, greedy)]
        return partials


def _held(partials: Mapping[Header, _Partial], sender: str) -> int:
    return sum(p.size for h, p in partials.items() if h.sender == sender)


def _oldest(partials: Mapping[Header, _Partial], sender: str) -> Header:
    return min((h for h in partials if h.sender == sender), key=lambda h: partials[h].since)
