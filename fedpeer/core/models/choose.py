"""Choosing among models by rows that they have not seen: of kinds, of features and of options, the best is kept.

What is tried is fitted from the summary; the rows are read once and held while models are compared on them. All are
compared on the same rows, for a model that is judged only where a feature is there may have the easier ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, combinations, product
from math import prod
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from fedpeer.core.errors import ModelError
from fedpeer.core.models.agreement import Score, measures, scored
from fedpeer.core.models.design import chosen, named
from fedpeer.core.models.evaluate import Terms, evaluate
from fedpeer.core.models.fit import fitted, options_of
from fedpeer.core.models.inputs import inputs, sources
from fedpeer.core.models.result import Result
from fedpeer.core.models.steps import Names, fewer, more
from fedpeer.core.models.subsets import MOST
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from fedpeer.core.statistics.table import batches

SEARCHES: Final = ("all", "order", "stepwise", "subsets")

_MOST = 20_000  # models that are tried
_SUBSETS = 12  # features of which every subset is tried on rows
_CELLS = 20_000_000  # values that are held
_ROUNDS = 5  # of steps forward and back
_TOLD = 10  # of the best that are told
_REASONS = 20  # for what could not be fitted or judged


class Candidate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model that was tried: its kind, features and options, and what it is worth by the measure."""

    kind: str
    features: list[str]
    options: dict[str, str]
    score: float


class Choice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The best of what was tried; `refused` counts by its commonest reasons what could not be fitted or judged.

    `rows` are those that all were compared on, `left_out` those that lack a feature which is tried. `best` are up to
    ten, best first; the first is the chosen one, whose score is too good, as it was chosen by that.
    """

    measure: str
    target: str
    rows: int
    left_out: int
    tried: int
    best: list[Candidate]
    refused: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        form: dict[str, Any] = msgspec.to_builtins(self)
        return form


@dataclass(frozen=True, slots=True)
class Contest:
    """What to try: kinds with their options, which features (`search`), and lists of values by option (`grid`).

    `all` takes the features as they are, `order` the first, the first two and so on, `stepwise` adds and removes one
    at a time, `subsets` takes all subsets of at most 12.
    """

    kinds: Sequence[str] | Mapping[str, Mapping[str, Any]]
    target: str
    features: Sequence[str] | None = None
    search: str = "all"
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    measure: str = ""
    positive: str | None = None

    def entrants(self) -> dict[str, Mapping[str, Any]]:
        """The kinds with their options."""
        names = [self.kinds] if isinstance(self.kinds, str) else self.kinds
        return dict(names) if isinstance(names, Mapping) else {name: {} for name in names}

    def completes(self) -> bool:
        """Whether all that is tried completes rows with gaps, so that these can be judged on too."""
        ways = [self.grid.get("missing", [options.get("missing", "none")]) for options in self.entrants().values()]
        return all(way != "none" for way in chain.from_iterable(ways))

    def wanted(self, schema: Schema) -> list[str]:
        """The columns of a table that are read: those of the features that are tried, and the truth."""
        names = [column.name for column in chosen(schema, self.target, self.features)]
        goal = named(schema, self.target).name
        return list(dict.fromkeys([*(feature.name for feature in sources(schema, names)), goal]))

    def among(self, kind: str) -> dict[str, Sequence[Any]]:
        """The part of the grid that is of a kind's options; ModelError for a kind that is not there."""
        known = options_of(kind)
        return {key: values for key, values in self.grid.items() if key in known}


def choose(
    summary: Summary,
    table: Any,
    contest: Contest | None = None,
    *,
    progress: Callable[[int], None] | None = None,
    **fields: Any,
) -> tuple[Result, Choice]:
    """Fit what a contest says to a summary, judge each on the rows of a table; return the best and how it was found.

    `fields` are those of `Contest`, without one. ModelError for what cannot be asked, and if nothing could be fitted.
    """
    contest = contest or Contest(**fields)
    trial = _Trial.of(summary, table, contest, progress)
    for kind, options in contest.entrants().items():
        for values in _settings(contest.among(kind)):
            trial.search(kind, {**options, **values})
    if not trial.found:
        ((reason, _),) = trial.refused.most_common(1)
        raise ModelError(f"none of what was tried could be fitted and judged: {reason}")
    order = sorted(trial.found, key=lambda each: -trial.sign * each[0].score)
    first, options = order[0]
    model = trial.fitted(first.kind, first.features, options)
    return model, Choice(
        measure=trial.measure,
        target=contest.target,
        rows=sum(part.num_rows for part in trial.held),
        left_out=trial.left_out,
        tried=trial.tried,
        best=[candidate for candidate, _ in order[:_TOLD]],
        refused=dict(trial.refused.most_common(_REASONS)),
    )


