"""What a request for the best of several models may say."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import msgspec

from fedpeer.api.bodies import Body

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Choose(Body, frozen=True):
    """Kinds with their options, and how to search; rows at a `location` (read with `options`), or sent along.

    `search`: all features as they are, the first of them in `order`, `stepwise`, or all `subsets` of at most 12.
    `grid` has lists of values by option. Without `measure` it is the usual one of the target (docs/models.md).
    """

    large: ClassVar[bool] = True

    kinds: Annotated[dict[str, dict[str, Any]], msgspec.Meta(min_length=1, max_length=40)]
    target: _Name
    features: list[str] = msgspec.field(default_factory=list)
    search: Literal["all", "order", "stepwise", "subsets"] = "all"
    grid: dict[str, list[Any]] = msgspec.field(default_factory=dict)
    measure: Annotated[str, msgspec.Meta(max_length=40)] = ""
    positive: Annotated[str, msgspec.Meta(max_length=200)] = ""
    of: Annotated[str, msgspec.Meta(max_length=200)] = "total"
    location: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    rows: list[dict[str, Any]] | dict[str, list[Any]] | None = None
    options: dict[str, Any] = msgspec.field(default_factory=dict)
