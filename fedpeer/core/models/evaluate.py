"""A fitted model on rows that it has not seen: they are read once, in parts, and only what is counted of them is kept.

Of a regression that is a handful of sums; of a score it is the score of every row as a float64, for the ranking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fedpeer.core.errors import ModelError
from fedpeer.core.models.classifier import Classifier
from fedpeer.core.models.confusion import Classes, Counts, Ranking, classes, counted, ranking
from fedpeer.core.models.curve import Truth
from fedpeer.core.models.inputs import Floats, read
from fedpeer.core.models.numbers import number
from fedpeer.core.models.residuals import Regression, Residuals
from fedpeer.core.models.result import Result
from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.faults import Fault
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.numerals import MISSING
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.table import batches

_LARGEST = 1e75  # of a truth or an error: its fourth power is still a float
_PREDICTION = "(prediction)"
_INFINITE = frozenset({"inf", "infinity"})


class Evaluation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a model is worth on rows that were held out; docs/models.md defines every number.

    `rows` = `evaluated` + all of `left_out`, which counts rows by the first column that could not be used and why.
    """

    kind: str
    target: str
    rows: int
    evaluated: int
    left_out: dict[str, dict[str, int]]
    confidence: float
    regression: Regression | None = None
    ranking: Ranking | None = None
    classes: Classes | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        form: dict[str, Any] = msgspec.to_builtins(self)
        return form


@dataclass(frozen=True, slots=True)
class Terms:
    """How to evaluate.

    `truth` is the column that holds the truth (the model's target unless said), `positive` the class that scores are
    for (the second of two), `threshold` the score from which a row is taken for positive (what the model predicts).
    """

    truth: str | None = None
    threshold: float | None = None
    positive: str | None = None
    confidence: Any = "0.95"

    def level(self) -> Fraction:
        """The confidence; ModelError unless it is between 0 and 1."""
        level = number("confidence", self.confidence)
        if not 0 < level < 1:
            raise ModelError(f"confidence is {self.confidence!r}; it must be between 0 and 1")
        return level


def evaluate(
    model: Result,
    table: Any,
    terms: Terms | None = None,
    *,
    progress: Callable[[int], None] | None = None,
    **options: Any,
) -> Evaluation:
    """Compare predictions with the truth in a table, or in an iterable of tables, which is read once.

    `options` are the fields of `Terms`, without `terms`. ModelError for a model without a target unless `truth` names a
    0/1 column, TableError for a missing column.
    """
    terms = terms or Terms(**options)
    confidence, held = terms.level(), _Held.of(model, terms)
    read_rows = 0
    for rows in held.compared(table):
        read_rows += rows
        if progress is not None:
            progress(read_rows)
    left = {name: dict(sorted(told.items())) for name, told in held.left_out.items()}
    return Evaluation(
        kind=model.kind,
        target=held.goal.name,
        rows=read_rows,
        evaluated=read_rows - sum(count for told in left.values() for count in told.values()),
        left_out=left,
        confidence=float(confidence),
        regression=held.residuals.told(confidence) if held.residuals else None,
        ranking=held.ranking(confidence),
        classes=held.classes(confidence),
    )


def wanted(model: Result, terms: Terms) -> list[str]:
    """The columns that an evaluation reads: the inputs, then the truth."""
    truth = _goal(model, terms).name if terms.truth is None else terms.truth
    return list(dict.fromkeys([*(feature.name for feature in model.inputs), truth]))


