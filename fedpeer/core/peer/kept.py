"""What is kept beside the sums of a node's own rows: withdrawals, files and places, what went into sums of several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fedpeer.core.canonical import Value, digest
from fedpeer.core.envelope.messages import Rank
from fedpeer.core.statistics.summary import Summary


class Marks(Value, frozen=True):
    """How many batches were ever added, and how many of them (by number) what was released last had."""

    added: int = 0
    released: int = 0


class Withdrawal(Value, frozen=True):
    """Rows that were taken out after the others had them: the contribution without them, and the one it replaced.

    `serial` is 0 until that contribution has left. `waiting` are the members whose receipt is not here yet.
    """

    at: int
    rows: int
    batches: tuple[str, ...]
    serial: int
    digest: bytes
    gone: Rank
    waiting: tuple[str, ...]


class Watch(Value, frozen=True):
    """A place to look at again and again; `options` are those of a source, as JSON."""

    id: str
    location: str
    every_s: int
    options: bytes
    added_at: int


class Seen(Value, frozen=True):
    """A file whose first `until` bytes were counted, in `batch`, and what tells these bytes from others.

    `digest` is that of all of them if `whole`, else of their beginning and end (docs/data.md). `watch` is the watch
    that found the file, "" if the operator named it.
    """

    path: str
    size: int
    mtime_ns: int
    until: int
    digest: bytes
    whole: bool
    batch: str
    watch: str

    @property
    def key(self) -> str:
        """What the record is called."""
        return seen_key(self.path)


def seen_key(path: str) -> str:
    """The name of the record of a file, whatever its path is written in."""
    return digest("seen", path.encode("utf-8", "surrogatepass")).hex()[:32]


@dataclass(frozen=True, slots=True)
class Exact:
    """The sums behind our contribution of this serial, which went out with noise: release rules ask for them."""

    serial: int
    summary: Summary


@dataclass(frozen=True, slots=True)
class Sums:
    """What is remembered of sums of several, all of it before anything of them leaves.

    `given` is what we brought into one last, whether or not it was opened. `circles` are sets of contributors whose sum
    we voted for, or have heard: another sum must differ from each by nobody, or by enough. `traces` are those of opened
    sums, as release rules need them. `evidence` are transcripts of rounds that we collected, by rank.
    """

    given: Summary | None = None
    circles: Mapping[str, bytes] = field(default_factory=dict)
    traces: Mapping[str, bytes] = field(default_factory=dict)
    evidence: Mapping[str, bytes] = field(default_factory=dict, repr=False)
