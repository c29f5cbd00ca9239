"""What people and programs are told of where rows come from: places that are watched, listened to, named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fedpeer.core.peer.streams import Credential
from fedpeer.node.shapes import Shape


class Watch(Shape, frozen=True):
    """A place that is looked at again and again, and what was counted of it and is still here."""

    id: str
    location: str
    every_s: int
    options: dict[str, Any]
    added_at: float
    files: int
    rows: int


@dataclass(frozen=True, slots=True)
class Begin:
    """A stream to begin with: where, how it is read, how we are let in, what it is called; `new`: only what comes."""

    location: str
    options: Mapping[str, Any] = field(default_factory=dict)
    credential: Credential = Credential()  # noqa: RUF009 a value that nobody can change
    name: str = ""
    new: bool = False


class Stream(Shape, frozen=True):
    """A subject whose messages are counted as they come, and what came of them.

    Of the `read` rows in its messages `rows` were counted, and `rejected` has, by feature and reason, the values that
    kept the others out; `unreadable` has, by reason, the messages that are none. `last_at` is when the last message was
    published, 0 before there was one.
    """

    id: str
    location: str
    options: dict[str, Any]
    added_at: float
    state: str  # connecting | running | waiting | stopped
    error: str  # why it waits
    batch: str
    messages: int
    read: int
    rows: int
    rejected: dict[str, dict[str, int]]
    unreadable: dict[str, int]
    sequence: int
    last_at: float
    name: str = ""  # what it was called when it was begun
    behind: int | None = None  # messages that are still to come, as far as is known
    broken: int = 0  # how often its line broke since the node's start


class Subject(Shape, frozen=True):
    """A subject of a server, and how many messages of it are kept there."""

    subject: str
    messages: int


class Written(Shape, frozen=True):
    """What came of predictions that were written to a place."""

    model: str
    source: str
    place: str
    rows: int


class DataSource(Shape, frozen=True):
    """A place of rows that was given a name; `options` are how it is read."""

    name: str
    location: str
    options: dict[str, Any]


class Sample(Shape, frozen=True):
    """The first rows at a place."""

    columns: list[str]
    rows: list[list[Any]]


class Place(Shape, frozen=True):
    """A name in a folder, and whether it is one too."""

    name: str
    folder: bool
    bytes: int
