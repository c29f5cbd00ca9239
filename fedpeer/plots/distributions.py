"""One feature at a time: histograms with their frequency polygons, and box plots with the bounds of their quartiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fedpeer.core.errors import RequestError
from fedpeer.plots.canvas import COLOURS, INK, Axes, Figure, sheet, short

Answer = Mapping[str, Any]


def density(answer: Answer) -> Figure:
    """What the metric `density` tells: bars of equal area a row, and the polygon over them."""
    features = answer["features"]
    figure, every = sheet(len(features), columns=2, size=(4.4, 2.8))
    for axes, (name, told) in zip(every, features.items(), strict=True):
        axes.stairs(told["density"], told["edges"], fill=True, color=COLOURS[0], alpha=0.35, linewidth=0)
        axes.plot(told["polygon_x"], told["polygon_y"], color=COLOURS[0], linewidth=1.4)
        axes.set_title(f"{short(name)}  (n = {told['count']:,})")
        axes.set_ylabel("density")
        axes.set_ylim(bottom=0)
        _frame(axes, told)
    return figure


def conditional_density(answer: Answer) -> Figure:
    """What the metric `conditional_density` tells: the polygon of each group that has rows, over one another."""
    groups = {name: told for name, told in answer["groups"].items() if told is not None}
    if not groups:
        raise RequestError("no group has rows, so there is no density to draw")
    figure, (axes,) = sheet(size=(6.2, 3.4))
    for k, (name, told) in enumerate(groups.items()):
        colour, (x, y) = COLOURS[k % len(COLOURS)], _curve(told)
        axes.fill_between(x, y, color=colour, alpha=0.15, linewidth=0)
        axes.plot(x, y, color=colour, linewidth=1.6, label=f"{short(name)}  (n = {told['count']:,})")
    axes.set_xlabel(short(answer["feature"]))
    axes.set_ylabel("density within the group")
    axes.set_ylim(bottom=0)
    axes.legend()
    every = list(groups.values())
    _frame(axes, {**every[0], "counts": [sum(c) for c in zip(*(told["counts"] for told in every), strict=True)]})
    return figure


def box(answer: Answer) -> Figure:
    """What the metric `box` tells: quartiles, whiskers and ends, each with the span in which it certainly lies."""
    features = answer["features"]
    figure, every = sheet(len(features), size=(6.2, 1.15))
    for axes, (name, told) in zip(every, features.items(), strict=True):
        _box(axes, told)
        axes.set_yticks([0], [short(name)])
        axes.set_ylim(-0.6, 0.6)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
    return figure


def _curve(told: Answer) -> tuple[list[float], list[float]]:
    """The polygon from the last zero before its rows to the first after them."""
    x, y = told["polygon_x"], told["polygon_y"]
    full = [k for k, height in enumerate(y) if height]
    return x[full[0] - 1 : full[-1] + 2], y[full[0] - 1 : full[-1] + 2]


def _box(axes: Axes, told: Answer) -> None:
    low, middle, high = (told[key]["value"] for key in ("first_quartile", "median", "third_quartile"))
    axes.barh(0, high - low, left=low, height=0.5, color=COLOURS[0], alpha=0.35)
    axes.plot([middle, middle], [-0.25, 0.25], color=COLOURS[0], linewidth=2)
    for inner, outer in ((low, told["lower_whisker"]["value"]), (high, told["upper_whisker"]["value"])):
        axes.plot([inner, outer], [0, 0], color=INK, linewidth=1)
        axes.plot([outer, outer], [-0.12, 0.12], color=INK, linewidth=1)
    for key in ("minimum", "maximum"):
        axes.plot(told[key]["value"], 0, marker="o", markersize=3, color=INK)
    for key in ("first_quartile", "median", "third_quartile"):
        # A thin line where the quantile of the rows can lie: nothing where the histogram tells it exactly.
        axes.plot([told[key]["lower"], told[key]["upper"]], [0.33, 0.33], color=COLOURS[1], linewidth=1.2)


def _frame(axes: Axes, told: Answer) -> None:
    """Show the bins in which there are rows, and one more on each side."""
    full = [k for k, count in enumerate(told["counts"]) if count]
    edges = told["edges"]
    if full:
        axes.set_xlim(edges[max(full[0] - 1, 0)], edges[min(full[-1] + 2, len(edges) - 1)])
