"""One feature of a schema: what is measured, between which limits, how finely."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from numbers import Number
from typing import Any, Literal, TypedDict, Unpack

import numpy as np

from fedpeer.core.errors import OverflowRefusedError, SchemaError
from fedpeer.core.statistics.numerals import day, decimal, iso, plain, spelling

Kind = Literal["continuous", "binary", "category", "date", "product"]

KINDS: tuple[Kind, ...] = ("continuous", "binary", "category", "date", "product")
LEVELS = 1000  # at most, for one category
FACTORS = range(2, 5)  # how many a product may have
STEPS = 2**62  # at most, from the origin to either limit: q is a signed 64-bit integer

_NAME, _UNIT = 128, 64  # characters
_USUAL = (("0", "1"), ("false", "true"))  # what a binary feature means when nothing is said
_DAYS = "days"  # the unit of a date
_PLACES = 60  # decimal places, and digits before the point


class Properties(TypedDict, total=False):
    """What a feature may have beside its name and kind."""

    min: Decimal | float | str | date | None
    max: Decimal | float | str | date | None
    resolution: Decimal | float | str | None
    levels: Sequence[Any] | None
    unit: str
    of: Sequence[str] | None
    optional: bool | str


@dataclass(frozen=True, slots=True, init=False)
class Feature:
    """A measured quantity and how it is counted; SchemaError says what is wrong with one that cannot be.

    `min`, `max` and `resolution` (continuous) are numbers or decimal strings, kept as exact decimals; of a date, `min`
    and `max` are dates or ISO texts, kept as days since 1970-01-01, and the resolution is a day. `levels` are the
    raw values of a category, in order, or the two of a binary feature that mean 0 and 1. `of` are the factors of a
    product, in order of the alphabet: features that are not products, or a level of a category, such as `site$south`.
    A table may be without the column of an `optional` one: then all its rows lack it.
    """

    name: str
    kind: Kind
    min: Decimal | None
    max: Decimal | None
    resolution: Decimal | None
    levels: tuple[str, ...]
    unit: str
    of: tuple[str, ...]
    optional: bool

    def __init__(self, name: str, kind: str = "continuous", **options: Unpack[Properties]) -> None:
        label = _label(name)
        unknown = options.keys() - Properties.__annotations__.keys()
        if unknown:
            raise SchemaError(f"feature {label}: {min(unknown)!r} is not a property of a feature")
        check_name(name, f"feature {label}: the name")
        if kind not in KINDS:
            raise SchemaError(f"feature {label}: kind is {kind!r}; it must be one of {', '.join(KINDS)}")
        unit = _unit(label, kind, options.get("unit") or "")
        numbers = _limits(label, kind, dict(options))
        levels = _levels(label, kind, options.get("levels"))
        factors = _factors(label, kind, options.get("of"))
        optional = _optional(label, kind, options.get("optional", False))
        values = (name, kind, *numbers, levels, unit, factors, optional)
        for field, value in zip(self.__slots__, values, strict=True):
            object.__setattr__(self, field, value)

    @property
    def measured(self) -> bool:
        """Whether it is read from a table as a number: a continuous feature, or a date."""
        return self.kind in {"continuous", "date"}

    @property
    def derived(self) -> bool:
        """Whether its column is computed from those of other features: a table does not have it."""
        return self.kind == "product"

    def limits(self) -> tuple[Decimal, Decimal, Decimal]:
        """Min, max and resolution (of a date in days); SchemaError for a feature that is not measured."""
        if self.min is None or self.max is None or self.resolution is None:
            raise SchemaError(f"feature {self.name!r} is {self.kind}, so it has no range")
        return self.min, self.max, self.resolution

    def to_dict(self) -> dict[str, Any]:
        """Return the feature as JSON-able values, decimals and dates as text; `Feature(**d)` gives it back."""
        form: dict[str, Any] = {"name": self.name, "kind": self.kind}
        if self.kind == "date":
            low, high, _ = self.limits()
            return form | {"min": self.said(low), "max": self.said(high)} | self._told()
        limits = {"min": self.min, "max": self.max, "resolution": self.resolution}
        form |= {key: plain(value) for key, value in limits.items() if value is not None}
        form |= {"levels": list(self.levels)} if self.levels else {}
        form |= {"of": list(self.of)} if self.of else {}
        return form | ({"unit": self.unit} if self.unit else {}) | self._told()

    def _told(self) -> dict[str, Any]:
        """What is left out where it is not so: schemas from before there was it keep their digests."""
        return {"optional": True} if self.optional else {}

    def said(self, number: Decimal) -> str:
        """One of its numbers as people write it: a decimal, or an ISO date."""
        return iso(int(number)) if self.kind == "date" else plain(number)


def _limits(label: str, kind: str, options: dict[str, Any]) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    given = {key: options.get(key) for key in ("min", "max", "resolution")}
    if kind == "product":
        return _coarser(label, given)
    if kind == "date":
        return _dates(label, given)
    if kind != "continuous":
        stray = next((key for key, value in given.items() if value is not None), None)
        if stray is not None:
            raise SchemaError(f"feature {label}: a {kind} feature has no {stray}")
        return None, None, None
    low, high, step = (_number(label, key, value) for key, value in given.items())
    if low >= high:
        raise SchemaError(f"feature {label}: min {plain(low)} is not below max {plain(high)}")
    _check_step(label, step)
    span = Fraction(high) - Fraction(low)
    if span < Fraction(step):
        raise SchemaError(f"feature {label}: resolution {plain(step)} is coarser than the whole range")
    if span / Fraction(step) > STEPS or max(abs(Fraction(low)), abs(Fraction(high))) / Fraction(step) > STEPS:
        raise OverflowRefusedError(
            f"feature {label}: the range {plain(low)}..{plain(high)} in steps of {plain(step)} "
            "needs more than 62 bits, so its sums could overflow"
        )
    return low, high, step


def _dates(label: str, given: dict[str, Any]) -> tuple[Decimal, Decimal, Decimal]:
    """The limits of a date in days since 1970-01-01, and the day."""
    if given["resolution"] is not None:
        raise SchemaError(f"feature {label}: a date has no resolution: it is counted in days")
    days = []
    for key in ("min", "max"):
        if given[key] is None:
            raise SchemaError(f"feature {label}: a date needs {key}")
        found = day(str(given[key]))
        if found is None:
            raise SchemaError(f"feature {label}: {key} is {str(given[key])[:40]!r}; it must be a date like 2024-02-29")
        days.append(found)
    low, high = days
    if low >= high:
        raise SchemaError(f"feature {label}: min {iso(low)} is not before max {iso(high)}")
    return Decimal(low), Decimal(high), Decimal(1)


def _unit(label: str, kind: str, unit: str) -> str:
    if kind == "date":
        if unit not in {"", _DAYS}:
            raise SchemaError(f"feature {label}: the unit of a date is {_DAYS}")
        return _DAYS
    if unit != "":
        _check_text(unit, f"feature {label}: the unit", _UNIT)
    return unit


def _optional(label: str, kind: str, given: Any) -> bool:
    told = {"true": True, "false": False}.get(given, given) if isinstance(given, str) else given
    if not isinstance(told, bool):
        raise SchemaError(f"feature {label}: optional is {given!r:.60}; it must be true or false")
    if told and kind == "product":
        raise SchemaError(f"feature {label}: a product is computed, so it has no column that could be optional")
    return told


def _coarser(label: str, given: dict[str, Any]) -> tuple[None, None, Decimal | None]:
    """What a product may say of its numbers: only a resolution."""
    stray = next((key for key in ("min", "max") if given[key] is not None), None)
    if stray is not None:
        raise SchemaError(f"feature {label}: a product has no {stray}: its range is that of its factors")
    step = None if given["resolution"] is None else _number(label, "resolution", given["resolution"])
    if step is not None:
        _check_step(label, step)
    return None, None, step


def _check_step(label: str, step: Decimal) -> None:
    if step <= 0:
        raise SchemaError(f"feature {label}: resolution {plain(step)} is not above zero")


def _factors(label: str, kind: str, given: Any) -> tuple[str, ...]:
    if given is None and kind != "product":
        return ()
    if kind != "product":
        raise SchemaError(f"feature {label}: only a product is `of` others")
    if isinstance(given, str | bytes) or not isinstance(given, Sequence) or not all(isinstance(x, str) for x in given):
        raise SchemaError(f"feature {label}: `of` must be a list of its factors, such as [age, dose]")
    if len(given) not in FACTORS:
        raise SchemaError(f"feature {label}: {len(given)} factors; a product has {FACTORS[0]} to {FACTORS[-1]}")
    return tuple(sorted(given))


def _number(label: str, key: str, value: Any) -> Decimal:
    if value is None:
        raise SchemaError(f"feature {label}: a continuous feature needs {key}")
    if isinstance(value, bool):
        raise SchemaError(f"feature {label}: {key} is {value}; it must be a number")
    try:
        number = decimal(value)
    except ValueError as error:
        raise SchemaError(f"feature {label}: {key}: {error}") from None
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -_PLACES or number.adjusted() > _PLACES:
        raise SchemaError(f"feature {label}: {key} has more than {_PLACES} digits on one side of the point")
    return number


def _levels(label: str, kind: str, given: Any) -> tuple[str, ...]:
    if given is None and kind != "category":
        return ()
    if kind in {"continuous", "date", "product"}:
        raise SchemaError(f"feature {label}: a {kind} feature has no levels")
    levels = listed(label, given)
    if kind == "binary" and len(levels) != 2:
        raise SchemaError(f"feature {label}: a binary feature has two levels, the raw values of 0 and 1")
    if not 2 <= len(levels) <= LEVELS:
        raise SchemaError(f"feature {label}: {len(levels)} levels; a category has 2 to {LEVELS}")
    return () if kind == "binary" and tuple(map(spelling, levels)) in _USUAL else levels


def listed(label: str, given: Any) -> tuple[str, ...]:
    """The levels in a list as texts; SchemaError names the feature by its label."""
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        raise SchemaError(f"feature {label}: levels must be a list, such as [low, high]")
    if not all(isinstance(level, str | Number | np.generic) for level in given):
        raise SchemaError(f"feature {label}: a level is neither text nor a number")
    levels = tuple(level if isinstance(level, str) else spelling(level) for level in given)
    seen: dict[str, str] = {}
    for level in levels:
        _check_text(level, f"feature {label}: a level", _NAME)
        if spelling(level) in seen:
            raise SchemaError(f"feature {label}: levels {seen[spelling(level)]!r} and {level!r} mean the same")
        seen[spelling(level)] = level
    return levels


def check_name(name: Any, what: str) -> None:
    """SchemaError unless a column can have this name."""
    _check_text(name, what, _NAME)
    if "$" in name or '"' in name:
        raise SchemaError(f"{what} must not contain {'$' if '$' in name else chr(34)!r}")


def _check_text(text: Any, what: str, most: int) -> None:
    if not isinstance(text, str) or text == "":
        raise SchemaError(f"{what} is empty or not text")
    if len(text) > most:
        raise SchemaError(f"{what} is longer than {most} characters")
    if not text.isprintable() or text != text.strip():
        raise SchemaError(f"{what} has control characters, or blanks at an end")
    if not unicodedata.is_normalized("NFC", text):
        raise SchemaError(f"{what} is not in Unicode's composed form (NFC)")


def _label(name: Any) -> str:
    return repr(name if isinstance(name, str) else str(name))[:60]
