"""How large a ridge penalty should be, by generalised cross-validation (Golub, Heath, Wahba 1979)."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import numpy as np

from fedpeer.core.errors import ModelError
from fedpeer.core.models.design import Design
from fedpeer.core.models.moments import correlations, pseudo, spreads

_GRID = np.linspace(-12, 6, 181)  # decimal logarithms of lam over the largest eigenvalue


def generalised(design: Design) -> float:
    """The lam that minimises n·SSE(lam) / (n − 1 − tr S(S + lam)⁻¹)²; ModelError where every lam does as well."""
    score, largest = _scored(design)
    scores = np.array([score(at) for at in _GRID])
    best = int(np.argmin(scores))
    low, high = _GRID[max(best - 1, 0)], _GRID[min(best + 1, len(_GRID) - 1)]
    optimize = import_module("scipy.optimize")
    found = optimize.minimize_scalar(score, bounds=(low, high), method="bounded", options={"xatol": 1e-10})
    return float(f"{largest * 10**found.x:.12g}")


def _scored(design: Design) -> tuple[Callable[[float], float], float]:
    """The criterion as a function of log₁₀(lam / largest), and the largest eigenvalue of S."""
    n = design.summary.rows
    deviations = spreads(design.products, (*design.columns, design.target), n)
    rows = pseudo(correlations(design.products)) * deviations * np.sqrt(n)
    left, sizes, _ = np.linalg.svd(rows[:, :-1], full_matrices=False)
    if not len(sizes) or sizes[0] == 0:
        raise ModelError("no column varies: there is no penalty to choose", hint="name other features")
    along = left.T @ rows[:, -1]
    across = float(np.sum((rows[:, -1] - left @ along) ** 2))
    eigen = sizes**2 / sizes[0] ** 2

    def score(at: float) -> float:
        lam = 10.0**at
        shrunk = lam / (eigen + lam)
        return float(n * (across + np.sum((shrunk * along) ** 2)) / (n - 1 - np.sum(1 - shrunk)) ** 2)

    return score, float(sizes[0] ** 2)