@dataclass(slots=True)
class _Held:
    """What is kept of rows while they are read."""

    model: Result
    goal: Feature
    truth: str
    labels: list[str]  # of the target's classes; none for a number
    positive: str | None
    threshold: float | None
    residuals: Residuals | None
    counts: Counts
    left_out: dict[str, dict[str, int]]
    truths: list[Truth]
    scores: list[Floats]

    @classmethod
    def of(cls, model: Result, terms: Terms) -> _Held:
        goal = _goal(model, terms)
        labels = [] if goal.measured else list(goal.levels or ("0", "1"))
        known = [group.label for group in model.classes] if isinstance(model, Classifier) else labels
        positive = terms.positive or (known[1] if len(known) == 2 else None)
        if positive is not None and positive not in known:
            raise ModelError(f"positive is {positive!r:.40}; the model has the classes {', '.join(known) or 'none'}")
        if terms.threshold is not None and len(known) != 2:
            raise ModelError("a threshold is for two classes", hint="leave it out")
        linear = not isinstance(model, Classifier) and hasattr(model, "target")
        threshold = 0.5 if linear and labels and terms.threshold is None else terms.threshold
        counts = np.zeros((len(labels), len(labels)), np.int64)
        truth = goal.name if terms.truth is None else terms.truth
        return cls(model, goal, truth, labels, positive, threshold, Residuals() if linear else None, counts, {}, [], [])

    def compared(self, table: Any) -> Iterator[int]:
        """Read the table, and yield the number of rows of each part."""
        for batch in batches(table):
            (array,) = next(batches(batch, [self.truth])).columns
            truths = self._truths(array)
            known = ~np.isnan(truths)
            self._leave_out(array.filter(pa.array(~known)), self.goal, self.truth)
            if known.any():
                self._compare(batch.filter(pa.array(known)), truths[known])
            yield batch.num_rows

    def ranking(self, confidence: Fraction) -> Ranking | None:
        """What the scores are worth, if there are any."""
        if self.positive is None or not self.truths:
            return None
        truths, scores = np.concatenate(self.truths), np.concatenate(self.scores)
        chances = isinstance(self.model, Classifier) and self.model.probabilities
        return ranking(truths, scores, positive=self.positive, chances=chances, confidence=confidence)

    def classes(self, confidence: Fraction) -> Classes | None:
        """What the predicted classes are worth, if there are any."""
        if not self.counts.any():
            return None
        seen = self.counts.sum(axis=0) + self.counts.sum(axis=1) > 0
        model = self.model
        known = {group.label for group in model.classes} if isinstance(model, Classifier) else set(self.labels)
        keep = [k for k, label in enumerate(self.labels) if seen[k] or label in known]
        labels = [self.labels[k] for k in keep]
        positive = self.positive if len(labels) == 2 else None
        told = classes(self.counts[np.ix_(keep, keep)], labels, positive=positive, confidence=confidence)
        return msgspec.structs.replace(told, threshold=self.threshold)

    def _truths(self, array: pa.Array) -> Floats:
        """Numbers, or the numbers of classes; NaN where there is none."""
        columns = read(array, self.goal)
        if self.goal.kind != "category":
            (values,) = columns.values()
            return np.where(np.abs(values) < _LARGEST, values, np.nan)
        levels = np.array(list(columns.values()))
        return np.where(np.isnan(levels[0]), np.nan, np.argmax(levels, axis=0).astype(np.float64))

    def _compare(self, batch: pa.RecordBatch, truths: Floats) -> None:
        """Predict rows whose truth is known, and keep what comes of it."""
        rows, columns = next(iter(self.model.read(batch)))
        predicted = self.model.answer(rows, columns)
        classifier = self.model if isinstance(self.model, Classifier) else None
        if classifier:
            fine = np.array([label is not None for label in predicted], bool)
        else:
            fine = np.abs(predicted - truths) < _LARGEST
        self._unread(batch.filter(pa.array(~fine)))
        truths, predicted = truths[fine], predicted[fine]
        if self.residuals is not None:
            self.residuals.add(truths, predicted)
        if self.positive is not None:
            scores = _score(classifier, self.positive, rows, columns)[fine] if classifier else predicted
            self._scored(truths.astype(np.intp), scores)
        if classifier and self.threshold is None:
            place = {label: k for k, label in enumerate(self.labels)}
            said = np.array([place[label] for label in predicted], np.intp)
            self.counts += counted(truths.astype(np.intp), said, len(self.labels))

    def _scored(self, truths: npt.NDArray[np.intp], scores: Floats) -> None:
        """Keep scores, and count what a threshold makes of them."""
        yes = self.labels.index(self.positive or "")
        self.truths.append(truths == yes)
        self.scores.append(scores)
        if self.threshold is not None:
            model = self.model
            known = [group.label for group in model.classes] if isinstance(model, Classifier) else self.labels
            (no,) = (self.labels.index(label) for label in known if label != self.positive)
            self.counts += counted(truths, np.where(scores >= self.threshold, yes, no), len(self.labels))

    def _unread(self, batch: pa.RecordBatch) -> None:
        """Count rows without a prediction under their first input that cannot be read."""
        for feature in self.model.inputs:
            if batch.num_rows:
                columns = read(batch.column(feature.name), feature)
                bad = pa.array(np.isnan(next(iter(columns.values()))))
                self._leave_out(batch.column(feature.name).filter(bad), feature, feature.name)
                batch = batch.filter(pc.invert(bad))
        self._count(_PREDICTION, Fault.NOT_FINITE, batch.num_rows)

    def _leave_out(self, array: pa.Array, feature: Feature, name: str) -> None:
        """Count why these values cannot be used."""
        array = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
        for pair in pc.value_counts(array).to_pylist():
            self._count(name, _fault(pair["values"], feature), pair["counts"])

    def _count(self, name: str, fault: Fault, rows: int) -> None:
        if rows:
            told = self.left_out.setdefault(name, {})
            told[fault.reason] = told.get(fault.reason, 0) + rows


def _goal(model: Result, terms: Terms) -> Feature:
    target = getattr(model, "target", None)
    if model.kind == "hmm":
        raise ModelError(
            "a row of a sequence is not predicted by itself", hint="compare its states in the whole sequence"
        )
    if target is not None:
        schema = Schema.from_dict(model.schema)
        feature = schema.feature(target)
        return _column(schema.columns[schema.index(target)]) if feature.derived else feature
    if terms.truth is None:
        raise ModelError(
            f"{model.kind} predicts no target, so there is no truth to compare with",
            hint="name a column of 0 and 1 that its numbers should tell apart",
        )
    return Feature(terms.truth, "binary")


def _column(column: Column) -> Feature:
    """How a column of a table is read that holds what is computed otherwise."""
    if column.indicator:
        return Feature(column.name, "binary")
    return Feature(column.name, min=0, max=1, resolution=1)  # values are read without regard to these


def _score(model: Classifier, positive: str, rows: int, columns: dict[str, Floats]) -> Floats:
    """P(positive), or its score, less that of the other class of two."""
    details = model.details(rows, columns)
    if model.probabilities or len(details) != 2:
        return details[positive]
    (other,) = (values for label, values in details.items() if label != positive)
    return details[positive] - other


def _fault(value: Any, feature: Feature) -> Fault:
    text = "" if value is None else str(value).strip().lower()
    if text in MISSING:
        return Fault.MISSING
    if not feature.measured:
        return Fault.UNKNOWN_LEVEL
    if feature.kind == "date":
        return Fault.UNPARSABLE
    try:
        float(text)
    except ValueError:
        return Fault.NOT_FINITE if text.lstrip("+-") in _INFINITE else Fault.UNPARSABLE
    return Fault.NOT_FINITE
