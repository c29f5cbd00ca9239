"""Several features together: their correlations, their principal components, and how far they say the same."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan, nan
from typing import Any

from fedpeer.core.errors import RequestError
from fedpeer.plots.canvas import COLOURS, FAINT, Figure, mapped, sheet, short

Answer = Mapping[str, Any]

_MANY = 80  # columns that can still be told apart
_WRITTEN = 16  # columns up to which each number is written into its field
_INFLATED = (5, 10)  # customary limits of a variance inflation factor


def correlation(answer: Answer) -> Figure:
    """What the metric `correlation` tells, as a map: blue falls, red rises; a field without a number is undefined."""
    table = answer["correlation"]
    names = list(table)
    if len(names) > _MANY:
        raise RequestError(f"{len(names)} columns do not fit on a map of correlations", hint="name fewer features")
    side = max(3.2, 0.34 * len(names) + 1.8)
    figure, (axes,) = sheet(size=(side + 0.8, side))
    values = [[nan if (r := table[a][b]) is None else r for b in names] for a in names]
    shown = mapped(axes, values, (names, names), cmap="RdBu_r", vmin=-1, vmax=1)
    axes.set_aspect("equal")
    for i, row in enumerate(values if len(names) <= _WRITTEN else []):
        for j, value in enumerate(row):
            if not isnan(value):
                axes.text(j + 0.5, i + 0.5, f"{value:.2f}", ha="center", va="center", size=7, color=_ink(value))
    figure.colorbar(shown, ax=axes, shrink=0.8, label="correlation").solids.set_rasterized(False)
    return figure


def scree(answer: Answer) -> Figure:
    """What the metric `components` tells: the share of the variance on each component, one by one and together."""
    figure, (axes,) = sheet()
    places = range(1, len(answer["shares"]) + 1)
    axes.bar(places, answer["shares"], color=COLOURS[0], alpha=0.6, label="each")
    axes.plot(places, answer["cumulative"], marker="o", markersize=3.5, color=COLOURS[1], label="together")
    axes.set_xlabel("component")
    axes.set_ylabel("share of the variance")
    axes.set_ylim(0, 1.03)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(loc="center right")
    return figure


def loadings(answer: Answer) -> Figure:
    """The same metric's vectors: how each column enters the first components."""
    vectors = answer["vectors"][:3]
    if not vectors:
        raise RequestError("there are no components to show", hint="ask for one at least")
    names = list(vectors[0])
    figure, every = sheet(len(vectors), columns=3, size=(2.9, max(2.0, 0.22 * len(names) + 0.9)))
    for k, (axes, vector) in enumerate(zip(every, vectors, strict=True)):
        axes.barh(range(len(names)), [vector[name] for name in names], color=COLOURS[0], alpha=0.75)
        axes.axvline(0, color=FAINT, linewidth=1)
        axes.set_yticks(range(len(names)), [short(name, 18) for name in names] if k == 0 else [])
        axes.invert_yaxis()
        axes.set_title(f"component {k + 1}  ({answer['shares'][k]:.1%})")
    return figure


def inflation(answer: Answer) -> Figure:
    """What the metric `vif` tells: by how much the others inflate the variance of each column's coefficient."""
    found = {name: value for name, value in answer["vif"].items() if value is not None}
    figure, (axes,) = sheet(size=(5.6, max(1.8, 0.24 * len(found) + 0.9)))
    axes.barh(range(len(found)), list(found.values()), color=COLOURS[0], alpha=0.75)
    axes.set_yticks(range(len(found)), [short(name) for name in found])
    axes.invert_yaxis()
    axes.set_xscale("log", subs=())
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlim(1, max([*found.values(), 2 * _INFLATED[-1]]) * 1.1)
    for limit in _INFLATED:
        axes.axvline(limit, color=COLOURS[1], linewidth=1, linestyle=":")
    axes.set_xlabel("variance inflation factor")
    return figure


def _ink(value: float) -> str:
    return "white" if abs(value) > 0.6 else "black"  # where the colours of the map become dark
