"""The charter: one signed, hash-chained log of everything the admin decides.

1. Entry 0 founds the federation; its hash is the federation's id, so the id vouches for the admin's keys.
2. Every later entry names the federation, its own number and the hash of the entry before it, and is signed by
   the admin.
3. A member keeps the bytes as received and replays them; it never re-encodes what it verifies.
4. An entry that differs from one we hold at the same number, with a good signature, proves a fork: the admin's key has
   said two things. That is an alarm, and rounds stop until people have looked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fedpeer.core import canonical
from fedpeer.core.canonical import Value
from fedpeer.core.envelope.keys import Identity, verify
from fedpeer.core.errors import CharterError, ForkError
from fedpeer.core.federation.decisions import Decision, Founded
from fedpeer.core.federation.roster import Roster
from fedpeer.core.identity import FederationId, federation_id

LABEL = "charter entry"


class Entry(Value, frozen=True):
    """One decision in its place. `federation` is empty in entry 0, whose hash it is."""

    federation: str
    version: int
    previous: bytes
    at: int
    decision: Decision


class SignedEntry(Value, frozen=True):
    """The bytes of an entry and the admin's signature of them."""

    body: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Charter:
    """The chain so far and what it means. `entries` are signed entries as received; `hashes` go with them."""

    federation: FederationId
    entries: tuple[bytes, ...]
    hashes: tuple[bytes, ...]
    roster: Roster

    @property
    def version(self) -> int:
        """The number of the newest entry."""
        return len(self.entries) - 1

    @property
    def head(self) -> bytes:
        """The hash of the newest entry."""
        return self.hashes[-1]

    @classmethod
    def found(cls, founding: Founded, identity: Identity, at: int) -> Charter:
        """Found a federation with `identity` as its admin."""
        return cls.open(_signed(Entry("", 0, b"", at, founding), identity))

    @classmethod
    def open(cls, founding: bytes, expected: str | None = None) -> Charter:
        """Read entry 0; with `expected`, only if it founds the federation with this id."""
        signed = canonical.decode(founding, SignedEntry)
        federation = federation_id(signed.body)
        if expected is not None and federation != expected:
            raise CharterError("this founding entry belongs to another federation")
        entry = canonical.decode(signed.body, Entry)
        if entry.version or entry.federation or entry.previous or not isinstance(entry.decision, Founded):
            raise CharterError("entry 0 of a charter must found the federation")
        verify(entry.decision.admin.sign, LABEL, signed.body, signed.signature)
        roster = Roster.founded(entry.decision, entry.at)
        return cls(federation, (founding,), (_hash(signed.body),), roster)

    def decide(self, decision: Decision, identity: Identity, at: int) -> Charter:
        """Append a decision of ours, the admin's."""
        entry = Entry(self.federation, self.version + 1, self.head, at, decision)
        return self.follow(_signed(entry, identity))

    def follow(self, data: bytes) -> Charter:
        """Append or recognise a signed entry. ForkError on a proven fork, CharterError if it cannot follow."""
        signed = canonical.decode(data, SignedEntry)
        verify(self.roster.members[self.roster.admin].card.sign, LABEL, signed.body, signed.signature)
        if signed.body == canonical.decode(self.entries[0], SignedEntry).body:
            return self
        entry = canonical.decode(signed.body, Entry)
        if entry.federation != self.federation:
            raise CharterError("an entry of another federation's charter")
        if entry.version <= self.version:
            return self._recognised(entry, _hash(signed.body))
        if entry.version > self.version + 1:
            raise CharterError(f"entry {entry.version} does not follow entry {self.version}")
        if entry.previous != self.head:
            raise ForkError(f"entry {entry.version} continues another charter than ours")
        roster = self.roster.after(entry.decision, entry.at)
        return replace(self, entries=(*self.entries, data), hashes=(*self.hashes, _hash(signed.body)), roster=roster)

    def _recognised(self, entry: Entry, found: bytes) -> Charter:
        if self.hashes[max(entry.version, 0)] != found:
            raise ForkError(f"two different entries {entry.version}, both signed by the admin")
        return self

    def as_of(self, head: bytes) -> Roster:
        """The roster when this was the newest entry's hash; CharterError if it never was."""
        if head == self.head:
            return self.roster
        if head not in self.hashes:
            raise CharterError("this charter never had that entry")
        charter = Charter.open(self.entries[0])
        for entry in self.entries[1 : self.hashes.index(head) + 1]:
            charter = charter.follow(entry)
        return charter.roster

    def history(self) -> tuple[Entry, ...]:
        """Every entry, read."""
        return tuple(canonical.decode(canonical.decode(e, SignedEntry).body, Entry) for e in self.entries)


def _signed(entry: Entry, identity: Identity) -> bytes:
    body = canonical.encode(entry)
    return canonical.encode(SignedEntry(body, identity.sign(LABEL, body)))


def _hash(body: bytes) -> bytes:
    return canonical.digest("charter entry", body)
