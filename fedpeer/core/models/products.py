"""Sums over rows of products of several columns: what declared products make known, and what to declare for the rest.

A summary holds Σ of every column times every other, and a column may itself be a product of up to four: so it holds Σ
of any product that parts into two columns.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from fedpeer.core.errors import ModelError
from fedpeer.core.models.design import chosen
from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.derived import factored
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

_Names = tuple[str, ...]

_MOST = 4  # factors of a product
_LONGEST = 100  # characters of a suggested name
_LISTED = 3  # features in one hint
_PLAIN = re.compile(r"(?!(?i:true|false|yes|no|on|off|null|y|n)$)[^\W\d][\w$]*")  # a word that YAML reads as a text


@dataclass(frozen=True, slots=True)
class Products:
    """A summary, and its columns by their factors."""

    summary: Summary
    columns: Mapping[_Names, Column]

    @classmethod
    def of(cls, summary: Summary) -> Products:
        """Look up the columns that are exact."""
        return cls(summary, factored(summary.schema.columns))

    def declared(self, names: Sequence[str]) -> bool:
        """Whether the product of these columns is a column, or is always 0."""
        factors = self._factors(names)
        return factors is None or factors in self.columns

    def total(self, names: Sequence[str]) -> Fraction | None:
        """Σ of the product of these columns in their units, exactly; None where nothing counts it."""
        factors = self._factors(names)
        if factors is None:
            return Fraction(0)
        alone = self.columns.get(factors)
        if alone is not None:
            summary = self.summary
            return summary.count(alone.name) * alone.origin + summary.sum(alone.name) * alone.step
        for left, right in _splits(factors) if len(factors) <= 2 * _MOST else ():
            a, b = self.columns.get(left), self.columns.get(right)
            if a is not None and b is not None:
                return self._together(a, b)
        return self._squared(factors)

    def hint(self, wanted: Sequence[Sequence[str]]) -> str:
        """What to declare so that each of these is a column; ModelError for what cannot be one."""
        taken = {feature.name for feature in self.summary.schema.features}
        lines = [self._line(names, taken) for names in wanted]
        more = f" and {len(lines) - _LISTED} more" if len(lines) > _LISTED else ""
        return f"declare, without a resolution, {', '.join(lines[:_LISTED])}{more}"

    def _factors(self, names: Sequence[str]) -> _Names | None:
        """All factors in alphabetical order; None for two levels of one category."""
        every = self._every(names)
        return None if every is None else tuple(sorted(every))

    def _every(self, names: Sequence[str]) -> list[str] | None:
        """All factors in the order given, what is 0 or 1 once."""
        schema = self.summary.schema
        every = [factor for name in names for factor in self._parts(schema.columns[schema.index(name)])]
        flags = {name for name in every if schema.columns[schema.index(name)].indicator}
        levels = [c.feature for name in flags if (c := schema.columns[schema.index(name)]).level is not None]
        if len(set(levels)) < len(levels):
            return None
        return [name for i, name in enumerate(every) if name not in flags or name not in every[:i]]

    def _parts(self, column: Column) -> _Names:
        """A product's factors, unless it is rounded and so is not their product."""
        exact = self.columns.get(tuple(sorted(column.of)))
        return column.of if exact is not None and exact.step == column.step else (column.name,)

    def _together(self, a: Column, b: Column) -> Fraction:
        n, one, other = (
            self.summary.count(a.name, b.name),
            self.summary.sum(a.name, b.name),
            self.summary.sum(b.name, a.name),
        )
        both = self.summary.product(a.name, b.name) * a.step * b.step
        return n * a.origin * b.origin + a.origin * b.step * other + b.origin * a.step * one + both

    def _squared(self, factors: _Names) -> Fraction | None:
        """Σ x²b, which a summary holds of a continuous x and a 0/1 column b."""
        schema = self.summary.schema
        found = [schema.columns[schema.index(name)] for name in dict.fromkeys(factors)]
        x, b = sorted(found, key=lambda column: column.indicator) if len(found) == 2 else (None, None)
        if x is None or b is None or len(factors) != 3 or x.indicator or not b.indicator:
            return None
        ones, total = self.summary.sum(b.name, x.name), self.summary.product(x.name, b.name)
        square = self.summary.square_given(x.name, b.name)
        return x.origin**2 * ones + 2 * x.origin * x.step * total + x.step**2 * square

    def _line(self, names: Sequence[str], taken: set[str]) -> str:
        """A line of a schema; its name is added to those taken."""
        schema, factors = self.summary.schema, self._every(names) or list(names)
        derived = any(schema.columns[schema.index(name)].of for name in factors)
        if derived or len(factors) > _MOST:
            why = "one of them is a rounded product" if derived else f"that is a product of more than {_MOST} columns"
            raise ModelError(
                f"nothing counts the product of {' and '.join(map(repr, names))}, and no feature can: {why}",
                hint=f"leave {names[0]!r} out",
            )
        powers = Counter(factor.rpartition("$")[2] for factor in factors)
        name = "_".join(f"{factor}{power}" if power > 1 else factor for factor, power in powers.items())
        name = name.replace('"', "_")[:_LONGEST].strip()
        while name in taken:
            name += "_"
        taken.add(name)
        return f"{{name: {_quoted(name)}, kind: product, of: [{', '.join(map(_quoted, factors))}]}}"


def single(schema: Schema, target: str | None) -> list[str]:
    """The features that a model of squares takes if none are named: all that are not products of others."""
    columns = chosen(schema, target, None, whole=True)
    return list(dict.fromkeys(column.feature for column in columns if not column.of))


def _splits(factors: _Names) -> Iterator[tuple[_Names, _Names]]:
    """All ways to part factors in two, the last always in the second."""
    for mask in range(1, 1 << (len(factors) - 1)):
        chosen_ = [bool(mask >> i & 1) for i in range(len(factors))]
        yield (
            tuple(name for name, left in zip(factors, chosen_, strict=True) if left),
            tuple(name for name, left in zip(factors, chosen_, strict=True) if not left),
        )


def _quoted(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else json.dumps(name, ensure_ascii=False)
