"""What is asked of a project: attributes in two roles, and parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec

from fedpeer.api.symetry import attributes
from fedpeer.api.symetry.door import Ask
from fedpeer.api.symetry.envelope import DialectError
from fedpeer.core.statistics.schema import Schema

_PEER = "fed_peer_uuid_for_explore"
_ALWAYS = ("need_bi_",)  # beginnings of parameters that ask for what is there anyway


class Context(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """An MLContext, or, with `values`, an ExploreContext of several."""

    targets: list[str | int] | None = None
    input_attributes: list[str | int] | None = None
    input_attribute_names: list[str] | None = None
    target_attribute_names: list[str] | None = None
    extra_parameters: dict[str, Any] | None = None
    values: list[Context] | None = None

    @property
    def each(self) -> list[Context]:
        """The contexts that this is."""
        if self.values is None:
            return [self]
        if not self.values or any(one.values is not None for one in self.values):
            raise DialectError(HTTPStatus.BAD_REQUEST, "values is a list of one MLContext or more")
        return self.values

    @property
    def one(self) -> Context:
        """The only context that this is; DialectError if there are several."""
        found = self.each
        if len(found) > 1:
            raise DialectError(HTTPStatus.BAD_REQUEST, f"{len(found)} contexts are given, and this takes one")
        return found[0]


@dataclass(frozen=True, slots=True)
class Asked:
    """A context under a schema: columns by name, parameters, and whose rows are meant."""

    inputs: list[str]
    targets: list[str]
    extra: dict[str, Any] = field(default_factory=dict)
    of: str = "total"


def read(ask: Ask, context: Context, schema: Schema) -> Asked:
    """Return what a context means in a project of this schema; DialectError for an attribute that is not there."""
    extra = {k: v for k, v in (context.extra_parameters or {}).items() if not k.startswith(_ALWAYS)}
    peer = extra.pop(_PEER, "")
    inputs = attributes.columns(schema, context.input_attributes or (), context.input_attribute_names or ())
    targets = attributes.columns(schema, context.targets or (), context.target_attribute_names or ())
    return Asked(inputs, targets, extra, whose(ask, str(peer or "")))


def whose(ask: Ask, peer: str = "") -> str:
    """Return whose rows a request is about: those of a peer, this node's own with useLocal, or all."""
    if peer:
        return peer
    return "local" if ask.flag("useLocal", False) else "total"
