"""One method a route, awaited: scripts/clients.py writes this file, from fedpeer/client/places.py.

An `AsyncClient` keeps its connections; use it in one event loop, and close it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from fedpeer.client.asynchronous import AsyncLine
from fedpeer.client.line import asked, place
from fedpeer.node.origins import DataSource, Place, Sample, Stream, Subject, Watch
from fedpeer.node.shapes import Job, LogPage


class AsyncPlaces(AsyncLine):
    """The part of a client that deals with places of rows."""

    async def watches(self, fed: str) -> list[Watch]:
        """The places that are looked at for new rows."""
        return await self._get(fed, "data/watches", list[Watch])

    async def watch(self, fed: str, location: str, *, every_s: int = 60, force: bool = False, **options: Any) -> Watch:
        """Look at a folder, a pattern or a growing file from now on, and count what is new."""
        body = {"location": location, "every_s": every_s, "options": options, "force": force}
        return await self._post(fed, "data/watches", body, Watch)

    async def unwatch(self, fed: str, watch_id: str) -> Watch:
        """Look at a place no more; what was counted stays."""
        return await self._delete(fed, f"data/watches/{quote(watch_id, safe='')}", Watch)

    async def streams(self, fed: str) -> list[Stream]:
        """The subjects that are, or were, listened to, and what came of their messages."""
        return await self._get(fed, "streams", list[Stream])

    async def stream(self, fed: str, stream: str) -> Stream:
        """One of them, by its name, its id or a beginning of that."""
        return await self._get(fed, f"streams/{quote(stream, safe='')}", Stream)

    async def start_stream(self, fed: str, location: str, *, force: bool = False, **options: Any) -> Stream:
        """Count the messages of a subject from now on, where that was left; with `force` from the first there is.

        `options` are those of the messages, and `name`, `since` (first, new) and `credential` those of the stream.
        """
        told: dict[str, Any] = {key: options.pop(key) for key in ("name", "since", "credential") if key in options}
        body = {"location": location, "options": options, "force": force, **told}
        return await self._post(fed, "streams", body, Stream)

    async def set_stream(self, fed: str, stream: str, *, running: bool, force: bool = False) -> Stream:
        """Listen to a stream that is known again, where that was left, or no more."""
        body = {"running": running, "force": force}
        return await self._put(fed, f"streams/{quote(stream, safe='')}", body, Stream)

    async def stop_stream(self, fed: str, stream_id: str, *, forget: bool = False) -> Stream:
        """Listen to a stream no more, and `forget` how far it was counted; what was counted stays."""
        return await self._delete(fed, f"streams/{quote(stream_id, safe='')}", Stream, {"forget": forget})

    async def stream_log(self, fed: str, stream: str, **page: Any) -> LogPage:
        """A page of what happened to a stream; `page`: levels, after, before, limit."""
        return await self._get(fed, f"streams/{quote(stream, safe='')}/log", LogPage, page)

    async def browse_streams(
        self, location: str, *, credential: Mapping[str, str] | None = None, **options: Any
    ) -> list[Subject]:
        """The subjects that a server keeps messages of; the daemon needs `data.roots` for that."""
        body = {"location": location, "options": options, "credential": credential or {}}
        return await self.call("POST", "/v1/streams/browse", body=body, shape=list[Subject])

    async def preview_stream(
        self, location: str, *, rows: int = 10, credential: Mapping[str, str] | None = None, **options: Any
    ) -> Sample:
        """The first rows in the messages of a subject, which are not counted; the daemon needs `data.roots`."""
        body = {"location": location, "options": options, "credential": credential or {}, "rows": rows}
        return await self.call("POST", "/v1/streams/preview", body=body, shape=Sample)

    async def sources(self) -> list[DataSource]:
        """The places of rows that have a name; they are read as `source:NAME`."""
        return await self.call("GET", "/v1/sources", shape=list[DataSource])

    async def keep_source(self, name: str, location: str, *, anew: bool = False, **options: Any) -> DataSource:
        """Give a place of rows a name; with `anew`, one that another place has."""
        body = {"name": name, "location": location, "options": options, "anew": anew}
        return await self.call("POST", "/v1/sources", body=body, shape=DataSource)

    async def forget_source(self, name: str) -> None:
        """Forget the name of a place; what was counted stays."""
        await self.call("DELETE", place("/v1/sources", name), shape=object)

    async def sample(self, name: str, *, rows: int = 128) -> Sample:
        """The first rows at a named place below `data.roots`."""
        return await self.call("GET", asked(place("/v1/sources", name, "sample"), {"rows": rows}), shape=Sample)

    async def browse(self, folder: str = "") -> list[Place]:
        """What is in a folder below `data.roots`; without a folder, these."""
        return await self.call("POST", "/v1/sources/browse", body={"folder": folder}, shape=list[Place])

    async def predict_into(
        self, fed: str, model_id: str, location: str, *, to: str, overwrite: bool = False, **options: Any
    ) -> Job:
        """Predict the rows at a location that the daemon can read, and have it write them to a new CSV file.

        `Job.result` is then a `Written`; see `job`. `options`: `missing` (mean, gaussian), and how rows are read.
        """
        missing = options.pop("missing", "")
        body = {"location": location, "to": to, "options": options, "overwrite": overwrite, "missing": missing}
        return await self._post(fed, f"models/{quote(model_id, safe='')}/predictions", body, Job)
