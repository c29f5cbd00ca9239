"""Hidden Markov models of states that were observed when they were counted: transitions and emissions are shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from fedpeer.core.errors import ModelError
from fedpeer.core.models.chain import Shares, alike, category, conditional, crossed, smoothing
from fedpeer.core.models.design import described, listed
from fedpeer.core.models.inputs import Floats
from fedpeer.core.models.result import Result, Values
from fedpeer.core.statistics.rounding import rounded
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

Table = dict[str, dict[str, float]]

_TOLERANCE = 1e-9  # by which read probabilities may miss the sum 1


class Hidden(Result, frozen=True, kw_only=True):
    """A hidden Markov model: the rows of a table are one sequence, and states are told from all of it.

    `start` is P(state) of the first row, `transitions` P(state | state before), `emissions` P(symbol | state).
    """

    target: str
    previous: str
    symbol: str
    start: dict[str, float]
    transitions: Table
    emissions: Table
    options: dict[str, str]

    @property
    def columns(self) -> list[str]:
        """The columns of the symbols."""
        return [f"{self.symbol}${level}" for level in next(iter(self.emissions.values()), {})]

    def answer(self, rows: int, columns: dict[str, Floats]) -> Values:
        """The most likely sequence of states (Viterbi 1967), the first of equals; None where there is none."""
        start, steps, seen = self._logarithms(rows, columns)
        labels = np.array([*self.start, None], dtype=object)
        if not rows:
            return labels[:0]
        best, came = start + seen[0], np.zeros((rows, len(start)), np.intp)
        for row in range(1, rows):
            ways = best[:, None] + steps
            came[row] = ways.argmax(axis=0)
            best = ways.max(axis=0) + seen[row]
        path = np.empty(rows, np.intp)
        path[-1] = best.argmax()
        for row in range(rows - 1, 0, -1):
            path[row - 1] = came[row, path[row]]
        return labels[path] if np.isfinite(best.max()) else labels[np.full(rows, -1)]

    def details(self, rows: int, columns: dict[str, Floats]) -> dict[str, Floats]:
        """P(state | all symbols) of each row; NaN where the symbols cannot be."""
        start, steps, seen = self._logarithms(rows, columns)
        forth = np.empty((rows, len(start)))
        back = np.zeros((rows, len(start)))
        for row in range(rows):
            forth[row] = seen[row] + (start if not row else _summed(forth[row - 1][:, None] + steps))
        for row in range(rows - 2, -1, -1):
            back[row] = _summed((steps + back[row + 1] + seen[row + 1]).T)
        both = forth + back
        with np.errstate(invalid="ignore"):
            shares = np.exp(both - _summed(both.T)[:, None])
        return {state: shares[:, k] for k, state in enumerate(self.start)}

    def predict(self, table: Any) -> Values:
        """Return the most likely state of each row of a table, whose rows are one sequence in their order.

        A symbol that is missing or unknown tells nothing. TableError for a missing column.
        """
        return self.answer(*self._whole(table))

    def explain(self, table: Any) -> dict[str, Floats]:
        """Return P(state) of each state in each row, given all symbols of the table."""
        return self.details(*self._whole(table))

    @classmethod
    def from_dict(cls, form: Any) -> Self:
        """Read the dict form; ModelError for anything that is not a hidden Markov model."""
        model = super().from_dict(form)
        levels = {feature.name: list(feature.levels) for feature in Schema.from_dict(model.schema).features}
        states, symbols = levels.get(model.target, []), levels.get(model.symbol, [])
        shares = (
            ({"": model.start}, [""], states),
            (model.transitions, states, states),
            (model.emissions, states, symbols),
        )
        if not states or not all(_stochastic(*each) for each in shares):
            raise ModelError("not a model: its probabilities are not those of its states and symbols")
        return model

    def _whole(self, table: Any) -> tuple[int, dict[str, Floats]]:
        parts = list(self.read(table))
        columns = {name: np.concatenate([part[name] for _, part in parts] or [np.empty(0)]) for name in self.columns}
        return sum(rows for rows, _ in parts), columns

    def _logarithms(self, rows: int, columns: dict[str, Floats]) -> tuple[Floats, Floats, Floats]:
        """Ln P of the first state, of steps, and of each row's symbol in each state: 0 where it is not known."""
        seen = np.array([columns[name] for name in self.columns]).reshape(len(self.columns), rows)
        emissions = np.array([list(row.values()) for row in self.emissions.values()])
        known = ~np.isnan(seen).any(axis=0)
        shares = np.where(known, emissions @ np.where(known, seen, 0), 1.0).T
        with np.errstate(divide="ignore"):
            steps = np.log([list(row.values()) for row in self.transitions.values()])
            return np.log(list(self.start.values())), steps, np.log(shares)


def hmm(summary: Summary, target: str, features: Sequence[str] | None, *, alpha: Any = 0) -> Hidden:
    """Count which state follows which, and which symbol comes with it: `features` are the state before and the symbol.

    The first state of a sequence is as likely as its share of all rows that have one. `alpha` is added to every count.
    """
    extra, goal = smoothing(alpha), category(summary.schema, target)
    before, symbol = _roles(summary.schema, target, features)
    states, symbols = list(goal.levels), list(category(summary.schema, symbol).levels)
    counts = crossed(summary, before, states, target, states)
    steps = conditional(counts, extra, [f"{state!r} comes before" for state in states])
    seen = crossed(summary, target, states, symbol, symbols)
    shown = conditional(seen, extra, [f"{state!r} comes with" for state in states])
    alone = [row[k] for k, row in enumerate(crossed(summary, target, states, target, states))]
    (start,) = conditional([alone], extra, [""])
    return Hidden(
        kind="hmm",
        target=target,
        previous=before,
        symbol=symbol,
        start=dict(zip(states, map(rounded, start), strict=True)),
        transitions=_table(states, states, steps),
        emissions=_table(states, symbols, shown),
        options={"alpha": str(alpha)},
        n=sum(map(sum, counts)),
        schema=described(summary.schema, {target, before, symbol}),
        summary=summary.digest,
    )


def _roles(schema: Schema, target: str, features: Sequence[str] | None) -> tuple[str, str]:
    """Which feature is the state before, and which the symbol."""
    same = alike(schema, target)
    names = list(features or ())
    before = [name for name in names if name in same][:1]
    rest = [name for name in names if name not in before]
    if len(names) != 2 or not before:
        raise ModelError(
            f"a hidden chain needs two features, the state before and the symbol, and {len(names)} are named",
            hint=f"categories with the levels of {target!r} are {listed(same) or 'not in the schema'}",
        )
    return before[0], category(schema, rest[0]).name


def _table(rows: Sequence[str], columns: Sequence[str], shares: Shares) -> Table:
    return {row: dict(zip(columns, map(rounded, line), strict=True)) for row, line in zip(rows, shares, strict=True)}


def _stochastic(table: Table, rows: Sequence[str], columns: Sequence[str]) -> bool:
    """Whether there are these rows and columns, and each row adds up to 1."""
    whole = list(table) == list(rows) and all(list(row) == list(columns) for row in table.values())
    return whole and all(abs(sum(row.values()) - 1) < _TOLERANCE and min(row.values()) >= 0 for row in table.values())


def _summed(values: npt.NDArray[np.float64]) -> Floats:
    """Ln of the sum of what the logarithms in each column are of."""
    top = values.max(axis=0)
    level = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(level + np.log(np.exp(values - level).sum(axis=0)), np.float64)
