"""What the rows of a project say: every metric of the dialect, under its keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from fedpeer.api.symetry import attributes, entities, jobs
from fedpeer.api.symetry.contexts import Asked, read
from fedpeer.api.symetry.door import Ask
from fedpeer.api.symetry.envelope import DialectError

_BAD = HTTPStatus.BAD_REQUEST
# Metrics of `explore`, and whether they cross inputs (rows) with targets (columns).
_METRICS: Final = {
    name: name == "chi2"
    for name in (
        *("uni", "bi", "ztest", "ztestp", "ztestmu", "ttest", "ttestmu"),
        *("ftest", "ftestmu", "anova", "chi2", "gain"),
    )
}
_IDLE: Final = {"hist_use_random": ("false", "0")}  # parameters of what is not done here, and values that ask for none


async def explore(ask: Ask) -> web.Response:
    """One metric of one context, or of several."""
    metric, scope = ask.query("metric"), ask.federation()
    if metric not in _METRICS:
        raise DialectError(_BAD, f"metric {metric[:40]!r} is not one: there are {', '.join(_METRICS)}")
    schema = ask.node.schema(scope)
    asked = [read(ask, one, schema) for one in ask.body.each]
    whole = ask.flag("returnProjectInfo", True)

    async def work() -> jobs.Values:
        found = [await _measured(ask, scope, metric, one) for one in asked]
        more = {"smlInfo": entities.info(ask.node, ask.pid, scope)} if whole else {}
        return {**_maps(found), **more}

    return await jobs.later(ask, "explore", scope, work)


async def vif(ask: Ask) -> web.Response:
    """How much each attribute's variance is inflated by the others, by its place."""

    def told(values: Mapping[str, Any]) -> jobs.Values:
        places = {name: str(i) for i, name in enumerate(_names(ask))}
        found = {places[name]: str(value) for name, value in values["vif"].items() if value is not None}
        return {"KSVSMap": {"values": [found]}}

    return await _one(ask, "vif", told)


async def pca(ask: Ask) -> web.Response:
    """Principal components: of the correlations, or, with `explainedCovariance`, of the covariances."""
    if not ask.flag("explainedCovariance", False):
        return await _one(ask, "explorepca", dict)
    return await _one(ask, "components", _components, rename={"pcaNumDimension": "components"}, matrix="covariance")


async def svd(ask: Ask) -> web.Response:
    """Singular values and vectors of the standardised rows."""
    return await _one(ask, "exploresvd", dict)


async def selection(ask: Ask) -> web.Response:
    """The attributes that stand best for all."""

    def told(values: Mapping[str, Any]) -> jobs.Values:
        return {"stringList": {"values": values["features"]}, "svdValues": values["svdValues"]}

    return await _one(ask, "exploresvdfs", told)


async def density(ask: Ask) -> web.Response:
    """How attributes are distributed."""
    return await _one(ask, "densityEstimate", dict)


async def conditional(ask: Ask) -> web.Response:
    """How continuous attributes are distributed where binary ones are 1."""
    return await _one(ask, "conditionalDensityEstimate", dict)


async def _one(
    ask: Ask, metric: str, told: Any, *, rename: Mapping[str, str] | None = None, **options: Any
) -> web.Response:
    scope = ask.federation()
    asked = read(ask, ask.body.one, ask.node.schema(scope))
    names = rename or {}
    given = {k: v for k, v in asked.extra.items() if v not in (None, "") and str(v).lower() not in _IDLE.get(k, ())}
    options |= {names.get(key, key): value for key, value in given.items()}
    chosen = [*asked.inputs, *asked.targets] or _names(ask)

    async def work() -> jobs.Values:
        found = await ask.node.explore(scope, chosen, asked.of, metric=metric, options=options)
        values: jobs.Values = told(found.values)
        return values

    return await jobs.later(ask, metric, scope, work)


async def _measured(ask: Ask, scope: str, metric: str, asked: Asked) -> dict[str, Any]:
    options: dict[str, Any] = dict(asked.extra)
    features = [*asked.inputs, *asked.targets]
    if _METRICS[metric] and asked.targets:
        features, options = [], {**options, "rows": asked.inputs, "columns": asked.targets}
    found = await ask.node.explore(scope, features, asked.of, metric=metric, options=options)
    return found.values


def _maps(found: Sequence[Mapping[str, Any]]) -> jobs.Values:
    """A KSVDMap, a map of numbers for each context; what is not defined is left out, and said beside them."""
    numbers = [{key: value for key, value in one.items() if isinstance(value, int | float)} for one in found]
    undefined = {key: why for one in found for key, why in (one.get("undefined") or {}).items()}
    return {"KSVDMap": {"values": numbers}} | ({"undefined": undefined} if undefined else {})


def _components(values: Mapping[str, Any]) -> jobs.Values:
    names = list(values["vectors"][0]) if values["vectors"] else []
    return {
        "pcaVectors": [[vector[name] for vector in values["vectors"]] for name in names],
        "pcaValues": values["values"],
        "pcaSumValues": values["total"],
    }


def _names(ask: Ask) -> list[str]:
    schema = ask.node.schema(ask.federation())
    return attributes.columns(schema, range(len(schema.columns)), ())
