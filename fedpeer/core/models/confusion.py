"""What a classifier's predictions are worth, counted from how often each class was taken for each."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import flint
import msgspec
import numpy as np
import numpy.typing as npt

from fedpeer.core.models.curve import Truth, area, interval, points
from fedpeer.core.models.estimates import UNKNOWN, Ball, Estimate, average, estimated, mean_of_rows, proportion
from fedpeer.core.models.inputs import Floats
from fedpeer.core.models.totals import Total

Counts = npt.NDArray[np.int64]  # rows by true class (down) and predicted class (across)

_SHARES = ("accuracy", "sensitivity", "specificity", "ppv", "npv", "f1", "balanced_accuracy")


class Ranking(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How well a score ranks the rows of `positive` above the others; `roc` has (1 − specificity, sensitivity)."""

    positive: str
    positives: int
    negatives: int
    auc: Estimate
    brier: Estimate | None
    roc: list[tuple[float, float]]


class Classes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Predicted classes against true ones: `confusion[true][predicted]` counts rows.

    `measures` are of all rows (accuracy; of two classes sensitivity, specificity, ppv, npv, f1, balanced_accuracy; of
    more macro_recall, macro_precision, macro_f1), `by_class` has recall, precision and f1 of each.
    """

    labels: list[str]
    confusion: dict[str, dict[str, int]]
    measures: dict[str, Estimate]
    by_class: dict[str, dict[str, Estimate]]
    positive: str | None = None
    threshold: float | None = None


def ranking(
    truths: Truth, scores: Floats, *, positive: str, chances: bool = False, confidence: Fraction = Fraction(19, 20)
) -> Ranking:
    """Judge scores, higher for `positive`; `chances`: they are probabilities, and have a Brier score."""
    found = area(truths, scores)
    squares = Total(), Total()
    if chances:
        apart = (scores - truths) ** 2
        squares[0].add(apart)
        squares[1].add(apart * apart)

    def compute() -> list[Ball]:
        brier = mean_of_rows(squares[0].value, squares[1].value, len(scores), confidence) if chances else UNKNOWN
        return [interval(found, confidence), brier]

    auc, brier = estimated(compute)
    return Ranking(
        positive=positive,
        positives=int(truths.sum()),
        negatives=int((~truths).sum()),
        auc=auc,
        brier=brier if chances else None,
        roc=points(truths, scores),
    )


def classes(
    counts: Counts, labels: Sequence[str], *, positive: str | None = None, confidence: Fraction = Fraction(19, 20)
) -> Classes:
    """Judge a confusion matrix; with `positive`, which must be one of two labels, as a test for that class."""
    table = [[int(value) for value in row] for row in counts]

    def compute() -> list[Ball]:
        own = [ball for k in range(len(labels)) for ball in _of_class(table, k, confidence)]
        whole = _two(table, list(labels).index(positive), confidence) if positive else _many(table, confidence)
        return [*own, *whole]

    found = estimated(compute)
    names = _SHARES if positive else ("accuracy", "macro_recall", "macro_precision", "macro_f1")
    own = zip(labels, (found[3 * k : 3 * k + 3] for k in range(len(labels))), strict=True)
    return Classes(
        labels=list(labels),
        confusion={a: dict(zip(labels, row, strict=True)) for a, row in zip(labels, table, strict=True)},
        measures=dict(zip(names, found[3 * len(labels) :], strict=True)),
        by_class={label: dict(zip(("recall", "precision", "f1"), each, strict=True)) for label, each in own},
        positive=positive,
    )


def counted(truths: npt.NDArray[np.intp], predicted: npt.NDArray[np.intp], size: int) -> Counts:
    """The confusion matrix of class numbers."""
    return np.bincount(truths * size + predicted, minlength=size * size).reshape(size, size)


def _of_class(table: list[list[int]], k: int, confidence: Fraction) -> list[Ball]:
    """Recall, precision and F1 of one class."""
    hits, real, said = table[k][k], sum(table[k]), sum(row[k] for row in table)
    recall, precision = proportion(hits, real, confidence), proportion(hits, said, confidence)
    return [recall, precision, _f1(proportion(hits, real + said - hits, confidence))]


def _f1(ball: Ball) -> Ball:
    """2F/(1 + F) of the share F of hits among what is or was said to be of a class: rising, so ends become ends."""
    value, low, high = (None if v is None else 2 * v / (1 + v) for v in ball)
    return value, low, high


def _two(table: list[list[int]], at: int, confidence: Fraction) -> list[Ball]:
    yes, no = at, 1 - at
    sensitivity, ppv, f1 = _of_class(table, yes, confidence)
    specificity, npv, _ = _of_class(table, no, confidence)
    return [_accuracy(table, confidence), sensitivity, specificity, ppv, npv, f1, average([sensitivity, specificity])]


def _many(table: list[list[int]], confidence: Fraction) -> list[Ball]:
    """Means over the classes that have rows (recall), are predicted (precision), or either (F1, without interval)."""
    each = [_of_class(table, k, confidence) for k in range(len(table))]
    recalls, precisions, scores = ([ball for ball in part if ball[0] is not None] for part in zip(*each, strict=True))
    values = [ball[0] for ball in scores if ball[0] is not None]
    macro = sum(values, start=flint.fmpq(0)) / len(values) if values else None
    return [_accuracy(table, confidence), average(recalls), average(precisions), (macro, None, None)]


def _accuracy(table: list[list[int]], confidence: Fraction) -> Ball:
    return proportion(sum(table[k][k] for k in range(len(table))), sum(map(sum, table)), confidence)
