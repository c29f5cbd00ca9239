"""What stands in for an input that a row lacks: the column's mean, or what a normal distribution expects there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import msgspec
import numpy as np

from fedpeer.core.errors import ModelError
from fedpeer.core.models.inputs import Floats
from fedpeer.core.models.moments import covariances
from fedpeer.core.statistics.explore import centred, mean
from fedpeer.core.statistics.rounding import rounded
from fedpeer.core.statistics.summary import Summary

WAYS = ("none", "mean", "gaussian")

_MOST = 500  # columns of which a model keeps the covariances
_NOTHING = 1e-12  # of the largest eigenvalue: a direction in which the columns do not vary


class Completion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Means of a model's columns, and, for conditional means, their covariances (÷ n) in the same order."""

    means: dict[str, float]
    covariance: list[list[float]] = msgspec.field(default_factory=list)

    @classmethod
    def of(cls, summary: Summary, names: Sequence[str], way: str) -> Self:
        """Read what is needed from the summary that the model was fitted from; ModelError for too many columns."""
        means = {name: rounded(mean(summary, name)) for name in names}
        if way == "mean":
            return cls(means=means)
        if len(names) > _MOST:
            raise ModelError(
                f"{len(names)} columns are too many to complete by their covariances: at most {_MOST}",
                hint='use missing="mean", or name fewer features',
            )
        places = [summary.schema.index(name) for name in names]
        columns = [summary.schema.columns[place] for place in places]
        matrix = covariances(centred(summary, places), columns, summary.rows, summary.rows)
        return cls(means=means, covariance=matrix.tolist())

    def check(self, names: Sequence[str]) -> None:
        """ModelError unless this is of these columns."""
        p = len(names)
        square = len(self.covariance) == p and all(len(row) == p for row in self.covariance)
        if list(self.means) != list(names) or (self.covariance and not square):
            raise ModelError("not a model: what completes its rows is of other columns")

    def filled(self, columns: dict[str, Floats]) -> dict[str, Floats]:
        """The same columns without NaN: of a row, what is missing is estimated from what is there."""
        rows = np.array([columns[name] for name in self.means])
        gaps = np.isnan(rows)
        centre = np.array(list(self.means.values()))[:, None]
        whole = np.where(gaps, centre, rows)
        if self.covariance and gaps.any():
            self._conditioned(whole - centre, gaps, whole)
        return columns | dict(zip(self.means, whole, strict=True))

    def _conditioned(self, apart: Floats, gaps: Floats, whole: Floats) -> None:
        """Add Σ_mo Σ_oo⁻¹ (x_o − μ_o) to the missing entries, pattern by pattern."""
        matrix = np.array(self.covariance)
        scale = np.sqrt(np.where(matrix.diagonal() > 0, matrix.diagonal(), 1.0))
        matrix, apart = matrix / np.multiply.outer(scale, scale), apart / scale[:, None]
        patterns, belong = np.unique(gaps, axis=1, return_inverse=True)
        for k, gone in enumerate(patterns.T):
            if gone.any() and not gone.all():
                inner = np.linalg.pinv(matrix[np.ix_(~gone, ~gone)], rcond=_NOTHING, hermitian=True)
                at = np.flatnonzero(belong.ravel() == k)
                shift = matrix[np.ix_(gone, ~gone)] @ (inner @ apart[np.ix_(~gone, at)])
                whole[np.ix_(gone, at)] += shift * scale[gone][:, None]
