"""What models are worth: a kept one on rows that it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fedpeer.core.errors import RequestError
from fedpeer.core.models.evaluate import Evaluation, Terms, evaluate, wanted
from fedpeer.core.models.result import Result
from fedpeer.core.statistics.schema import Schema
from fedpeer.ports import Source

Rows = Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Rows to evaluate on, at a location (with options of how to read it) or sent along; and how to evaluate."""

    location: str = ""
    rows: Rows | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    terms: Terms = field(default_factory=Terms)

    def opened(
        self,
        locations: Callable[[str, Schema, Mapping[str, Any]], Source],
        posted: Callable[..., Source],
        schema: Schema,
    ) -> Source:
        """The rows as a source; RequestError unless they are said in one of the two ways."""
        if bool(self.location) == (self.rows is not None):
            raise RequestError("say either a location or rows", hint="a location is one that this node can read")
        if self.rows is None:
            return locations(self.location, schema, self.options)
        if self.options:
            raise RequestError("rows that are sent along are read without options")
        return posted("posted rows", self.rows, schema)


def assessed(model: Result, source: Source, terms: Terms, progress: Callable[[int], None]) -> Evaluation:
    """Read the rows once, telling how far that is; nothing of them is kept."""
    names = wanted(model, terms)
    if source.size:
        return evaluate(model, source.batches(names, progress), terms)
    return evaluate(model, source.batches(names), terms, progress=progress)
