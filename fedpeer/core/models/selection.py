"""Which features a least-squares model should have: stepwise or best subset, by an information criterion.

The features are chosen by float64 arithmetic on correlations that are rounded once from exact integers; the model that
is chosen is then `ols`, exact. A category enters and leaves with all its columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from fedpeer.core.errors import ModelError
from fedpeer.core.models.design import Design, listed
from fedpeer.core.models.inputs import Floats
from fedpeer.core.models.linear import ols
from fedpeer.core.models.model import Model
from fedpeer.core.models.moments import correlations
from fedpeer.core.models.steps import DIRECTIONS, Names, descent, foremost, prefixes
from fedpeer.core.models.subsets import DIGITS, check_size, determinants, each_size, places, subset, summed
from fedpeer.core.statistics.summary import Summary


def stepwise(
    summary: Summary,
    target: str,
    features: Sequence[str] | None,
    *,
    criterion: str = "bic",
    direction: str = "both",
    confidence: Any = "0.95",
) -> Model:
    """Add or remove the feature that improves the criterion most, until none does; then fit by least squares.

    The direction `order` tries the first feature, the first two, and so on, and takes the best of these.
    """
    if direction not in DIRECTIONS:
        raise ModelError(f"direction is {direction!r}; it must be one of {', '.join(DIRECTIONS)}")
    search = _Search.of(summary, target, features, criterion)
    tried = _tried(search, direction)
    values = [search.value(names) for names in tried]
    path = [{"features": list(names), "value": value} for names, value in zip(tried, values, strict=True)]
    best = tried[foremost(values, search.unit)]
    options = {"criterion": criterion, "direction": direction}
    return _refitted("stepwise", search, best, (options, path, confidence))


def best_subset(
    summary: Summary,
    target: str,
    features: Sequence[str] | None,
    *,
    criterion: str = "bic",
    confidence: Any = "0.95",
) -> Model:
    """Try every subset of at most 17 features, and fit the best by least squares; `path` has the best of each size."""
    search = _Search.of(summary, target, features, criterion)
    check_size(list(search.places.values()), "stepwise")
    values, names = search.every(), list(search.places)
    best = each_size(values, search.unit)
    path = [{"features": subset(names, k), criterion: float(values[k])} for k in best]
    chosen = subset(names, best[foremost(values[best], search.unit)])
    return _refitted("best_subset", search, chosen, ({"criterion": criterion}, path, confidence))


@dataclass(frozen=True, slots=True)
class _Search:
    """Correlations of the columns, the target's last; the columns' places by feature; and how subsets compare."""

    design: Design
    gram: Floats
    places: dict[str, list[int]]
    penalty: Callable[[int, int], float]

    @classmethod
    def of(cls, summary: Summary, target: str, features: Sequence[str] | None, criterion: str) -> _Search:
        if criterion not in _PENALTIES:
            raise ModelError(f"criterion is {criterion!r}; it must be one of {', '.join(_PENALTIES)}")
        design = Design.of(summary, target, features)
        if summary.rows < 3:
            raise ModelError(f"{summary.rows} rows are too few to choose features: at least 3")
        return cls(design, correlations(design.products), places(design.columns), _PENALTIES[criterion])

    @property
    def unit(self) -> float:
        """What criteria err in parts of."""
        return float(self.design.summary.rows)

    def value(self, names: Sequence[str]) -> float:
        """The criterion of a subset, as `ols` reports it; infinite for one that `ols` would refuse."""
        used, n = [i for name in names for i in self.places[name]], self.design.summary.rows
        k = len(used) + 1
        if n - k - 1 <= 0:
            return float("inf")
        left = self._left(used)
        if left < DIGITS:
            raise _perfect(names)
        return float(n * (np.log(2 * np.pi * self._spread() * left) + 1) + self.penalty(n, k))

    def every(self) -> Floats:
        """The criteria of all subsets: k has feature i if bit i of k is set."""
        blocks, n = list(self.places.values()), self.design.summary.rows
        left, widths = determinants(self.gram, blocks)[1], summed([len(block) for block in blocks])
        left = np.where(n - widths - 2 > 0, left, np.nan)
        perfect = min(map(int, np.flatnonzero(left < DIGITS)), key=lambda k: (k.bit_count(), k), default=0)
        if perfect:
            raise _perfect(subset(list(self.places), perfect))
        penalties = np.array([self.penalty(n, k) if n - k - 1 > 0 else np.inf for k in range(1, int(widths[-1]) + 2)])
        values = n * (np.log(2 * np.pi * self._spread() * left) + 1) + penalties[widths]
        return np.where(np.isnan(values), np.inf, values)

    def _spread(self) -> float:
        """The population variance of the target."""
        return float(int(self.design.products[-1, -1]) * self.design.target.step**2 / self.design.summary.rows**2)

    def _left(self, used: list[int]) -> float:
        """1 − R² by Cholesky's factor; infinite for columns that determine each other."""
        try:
            factor = np.linalg.cholesky(self.gram[np.ix_(used, used)])
        except np.linalg.LinAlgError:
            return float("inf")
        if (factor.diagonal() ** 2 <= DIGITS).any():
            return float("inf")
        return 1 - float(np.sum(np.linalg.solve(factor, self.gram[used, -1]) ** 2))


def _perfect(names: Sequence[str]) -> ModelError:
    return ModelError(
        f"{listed(list(names))} predict the target without error: no criterion can choose",
        hint="fit these with ols, or leave out what is another form of the target",
    )


def _small(n: int, k: int) -> float:
    return 2 * k + 2 * k * (k + 1) / (n - k - 1)


_PENALTIES: dict[str, Callable[[int, int], float]] = {
    "aic": lambda _, k: 2 * k,
    "aicc": _small,
    "bic": lambda n, k: float(k * np.log(n)),
}


def _tried(search: _Search, direction: str) -> list[Names]:
    names = list(search.places)
    if direction == "order":
        return [some for some in prefixes(names) if np.isfinite(search.value(some))]
    if direction == "backward" and not np.isfinite(search.value(names)):
        raise ModelError(
            "there is no model with all features to begin with: constant or aliased columns, or too few rows",
            hint='leave columns out, or use direction="forward"',
        )
    return descent(search.value, names, direction, search.unit)


def _refitted(kind: str, search: _Search, names: Sequence[str], told: tuple[dict[str, str], Any, Any]) -> Model:
    options, path, confidence = told
    model = ols(search.design.summary, search.design.target.name, list(names), confidence=confidence)
    left = [name for name in search.places if name not in names]
    return msgspec.structs.replace(model, kind=kind, options=options, path=list(path), dropped=left)
