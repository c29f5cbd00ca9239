"""Answers of metrics that are read best in a table of their own: drift, correlations, quantiles, box plots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from math import ceil
from typing import Any

from rich.text import Text

from fedpeer.cli import render

Values = Mapping[str, Any]

_WIDE = 20  # columns of a matrix that fit a line; of more, the strongest pairs are shown
_BAR = 12  # characters of a distance of 1
_STRONG = ((0.8, "bold"), (0.5, ""), (0.3, "dim"))
_BLOCKS = " ▁▂▃▄▅▆▇█"
_BOX = ("minimum", "lower_whisker", "first_quartile", "median", "third_quartile", "upper_whisker", "maximum")
_HEADS = ("MIN", "WHISKER", "Q1", "MEDIAN", "Q3", "WHISKER", "MAX")


def draw_answer(metric: str, values: Values) -> bool:
    """Print the answer of a metric that has a table of its own; False for others."""
    draw = _DRAWN.get(metric)
    if draw is not None:
        draw(values)
        render.pairs((name, reason) for name, reason in values.get("undefined", {}).items())
    return draw is not None


def draw_parts(metric: str, parts: Mapping[str, Values]) -> bool:
    """Print the drift of each part, a row a feature and a column a part; False for other metrics."""
    if metric != "drift":
        return False
    drawn = {name: values["features"] for name, values in parts.items()}
    names = list(next(iter(drawn.values())))
    render.say("Jensen–Shannon distance of each part from the rest", "dim")
    heads = ("FEATURE", *(f">{name}" for name in drawn))
    render.table(heads, ((f, *(render.real(told[f]["js_distance"], 3) for told in drawn.values())) for f in names))
    return True


def _drift(values: Values) -> None:
    """Features, the most different first; bars are as long as the Jensen–Shannon distance."""
    rows = sorted(values["features"].items(), key=lambda row: -(row[1]["js_distance"] or 0))
    here, there = values["counts"]
    render.pairs([("rows", f"{here:,} against {there:,}")])
    render.table(
        ("FEATURE", ">PSI", ">JS DISTANCE", "", ">KS", ">P", ">WASSERSTEIN"),
        (
            (
                name,
                render.real(told["psi"], 3),
                render.real(told["js_distance"], 3),
                "█" * round(_BAR * (told["js_distance"] or 0)),
                _between(told["ks_lower"], told["ks_upper"]),
                _between(told["p_lower"], told["p_upper"]),
                render.real(told["wasserstein"], 4),
            )
            for name, told in rows
        ),
    )


def _correlation(values: Values) -> None:
    """The lower half of the matrix, strong ones bold, negative ones blue; pairs, if there are many or intervals."""
    table = values["correlation"]
    names = list(table)
    if len(names) > _WIDE or "correlation_low" in values:
        _strongest(values)
        return
    heads = ("", *(f">{k + 1}" for k in range(len(names))))
    render.table(
        heads,
        (
            (f"{i + 1} {a}", *(_shade(table[a][b]) for b in names[: i + 1]), *[""] * (len(names) - i - 1))
            for i, a in enumerate(names)
        ),
    )


def _strongest(values: Values) -> None:
    ends = [values[key] for key in ("correlation_low", "correlation_high") if key in values]
    table = values["correlation"]
    pairs = [(a, b, r) for a, b in combinations(table, 2) if (r := table[a][b]) is not None]
    pairs.sort(key=lambda pair: -abs(pair[2]))
    if len(pairs) > _WIDE:
        render.say(f"the strongest of {render.count(len(pairs), 'pair')}; --json has all", "dim")
    rows = ((a, b, _shade(r), *(_shade(end[a][b]) for end in ends)) for a, b, r in pairs[:_WIDE])
    render.table(("FEATURE", "FEATURE", ">R", *(">FROM", ">TO")[: len(ends)]), rows)


def _quantiles(values: Values) -> None:
    """A row a feature, a column a probability: the value, and its bounds below it where they differ."""
    features = values["features"]
    heads = list(next(iter(features.values()))["quantiles"])
    rows = (
        (name, render.real(told["count"]), *(_bounded(told["quantiles"][p]) for p in heads))
        for name, told in features.items()
    )
    render.table(("FEATURE", ">COUNT", *(f">{p}" for p in heads)), rows)


def _boxes(values: Values) -> None:
    rows = (
        (name, render.real(told["count"]), *(_bounded(told[key]) for key in _BOX), _beyond(told))
        for name, told in values["features"].items()
    )
    render.table(("FEATURE", ">COUNT", *(f">{head}" for head in _HEADS), ">BEYOND"), rows)


def _densities(values: Values) -> None:
    """A row a feature: where its bins begin and end, and between these how high each is."""
    rows = (
        (
            name,
            render.real(told["count"]),
            render.real(told["edges"][0], 4),
            _heights(told["density"]),
            render.real(told["edges"][-1], 4),
        )
        for name, told in values["features"].items()
    )
    render.table(("FEATURE", ">COUNT", ">FROM", "DENSITY", "TO"), rows)


def _heights(density: Sequence[float]) -> str:
    most = max(density)
    return "".join(_BLOCKS[ceil(height / most * (len(_BLOCKS) - 1))] for height in density)


def _bounded(told: Mapping[str, float]) -> str:
    low, high = told["lower"], told["upper"]
    value = render.real(told["value"], 4)
    return value if low == high else f"{value}\n{render.real(low, 4)}..{render.real(high, 4)}"


def _beyond(told: Mapping[str, int]) -> str:
    least, most = (told[f"below_{k}"] + told[f"above_{k}"] for k in ("least", "most"))
    return f"{least:,}" if least == most else f"{least:,}..{most:,}"


def _between(low: float | None, high: float | None) -> str:
    same = low == high or render.real(low, 2) == render.real(high, 2)
    return render.real(high, 2) if same else f"{render.real(low, 2)}..{render.real(high, 2)}"


def _shade(r: float | None) -> Text:
    if r is None:
        return Text("–", style="dim")
    strong = next((style for least, style in _STRONG if abs(r) >= least), "dim")
    colour = "" if abs(r) < _STRONG[-1][0] else "blue" if r < 0 else "red"
    return Text(f"{r:.2f}", style=f"{strong} {colour}".strip())


_DRAWN: Mapping[str, Callable[[Values], None]] = {
    "drift": _drift,
    "correlation": _correlation,
    "quantiles": _quantiles,
    "box": _boxes,
    "density": _densities,
}
