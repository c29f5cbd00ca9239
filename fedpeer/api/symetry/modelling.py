"""Models of a project: built, chosen, told of, taken along; and what they predict."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from fedpeer.api.symetry import algorithms, attributes, jobs
from fedpeer.api.symetry.contexts import Asked, read
from fedpeer.api.symetry.door import Ask
from fedpeer.api.symetry.envelope import DialectError, reply
from fedpeer.api.symetry.learning import table
from fedpeer.api.symetry.projects import decoded
from fedpeer.core.models.fit import restore
from fedpeer.core.models.forms.export import export as written
from fedpeer.core.statistics.schema import Schema
from fedpeer.node.shapes import Fitted

_BAD = HTTPStatus.BAD_REQUEST
_CODE = ("sql", "python")


async def build(ask: Ask) -> web.Response:
    """Fit a model; 202 with its job, unless the client asks to wait with async=false."""
    if ask.query("svdreduce"):
        raise DialectError(_BAD, "svdreduce is not supported: build pcr, which reduces by components of its own")
    algo = ask.query("algo")
    return await built(ask, lambda asked, schema: algorithms.recipe(algo, asked, schema))


async def info(ask: Ask) -> web.Response:
    """What a model is."""
    scope = ask.federation()
    return reply(200, values={"modelInfo": algorithms.info(kept_model(ask, scope), ask.node.schema(scope))})


async def code(ask: Ask) -> web.Response:
    """A model as a program that predicts."""
    language = ask.query("language", "sql").lower()
    if language not in _CODE:
        raise DialectError(_BAD, f"language {language[:40]!r} is not supported: it is {' or '.join(_CODE)}")
    model = restore(kept_model(ask, ask.federation()).model)
    text = await asyncio.to_thread(written, model, language)
    return reply(200, values={"string": text.decode()})


async def export(ask: Ask) -> web.Response:
    """A model as base64."""
    fitted = kept_model(ask, ask.federation(), ask.query("modelid"))
    return reply(200, values={"string": base64.b64encode(msgspec.json.encode(fitted)).decode()})


async def take_in(ask: Ask) -> web.Response:
    """Keep a model that `export` gave."""
    scope = ask.federation()
    fitted = await ask.node.keep_model(scope, decoded(ask.body), ask.query("modelid"))
    return reply(HTTPStatus.CREATED, f"Model Created with id:{fitted.id}")


async def predict(ask: Ask) -> web.Response:
    """Predict rows, with what is missing at its mean, or, with `impute`, at what the rest of the row makes likely."""
    scope = ask.federation()
    return reply(200, values=await _predicted(ask, scope, impute=ask.flag("impute", False)))


async def learn_predict(ask: Ask) -> web.Response:
    """Predict rows and count them, in this order unless `predictBeforeLearn` is false; perhaps fit the model anew."""
    scope, before = ask.federation(), ask.flag("predictBeforeLearn", True)
    fitted = kept_model(ask, scope)
    rows = await table(ask, scope, ask.body)
    values = await _predicted(ask, scope) if before else {}
    await jobs.counted(ask, scope, rows)
    if ask.flag("rebuildModel", False):
        await _refit(ask, scope, fitted)
    values = values or await _predicted(ask, scope)
    kept = ask.query("keepColumns")
    if kept.lower() not in ("", "false"):
        names = ask.body.attribute_names if kept.lower() == "true" else [name.strip() for name in kept.split(",")]
        values = _beside(ask.body, values, names)
    return reply(200, values=values)


async def built(ask: Ask, told: Callable[[Asked, Schema], algorithms.Recipe]) -> web.Response:
    """Fit what a context asks for, as a job or at once, and keep it under the name that is given."""
    scope, name = ask.federation(), named(ask)
    schema = ask.node.schema(scope)
    asked = read(ask, ask.body.one, schema)
    recipe = told(asked, schema)

    async def work(_: Any = None) -> jobs.Answered:
        made = await ask.node.fit(
            scope, recipe.kind, recipe.target, recipe.features, recipe.options, asked.of, model_id=name
        )
        return jobs.Answered({"modelInfo": algorithms.info(made, schema)})

    if ask.flag("async", True):
        return jobs.told(ask, ask.node.begin("symetry build", scope, work))
    return reply(200, values=(await work()).values)


def named(ask: Ask) -> str:
    """The name that a new model is given; DialectError without one."""
    name = ask.query("modelid")
    if not name:
        raise DialectError(_BAD, "modelid is missing")
    return name


async def _refit(ask: Ask, scope: str, fitted: Fitted) -> None:
    """Fit the same again to the rows that there are now, under the same id."""
    model = fitted.model
    options = {key: value for key, value in model.get("options", {}).items() if key in algorithms.KEPT}
    features = [feature.name for feature in restore(model).inputs]
    known = {feature.name for feature in ask.node.schema(scope).features}
    features += [name for name in model.get("dropped", ()) if model.get("path") and name in known]
    if fitted.kind == "hmm":
        features = [model["previous"], model["symbol"]]
    target, name = model.get("target"), fitted.id
    await ask.node.fit(scope, fitted.kind, target, features, options, fitted.of, model_id=name, anew=True)


async def _predicted(ask: Ask, scope: str, *, impute: bool = False) -> dict[str, Any]:
    fitted = kept_model(ask, scope)
    rows = await asyncio.to_thread(attributes.given, ask.body, Schema.from_dict(fitted.model["schema"]))
    told = await ask.node.predict(scope, fitted.id, rows, missing="gaussian" if impute else "mean")
    columns = algorithms.predictions(restore(fitted.model), told, rows)
    lines = [[_text(value) for value in row] for row in zip(*columns.values(), strict=True)]
    frame = {
        "attributeNames": list(columns),
        "attributeTypes": [_letter(values) for values in columns.values()],
        "data": lines,
    }
    return {"KSVSMap": {"values": [dict(zip(columns, row, strict=True)) for row in lines]}, "dataframe": frame}


def _beside(given: Any, values: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """What was predicted, after these columns of the rows that were sent; DialectError for one that is none."""
    strange = next((name for name in names if name not in given.attribute_names), None)
    if strange is not None:
        raise DialectError(_BAD, f"keepColumns names {strange[:80]!r}, which the frame has not")
    places, found = [given.attribute_names.index(name) for name in names], values["dataframe"]
    kept = [[_text(row[place]) for place in places] for row in given.data]
    maps = [
        {**dict(zip(names, row, strict=True)), **more}
        for row, more in zip(kept, values["KSVSMap"]["values"], strict=True)
    ]
    frame = {
        "attributeNames": [*names, *found["attributeNames"]],
        "attributeTypes": [*(given.attribute_types[place] for place in places), *found["attributeTypes"]],
        "data": [[*row, *more] for row, more in zip(kept, found["data"], strict=True)],
    }
    return {"KSVSMap": {"values": maps}, "dataframe": frame}


def kept_model(ask: Ask, scope: str, name: str = "") -> Fitted:
    """Return a model by its whole id, that in the path if none is given; DialectError if there is none."""
    name = name or ask.request.match_info.get("model", "")
    found = next((model for model in ask.node.models(scope) if model.id == name), None)
    if found is None:
        raise DialectError(_BAD, f"Cannot Find model id[{name[:64]}] in SYMETRYML id[{ask.pid[:64]}]")
    return found


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)


def _letter(values: list[Any]) -> str:
    return "C" if all(isinstance(value, int | float) or value is None for value in values) else "S"
