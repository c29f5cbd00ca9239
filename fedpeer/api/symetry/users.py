"""Who may sign requests of the second dialect, and what they call their federations."""

from __future__ import annotations

from typing import Protocol


class Users(Protocol):
    """Users (cid) with a secret key each, and the federations they created or joined by their own names (pid).

    Obligations: keys are 16 bytes and never on disk in the clear; what an awaited method changed survives a power cut;
    the others answer from memory.
    """

    def get(self, cid: str) -> bytes | None:
        """Return the user's key."""

    def names(self) -> list[str]:
        """Return every user, sorted."""

    async def add(self, cid: str) -> bytes:
        """Add a user and return its new key; DuplicateError if there is one of this name."""

    async def remove(self, cid: str) -> None:
        """Remove a user and its names for federations; UnknownError if there is none."""

    def project(self, cid: str, pid: str) -> str | None:
        """Return the id of the federation that the user calls `pid`."""

    async def bind(self, cid: str, pid: str, federation: str) -> None:
        """Let the user call a federation `pid` from now on."""
