"""Who was asked into a federation as what: the admin's own words for each invite, kept beside it.

An invite says nothing of whom it is for, and a member chooses its own name. Whoever arranges a federation for known
places keeps here which invite went where; no key and no password is among it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

import msgspec

from fedpeer.core import canonical
from fedpeer.core.canonical import Value
from fedpeer.core.errors import LocalError, StoreError, UnknownError
from fedpeer.core.identity import PeerId
from fedpeer.core.peer.events import IssueInvite, RemoveMember, RevokeInvite
from fedpeer.core.peer.joining import Issued
from fedpeer.node.bridging import bridge
from fedpeer.node.engine import Engine
from fedpeer.ports import Commit

_RECORD = "cells"
_REASON = "it is no cell of the fusion project any more"


class Cell(Value, frozen=True):
    """A place that gives its rows: where it is, whose and what it is called there; its invite, or its federation here.

    `source` is the id of a federation of this node, whose total is brought instead of anybody's being invited.
    """

    host: str
    cid: str
    pid: str
    invite: str = ""
    source: str = ""
    pending: bool = False  # whether it is begun, and nobody was told of it

    @property
    def place(self) -> tuple[str, str, str]:
        """What tells it from other cells."""
        return self.host, self.cid, self.pid


class Cells:
    """The cells of those federations that have some."""

    def __init__(self, engine: Engine, draw: Callable[[int], bytes]) -> None:
        """Nothing is known before `load`; `draw` gives the randomness of ids."""
        self._engine, self._draw = engine, draw
        self._kept: dict[str, tuple[Cell, ...]] = {}
        self._changing: dict[str, asyncio.Lock] = {}

    async def load(self, scopes: Sequence[str]) -> None:
        """Read the records, and undo what a killed node has begun and told nobody of; once, at the start."""
        for scope in scopes:
            record = (await self._engine.records(scope)).get(_RECORD)
            if record is not None:
                self._kept[scope] = canonical.decode(record, tuple[Cell, ...])
                await self._undo(scope)

    def of(self, fed: str) -> tuple[Cell, ...] | None:
        """The cells of a federation, by its id; None if it is not one of cells."""
        return self._kept.get(fed)

    def changing(self, fed: str) -> asyncio.Lock:
        """What is held from reading the cells of a federation until what they become is kept."""
        return self._changing.setdefault(fed, asyncio.Lock())

    async def keep(self, fed: str, cells: Sequence[Cell]) -> None:
        """Have these be the cells of a federation, by its id."""
        await self._engine.store(Commit({(fed, _RECORD): canonical.encode(tuple(cells))}))
        self._kept[fed] = tuple(cells)

    async def add(
        self, fed: str, before: Sequence[Cell], new: Sequence[Cell], *, expires_in_s: int, passphrase: str
    ) -> dict[Cell, str]:
        """Have a federation keep the cells from `before`, and invite or bring `new` ones, all or none of them.

        Returns the text of each invite.
        """
        # Kept before anything is done, so that no invite is nobody's: who is killed in between undoes it at the start.
        begun = [self._begun(fed, cell) for cell in new]
        await self.keep(fed, [*before, *begun])
        try:
            texts = [await self._done(fed, cell, expires_in_s, passphrase) for cell in begun]
            done = [msgspec.structs.replace(cell, pending=False) for cell in begun]
            await self.keep(fed, [*before, *done])
        except BaseException:
            await self._undo(fed)
            raise
        return {cell: text for cell, text in zip(done, texts, strict=True) if text}

    async def shut_out(self, fed: str, cell: Cell) -> None:
        """Take a cell's invite back, or remove its member, or bring its federation no more; LocalError."""
        peer = self._engine.peer(fed)
        if cell.source:
            with contextlib.suppress(UnknownError):
                await bridge(self._engine.ask, self._engine.peer(cell.source), peer, on=False)
            return
        record = peer.invites.get(cell.invite)
        if record is None:
            return
        if record.state == "open":
            await self._engine.ask(fed, RevokeInvite(record.id))
        elif (member := peer.roster.member(PeerId(record.redeemed_by))) is not None:
            await self._engine.ask(fed, RemoveMember(member.peer, _REASON))

    def _begun(self, fed: str, cell: Cell) -> Cell:
        if not cell.source:
            return msgspec.structs.replace(cell, invite=self._draw(8).hex(), pending=True)
        return msgspec.structs.replace(cell, pending=fed not in self._engine.peer(cell.source).roster.bridges)

    async def _done(self, fed: str, cell: Cell, expires_in_s: int, passphrase: str) -> str:
        """Bring or invite a cell; the text of its invite, if it has one."""
        peer = self._engine.peer(fed)
        if cell.source:
            await bridge(self._engine.ask, self._engine.peer(cell.source), peer, on=True)
            return ""
        role = peer.roster.exchange.role("member")
        issued: Issued = await self._engine.ask(fed, IssueInvite(role, expires_in_s, passphrase, cell.invite))
        return issued.text

    async def _undo(self, fed: str) -> None:
        """Shut out those cells that nobody was told of."""
        kept = self._kept[fed]
        pending = [cell for cell in kept if cell.pending]
        with contextlib.suppress(StoreError):  # the next start tries again
            for cell in pending:
                try:
                    await self.shut_out(fed, cell)
                except StoreError:
                    raise
                except LocalError:  # whoever decides nothing here any more can undo nothing
                    continue
            if pending:
                await self.keep(fed, [cell for cell in kept if not cell.pending])
