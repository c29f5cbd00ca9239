"""Predictions for the rows of a place, written to another one: the rows as they are, and what a model makes of them."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Any

import pyarrow as pa

from fedpeer.core.errors import RequestError
from fedpeer.core.models.fit import completed, restore
from fedpeer.core.models.result import Result
from fedpeer.core.peer.state import Peer
from fedpeer.node import origins, shapes
from fedpeer.node.counting import reading_job
from fedpeer.node.exploring import whose
from fedpeer.node.jobs import Progress
from fedpeer.node.subjects import Subjects
from fedpeer.ports import Sheet, Source

_TOGETHER = ("hmm",)  # what predicts a row from all others

Columns = Mapping[str, list[Any]]
Told = Callable[[Result, shapes.Predicted, Mapping[str, pa.Array]], Columns]


def plainly(model: Result, told: shapes.Predicted, rows: Mapping[str, pa.Array]) -> Columns:  # noqa: ARG001 others need them
    """Predictions as columns: `prediction`, and what stands behind it."""
    return {"prediction": told.values, **{f"prediction {name}": row for name, row in told.details.items()}}


@dataclass(frozen=True, slots=True)
class Errand:
    """Rows to predict (`location`, read with `options`) and where to write them (`to`), in place of our own file there.

    `missing` completes rows as in `predict`; `columns` says what is written of predictions, `first` that this comes
    before the rows' own columns.
    """

    location: str
    to: str
    options: Mapping[str, Any] = field(default_factory=dict)
    overwrite: bool = False
    missing: str = ""
    columns: Told = plainly
    first: bool = False


class Writing(Subjects):
    """The part of a node's commands that writes files."""

    async def predict_into(self, fed: str, model_id: str, errand: Errand) -> shapes.Job:
        """Predict the rows of a place and write them to another one, whole or not at all."""
        kept, held = self.model(fed, model_id), self._held(fed)
        model, schema = restore(kept.model), self.schema(fed)
        if kept.kind in _TOGETHER:
            raise RequestError(f"{kept.kind} predicts a row from all others: post them together instead")
        if errand.missing:
            model = await asyncio.to_thread(completed, model, whose(held, kept.of), errand.missing)
        # Without a schema cells stay as they are written, which is how they are written again.
        read_by = schema if "map" in errand.options else None
        source = await asyncio.to_thread(self._open, errand.location, read_by, errand.options)
        place = await self.drafts.place(self.sources.placed(errand.to, {})[0])
        self._check_unwatched(place)
        sheet = await self.drafts.begin(place, overwrite=errand.overwrite)

        async def work(progress: Progress) -> origins.Written:
            try:
                rows = await asyncio.to_thread(_written, model, source, sheet, errand, progress)
                progress(progress.current)  # who stopped the job by now gets no file
                await self.drafts.finish(sheet)
            except BaseException:
                await self.drafts.abandon(sheet)
                raise
            return origins.Written(model=kept.id, source=source.name, place=sheet.name, rows=rows)

        return self._jobs.start(reading_job("prediction", kept.federation, source), work)

    def _check_unwatched(self, place: str) -> None:
        """RequestError if what is written would be counted as rows."""
        peers = [state for state in self._engine.states.values() if isinstance(state, Peer)]
        for watch in (watch for peer in peers for watch in peer.watches.values()):
            if _covers(watch.location, place):
                raise RequestError(f"{place} would be counted: {watch.location} is watched for new rows")


def _covers(watched: str, path: str) -> bool:
    """Whether a file is what is watched, in that folder, or of that pattern, by whatever way each was named."""
    real = os.path.realpath(path)
    ways = {watched, os.path.realpath(watched)}
    return any(str(PurePath(real).parent) == way or fnmatchcase(real, way) for way in ways)


def predicted(model: Result, table: Any) -> shapes.Predicted:
    """What a model predicts for a table, a number or a class a row, and what stands behind that."""
    values, details = model.predict(table), model.explain(table)
    return shapes.Predicted(values=_plain(values), details={name: _plain(row) for name, row in details.items()})


def _written(model: Result, source: Source, sheet: Sheet, errand: Errand, progress: Callable[[int], None]) -> int:
    """Read, predict and write part by part; returns how many rows."""
    rows = 0
    named = {feature.name for feature in model.inputs}
    for batch in source.batches(None, progress if source.size else None):
        table = dict(zip(batch.schema.names, batch.columns, strict=True))
        known = {name: column for name, column in table.items() if name in named}
        told = predicted(model, known)
        found, own = errand.columns(model, told, known), {name: column.to_pylist() for name, column in table.items()}
        clash = next((name for name in found if name in own), None)
        if clash is not None:
            raise RequestError(f"{source.name} has a column {clash!r}, which is what a prediction is called")
        sheet.write({**found, **own} if errand.first else {**own, **found})
        rows += batch.num_rows
        if not source.size:
            progress(rows)
    return rows


def _plain(values: Any) -> list[Any]:
    """An array as a list, None for what is not known."""
    return [None if isinstance(value, float) and math.isnan(value) else value for value in values.tolist()]
