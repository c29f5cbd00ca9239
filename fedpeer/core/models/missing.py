"""What stands in for an input that a row lacks: the column's mean, or what a normal distribution expects there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt

from fedpeer.core.errors import ModelError
from fedpeer.core.models.inputs import Floats
from fedpeer.core.models.moments import covariances
from fedpeer.core.statistics.explore import centred, mean
from fedpeer.core.statistics.rounding import rounded
from fedpeer.core.statistics.summary import Summary

_Gaps = npt.NDArray[np.bool_]

WAYS = ("none", "mean", "gaussian")

_MOST = 500  # columns of which a model keeps the covariances
_SINGULAR = 1e-9  # smallest eigenvalue of the correlations from which they are inverted as they are
_NOTHING = 1e-10  # added to a variance of 1 where they cannot be


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

    def _conditioned(self, apart: Floats, gaps: _Gaps, whole: Floats) -> None:
        """Add Σ_mo Σ_oo⁻¹ (x_o − μ_o) to the missing entries, pattern by pattern."""
        matrix = np.array(self.covariance)
        scale = np.sqrt(np.where(matrix.diagonal() > 0, matrix.diagonal(), 1.0))
        matrix, apart = matrix / np.multiply.outer(scale, scale), apart / scale[:, None]
        matrix[np.diag_indices_from(matrix)] = 1.0  # a constant column tells nothing, and must not look singular
        expected = _by_precision if np.linalg.eigvalsh(matrix)[0] > _SINGULAR else _by_covariance
        source: Floats = np.asarray(np.linalg.inv(matrix), np.float64) if expected is _by_precision else matrix
        patterns, belong = np.unique(gaps, axis=1, return_inverse=True)
        for k, gone in enumerate(patterns.T):
            if gone.any() and not gone.all():
                at = np.flatnonzero(belong.ravel() == k)
                whole[np.ix_(gone, at)] += expected(source, gone, apart[np.ix_(~gone, at)]) * scale[gone][:, None]


def _by_precision(precision: Floats, gone: _Gaps, known: Floats) -> Floats:
    """−P_mm⁻¹ P_mo z_o, the same as Σ_mo Σ_oo⁻¹ z_o with P = Σ⁻¹: a system only as large as what is missing."""
    return np.asarray(
        -np.linalg.solve(precision[np.ix_(gone, gone)], precision[np.ix_(gone, ~gone)] @ known), np.float64
    )


def _by_covariance(matrix: Floats, gone: _Gaps, known: Floats) -> Floats:
    """Σ_mo (Σ_oo + εI)⁻¹ z_o, where columns determine each other."""
    among = matrix[np.ix_(~gone, ~gone)]
    return np.asarray(matrix[np.ix_(gone, ~gone)] @ np.linalg.solve(among + _NOTHING * np.eye(len(among)), known))
