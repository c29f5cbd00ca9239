"""Certificates for fitted models: what is proved of their numbers, and how well the inputs determine them.

The condition number is √(λ_max/λ_min) of the inputs' correlations: that of the columns, centred and scaled to length 1.
It is taken in float64 from exact integers. Entries are off by at most 4u (u = 2⁻⁵³) and LAPACK's eigenvalues by
10·p·2u·λ_max, more than its usual backward error; by Weyl's inequality each λ is then off by at most the sum, which
gives the two ends.
"""

from __future__ import annotations

from collections.abc import Container
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Final

import msgspec
import numpy as np

from fedpeer.core.models.certificate import Basis, Certificate, Condition
from fedpeer.core.models.covariance import Covariance
from fedpeer.core.models.design import Design
from fedpeer.core.models.exact import Matrix
from fedpeer.core.models.groups import Groups
from fedpeer.core.models.inputs import Floats
from fedpeer.core.models.model import Model
from fedpeer.core.models.moments import covariances
from fedpeer.core.models.quadratic import scatters
from fedpeer.core.models.result import Result
from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.explore import centred
from fedpeer.core.statistics.numerals import plain
from fedpeer.core.statistics.rounding import root, rounded
from fedpeer.core.statistics.summary import Summary

DIGITS = 15  # of a float64 that is nearest to the true value: off by a relative 2⁻⁵³ at most

_U = 2.0**-53
_NEAREST = "each coefficient is the float64 nearest to the exact solution, by ball arithmetic or exact rationals"
_SPARSE = (
    "given which coefficients are zero and the signs of the others, each is the float64 nearest to the exact solution; "
    "the conditions of the optimum are met to `reached`, relative to the penalty"
)
_FLOATS = (
    "float64 eigenvectors of exactly rounded products: about 13 digits where eigenvalues are well apart, not proved"
)
_PLAIN = "float64 arithmetic on exactly rounded products: about 13 digits for a good condition, not proved"
_GAP = "scikit-learn's iterations stopped at the dual gap `reached`: the objective is that close to the best, no more"
_SHRUNK = "shrinkage and covariance are the float64 nearest to the exact values; the inverse is float64, not proved"
_LIKELY = "float64 maximum of the likelihood of the counts, by Nelder and Mead's simplex: about 6 digits, not proved"
_UNSAID = "nothing is proved of this kind"

_PROOFS: Final[dict[str, str]] = {
    **dict.fromkeys(("ols", "stepwise", "best_subset", "ridge", "lda", "qda", "ridge_classifier", "ls_svm"), _NEAREST),
    **dict.fromkeys(("gaussian_nb", "bernoulli_nb", "lda_stepwise", "lda_subset", "lda_reduced"), _NEAREST),
    **dict.fromkeys(("markov", "hmm"), _NEAREST),
    **dict.fromkeys(("lasso", "elastic_net"), _SPARSE),
    **dict.fromkeys(("pca", "pcr"), _FLOATS),
    **dict.fromkeys(("pls", "oas"), _PLAIN),
    "graphical_lasso": _GAP,
    "ledoit_wolf": _SHRUNK,
    "evt": _LIKELY,
}
_ONE_BY_ONE = frozenset({"gaussian_nb", "bernoulli_nb", "markov", "hmm", "hbos", "ecod", "evt"})


def certified(model: Result, summary: Summary) -> Result:
    """The model with its certificate, of the summary that it was fitted from."""
    proof = _PROOFS.get(model.kind, _UNSAID)
    certificate = Certificate(
        digits=DIGITS if proof in {_NEAREST, _SPARSE} else None,
        proof=proof,
        reached=_reached(model, summary),
        condition=_condition(model, summary),
        resolution=_resolutions(summary, {feature["name"] for feature in model.schema["features"]}),
        basis=Basis(rows=model.n, summary=model.summary),
    )
    return msgspec.structs.replace(model, certificate=certificate)


def condition(matrix: Floats, of: str) -> Condition:
    """√(λ_max/λ_min) of a correlation matrix between its bounds; only the lower one where λ_min may be zero."""
    p = len(matrix)
    if p == 0:
        return Condition(of=of, value=1.0, low=1.0, high=1.0)
    values = np.linalg.eigvalsh(matrix)
    least, most = float(values[0]), float(values[-1])
    off = 20 * p * _U * most + 4 * p * _U
    low = max(float(np.sqrt(max(most - off, 0) / max(least + off, off))), 1.0)
    if least <= off:
        return Condition(of=of, low=low)
    high = float(np.sqrt((most + off) / (least - off)))
    return Condition(of=of, value=max(float(np.sqrt(most / least)), 1.0), low=low, high=high)