@dataclass(slots=True)
class _Trial:
    """What is tried, on which rows, and what was found so far."""

    summary: Summary
    contest: Contest
    names: list[str]
    measure: str
    sign: int
    held: list[pa.RecordBatch]
    left_out: int
    progress: Callable[[int], None] | None
    found: list[tuple[Candidate, dict[str, Any]]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    tried: int = 0

    @classmethod
    def of(cls, summary: Summary, table: Any, contest: Contest, progress: Callable[[int], None] | None) -> _Trial:
        if contest.search not in SEARCHES:
            raise ModelError(f"search is {contest.search!r:.40}; it must be one of {', '.join(SEARCHES)}")
        goal = named(summary.schema, contest.target)
        known = measures(goal)
        measure = contest.measure or next(iter(known))
        if measure not in known:
            raise ModelError(f"measure is {measure!r:.40}; of {contest.target!r} it must be one of {', '.join(known)}")
        names = list(dict.fromkeys(c.feature for c in chosen(summary.schema, contest.target, contest.features)))
        _check_size(contest, names)
        held, left_out = _held(summary.schema, table, contest)
        return cls(summary, contest, names, measure, known[measure], held, left_out, progress)

    def search(self, kind: str, options: dict[str, Any]) -> None:
        """Try a kind with these options on the features that the search goes through."""
        match self.contest.search:
            case "all":
                self._try(kind, self.names, options)
            case "order":
                for size in range(1, len(self.names) + 1):
                    self._try(kind, self.names[:size], options)
            case "subsets":
                for size in range(1, len(self.names) + 1):
                    for some in combinations(self.names, size):
                        self._try(kind, list(some), options)
            case _:
                self._walk(kind, options)

    def fitted(self, kind: str, features: Sequence[str], options: Mapping[str, Any]) -> Result:
        """Fit a model to the summary."""
        return fitted(self.summary, kind, self.contest.target, list(features), options)

    def _walk(self, kind: str, options: dict[str, Any]) -> None:
        """Steps forward as long as they help, then back, a few times over."""
        seen: dict[Names, float | None] = {(): None}

        def score(names: Names) -> float:
            if names not in seen:
                seen[names] = self._try(kind, list(names), options)
            value = seen[names]
            return float("-inf") if value is None else self.sign * value

        now: Names = ()
        for _ in range(_ROUNDS):
            before = now
            for moves in (partial(more, self.names), fewer):
                while (best := max(moves(now), key=score, default=now)) != now and score(best) > score(now):
                    now = best
            if now == before:
                return

    def _try(self, kind: str, features: list[str], options: dict[str, Any]) -> Score:
        """The score of one model; None for one that cannot be fitted or judged, which is counted."""
        if self.tried >= _MOST:
            raise ModelError(f"more than {_MOST:,} models to try", hint="name fewer features, or search in order")
        self.tried += 1
        if self.progress is not None:
            self.progress(self.tried)
        try:
            model = self.fitted(kind, features, options)
            value = scored(evaluate(model, self.held, Terms(positive=self.contest.positive)), self.measure)
        except ModelError as error:
            self.refused[f"{kind}: {error}"[:200]] += 1
            return None
        if value is None:
            self.refused[f"{kind}: {self.measure} is not defined on these rows"] += 1
            return None
        told = {key: str(option) for key, option in options.items()}
        self.found.append((Candidate(kind=kind, features=features, options=told, score=value), options))
        return value


def _held(schema: Schema, table: Any, contest: Contest) -> tuple[list[pa.RecordBatch], int]:
    """The rows to compare on, and how many others there are."""
    names = [column.name for column in chosen(schema, contest.target, contest.features)]
    held, left_out, cells = [], 0, 0
    for batch in batches(table, contest.wanted(schema)):
        whole = batch if contest.completes() else _complete(batch, schema, names)
        held.append(whole)
        left_out += batch.num_rows - whole.num_rows
        cells += whole.num_rows * whole.num_columns
        if cells > _CELLS:
            raise ModelError(f"more than {_CELLS:,} values to judge models by", hint="name a part of these rows")
    if left_out and not any(part.num_rows for part in held):
        raise ModelError(
            f"none of {left_out} rows has every feature that is tried",
            hint='name fewer features, or complete rows: the option missing="mean"',
        )
    return held, left_out


def _complete(batch: pa.RecordBatch, schema: Schema, names: Sequence[str]) -> pa.RecordBatch:
    """The rows that have all of these columns."""
    ((_, columns),) = inputs(batch, schema, names)
    return batch.filter(pa.array(~np.any([np.isnan(columns[name]) for name in names], axis=0)))


def _settings(grid: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Every combination of the values of options."""
    for values in product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def _check_size(contest: Contest, names: Sequence[str]) -> None:
    if not contest.entrants() or not names:
        raise ModelError("there is nothing to try", hint="name a kind of model, and a feature")
    if any(isinstance(values, str) or not values for values in contest.grid.values()):
        raise ModelError("a grid has a list of values for each option", hint='{"lam": ["0.1", "1"]}')
    if contest.search == "subsets" and len(names) > _SUBSETS:
        raise ModelError(
            f"{len(names)} features have too many subsets to judge on rows: at most {_SUBSETS}",
            hint=f"search stepwise, or choose by sums: best_subset and lda_subset take {MOST}",
        )
    sizes = {"all": 1, "order": len(names), "stepwise": len(names), "subsets": 2 ** len(names) - 1}
    strange = next(
        (key for key in contest.grid if not any(key in contest.among(kind) for kind in contest.entrants())), None
    )
    if strange is not None:
        raise ModelError(f"none of {', '.join(contest.entrants())} has an option {strange!r:.40}")
    count = sizes[contest.search] * sum(prod(map(len, contest.among(kind).values())) for kind in contest.entrants())
    if count > _MOST:
        raise ModelError(
            f"{count:,} models are too many to try: at most {_MOST:,}", hint="name fewer values of options"
        )
