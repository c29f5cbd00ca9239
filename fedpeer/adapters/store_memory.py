"""The store in memory: for tests and simulations; a power cut is `copy`, a full disk is `refuse`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

from fedpeer.core.errors import PledgeError, StoreError
from fedpeer.ports import KEPT_PLEDGES, PLEDGE_BYTES, Commit, Entry, Outgoing


class MemoryStore:
    """A Store that lives as long as its process. While `refuse` holds a text, every write raises it as StoreError."""

    def __init__(self, *, keep_entries: int = 10_000) -> None:
        self.refuse = ""
        self._keep = keep_entries
        self._closed = False
        self._records: dict[tuple[str, str], bytes] = {}
        self._outbox: dict[int, Outgoing] = {}
        self._entries: list[Entry] = []
        self._pledges: dict[str, dict[str, bytes]] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._last_outgoing = 0
        self._last_entry = 0

    def copy(self) -> MemoryStore:
        """Return an independent open store with the same content: what a restart or a backup would find."""
        twin = MemoryStore(keep_entries=self._keep)
        twin._records, twin._outbox, twin._entries = dict(self._records), dict(self._outbox), list(self._entries)
        twin._pledges = {scope: dict(pledges) for scope, pledges in self._pledges.items()}
        twin._counts = self._counts.copy()
        twin._last_outgoing, twin._last_entry = self._last_outgoing, self._last_entry
        return twin

    def scopes(self) -> list[str]:
        """Every scope that has records, sorted."""
        self._check()
        return sorted({scope for scope, _ in self._records})

    def load(self, scope: str) -> dict[str, bytes]:
        """Every record of a scope by name."""
        self._check()
        return {name: value for (owner, name), value in self._records.items() if owner == scope}

    def commit(self, change: Commit) -> list[int]:
        """Apply a change; return the outbox ids given to `change.outbox`, in order."""
        self._check(writing=True)
        entries = [_kept(entry, self._last_entry + i) for i, entry in enumerate(change.entries, start=1)]
        self._pledge(change.pledges)
        for place, value in change.records.items():
            if value is None:
                self._records.pop(place, None)
            else:
                self._records[place] = bytes(value)
        for number in change.sent:
            self._outbox.pop(number, None)
        self._last_entry += len(entries)
        self._append(entries)
        return [self._enqueue(outgoing) for outgoing in change.outbox]

    def pending(self) -> list[tuple[int, Outgoing]]:
        """The outbox, oldest first."""
        self._check()
        return sorted(self._outbox.items())

    def entries(
        self,
        scope: str | None = None,
        *,
        kinds: Sequence[str] = (),
        levels: Sequence[str] = (),
        after: int = 0,
        before: int = 0,
        limit: int = 100,
        newest_first: bool = True,
    ) -> list[Entry]:
        """Page through the timeline by entry ids, both ends excluded; 0 for an open end."""
        self._check()
        found = [
            entry
            for entry in self._entries
            if (scope is None or entry.scope == scope)
            and (not kinds or entry.kind in kinds)
            and (not levels or entry.level in levels)
            and entry.id > after
            and (not before or entry.id < before)
        ]
        return (found[::-1] if newest_first else found)[: max(limit, 0)]

    def clear_entries(self, scope: str, kinds: Sequence[str], levels: Sequence[str] = ()) -> int:
        """Forget the entries of these kinds and levels; return how many there were."""
        self._check(writing=True)
        gone = [e for e in self._entries if e.scope == scope and e.kind in kinds and (not levels or e.level in levels)]
        self._entries = [entry for entry in self._entries if entry not in gone]
        self._counts.subtract((entry.scope, entry.kind) for entry in gone)
        return len(gone)

    def close(self) -> None:
        """Close for good."""
        self._closed = True

    def _check(self, *, writing: bool = False) -> None:
        if self._closed:
            raise StoreError("the store in memory is closed")
        if writing and self.refuse:
            raise StoreError(self.refuse)

    def _pledge(self, pledges: Mapping[tuple[str, str], bytes]) -> None:
        for (scope, name), value in pledges.items():
            if self._pledges.get(scope, {}).get(name, value) != value:
                raise PledgeError.of(scope, name)
            if len(value) > PLEDGE_BYTES:
                raise StoreError(f"the pledge {name} is longer than {PLEDGE_BYTES} bytes")
        for (scope, name), value in pledges.items():
            kept = self._pledges.setdefault(scope, {})
            kept.setdefault(name, bytes(value))
            if len(kept) > KEPT_PLEDGES:
                del kept[next(iter(kept))]

    def _enqueue(self, outgoing: Outgoing) -> int:
        if outgoing.slot:
            for number, other in list(self._outbox.items()):
                if (other.scope, other.slot) == (outgoing.scope, outgoing.slot):
                    del self._outbox[number]
        self._last_outgoing += 1
        self._outbox[self._last_outgoing] = outgoing
        return self._last_outgoing

    def _append(self, entries: Sequence[Entry]) -> None:
        self._entries += entries
        self._counts.update((entry.scope, entry.kind) for entry in entries)
        for key in {(entry.scope, entry.kind) for entry in entries}:
            excess = self._counts[key] - self._keep
            if excess > 0:
                same = (entry.id for entry in self._entries if (entry.scope, entry.kind) == key)
                oldest = set(islice(same, excess))
                self._entries = [entry for entry in self._entries if entry.id not in oldest]
                self._counts[key] = self._keep


def _kept(entry: Entry, number: int) -> Entry:
    """Return the entry as a disk would give it back: its data through JSON."""
    try:
        data = json.loads(json.dumps(dict(entry.data), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise StoreError(f"a timeline entry of kind {entry.kind} holds what JSON cannot: {error}") from None
    return replace(entry, data=data, id=number)
