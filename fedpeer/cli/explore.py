"""`explore` and `explorable`: describing data that nobody sees, and consenting to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from fedpeer.cli import frame, progress, render
from fedpeer.cli.answers import draw_answer, draw_parts
from fedpeer.cli.data import pairs
from fedpeer.node.shapes import Explored, Federation

_OVERVIEW = ("kind", "count", "mean", "stddev_unbiased", "ci_low", "ci_high", "count_true")
_ECHOED = ("feature", "a", "b")


@click.command(cls=frame.Command)
@click.argument("features", nargs=-1)
@click.option("--of", default="total", show_default=True, metavar="WHOM", help="total, local, rest, or members.")
@click.option("--metric", default="", metavar="NAME", help="What to compute (docs/statistics.md), such as t_test.")
@click.option("--against", default="", metavar="WHOM", help="Whose rows to compare with: rest, local, or members.")
@click.option("--option", "options", multiple=True, metavar="KEY=VALUE", help="An option of the metric.")
def explore(features: tuple[str, ...], of: str, metric: str, against: str, options: tuple[str, ...]) -> None:
    """Describe every feature, one FEATURE in full, or how two FEATURES go together; or compute a metric of them."""
    if len(features) > 2 and not (metric or against):
        raise click.UsageError("name no feature, one, or two")
    client, chosen = frame.client(), pairs(options)
    taken = sorted(chosen.keys() & {"self", "fed", "features", "of", "metric", "against"})
    if taken:
        raise click.BadParameter(f"{taken[0]!r} is not an option of a metric", param_hint="--option")
    fed = frame.federation(client)
    with progress.spin("computing"):
        told = client.explore(fed, features, of=of, metric=metric, against=against, **chosen)
    frame.show(told, lambda drawn: _draw(drawn, features))


@click.command(cls=frame.Command)
@click.argument("whether", type=click.Choice(["on", "off"]), required=False)
def explorable(whether: str | None) -> None:
    """Let every member explore this node's own summary (on), or this node only (off)."""
    client = frame.client()
    fed = frame.named(client)
    if whether is not None:
        fed = client.set_explorable(fed.id, whether == "on")
    frame.show(fed, _draw_consent)


def draw_values(values: Mapping[str, Any], indent: str = "") -> None:
    """Print nested values: numbers and texts as pairs, groups that are alike as a table, others under their names."""
    render.pairs((indent + _label(k), render.real(v)) for k, v in values.items() if not isinstance(v, Mapping | list))
    groups = {name: inner for name, inner in values.items() if isinstance(inner, Mapping)}
    if len(groups) > 1 and _alike(list(groups.values())):
        heads = list(next(iter(groups.values())))
        rows = ((indent + _label(name), *(render.real(told[h]) for h in heads)) for name, told in groups.items())
        render.table(("", *(f">{_label(head).upper()}" for head in heads)), rows)
        return
    for name, inner in groups.items():
        render.say(f"{indent}{_label(name)}", "bold")
        draw_values(inner, indent + "  ")


def _alike(groups: list[Mapping[str, Any]]) -> bool:
    """Whether these have the same keys, and nothing but numbers and texts."""
    flat = not any(isinstance(value, Mapping | list) for told in groups for value in told.values())
    return flat and all(told.keys() == groups[0].keys() for told in groups)


def _draw(told: Explored, features: tuple[str, ...]) -> None:
    whose = {"total": "the federation", "local": "this node", "each": "each part of the federation"}.get(
        told.of, told.of
    )
    what = f"{told.metric} of " * bool(told.metric) + (" and ".join(features) or "every feature")
    versus = f" against {told.against}" if told.against else ""
    render.say(f"{what}: {whose}{versus}, {render.count(told.rows, 'row')}", "bold")
    every = told.values.get("parts")
    if not isinstance(every, Mapping):
        _draw_values(told.metric, told.values)
    elif not draw_parts(told.metric, every):
        for name, values in every.items():
            render.say(name, "bold")
            _draw_values(told.metric, values)
    render.say(f"digest {render.short(told.digest)}", "dim")


def _draw_values(metric: str, values: Mapping[str, Any]) -> None:
    overview = values.get("univariate")
    if isinstance(overview, Mapping):
        _draw_overview(overview)
    elif not draw_answer(metric, values):
        draw_values({name: _plain(value) for name, value in values.items() if name not in _ECHOED})


def _plain(value: Any) -> Any:
    """Lists as what can be drawn: of groups, each under its own name or number; of values, in a row."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if not isinstance(value, list):
        return value
    if not any(isinstance(inner, Mapping) for inner in value):
        return " ".join(str(render.real(inner)) for inner in value)
    named = [(str(inner.get("sample", k + 1)), inner) for k, inner in enumerate(value)]
    return {name: {key: _plain(v) for key, v in inner.items() if key != "sample"} for name, inner in named}


def _draw_overview(every: Mapping[str, Mapping[str, Any]]) -> None:
    columns = [c for c in _OVERVIEW if any(c in told for told in every.values())]
    heads = ("FEATURE", *((_label(c) if c == "kind" else f">{_label(c)}").upper() for c in columns))
    render.table(heads, ((name, *(_cell(told, c) for c in columns)) for name, told in every.items()))


def _cell(told: Mapping[str, Any], column: str) -> Any:
    """One value of the overview; of dates, the mean as a date."""
    return render.real(told.get("mean_date" if column == "mean" and "mean_date" in told else column))


def _draw_consent(fed: Federation) -> None:
    who = "every member" if fed.explorable else "this node only"
    render.say(f"{fed.name}: this node's own summary can be explored by {who}")


def _label(key: str) -> str:
    return key.replace("_", " ")
