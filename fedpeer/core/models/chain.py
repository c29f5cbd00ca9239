"""Markov chains: how often one state follows another, counted exactly, for each row has a state and the one before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, Self

import flint

from fedpeer.core.errors import ModelError
from fedpeer.core.models.classifier import Classifier, Group
from fedpeer.core.models.design import described, listed, named
from fedpeer.core.models.numbers import number
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.rounding import rational, rounded
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

Shares = list[list[Fraction]]  # a row for each condition


class Chain(Classifier, frozen=True, kw_only=True):
    """A Markov chain; a class's weights, of the columns of the state before, are P(state | state before).

    `counts` has how often the second state followed the first. `stationary` is the distribution that stays as it is,
    empty if there are several; `closed` are the sets of states that are never left.
    """

    previous: str
    counts: dict[str, dict[str, int]]
    stationary: dict[str, float]
    closed: list[list[str]]

    @classmethod
    def from_dict(cls, form: Any) -> Self:
        """Read the dict form; ModelError for anything that is not a chain."""
        model = super().from_dict(form)
        states = [group.label for group in model.classes]
        columns = {f"{model.previous}${state}" for state in states}
        whole = [*model.counts] == states and all([*row] == states for row in model.counts.values())
        if not whole or any(set(group.weights) != columns for group in model.classes):
            raise ModelError("not a model: its counts are not those of its states")
        return model

    @property
    def transitions(self) -> dict[str, dict[str, float]]:
        """P(second | first)."""
        weights = {group.label: group.weights for group in self.classes}
        return {a: {b: weights[b][f"{self.previous}${a}"] for b in weights} for a in self.counts}

    def likelihood(self, states: Sequence[str]) -> float:
        """Ln P(states after the first | the first) of a sequence; ModelError for a state that is not there."""
        steps = self.transitions
        strange = next((state for state in states if state not in steps), None)
        if strange is not None:
            raise ModelError(f"there is no state {strange!r:.60}", hint=f"there are {listed(list(steps))}")
        found = [steps[a][b] for a, b in pairwise(states)]
        return math.fsum(math.log(p) for p in found) if all(found) else -math.inf


def markov(summary: Summary, target: str, features: Sequence[str] | None, *, alpha: Any = 0) -> Chain:
    """Count which state follows which: `target` is a category, and the one feature another with the same levels.

    P(b | a) = (rows of a before b + alpha)/(rows of a before any + K·alpha); ModelError for a that comes before none.
    """
    extra = smoothing(alpha)
    goal, before = category(summary.schema, target), _before(summary.schema, target, features)
    states = list(goal.levels)
    counts = crossed(summary, before.name, states, goal.name, states)
    steps = conditional(counts, extra, [f"{state!r} comes before" for state in states])
    closed = _closed(steps)
    stationary = _stationary(steps, closed[0]) if len(closed) == 1 else []
    rows = [sum(row) for row in counts]
    classes = [
        Group(
            label=state,
            count=(count := sum(row[k] for row in counts)),
            prior=rounded(Fraction(count, sum(rows))),
            constant=0.0,
            means={f"{before.name}${a}": rounded(Fraction(row[k], max(count, 1))) for a, row in _named(states, counts)},
            weights={f"{before.name}${a}": rounded(row[k]) for a, row in _named(states, steps)},
        )
        for k, state in enumerate(states)
    ]
    return Chain(
        kind="markov",
        target=goal.name,
        previous=before.name,
        classes=classes,
        centre={f"{before.name}${state}": 0.0 for state in states},
        probabilities=False,
        dropped=[],
        empty=[],
        options={"alpha": str(alpha)},
        counts={a: dict(zip(states, row, strict=True)) for a, row in _named(states, counts)},
        stationary={state: rounded(share) for state, share in zip(states, stationary, strict=False)},
        closed=[[states[k] for k in each] for each in closed],
        n=sum(rows),
        schema=described(summary.schema, {goal.name, before.name}),
        summary=summary.digest,
    )


def category(schema: Schema, name: str) -> Feature:
    """The category of this name; ModelError for another feature."""
    feature = named(schema, name)
    if feature.kind != "category":
        raise ModelError(
            f"{name!r} is {feature.kind}; states and symbols are categories",
            hint="declare a category with its levels",
        )
    return feature


def alike(schema: Schema, target: str) -> list[str]:
    """The other categories with the levels of this one."""
    levels = set(category(schema, target).levels)
    return [f.name for f in schema.features if f.kind == "category" and f.name != target and set(f.levels) == levels]


def smoothing(alpha: Any) -> Fraction:
    """How much is added to each count; ModelError if that is below zero."""
    extra = number("alpha", alpha)
    if extra < 0:
        raise ModelError(f"alpha is {alpha!r:.40}; it must not be below zero")
    return extra


def crossed(summary: Summary, first: str, a: Sequence[str], second: str, b: Sequence[str]) -> list[list[int]]:
    """Rows with each level of a category and each of another."""
    schema, products = summary.schema, summary.products()
    rows, columns = ([schema.index(f"{name}${level}") for level in x] for name, x in ((first, a), (second, b)))
    return [[int(products[i, j]) for j in columns] for i in rows]


def conditional(counts: Sequence[Sequence[int]], extra: Fraction, told: Sequence[str]) -> Shares:
    """Shares of each row of counts; ModelError names a row without any."""
    lacking = [text for text, row in zip(told, counts, strict=True) if not sum(row) and not extra]
    if lacking:
        raise ModelError(
            f"{lacking[0]} nothing in {sum(map(sum, counts))} rows, so there are no shares to tell",
            hint="wait for more data, or say that everything is a little likely: alpha=1",
        )
    return [[(count + extra) / (sum(row) + len(row) * extra) for count in row] for row in counts]


def _before(schema: Schema, target: str, features: Sequence[str] | None) -> Feature:
    names = alike(schema, target) if features is None else list(features)
    if len(names) != 1:
        raise ModelError(
            f"a chain needs one feature, the state before, and {len(names)} are named",
            hint=f"categories with the levels of {target!r} are {listed(alike(schema, target)) or 'not in the schema'}",
        )
    before = category(schema, names[0])
    if before.name not in alike(schema, target):
        raise ModelError(
            f"{before.name!r} and {target!r} do not have the same levels", hint="declare the same for both"
        )
    return before


def _named(states: Sequence[str], rows: Sequence[Any]) -> list[tuple[str, Any]]:
    return list(zip(states, rows, strict=True))


def _closed(steps: Shares) -> list[list[int]]:
    """Sets of states that lead to each other and to no other."""
    count = len(steps)
    reach = [{j for j in range(count) if steps[i][j]} | {i} for i in range(count)]
    for middle in range(count):
        for states in reach:
            if middle in states:
                states |= reach[middle]
    found = {frozenset(states) for states in reach if all(reach[j] == states for j in states)}
    return sorted(sorted(states) for states in found)


def _stationary(steps: Shares, closed: list[int]) -> list[Fraction]:
    """The π with πP = π and Σπ = 1, exactly; zero for states that are left for good."""
    size, result = len(closed), [Fraction(0)] * len(steps)
    lines = [[rational(steps[i][j]) - (1 if i == j else 0) for i in closed] for j in closed[1:]]
    matrix, right = flint.fmpq_mat([[flint.fmpq(1)] * size, *lines]), flint.fmpq_mat(size, 1, [1] + [0] * (size - 1))
    for state, (share,) in zip(closed, matrix.solve(right).tolist(), strict=True):
        result[state] = Fraction(int(share.p), int(share.q))
    return result
