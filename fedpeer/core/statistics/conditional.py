"""How a continuous feature is distributed where 0/1 columns hold: densities by group, and a test between two groups."""

from __future__ import annotations

from itertools import pairwise

from fedpeer.core.errors import RequestError, SchemaError
from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.density import described, listed
from fedpeer.core.statistics.distance import kolmogorov, kolmogorov_tail
from fedpeer.core.statistics.grid import MOST, Grid, gridded
from fedpeer.core.statistics.question import Answer, Question, undefined
from fedpeer.core.statistics.rounding import rounded

_Condition = tuple[str, bool]  # a 0/1 column, and whether it is 1


def conditional_density(question: Question) -> Answer:
    """The density of a feature in each group: levels of a category, a 0/1 column's 1 and 0, or each of several."""
    bins = question.whole("bins", 1) if "bins" in question.options else 0
    x, over = question.expect(2, MOST)[0], question.whole("smooth", 1)
    grids = {name: within(question, x, condition, bins) for name, condition in _groups(question).items()}
    told = {name: None if grid is None else described(grid, over) for name, grid in grids.items()}
    reasons = {name: "it has no rows" for name, grid in grids.items() if grid is None}
    return undefined({"feature": x, "groups": told}, reasons)


def ks_test(question: Question) -> Answer:
    """Whether a feature is distributed alike in two groups: bounds of D = sup |F − G|, and of its p value."""
    x, groups = question.expect(2, 3)[0], _groups(question)
    if len(groups) != 2:
        raise RequestError(f"{len(groups)} groups; the test compares two", hint="option levels=FIRST,SECOND")
    grids = [within(question, x, condition) for condition in groups.values()]
    empty = next((name for name, grid in zip(groups, grids, strict=True) if grid is None), None)
    a, b = (grid for grid in grids if grid is not None) if empty is None else (None, None)
    if a is None or b is None:
        raise RequestError(f"no row with a value of {x!r} is in the group {empty}")
    bounds = kolmogorov(a, b)
    values = (*map(rounded, bounds), *(kolmogorov_tail(d, a.rows, b.rows) for d in reversed(bounds)))
    counts = dict(zip(groups, (a.rows, b.rows), strict=True))
    return {"counts": counts} | dict(zip(("ks_lower", "ks_upper", "p_lower", "p_upper"), values, strict=True))


def conditional_estimate(question: Question) -> Answer:
    """SymetryML's conditionalDensityEstimate: each continuous feature as densities where each 0/1 column is 1."""
    bins = question.whole("hist_bins", 1) if "hist_bins" in question.options else 0
    columns = gridded(question) if question.features else question.columns(10_000)
    measured = [column for column in columns if not column.indicator]
    flags = [column for column in columns if column.indicator]
    if not measured or not flags:
        raise RequestError("name continuous features, and the 0/1 columns that they are conditional on")
    if len(measured) * len(flags) > MOST:
        raise RequestError(f"{len(measured) * len(flags)} pairs; at most {MOST} in one answer", hint="name features")
    pairs = [(x.name, b.name) for x in measured for b in flags]
    grids = [(f"{x}|{b}", within(question, x, (b, True), bins)) for x, b in pairs]
    return {"densityList": [listed(name, grid) for name, grid in grids if grid is not None]}


def within(question: Question, x: str, condition: _Condition, bins: int = 0) -> Grid | None:
    """The histogram of a continuous feature over the rows of a condition; None if there are none."""
    column, summary = _measured(question, x), question.summary
    counts, whole = summary.histogram_given(x, *condition), Grid.of(summary, x, bins)
    if not any(counts):
        return None
    size = len(counts) // (bins or len(counts))
    merged = [sum(counts[k : k + size]) for k in range(0, len(counts), size)]
    kept = [n for n, (a, b) in zip(merged, pairwise(column.edges(len(merged))), strict=True) if a < b]
    return Grid(column, tuple(kept), whole.first, whole.last)


def _measured(question: Question, name: str) -> Column:
    column = question.column(name)
    if column.indicator:
        raise SchemaError(f"{name!r} is 0/1: it has no histogram; name the measured feature first")
    return column


def _groups(question: Question) -> dict[str, _Condition]:
    _, *names = question.features
    category = question.category(names[0]) if len(names) == 1 else None
    if category is not None:
        columns = [f"{names[0]}${level}" for level in question.names("levels") or category.levels]
        return {name: (question.column(name).name, True) for name in columns}
    if len(names) == 1:
        return {f"{names[0]} is {int(truth)}": (names[0], truth) for truth in (True, False)}
    return {name if "$" in name else f"{name} is 1": (name, True) for name in names}
