"""Who was asked into a federation as what: the admin's own words for each invite, kept beside it.

An invite says nothing of whom it is for, and a member chooses its own name. Whoever arranges a federation for known
places keeps here which invite went where; no key and no password is among it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from fedpeer.core import canonical
from fedpeer.core.canonical import Value
from fedpeer.node.engine import Engine
from fedpeer.ports import Commit

_RECORD = "cells"


class Cell(Value, frozen=True):
    """A place that gives its rows: where it is, whose and what it is called there; its invite, or its federation here.

    `source` is the id of a federation of this node, whose total is brought instead of anybody's being invited.
    """

    host: str
    cid: str
    pid: str
    invite: str = ""
    source: str = ""

    @property
    def place(self) -> tuple[str, str, str]:
        """What tells it from other cells."""
        return self.host, self.cid, self.pid


class Cells:
    """The cells of those federations that have some."""

    def __init__(self, engine: Engine) -> None:
        """Nothing is known before `load`."""
        self._engine = engine
        self._kept: dict[str, tuple[Cell, ...]] = {}
        self._changing: dict[str, asyncio.Lock] = {}

    async def load(self, scopes: Sequence[str]) -> None:
        """Read the records; once, at the start."""
        for scope in scopes:
            record = (await self._engine.records(scope)).get(_RECORD)
            if record is not None:
                self._kept[scope] = canonical.decode(record, tuple[Cell, ...])

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


def invited(cell: Cell, invite: str) -> Cell:
    """The cell with another invite."""
    return msgspec.structs.replace(cell, invite=invite)
