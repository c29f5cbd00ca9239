"""Files that the node writes for people: those in the making, and those that it wrote.

1. The name of a draft is kept before there is one, so that the next start finds what a killed node left, and takes it
   away.
2. What a file will be told by is kept before it is in its place, so that the node knows it as its own whenever it ends.
   Until it is there, the one that it replaces is known too.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from dataclasses import replace

import msgspec

from fedpeer.core import canonical
from fedpeer.core.errors import RequestError, SourceError, StoreError
from fedpeer.node.engine import NODE, Engine
from fedpeer.ports import Commit, Ours, Scribe, Sheet

_DRAFT, _WRITTEN = "draft/", "written/"
_KNOWN = 8  # that a place may have been left with by nodes that were killed, the newest


class Drafts:
    """The hand of a node that writes, and what it remembers."""

    def __init__(self, engine: Engine, draw: Callable[[int], bytes], scribe: Scribe | None) -> None:
        """`draw` gives the randomness of names; without a scribe nothing is written."""
        self._engine, self._draw, self._scribe = engine, draw, scribe
        self._placing = asyncio.Lock()

    async def sweep(self) -> None:
        """Take away what is left of files in the making; once, at the start."""
        left = {name: path for name, path in (await self._engine.records(NODE)).items() if name.startswith(_DRAFT)}
        if self._scribe is None or not left:
            return
        for name, path in left.items():
            try:
                await asyncio.to_thread(self._scribe.discard, os.fsdecode(path))
            except SourceError as error:
                self._warn(error)
            else:
                with contextlib.suppress(StoreError):  # a node whose disk is full starts all the same
                    await self._engine.store(Commit({(NODE, name): None}))

    async def place(self, location: str) -> str:
        """Where a file of this name would be; SourceError if none may be written there."""
        return await asyncio.to_thread(self._hand.place, location)

    async def begin(self, place: str, *, overwrite: bool) -> Sheet:
        """Begin a file, with `overwrite` in place of one that this node wrote; DuplicateError, SourceError."""
        ours, draft = await self._known(place) if overwrite else (), self._draw(8).hex()
        sheet = await asyncio.to_thread(lambda: self._hand.begin(place, ours, draft=draft))
        await self._engine.store(Commit({_draft(sheet): os.fsencode(sheet.draft)}))
        try:
            await asyncio.to_thread(sheet.open)
        except BaseException:
            await self.abandon(sheet)
            raise
        return sheet

    async def finish(self, sheet: Sheet) -> None:
        """Have a file in its place, whole, and know it; whatever is raised, `abandon` it then."""
        left = await asyncio.to_thread(sheet.seal)
        async with self._placing:
            before = await self._known(sheet.name)
            await self._engine.store(Commit({_record(sheet.name): _told((*before, left)[-_KNOWN:])}))
            await asyncio.to_thread(sheet.finish)
            with contextlib.suppress(StoreError):  # the file is there, and known; the rest is only tidy
                await self._engine.store(Commit({_record(sheet.name): _told((left,)), _draft(sheet): None}))

    async def abandon(self, sheet: Sheet) -> None:
        """Leave no draft, now or else after the next start."""
        try:
            await asyncio.to_thread(sheet.abandon)
        except SourceError as error:
            self._warn(error)
        else:
            with contextlib.suppress(StoreError):  # the next start looks for it, and finds nothing
                await self._engine.store(Commit({_draft(sheet): None}))

    async def _known(self, place: str) -> tuple[Ours, ...]:
        found = (await self._engine.records(NODE)).get(_record(place)[1])
        return () if found is None else msgspec.json.decode(found, type=tuple[Ours, ...])

    def _warn(self, error: SourceError) -> None:
        entry = self._engine.entry(NODE, "node", f"a file that was not finished may be left: {error}")
        self._engine.note(replace(entry, level="warning"))

    @property
    def _hand(self) -> Scribe:
        if self._scribe is None:
            raise RequestError("this node writes no files")
        return self._scribe


def _draft(sheet: Sheet) -> tuple[str, str]:
    return NODE, _DRAFT + canonical.digest("draft", os.fsencode(sheet.draft)).hex()


def _record(place: str) -> tuple[str, str]:
    return NODE, _WRITTEN + canonical.digest("written", os.fsencode(place)).hex()


def _told(ours: tuple[Ours, ...]) -> bytes:
    return msgspec.json.encode(ours)
