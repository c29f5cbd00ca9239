"""Everything a peer can want done. Nothing is done before the state that wants it is safely stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from fedpeer.core.federation.sealed.work import Task
from fedpeer.core.privacy.cipher import Terms
from fedpeer.core.privacy.purse import Purse

Level = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Send:
    """Publish sealed bytes. A newer one in the same slot replaces it if it has not left yet."""

    slot: str
    subject: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Pledge:
    """Give a word once: nothing of this event happens if another value was pledged under this name before."""

    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Charged:
    """Keep this purse in place of the node's: what it is charged for leaves with the same change of the store."""

    purse: Purse


@dataclass(frozen=True, slots=True)
class Note:
    """Tell people, through the timeline. `data` holds JSON values and never a secret."""

    kind: str
    level: Level
    text: str
    peer: str = ""
    pulse: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reconnect:
    """The bus must be reached in another way than before: new credentials, other subjects, or not at all any more."""


@dataclass(frozen=True, slots=True)
class Enforce:
    """The broker must cut off the credentials that the state says are void."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """Ask the broker for the newest kept message on each of these subjects, as if it had just arrived."""

    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to the operator whose event this was. May carry a secret; never stored or logged."""

    value: object


@dataclass(frozen=True, slots=True)
class Compute:
    """Have a cipher for these terms do a task, and post what comes of it as `Computed` for this round."""

    round: bytes
    terms: Terms
    task: Task


Effect: TypeAlias = Send | Pledge | Charged | Note | Reconnect | Enforce | Fetch | Reply | Compute
