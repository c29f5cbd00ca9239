"""Drift: how differently each feature is distributed in two sets of rows, such as a site and the rest."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from fedpeer.core.statistics.balance import split_by
from fedpeer.core.statistics.distance import kolmogorov, kolmogorov_tail, wasserstein
from fedpeer.core.statistics.divergence import Cells, jensen_shannon, stability, total_variation
from fedpeer.core.statistics.explore import given, mean
from fedpeer.core.statistics.grid import Grid
from fedpeer.core.statistics.question import Answer, Question, undefined
from fedpeer.core.statistics.rounding import rounded
from fedpeer.core.statistics.summary import Summary

GROUPS = 10  # of bins, for the stability index

_SHARES = ("psi", "js_divergence", "js_distance", "total_variation")
_ORDERED = ("ks_lower", "ks_upper", "p_lower", "p_upper", "wasserstein_lower", "wasserstein", "wasserstein_upper")


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of one side: all of a summary, or those where a 0/1 column is 1, or is 0."""

    summary: Summary
    by: str | None = None
    truth: bool = True

    def rows(self, name: str) -> int:
        """How many have a value of a column."""
        return self.summary.count(name) if self.by is None else given(self.summary, name, self.by, self.truth).count

    def grid(self, name: str) -> Grid:
        """A column by bins."""
        if self.by is None:
            return Grid.of(self.summary, name)
        return Grid.given(self.summary, name, self.by, truth=self.truth)

    def mean(self, name: str) -> Fraction:
        """The mean of a column; there are rows."""
        if self.by is None:
            return mean(self.summary, name)
        return given(self.summary, name, self.by, self.truth).mean or Fraction(0)


@dataclass(frozen=True, slots=True)
class _Sides:
    """A feature's rows in the same cells on both sides; of continuous and 0/1 columns also their order and means."""

    cells: Cells
    grids: tuple[Grid, Grid] | None = None
    apart: Fraction = Fraction(0)


def drift(question: Question) -> Answer:
    """How each feature's distribution differs between two sets of rows, and the feature that differs most."""
    parts, groups = _parts(question), question.whole("groups", GROUPS)
    names = question.features or _names(question)
    told, reasons = {}, {}
    for name in names:
        sides = _sides(question, parts, name)
        if isinstance(sides, str):
            told[name], reasons[name] = dict.fromkeys((*_SHARES, *_ORDERED)), sides
            continue
        told[name] = _divergences(sides, groups) | _distances(sides)
        if sides.grids is None:
            reasons[name] = "levels have no order, so there are no cumulative shares to compare"
    sizes = {name: values["js_divergence"] for name, values in told.items() if values["js_divergence"] is not None}
    answer: Answer = {
        "counts": _counts(parts),
        "largest": max(sizes, key=lambda name: sizes[name]) if sizes else None,
        "features": told,
    }
    return undefined(answer, reasons)


def _parts(question: Question) -> tuple[_Part, _Part]:
    by = split_by(question)
    if by is not None:
        return _Part(question.summary, by), _Part(question.summary, by, truth=False)
    return _Part(question.summary), _Part(question.other or question.summary)


def _counts(parts: tuple[_Part, _Part]) -> list[int]:
    """Rows of both sides, with whatever values they have."""
    return [part.summary.rows if part.by is None else part.rows(part.by) for part in parts]


def _names(question: Question) -> list[str]:
    by = question.options.get("by")
    return list(dict.fromkeys(column.feature for column in question.columns(10_000) if column.name != by))


def _sides(question: Question, parts: tuple[_Part, _Part], name: str) -> _Sides | str:
    """Both sides of a feature, or why they cannot be compared."""
    feature = question.category(name)
    columns = [name] if feature is None else [f"{name}${level}" for level in feature.levels]
    if min(part.rows(columns[0]) for part in parts) < 1:
        return "no row has a value on one side"
    if feature is not None:
        return _Sides([(parts[0].grid(column).counts[1], parts[1].grid(column).counts[1]) for column in columns])
    block = "histogram" if question.options.get("by") is None else "conditional_histogram"
    if not (question.column(name).indicator or question.summary.has(block)):
        return f"the schema does not count the block {block}"
    here, there = (part.grid(name) for part in parts)
    cells = list(zip(here.counts, there.counts, strict=True))
    return _Sides(cells, (here, there), abs(parts[0].mean(name) - parts[1].mean(name)))


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
    bounds = kolmogorov(a, b)
    tails = (kolmogorov_tail(d, a.rows, b.rows) for d in reversed(bounds))
    values = (*map(rounded, bounds), *tails, *map(rounded, wasserstein(a, b, sides.apart)))
    return dict(zip(_ORDERED, values, strict=True))
