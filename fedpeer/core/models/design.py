"""Which columns a model is made of: features become columns, and what cannot be told apart is found exactly."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fedpeer.core.errors import ModelError
from fedpeer.core.models.exact import IMPOSSIBLE, Matrix, relations
from fedpeer.core.models.model import INTERCEPT
from fedpeer.core.models.moments import from_zero
from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.explore import centred
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.forms import suggestion
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

_LISTED = 5  # names in one message


@dataclass(frozen=True, slots=True)
class Design:
    """A target, input columns and their exact products, the target's last.

    The products are centred, n·Σqq′ − Σq·Σq′; without an intercept they are n·Σxx′ with x in steps from zero.
    """

    summary: Summary
    target: Column
    columns: tuple[Column, ...]
    products: Matrix
    dropped: tuple[str, ...] = ()
    intercept: bool = True

    @classmethod
    def of(cls, summary: Summary, target: str, features: Sequence[str] | None, *, intercept: bool = True) -> Design:
        """Choose the columns; a category gives its levels but the first. ModelError says what is wrong with a name."""
        schema = summary.schema
        if named(schema, target).kind == "category":
            raise ModelError(
                f"the target {target!r} is a category; a linear model needs a continuous or binary target",
                hint="declare the level of interest as a binary feature",
            )
        columns = chosen(schema, target, features)
        if any(column.name == INTERCEPT for column in columns):
            raise ModelError(f"a feature cannot be called {INTERCEPT!r} in a model: that is the constant term")
        places = [schema.index(column.name) for column in columns]
        goal = schema.columns[schema.index(target)]
        if summary.rows < 2:
            raise ModelError(f"{summary.rows} rows are too few for any model")
        products = (centred if intercept else from_zero)(summary, [*places, schema.index(target)])
        if any(value < 0 for value in products.diagonal()):
            raise ModelError(IMPOSSIBLE)
        if products[-1, -1] == 0:
            same = "the same value" if intercept else "the value 0"
            raise ModelError(f"the target {target!r} has {same} in all {summary.rows} rows")
        return cls(summary, goal, columns, products, intercept=intercept)

    def without(self, names: Sequence[str]) -> Design:
        """The same design with these columns dropped."""
        if not names:
            return self
        keep = [i for i, column in enumerate(self.columns) if column.name not in set(names)]
        products = self.products[[*keep, -1]][:, [*keep, -1]]
        columns = tuple(self.columns[i] for i in keep)
        return replace(self, columns=columns, products=products, dropped=(*self.dropped, *names))

    def constant(self) -> list[str]:
        """Columns with one value in all rows; without an intercept, those with only 0."""
        return [column.name for i, column in enumerate(self.columns) if self.products[i, i] == 0]

    def aliased(self) -> dict[str, list[str]]:
        """Columns that others, named here, determine exactly in every row; of such a set the last are aliased."""
        found = relations(self.products[:-1, :-1])
        return {self.columns[j].name: [self.columns[i].name for i in others] for j, others in found.items()}

    def described(self) -> dict[str, Any]:
        """The schema of the inputs and the target, as JSON-able values."""
        return described(self.summary.schema, {column.feature for column in self.columns} | {self.target.feature})


def listed(names: Sequence[str]) -> str:
    """The first few names, quoted, and how many more there are."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(map(repr, names[:_LISTED])) + more


def chosen(
    schema: Schema, target: str | None, features: Sequence[str] | None, *, whole: bool = False
) -> tuple[Column, ...]:
    """The input columns: of a category its levels but the first, or, if `whole`, all. ModelError for a wrong name."""
    of: dict[str, list[Column]] = {}
    for column in schema.columns:
        of.setdefault(column.feature, []).append(column)
    wanted = _wanted(schema, target, features)
    return tuple(c for f in wanted for c in of[f.name][0 if whole or f.kind != "category" else 1 :])


def named(schema: Schema, name: str) -> Feature:
    """The feature of this name; ModelError, with the nearest name, when there is none."""
    known = {feature.name: feature for feature in schema.features}
    if name not in known:
        raise ModelError(f"no feature {name!r} in the schema{suggestion(str(name), known)}")
    return known[name]


def described(schema: Schema, used: Container[str]) -> dict[str, Any]:
    """The schema of these features, and of the factors of products among them, as JSON-able values."""
    form = schema.to_dict()
    needed = {_feature(schema, name) for product in schema.features if product.name in used for name in product.of}
    return form | {"features": [each for each in form["features"] if each["name"] in used or each["name"] in needed]}


def _wanted(schema: Schema, target: str | None, features: Sequence[str] | None) -> list[Feature]:
    if features is None:
        related = set() if target is None else _related(schema, target)
        return [feature for feature in schema.features if feature.name not in related]
    if isinstance(features, str):
        raise ModelError(f"features is the text {features!r}; give a list of names")
    names = list(features)
    if target is not None and target in names:
        raise ModelError(f"the target {target!r} is among its own features")
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise ModelError(f"the feature {twice!r} is named twice")
    return [named(schema, name) for name in names]


def _related(schema: Schema, target: str) -> set[str]:
    """The target, the products that it is a factor of, and its factors if it is a product: they give it away."""
    of = {feature.name: {_feature(schema, name) for name in feature.of} for feature in schema.features}
    return {target} | of.get(target, set()) | {name for name, factors in of.items() if target in factors}


def _feature(schema: Schema, column: str) -> str:
    return schema.columns[schema.index(column)].feature
