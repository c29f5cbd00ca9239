"""Places of rows that were given a name: kept, looked at, and read by it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from fedpeer.core.errors import DuplicateError, RequestError, UnknownError
from fedpeer.node import origins
from fedpeer.node.engine import NODE, Engine
from fedpeer.ports import Commit, Shelf

NAMED = "source:"
SAMPLE = 128  # rows that are shown at most

_SOURCE = "source/"
_PASSWORD = re.compile(r"://[^/@]*:[^/@]*@|[?&]password=", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_MOST = 1_000


class Sources:
    """The named sources of a node."""

    def __init__(self, engine: Engine, shelf: Shelf | None) -> None:
        """Nothing is known before `load`; without a shelf nothing is looked at."""
        self._engine = engine
        self._shelf = shelf
        self._kept: dict[str, origins.DataSource] = {}
        self._changing = asyncio.Lock()

    async def load(self) -> None:
        """Read the records; once, at the start."""
        for name, value in (await self._engine.records(NODE)).items():
            if name.startswith(_SOURCE):
                self._kept[name.removeprefix(_SOURCE)] = msgspec.json.decode(value, type=origins.DataSource)

    def all(self) -> list[origins.DataSource]:
        """Every source, by its name."""
        return [self._kept[name] for name in sorted(self._kept)]

    def get(self, name: str) -> origins.DataSource:
        """A source; UnknownError if there is none."""
        found = self._kept.get(name)
        if found is None:
            raise UnknownError(f"there is no source {name[:64]!r}", hint="`fedpeer source list` lists them")
        return found

    def placed(self, location: str, options: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """Where rows are and how they are read; `source:NAME` is the place of that name, and options go before its."""
        if not location.startswith(NAMED):
            return location, options
        kept = self.get(location.removeprefix(NAMED))
        return kept.location, {**kept.options, **options}

    async def keep(self, name: str, location: str, options: Mapping[str, Any], *, anew: bool) -> origins.DataSource:
        """Give a place a name; with `anew`, one that another place has. Whether it can be read shows when it is."""
        async with self._changing:
            if not _NAME.fullmatch(name):
                raise RequestError("a source's name has 1 to 64 of the letters, digits and the signs _ . -")
            if _PASSWORD.search(location):
                hint = "a file holds it: --option password_file=FILE"
                raise RequestError("a location must not hold a password: it is shown and kept", hint=hint)
            if location.startswith(NAMED):
                raise RequestError(f"{location[:80]} is a name already", hint="name the place that it stands for")
            if (name in self._kept) != anew:
                self.get(name)
                raise DuplicateError(f"there is a source {name} already")
            if len(self._kept) >= _MOST and not anew:
                raise RequestError(f"there are {_MOST} sources already", hint="forget those that are not needed")
            source = origins.DataSource(name=name, location=location, options=dict(options))
            told = self._engine.entry(NODE, "node", f"source:{name} stands for {'another' if anew else 'a'} place")
            await self._engine.store(Commit({(NODE, _SOURCE + name): msgspec.json.encode(source)}, entries=[told]))
            self._kept[name] = source
        return source

    async def forget(self, name: str) -> None:
        """Forget a name; what was counted stays."""
        async with self._changing:
            self.get(name)
            told = self._engine.entry(NODE, "node", f"source:{name} stands for nothing any more")
            await self._engine.store(Commit({(NODE, _SOURCE + name): None}, entries=[told]))
            del self._kept[name]

    async def sample(self, location: str, options: Mapping[str, Any], rows: int) -> origins.Sample:
        """The first rows at a place, below `data.roots`."""
        if not 1 <= rows <= SAMPLE:
            raise RequestError(f"a sample has 1 to {SAMPLE} rows")
        columns = await asyncio.to_thread(self._looking().sample, location, options, rows)
        lines = [[_plain(value) for value in row] for row in zip(*columns.values(), strict=True)]
        return origins.Sample(columns=list(columns), rows=lines)

    async def browse(self, folder: str) -> list[origins.Place]:
        """What is in a folder below `data.roots`; without one, these."""
        found = await asyncio.to_thread(self._looking().listed, folder)
        return [origins.Place(name=name, folder=within, bytes=size) for name, within, size in found]

    def _looking(self) -> Shelf:
        if self._shelf is None:
            raise RequestError("this node has no files to look at")
        return self._shelf


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
