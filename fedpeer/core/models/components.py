"""Principal components, and regression on components: principal or of partial least squares."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Self

import numpy as np

from fedpeer.core.errors import ModelError
from fedpeer.core.models.design import Design, chosen, described, listed
from fedpeer.core.models.inputs import Floats
from fedpeer.core.models.model import Model
from fedpeer.core.models.moments import correlations, covariances, spreads
from fedpeer.core.models.numbers import flag, whole
from fedpeer.core.models.report import reported
from fedpeer.core.models.result import Result
from fedpeer.core.statistics.explore import centred, mean
from fedpeer.core.statistics.rounding import Number, rational, rounded
from fedpeer.core.statistics.summary import Summary

_NOTHING = 1e-12  # of the largest variance: a component with less holds only rounding


class Components(Result, frozen=True, kw_only=True):
    """Principal components: directions of most variance. docs/models.md defines every number.

    `components` are rows of loadings in the order of `means`; a score is Σ loading·(x − mean)/scale.
    """

    means: dict[str, float]
    scales: dict[str, float]
    variances: list[float]
    ratios: list[float]
    components: list[list[float]]
    options: dict[str, str]

    @property
    def columns(self) -> list[str]:
        """The columns that components are made of."""
        return list(self.means)

    def answer(self, rows: int, columns: dict[str, Floats]) -> Floats:
        """The squared distance of each row from what its scores give back: an anomaly score."""
        left = self._standard(rows, columns)
        for loadings, scores in zip(self.components, self._scores(left), strict=True):
            left = left - np.multiply.outer(loadings, scores)
        result: Floats = (left**2).sum(axis=0)
        return result

    def details(self, rows: int, columns: dict[str, Floats]) -> dict[str, Floats]:
        """The scores: `pc1`, `pc2`, …."""
        return {f"pc{i}": row for i, row in enumerate(self._scores(self._standard(rows, columns)), start=1)}

    @classmethod
    def from_dict(cls, form: Any) -> Self:
        """Read the dict form; ModelError for anything that is not a set of components."""
        model = super().from_dict(form)
        p = len(model.means)
        if set(model.scales) != set(model.means) or any(len(row) != p for row in model.components) or not p:
            raise ModelError("not a model: its components do not have the same columns")
        return model

    def _standard(self, rows: int, columns: dict[str, Floats]) -> Floats:
        parts = [(columns[name] - centre) / self.scales[name] for name, centre in self.means.items()]
        return np.array(parts).reshape(len(parts), rows)

    def _scores(self, standard: Floats) -> list[Floats]:
        # Term by term, as in `Model.answer`: the same on every machine.
        empty = np.zeros(standard.shape[1])
        return [
            sum((x * row for x, row in zip(loadings, standard, strict=True)), start=empty)
            for loadings in self.components
        ]


def pca(
    summary: Summary,
    target: str | None,
    features: Sequence[str] | None,
    *,
    components: Any = None,
    standardise: Any = True,
) -> Components:
    """Find the directions of most variance among columns, standardised or in their own units; it has no target."""
    if target is not None:
        raise ModelError("pca has no target", hint="name the columns as features")
    n, columns = summary.rows, chosen(summary.schema, None, features)
    if n < 2 or not columns:
        raise ModelError(f"pca needs two rows and a column; there are {n} rows and {len(columns)} columns")
    products = centred(summary, [summary.schema.index(column.name) for column in columns])
    unit, most = flag("standardise", standardise), min(len(columns), n - 1)
    flat = [c.name for c, value in zip(columns, products.diagonal(), strict=True) if value == 0]
    if unit and flat:
        raise ModelError(f"without variation in all {n} rows: {listed(flat)}", hint="leave these features out")
    values, vectors = _directions(correlations(products) if unit else covariances(products, columns, n, n - 1))
    kept = most if components is None else whole("components", components, most)
    names = [column.name for column in columns]
    scale = spreads(products, columns, n) * np.sqrt(n / (n - 1)) if unit else np.ones(len(columns))
    return Components(
        kind="pca",
        means={name: rounded(mean(summary, name)) for name in names},
        scales=dict(zip(names, scale.tolist(), strict=True)),
        variances=values[:kept].tolist(),
        ratios=(values / values.sum())[:kept].tolist() if values.any() else [0.0] * kept,
        components=vectors[:kept].tolist(),
        options={"standardise": str(unit).lower()},
        n=n,
        schema=described(summary.schema, {column.feature for column in columns}),
        summary=summary.digest,
    )


def pcr(
    summary: Summary,
    target: str,
    features: Sequence[str] | None,
    *,
    components: Any = 2,
    standardise: Any = True,
) -> Model:
    """Regress on the first principal components of the columns; the coefficients are told in the columns' units."""
    design, gram, scale = _scaled(Design.of(summary, target, features), standardise)
    values, vectors = _directions(gram[:-1, :-1])
    found = int(np.sum(values > _NOTHING * values[0]))
    kept = whole("components", components, min(found, summary.rows - 2))
    basis = vectors[:kept]
    return _told("pcr", design, scale, (basis.T @ ((basis @ gram[:-1, -1]) / values[:kept]), kept, standardise))


