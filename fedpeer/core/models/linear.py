"""Ordinary least squares and ridge regression, from exact integers to a report whose every number is rounded once.

With S = n·Σqq′ − Σq·Σq′ of the inputs, c the same between inputs and target, and steps s: the coefficients of the
standardised problem are b = (S + Λ)⁻¹c with Λ = nλ/s² (zero for ols), in real units β = b·s_y/s. docs/models.md
has every formula of the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm
from typing import Any

import flint
import numpy as np

from fedpeer.core.errors import ModelError
from fedpeer.core.models.design import Design, listed
from fedpeer.core.models.exact import System, pseudo_inverse, settle
from fedpeer.core.models.model import INTERCEPT, Model, Row
from fedpeer.core.models.numbers import flag, number
from fedpeer.core.models.penalty import generalised
from fedpeer.core.models.report import likelihood, possible, square_root
from fedpeer.core.statistics.rounding import Number, rational
from fedpeer.core.statistics.summary import Summary
from fedpeer.core.statistics.tails import beyond_f, beyond_t, student_quantile

arb = flint.arb

_ROW = tuple(Row.__annotations__)[1:]


def ols(
    summary: Summary,
    target: str,
    features: Sequence[str] | None,
    *,
    confidence: Any = "0.95",
    singular: str = "refuse",
    intercept: Any = True,
) -> Model:
    """Fit by ordinary least squares; ModelError for constant or aliased columns (unless `singular` says otherwise)."""
    if singular not in {"refuse", "drop", "pinv"}:
        raise ModelError(f"singular is {singular!r}; it must be 'refuse', 'drop' or 'pinv'")
    design = Design.of(summary, target, features, intercept=flag("intercept", intercept))
    if singular == "refuse":
        _check_rows(design)  # before the columns: too few rows make any columns dependent
    whole, design = design, _independent(design, drop=singular != "refuse")
    _check_rows(design)
    options = {} if design.intercept else {"intercept": "false"}
    line = _Line(design, Fraction(0), _level(confidence))
    if singular == "pinv" and design.dropped:
        return _fitted("ols", replace(line, whole=whole), options | {"singular": "pinv"})
    return _fitted("ols", line, options)


def ridge(
    summary: Summary, target: str, features: Sequence[str] | None, *, lam: Any = 1, confidence: Any = "0.95"
) -> Model:
    """Minimise Σ(y − ŷ)² + lam·Σβ² over the raw columns, the intercept free; `lam` is above zero, or "gcv"."""
    design, options = Design.of(summary, target, features), {"lam": str(lam)}
    if lam == "gcv":
        lam = generalised(design)
        options = {"lam": repr(lam), "criterion": "gcv"}
    penalty = number("lam", lam)
    if penalty <= 0:
        raise ModelError(f"lam is {lam!r}; it must be above zero", hint="without a penalty the model is `ols`")
    return _fitted("ridge", _Line(design, penalty, _level(confidence)), options)


@dataclass(frozen=True, slots=True)
class _Line:
    """One linear problem."""

    design: Design
    penalty: Fraction
    confidence: Fraction
    whole: Design | None = None  # with the columns that depend on those of `design`, for the pseudo-inverse

    @property
    def told(self) -> Design:
        """The design whose columns get coefficients."""
        return self.whole or self.design

    def spread(self) -> list[list[flint.fmpq]] | None:
        """What each coefficient is made of, of those of `design`; None if they are the same."""
        if self.whole is None:
            return None
        names = {column.name for column in self.design.columns}
        kept = [i for i, column in enumerate(self.whole.columns) if column.name in names]
        return pseudo_inverse(self.whole.products[:-1, :-1], kept, [column.step for column in self.whole.columns])

    @property
    def weights(self) -> list[Fraction]:
        """Λ: the penalty on each coefficient of the problem in integers."""
        return [self.design.summary.rows * self.penalty / column.step**2 for column in self.design.columns]

    def system(self) -> tuple[System, int]:
        """The matrix of the equations in integers, and the factor by which they were multiplied to be so."""
        matrix, weights = self.design.products[:-1, :-1], self.weights
        factor = lcm(*(weight.denominator for weight in weights))
        if self.penalty:
            matrix = matrix * factor
            matrix[np.diag_indices_from(matrix)] += np.array([int(weight * factor) for weight in weights], dtype=object)
        return System(matrix), factor


def _check_rows(design: Design) -> None:
    rows, needed = design.summary.rows, len(design.columns) + 1 + design.intercept
    if rows < needed:
        others = " and an intercept" if design.intercept else ""
        raise ModelError(
            f"{rows} rows are too few for {len(design.columns)} columns{others}: at least {needed}",
            hint="name fewer features, or wait for more data",
        )


def _independent(design: Design, *, drop: bool) -> Design:
    constant = design.constant()
    if constant and not drop:
        raise ModelError(
            f"{'without variation' if design.intercept else '0'} in all {design.summary.rows} rows: {listed(constant)}",
            hint='leave these features out, or fit with singular="drop"',
        )
    design = design.without(constant)
    aliased = design.aliased()
    if aliased and not drop:
        first, others = next(iter(aliased.items()))
        raise ModelError(
            f"aliased: {listed(list(aliased))}; {first!r} is determined exactly by {listed(others)}",
            hint='leave these features out, or fit with singular="drop"',
        )
    return design.without(list(aliased))


def _fitted(kind: str, line: _Line, options: dict[str, str]) -> Model:
    design, (system, factor) = line.told, line.system()
    report = _Report(line, factor)
    floats = iter(settle(lambda exactly: report.values(system, exactly=exactly)))
    names = [*([INTERCEPT] if design.intercept else []), *(column.name for column in design.columns)]
    table = [Row(name=name, **{key: next(floats) for key in _ROW}) for name in names]  # type: ignore[typeddict-item]
    numbers: dict[str, Any] = dict(zip(_NUMBERS, floats, strict=True))
    return Model(
        kind=kind,
        target=design.target.name,
        coefficients={INTERCEPT: 0.0} | {row["name"]: row["coefficient"] for row in table},
        table=table,
        n=design.summary.rows,
        confidence=float(line.confidence),
        dropped=list(design.dropped),
        options=options,
        schema=design.described(),
        summary=design.summary.digest,
        **numbers,
    )


_NUMBERS = ("df", "r2", "adjusted_r2", "residual_std", "f", "f_p", "log_likelihood", "aic", "aicc", "bic")


class _Report:
    """Every number of a model as a rational or a ball, in the order of the table and of `_NUMBERS`."""

    def __init__(self, line: _Line, factor: int) -> None:
        design, n = line.design, line.design.summary.rows
        sums = design.summary.sums()
        index = design.summary.schema.index
        self._n, self._line, self._factor, self._one = n, line, factor, int(design.intercept)
        self._means = [rational(c.value(Fraction(sums[index(c.name)], n))) for c in line.told.columns]
        self._mean = rational(design.target.value(Fraction(sums[index(design.target.name)], n)))
        self._ratios = [rational(design.target.step / column.step) for column in design.columns]
        self._unit = rational(design.target.step**2 / n)
        self._weights = [rational(weight) for weight in line.weights]
        self._right = [int(value) for value in design.products[:-1, -1]]
        self._total = int(design.products[-1, -1])
        self._steps, self._spread = [rational(column.step) for column in design.columns], line.spread()

    def values(self, system: System, *, exactly: bool) -> list[Number | None]:
        """The table row by row, then the model's own numbers."""
        x, diagonal = system.solved([c * self._factor for c in self._right], exactly=exactly), system.diagonal()
        n, p, one = self._n, len(x), self._one
        beta = [b * ratio for b, ratio in zip(x, self._ratios, strict=True)]
        if self._spread is not None:
            beta = [_dot(row, beta) for row in self._spread]
        beta = [*([self._mean - _dot(self._means, beta)] if one else []), *beta]
        sse, sst, free = self._error(x), self._unit * self._total, self._free(diagonal)
        spreads, plain = self._spreads(system, diagonal), bool(self._line.penalty) or sse == 0
        if plain:
            table = [_untested(value, flat=sse == 0) for value in beta]
        else:
            errors = [square_root(spread * sse / free) for spread in spreads]
            table = self._tested(beta, errors, n - p - one)
        overall = (None, None) if plain or p == 0 else _overall((sst - sse) / p / (sse / free), p, n - p - one)
        adjusted = 1 - (sse / free) / (sst / (n - one))
        numbers = (free, 1 - sse / sst, adjusted, square_root(sse / free), *overall, *likelihood(sse, n, n - free))
        return [*(value for row in table for value in row), *numbers]

    def _error(self, x: Sequence[Number]) -> Number:
        """The residual sum of squares: s²_y (S_yy − c′b − b′Λb) / n."""
        taken: Number = flint.fmpq(0)
        for b, c, weight in zip(x, self._right, self._weights, strict=True):
            taken += b * c + weight * b * b if weight != 0 else b * c
        return possible(self._unit * (self._total - taken))

    def _free(self, diagonal: Sequence[flint.arb]) -> Number:
        """Residual degrees of freedom: n − 1 − tr S(S + Λ)⁻¹; n − p without an intercept."""
        shrunk = sum(
            (weight * self._factor * v for weight, v in zip(self._weights, diagonal, strict=True)), start=flint.fmpq(0)
        )
        return possible(self._n - self._one - len(diagonal) + (shrunk if self._line.penalty else flint.fmpq(0)))

    def _spreads(self, system: System, diagonal: Sequence[flint.arb]) -> list[Number]:
        """The variance of each coefficient, over that of the residuals: 1/n + n u′S⁻¹u, and n (S⁻¹)ⱼⱼ / s²ⱼ."""
        rows, means = self._spread, self._means
        if rows is None:
            own: list[Number] = [self._n * v / (step * step) for v, step in zip(diagonal, self._steps, strict=True)]
        else:
            own = [self._form(system, row) for row in rows]
            means = [_dot([row[i] for row in rows], means) for i in range(len(self._steps))]
        # How far the origin is from the centre of the data: what the intercept's error grows with.
        first = [flint.fmpq(1, self._n) + self._form(system, means)] if self._one else []
        return [possible(value) for value in (*first, *own)]

    def _form(self, system: System, u: Sequence[flint.fmpq]) -> Number:
        """The form n u′S⁻¹u, for u in units of the columns."""
        scaled = [value / step for value, step in zip(u, self._steps, strict=True)]
        common = lcm(*(int(value.q) for value in scaled))
        whole = [int((value * common).p) for value in scaled]
        if not any(whole):
            return flint.fmpq(0)
        form: Number = _dot(whole, system.solved(whole, exactly=False))
        return self._n * form / common**2

    def _tested(self, beta: Sequence[Number], errors: Sequence[Number], free: int) -> list[list[Number | None]]:
        """Coefficient, standard error, t, p and interval, row by row."""
        quantile = student_quantile(self._line.confidence, free)
        return [
            _untested(b, flat=True)
            if e == 0
            else [b, e, b / e, beyond_t(arb(b * b) / (e * e), free), b - quantile * e, b + quantile * e]
            for b, e in zip(beta, errors, strict=True)
        ]


def _dot(a: Sequence[flint.fmpq] | Sequence[int], b: Sequence[Any]) -> Any:
    return sum((x * y for x, y in zip(a, b, strict=True) if x != 0), start=flint.fmpq(0))


def _untested(value: Number, *, flat: bool) -> list[Number | None]:
    """A row without tests: the coefficient, and of a perfect fit (`flat`) its interval, a point."""
    return [value, flint.fmpq(0), None, None, value, value] if flat else [value, None, None, None, None, None]


def _overall(f: Number, p: int, free: int) -> tuple[Number, Number]:
    return f, beyond_f(arb(f), p, free)


def _level(confidence: Any) -> Fraction:
    level = number("confidence", confidence)
    if not 0 < level < 1:
        raise ModelError(f"confidence is {confidence!r}; it must be between 0 and 1")
    return level
