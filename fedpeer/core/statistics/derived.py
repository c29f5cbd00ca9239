"""Columns that are products of others: powers, interactions, and the 0/1 column of rows where several are 1.

A product is of what is counted of its factors, x̂ = origin + q·step, and so is a whole number of steps itself, one
step being the product of theirs: it is exact. A coarser resolution rounds it once, half to even.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from math import prod
from operator import mul
from typing import Any

import numpy as np
import numpy.typing as npt

from fedpeer.core.errors import OverflowRefusedError, SchemaError
from fedpeer.core.statistics.columns import Column, columns_of, flag, measured
from fedpeer.core.statistics.feature import STEPS, Feature

_Interval = tuple[Fraction, Fraction]


def arranged(features: Sequence[Feature]) -> tuple[Column, ...]:
    """The columns of all features in order; SchemaError for a product that cannot be, OverflowRefusedError."""
    own = {feature.name: columns_of(feature) for feature in features if not feature.derived}
    known = {column.name: column for columns in own.values() for column in columns}
    return tuple(
        column
        for feature in features
        for column in ((_product(feature, known, features),) if feature.derived else own[feature.name])
    )


def factored(columns: Sequence[Column]) -> dict[tuple[str, ...], Column]:
    """Columns by their factors in alphabetical order: each by its own name, and products that nothing rounds."""
    steps = {column.name: column.step for column in columns}
    return {
        tuple(sorted(column.of or (column.name,))): column
        for column in columns
        if not column.of or column.step == prod((steps[name] for name in column.of), start=Fraction(1))
    }


class Multiplied:
    """Computes the q of one derived column from those of its factors."""

    def __init__(self, column: Column, factors: Sequence[Column]) -> None:
        self._shifts = [int(factor.origin / factor.step) for factor in factors]
        share = prod(factor.step for factor in factors) / column.step
        self._times, self._over = share.numerator, share.denominator
        self._shift = int(column.origin / column.step) * self._over
        # The largest number on the way: whole steps of each factor, then their product in parts of the column's step.
        reach = [max(1, abs(s + f.low), abs(s + f.high)) for s, f in zip(self._shifts, factors, strict=True)]
        self._type = _type(prod(reach) * self._times + abs(self._shift) + 2 * self._over, whole=self._over == 1)

    def write(self, rows: Iterable[npt.NDArray[Any]], out: npt.NDArray[Any]) -> None:
        """Write q for rows of the factors' q."""
        steps = [_as(q, self._type) + shift for q, shift in zip(rows, self._shifts, strict=True)]
        parts = reduce(mul, steps) * self._times - self._shift
        out[:] = parts if self._over == 1 else _halved(parts, self._over)


def _product(feature: Feature, known: Mapping[str, Column], features: Sequence[Feature]) -> Column:
    unknown = next((name for name in feature.of if name not in known), None)
    if unknown is not None:
        raise SchemaError(f"feature {feature.name!r}: {_unknown(unknown, features)}")
    factors = [known[name] for name in feature.of]
    _check_zero_one(feature, [factor for factor in factors if factor.indicator])
    if all(factor.indicator for factor in factors):
        if feature.resolution is not None:
            raise SchemaError(f"feature {feature.name!r}: a product of 0/1 columns is 0 or 1, so it has no resolution")
        return flag(feature.name, feature.of)
    low, high = _range(factors)
    step = _step(feature, prod((factor.step for factor in factors), start=Fraction(1)), high - low)
    if max(high - low, abs(low), abs(high)) / step > STEPS:
        raise OverflowRefusedError(
            f"feature {feature.name!r}: the product of {', '.join(feature.of)} needs more than 62 bits, so its sums "
            "could overflow",
            hint="declare a coarser resolution for it",
        )
    return measured(feature.name, low, high, step, feature.of)


def _unknown(name: str, features: Sequence[Feature]) -> str:
    found = next((feature for feature in features if feature.name == name), None)
    if found is None:
        return f"its factor {name!r} is neither a feature nor a level of a category"
    if found.derived:
        return f"its factor {name!r} is a product itself; name the factors of that"
    return f"its factor {name!r} is a category; name one of its levels, such as {f'{name}${found.levels[0]}'!r}"


def _check_zero_one(feature: Feature, factors: Sequence[Column]) -> None:
    twice = next((a.name for i, a in enumerate(factors) if a in factors[:i]), None)
    if twice is not None:
        raise SchemaError(f"feature {feature.name!r}: {twice!r} is 0 or 1, and so it is its own square")
    levels = [factor.feature for factor in factors if factor.level is not None]
    if len(set(levels)) < len(levels):
        raise SchemaError(f"feature {feature.name!r}: no row has two levels of one category, so it would always be 0")


def _step(feature: Feature, exact: Fraction, span: Fraction) -> Fraction:
    step = exact if feature.resolution is None else Fraction(feature.resolution)
    if step < exact:
        raise SchemaError(f"feature {feature.name!r}: its resolution is finer than its factors are counted")
    if step != exact and step > span:
        raise SchemaError(f"feature {feature.name!r}: its resolution is coarser than its whole range")
    return step


def _range(factors: Sequence[Column]) -> _Interval:
    """The least and the greatest product; a factor that is there twice is squared, so its sign does not matter."""
    return reduce(_times, (_powers(column, power) for column, power in Counter(factors).items()))


def _powers(column: Column, power: int) -> _Interval:
    low, high = column.value(column.low), column.value(column.high)
    ends = sorted((low**power, high**power))
    return (Fraction(0) if low < 0 < high and power % 2 == 0 else ends[0], ends[1])


def _times(one: _Interval, other: _Interval) -> _Interval:
    corners = [a * b for a in one for b in other]
    return min(corners), max(corners)


def _type(most: int, *, whole: bool) -> Any:
    if whole and most < 2**52:
        return np.float64
    return np.int64 if most < 2**62 else object


def _as(q: npt.NDArray[Any], kind: Any) -> npt.NDArray[Any]:
    return q.astype(np.int64).astype(object) if kind is object else q.astype(kind)


def _halved(parts: npt.NDArray[Any], over: int) -> npt.NDArray[Any]:
    """The quotient parts / over, rounded half to even."""
    whole = parts // over
    rest = 2 * (parts - whole * over)
    up: npt.NDArray[np.bool_] = (rest > over) | ((rest == over) & (whole % 2 == 1))
    return np.asarray(whole + up)
