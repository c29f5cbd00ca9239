"""Densities: histograms in the feature's unit, their frequency polygons, and averaged shifted histograms."""

from __future__ import annotations

from fractions import Fraction

from fedpeer.core.errors import RequestError
from fedpeer.core.statistics.grid import Grid, gridded
from fedpeer.core.statistics.question import Answer, Question
from fedpeer.core.statistics.rounding import rounded


def density(question: Question) -> Answer:
    """The density of each feature, bin by bin: how large a share of the rows lies there, for each unit of width."""
    bins, over = _bins(question, "bins"), question.whole("smooth", 1)
    return {"features": {c.name: described(Grid.of(question.summary, c.name, bins), over) for c in gridded(question)}}


def described(grid: Grid, over: int = 1) -> Answer:
    """Edges, counts and densities of a grid, and its frequency polygon; averaged over so many shifted histograms."""
    limits = [grid.limits(k) for k in range(len(grid.counts))]
    shares = smoothed([Fraction(count, grid.rows) for count in grid.counts], over)
    heights = [share / (right - left) for share, (left, right) in zip(shares, limits, strict=True)]
    middles, (first, last) = [(left + right) / 2 for left, right in limits], (limits[0][0], limits[-1][1])
    outer = (2 * first - middles[0], 2 * last - middles[-1])
    return {
        "count": grid.rows,
        "edges": [rounded(first), *(rounded(right) for _, right in limits)],
        "counts": list(grid.counts),
        "density": [rounded(height) for height in heights],
        "polygon_x": [rounded(x) for x in (outer[0], *middles, outer[1])],
        "polygon_y": [0.0, *(rounded(height) for height in heights), 0.0],
    }


def smoothed(shares: list[Fraction], over: int) -> list[Fraction]:
    """The average over m shifted histograms (Scott, 1985): weights (m − |i|) / m² over neighbours, i of them away.

    What would lie beyond the ends is reflected, so that the sum stays one.
    """
    size = len(shares)
    if over > size:
        raise RequestError(f"{over} shifted histograms are more than the {size} bins", hint="smooth over fewer")
    whole = [Fraction(0)] * size
    for k, share in enumerate(shares):
        for i in range(1 - over, over) if share else ():
            at = (k + i) % (2 * size)
            whole[at if at < size else 2 * size - 1 - at] += share * (over - abs(i))
    return [total / over**2 for total in whole]


def estimate(question: Question) -> Answer:
    """SymetryML's densityEstimate: the histogram of each feature as densities, in bins that are as wide on average."""
    bins = _bins(question, "hist_bins")
    return {"densityList": [listed(c.name, Grid.of(question.summary, c.name, bins)) for c in gridded(question)]}


def listed(name: str, grid: Grid) -> Answer:
    """One density as SymetryML lists it."""
    (low, _), (_, high) = grid.limits(0), grid.limits(len(grid.counts) - 1)
    limits = {"min": rounded(low), "max": rounded(high), "width": rounded((high - low) / len(grid.counts))}
    return {"attrName": name} | limits | {"histogram": described(grid)["density"]}


def _bins(question: Question, name: str) -> int:
    """So many bins, or 0 for as many as the schema has."""
    return question.whole(name, 1) if name in question.options else 0
