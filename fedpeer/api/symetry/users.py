"""What both dialects need of the users of a node: who they are, and what they call their federations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from fedpeer.node.users import Account


class Users(Protocol):
    """Users (cid) with a secret key each, roles, and the federations they created or joined by their own names (pid).

    Obligations: keys are 16 bytes and never on disk in the clear; what an awaited method changed survives a power cut;
    the others answer from memory. UnknownError for a user that is not there.
    """

    def get(self, cid: str) -> Account | None:
        """Return the user."""

    def names(self) -> list[str]:
        """Return every user, sorted."""

    async def add(self, cid: str, role: str, grants: Mapping[str, str]) -> bytes:
        """Add a user and return its new key; DuplicateError if there is one of this name."""

    async def permit(self, cid: str, role: str, grants: Mapping[str, str]) -> None:
        """Give a user these roles in place of those it had."""

    async def rotate(self, cid: str, overlap_s: int = 0) -> bytes:
        """Give a user a new key and return it; the one before is good for `overlap_s` seconds more."""

    async def revoke(self, cid: str, *, older: bool = False) -> None:
        """Take a user's keys away, or only the older one; UnknownError if there is none."""

    async def remove(self, cid: str) -> None:
        """Remove a user and its names for federations."""

    def project(self, cid: str, pid: str) -> str | None:
        """Return the id of the federation that the user calls `pid`."""

    async def bind(self, cid: str, pid: str, federation: str) -> None:
        """Let the user call a federation `pid` from now on."""

    async def unbind(self, cid: str, pid: str) -> None:
        """Let `pid` be no name of the user's any more."""

    def called(self, cid: str) -> dict[str, str]:
        """Return the ids of federations and projects by the user's own names."""

    @property
    def signed(self) -> int:
        """Return the second before which every signature may have been used."""

    async def advance(self, second: int) -> None:
        """Have `signed` be at least this from now on, also after a restart."""
