"""Who has something done: said where a request is let in, and told on the timeline with whatever comes of it.

It goes along with the task that deals with the request, and with the work that this begins. What the node does by
itself has no author.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Any

BY, VIA = "by", "via"
CLI = "fedpeer-cli"  # how the command line calls itself; believed only where it is told who did something


@dataclass(frozen=True, slots=True)
class Author:
    """Somebody who was let in: by what name, and by what (a token, a signature, the command line)."""

    name: str
    via: str


_acting: ContextVar[Author | None] = ContextVar("author", default=None)


@dataclass(slots=True)
class acting:  # noqa: N801  read as a word of the `with` that it is for
    """Have what is begun in here be somebody's doing, and what that begins in its turn."""

    name: str
    via: str
    _before: Token[Author | None] | None = None

    def __enter__(self) -> None:
        self._before = _acting.set(Author(self.name, self.via))

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            _acting.reset(self._before)


def author() -> Author | None:
    """Whose doing this is; None where the node acts by itself."""
    return _acting.get()


def marked(data: Mapping[str, Any], who: Author | None) -> Mapping[str, Any]:
    """The data of an entry of the timeline, with its author."""
    return data if who is None else {**data, BY: who.name, VIA: who.via}
