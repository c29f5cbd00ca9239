"""Rows against other rows: drift of each feature, survival in groups, and a model on rows that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fedpeer.core.errors import RequestError
from fedpeer.plots.canvas import COLOURS, FAINT, INK, Figure, sheet, short

Answer = Mapping[str, Any]

_INDEX = (0.1, 0.25)  # customary limits of a population stability index: little, much


def drift(answer: Answer) -> Figure:
    """What the metric `drift` tells of each feature: its stability index, and the distance of its two distributions."""
    features = answer["features"]
    names = sorted(features, key=lambda name: -(features[name]["psi"] or 0))
    figure, (left, right) = sheet(2, columns=2, size=(3.6, max(1.8, 0.24 * len(names) + 1.0)))
    for axes, key, label in ((left, "psi", "population stability index"), (right, "js_distance", "Jensen–Shannon")):
        axes.barh(range(len(names)), [features[name][key] or 0 for name in names], color=COLOURS[0], alpha=0.75)
        axes.set_yticks(range(len(names)), [short(name, 20) for name in names] if axes is left else [])
        axes.invert_yaxis()
        axes.set_xlabel(label)
    for limit in _INDEX:
        left.axvline(limit, color=COLOURS[1], linewidth=1, linestyle=":")
    right.set_xlim(0, 1)
    a, b = answer["counts"]
    left.set_title(f"{a:,} rows against {b:,}")
    return figure


def survival(answer: Answer) -> Figure:
    """What the metric `kaplan_meier` tells: the curve of each group, its interval, and how many are at risk."""
    groups, horizon = answer["groups"], answer["horizon"]
    figure, (axes,) = sheet(size=(6.2, 3.8))
    for k, (name, told) in enumerate(groups.items()):
        colour, steps = COLOURS[k % len(COLOURS)], told["table"]
        times = [0.0, *(step["time"] for step in steps), horizon]
        heights = [1.0, *(step["survival"] for step in steps)]
        axes.stairs(
            heights, times, baseline=None, color=colour, linewidth=1.6, label=f"{short(name)} ({told['count']:,})"
        )
        low, high = ([_filled(step, key) for step in steps] for key in ("ci_low", "ci_high"))
        axes.stairs([1.0, *high], times, baseline=[1.0, *low], fill=True, color=colour, alpha=0.13, linewidth=0)
    axes.set_xlim(0, horizon)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("time")
    axes.set_ylabel("share without the event")
    axes.legend(loc="lower left")
    return figure


def roc(evaluation: Answer) -> Figure:
    """The ROC curve of an evaluation on held-out rows: how many true alarms are bought with how many false ones."""
    ranking = evaluation.get("ranking")
    if not ranking:
        raise RequestError("this evaluation has no scores, so it has no ROC curve", hint="evaluate a two-class model")
    figure, (axes,) = sheet(size=(4.2, 4.2))
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1)
    axes.plot(*zip(*ranking["roc"], strict=True), color=COLOURS[0], linewidth=1.8)
    axes.set_aspect("equal")
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_xlabel("1 − specificity")
    axes.set_ylabel("sensitivity")
    axes.text(0.97, 0.05, _area(ranking["auc"]), ha="right", color=INK)
    axes.set_title(f"{short(evaluation['target'])}: {ranking['positives']:,} against {ranking['negatives']:,}")
    return figure


def coefficients(model: Answer) -> Figure:
    """The coefficients of a linear model with their intervals, the intercept left out."""
    rows = [row for row in model.get("table", []) if row["name"] != "intercept"]
    if not rows:
        raise RequestError(f"a model of the kind {model.get('kind')} has no table of coefficients to draw")
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


def _filled(step: Answer, key: str) -> float:
    """The end of an interval; the curve itself where there is none, as at 0 and 1."""
    value: float = step["survival"] if step[key] is None else step[key]
    return value


def _area(auc: Answer) -> str:
    if auc["value"] is None:
        return "AUC not defined"
    span = "" if auc["low"] is None else f" ({auc['low']:.3f} to {auc['high']:.3f})"
    return f"AUC {auc['value']:.3f}{span}"
