"""What a model reads of a table, in terms that any language has: raw columns, their levels, and what they become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from fedpeer.core.errors import ModelError
from fedpeer.core.models.result import Result
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.numerals import spelling
from fedpeer.core.statistics.schema import Schema

_DATELESS = ("sql", "onnx", "sklearn")  # databases count days in ways of their own, the others know no dates
_ALIKE = {"0": "false", "1": "true", "false": "0", "true": "1"}


@dataclass(frozen=True, slots=True)
class Input:
    """A raw column of the table: its feature, and of what is not a number the levels with all their spellings."""

    feature: Feature
    levels: tuple[str, ...]
    spellings: tuple[tuple[str, ...], ...]

    @property
    def about(self) -> str:
        """Its name and unit, or levels, for a comment."""
        unit = f" ({self.feature.unit})" if self.feature.unit else ""
        more = f": {', '.join(self.levels)}" if self.feature.levels else ""
        return plain(f"{self.feature.name}{unit}{more}")


@dataclass(frozen=True, slots=True)
class Part:
    """One factor of a column: the number that input `place` holds, or 1 where it has this level and 0 elsewhere."""

    place: int
    level: int | None


@dataclass(frozen=True, slots=True)
class Used:
    """A column of the model: the product of its parts (mostly one), and what stands in where it cannot be read."""

    name: str
    parts: tuple[Part, ...]
    mean: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The raw columns that a model reads, in the schema's order, and its own columns in its order."""

    inputs: tuple[Input, ...]
    columns: tuple[Used, ...]

    @property
    def completed(self) -> bool:
        """Whether missing inputs are replaced by means."""
        return any(column.mean is not None for column in self.columns)

    @classmethod
    def of(cls, result: Result, form: str) -> Plan:
        """Read a model; ModelError for rows that are completed by conditional means, which only JSON can carry."""
        if result.completion is not None and result.completion.covariance:
            raise ModelError(
                f"a model that completes rows by conditional means has no form {form!r}",
                hint='it has json; fit with missing="mean" or "none" for the others',
            )
        schema = Schema.from_dict(result.schema)
        means = result.completion.means if result.completion is not None else {}
        known = {column.name: column for column in schema.columns}
        wanted = [known[name] for name in result.columns]
        needed = {part.feature for column in wanted for part in ([known[n] for n in column.of] or [column])}
        inputs = tuple(_input(feature) for feature in schema.features if feature.name in needed)
        dates = next((entry.feature.name for entry in inputs if entry.feature.kind == "date"), None)
        if dates is not None and form in _DATELESS:
            hint = "it has json and python"
            raise ModelError(f"a model of dates, such as {dates!r}, has no form {form!r}", hint=hint)
        places = {entry.feature.name: place for place, entry in enumerate(inputs)}

        def part(name: str) -> Part:
            column = known[name]
            place = places[column.feature]
            if column.level is not None:
                return Part(place, inputs[place].feature.levels.index(column.level))
            return Part(place, 1 if column.indicator else None)

        columns = (
            Used(column.name, tuple(map(part, column.of or (column.name,))), means.get(column.name))
            for column in wanted
        )
        return cls(inputs, tuple(columns))


def plain(text: str) -> str:
    """A text on one line, without signs that steer what shows it; for comments."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def finite(numbers: Sequence[float]) -> None:
    """ModelError unless all these are numbers that can be written down."""
    if not all(map(isfinite, numbers)):
        raise ModelError("the model holds a number that is not finite, so it cannot be exported")


def _input(feature: Feature) -> Input:
    if feature.measured:
        return Input(feature, (), ())
    levels = feature.levels or ("0", "1")
    spelled = [spelling(level) for level in levels]
    spellings: list[tuple[str, ...]] = [(text,) for text in spelled]
    if feature.kind == "binary":
        spellings = [(text, *_other(text, spelled)) for text in spelled]
    return Input(feature, tuple(levels), tuple(spellings))


def _other(text: str, taken: Sequence[str]) -> tuple[str, ...]:
    """A binary level's second spelling: 0 is also false and 1 also true, unless that is the other level."""
    other = _ALIKE.get(text)
    return () if other is None or other in taken else (other,)
