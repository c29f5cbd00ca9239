"""`evaluate` and `validate`: what a model is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
import msgspec

from fedpeer.cli import frame, progress, render
from fedpeer.cli.data import MAP, OPTION, QUERY, draw_faults, location, pairs, reading
from fedpeer.client import ApiError
from fedpeer.node.shapes import Evaluated, Job, Validated

_MEASURES = {"rmse": "RMSE", "mae": "MAE", "bias": "bias", "r2": "R²", "auc": "AUC", "brier": "Brier", "f1": "F1"}
_UPPER = ("ppv", "npv")


@click.command(cls=frame.Command)
@click.argument("model")
@click.argument("source")
@click.option("--target", default="", metavar="COLUMN", help="The column that holds the truth (the model's target).")
@click.option("--threshold", type=float, help="The score from which a row is taken for positive.")
@click.option("--positive", default="", metavar="CLASS", help="The class that scores are for (the second of two).")
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Of the intervals.")
@MAP
@QUERY
@OPTION
def evaluate(model: str, source: str, maps: tuple[str, ...], query: str | None, **how: Any) -> None:
    """Compare what MODEL predicts with the truth in SOURCE, rows that it has not seen. None of them is kept.

    SOURCE is whatever `fedpeer data add` takes, read by the daemon.
    """
    client, told = frame.client(), reading(maps, query, how.pop("options"))
    fed = frame.federation(client)
    job = client.evaluate(fed, model, location(source), terms=how, **told)
    ended = progress.follow(client, job)
    if ended.error is not None:
        raise ApiError.of(ended.error)
    frame.show(ended, _draw_evaluated)


@click.command(cls=frame.Command)
@click.argument("kind")
@click.argument("target")
@click.argument("features", nargs=-1)
@OPTION
@click.option("--grid", metavar="KEY=VALUE,...", help="Values of one option to choose from: lam=0.1,1,10.")
def validate(kind: str, target: str, features: tuple[str, ...], options: tuple[str, ...], grid: str | None) -> None:
    """Fit KIND to the rows of all members but one and score it on that one, for each: TARGET from FEATURES.

    Members that do not let others explore them alone are left out together, as one.
    """
    client, told = frame.client(), pairs(options)
    tried = {key: str(value).split(",") for key, value in pairs((grid,) if grid else ()).items()}
    fed = frame.federation(client)
    with progress.spin("validating"):
        found = client.validate(fed, kind, target=target, features=features, grid=tried, **told)
    frame.show(found, _draw_validated)


def _draw_validated(found: Validated) -> None:
    told = found.validation
    render.say(f"{told['kind']} of {told['target']}, each part predicted from the others", "bold")
    heads = (">ROWS", ">RMSE", ">R²", ">BIAS")
    if told["option"]:
        render.table((told["option"].upper(), *heads), (_fold(fold) for fold in told["tried"]))
        render.say(f"\n{told['option']} = {told['chosen']}:", "bold")
    render.table(("LEFT OUT", *heads), [*(_fold(fold) for fold in told["folds"]), _fold(told["pooled"])])
    render.say(f"digest {render.short(found.digest)}", "dim")


def _fold(fold: Mapping[str, Any]) -> tuple[str, ...]:
    return fold["name"], render.count(fold["n"]), *(render.real(fold[key]) for key in ("rmse", "r2", "bias"))


def _draw_evaluated(job: Job) -> None:
    if job.state != "done":
        render.say(f"job {job.id} is {job.state}")
        return
    done = msgspec.convert(job.result, Evaluated)
    told = done.evaluation
    render.pairs(
        [
            ("model", f"{told['kind']} (id {done.model})"),
            ("target", told["target"]),
            ("rows", f"{render.count(told['evaluated'])} of {render.count(told['rows'])} in {done.source}"),
        ]
    )
    draw_faults(told["rows"], told["evaluated"], told["left_out"])
    ranking, classes = told.get("ranking") or {}, told.get("classes") or {}
    threshold = "" if classes.get("threshold") is None else f", taken from {render.real(classes['threshold'])}"
    render.say(f"positive is {ranking['positive']}{threshold}" if ranking else "", "dim")
    parts = (told.get("regression") or {}, ranking, classes.get("measures") or {})
    rows = [(_name(name), *_estimate(value)) for part in parts for name, value in part.items() if _is_estimate(value)]
    interval = f">{told['confidence']:.0%} FROM"
    render.table(("", ">VALUE", interval, ">TO"), rows, empty="no rows to evaluate on")
    if classes:
        _draw_classes(classes, interval)


def _draw_classes(classes: Mapping[str, Any], interval: str) -> None:
    labels = classes["labels"]
    render.say()
    render.say("true classes down, predicted across", "bold")
    confusion = ((label, *(render.count(classes["confusion"][label][said]) for said in labels)) for label in labels)
    render.table(("", *(f">{label}" for label in labels)), confusion)
    if len(labels) > 2:
        render.say()
        rows = (
            (label, _name(name), *_estimate(value))
            for label, own in classes["by_class"].items()
            for name, value in own.items()
        )
        render.table(("CLASS", "", ">VALUE", interval, ">TO"), rows)


def _is_estimate(value: Any) -> bool:
    return isinstance(value, Mapping) and "low" in value


def _estimate(value: Mapping[str, float | None]) -> tuple[str, str, str]:
    return render.real(value["value"]), render.real(value["low"]), render.real(value["high"])


def _name(key: str) -> str:
    return _MEASURES.get(key, key.upper() if key in _UPPER else key.replace("_", " "))