def pls(
    summary: Summary,
    target: str,
    features: Sequence[str] | None,
    *,
    components: Any = 2,
    standardise: Any = True,
) -> Model:
    """Regress on components of most covariance with the target (PLS1); coefficients are in the columns' units."""
    design, gram, scale = _scaled(Design.of(summary, target, features), standardise)
    kept = whole("components", components, min(len(design.columns), summary.rows - 2))
    inner, right = gram[:-1, :-1].copy(), gram[:-1, -1].copy()
    size = np.linalg.norm(right)
    rotations: list[Floats] = []
    loads: list[float] = []
    projector = np.eye(len(right))
    for _ in range(kept):
        length = np.linalg.norm(right)
        if length <= _NOTHING * size or size == 0:
            raise ModelError(
                f"after {len(loads)} components nothing is left to explain", hint="ask for fewer components"
            )
        weight = right / length
        spread = weight @ inner @ weight
        load = inner @ weight / spread
        rotations.append(projector @ weight)
        loads.append(float(right @ weight / spread))
        projector = projector - np.outer(projector @ weight, load)
        inner, right = inner - spread * np.outer(load, load), right - spread * load * loads[-1]
    return _told("pls", design, scale, (np.array(rotations).T @ np.array(loads), kept, standardise))


def _scaled(design: Design, standardise: Any) -> tuple[Design, Floats, Floats]:
    """A design without constant columns, its products in the units of the components, and those units."""
    design = design.without(design.constant())
    if not design.columns:
        raise ModelError("no column varies: there are no components")
    deviations = spreads(design.products, (*design.columns, design.target), design.summary.rows)
    gram = correlations(design.products)
    if flag("standardise", standardise):
        return design, gram, deviations
    return design, gram * np.multiply.outer(deviations, deviations), np.ones(len(deviations))


def _directions(gram: Floats) -> tuple[Floats, Floats]:
    """Eigenvalues, the largest first, and eigenvectors as rows, the largest loading of each above zero."""
    values, vectors = np.linalg.eigh(gram)
    rows = vectors.T[::-1]
    signs = np.sign(rows[np.arange(len(rows)), np.argmax(np.abs(rows), axis=1)])
    return np.clip(values[::-1], 0, None), rows * signs[:, None]


def _told(kind: str, design: Design, scale: Floats, found: tuple[Floats, int, Any]) -> Model:
    gamma, kept, standardise = found
    steps = [column.step / design.target.step for column in design.columns]
    beta = gamma * scale[-1] / scale[:-1]
    encoded: list[Number] = [rational(Fraction(float(b)) * step) for b, step in zip(beta, steps, strict=True)]
    options = {"components": str(kept), "standardise": str(flag("standardise", standardise)).lower()}
    return reported(kind, design, lambda _: (encoded, rational(kept)), options=options)
