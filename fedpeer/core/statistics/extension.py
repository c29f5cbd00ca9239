"""How a schema grows: new features, and new levels of categories; and what was counted before, under the grown one.

A summary of rows from before is embedded: of a new level none of them is, and a new feature all of them lack. The rows
need not be counted again, for that is what counting them again would give, to the bit. It is so for nothing else: what
a new product of old features is in these rows nobody knows, and where no row may lack a feature, none could stay.

Old columns keep their order among the new ones, so in every block, triangles too, the old entries keep theirs.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from fedpeer.core.errors import SchemaError
from fedpeer.core.statistics.additions import Additions, Declaration, NewLevels
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.layout import layout, split
from fedpeer.core.statistics.numerals import MISSING, spelling
from fedpeer.core.statistics.residues import Limbs, Residues
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

_RULES = ("invalid", "missing", "row_bound", "patient", "blocks", "bins")

_Places = npt.NDArray[np.bool_]  # of the new entries, which are old ones


def extended(schema: Schema, additions: Additions) -> Schema:
    """Return the schema with the additions: new levels after the old ones, new features last; SchemaError."""
    if not additions:
        raise SchemaError("nothing is added to the schema", hint="name new `features`, or new `levels` of a category")
    added = [each.feature() for each in additions.features]
    grown = _grown(schema, additions.levels)
    known = {feature.name for feature in schema.features}
    twice = next((feature.name for feature in added if feature.name in known), None)
    if twice is not None:
        raise _taken(twice)
    if added and schema.missing == "listwise":
        raise SchemaError(
            f"no feature can be added, as {added[0].name!r}, where `missing` is listwise: all rows from before lack it",
            hint="new levels can be added; new features only under `missing: pairwise`, in a new federation or project",
        )
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


def beyond(schema: Schema, additions: Additions) -> Additions:
    """Those of the additions that the schema does not have yet; SchemaError where it has one of another meaning."""
    known = {feature.name: feature for feature in schema.features}
    features = tuple(each for each in additions.features if each.name not in known)
    for each in additions.features:
        if each.name in known and Declaration.saying(known[each.name]) != each:
            raise _taken(each.name)
    levels = ((each.feature, _further(_category(schema, each.feature), each.levels)) for each in additions.levels)
    return Additions(features, tuple(NewLevels(name, new) for name, new in levels if new))


def between(old: Schema, new: Schema) -> Additions:
    """What a schema has beyond one that it extends; SchemaError if it does not."""
    barrier = _barrier(old, new)
    if barrier:
        raise barrier
    count = len(old.features)
    pairs = zip(old.features, new.features[:count], strict=True)
    levels = ((after.name, after.levels[len(before.levels) :]) for before, after in pairs if before != after)
    features = tuple(map(Declaration.saying, new.features[count:]))
    return Additions(features, tuple(NewLevels(name, more) for name, more in sorted(levels)))


def extends(old: Schema, new: Schema) -> bool:
    """Whether what was counted under the old schema can be embedded into the new one."""
    return _barrier(old, new) is None


def embed(summary: Summary, schema: Schema) -> Summary:
    """The summary of the same rows under a schema that extends its own, to the bit; SchemaError if it does not.

    Noise keeps its variances: they are told of new entries too, which hold none.
    """
    if summary.schema.digest == schema.digest:
        return summary
    there, blocks = _there(summary.schema, schema), layout(schema)
    pairs = zip(blocks, summary.residues.parts, strict=True)
    parts = tuple(_spread(part, there[block.name](), block.limbs) for block, part in pairs)
    return Summary(schema, Residues(blocks, parts), summary.noise)


def project(summary: Summary, schema: Schema) -> Summary:
    """What a summary says of the columns of a schema that its own extends, as one of that; SchemaError.

    It undoes `embed`. Rows that came later may have none of the levels that there were, or none of the features.
    """
    if summary.schema.digest == schema.digest:
        return summary
    there, blocks = _there(schema, summary.schema), layout(schema)
    pairs = zip(blocks, summary.residues.parts, strict=True)
    parts = tuple(part[there[block.name](), : block.limbs] for block, part in pairs)
    return Summary(schema, Residues(blocks, parts), summary.noise)


def _taken(name: str) -> SchemaError:
    return SchemaError(f"the schema has a feature {name!r} already", hint="give the new one another name")


def _grown(schema: Schema, levels: tuple[NewLevels, ...]) -> dict[str, Feature]:
    """The categories that get levels, with them."""
    found: dict[str, Feature] = {}
    for each in levels:
        feature = _category(schema, each.feature)
        if feature.name in found or not each.levels:
            raise SchemaError(f"feature {each.feature!r}: its new levels must be in one list, which is not empty")
        found[feature.name] = _longer(feature, each.levels)
    return found


def _category(schema: Schema, name: str) -> Feature:
    feature = schema.feature(name)
    if feature.kind != "category":
        raise SchemaError(f"feature {name!r} is {feature.kind}: only a category can get new levels")
    return feature


def _further(feature: Feature, levels: tuple[str, ...]) -> tuple[str, ...]:
    """The levels that a category does not have, however they are spelled."""
    known = set(map(spelling, feature.levels))
    return tuple(level for level in levels if spelling(level) not in known)


def _longer(feature: Feature, levels: tuple[str, ...]) -> Feature:
    new = _further(feature, levels)
    twice = next((level for level in levels if level not in new), None)
    if twice is not None:
        raise SchemaError(f"feature {feature.name!r} has the level {twice!r} already")
    every = [*feature.levels, *levels]
    return Feature(feature.name, "category", levels=every, unit=feature.unit, optional=feature.optional)


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
    if before.kind != "category" or after.kind != "category" or after.levels[:count] != before.levels:
        return _other(old, new)
    if (before.name, before.unit, before.optional) != (after.name, after.unit, after.optional):
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
    """By block of the new schema, which of its entries are old ones; SchemaError if it does not extend the other."""
    barrier = _barrier(old, new)
    if barrier:
        raise barrier
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
