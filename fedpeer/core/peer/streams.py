"""Subjects of a stream whose messages are counted as they come, and how far that has got.

1. How far it has got is a number of the stream, kept in the same commit as the rows. Whatever is delivered again, and
   wherever the node was killed, a message is counted once.
2. A message that cannot be read is counted as such and passed over: it would be the same again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from fedpeer.core.canonical import Value

Rejected = Mapping[str, Mapping[str, int]]


class Credential(Value, frozen=True):
    """How a server lets us in; nothing, or one of these. It is kept apart from the stream, which people are shown."""

    user: str = ""
    password: str = ""
    token: str = ""
    seed: str = ""

    def __repr__(self) -> str:
        return "Credential()" if self == Credential() else "Credential(...)"


@dataclass(frozen=True, slots=True)
class Inlet:
    """A subject on a server, how its messages are read, and how we are let in."""

    location: str
    options: Mapping[str, Any] = field(default_factory=dict)
    credential: Credential = Credential()  # noqa: RUF009 a value that nobody can change


class Stream(Value, frozen=True):
    """A subject that is, or was, listened to; `options` are those of its messages, as JSON.

    `sequence` is the number of the last message that was counted, in the stream that began at `origin`. `rows` of the
    `read` ones count and are in `batch`, but for what was withdrawn; `faults` has, by reason, the messages that could
    not be read. `last_at` is when the last message was published, 0 before there was one. `name` is what people call
    it, if they do.
    """

    id: str
    location: str
    options: bytes
    added_at: int
    running: bool = True
    batch: str = ""
    origin: str = ""
    sequence: int = 0
    messages: int = 0
    read: int = 0
    rows: int = 0
    rejected: dict[str, dict[str, int]] = {}  # noqa: RUF012 msgspec copies the default of a struct field
    faults: dict[str, int] = {}  # noqa: RUF012 msgspec copies the default of a struct field
    last_at: int = 0
    name: str = ""

    def after(self, flow: Flow, batch: str, read: int, rows: int, rejected: Rejected) -> Stream:
        """The same when more was counted, into a batch."""
        return replace(
            self,
            batch=batch,
            origin=flow.origin,
            sequence=flow.until,
            messages=self.messages + flow.messages,
            read=self.read + read,
            rows=self.rows + rows,
            rejected=rejected_in_all(self.rejected, rejected),
            faults=_added(self.faults, flow.faults),
            last_at=max(self.last_at, flow.at),
        )


@dataclass(frozen=True, slots=True)
class Flow:
    """Messages of a stream that are taken together: those after number `since`, up to `until`."""

    stream: str
    origin: str
    since: int
    until: int
    messages: int
    at: int
    faults: Mapping[str, int] = field(default_factory=dict)


def rejected_in_all(some: Rejected, more: Rejected) -> dict[str, dict[str, int]]:
    """How many values were rejected, by feature and reason, in both."""
    return {name: _added(some.get(name, {}), more.get(name, {})) for name in {**some, **more}}


def _added(some: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return dict(some) | {key: some.get(key, 0) + count for key, count in more.items()}
