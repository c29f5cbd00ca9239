"""What fedpeer needs from the world: its ports, each with the obligations its adapters must keep.

Every port has one conformance suite under tests/ports that the real adapter and the in-memory one both pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

    from fedpeer.core.peer.kept import Seen
    from fedpeer.core.peer.streams import Credential, Inlet, Stream
    from fedpeer.core.privacy.cipher import Terms
    from fedpeer.core.statistics.residues import Residues
    from fedpeer.core.statistics.schema import Schema

Level = Literal["info", "warning", "error"]

PLEDGE_BYTES = 64  # of a pledge's value, at most
KEPT_PLEDGES = 100_000  # of each scope, at least: only older ones may be forgotten


@dataclass(frozen=True, slots=True)
class Delivery:
    """Bytes that arrived on a subject. Nothing about them has been checked."""

    subject: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Notice:
    """A change in the bus connection that an operator should see (connected, lost, refused, slow)."""

    level: Level
    text: str
    connected: bool


class Bus(Protocol):
    """Carries bytes between peers. It may lose, repeat, reorder, delay and forge; nobody trusts it.

    Obligations: `follow` returns only when every later publish by anyone is certain to be delivered to us while the
    connection lasts; after a reconnect the same subjects are followed again without being asked; `receive` and
    `notice` are called on the event loop's thread and never concurrently.
    """

    @property
    def connected(self) -> bool:
        """Whether a publish has a chance to leave now."""

    async def open(self, receive: Callable[[Delivery], None], notice: Callable[[Notice], None]) -> None:
        """Begin connecting and keep trying for ever; returns at once. Progress is told through `notice`."""

    async def follow(self, subjects: Sequence[str]) -> None:
        """Deliver what is published on these subjects (NATS wildcards), in addition to those followed before."""

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Hand (subject, body) pairs to the broker and wait until it has read them; BusError if that is not certain."""

    async def ensure_stream(self) -> None:
        """Have the broker keep the newest message of each kept subject; BusError if it will not. Idempotent."""

    async def newest(self, subject: str) -> bytes | None:
        """Return the newest kept message on exactly this subject, or None. BusError if the broker cannot be asked."""

    async def close(self) -> None:
        """Stop for good. Idempotent."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message of the outbox. A newer one in the same `slot` replaces it if it was not sent yet."""

    scope: str
    slot: str
    subject: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline: something that happened, for people. `data` holds JSON values; secrets never enter."""

    at: float
    scope: str
    kind: str
    level: Level
    text: str
    peer: str = ""
    pulse: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)
    id: int = 0


@dataclass(frozen=True, slots=True)
class Commit:
    """One atomic change of the store. A record set to None is deleted. `sent` are outbox ids that have left.

    `pledges` are words that are given once: what was pledged under a scope and a name stays the only value there.
    """

    records: Mapping[tuple[str, str], bytes | None] = field(default_factory=dict)
    outbox: Sequence[Outgoing] = ()
    sent: Sequence[int] = ()
    entries: Sequence[Entry] = ()
    pledges: Mapping[tuple[str, str], bytes] = field(default_factory=dict)


class Store(Protocol):
    """Named records, an outbox and a timeline, changed together or not at all.

    Obligations: `commit` returns only when the change survives a power cut, or raises StoreError and changes nothing;
    records whose name begins with `secret/` are never on disk in the clear; reads never wait for a network; a commit
    with another value for a pledge raises PledgeError and changes nothing, whatever happened since it was pledged.
    Methods are called from one thread at a time.
    """

    def scopes(self) -> list[str]:
        """Every scope that has records, sorted."""

    def load(self, scope: str) -> dict[str, bytes]:
        """Every record of a scope by name."""

    def commit(self, change: Commit) -> list[int]:
        """Apply a change atomically; return the outbox ids given to `change.outbox`, in order."""

    def pending(self) -> list[tuple[int, Outgoing]]:
        """The outbox, oldest first: what was committed and is not yet known to have left."""

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
        """Page through the timeline; `after`/`before` are entry ids, 0 for none; empty `kinds`/`levels` mean all."""

    def clear_entries(self, scope: str, kinds: Sequence[str], levels: Sequence[str] = ()) -> int:
        """Forget entries of these kinds and levels (none: all levels); return how many there were."""

    def close(self) -> None:
        """Close for good. Idempotent."""


class Source(Protocol):
    """Rows at a place, read as Arrow record batches of bounded size, in order, from the beginning, each time asked."""

    @property
    def name(self) -> str:
        """What an operator calls this place (a path), free of credentials."""

    @property
    def size(self) -> int:
        """How much there is to read, in the unit that `progress` counts (bytes of file, or rows), 0 if unknown."""

    @property
    def unit(self) -> str:
        """What `size` and `progress` count: "bytes" or "rows"."""

    def batches(
        self, columns: Sequence[str] | None = None, progress: Callable[[int], None] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows; SourceError says where and what is wrong. `progress` is told the amount read."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A file that somebody may have written to; `grows` if rows are added at its end, and it is no file of a folder."""

    path: str
    size: int
    mtime_ns: int
    grows: bool


