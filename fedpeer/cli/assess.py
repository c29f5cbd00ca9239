"""`evaluate`, `validate` and `choose`: what a model is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
import msgspec

from fedpeer.cli import frame, progress, render
from fedpeer.cli.data import MAP, OPTION, QUERY, draw_faults, location, pairs, reading
from fedpeer.client import ApiError
from fedpeer.node.choices import Chosen
from fedpeer.node.shapes import Evaluated, Job, Validated

_MEASURES = {"rmse": "RMSE", "mae": "MAE", "bias": "bias", "r2": "R²", "auc": "AUC", "brier": "Brier", "f1": "F1"}
_UPPER = ("ppv", "npv", "mcc")
_SEARCHES = ("all", "order", "stepwise", "subsets")


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


@click.command(cls=frame.Command)
@click.argument("kinds")
@click.argument("target")
@click.argument("features", nargs=-1)
@click.option("--on", "source", required=True, metavar="SOURCE", help="The rows to judge by; whatever data add takes.")
@click.option("--search", type=click.Choice(_SEARCHES), default="all", show_default=True, help="Which features.")
@click.option("--grid", "grids", multiple=True, metavar="KEY=VALUE,...", help="Values of an option: lam=0.1,1,10.")
@click.option("--measure", default="", help="By what they are judged: rmse, auc, accuracy, … (docs/models/using.md).")
@click.option("--positive", default="", metavar="CLASS", help="The class that scores are for (the second of two).")
@click.option("--of", default="total", show_default=True, metavar="WHOM", help="total, local, rest, or members.")
@MAP
@QUERY
@OPTION
def choose(kinds: str, target: str, features: tuple[str, ...], source: str, **how: Any) -> None:
    """Fit each of KINDS (lda,gaussian_nb) to the federation's data, judge it on SOURCE, and keep the best."""
    client, told = frame.client(), reading(how.pop("maps"), how.pop("query"), how.pop("options"))
    fed, grid = frame.federation(client), pairs(how.pop("grids"))
    wanted: dict[str, dict[str, Any]] = {kind: {} for kind in kinds.split(",")}
    how["grid"] = {key: str(value).split(",") for key, value in grid.items()}
    job = client.choose(fed, wanted, target, location(source), features=list(features), options=told, **how)
    ended = progress.follow(client, job)
    if ended.error is not None:
        raise ApiError.of(ended.error)
    frame.show(ended, _draw_chosen)


def _draw_chosen(job: Job) -> None:
    if job.state != "done":
        render.say(f"job {job.id} is {job.state}")
        return
    done = msgspec.convert(job.result, Chosen)
    told = done.choice
    tried = f"{render.count(told['tried'])} tried on {render.count(told['rows'], 'row')} of {done.source}"
    render.pairs([("kept", f"{done.model.kind} (id {done.model.id})"), ("target", told["target"]), ("models", tried)])
    rows = (
        (each["kind"], render.real(each["score"]), ", ".join(each["features"]), _options(each["options"]))
        for each in told["best"]
    )
    render.table(("KIND", f">{_name(told['measure'])}", "FEATURES", "OPTIONS"), rows)
    if told["left_out"]:
        render.say(f"{render.count(told['left_out'], 'row')} left out, where a feature is missing", "dim")
    for reason, count in told["refused"].items():
        render.say(f"{render.count(count)} not judged: {reason}", "dim")


def _options(told: Mapping[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in told.items())


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