def _condition(model: Result, summary: Summary) -> Condition:
    if model.kind in _ONE_BY_ONE:
        return Condition(of="nothing: each column is taken by itself")
    if model.kind.startswith("lda"):
        return condition(_correlations(_grouped(model, summary).within()[0]), "the inputs within the classes")
    if model.kind == "qda":
        groups = _grouped(model, summary)
        parts = zip(groups.labels, scatters(groups), strict=True)
        found = [condition(_correlations(part), f"the inputs within the class {label!r}") for label, part in parts]
        return max(found, key=lambda each: each.low or 0.0)
    places = [summary.schema.index(name) for name in model.columns]
    return condition(_correlations(centred(summary, places)) if places else np.empty((0, 0)), "the inputs")


def _grouped(model: Result, summary: Summary) -> Groups:
    schema, used = summary.schema, set(model.columns)
    features = list(dict.fromkeys(column.feature for column in schema.columns if column.name in used))
    groups = Groups.of(summary, str(getattr(model, "target", "")), features)
    return groups.only([i for i, column in enumerate(groups.columns) if column.name in used])


def _correlations(products: Matrix) -> Floats:
    """Correlations as float64, each within a few units of the last place; constant columns are left out."""
    size = max((int(value).bit_length() for value in products.diagonal()), default=0)
    scaled = products if size < 900 else products >> (size - 900)  # a float64 holds up to 2¹⁰²³
    matrix = scaled.astype(np.float64)
    matrix = matrix[np.ix_(matrix.diagonal() > 0, matrix.diagonal() > 0)]
    scale = 1 / np.sqrt(matrix.diagonal())
    return np.asarray(matrix * scale * scale[:, None], np.float64)


def _resolutions(summary: Summary, names: Container[str]) -> dict[str, str]:
    """By feature, the step in which its values were counted; 0/1 columns are exact."""
    columns = [column for column in summary.schema.columns if column.feature in names]
    return {column.feature: "exact" if column.indicator else _decimal(column) for column in columns}


def _decimal(column: Column) -> str:
    return plain(Decimal(column.step.numerator) / Decimal(column.step.denominator))


def _reached(model: Result, summary: Summary) -> float | None:
    if isinstance(model, Model) and model.kind in {"lasso", "elastic_net"}:
        return _violation(model, summary)
    if isinstance(model, Covariance) and model.kind == "graphical_lasso":
        return _gap(model, summary)
    return None


def _violation(model: Model, summary: Summary) -> float:
    """By how much the conditions of the optimum are missed at the told coefficients, relative to the penalty.

    With slope = c − S b: |slope − Λ₂b − Λ₁·sign b|/Λ₁ where b is not zero, and |slope|/Λ₁ − 1 elsewhere; exact.
    """
    features = list(dict.fromkeys(summary.schema.columns[summary.schema.index(n)].feature for n in model.columns))
    design, n = Design.of(summary, model.target, features), summary.rows
    goal = design.target.step
    lam, mix = Fraction(model.options["lam"]), Fraction(model.options["mix"])
    b = [Fraction(model.coefficients[column.name]) * column.step / goal for column in design.columns]
    unit = lcm(*(value.denominator for value in b))
    moved = design.products[:-1, :-1] @ np.array([int(value * unit) for value in b], dtype=object)
    worst = Fraction(0)
    for j, column in enumerate(design.columns):
        if not design.products[j, j]:
            continue
        size = _size(design, j) if "standardise" in model.options else Fraction(1)
        first = n**2 * lam * mix * size / (column.step * goal)
        slope = int(design.products[j, -1]) - Fraction(int(moved[j]), unit)
        if b[j]:
            second = n**2 * lam * (1 - mix) * size**2 / column.step**2
            missed = abs(slope - second * b[j] - (first if b[j] > 0 else -first)) / first
        else:
            missed = abs(slope) / first - 1
        worst = max(worst, missed)
    return rounded(worst)


def _size(design: Design, j: int) -> Fraction:
    """The population standard deviation of a column, by which its penalty is multiplied."""
    n, step = design.summary.rows, design.columns[j].step
    return Fraction(root(Fraction(int(design.products[j, j])) * step**2 / n**2))


def _gap(model: Covariance, summary: Summary) -> float:
    """The dual gap tr SΘ − p + lam·Σ|θ| off the diagonal, for the covariance S of the summary."""
    places, n = [summary.schema.index(name) for name in model.columns], summary.rows
    columns = [summary.schema.columns[place] for place in places]
    precision, plain_ = np.array(model.precision), covariances(centred(summary, places), columns, n, n)
    off = np.abs(precision).sum() - np.abs(precision.diagonal()).sum()
    return float((plain_ * precision).sum() - len(precision) + float(Fraction(model.options["lam"])) * off)
