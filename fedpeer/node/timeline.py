"""What happened, newest last: bounded in memory for reading, and told at once to whoever watches.

The store keeps the same entries for the next start; reading never waits for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from itertools import islice

from fedpeer.ports import Entry

WATCHER_KEEPS = 1_000


def printable(text: str) -> str:
    """Return a text with what a terminal would obey, or not show, written out: some of it may be from others."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


class Timeline:
    """Entries of all scopes in the order of their ids."""

    def __init__(self, entries: Sequence[Entry], *, keep: int) -> None:
        """Begin with the stored entries, oldest first."""
        self._entries: deque[Entry] = deque(entries, maxlen=keep)
        self._faults = deque(filter(_bad, self._entries))  # the same but for info: few, and asked for often
        self._watchers: set[asyncio.Queue[Entry | None]] = set()

    def extend(self, entries: Sequence[Entry]) -> None:
        """Add stored entries and tell the watchers; one who does not keep up is let go."""
        self._entries.extend(entries)
        self._faults.extend(filter(_bad, entries))
        while self._faults and self._faults[0].id < self._entries[0].id:
            self._faults.popleft()
        for queue in list(self._watchers):
            self._tell(queue, entries)

    def page(
        self,
        scope: str,
        *,
        kinds: Sequence[str] = (),
        levels: Sequence[str] = (),
        after: int = 0,
        before: int = 0,
        limit: int = 100,
    ) -> list[Entry]:
        """Entries of a scope ("" for all), newest first, with after < id < before; empty filters mean all."""
        fit = (
            e
            for e in reversed(self._faults if levels and "info" not in levels else self._entries)
            if (not scope or e.scope == scope)
            and (not kinds or e.kind in kinds)
            and (not levels or e.level in levels)
            and e.id > after
            and (not before or e.id < before)
        )
        return list(islice(fit, limit))

    def clear(self, scope: str, kinds: Sequence[str], levels: Sequence[str]) -> int:
        """Forget entries of a scope; returns how many."""
        kept = [e for e in self._entries if not (e.scope == scope and e.kind in kinds and e.level in levels)]
        gone = len(self._entries) - len(kept)
        self._entries = deque(kept, maxlen=self._entries.maxlen)
        self._faults = deque(filter(_bad, kept))
        return gone

    async def watch(self) -> AsyncIterator[Entry]:
        """Entries from now on; ends when the node stops or the reader is too slow."""
        queue: asyncio.Queue[Entry | None] = asyncio.Queue()
        self._watchers.add(queue)
        try:
            while (entry := await queue.get()) is not None:
                yield entry
        finally:
            self._watchers.discard(queue)

    def close(self) -> None:
        """Let every watcher go."""
        for queue in list(self._watchers):
            queue.put_nowait(None)

    def _tell(self, queue: asyncio.Queue[Entry | None], entries: Sequence[Entry]) -> None:
        if queue.qsize() + len(entries) > WATCHER_KEEPS:
            self._watchers.discard(queue)
            queue.put_nowait(None)
            return
        for entry in entries:
            queue.put_nowait(entry)


def _bad(entry: Entry) -> bool:
    return entry.level != "info"
