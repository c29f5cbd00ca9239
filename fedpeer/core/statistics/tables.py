"""Contingency tables: χ², what it says of the strength of an association, and information gain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import flint

from fedpeer.core.errors import RequestError
from fedpeer.core.statistics.question import Answer, Question, undefined
from fedpeer.core.statistics.rounding import Number, certified, rational, root, rounded
from fedpeer.core.statistics.tails import beyond_chi2

_MOST = 20_000  # cells

_ONE_LEVEL = "fewer than two rows or columns of the table have any counts"


@dataclass(frozen=True, slots=True)
class Table:
    """Counts by row and column; empty rows and columns are kept in `counts`, and left out of every statistic."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    def filled(self) -> list[list[int]]:
        """The counts without empty rows and columns."""
        keep = [j for j in range(len(self.columns)) if any(row[j] for row in self.counts)]
        return [[row[j] for j in keep] for row in self.counts if any(row)]

    @property
    def df(self) -> int:
        """(rows − 1)(columns − 1), of those that are not empty."""
        filled = self.filled()
        return (len(filled) - 1) * (len(filled[0]) - 1) if filled else 0

    @property
    def total(self) -> int:
        """All counts together."""
        return sum(sum(row) for row in self.counts)

    @property
    def chi2(self) -> Fraction:
        """Σ (observed − expected)² / expected, exactly."""
        filled, n = self.filled(), self.total
        down = [sum(column) for column in zip(*filled, strict=True)]
        parts = (
            sum((Fraction(o * o, down[j]) for j, o in enumerate(row) if o), Fraction(0)) / sum(row) for row in filled
        )
        return n * (sum(parts, Fraction(0)) - 1) if filled else Fraction(0)

    @property
    def p(self) -> float | None:
        """P(χ² > chi2)."""
        chi2, df = self.chi2, self.df
        return certified(lambda: [beyond_chi2(flint.arb(rational(chi2)), df)])[0] if df else None

    @property
    def tschuprow(self) -> float | None:
        """√(χ² / n / √df)."""
        if not self.df:
            return None
        square = (self.chi2 / self.total) ** 2 / self.df
        return certified(lambda: [flint.arb(rational(square)).root(4)] if square else [flint.fmpq(0)])[0]

    @property
    def cramer(self) -> float | None:
        """√(χ² / n / (the smaller of rows and columns, less one))."""
        filled = self.filled()
        return root(self.chi2 / self.total / (min(len(filled), len(filled[0])) - 1)) if self.df else None


def crossed(question: Question) -> Table:
    """Two categories or 0/1 features against each other, or lists of 0/1 columns (options rows, columns)."""
    if question.options.get("rows") or question.options.get("columns"):
        question.expect(0, 0)
        return _listed(question, question.names("rows"), question.names("columns"))
    a, b = question.expect(2, 2)
    first, second = _levels(question, a), _levels(question, b)
    _check_size(len(first), len(second))
    cells = tuple(tuple(_both(question, x, y) for _, y in second) for _, x in first)
    return Table(tuple(n for n, _ in first), tuple(n for n, _ in second), cells)


def contingency(question: Question) -> Answer:
    """The table of two features, Pearson's χ² with its p, Cramér's V and Tschuprow's T."""
    table = crossed(question)
    down = [sum(column) for column in zip(*table.counts, strict=True)]
    n, varied = table.total, table.df > 0
    expected = {
        row: {c: rounded(Fraction(sum(cells) * down[j], n)) if n else None for j, c in enumerate(table.columns)}
        for row, cells in zip(table.rows, table.counts, strict=True)
    }
    told: Answer = {
        "count": n,
        "chi2": rounded(table.chi2) if varied else None,
        "df": table.df,
        "p": table.p,
        "cramer_v": table.cramer,
        "tschuprow_t": table.tschuprow,
        "smallest_expected": _smallest(table),
        "table": _told(table),
        "expected": expected,
    }
    return undefined(told, {} if varied else {"chi2": _ONE_LEVEL})


