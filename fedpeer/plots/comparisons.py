"""Rows against other rows: drift of each feature, survival in groups, and a model on rows that it has not seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isnan, nan
from typing import Any

from fedpeer.core.errors import RequestError
from fedpeer.plots.canvas import COLOURS, FAINT, INK, Figure, mapped, sheet, short

Answer = Mapping[str, Any]

_INDEX = (0.1, 0.25)  # customary limits of a population stability index: little, much
_TICKS = (0.01, 0.03, *_INDEX, 1)  # of its colours
_DARK = 0.2  # where they become dark
_LEVEL = 9  # letters of a name that is read without turning the head
_MANY = 80  # features or parts that can still be told apart on a map
_WRITTEN = 16  # parts up to which each number is written into its field


def drift(answer: Answer) -> Figure:
    """What the metric `drift` tells of each feature: its stability index, and the distance of its two distributions."""
    features = answer["features"]
    _measured(told["psi"] for told in features.values())
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


def drift_by_member(answer: Answer) -> Figure:
    """What `drift` tells of each part of the total against its rest: stability indices, features down, parts across."""
    parts: Mapping[str, Answer] = answer["parts"]
    features = {name: [told["features"][name]["psi"] for told in parts.values()] for name in _features(parts)}
    _measured(value for values in features.values() for value in values)
    names = sorted(features, key=lambda name: -max((value or 0 for value in features[name]), default=0))
    if len(names) > _MANY or len(parts) > _MANY:
        raise RequestError(f"{len(names)} features of {len(parts)} parts do not fit a map", hint="name fewer features")
    values = [[nan if value is None else value for value in features[name]] for name in names]
    figure, (axes,) = sheet(size=(0.75 * len(parts) + 2.4, 0.28 * len(names) + 1.2))
    above = [[max(value, _TICKS[0] / 2) for value in row] for row in values]  # zero has no logarithm
    shown = mapped(axes, above, (names, list(parts)), cmap="YlOrBr", norm=_scale())
    labels = [f"{short(name, 18)}\n({told['counts'][0]:,})" for name, told in parts.items()]
    axes.set_xticks(axes.get_xticks(), labels, rotation=0 if max(map(len, parts)) <= _LEVEL else 90)
    for i, row in enumerate(values if len(parts) <= _WRITTEN else []):
        for j, value in enumerate(row):
            if not isnan(value):
                ink = "white" if value > _DARK else INK
                axes.text(j + 0.5, i + 0.5, f"{value:.2f}", ha="center", va="center", size=7, color=ink)
    bar = figure.colorbar(shown, ax=axes, label="population stability index", extend="both", aspect=30)
    bar.solids.set_rasterized(False)
    bar.set_ticks(_TICKS, labels=[f"{tick:g}" for tick in _TICKS], minor=False)
    bar.minorticks_off()
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


def _features(parts: Mapping[str, Answer]) -> list[str]:
    return list(next(iter(parts.values()))["features"])


def _measured(indices: Iterable[float | None]) -> None:
    if all(index is None for index in indices):
        raise RequestError("no feature has a stability index here", hint="continuous ones need blocks: [histogram]")


def _scale() -> Any:
    """Colours by the logarithm, for indices go over several powers of ten."""
    from matplotlib.colors import LogNorm  # noqa: PLC0415  an extra, loaded when something is drawn

    return LogNorm(_TICKS[0], _TICKS[-1], clip=False)


def _filled(step: Answer, key: str) -> float:
    """The end of an interval; the curve itself where there is none, as at 0 and 1."""
    value: float = step["survival"] if step[key] is None else step[key]
    return value


def _area(auc: Answer) -> str:
    if auc["value"] is None:
        return "AUC not defined"
    span = "" if auc["low"] is None else f" ({auc['low']:.3f} to {auc['high']:.3f})"
    return f"AUC {auc['value']:.3f}{span}"
