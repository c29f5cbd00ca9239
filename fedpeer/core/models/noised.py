"""Models of sums that carry noise: how they are fitted, what their intervals account for, and what is refused.

The centred sums of products are C + E, with E of noise. Scaled to columns of length 1, E is no longer than about τ =
2·maxᵢ√(Σⱼ vᵢⱼ) + 2‖m‖√(Σⱼ vⱼ) + √v₀·‖m‖², of the scaled variances of products, sums and rows, and scaled means m.

1. Least squares takes the sums as they are, if no direction of the inputs is shorter than τ, and refuses otherwise.
2. Its errors: with Z = (1, X), w = (−β, 1) and A = Z′Z, the noise moves β by A⁻¹u to first order, u = −E·w. So the
   covariance is A⁻¹(σ²A + M)A⁻¹ with M that of u. The residual sum of squares is short by tr(A⁻¹M), which is added, and
   is not taken to be less than the deviation of its own noise, w′E w.
3. Kinds with a penalty or with components take sums whose eigenvalues below τ were raised to τ: that is done to what
   was told already, and costs no privacy. No intervals go with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import msgspec
import numpy as np
from flint import arb

from fedpeer.core.errors import ModelError
from fedpeer.core.models.exact import Matrix
from fedpeer.core.models.inputs import Floats
from fedpeer.core.models.model import Model, Row
from fedpeer.core.models.result import Result
from fedpeer.core.statistics.explore import centred
from fedpeer.core.statistics.noised import excluded
from fedpeer.core.statistics.residues import Residues, integers
from fedpeer.core.statistics.rounding import certified, rational
from fedpeer.core.statistics.summary import Summary
from fedpeer.core.statistics.tails import beyond_t, student_quantile
from fedpeer.core.statistics.uncertain import OVERSHADOWED, of_sum, variances

KINDS: Final = frozenset({"ols", "ridge", "lasso", "elastic_net", "pcr", "pls", "pca"})

_ACCOUNTED = "noise: accounted for in standard errors, tests and intervals of the coefficients; not in {rest}"
_REST = "r2, residual_std, the likelihood and what follows from it; f is left out"
_HIDDEN = "; the residuals are smaller than the noise, so these say only that"
_UNACCOUNTED = "noise: not accounted for in any number of this model"
_RAISED = "; directions of the sums that were shorter than the noise were raised to it"


def taken(kind: str, summary: Summary, used: Sequence[str], options: Sequence[str]) -> tuple[Summary, str]:
    """The sums that a kind is fitted from, and what its certificate says of noise; ModelError where it cannot be."""
    if kind not in KINDS:
        hint = f"of sums with noise there are {', '.join(sorted(KINDS))}"
        raise ModelError(f"{kind} cannot be fitted from sums that carry noise", hint=hint)
    if summary.schema.pairwise:
        raise ModelError(
            "models of sums that carry noise need rows without gaps",
            hint="with noise nobody can tell whether the same rows have all features: use missing: listwise",
        )
    for option in {"singular", "intercept"} & set(options):
        raise ModelError(f"{kind} has no option {option!r} where sums carry noise")
    noise = _Noise.of(summary, used)
    if kind == "ols":
        return summary, _ACCOUNTED.format(rest=_REST)
    raised = noise.raised()
    return (summary, _UNACCOUNTED) if raised is None else (raised, _UNACCOUNTED + _RAISED)


def checked(summary: Summary, inputs: Sequence[str], target: str) -> tuple[Summary, str]:
    """The sums for least squares; ModelError unless these inputs can be told from the noise.

    Where the inputs leave over less than the noise, the target's own square is raised until they leave that: no
    coefficient depends on it.
    """
    noise = _Noise.of(summary, inputs)
    if noise.least < noise.level:
        raise ModelError(
            f"{OVERSHADOWED}: some direction of the inputs varies by {max(noise.least, 0):.3g} of what one of them "
            f"does, and the noise by up to {noise.level:.3g}",
            hint="name fewer features, fit a ridge, or have more rows or budget for a release",
        )
    line = _Line.of(summary, inputs, target)
    if line.rest >= line.floor:
        return summary, ""
    places = [summary.schema.index(target)]
    return _added(summary, places, np.array([[line.floor - line.rest]])), _HIDDEN


def told(model: Result, summary: Summary, text: str) -> Result:
    """The fitted model with what noise does to it, of the summary as it was told."""
    if isinstance(model, Model) and model.kind == "ols":
        model = _accounted(model, summary)
    certificate = model.certificate
    if certificate is not None:
        basis = msgspec.structs.replace(certificate.basis, summary=summary.digest)
        certificate = msgspec.structs.replace(certificate, basis=basis, noise=text)
    return msgspec.structs.replace(model, summary=summary.digest, certificate=certificate)


@dataclass(frozen=True, slots=True)
class _Noise:
    """Centred sums of products of some columns, in units that make their noise comparable."""

    summary: Summary
    places: tuple[int, ...]
    scale: Floats  # encoded units of a column's own length
    scaled: Floats
    level: float  # τ

    @classmethod
    def of(cls, summary: Summary, names: Sequence[str]) -> _Noise:
        n, places = summary.rows, tuple(summary.schema.index(name) for name in names)
        if n < 2:
            raise ModelError(f"{OVERSHADOWED}: {n} rows")
        known = {name: float(v) for name, v in variances(summary).items()}
        products = _floats(centred(summary, places)) / n
        means = np.array([float(Fraction(summary.sum(i), n)) for i in places])
        sums = np.array([float(of_sum(summary, i)) for i in places])
        units = np.array(_units(summary, places))
        floor = np.sqrt(known["products"] * units**4 + 4 * means**2 * sums + means**4 * known["rows"])
        lengths = np.maximum(products.diagonal(), floor)
        scale = np.sqrt(np.where(lengths > 0, lengths, 1.0))
        m, inner = means / scale, known["products"] * (units**2 / lengths).sum() * units**2 / lengths
        level = 2 * np.sqrt(inner.max(initial=0)) + 2 * np.linalg.norm(m) * np.sqrt((sums / scale**2).sum())
        level += np.sqrt(known["rows"]) * (m @ m)
        return cls(summary, places, scale, products / np.multiply.outer(scale, scale), float(level))

    @property
    def least(self) -> float:
        return float(np.linalg.eigvalsh(self.scaled)[0]) if self.places else np.inf

    def raised(self) -> Summary | None:
        """The sums with no eigenvalue below the noise; None if there was none."""
        values, vectors = np.linalg.eigh(self.scaled)
        if not self.places or values[0] >= self.level:
            return None
        lifted = (vectors * np.maximum(values, self.level) - vectors * values) @ vectors.T
        return _added(self.summary, self.places, lifted * np.multiply.outer(self.scale, self.scale))


def _added(summary: Summary, places: Sequence[int], more: Floats) -> Summary:
    """The summary with these rounded numbers added to the products of some columns, and one to their squares."""
    layout, p = summary.residues.layout, len(summary.schema.columns)
    blocks = [integers(part) for part in summary.residues.parts]
    products = next(b for b, block in zip(blocks, layout, strict=True) if block.name == "products")
    for a, i in enumerate(places):
        for b, j in enumerate(places):
            if i <= j:
                products[i * (2 * p - i - 1) // 2 + j] += int(np.rint(more[a, b])) + (a == b)
    return Summary(summary.schema, Residues.of(layout, blocks), summary.noise)


def _accounted(model: Model, summary: Summary) -> Model:
    """The model with errors that know of the noise."""
    covariance, free = _covariance(model, summary), model.n - len(model.coefficients)
    level = Fraction(str(model.confidence))
    reach = float(certified(lambda: [student_quantile(level, free)])[0] or 0)
    rows: list[Row] = []
    for name, spread in zip(model.coefficients, covariance.diagonal(), strict=True):
        b, error = model.coefficients[name], float(np.sqrt(spread))
        t = b / error
        square = rational(Fraction(t) ** 2)
        rows.append(
            Row(
                name=name,
                coefficient=b,
                std_error=error,
                t=t,
                p=certified(lambda square=square: [beyond_t(arb(square), free)])[0],  # type: ignore[misc]
                ci_low=b - reach * error,
                ci_high=b + reach * error,
            )
        )
    return msgspec.structs.replace(model, table=rows, f=None, f_p=None)


def _covariance(model: Model, summary: Summary) -> Floats:
    """Of the intercept and the coefficients, in real units: that of the sample and that of the noise."""
    schema, line = summary.schema, _Line.of(summary, model.columns, model.target)
    columns = [schema.columns[schema.index(name)] for name in model.columns]
    goal = schema.columns[schema.index(model.target)]
    residual = max(line.rest, line.floor) / (summary.rows - len(columns) - 1)
    spread = line.inverse @ (line.moved + residual * line.gram) @ line.inverse
    turn = np.diag([float(goal.step), *(float(goal.step / c.step) for c in columns)])
    turn[0, 1:] = [-float(goal.step / c.step * c.origin) for c in columns]
    return np.asarray(turn @ spread @ turn.T, np.float64)


@dataclass(frozen=True, slots=True)
class _Line:
    """Least squares in encoded units: A, A⁻¹, M, the residual sum of squares and the deviation of its noise."""

    gram: Floats
    inverse: Floats
    moved: Floats
    rest: float
    floor: float

    @classmethod
    def of(cls, summary: Summary, inputs: Sequence[str], target: str) -> _Line:
        places = [summary.schema.index(name) for name in (*inputs, target)]
        n, sums = summary.rows, [summary.sum(i) for i in places]
        # About the means, in floats: what is left over is small beside the sums themselves.
        inner = _floats(centred(summary, places)) / n
        slopes = _inverse(inner[:-1, :-1]) @ inner[:-1, -1]
        means = np.array([float(Fraction(total, n)) for total in sums])
        w = np.array([-(means[-1] - means[:-1] @ slopes), *(-slopes), 1.0])
        gram = np.empty((len(places), len(places)))
        gram[0, 0], gram[0, 1:] = n, [float(total) for total in sums[:-1]]
        gram[1:, 0] = gram[0, 1:]
        gram[1:, 1:] = _floats(summary.products()[np.ix_(places[:-1], places[:-1])])
        moved, inverse = _moved(summary, places, w), _inverse(gram)
        rest = float(inner[-1, -1] - inner[:-1, -1] @ slopes) + float(np.trace(inverse @ moved))
        return cls(gram, inverse, moved, rest, _floor(summary, places, w))


def _floor(summary: Summary, places: Sequence[int], w: Floats) -> float:
    """The standard deviation of w′Ew, the noise in a residual sum of squares."""
    v, square = _entries(summary, places), w**2
    for k, i in enumerate(places, 1):
        if summary.schema.columns[i].indicator:
            v[k, k] = v[0, k]
    own = v.diagonal() @ square**2
    return float(np.sqrt(2 * square @ v @ square - own))


def _moved(summary: Summary, places: Sequence[int], w: Floats) -> Floats:
    """M: the covariance of E·w without the target's row, of rows, columns and target in this order.

    An entry of E that stands at two places at once, such as the square of a 0/1 column, is one number.
    """
    known = {name: float(v) for name, v in variances(summary).items()}
    v = _entries(summary, places)
    found = v * np.multiply.outer(w, w)
    np.fill_diagonal(found, v @ w**2)
    for k, i in enumerate(places, 1):
        if summary.schema.columns[i].indicator:
            one = min(known["sums"], known["products"])
            found[k, k] += one * (2 * w[0] * w[k] + w[k] ** 2)  # E·w has (w₀ + wₖ)E₀ₖ there
            found[0, k] += one * w[k] ** 2
            found[k, 0] = found[0, k]
    return np.asarray(found[:-1, :-1], np.float64)


def _entries(summary: Summary, places: Sequence[int]) -> Floats:
    """The variance of each entry of E but the squares of 0/1 columns, which are entries of its first row."""
    known, p = {name: float(v) for name, v in variances(summary).items()}, len(summary.schema.columns)
    never = set(excluded(summary.schema))
    units = np.array([1.0, *_units(summary, places)])
    v = known["products"] * np.multiply.outer(units, units) ** 2
    v[0, 0] = known["rows"]
    for k, i in enumerate(places, 1):
        v[0, k] = v[k, 0] = float(of_sum(summary, i))
        for m, j in enumerate(places, 1):
            if min(i, j) * (2 * p - min(i, j) - 1) // 2 + max(i, j) in never:
                v[k, m] = 0.0
        if summary.schema.columns[i].indicator:
            v[k, k] = 0.0
    return np.asarray(v, np.float64)


def _units(summary: Summary, places: Sequence[int]) -> list[float]:
    """The most that a row gives to each column."""
    columns = [summary.schema.columns[i] for i in places]
    return [1.0 if column.indicator else float(max(1, column.bound)) for column in columns]


def _inverse(gram: Floats) -> Floats:
    size = np.sqrt(gram.diagonal())
    both = np.multiply.outer(size, size)
    return np.asarray(np.linalg.inv(gram / both) / both, np.float64)


def _floats(matrix: Matrix) -> Floats:
    return np.asarray(matrix.astype(np.float64))