def information_gain(question: Question) -> Answer:
    """How many bits the first feature tells of the second: H(second) − H(second given first), and their entropies."""
    table = crossed(question)
    told: Answer = dict.fromkeys(("gain", "entropy", "entropy_given", "gain_ratio", "normalised"))
    if not table.total:
        return undefined(told | {"count": 0}, {"gain": "there are no rows"})
    inputs = [sum(row) for row in table.counts]
    target = [sum(column) for column in zip(*table.counts, strict=True)]
    joint = [o for row in table.counts for o in row]

    def values() -> list[Number | None]:
        first, second, both = _entropy(inputs), _entropy(target), _entropy(joint)
        gained = flint.fmpq(0) if not table.chi2 else first + second - both
        given = second if not table.chi2 else _rest(table, both - first)
        return [
            gained,
            second,
            given,
            gained / first if _varied(inputs) else None,
            gained / second if _varied(target) else None,
        ]

    told = dict(zip(told, certified(values), strict=True))
    reasons = {"gain_ratio": "the first feature does not vary"} if not _varied(inputs) else {}
    reasons |= {"normalised": "the second feature does not vary"} if not _varied(target) else {}
    return undefined(told | {"count": table.total, "table": _told(table)}, reasons)


def homogeneity(question: Question, names: Sequence[str]) -> Table:
    """The counts of the levels of several categories, a row a category, which must have the same levels."""
    features = [question.category(name) for name in names]
    levels = features[0].levels if features and features[0] is not None else ()
    if any(f is None or set(f.levels) != set(levels) for f in features):
        raise RequestError("categories that are compared must have the same levels")
    _check_size(len(names), len(levels))
    counts = tuple(tuple(question.summary.sum(f"{name}${level}") for level in levels) for name in names)
    return Table(tuple(names), levels, counts)


def _check_size(rows: int, columns: int) -> None:
    if rows * columns > _MOST:
        raise RequestError(f"a table of {rows} by {columns} is too large", hint=f"at most {_MOST} cells")


def _listed(question: Question, rows: Sequence[str], columns: Sequence[str]) -> Table:
    if len(rows) < 2 or len(columns) < 2:
        raise RequestError("name two 0/1 columns or more for the rows of the table, and for its columns")
    _check_size(len(rows), len(columns))
    for name in (*rows, *columns):
        if not question.column(name).indicator:
            raise RequestError(f"{name!r} is not a 0/1 column")
    counts = tuple(tuple(question.summary.product(a, b) for b in columns) for a in rows)
    return Table(tuple(rows), tuple(columns), counts)


def _levels(question: Question, name: str) -> list[tuple[str, tuple[str, bool]]]:
    """The levels of a category or 0/1 column: each one's name, and the column with the value it means."""
    feature = question.category(name)
    if feature is not None:
        return [(level, (f"{name}${level}", True)) for level in feature.levels]
    if not question.column(name).indicator:
        raise RequestError(f"{name!r} is continuous: a table needs categories or 0/1 features")
    return [("0", (name, False)), ("1", (name, True))]


def _both(question: Question, a: tuple[str, bool], b: tuple[str, bool]) -> int:
    summary, (x, x_true), (y, y_true) = question.summary, a, b
    both = summary.product(x, y)
    if x_true and y_true:
        return both
    if x_true:
        return summary.sum(x, y) - both
    if y_true:
        return summary.sum(y, x) - both
    return summary.count(x, y) - summary.sum(x, y) - summary.sum(y, x) + both


def _told(table: Table) -> dict[str, dict[str, int]]:
    return {
        row: dict(zip(table.columns, cells, strict=True)) for row, cells in zip(table.rows, table.counts, strict=True)
    }


def _smallest(table: Table) -> float | None:
    """The smallest expected count: below 5, the χ² distribution is a rough guide."""
    filled = table.filled()
    if not filled:
        return None
    return rounded(Fraction(min(map(sum, filled)) * min(map(sum, zip(*filled, strict=True))), table.total))


def _entropy(counts: Sequence[int]) -> flint.arb:
    n, filled = sum(counts), [k for k in counts if k]
    return (
        sum((flint.arb(flint.fmpq(k, n)) * (flint.arb(n) / k).log() for k in filled), flint.arb(0))
        / flint.arb.const_log2()
    )


def _rest(table: Table, bits: flint.arb) -> Number:
    """H(second given first), which is exactly zero where each row of the table has one count."""
    return flint.fmpq(0) if all(sum(1 for o in row if o) <= 1 for row in table.counts) else bits


def _varied(counts: Sequence[int]) -> bool:
    return sum(1 for k in counts if k) > 1