class Lookout(Protocol):
    """Eyes for files that come and grow. Methods read files and block; SourceError says what cannot be read.

    Obligations: only directories that data may be read from are looked into; `ends` never cuts a row.
    """

    def check(self, location: str, schema: Schema, options: Mapping[str, Any]) -> tuple[str, list[Spot]]:
        """The place that a location means from now on, and its files; SourceError if it cannot be watched."""

    def look(self, place: str) -> list[Spot]:
        """The files at a place now; none is no fault."""

    def alone(self, location: str) -> Spot | None:
        """The one file that a location means, if it means one."""

    def mark(self, path: str, until: int, *, whole: bool) -> bytes:
        """A digest of the first `until` bytes: of all of them, or of their beginning and end."""

    def same(self, seen: Seen) -> bool:
        """Whether a file still begins with the bytes that were counted of it."""

    def ends(self, path: str, since: int) -> int:
        """Where the last whole row ends that begins at or after `since`; `since` if there is none."""

    def open(self, path: str, schema: Schema, options: Mapping[str, Any], span: tuple[int, int] | None) -> Source:
        """The rows of a file, or of this span of its bytes."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Messages of a stream after those that were taken before, up to number `until`: their rows, by needed column.

    `messages` counts all, also those that cannot be read, of which `faults` has how many by reason. `at` is when the
    last one was published, in UTC seconds. `behind` is how many were there that are still to come, None if not known.
    """

    until: int
    messages: int
    at: int
    columns: Mapping[str, Sequence[Any]]
    faults: Mapping[str, int] = field(default_factory=dict)
    behind: int | None = None


class Feed(Protocol):
    """Messages of one subject as they come, in the order of their numbers, each once."""

    @property
    def origin(self) -> str:
        """What tells the stream from another one of its name whose numbers began anew."""

    async def gather(self) -> Gathered | None:
        """Wait a little for further messages, and for more of them; None if none came. SourceError if they cannot."""

    async def acknowledge(self, until: int) -> None:
        """Say that everything up to this number is stored here, and need not be kept for us."""

    async def close(self) -> None:
        """Stop; what was not acknowledged comes again in the next one. Idempotent."""


class Feeds(Protocol):
    """Where streams are found. Obligation: nothing is skipped and nothing told twice, whoever was killed when."""

    def check(self, inlet: Inlet, schema: Schema) -> str:
        """Return the location as it may be shown and kept; SourceError if its options do not fit it."""

    async def open(self, stream: Stream, schema: Schema, credential: Credential) -> Feed:
        """Return what comes after the messages that were counted; SourceError if that cannot be had."""

    async def forget(self, stream: Stream, credential: Credential) -> None:
        """Leave nothing of us there; SourceError if that cannot be done now."""

    async def stands(self, inlet: Inlet) -> tuple[str, int]:
        """Return the `origin` of a stream and the number of its last message; SourceError for a queue."""

    async def subjects(self, inlet: Inlet) -> dict[str, int]:
        """Return the subjects that a location means, and how many messages of each are kept, for people to see."""

    async def sample(self, inlet: Inlet, most: int) -> dict[str, list[Any]]:
        """Return the first rows of a subject that are kept, by column, for people to see; nothing is counted."""


class Shelf(Protocol):
    """Eyes for people who look for rows. Methods read files and block; SourceError says what cannot be looked at.

    Obligations: only what is below the directories that data may be read from is shown, and nothing if there are none.
    """

    def listed(self, folder: str) -> list[tuple[str, bool, int]]:
        """The names in a folder, whether each is one too, and its bytes; without a folder, where to begin."""

    def sample(self, location: str, options: Mapping[str, Any], most: int) -> dict[str, list[Any]]:
        """The first rows at a place, by column."""


