"""How far apart the columns of a summary lie by class: Wilks' Λ of any of them, and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import scipy  # its parts are loaded when they are first used

from fedpeer.core.errors import ModelError
from fedpeer.core.models.groups import Groups
from fedpeer.core.models.inputs import Floats
from fedpeer.core.models.moments import correlations
from fedpeer.core.models.subsets import DIGITS, determinants, places, summed
from fedpeer.core.statistics.explore import centred
from fedpeer.core.statistics.rounding import root, rounded
from fedpeer.core.statistics.summary import Summary

_PENALTIES: dict[str, Callable[[int], float]] = {"aic": lambda _: 2.0, "bic": math.log}


@dataclass(frozen=True, slots=True)
class Spread:
    """Correlations of the columns within K classes, and in all rows; `shares` has ln of W_jj/T_jj.

    `places` has the columns of each feature.
    """

    groups: Groups
    criterion: str
    places: dict[str, list[int]]
    within: Floats
    total: Floats
    shares: Floats

    @classmethod
    def of(
        cls, summary: Summary, target: str, features: Sequence[str] | None, criterion: str, known: Sequence[str]
    ) -> Spread:
        """Read what is needed; ModelError for a criterion that is not known, or that is for two classes only."""
        if criterion not in known:
            raise ModelError(f"criterion is {criterion!r:.40}; it must be one of {', '.join(known)}")
        groups = Groups.of(summary, target, features)
        if criterion == "auc" and len(groups.counts) != 2:
            raise ModelError(f"the criterion 'auc' is for two classes, and {target!r} has {len(groups.counts)}")
        within, factor = groups.within()
        whole = centred(summary, [summary.schema.index(column.name) for column in groups.columns])
        scale = Fraction(sum(groups.counts), factor)
        pairs = zip(within.diagonal(), whole.diagonal(), strict=True)
        shares = [rounded(scale * Fraction(int(w), int(t))) if t else 0.0 for w, t in pairs]
        with np.errstate(divide="ignore"):
            logs = np.log(shares)
        return cls(groups, criterion, places(groups.columns), correlations(within), correlations(whole), logs)

    @property
    def rows(self) -> int:
        """The rows of all classes, which is also what values err in parts of."""
        return sum(self.groups.counts)

    def value(self, names: Sequence[str]) -> float:
        """What a subset is compared by, the lower the better: its criterion, or for `auc` −n·ln(1 + Δ²).

        Infinite for one that `lda` would refuse, and where no more than 1e-13 of a column's variance is its own.
        """
        used = [i for name in names for i in self.places[name]]
        return float(self._values(np.array([self._log(used)]), np.array([len(used)]))[0])

    def every(self) -> Floats:
        """The values of all subsets: k has feature i if bit i of k is set."""
        blocks = list(self.places.values())
        logs = determinants(self.within, blocks)[0] - determinants(self.total, blocks)[0]
        moved = summed([float(self.shares[block].sum()) for block in blocks])
        return self._values(logs + moved, summed([len(block) for block in blocks]))

    def told(self, names: Sequence[str]) -> dict[str, Any]:
        """Λ of a subset, its criterion, and of two classes what normal ones of this distance would give."""
        used = [i for name in names for i in self.places[name]]
        log = self._log(used, 0.0)  # what was compared can be told, in whatever order its columns are swept
        told: dict[str, Any] = {"wilks": math.exp(log)}
        if self.criterion in _PENALTIES:
            told[self.criterion] = self.value(names)
        if len(self.groups.counts) == 2:
            square = float(self._distances(np.array([log]), np.array([len(used)]))[0])
            told |= {"distance": math.sqrt(square), "auc": float(scipy.special.ndtr(math.sqrt(square / 2)))}
        return told

    def test(self, fewer: Sequence[str], more: Sequence[str]) -> tuple[float, float]:
        """The partial F of the features that `more` has besides, and its p; Rao's (1951), exact for one column."""
        a, b = ([i for name in names for i in self.places[name]] for names in (fewer, more))
        m, h = len(b) - len(a), len(self.groups.counts) - 1
        log, free = self._log(b) - self._log(a), self.rows - h - 1 - len(a)
        if not math.isfinite(log) or free < m:
            return 0.0, 1.0
        power = math.sqrt((m * m * h * h - 4) / (m * m + h * h - 5)) if m * m + h * h > 5 else 1.0
        second = (free + h - (m + h + 1) / 2) * power - (m * h - 2) / 2
        f = math.expm1(-min(log, 0.0) / power) * second / (m * h)
        return f, float(scipy.special.fdtrc(m * h, second, f))

    def apart(self) -> Floats:
        """√n_k·(x̄_k − x̄) of each column, in units of √W_jj: times its transpose that is B."""
        within, factor = self.groups.within()
        n, total = self.rows, self.groups.sums.sum(axis=0)
        rows = []
        for j in range(len(self.groups.columns)):
            row = []
            for count, sums in zip(self.groups.counts, self.groups.sums, strict=True):
                off = n * int(sums[j]) - count * int(total[j])
                size = root(Fraction(off * off * factor, n * n * count * int(within[j, j])))
                row.append(size if off >= 0 else -size)
            rows.append(row)
        return np.array(rows)

    def among(self, columns: Sequence[int], name: str) -> list[int]:
        """Where the columns of a feature are in a list of columns."""
        return [columns.index(i) for i in self.places[name]]

    def _log(self, used: Sequence[int], least: float = DIGITS) -> float:
        """Ln Λ; NaN where others leave of a column's variance no more than the least."""
        if not used:
            return 0.0
        within, total = (_logdet(matrix[np.ix_(used, used)], least) for matrix in (self.within, self.total))
        return within - total + sum(self.shares[used])

    def _values(self, logs: Floats, widths: Any) -> Floats:
        n, classes = self.rows, len(self.groups.counts)
        if self.criterion == "auc":
            values = -n * np.log1p(self._distances(logs, widths))
        else:
            penalty = _PENALTIES.get(self.criterion, _PENALTIES["bic"])(n)
            values = n * logs + penalty * (classes - 1) * widths
        return np.where(np.isfinite(values) & (widths + classes <= n), values, np.inf)

    def _distances(self, logs: Floats, widths: Any) -> Floats:
        """Δ² of two normal classes without bias (Lachenbruch and Mickey 1968), from D² with W/(n − 2)."""
        n, both = self.rows, math.prod(self.groups.counts)
        with np.errstate(over="ignore"):
            square = np.expm1(-logs) * (n * (n - 2) / both)
        return np.maximum((n - widths - 3) / (n - 2) * square - widths * (n / both), 0) if n > 2 else square * np.nan


def _logdet(matrix: Floats, least: float) -> float:
    try:
        pivots = np.linalg.cholesky(matrix).diagonal() ** 2
    except np.linalg.LinAlgError:
        return math.nan
    return float(np.log(pivots).sum()) if (pivots > least).all() else math.nan
