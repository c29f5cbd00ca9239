"""Lasso and elastic net, and the choice of their penalty along a path by an information criterion.

Minimised is Σ(y − ŷ)²/(2n) + lam·(mix·Σ|β| + (1 − mix)·Σβ²/2), scikit-learn's form. Which coefficients are not zero,
and their signs, comes from scikit-learn's coordinate descent on p + 1 rows of pseudo-data and is then corrected until
the conditions of an optimum hold; given the signs, the coefficients solve a linear system, which is solved exactly.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from math import lcm
from typing import Any

import flint
import numpy as np

from fedpeer.core.errors import ModelError
from fedpeer.core.models.design import Design
from fedpeer.core.models.exact import System, relations
from fedpeer.core.models.inputs import Floats
from fedpeer.core.models.model import Model
from fedpeer.core.models.moments import correlations, pseudo, spreads
from fedpeer.core.models.numbers import above, flag, number, whole
from fedpeer.core.models.report import reported
from fedpeer.core.statistics.rounding import Number, rational, rounded
from fedpeer.core.statistics.summary import Summary

_CRITERIA = ("aic", "aicc", "bic")
_TOLERANCE = 1e-9  # of the penalty, by which a condition of the optimum may be missed
_LOWEST = 1e-3  # of the largest penalty that has any effect, as in scikit-learn's paths


def lasso(
    summary: Summary,
    target: str,
    features: Sequence[str] | None,
    *,
    lam: Any = "bic",
    points: Any = 100,
    standardise: Any = False,
) -> Model:
    """Least squares with a penalty on |β|; `lam` is a number, or the criterion that chooses one among `points`."""
    problem = _Problem.of(Design.of(summary, target, features), Fraction(1), flag("standardise", standardise))
    return _chosen("lasso", problem, lam, whole("points", points, 10_000))


def elastic_net(
    summary: Summary,
    target: str,
    features: Sequence[str] | None,
    *,
    lam: Any = "bic",
    mix: Any = "0.5",
    points: Any = 100,
    standardise: Any = False,
) -> Model:
    """Least squares with a penalty on |β| and β²; `mix`, above 0 and at most 1, is the share of the first."""
    share = above("mix", mix)
    if share > 1:
        raise ModelError(f"mix is {mix!r}; it must be at most 1", hint="a penalty on β² alone is `ridge`")
    problem = _Problem.of(Design.of(summary, target, features), share, flag("standardise", standardise))
    return _chosen("elastic_net", problem, lam, whole("points", points, 10_000))


@dataclass(frozen=True, slots=True)
class _Problem:
    """A design in correlations, and in units of the penalty: `scale` is what a coefficient is multiplied by there."""

    design: Design
    mix: Fraction
    standardise: bool
    gram: Floats  # correlations, the target's last
    deviations: Floats  # of the columns, the target's last
    whitened: Floats  # pseudo-data of the correlations, the target's last
    scale: Floats  # what makes its columns those of the penalty, the target's last

    @classmethod
    def of(cls, design: Design, mix: Fraction, standardise: bool) -> _Problem:
        if not design.columns:
            raise ModelError("a penalised model needs at least one feature")
        n = design.summary.rows
        deviations = spreads(design.products, (*design.columns, design.target), n)
        gram = correlations(design.products)
        scale = np.where(deviations > 0, 1.0, 0.0) if standardise else deviations
        scale[-1] = deviations[-1]
        return cls(design, mix, standardise, gram, deviations, pseudo(gram), scale)

    def penalties(self, lam: float) -> tuple[Floats, Floats]:
        """What |γ| and γ²/2 are multiplied by, with γ = β·s_x/s_y the coefficients among correlations."""
        s, mix = np.where(self.deviations > 0, self.deviations, 1.0)[:-1], float(self.mix)
        size = np.ones_like(s) if self.standardise else s
        return lam * mix / (size * self.deviations[-1]), lam * (1 - mix) / size**2

    def highest(self) -> float:
        """The smallest penalty at which every coefficient is zero."""
        reach = np.abs(self.gram[:-1, -1]) * self.scale[:-1] * self.scale[-1]
        return float(np.max(reach) / float(self.mix))

    def signs(self, lams: Sequence[float]) -> list[Floats]:
        """The signs of the coefficients by coordinate descent, from the largest penalty to the smallest."""
        linear, m = import_module("sklearn.linear_model"), len(self.scale)
        rows = np.asfortranarray(self.whitened * self.scale * np.sqrt(m))
        with warnings.catch_warnings(action="ignore"):  # an optimum that is missed is found below, or refused
            _, found, _ = linear.enet_path(
                rows[:, :-1], rows[:, -1].copy(), l1_ratio=float(self.mix), alphas=list(lams), tol=1e-6, max_iter=5000
            )
        return [np.sign(column) for column in found.T]

    def corrected(self, signs: Floats, lam: float) -> tuple[Floats, Floats] | None:
        """Signs and coefficients among correlations that satisfy the conditions of the optimum; None if not found."""
        (first, second), gram, right = self.penalties(lam), self.gram[:-1, :-1], self.gram[:-1, -1]
        signs = signs.copy()
        for _ in range(2 * len(signs) + 20):
            used = np.flatnonzero(signs)
            among = gram[np.ix_(used, used)] + np.diag(second[used])
            values = _solved(among, right[used] - first[used] * signs[used])
            wrong = values * signs[used] <= 0
            if wrong.any():
                signs[used[wrong]] = 0
                continue
            slope = right - gram[:, used] @ values
            beyond = np.abs(slope) / first - 1
            beyond[used] = -1
            worst = int(np.argmax(beyond))
            if beyond[worst] <= _TOLERANCE:
                gamma = np.zeros(len(signs))
                gamma[used] = values
                return signs, gamma
            signs[worst] = np.sign(slope[worst])
        return None

    def measured(self, gamma: Floats, lam: float) -> dict[str, Any]:
        """One point of a path: its penalty, free coefficients, R² and criteria."""
        n = self.design.summary.rows
        left = float(np.sum((self.whitened[:, -1] - self.whitened[:, :-1] @ gamma) ** 2))
        free = float(self.free(np.flatnonzero(gamma), lam))
        k = free + 1
        if left <= 0 or n - k - 1 <= 0:
            return {"lam": lam, "df": free, "r2": 1 - left} | dict.fromkeys(_CRITERIA)
        deviance = n * (np.log(2 * np.pi * left * self.deviations[-1] ** 2) + 1)
        aic = float(deviance + 2 * k)
        small = aic + 2 * k * (k + 1) / (n - k - 1)
        told = {"aic": aic, "aicc": small, "bic": float(deviance + k * np.log(n))}
        return {"lam": lam, "df": free, "r2": 1 - left} | told

    def free(self, used: Any, lam: float) -> float:
        """How many coefficients are in effect free: tr G(G + Λ)⁻¹ over those that are not zero."""
        among, second = self.gram[np.ix_(used, used)], self.penalties(lam)[1][used]
        return float(np.trace(np.linalg.solve(among + np.diag(second), among))) if second.any() else float(len(used))


def _solved(matrix: Floats, right: Floats) -> Floats:
    try:
        return np.asarray(np.linalg.solve(matrix, right), np.float64)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.lstsq(matrix, right, rcond=None)[0], np.float64)


def _chosen(kind: str, problem: _Problem, lam: Any, points: int) -> Model:
    options = {"lam": str(lam), "mix": str(rounded(problem.mix))} | (
        {"standardise": "true"} if problem.standardise else {}
    )
    if lam not in _CRITERIA:
        penalty = above("lam", lam)
        (start,) = problem.signs([rounded(penalty)])
        return _fitted(kind, problem, (start, penalty), options, [])
    path, starts = _path(problem, points)
    usable = [i for i, point in enumerate(path) if point[lam] is not None]
    if not usable:
        raise ModelError(f"{problem.design.summary.rows} rows are too few to choose a penalty by {lam}")
    best = min(usable, key=lambda i: float(path[i][lam]))
    options |= {"lam": repr(path[best]["lam"]), "criterion": str(lam)}
    return _fitted(kind, problem, (starts[best], number("lam", path[best]["lam"])), options, path)


def _path(problem: _Problem, points: int) -> tuple[list[dict[str, Any]], list[Floats]]:
    highest = problem.highest()
    if highest == 0:
        raise ModelError("no column is correlated with the target: every penalty gives the mean alone")
    lams = [float(v) for v in np.geomspace(highest, highest * _LOWEST, points)] if points > 1 else [highest]
    path, starts = [], []
    for lam, signs in zip(lams, problem.signs(lams), strict=True):
        found = problem.corrected(signs, lam)
        if found is not None:
            path.append(problem.measured(found[1], lam))
            starts.append(found[0])
    return path, starts


def _fitted(
    kind: str, problem: _Problem, start: tuple[Floats, Fraction], options: dict[str, str], path: list[dict[str, Any]]
) -> Model:
    (signs, lam), design = start, problem.design
    found = _optimum(problem, signs, rounded(lam))
    used = [int(j) for j in np.flatnonzero(found)]
    system, right = _system(problem, used, found, lam)
    free = Fraction(problem.free(used, rounded(lam)))

    def coefficients(exactly: bool) -> tuple[list[Number], Number]:
        values: list[Number] = [flint.fmpq(0)] * len(design.columns)
        for j, value in zip(used, system.solved(right, exactly=exactly), strict=True):
            values[j] = value
        return values, rational(free)

    return reported(kind, design, coefficients, options=options, path=path)


def _optimum(problem: _Problem, signs: Floats, lam: float) -> Floats:
    """Signs that meet the conditions of the optimum, of columns that do not determine each other; ModelError."""
    for _ in range(len(signs)):
        found = problem.corrected(signs, lam)
        if found is None:
            break
        signs = found[0]
        used = np.flatnonzero(signs)
        twice = relations(problem.design.products[np.ix_(used, used)]) if problem.mix == 1 else {}
        if not twice:
            return signs
        signs[used[list(twice)]] = 0
    raise ModelError(
        f"no single optimum was found at lam {lam:g}: columns are determined by others, or nearly",
        hint="leave such columns out, or give a larger lam or a smaller mix",
    )


def _system(problem: _Problem, used: list[int], signs: Floats, lam: Fraction) -> tuple[System, list[int]]:
    """(S_A + Λ₂) b = c_A − Λ₁·sign in encoded units, times what makes it integers."""
    design, n = problem.design, problem.design.summary.rows
    sizes = [Fraction(problem.deviations[j]) if problem.standardise else Fraction(1) for j in used]
    steps = [design.columns[j].step for j in used]
    first = [
        n**2 * lam * problem.mix * size * int(signs[j]) / (step * design.target.step)
        for j, size, step in zip(used, sizes, steps, strict=True)
    ]
    second = [n**2 * lam * (1 - problem.mix) * size**2 / step**2 for size, step in zip(sizes, steps, strict=True)]
    factor = lcm(*(value.denominator for value in (*first, *second)))
    matrix = design.products[np.ix_(used, used)] * factor
    for i, value in enumerate(second):
        matrix[i, i] += int(value * factor)
    right = [int(design.products[j, -1]) * factor - int(v * factor) for j, v in zip(used, first, strict=True)]
    return System(matrix), right
