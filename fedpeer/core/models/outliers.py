"""How unusual a row is, by the histograms of its columns: heights of bins (HBOS), and empirical tails (ECOD).

Goldstein and Dengel, Histogram-based outlier score, KI 2012; Li, Zhao, Hu, Botta, Ionescu and Chen, ECOD: unsupervised
outlier detection using empirical cumulative distribution functions, TKDE 2022. Where no row was, half a row counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate, groupby, pairwise
from typing import Any, Self

import flint
import msgspec
import numpy as np

from fedpeer.core.errors import ModelError
from fedpeer.core.models.design import chosen, described
from fedpeer.core.models.inputs import Floats
from fedpeer.core.models.result import Result
from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.moments import Moments
from fedpeer.core.statistics.rounding import certified, rational, rounded
from fedpeer.core.statistics.summary import Summary

_HALF = Fraction(1, 2)


class Tally(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One column: a value from one edge to the next has, in each of the ways, the score between them."""

    edges: list[float]
    scores: list[list[float]]


class Outliers(Result, frozen=True, kw_only=True):
    """Scores by bins, added over columns; a row is scored by the largest in any of the `ways` (docs/models.md)."""

    ways: list[str]
    tallies: dict[str, Tally]

    @property
    def columns(self) -> list[str]:
        """The columns that are scored."""
        return list(self.tallies)

    def answer(self, rows: int, columns: dict[str, Floats]) -> Floats:
        """The score of each row: the larger, the more unusual; NaN where an input cannot be read."""
        result: Floats = np.max(list(self._totals(rows, columns).values()), axis=0)
        return result

    def details(self, rows: int, columns: dict[str, Floats]) -> dict[str, Floats]:
        """What each column adds; of a kind with several ways, the sum in each of them."""
        if len(self.ways) > 1:
            return self._totals(rows, columns)
        return {name: _scored(columns[name], tally, 0) for name, tally in self.tallies.items()}

    @classmethod
    def from_dict(cls, form: Any) -> Self:
        """Read the dict form; ModelError for anything that is not a set of scores."""
        model = super().from_dict(form)
        for name, tally in model.tallies.items():
            rising = all(a < b for a, b in pairwise(tally.edges))
            whole = all(len(scores) == len(tally.edges) + 1 for scores in tally.scores)
            if not (rising and whole and len(tally.scores) == len(model.ways)):
                raise ModelError(f"not a model: the scores of {name!r} do not fit its bins")
        if not model.ways or not model.tallies:
            raise ModelError("not a model: it scores nothing")
        return model

    def _totals(self, rows: int, columns: dict[str, Floats]) -> dict[str, Floats]:
        # Column after column, as in `Model.answer`: the same on every machine.
        empty = np.zeros(rows)
        return {
            way: sum((_scored(columns[name], tally, k) for name, tally in self.tallies.items()), start=empty)
            for k, way in enumerate(self.ways)
        }


def hbos(summary: Summary, target: str | None, features: Sequence[str] | None) -> Outliers:
    """Score a row by Σ ln(tallest bin / its bin) over features: a category's levels are bins, and 0 and 1 are."""
    columns = _columns(summary, target, features, "hbos", ())
    tallies: dict[str, Tally] = {}
    for _, group in groupby(columns, key=lambda column: column.feature):
        members = list(group)
        if members[0].kind == "category":
            tallies |= _levels(summary, members)
        else:
            tallies[members[0].name] = _heights(*_bins(summary, members[0]))
    return _model(summary, "hbos", ["height"], tallies)


def ecod(summary: Summary, target: str | None, features: Sequence[str] | None) -> Outliers:
    """Score a row by Σ −ln of the share of rows at least as far out: to the left, to the right, and as columns lean."""
    columns = _columns(summary, target, features, "ecod", ("powers",))
    return _model(summary, "ecod", ["left", "right", "skewness"], {c.name: _tails(summary, c) for c in columns})


