"""Fitted models as users of R and statsmodels know them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from fedpeer.cli import render
from fedpeer.cli.explore import draw_values
from fedpeer.cli.families import family
from fedpeer.core.models.reports.marks import LEGEND, NAMES, small, stars
from fedpeer.node.shapes import Fitted


def draw_model(fitted: Fitted) -> None:
    """Print a model: what it is, its coefficients, how well it fits."""
    model = fitted.model
    _draw_head(fitted)
    draw = family(model)
    if draw is not None:
        render.say()
        draw(model)
        return
    rows = model.get("table")
    if not isinstance(rows, list) or not rows:
        draw_values(model)
        return
    render.say()
    _draw_coefficients(rows, model.get("confidence", 0.95))
    render.say()
    _draw_foot(model)


def _draw_head(fitted: Fitted) -> None:
    model = fitted.model
    used = next((model[key] for key in ("coefficients", "means", "centre", "tails") if model.get(key)), ())
    used = [model["symbol"]] if "symbol" in model else used
    names = [name for name in used if name != "intercept"]
    formula = f"{model.get('target', '')} ~ {' + '.join(names) or '1'}".strip()
    whose = {"total": "the federation", "local": "this node"}.get(fitted.of, fitted.of)
    render.pairs(
        [
            ("model", f"{fitted.kind} (id {fitted.id})"),
            ("formula", formula),
            ("options", ", ".join(f"{name} {value}" for name, value in model.get("options", {}).items())),
            ("left out", ", ".join(model.get("dropped", ()))),
            ("without rows", ", ".join(model.get("empty", ()))),
            ("fitted to", f"{render.count(fitted.rows, 'row')} of {whose}"),
            ("digest", render.short(fitted.digest)),
        ]
    )


def _draw_coefficients(rows: list[Mapping[str, Any]], confidence: float) -> None:
    heads = ("", ">ESTIMATE", ">STD. ERROR", ">T", ">P", "", f">{confidence:.0%} FROM", ">TO")
    render.table(heads, (_coefficient(row) for row in rows))
    render.say(LEGEND, "dim")


def _coefficient(row: Mapping[str, Any]) -> tuple[Any, ...]:
    estimate, error = render.real(row.get("coefficient"), 6), render.real(row.get("std_error"), 4)
    t, p = row.get("t"), row.get("p")
    interval = render.real(row.get("ci_low"), 5), render.real(row.get("ci_high"), 5)
    return Text(str(row.get("name")), style="bold"), estimate, error, render.real(t, 4), small(p), stars(p), *interval


def _draw_foot(model: Mapping[str, Any]) -> None:
    told = [("rows", render.real(model.get("n"))), ("degrees of freedom", render.real(model.get("df")))]
    render.pairs(
        told
        + [
            (NAMES[name], small(model[name]) if name == "f_p" else render.real(model[name], 6))
            for name in NAMES
            if name in model
        ]
    )
