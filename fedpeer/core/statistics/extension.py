"""How a schema grows: new features, and new levels of categories; and what was counted before, under the grown one.

A summary of rows from before is embedded: of a new level none of them is, and a new feature all of them lack. The rows
need not be counted again, for that is what counting them again would give, to the bit. It is so for nothing else: what
a new product of old features is in these rows nobody knows, and where no row may lack a feature, none could stay.

Old columns keep their order among the new ones, so in every block, triangles too, the old entries keep theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fedpeer.core.canonical import Value
from fedpeer.core.errors import SchemaError
from fedpeer.core.statistics import forms
from fedpeer.core.statistics.feature import Feature, listed
from fedpeer.core.statistics.layout import layout, split
from fedpeer.core.statistics.numerals import MISSING, spelling
from fedpeer.core.statistics.residues import Limbs, Residues
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

_KEYS = ("features", "levels")
_RULES = ("invalid", "missing", "row_bound", "patient", "blocks", "bins")

_Places = npt.NDArray[np.bool_]  # of the new entries, which are old ones


class Declaration(Value, frozen=True):
    """A feature in the schema's own spelling, numbers as text; what it does not have is empty."""

    name: str
    kind: str
    min: str = ""
    max: str = ""
    resolution: str = ""
    levels: tuple[str, ...] = ()
    of: tuple[str, ...] = ()
    unit: str = ""

    @classmethod
    def saying(cls, feature: Feature) -> Declaration:
        """The one declaration of a feature."""
        form: dict[str, Any] = feature.to_dict()
        return cls(**(form | {key: tuple(form[key]) for key in ("levels", "of") if key in form}))

    def to_dict(self) -> dict[str, Any]:
        """Return it as a schema writes it."""
        told = {key: getattr(self, key) for key in self.__struct_fields__}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in told.items() if value}

    def feature(self) -> Feature:
        """The feature; SchemaError for one that cannot be, or that is declared in another way than schemas do."""
        feature = Feature(**self.to_dict())
        if Declaration.saying(feature) != self:
            raise SchemaError(f"feature {self.name!r:.60} is not declared as a schema would write it")
        return feature


class NewLevels(Value, frozen=True):
    """Levels that a category does not have yet, in order."""

    feature: str
    levels: tuple[str, ...]


class Additions(Value, frozen=True):
    """What a schema lacks: whole features, and levels of its categories. Whether it can have them, `extended` says."""

    features: tuple[Declaration, ...] = ()
    levels: tuple[NewLevels, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.features or self.levels)

    def to_dict(self) -> dict[str, Any]:
        """Return them as JSON-able values, in the schema's spelling; what is empty is left out."""
        features = [each.to_dict() for each in self.features]
        levels = {each.feature: list(each.levels) for each in self.levels}
        return ({"features": features} if features else {}) | ({"levels": levels} if levels else {})

    @classmethod
    def from_dict(cls, form: Any) -> Additions:
        """Read the dict form; SchemaError for unknown keys, and for features that cannot be."""
        if not isinstance(form, dict):
            raise SchemaError("additions are a mapping with the keys `features` and `levels`")
        forms.check_keys(form, _KEYS, "an addition")
        features, _ = forms.parts({"features": form.get("features", [])})
        return cls(tuple(map(Declaration.saying, features)), _listed(form.get("levels", {})))

    def to_json(self) -> str:
        """Return their JSON text."""
        return forms.write_json(self.to_dict())

    @classmethod
    def from_json(cls, text: str | bytes) -> Additions:
        """Read a JSON text; SchemaError."""
        return cls.from_dict(forms.read_json(text))

    def to_yaml(self) -> str:
        """Return their YAML text."""
        return forms.write_yaml(self.to_dict())

    @classmethod
    def from_yaml(cls, text: str | bytes) -> Additions:
        """Read a YAML text; SchemaError."""
        return cls.from_dict(forms.read_yaml(text))


def extended(schema: Schema, additions: Additions) -> Schema:
    """Return the schema with the additions: new levels after the old ones, new features last; SchemaError."""
    if not additions:
        raise SchemaError("nothing is added to the schema", hint="name new `features`, or new `levels` of a category")
    added = [each.feature() for each in additions.features]
    grown = _grown(schema, additions.levels)
    known = {feature.name for feature in schema.features}
    twice = next((feature.name for feature in added if feature.name in known), None)
    if twice is not None:
        raise SchemaError(f"the schema has a feature {twice!r} already", hint="give the new one another name")
    old = [grown.get(feature.name, feature) for feature in schema.features]
    found = Schema(
        [*old, *added],
        invalid=schema.invalid,
        missing=schema.missing,
        row_bound=schema.row_bound,
        patient=schema.patient or None,
        blocks=schema.blocks,
        bins=schema.bins or None,
    )
    barrier = _barrier(schema, found)
    if barrier:
        raise barrier
    return found


def extends(old: Schema, new: Schema) -> bool:
    """Whether what was counted under the old schema can be embedded into the new one."""
    return _barrier(old, new) is None


def embed(summary: Summary, schema: Schema) -> Summary:
    """The summary of the same rows under a schema that extends its own, to the bit; SchemaError if it does not.

    Noise keeps its variances: they are told of new entries too, which hold none.
    """
    old = summary.schema
    if old.digest == schema.digest:
        return summary
    barrier = _barrier(old, schema)
    if barrier:
        raise barrier
    there, parts = _there(old, schema), []
    for block, part in zip(layout(schema), summary.residues.parts, strict=True):
        parts.append(_spread(part, there[block.name](), block.limbs))
    return Summary(schema, Residues(layout(schema), tuple(parts)), summary.noise)


