"""The report of any linear model from its coefficients: the numbers that do not depend on how they were found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import flint

from fedpeer.core.errors import ModelError
from fedpeer.core.models.design import Design
from fedpeer.core.models.exact import IMPOSSIBLE, settle
from fedpeer.core.models.model import INTERCEPT, Model
from fedpeer.core.statistics.rounding import Number, rational

_EMPTY: dict[str, Any] = dict.fromkeys(("std_error", "t", "p", "ci_low", "ci_high"))
_NUMBERS = ("df", "r2", "adjusted_r2", "residual_std", "log_likelihood", "aic", "aicc", "bic")


def reported(
    kind: str,
    design: Design,
    found: Callable[[bool], tuple[Sequence[Number], Number]],
    *,
    options: Mapping[str, str],
    path: Sequence[Mapping[str, Any]] = (),
) -> Model:
    """A model without tests, of what `found(exactly)` gives: coefficients in encoded units, and how many are free.

    Those units are a step of the target by a step of the column. The intercept is counted apart, and always free.
    """
    floats = settle(lambda exactly: _values(design, *found(exactly)))
    names = [INTERCEPT, *(column.name for column in design.columns)]
    coefficients = {name: value or 0.0 for name, value in zip(names, floats, strict=False)}
    numbers: dict[str, Any] = dict(zip(_NUMBERS, floats[len(names) :], strict=True))
    return Model(
        kind=kind,
        target=design.target.name,
        coefficients=coefficients,
        table=[{"name": name, "coefficient": value, **_EMPTY} for name, value in coefficients.items()],  # type: ignore[typeddict-item]
        n=design.summary.rows,
        f=None,
        f_p=None,
        confidence=0.95,
        dropped=list(design.dropped),
        options=dict(options),
        path=[dict(step) for step in path],
        schema=design.described(),
        summary=design.summary.digest,
        **numbers,
    )


def likelihood(sse: Number, n: int, k: Number) -> list[Number | None]:
    """The Gaussian log-likelihood at its maximum, AIC, AICc and BIC with k coefficients; None for a perfect fit."""
    if sse == 0:
        return [None] * 4
    value = -flint.fmpq(n, 2) * ((2 * flint.arb.pi() * sse / n).log() + 1)
    aic = 2 * k - 2 * value
    small = aic + 2 * k * (k + 1) / (n - k - 1) if n - k - 1 > 0 else None
    return [value, aic, small, k * flint.arb(n).log() - 2 * value]


def square_root(value: Number) -> Number:
    """√value, exactly 0 of 0."""
    return flint.fmpq(0) if value == 0 else flint.arb(value).sqrt()


def possible(value: Number) -> Number:
    """The value itself: a sum of squares, which rows of data cannot make negative, but a forged summary can."""
    if value < 0:
        raise ModelError(IMPOSSIBLE)
    return value


def _values(design: Design, x: Sequence[Number], k: Number) -> list[Number | None]:
    n, unit = design.summary.rows, rational(design.target.step**2 / design.summary.rows)
    beta = [b * rational(design.target.step / c.step) for b, c in zip(x, design.columns, strict=True)]
    moved = (b * rational(_mean(design, c.name)) for b, c in zip(beta, design.columns, strict=True))
    intercept = rational(_mean(design, design.target.name)) - sum(moved, start=flint.fmpq(0))
    sst, sse, free = unit * int(design.products[-1, -1]), unit * possible(_left(design, x)), n - 1 - k
    if not free > 0:
        raise ModelError(f"{n} rows are too few for {k} coefficients and an intercept", hint="ask for fewer of them")
    shown = (1 - (sse / free) / (sst / (n - 1)), square_root(sse / free))
    return [intercept, *beta, free, 1 - sse / sst, *shown, *likelihood(sse, n, k + 1)]


def _left(design: Design, x: Sequence[Number]) -> Number:
    """S_yy − 2c′b + b′Sb: n times the residual sum of squares, in encoded units."""
    left: Number = flint.fmpq(int(design.products[-1, -1]))
    used = [j for j, value in enumerate(x) if value != 0]
    for j in used:
        inner = sum((x[i] * int(design.products[i, j]) for i in used), start=flint.fmpq(0))
        left += x[j] * (inner - 2 * int(design.products[j, -1]))
    return left


def _mean(design: Design, name: str) -> Fraction:
    index = design.summary.schema.index(name)
    return design.summary.schema.columns[index].value(Fraction(design.summary.sum(index), design.summary.rows))