def _columns(
    summary: Summary, target: str | None, features: Sequence[str] | None, kind: str, also: tuple[str, ...]
) -> tuple[Column, ...]:
    """All columns of the features, if what they need is counted."""
    if target is not None:
        raise ModelError(f"{kind} has no target", hint="name the columns as features")
    columns = chosen(summary.schema, None, features, whole=True)
    empty = next((column.name for column in columns if summary.count(column.name) < 1), None)
    if not columns or empty is not None:
        raise ModelError(
            f"{kind} needs a column and rows" + ("" if empty is None else f"; none has a value of {empty!r}")
        )
    lacking = [block for block in (*also, "histogram") if not summary.has(block)]
    if lacking and not all(column.indicator for column in columns):
        raise ModelError(
            f"{kind} needs the block {lacking[0]} of its continuous columns, which the schema does not count",
            hint=f"agree on a schema with blocks: [{', '.join((*also, 'histogram'))}]",
        )
    return columns


def _bins(summary: Summary, column: Column) -> tuple[list[int], list[int], list[float]]:
    """Rows in each bin that can hold a value, how many values it can hold, and its edges in the feature's unit."""
    if column.indicator:
        ones = summary.sum(column.name)
        return [summary.count(column.name) - ones, ones], [1, 1], [float(_HALF)]
    edges = column.edges(summary.schema.bins)
    able = [k for k, (a, b) in enumerate(pairwise(edges)) if a < b]
    counts = summary.histogram(column.name)
    limits = [rounded(column.value(q - _HALF)) for q in sorted(set(edges))]
    return [counts[k] for k in able], [edges[k + 1] - edges[k] for k in able], limits


def _heights(counts: list[int], widths: list[int], edges: list[float]) -> Tally:
    """A value beyond the range is as in an empty bin as wide as the last one."""
    tallest = max(Fraction(count, width) for count, width in zip(counts, widths, strict=True))
    ratios = [tallest * width / max(Fraction(count), _HALF) for count, width in zip(counts, widths, strict=True)]
    if len(edges) > len(counts):
        ratios = [tallest * widths[0] / _HALF, *ratios, tallest * widths[-1] / _HALF]
    return Tally(edges=edges, scores=[_logarithms(ratios)])


def _levels(summary: Summary, columns: list[Column]) -> dict[str, Tally]:
    counts = [summary.sum(column.name) for column in columns]
    scores = _logarithms([Fraction(max(counts)) / max(Fraction(count), _HALF) for count in counts])
    return {
        column.name: Tally(edges=[float(_HALF)], scores=[[0.0, score]])
        for column, score in zip(columns, scores, strict=True)
    }


def _tails(summary: Summary, column: Column) -> Tally:
    """−ln of the shares of rows up to a bin and from it on, and of these the one on the side of the longer tail."""
    counts, _, edges = _bins(summary, column)
    n, below = sum(counts), [0, *accumulate(counts)]
    upto, beyond = below[1:], [n - rows for rows in below[:-1]]
    if len(edges) > len(counts):
        upto, beyond = [0, *upto, n], [n, *beyond, 0]
    left, right = (_logarithms([n / max(Fraction(rows), _HALF) for rows in side]) for side in (upto, beyond))
    moments = Moments.of(summary, column.name)
    leans = left if moments is not None and moments.third < 0 else right
    return Tally(edges=edges, scores=[left, right, leans])


def _logarithms(ratios: list[Fraction]) -> list[float]:
    found = certified(lambda: [flint.arb(rational(ratio)).log() for ratio in ratios])
    return [value or 0.0 for value in found]


def _model(summary: Summary, kind: str, ways: list[str], tallies: dict[str, Tally]) -> Outliers:
    used = {summary.schema.columns[summary.schema.index(name)].feature for name in tallies}
    schema = described(summary.schema, used)
    return Outliers(kind=kind, n=summary.rows, schema=schema, summary=summary.digest, ways=ways, tallies=tallies)


def _scored(values: Floats, tally: Tally, way: int) -> Floats:
    found: Floats = np.array(tally.scores[way])[np.searchsorted(tally.edges, values, side="right")]
    return np.where(np.isnan(values), np.nan, found)
