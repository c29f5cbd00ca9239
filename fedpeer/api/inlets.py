"""What a request may say of streams."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from fedpeer.api.bodies import Body
from fedpeer.core.peer.streams import Credential

_Secret = Annotated[str, msgspec.Meta(max_length=1024)]


class LetIn(Body, frozen=True):
    """How a server lets us in, if it asks: a user with a password, a token, or the seed of an NKey. Kept sealed."""

    user: _Secret = ""
    password: _Secret = ""
    token: _Secret = ""
    seed: _Secret = ""

    def __repr__(self) -> str:
        return "LetIn(...)"

    @property
    def credential(self) -> Credential:
        """The same as a value of the core."""
        return Credential(self.user, self.password, self.token, self.seed)


class StartStream(Body, frozen=True):
    """A subject whose messages are to be counted; with `force` from the first that is there, also those counted before.

    Without it, a subject that was listened to before is gone on with, and `since` says where another is begun.
    """

    location: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    options: dict[str, Any] = {}  # noqa: RUF012 msgspec copies the default of a struct field
    force: bool = False
    name: Annotated[str, msgspec.Meta(max_length=64)] = ""
    since: Literal["first", "new"] = "first"
    credential: LetIn = LetIn()


class SetStream(Body, frozen=True):
    """Whether a stream that is known is listened to; with `force` from the first message, also those counted before."""

    running: bool
    force: bool = False


class LookAtStream(Body, frozen=True):
    """A server, or a subject of it, to look at."""

    location: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    options: dict[str, Any] = {}  # noqa: RUF012 msgspec copies the default of a struct field
    credential: LetIn = LetIn()


class PreviewStream(LookAtStream, frozen=True):
    """A subject to look at, and how many rows of it."""

    rows: Annotated[int, msgspec.Meta(ge=1, le=128)] = 10


class StopStream(Body, frozen=True):
    """Whether a stream is to be forgotten, and how far it was counted."""

    forget: bool = False
