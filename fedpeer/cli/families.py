"""Classifiers, components, covariances, chains and tails on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.text import Text

from fedpeer.cli import render

_SHOWN = 8  # columns of a matrix


def family(model: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], None] | None:
    """What draws a model of this family, or None for a regression."""
    return next((draw for key, draw in _FAMILIES.items() if key in model), None)


def _classes(model: Mapping[str, Any]) -> None:
    groups = model["classes"]
    heads = ("CLASS", ">ROWS", ">PRIOR")
    render.table(heads, ((g["label"], render.count(g["count"]), render.real(g["prior"])) for g in groups))
    for part, title in (("means", "means"), ("variances", "variances"), ("weights", "weights of the scores")):
        if all(g.get(part) for g in groups):
            _matrix(title, list(groups[0][part]), {g["label"]: list(g[part].values()) for g in groups})
    if model.get("stationary"):
        _matrix("in the long run", list(model["stationary"]), {"share": list(model["stationary"].values())})


def _hidden(model: Mapping[str, Any]) -> None:
    render.pairs([("start", ", ".join(f"{state} {render.real(p)}" for state, p in model["start"].items()))])
    for part, title in (("transitions", "next state, by state"), ("emissions", "symbol, by state")):
        rows = model[part]
        names = list(next(iter(rows.values())))
        _matrix(title, list(rows), {name: [row[name] for row in rows.values()] for name in names})


def _tails(model: Mapping[str, Any]) -> None:
    heads = ("FEATURE", "TAIL", ">FROM", ">ROWS", ">SHAPE", ">SCALE", ">LIMIT")
    rows = (
        (
            name,
            side,
            render.real(t["start"]),
            render.count(t["rows"]),
            *map(render.real, (t["shape"], t["scale"], t["limit"])),
        )
        for name, sides in model["tails"].items()
        for side, t in sides.items()
    )
    render.table(heads, rows)


def _components(model: Mapping[str, Any]) -> None:
    rows = enumerate(zip(model["variances"], model["ratios"], strict=True), start=1)
    heads = ("COMPONENT", ">VARIANCE", ">SHARE")
    render.table(heads, ((f"pc{i}", render.real(value), f"{share:.1%}") for i, (value, share) in rows))
    loadings = {f"pc{i}": row for i, row in enumerate(model["components"], start=1)}
    _matrix("loadings", list(model["means"]), loadings)


def _covariance(model: Mapping[str, Any]) -> None:
    render.pairs([("shrinkage", render.real(model["shrinkage"]) if model.get("shrinkage") is not None else "")])
    names = list(model["means"])
    for part in ("covariance", "precision"):
        _matrix(part, names, dict(zip(names, model[part], strict=True)))


def _matrix(title: str, names: Sequence[str], columns: Mapping[str, Sequence[float]]) -> None:
    shown = dict(list(columns.items())[:_SHOWN])
    more = f" ({len(columns) - _SHOWN} more columns are in the JSON form)" if len(columns) > _SHOWN else ""
    render.say()
    render.say(title + more, "bold")
    lines = zip(names, *shown.values(), strict=True)
    heads = ("", *(f">{name}" for name in shown))
    render.table(heads, ((Text(str(name), style="bold"), *map(render.real, values)) for name, *values in lines))


_FAMILIES: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
    "classes": _classes,
    "components": _components,
    "precision": _covariance,
    "emissions": _hidden,
    "tails": _tails,
}
