"""Data sources: places that this node can read, under a user's name for them, and rows out of these."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from fedpeer.api.symetry import algorithms, attributes, entities, jobs
from fedpeer.api.symetry.door import Ask
from fedpeer.api.symetry.entities import string_list
from fedpeer.api.symetry.envelope import DialectError, reply
from fedpeer.api.symetry.fusion import refuse_rows
from fedpeer.api.symetry.learning import batch
from fedpeer.api.symetry.modelling import kept_model
from fedpeer.core.errors import UnknownError
from fedpeer.core.models.result import Result
from fedpeer.node.assessing import HeldOut
from fedpeer.node.origins import DataSource, Sample
from fedpeer.node.shapes import Predicted
from fedpeer.node.sources import SAMPLE
from fedpeer.node.writing import Errand

_BAD = HTTPStatus.BAD_REQUEST
_TYPE = "localfile"
_PATHS = ("path", "location", "file", "filename")


class Info(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A DSInfo: what kind of place, its name, where it is, and how it is read."""

    type: str
    name: str = ""
    info: dict[str, Any] = {}
    extra: dict[str, Any] | None = None
    path: str = ""


class Listing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A DSListingRequest: a folder to look into."""

    type: str
    path: str = ""
    info: dict[str, Any] | None = None


class Types(msgspec.Struct, frozen=True, rename="camel"):
    """The attributes of a source and their types, as the first lines of a DataFrame say them."""

    attribute_names: list[str] = []
    attribute_types: list[str] = []


async def create(ask: Ask) -> web.Response:
    """Give a file, a folder or a pattern a name."""
    location, options = _place(ask.body)
    await ask.node.sources.keep(ask.body.name, location, options, anew=False)
    return reply(HTTPStatus.CREATED, f"Data Source Created with name:{ask.body.name}")


async def update(ask: Ask) -> web.Response:
    """Give a name another place."""
    name = named(ask).name
    if ask.body.name not in ("", name):
        raise DialectError(_BAD, f"the body is of {ask.body.name[:64]!r}, and a source keeps its name {name!r}")
    location, options = _place(ask.body)
    await ask.node.sources.keep(name, location, options, anew=True)
    return reply(200)


async def every(ask: Ask) -> web.Response:
    """The names that there are."""
    return reply(200, values=string_list([source.name for source in ask.node.sources.all()]))


async def info(ask: Ask) -> web.Response:
    """What a name stands for."""
    return reply(200, values={"dsinfo": ask.sealed(_told(named(ask)))})


async def sample(ask: Ask) -> web.Response:
    """The first rows of a source."""
    source = named(ask)
    return reply(
        200, values={"dataframe": frame(await ask.node.sources.sample(source.location, source.options, SAMPLE))}
    )


async def preview(ask: Ask) -> web.Response:
    """The first rows at a place that has no name yet."""
    location, options = _place(ask.body)
    return reply(200, values={"dataframe": frame(await ask.node.sources.sample(location, options, SAMPLE))})


async def browse(ask: Ask) -> web.Response:
    """What is in a folder."""
    _check(ask.body.type)
    found = await ask.node.sources.browse(ask.body.path)
    files = [one.name for one in found if not one.folder]
    folders = [one.name for one in found if one.folder]
    return reply(200, values={"dsdirectoryListing": entities.listing(files, folders, ask.body.path)})


async def delete(ask: Ask) -> web.Response:
    """Forget a name; what was counted stays."""
    await ask.node.sources.forget(named(ask).name)
    return reply(200)


async def attach(ask: Ask) -> web.Response:
    """Say that a source is there for a project, as every source is."""
    refuse_rows(ask, ask.federation())
    named(ask)
    return reply(200, "nothing to do: every project can learn from every source of its node")


async def learn(ask: Ask) -> web.Response:
    """Count the rows of a source."""
    scope, name = ask.federation(), named(ask).name
    refuse_rows(ask, scope)
    _check_types(ask, scope)
    job = await ask.node.add_source(scope, f"source:{name}", options={}, force=ask.flag("force", False))
    return await jobs.begun(ask, job)


async def forget(ask: Ask) -> web.Response:
    """Take the rows of a source out again, exactly."""
    scope, source = ask.federation(), named(ask)
    _check_types(ask, scope)
    rows = HeldOut(location=source.location, options=source.options)
    return await jobs.begun(ask, await ask.node.withdraw_rows(scope, rows, batch(ask, scope)))


async def predict(ask: Ask) -> web.Response:
    """Predict the rows of a source and write them, with what was predicted, to the place of another one."""
    scope = ask.federation()
    model = kept_model(ask, scope)
    inside = _called(ask, _needed("indsname", ask.query("indsname")))
    outside = _called(ask, _needed("outdsname", ask.query("outdsname")))
    missing = "gaussian" if ask.flag("impute", False) else "mean"
    overwrite = ask.flag("overwrite", False)
    errand = Errand(inside.location, outside.location, inside.options, overwrite, missing, _results, first=True)
    return await jobs.begun(ask, await ask.node.predict_into(scope, model.id, errand))


def _check_types(ask: Ask, scope: str) -> None:
    """Refuse what a body says of attributes and would not be heeded: a source is read under the project's schema."""
    if ask.body is None:
        return
    names, types = ask.body.attribute_names, ask.body.attribute_types
    if len(names) != len(types):
        raise DialectError(_BAD, "attributeNames and attributeTypes must be of one length")
    try:
        attributes.check_kinds(names, types, ask.node.counted_schema(scope))
    except attributes.BeyondError as beyond:
        raise DialectError(_BAD, f"{beyond.text}: `fedpeer schema propose` proposes what a source has") from None