class Ours(NamedTuple):
    """What tells a file that we wrote from another one in its place, or from itself when somebody has changed it."""

    inode: int
    size: int
    mtime_ns: int


class Sheet(Protocol):
    """A file in the making; nobody sees it before it is whole. Methods write and block; SourceError.

    Whoever meets an error abandons it. A process that is killed leaves at most the draft, and the file whole or not.
    """

    @property
    def name(self) -> str:
        """Where it will be."""

    @property
    def draft(self) -> str:
        """Where it is in the making, once it is opened."""

    def open(self) -> None:
        """Begin a draft."""

    def write(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Add rows; the first ones name the columns."""

    def seal(self) -> Ours:
        """Have all of it on the disk, as a draft; what the file will be told by when it is in its place."""

    def finish(self) -> None:
        """Have it in its place, whatever happens then; DuplicateError if there is something else by now."""

    def abandon(self) -> None:
        """Leave no draft. Idempotent."""


class Scribe(Protocol):
    """A hand that writes files. Obligation: only below the directories of data, and over nothing that is not ours."""

    def place(self, location: str) -> str:
        """Return what a place is called by whatever way it is named; SourceError if nothing is written there."""

    def begin(self, place: str, ours: Sequence[Ours], *, draft: str) -> Sheet:
        """A file to be, in place of one only if that is still one of these; DuplicateError for another, SourceError.

        `draft` is hexadecimal and tells its draft from all others. There is none yet.
        """

    def discard(self, draft: str) -> None:
        """Take away the draft of a process that was killed, if it is there; SourceError if that cannot be."""


class Broker(Protocol):
    """The message server that an admin's node runs itself, as far as a federation needs it."""

    @property
    def url(self) -> str:
        """Where this machine reaches it."""

    @property
    def urls(self) -> tuple[str, ...]:
        """Where others reach it."""

    @property
    def ca(self) -> str:
        """The certificate authority (PEM) that clients must pin; empty where there is no TLS."""

    def account_seed(self, name: str) -> str:
        """The seed that signs the passes of an account; the same name always gives the same."""

    async def set_account(self, name: str, revoked: Mapping[str, int]) -> None:
        """Have an account with these revocations (user key to UTC second), in force on return. Idempotent."""


class Clock(Protocol):
    """Wall time, for expiry and pulse numbers only."""

    def now(self) -> float:
        """UTC seconds since 1970."""


class Entropy(Protocol):
    """The system's randomness."""

    def draw(self, size: int) -> bytes:
        """Return `size` unpredictable bytes."""


class SumCipher(Protocol):
    """Encrypts vectors so that anybody can add them and only the holder of the secret key can read the sum.

    Obligations: what `decrypt` returns is the sum of the residues, bit for bit, or nothing; a cipher that computes
    approximately proves that its rounding is right for as many addends as its terms allow. What comes from others is
    never trusted: MalformedError for bytes that are no key or no ciphertext of this cipher, MismatchError for those of
    other terms or of another key, OverflowRefusedError before more are added than the terms prove safe. Nothing that
    comes from others can stop this process. The caller checks signatures before anything is given here.
    A ciphertext says nothing to who has no key. To the key's holder it says all: who has it must see sums only.
    Methods block; they are called from a thread of their own.
    """

    @property
    def terms(self) -> Terms:
        """What all who take part must have in common."""

    @property
    def size(self) -> int:
        """Bytes of a ciphertext, at most."""

    def generate(self, seed: bytes) -> bytes:
        """Return a fresh secret key, of 32 secret bytes where the library can make one of them."""

    def public(self, secret: bytes) -> bytes:
        """Return the public key of a secret one."""

    def encrypt(self, public: bytes, vector: Residues, seed: bytes) -> bytes:
        """Return a contributor's ciphertext, blinded by 32 secret bytes where the library can be given any."""

    def add(self, public: bytes, ciphertexts: Sequence[bytes]) -> bytes:
        """Return the ciphertext of the sum; no secret is needed."""

    def decrypt(self, secret: bytes, ciphertext: bytes, addends: int) -> Residues:
        """Return the sum; MismatchError if it is not the sum of this many contributors' vectors."""
