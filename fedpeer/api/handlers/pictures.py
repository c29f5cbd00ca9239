"""Pictures: of rows, by a metric; of a kept model; of an evaluation that a job has made."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, NewType

from aiohttp import web

from fedpeer.api.bodies import Nothing, PictureQuery
from fedpeer.api.call import Call
from fedpeer.core.errors import RequestError, UnknownError
from fedpeer.node.shapes import Evaluated
from fedpeer.plots.gallery import picture, plot

Picture = NewType("Picture", str)

_MEDIA: Final = {"svg": "image/svg+xml", "png": "image/png"}


async def of_rows(call: Call[Nothing, PictureQuery]) -> web.Response:
    """A picture of rows, as `density.svg` or `drift.png`: the metric behind it is asked and drawn."""
    name, form = _named(call)
    chosen, query = plot(name), call.query
    if not chosen.metric:
        raise RequestError(f"the plot {name} is of a model or its evaluation, not of rows", hint="docs/plots.md")
    features = [part.strip() for part in query.features.split(",") if part.strip()]
    of, against = (query.of, query.against) if not chosen.each else _each(name, query)
    told = await call.node.explore(call.fed, features, of, metric=chosen.metric, against=against)
    return await _drawn(name, told.values, form)


async def of_model(call: Call[Nothing, Nothing]) -> web.Response:
    """A picture of a kept model, as `coefficients.svg`."""
    name, form = _named(call)
    return await _drawn(name, call.node.model(call.fed, call.named("model")).model, form)


async def of_job(call: Call[Nothing, Nothing]) -> web.Response:
    """A picture of what a job has found: `roc.svg` of an evaluation."""
    name, form = _named(call)
    job = call.job("viewer")
    if not isinstance(job.result, Evaluated):
        raise RequestError(
            f"job {job.id} has made nothing to draw", hint="draw a job that evaluated a model, once done"
        )
    return await _drawn(name, job.result.evaluation, form)


def _each(name: str, query: PictureQuery) -> tuple[str, str]:
    """Whose rows a plot of every part shows, which need not be said: each against its rest."""
    if query.of not in {"total", "each"}:
        raise RequestError(f"the plot {name} is of each part of the total", hint="of=each&against=rest")
    return "each", query.against or "rest"


def _named(call: Call[Nothing, Any]) -> tuple[str, str]:
    name, _, form = call.named("picture").rpartition(".")
    if form not in _MEDIA:
        raise UnknownError(f"{call.named('picture')[:40]!r} is not a picture", hint="write density.svg or density.png")
    return name, form


async def _drawn(name: str, answer: Mapping[str, Any], form: str) -> web.Response:
    return web.Response(body=await asyncio.to_thread(picture, name, answer, form), content_type=_MEDIA[form])
