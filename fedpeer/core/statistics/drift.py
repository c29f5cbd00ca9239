"""Drift: how differently each feature is distributed in two sets of rows, such as a site and the rest."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import flint

from fedpeer.core.errors import RequestError
from fedpeer.core.statistics.distance import beyond_kolmogorov, kolmogorov, wasserstein
from fedpeer.core.statistics.divergence import Cells, jensen_shannon, stability, total_variation
from fedpeer.core.statistics.explore import mean
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.grid import Grid
from fedpeer.core.statistics.question import Answer, Question, undefined
from fedpeer.core.statistics.rounding import certified, rational, rounded
from fedpeer.core.statistics.summary import Summary

GROUPS = 10  # of bins, for the stability index

_SHARES = ("psi", "js_divergence", "js_distance", "total_variation")
_ORDERED = ("ks_lower", "ks_upper", "p_lower", "p_upper", "wasserstein_lower", "wasserstein", "wasserstein_upper")


@dataclass(frozen=True, slots=True)
class _Sides:
    """A feature's rows in the same cells on both sides, for continuous and 0/1 columns with their order."""

    cells: Cells
    grids: tuple[Grid, Grid] | None = None
    apart: Fraction = Fraction(0)  # |x̄ − ȳ|, which is known better than bins tell


def drift(question: Question) -> Answer:
    """How each feature's distribution differs between two sets of rows, and the feature that differs most."""
    if question.other is None:
        raise RequestError("one set of rows has nothing to differ from", hint="`against` names the other rows")
    groups, names = question.whole("groups", GROUPS), question.features or _names(question)
    told, reasons = {}, {}
    for name in names:
        sides = _sides(question, question.summary, question.other, name)
        if isinstance(sides, str):
            told[name], reasons[name] = dict.fromkeys((*_SHARES, *_ORDERED)), sides
            continue
        told[name] = _divergences(sides, groups) | _distances(sides)
        if sides.grids is None:
            reasons[name] = "levels have no order, so there are no cumulative shares to compare"
    sizes = {name: values["js_divergence"] for name, values in told.items() if values["js_divergence"] is not None}
    answer: Answer = {
        "counts": [question.summary.rows, question.other.rows],
        "largest": max(sizes, key=lambda name: sizes[name]) if sizes else None,
        "features": told,
    }
    return undefined(answer, reasons)


def _names(question: Question) -> list[str]:
    return list(dict.fromkeys(column.feature for column in question.columns(10_000)))


def _sides(question: Question, here: Summary, there: Summary, name: str) -> _Sides | str:
    """Both sides of a feature, or why they cannot be compared."""
    feature = question.category(name)
    if min(here.count(name), there.count(name)) < 1:
        return "no row has a value on one side"
    if feature is not None:
        return _Sides(list(zip(_levels(here, feature), _levels(there, feature), strict=True)))
    column = question.column(name)
    if not (column.indicator or here.has("histogram")):
        return "the schema does not count histograms"
    grids = Grid.of(here, name), Grid.of(there, name)
    cells = list(zip(grids[0].counts, grids[1].counts, strict=True))
    return _Sides(cells, grids, abs(mean(here, name) - mean(there, name)))


def _levels(summary: Summary, feature: Feature) -> list[int]:
    return [summary.sum(f"{feature.name}${level}") for level in feature.levels]


def _divergences(sides: _Sides, groups: int) -> Answer:
    seen = [cell for cell in sides.cells if any(cell)]
    grouped = seen if sides.grids is None else _grouped(seen, groups)
    values = stability(grouped), *jensen_shannon(seen), rounded(total_variation(seen))
    return dict(zip(_SHARES, values, strict=True))


def _grouped(cells: Cells, groups: int) -> Cells:
    """At most so many groups of neighbours, which have about as many rows of both sets together."""
    total, before, found = sum(a + b for a, b in cells), 0, dict[int, tuple[int, int]]()
    for a, b in cells:
        at = (2 * before + a + b) * groups // (2 * total)
        x, y = found.get(at, (0, 0))
        found[at], before = (x + a, y + b), before + a + b
    return list(found.values())


def _distances(sides: _Sides) -> Answer:
    if sides.grids is None:
        return dict.fromkeys(_ORDERED)
    a, b = sides.grids
    size, bounds = Fraction(a.rows * b.rows, a.rows + b.rows), kolmogorov(a, b)

    def tails() -> list[flint.arb]:
        return [beyond_kolmogorov(flint.arb(rational(size * d * d))) for d in reversed(bounds)]

    values = (*map(rounded, bounds), *certified(tails), *map(rounded, wasserstein(a, b, sides.apart)))
    return dict(zip(_ORDERED, values, strict=True))
