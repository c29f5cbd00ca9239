"""`explore` and `explorable`: describing data that nobody sees, and consenting to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from fedpeer.cli import frame, progress, render
from fedpeer.node.shapes import Explored, Federation

_OVERVIEW = ("count", "mean", "stddev", "std", "min", "max", "skewness", "kurtosis", "ci_low", "ci_high")


@click.command(cls=frame.Command)
@click.argument("features", nargs=-1)
@click.option("--of", default="total", show_default=True, metavar="WHOM", help="total, local, or a member.")
def explore(features: tuple[str, ...], of: str) -> None:
    """Describe every feature, one FEATURE in full, or how two FEATURES go together."""
    if len(features) > 2:
        raise click.UsageError("name no feature, one, or two")
    client = frame.client()
    fed = frame.federation(client)
    with progress.spin("computing"):
        told = client.explore(fed, features, of=of)
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
    """Print nested values: numbers and texts as pairs, each group under its name."""
    flat = [(indent + _label(k), render.real(v)) for k, v in values.items() if not isinstance(v, Mapping | list)]
    if flat:
        render.pairs(flat)
    for name, inner in values.items():
        if isinstance(inner, list) and inner and all(isinstance(row, Mapping) for row in inner):
            render.say(f"{indent}{_label(name)}", "bold")
            heads = list(inner[0])
            rows = ([render.real(row.get(head)) for head in heads] for row in inner)
            render.table([_head(head, inner[0][head]) for head in heads], rows)
        elif isinstance(inner, list):
            render.pairs([(indent + _label(name), ", ".join(render.real(v) for v in inner))])
        elif isinstance(inner, Mapping):
            render.say(f"{indent}{_label(name)}", "bold")
            draw_values(inner, indent + "  ")


def _draw(told: Explored, features: tuple[str, ...]) -> None:
    whose = {"total": "the federation", "local": "this node"}.get(told.of, told.of)
    render.say(f"{' and '.join(features) or 'every feature'}: {whose}, {render.count(told.rows, 'row')}", "bold")
    overview = told.values.get("univariate")
    if not features and isinstance(overview, Mapping):
        _draw_overview(overview)
    else:
        draw_values(told.values)
    render.say(f"digest {render.short(told.digest)}", "dim")


def _draw_overview(every: Mapping[str, Mapping[str, Any]]) -> None:
    columns = [c for c in _OVERVIEW if any(c in told for told in every.values())]
    heads = ("FEATURE", *(f">{_label(c).upper()}" for c in columns))
    render.table(heads, ((name, *(render.real(told.get(c)) for c in columns)) for name, told in every.items()))


def _draw_consent(fed: Federation) -> None:
    who = "every member" if fed.explorable else "this node only"
    render.say(f"{fed.name}: this node's own summary can be explored by {who}")


def _label(key: str) -> str:
    return key.replace("_", " ")


def _head(name: str, example: Any) -> str:
    return (">" if isinstance(example, int | float) else "") + _label(name).upper()
