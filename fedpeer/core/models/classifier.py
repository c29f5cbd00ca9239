"""A fitted classifier as a value: for each class a score, linear or quadratic in the columns; the highest wins."""

from __future__ import annotations

from typing import Any, Self

import msgspec
import numpy as np

from fedpeer.core.errors import ModelError
from fedpeer.core.models.inputs import Floats
from fedpeer.core.models.result import Result, Values


class Group(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One class: its rows, prior, and means, and its score.

    The score is constant + Σ weight·(x − centre) − Σ (x − mean)² / (2·variance) − Σ (whitening·(x − mean))² / 2; a kind
    uses one of the sums. Row i of `whitening` has i + 1 numbers: L⁻¹ for the class's covariance LL′.
    """

    label: str
    count: int
    prior: float
    constant: float
    means: dict[str, float]
    weights: dict[str, float] = {}
    variances: dict[str, float] = {}
    whitening: list[list[float]] = []


class Classifier(Result, frozen=True, kw_only=True):
    """A classifier: the class with the highest score, the first of equals. docs/models.md defines every number.

    `centre` is what the weights count from; `probabilities` says whether a score is ln P(class and row) plus what is
    the same for all classes; `empty` are classes without rows, `dropped` columns left out, `path` the subsets of
    features that were tried before this one was chosen.
    """

    target: str
    classes: list[Group]
    centre: dict[str, float]
    probabilities: bool
    dropped: list[str]
    empty: list[str]
    options: dict[str, str]
    path: list[dict[str, Any]] = msgspec.field(default_factory=list)

    @property
    def columns(self) -> list[str]:
        """The columns that scores are made of."""
        return list(self.centre)

    def answer(self, rows: int, columns: dict[str, Floats]) -> Values:
        """The label of the class with the highest score, None where an input cannot be read."""
        scores = self._scores(rows, columns)
        unread = np.isnan(scores).any(axis=0)
        best = np.where(unread, 0, np.argmax(scores, axis=0))
        labels = np.array([group.label for group in self.classes], dtype=object)[best]
        labels[unread] = None
        return labels

    def details(self, rows: int, columns: dict[str, Floats]) -> dict[str, Floats]:
        """P(class) of each class, or, for a kind without probabilities, its score."""
        scores = self._scores(rows, columns)
        if self.probabilities:
            scores = np.exp(scores - scores.max(axis=0))
            scores = scores / scores.sum(axis=0)
        return {group.label: row for group, row in zip(self.classes, scores, strict=True)}

    def _scores(self, rows: int, columns: dict[str, Floats]) -> Floats:
        return np.array([self._score(group, rows, columns) for group in self.classes])

    def _score(self, group: Group, rows: int, columns: dict[str, Floats]) -> Floats:
        # Column after column, as in `Model.answer`: the same on every machine.
        result = np.full(rows, group.constant)
        for name, centre in self.centre.items():
            if group.weights:
                result += group.weights[name] * (columns[name] - centre)
            if group.variances:
                result -= (columns[name] - group.means[name]) ** 2 / (2 * group.variances[name])
        apart = [columns[name] - group.means[name] for name in self.centre] if group.whitening else []
        for line in group.whitening:
            part = np.zeros(rows)
            for number, distance in zip(line, apart, strict=False):
                part += number * distance
            result -= part * part / 2
        return result

    @classmethod
    def from_dict(cls, form: Any) -> Self:
        """Read the dict form; ModelError for anything that is not a classifier."""
        model = super().from_dict(form)
        names = set(model.centre)
        whole = all(set(g.weights or names) == names == set(g.variances or names) for g in model.classes)
        if not whole or not model.classes or any(not names <= set(g.means) for g in model.classes):
            raise ModelError("not a model: its classes do not have the same columns")
        sizes = [1 + i for i in range(len(names))]
        if any([len(line) for line in g.whitening] not in ([], sizes) for g in model.classes):
            raise ModelError("not a model: what a class is whitened by is not triangular")
        return model
