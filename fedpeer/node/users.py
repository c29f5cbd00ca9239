"""The users who sign requests of the second dialect, their keys, and their own names for federations."""

from __future__ import annotations

import asyncio

from fedpeer.core.errors import DuplicateError, RequestError, UnknownError
from fedpeer.node.engine import NODE, Engine
from fedpeer.ports import Commit, Entropy

_KEY_BYTES = 16
_USER, _PROJECT = "secret/user/", "project/"
_LONGEST = 64


class KeptUsers:
    """Users kept in the node's own records; keys are secret records, which the store encrypts."""

    def __init__(self, engine: Engine, entropy: Entropy) -> None:
        """Nobody is known before `load`."""
        self._engine = engine
        self._entropy = entropy
        self._keys: dict[str, bytes] = {}
        self._projects: dict[tuple[str, str], str] = {}
        # Held from looking until what was decided is stored: two adds of one name must not both be told a key.
        self._changing = asyncio.Lock()

    async def load(self) -> None:
        """Read the records; once, at the start."""
        for name, value in (await self._engine.records(NODE)).items():
            if name.startswith(_USER):
                self._keys[name.removeprefix(_USER)] = value
            elif name.startswith(_PROJECT):
                cid, _, pid = name.removeprefix(_PROJECT).partition("/")
                self._projects[cid, pid] = value.decode()

    def get(self, cid: str) -> bytes | None:
        """The user's key."""
        return self._keys.get(cid)

    def names(self) -> list[str]:
        """Every user, sorted."""
        return sorted(self._keys)

    async def add(self, cid: str) -> bytes:
        """Add a user and return its new key."""
        if not cid.isascii() or not cid.isalnum() or len(cid) > _LONGEST:
            raise RequestError(f"{cid[:_LONGEST]!r} is not a user's name: up to {_LONGEST} letters and digits")
        async with self._changing:
            if cid in self._keys:
                raise DuplicateError(f"there is a user {cid} already")
            key = self._entropy.draw(_KEY_BYTES)
            await self._engine.store(Commit({(NODE, _USER + cid): key}))
            self._keys[cid] = key
        return key

    async def remove(self, cid: str) -> None:
        """Remove a user and its names for federations."""
        async with self._changing:
            if cid not in self._keys:
                raise UnknownError(f"there is no user {cid[:_LONGEST]}")
            names = [pair for pair in self._projects if pair[0] == cid]
            gone: dict[tuple[str, str], bytes | None] = {(NODE, f"{_PROJECT}{c}/{p}"): None for c, p in names}
            await self._engine.store(Commit({(NODE, _USER + cid): None, **gone}))
            del self._keys[cid]
            for pair in names:
                del self._projects[pair]

    def project(self, cid: str, pid: str) -> str | None:
        """The id of the federation that the user calls `pid`."""
        return self._projects.get((cid, pid))

    async def bind(self, cid: str, pid: str, federation: str) -> None:
        """Let the user call a federation `pid` from now on."""
        async with self._changing:
            if cid not in self._keys:
                raise UnknownError(f"there is no user {cid[:_LONGEST]} any more")
            await self._engine.store(Commit({(NODE, f"{_PROJECT}{cid}/{pid}"): federation.encode()}))
            self._projects[cid, pid] = federation
