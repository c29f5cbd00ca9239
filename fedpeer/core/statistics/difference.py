"""How two schemas differ, in words for the people who have to settle it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.numerals import plain

if TYPE_CHECKING:
    from fedpeer.core.statistics.schema import Schema

_RULES = {
    "invalid": "rule for invalid values",
    "missing": "rule for missing values",
    "row_bound": "row bound",
    "patient": "column of patient ids",
    "blocks": "list of further blocks",
    "bins": "number of bins",
}


def differences(ours: Schema, theirs: Schema) -> list[str]:
    """Say each difference in one sentence, ours first; an empty list when there is none."""
    said = [
        f"the {words}: yours is {_said(getattr(ours, rule))}, the federation's is {_said(getattr(theirs, rule))}"
        for rule, words in _RULES.items()
        if getattr(ours, rule) != getattr(theirs, rule)
    ]
    mine, other = ({f.name: f for f in schema.features} for schema in (ours, theirs))
    said += [
        f"feature {name}: yours only; the federation's schema has none of this name"
        for name in mine
        if name not in other
    ]
    said += [f"feature {name}: the federation's schema has it, yours does not" for name in other if name not in mine]
    for name in mine:
        if name in other:
            said += [f"feature {name}: {words}" for words in _features(mine[name], other[name])]
    return said or _order(ours, theirs)


def _said(value: str | int | tuple[str, ...]) -> str:
    return (", ".join(value) if isinstance(value, tuple) else str(value or "")) or "none"


def _features(mine: Feature, other: Feature) -> list[str]:
    if mine.kind != other.kind:
        return [f"yours is {mine.kind}, the federation's is {other.kind}"]
    pairs = [
        ("range", _range(mine), _range(other)),
        ("resolution", _resolution(mine), _resolution(other)),
        ("list of levels", _levels(mine), _levels(other)),
        ("list of factors", ", ".join(mine.of), ", ".join(other.of)),
        ("unit", mine.unit or "none", other.unit or "none"),
        ("column", _column(mine), _column(other)),
    ]
    return [f"your {what} is {a}, the federation's is {b}" for what, a, b in pairs if a != b]


def _order(ours: Schema, theirs: Schema) -> list[str]:
    for at, (mine, other) in enumerate(zip(ours.features, theirs.features, strict=True), 1):
        if mine != other:
            return [f"the order: your feature {at} is {mine.name}, the federation's is {other.name}"]
    return []


def _range(feature: Feature) -> str:
    if feature.min is None or feature.max is None:
        return ""
    return f"{feature.said(feature.min)}..{feature.said(feature.max)}"


def _resolution(feature: Feature) -> str:
    return "that of its factors" if feature.resolution is None else plain(feature.resolution)


def _column(feature: Feature) -> str:
    return "optional" if feature.optional else "needed"


def _levels(feature: Feature) -> str:
    return ", ".join(feature.levels) or "0, 1"
