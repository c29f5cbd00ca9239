"""What a schema is to get beside what it has: whole features, and new levels of its categories."""

from __future__ import annotations

from typing import Any

from fedpeer.core.canonical import Value
from fedpeer.core.errors import SchemaError
from fedpeer.core.statistics import forms
from fedpeer.core.statistics.feature import Feature, listed

_KEYS = ("features", "levels")
_TOLD = 12  # names that are told in a few words


class Declaration(Value, frozen=True):
    """A feature in the schema's own spelling, numbers as text; what it does not have is empty.

    It does not say whether the feature is optional: whatever a schema grows by is, unless it is computed.
    """

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
        form: dict[str, Any] = {key: value for key, value in feature.to_dict().items() if key != "optional"}
        return cls(**(form | {key: tuple(form[key]) for key in ("levels", "of") if key in form}))

    def to_dict(self) -> dict[str, Any]:
        """Return it as a schema writes it."""
        told = {key: getattr(self, key) for key in self.__struct_fields__}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in told.items() if value}

    def feature(self) -> Feature:
        """The feature; SchemaError for one that cannot be, or that is declared in another way than schemas do."""
        feature = Feature(**self.to_dict(), optional=self.kind != "product")
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

    @property
    def told(self) -> str:
        """Their names, such as `stage$IV, bmi`, in a few words also where there are many."""
        levels = [f"{each.feature}${level}" for each in self.levels for level in each.levels]
        names = [*levels, *(each.name for each in self.features)]
        more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
        return ", ".join(names[:_TOLD]) + more

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