def _results(model: Result, told: Predicted, rows: Any) -> dict[str, list[Any]]:
    return {f"{key}_Result": values for key, values in algorithms.predictions(model, told, rows).items()}


def _needed(key: str, name: str) -> str:
    if not name:
        raise DialectError(_BAD, f"the parameter {key} is missing: the name of a data source")
    return name


def named(ask: Ask) -> DataSource:
    """Return the source in the path; DialectError if there is none of this name."""
    return _called(ask, ask.request.match_info["source"])


def _called(ask: Ask, name: str) -> DataSource:
    try:
        return ask.node.sources.get(name)
    except UnknownError:
        raise DialectError(HTTPStatus.NOT_FOUND, f"Cannot Find Data Source [{name[:64]}]") from None


def _place(given: Info) -> tuple[str, dict[str, Any]]:
    """Where a source is, and how it is read."""
    _check(given.type)
    strange = next((key for key in given.info if key not in _PATHS), None)
    if strange is not None:
        raise DialectError(_BAD, f"{strange[:60]!r} is not a key of info: how a source is read is said in extra")
    told = {path for path in (*given.info.values(), given.path) if isinstance(path, str) and path}
    if len(told) != 1:
        why = f"{len(told)} paths" if told else f"none of {', '.join(_PATHS)}"
        raise DialectError(_BAD, f"info has {why}: where is the source?")
    (path,) = told
    if "://" in path or path.partition(":")[0] in ("sqlite", "duckdb", "postgres", "postgresql", "source"):
        raise DialectError(_BAD, "a source of type localfile is a file, a folder or a pattern")
    return path, dict(given.extra or {})


def _check(kind: str) -> None:
    if kind != _TYPE:
        raise DialectError(_BAD, f"type {kind[:40]!r} is not supported: it is {_TYPE}")


def _told(source: DataSource) -> dict[str, Any]:
    return {"type": _TYPE, "name": source.name, "info": {"path": source.location}, "extra": source.options}


def frame(sample: Sample) -> dict[str, Any]:
    """Rows as a DataFrame, each attribute of type C if all that is seen of it are numbers."""
    columns = list(zip(*sample.rows, strict=True)) if sample.rows else [()] * len(sample.columns)
    kinds = ["C" if column and all(isinstance(v, int | float) for v in column) else "S" for column in columns]
    rows = [["" if value is None else str(value) for value in row] for row in sample.rows]
    return {"attributeNames": sample.columns, "attributeTypes": kinds, "data": rows}
