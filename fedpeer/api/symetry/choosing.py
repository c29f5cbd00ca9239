"""Models whose inputs are chosen: by what sums say of them, step by step or among all subsets."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from fedpeer.api.symetry import algorithms, attributes
from fedpeer.api.symetry.contexts import Asked
from fedpeer.api.symetry.door import Ask
from fedpeer.api.symetry.envelope import DialectError
from fedpeer.api.symetry.modelling import built
from fedpeer.core.statistics.schema import Schema

ASSESSED: Final = "sml_model_assessment_type"

_BAD = HTTPStatus.BAD_REQUEST
_FAMILIES: Final = {"mlr": ("stepwise", "best_subset"), "lda": ("lda_stepwise", "lda_subset")}
_SYNONYMS: Final = {"mlda": "lda"}
_RANDOM = "subsets are not drawn at random: selector_type_brute compares all of them, selector_type_fw_bw many more"
_SELECTORS: Final = {"selector_type_fw_bw": "both", "selector_type_simple": "order", "selector_type_brute": ""}
_NO_SELECTORS: Final = dict.fromkeys(
    ("selector_type_iteration", "selector_type_genetic", "selector_type_bayesian"), _RANDOM
)
_CLASSES: Final = ("binary_classification", "binary_classifier", "multiclass_classifier")
_TASKS: Final = ("regression", *_CLASSES)
# Parameters of searches that are not made here, without an effect on those that are.
IDLE: Final = ("rnd_seed", "selector_max_iterations", "autoselect_thread_pool_size")
GRIDS: Final = ("autoselect_grid_type", "selector_grid_type")


async def select(ask: Ask) -> web.Response:
    """Choose the inputs of a regression or a discriminant by what sums say of them, and keep that model."""
    algo = ask.query("algo")
    return await built(ask, lambda asked, schema: _chosen(algo, asked, schema))


async def auto(ask: Ask) -> web.Response:
    """Choose the inputs of a regression, or of a discriminant, by themselves."""
    wanted = task(ask)
    return await built(ask, lambda asked, schema: _automatic(wanted, asked, schema))


async def reduce(ask: Ask) -> web.Response:
    """Leave out the inputs of a discriminant that are not missed: all in all no more than `delta` of its power."""
    heuristic = ask.query("heuristic", "default")
    if heuristic != "default":
        raise DialectError(_BAD, f"heuristic {heuristic[:40]!r} is not one: there is default")
    given = {"delta": ask.query("delta"), "steps": ask.query("numIterations")}
    return await built(ask, lambda asked, schema: _reduced({k: v for k, v in given.items() if v}, asked, schema))


def task(ask: Ask) -> str:
    """The task that is asked for; DialectError for one that is not there."""
    wanted = ask.query("task", "regression")
    if wanted not in _TASKS:
        raise DialectError(_BAD, f"task {wanted[:40]!r} is not one: there are {', '.join(_TASKS)}")
    return wanted


def check_task(wanted: str, asked: Asked, schema: Schema) -> None:
    """DialectError for a target that is not of the task."""
    found = _classes(asked, schema)
    if wanted.startswith("binary") and found != 2:
        raise DialectError(_BAD, f"task {wanted} needs a target of two classes, and this has {found or 'none'}")


def _chosen(algo: str, asked: Asked, schema: Schema) -> algorithms.Recipe:
    extra = {key: value for key, value in asked.extra.items() if key not in (*IDLE, *GRIDS)}
    direction = selector(extra)
    algo = _SYNONYMS.get(algo, algo) or ("lda" if _classes(asked, schema) > 2 else "mlr")
    if algo not in _FAMILIES:
        raise DialectError(
            _BAD,
            f"algo {algo[:40]!r} chooses by rows that it has not learned: name a source (selectModel/{{ds}}); by sums "
            f"there are {', '.join(_FAMILIES)}",
        )
    steps, subsets = _FAMILIES[algo]
    options = _assessed(algo, extra)
    if direction:
        options["direction"] = direction
    return _recipe(steps if direction else subsets, asked, schema, options)


def _automatic(wanted: str, asked: Asked, schema: Schema) -> algorithms.Recipe:
    check_task(wanted, asked, schema)
    return _chosen("mlr" if wanted == "regression" else "lda", asked, schema)


def _reduced(given: dict[str, Any], asked: Asked, schema: Schema) -> algorithms.Recipe:
    extra = dict(asked.extra)
    heuristic = extra.pop("heuristic", "default")
    if heuristic != "default":
        raise DialectError(_BAD, f"heuristic {str(heuristic)[:40]!r} is not one: there is default")
    if "numIterations" in extra:
        extra["steps"] = extra.pop("numIterations")
    return _recipe("lda_reduced", asked, schema, {**extra, **given})


def selector(extra: dict[str, Any]) -> str:
    """Return the direction of a search that parameters ask for, "" for all subsets, and take it out of them."""
    key = next((key for key, value in extra.items() if str(value).startswith("selector_type_")), None)
    wanted = "selector_type_fw_bw" if key is None else str(extra.pop(key))
    if wanted not in _SELECTORS:
        why = _NO_SELECTORS.get(wanted, f"there are {', '.join(_SELECTORS)}")
        raise DialectError(_BAD, f"{wanted[:60]!r} is not supported: {why}")
    return _SELECTORS[wanted]


def _assessed(algo: str, extra: dict[str, Any]) -> dict[str, Any]:
    """Options with the criterion that a way of assessment stands for, where sums can tell it."""
    wanted = extra.pop(ASSESSED, "")
    if wanted == "auc" and algo == "lda":
        return {**extra, "criterion": "auc"}
    if wanted:
        raise DialectError(
            _BAD,
            f"{ASSESSED} {str(wanted)[:40]!r} is told by rows that a model has not learned: name a source "
            "(selectModel/{ds}); without one, an information criterion chooses, or of two classes the expected auc",
        )
    return extra


def _recipe(kind: str, asked: Asked, schema: Schema, options: dict[str, Any]) -> algorithms.Recipe:
    inputs, targets = (attributes.features(schema, chosen) for chosen in (asked.inputs, asked.targets))
    if len(targets) != 1:
        raise DialectError(_BAD, f"one target is needed, and {len(targets)} are named")
    if kind.startswith("lda") and _classes(asked, schema) == 2:
        options.setdefault("form", "symetry")
    return algorithms.Recipe(kind, targets[0], inputs or None, algorithms.numerics(kind, options))


def _classes(asked: Asked, schema: Schema) -> int:
    """How many classes the target has; 0 for a number."""
    targets = attributes.features(schema, asked.targets)
    if len(targets) != 1 or schema.feature(targets[0]).kind not in {"category", "binary"}:
        return 0
    return len(schema.feature(targets[0]).levels) or 2
