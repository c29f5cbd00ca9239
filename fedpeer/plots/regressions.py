"""A fitted linear model: its coefficients, how far each is from zero, and the path on which it was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fedpeer.core.errors import RequestError
from fedpeer.plots.canvas import COLOURS, FAINT, Axes, Figure, sheet, short

Answer = Mapping[str, Any]

_CRITERIA = ("aic", "bic")  # aicc lies on the first for all but few rows


def coefficients(model: Answer) -> Figure:
    """The coefficients of a linear model with their intervals, the intercept left out."""
    rows = _rows(model)
    figure, (axes,) = sheet(size=(5.6, max(1.8, 0.26 * len(rows) + 0.9)))
    axes.axvline(0, color=FAINT, linewidth=1)
    for place, row in enumerate(rows):
        if row["ci_low"] is not None:
            axes.plot([row["ci_low"], row["ci_high"]], [place, place], color=COLOURS[0], linewidth=1.6)
        axes.plot(row["coefficient"], place, marker="o", markersize=4.5, color=COLOURS[0])
    axes.set_yticks(range(len(rows)), [short(row["name"]) for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(f"change of {short(model['target'])} for one unit more")
    return figure


def diagnostics(model: Answer) -> Figure:
    """How far each coefficient is from zero, in standard errors; and what the model says of the whole design."""
    rows = [row for row in _rows(model) if row["t"] is not None]
    if not rows:
        raise RequestError(f"this model of the kind {model['kind']} has no standard errors", hint="fit ols")
    rows.sort(key=lambda row: -abs(row["t"]))
    figure, (axes,) = sheet(size=(5.6, max(1.8, 0.26 * len(rows) + 1.1)))
    limit = (rows[0]["ci_high"] - rows[0]["coefficient"]) / rows[0]["std_error"]
    clear = [abs(row["t"]) >= limit for row in rows]
    colours = [COLOURS[0] if far else FAINT for far in clear]
    axes.barh(range(len(rows)), [row["t"] for row in rows], color=colours, edgecolor=COLOURS[0], linewidth=0.6)
    axes.axvline(0, color=COLOURS[0], linewidth=0.8)
    for end in (-limit, limit):
        axes.axvline(end, color=COLOURS[1], linewidth=1, linestyle=":")
    axes.set_yticks(range(len(rows)), [short(row["name"]) for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(f"coefficient in standard errors; beyond {limit:.2f} it is not 0 at {model['confidence']:.0%}")
    axes.set_title(_summed(model))
    return figure


def path(model: Answer) -> Figure:
    """The criteria along a path of penalties or of steps, and where the model was chosen."""
    points = model.get("path") or []
    if not points:
        raise RequestError(f"this model of the kind {model['kind']} was not chosen on a path", hint="fit lasso")
    figure, (axes,) = sheet(size=(6.2, 3.4))
    if "lam" in points[0]:
        _penalties(axes, points, model["options"])
    else:
        _sizes(axes, points, model)
    axes.set_ylabel("criterion: less is better")
    axes.legend()
    return figure


def _rows(model: Answer) -> list[Answer]:
    rows = [row for row in model.get("table", []) if row["name"] != "intercept"]
    if not rows:
        raise RequestError(f"a model of the kind {model.get('kind')} has no table of coefficients to draw")
    return rows


def _summed(model: Answer) -> str:
    """R² and the condition of the inputs, where there are such."""
    condition = ((model.get("certificate") or {}).get("condition") or {}).get("value")
    r2 = [] if model["r2"] is None else [f"R² {model['r2']:.3f}"]
    return ",  ".join([f"n = {model['n']:,}", *r2, *([] if condition is None else [f"condition {condition:.3g}"])])


def _penalties(axes: Axes, points: list[Answer], options: Answer) -> None:
    lams = [point["lam"] for point in points]
    for colour, key in zip((COLOURS[5], COLOURS[0]), _CRITERIA, strict=True):
        axes.plot(lams, [point[key] for point in points], color=colour, linewidth=1.6, label=key.upper())
    axes.axvline(float(options["lam"]), color=COLOURS[1], linewidth=1, linestyle=":")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.invert_xaxis()
    axes.set_xlabel("penalty, from the one that leaves no coefficient")


def _sizes(axes: Axes, points: list[Answer], model: Answer) -> None:
    key = model["options"].get("criterion", "bic")
    values = [point.get("value", point.get(key)) for point in points]
    axes.plot(range(len(points)), values, marker="o", markersize=4, color=COLOURS[0], label=key.upper())
    axes.plot(values.index(min(values)), min(values), marker="o", markersize=9, color=COLOURS[1], fillstyle="none")
    axes.set_xticks(range(len(points)), [str(len(point["features"])) for point in points])
    axes.set_xlabel("features")
