"""What is asked of a summary: features, options, and perhaps a second summary to compare with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from fedpeer.core.errors import RequestError
from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.summary import Summary

Answer = dict[str, Any]

_LONGEST = 300  # characters of a number, and digits before or after its point


@dataclass(frozen=True, slots=True)
class Question:
    """Features in the order they were named, options as they were given, and the other rows, if any."""

    summary: Summary
    features: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    other: Summary | None = None

    @property
    def confidence(self) -> Fraction:
        """The level of intervals."""
        level = self.number("confidence", Fraction(19, 20))
        if not 0 < level < 1:
            raise RequestError(f"a confidence of {float(level):g} is not between 0 and 1", hint="for example 0.95")
        return level

    def number(self, name: str, default: Fraction) -> Fraction:
        """An option as the exact decimal that was written."""
        value = self.options.get(name)
        return default if value is None else _number(name, value)

    def numbers(self, name: str, default: Sequence[str]) -> dict[str, Fraction]:
        """An option that is a list of numbers, or text with commas between them: each by how it was written."""
        value = self.options.get(name, default)
        each = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
        return {str(one).strip(): _number(name, one) for one in each}

    def whole(self, name: str, default: int) -> int:
        """An option that counts something."""
        value = self.number(name, Fraction(default))
        if value.denominator != 1 or value < 1:
            raise RequestError(f"option {name} is {self.options[name]!r:.60}, not a whole number from 1")
        return int(value)

    def flag(self, name: str) -> bool:
        """An option that is on or off."""
        value = self.options.get(name, False)
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        if not isinstance(value, bool):
            raise RequestError(f"option {name} is {value!r:.60}; it must be true or false")
        return value

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """An option that is one of some words, the first unless it is given."""
        value = self.options.get(name, choices[0])
        if value not in choices:
            raise RequestError(f"option {name} is {value!r:.60}; it must be {' or '.join(choices)}")
        return str(value)

    def names(self, name: str) -> tuple[str, ...]:
        """An option that is a list of names, or text with commas between them."""
        value = self.options.get(name, ())
        parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
        if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
            raise RequestError(f"option {name} is {value!r:.60}; it must be a list of names")
        return tuple(parts)

    def expect(self, least: int, most: int) -> tuple[str, ...]:
        """The features, if there are as many as the metric takes."""
        if not least <= len(self.features) <= most:
            wanted = f"{least}" if least == most else f"{least} to {most}"
            raise RequestError(f"this metric takes {wanted} features, not {len(self.features)}")
        return self.features

    def column(self, name: str) -> Column:
        """The column of this name; SchemaError, with the nearest name, when there is none."""
        return self.summary.schema.columns[self.summary.schema.index(name)]

    def category(self, name: str) -> Feature | None:
        """The category of this name, if it is one."""
        return next((f for f in self.summary.schema.features if f.name == name and f.kind == "category"), None)

    def columns(self, most: int, *, first: bool = True) -> list[Column]:
        """The columns of the features named, or of all; of a category every level, or, unless `first`, all but one."""
        names = self.features or tuple(f.name for f in self.summary.schema.features)
        found: dict[str, Column] = {}
        for name in names:
            feature = self.category(name)
            levels = () if feature is None else feature.levels if first else feature.levels[1:]
            for label in [name] if feature is None else [f"{name}${level}" for level in levels]:
                found[label] = self.column(label)
        if len(found) > most:
            raise RequestError(f"{len(found)} columns; this metric takes at most {most}", hint="name fewer features")
        return list(found.values())


def _number(name: str, value: Any) -> Fraction:
    try:
        number = Decimal("NaN" if isinstance(value, bool) else str(value).strip()[:_LONGEST])
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number.adjusted()) > _LONGEST:
        raise RequestError(f"option {name} is {value!r:.60}, not a number")
    return Fraction(number)


def undefined(answer: Answer, reasons: Mapping[str, str]) -> Answer:
    """The answer, which says why each None in it is one."""
    return answer | {"undefined": dict(reasons)} if reasons else answer
