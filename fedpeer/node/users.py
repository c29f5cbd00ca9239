"""The users of this node: their keys and roles, their own names for federations, and until when they have signed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from msgspec.structs import replace

from fedpeer.core import canonical
from fedpeer.core.errors import DuplicateError, RequestError, UnknownError
from fedpeer.node.engine import NODE, Engine
from fedpeer.ports import Clock, Commit, Entropy

ROLES = ("none", "viewer", "operator", "admin")

_KEY_BYTES = 16
_USER, _PROJECT, _SIGNED = "secret/user/", "project/", "signed"
_LONGEST, _MOST = 64, 1_000

_Records = dict[tuple[str, str], bytes | None]


class Account(canonical.Value, frozen=True):
    """A user: a key (empty: revoked), a role on the whole node, and roles by federation or project.

    Times are whole UTC seconds: when the user was added, and when it got this key. The key before it (empty: none) is
    good before the second `until`.
    """

    key: bytes
    role: str
    grants: dict[str, str]
    added_at: int
    keyed_at: int
    older: bytes = b""
    until: int = 0

    def keys(self, now: float) -> tuple[bytes, ...]:
        """The keys that are good at a moment, the newest first."""
        older = (self.older,) if now < self.until else ()
        return tuple(key for key in (self.key, *older) if key)

    def __repr__(self) -> str:
        return f"Account(role={self.role!r})"


class KeptUsers:
    """Users kept in the node's own records, which the store encrypts since they hold keys."""

    def __init__(self, engine: Engine, entropy: Entropy, clock: Clock) -> None:
        """Nobody is known before `load`."""
        self._engine = engine
        self._entropy = entropy
        self._clock = clock
        self._accounts: dict[str, Account] = {}
        self._projects: dict[tuple[str, str], str] = {}
        self._signed = 0
        # Held from looking until what was decided is stored: two adds of one name must not both be told a key.
        self._changing = asyncio.Lock()

    async def load(self) -> None:
        """Read the records; once, at the start."""
        stale: _Records = {}
        for name, value in (await self._engine.records(NODE)).items():
            if name.startswith(_USER):
                kept = canonical.decode(value, Account)
                account = self._accounts[name.removeprefix(_USER)] = self._tidy(kept)
                stale |= {} if account is kept else {(NODE, name): canonical.encode(account)}
            elif name.startswith(_PROJECT):
                cid, _, pid = name.removeprefix(_PROJECT).partition("/")
                self._projects[cid, pid] = value.decode()
            elif name == _SIGNED:
                self._signed = int(value)
        if stale:
            await self._engine.store(Commit(stale))

    def get(self, cid: str) -> Account | None:
        """The user, if there is one."""
        return self._accounts.get(cid)

    def names(self) -> list[str]:
        """Every user, sorted."""
        return sorted(self._accounts)

    async def add(self, cid: str, role: str, grants: Mapping[str, str]) -> bytes:
        """Add a user and return its new key."""
        if not cid.isascii() or not cid.isalnum() or len(cid) > _LONGEST:
            raise RequestError(f"{cid[:_LONGEST]!r} is not a user's name: up to {_LONGEST} letters and digits")
        async with self._changing:
            if cid in self._accounts:
                raise DuplicateError(f"there is a user {cid} already")
            if len(self._accounts) >= _MOST:
                raise RequestError(f"there are {_MOST} users already", hint="remove those that are gone")
            key, now = self._entropy.draw(_KEY_BYTES), int(self._clock.now())
            account = Account(key, role, dict(grants), now, now)
            await self._keep(cid, account, f"added the user {cid}: {_roles(account)}")
        return key

    async def permit(self, cid: str, role: str, grants: Mapping[str, str]) -> None:
        """Give a user these roles in place of those it had."""
        async with self._changing:
            known = self._known(cid)
            account = replace(known, role=role, grants=dict(grants))
            await self._keep(cid, account, f"the user {cid} is now {_roles(account)}")

    async def rotate(self, cid: str, overlap_s: int = 0) -> bytes:
        """Give a user a new key and return it; the one before, if any, is good for `overlap_s` seconds more."""
        async with self._changing:
            known = self._known(cid)
            key, now = self._entropy.draw(_KEY_BYTES), int(self._clock.now())
            older, until = (known.key, now + overlap_s) if overlap_s and known.key else (b"", 0)
            account = replace(known, key=key, keyed_at=now, older=older, until=until)
            also = f"; the one before is good for {overlap_s} s more" if older else ""
            await self._keep(cid, account, f"gave the user {cid} a new key{also}")
        return key

    async def revoke(self, cid: str, *, older: bool = False) -> None:
        """Take a user's keys away, or only the older one; its roles and names stay, for the next one."""
        async with self._changing:
            known, now = self._tidy(self._known(cid)), int(self._clock.now())
            if older and not known.older:
                raise UnknownError(f"the user {cid} has no older key that is good", hint="`fedpeer user list` shows it")
            account = replace(known, older=b"", until=0)
            if not older:
                account = replace(account, key=b"", keyed_at=now)
            await self._keep(cid, account, f"took the {'older ' * older}key of the user {cid} away")

    async def remove(self, cid: str) -> None:
        """Remove a user and its names for federations."""
        async with self._changing:
            self._known(cid)
            names = [pair for pair in self._projects if pair[0] == cid]
            gone: _Records = {(NODE, f"{_PROJECT}{c}/{p}"): None for c, p in names}
            told = self._engine.entry(NODE, "node", f"removed the user {cid}")
            await self._engine.store(Commit({(NODE, _USER + cid): None, **gone}, entries=[told]))
            del self._accounts[cid]
            for pair in names:
                del self._projects[pair]

    def project(self, cid: str, pid: str) -> str | None:
        """The id of the federation that the user calls `pid`."""
        return self._projects.get((cid, pid))

    async def bind(self, cid: str, pid: str, federation: str) -> None:
        """Let the user call a federation `pid` from now on."""
        async with self._changing:
            self._known(cid)
            await self._engine.store(Commit({(NODE, f"{_PROJECT}{cid}/{pid}"): federation.encode()}))
            self._projects[cid, pid] = federation

    async def unbind(self, cid: str, pid: str) -> None:
        """Let `pid` be nobody's name any more; nothing happens if it is none."""
        async with self._changing:
            await self._engine.store(Commit({(NODE, f"{_PROJECT}{cid}/{pid}"): None}))
            self._projects.pop((cid, pid), None)

    def called(self, cid: str) -> dict[str, str]:
        """The ids of federations and projects by the user's own names."""
        return {pid: scope for (user, pid), scope in self._projects.items() if user == cid}

    @property
    def signed(self) -> int:
        """The second before which every signature may have been used; it never falls."""
        return self._signed

    async def advance(self, second: int) -> None:
        """Have `signed` be at least this, before the signature that says so is acted on."""
        if second <= self._signed:
            return
        async with self._changing:
            if second > self._signed:
                await self._engine.store(Commit({(NODE, _SIGNED): str(second).encode()}))
                self._signed = second

    def _known(self, cid: str) -> Account:
        found = self._accounts.get(cid)
        if found is None:
            raise UnknownError(f"there is no user {cid[:_LONGEST]}")
        return found

    def _tidy(self, account: Account) -> Account:
        """The account without a key that is good no more."""
        over = account.older and self._clock.now() >= account.until
        return replace(account, older=b"", until=0) if over else account

    async def _keep(self, cid: str, account: Account, text: str) -> None:
        account, told = self._tidy(account), self._engine.entry(NODE, "node", text)
        await self._engine.store(Commit({(NODE, _USER + cid): canonical.encode(account)}, entries=[told]))
        self._accounts[cid] = account


def _roles(account: Account) -> str:
    grants = [f"{role} in {scope[:10]}" for scope, role in sorted(account.grants.items())]
    everywhere = [f"{account.role} on the whole node"] if account.role != "none" else []
    return ", ".join([*everywhere, *grants]) or "without a role"