def _listed(levels: Any) -> tuple[NewLevels, ...]:
    """A mapping from categories to lists of levels, in the order of the alphabet."""
    if not isinstance(levels, dict):
        raise SchemaError("`levels` is a mapping from categories to lists of new levels, such as {stage: [IV]}")
    names = sorted(map(str, levels))
    found = {str(name): listed(repr(str(name))[:60], given) for name, given in levels.items()}
    empty = next((name for name in names if not found[name]), None)
    if empty is not None:
        raise SchemaError(f"feature {empty!r:.60}: no new levels are listed")
    return tuple(NewLevels(name, found[name]) for name in names)


def _grown(schema: Schema, levels: tuple[NewLevels, ...]) -> dict[str, Feature]:
    """The categories that get levels, with them."""
    found: dict[str, Feature] = {}
    for each in levels:
        feature = schema.feature(each.feature)
        if feature.kind != "category":
            raise SchemaError(f"feature {each.feature!r} is {feature.kind}: only a category can get new levels")
        if feature.name in found or not each.levels:
            raise SchemaError(f"feature {each.feature!r}: its new levels must be in one list, which is not empty")
        found[feature.name] = _longer(feature, each.levels)
    return found


def _longer(feature: Feature, levels: tuple[str, ...]) -> Feature:
    known = {spelling(level): level for level in feature.levels}
    twice = next((level for level in levels if spelling(level) in known), None)
    if twice is not None:
        raise SchemaError(f"feature {feature.name!r} has the level {known[spelling(twice)]!r} already")
    return Feature(feature.name, "category", levels=[*feature.levels, *levels], unit=feature.unit)


def _barrier(old: Schema, new: Schema) -> SchemaError | None:
    """Why what was counted under the old schema is not known under the new one; None if it is."""
    count = len(old.features)
    if len(new.features) < count or any(getattr(old, rule) != getattr(new, rule) for rule in _RULES):
        return _other(old, new)
    for before, after in zip(old.features, new.features[:count], strict=True):
        barrier = _changed(before, after, old, new)
        if barrier:
            return barrier
    return _unknown(new.features[count:], old)


def _changed(before: Feature, after: Feature, old: Schema, new: Schema) -> SchemaError | None:
    """Why the values of a feature from before are not known as those of the feature that it is now."""
    if before == after:
        return None
    count = len(before.levels)
    like = Feature(before.name, "category", levels=after.levels, unit=before.unit) if after.kind == "category" else None
    if before.kind != "category" or like != after or after.levels[:count] != before.levels:
        return _other(old, new)
    lost = next((level for level in after.levels[count:] if spelling(level).lower() in MISSING), None)
    if lost is None:
        return None
    return SchemaError(
        f"feature {before.name!r}: {lost!r} has meant a missing value so far, so it cannot become a level",
        hint="give the level another name in the data",
    )


def _unknown(added: tuple[Feature, ...], old: Schema) -> SchemaError | None:
    """Why it is not known of the rows from before that they lack the new features."""
    if added and not old.pairwise:
        return SchemaError(
            f"feature {added[0].name!r}: rows counted before lack it, and where `missing` is listwise no row may",
            hint="new levels can be added; new features only where the schema says `missing: pairwise`",
        )
    names = {feature.name for feature in added}
    for feature in added:
        if feature.derived and not any(factor.partition("$")[0] in names for factor in feature.of):
            return SchemaError(
                f"feature {feature.name!r}: no factor of it is new, so what it was in rows counted before is not known",
                hint="only products with a new feature among their factors can be added",
            )
    return None


def _other(old: Schema, new: Schema) -> SchemaError:
    said = "; ".join(old.difference(new)[:3])
    return SchemaError(f"the schema is not one that the other grew into: {said}")


def _there(old: Schema, new: Schema) -> dict[str, Callable[[], _Places]]:
    """By block, which of its entries are old ones."""
    known = {column.name for column in old.columns}
    columns = np.array([column.name in known for column in new.columns])
    features = np.array([name in old.presence for name in new.presence])
    measured, indicators = (columns[part] for part in split(new))
    return {
        "rows": lambda: np.ones(1, bool),
        "sums": lambda: _crossed(columns, features) if new.pairwise else columns,
        "products": lambda: _triangle(columns),
        "squares": lambda: _crossed(measured, indicators),
        "counts": lambda: _triangle(features),
        "spreads": lambda: _crossed(measured, features),
        "third": lambda: measured,
        "fourth": lambda: measured,
        "histogram": lambda: measured.repeat(new.bins),
        "conditional_histogram": lambda: _crossed(measured, indicators).repeat(new.bins),
    }


def _crossed(rows: _Places, columns: _Places) -> _Places:
    return np.logical_and.outer(rows, columns).reshape(-1)


def _triangle(there: _Places) -> _Places:
    """Where both of two are, upper triangle by rows."""
    return np.concatenate([there[i:] & one for i, one in enumerate(there)])


def _spread(part: Limbs, there: _Places, width: int) -> Limbs:
    """The old entries at their places, as wide as the block is now; zeros elsewhere."""
    out, narrow = np.zeros((there.size, width), np.uint64), part.shape[1]
    at = np.flatnonzero(there)
    out[at, :narrow] = part
    if narrow < width:
        out[at, narrow:] = (part[:, -1:].view(np.int64) >> np.int64(63)).view(np.uint64)
    return out
