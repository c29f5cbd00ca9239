"""Models that are chosen by the rows of a source, which none of them has learned."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from fedpeer.api.symetry import algorithms, attributes, choosing, jobs, sources
from fedpeer.api.symetry.contexts import Asked, read
from fedpeer.api.symetry.door import Ask
from fedpeer.api.symetry.envelope import DialectError
from fedpeer.api.symetry.modelling import named
from fedpeer.core.models.choose import Contest
from fedpeer.core.models.fit import options_of
from fedpeer.core.statistics.schema import Schema
from fedpeer.node.assessing import HeldOut

_BAD = HTTPStatus.BAD_REQUEST
_SEARCHES: Final = {"both": "stepwise", "order": "order", "": "subsets"}
_MEASURES: Final = {
    "auc": "auc",
    "recall": "sensitivity",
    "precision": "ppv",
    "mcc": "mcc",
    "rmse": "rmse",
    "r2": "r2",
    "mf1_w": "weighted_f1",
    "mkappa": "kappa",
}
_POWERS: Final = {"tiny": (-4, 1, 2), "small": (-4, 2, 1), "normal": (-6, 4, 1), "large": (-8, 6, 1)}
_MIXES: Final = {"tiny": 1, "small": 3, "normal": 5, "large": 9}


async def select(ask: Ask) -> web.Response:
    """Choose the inputs of a model by how well it predicts the rows of a source, and keep that model."""
    algo = ask.query("algo") or "mlr"
    asked, schema, extra = _read(ask)
    recipe = algorithms.recipe(algo, replace(asked, extra=extra.left), schema)
    if recipe.target is None:
        raise DialectError(_BAD, f"algo {algo} predicts no target that the rows of a source could judge")
    grid = _grid(extra.size) if extra.size else {}
    grid = {key: values for key, values in grid.items() if key in options_of(recipe.kind) and key not in extra.left}
    contest = Contest({recipe.kind: recipe.options}, recipe.target, recipe.features, grid=grid)
    return await _held(ask, contest, extra, asked.of)


async def auto(ask: Ask) -> web.Response:
    """Choose a model, its inputs and its penalties by how well it predicts the rows of a source, and keep it."""
    task = choosing.task(ask)
    asked, schema, extra = _read(ask)
    recipe = algorithms.recipe("mlr" if task == "regression" else "lda", replace(asked, extra=extra.left), schema)
    choosing.check_task(task, asked, schema)
    if task == "regression":
        kinds: dict[str, Any] = {"ols": recipe.options, "ridge": {}, "elastic_net": {}}
    else:
        kinds = {"lda": recipe.options, "gaussian_nb": {}, "ridge_classifier": {}}
    known = {option for kind in kinds for option in options_of(kind)}
    grid = {key: values for key, values in _grid(extra.size or "tiny").items() if key in known}
    return await _held(ask, Contest(kinds, recipe.target or "", recipe.features, grid=grid), extra, asked.of)


class _Extra:
    """The parameters of a search, taken out of a context's others."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.left = {key: value for key, value in told.items() if key not in choosing.IDLE}
        self.search = _SEARCHES[choosing.selector(self.left)]
        sizes = [str(self.left.pop(key)) for key in choosing.GRIDS if key in self.left]
        self.size = sizes[0].rpartition("_")[2] if sizes else ""
        if self.size and self.size not in _POWERS:
            raise DialectError(_BAD, f"grid {sizes[0][:40]!r} is not one: there are {', '.join(_POWERS)}")
        wanted = str(self.left.pop(choosing.ASSESSED, ""))
        if wanted and wanted not in _MEASURES:
            raise DialectError(
                _BAD, f"{choosing.ASSESSED} {wanted[:40]!r} is not one: there are {', '.join(_MEASURES)}"
            )
        self.measure = _MEASURES.get(wanted, "")


def _read(ask: Ask) -> tuple[Asked, Schema, _Extra]:
    schema = ask.node.schema(ask.federation())
    asked = read(ask, ask.body.one, schema)
    attributes.features(schema, asked.inputs)
    return asked, schema, _Extra(asked.extra)


async def _held(ask: Ask, contest: Contest, extra: _Extra, of: str) -> web.Response:
    scope, name, source = ask.federation(), named(ask), sources.named(ask)
    whole = replace(contest, search=extra.search, measure=extra.measure)
    job = await ask.node.choose(scope, whole, HeldOut(f"source:{source.name}"), of, model_id=name)
    return await jobs.begun(ask, job)


def _grid(size: str) -> dict[str, list[str]]:
    """Penalties by powers of ten, and shares of the absolute one."""
    count = _MIXES[size]
    return {
        "lam": [f"1e{power}" for power in range(*_POWERS[size])],
        "mix": [str(round(k / (count + 1), 3)) for k in range(1, count + 1)],
    }
