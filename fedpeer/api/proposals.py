"""What a request about the growth of a schema may say."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from fedpeer.api.bodies import Body

_Digest = Annotated[str, msgspec.Meta(max_length=64)]
_Words = Annotated[str, msgspec.Meta(max_length=300)]


class WhichSchema(Body, frozen=True):
    """`counted`: that which this node counts under, instead of the federation's."""

    counted: bool = False


class Propose(Body, frozen=True):
    """New `features` and new `levels` of categories, in the schema's own spelling, and why."""

    additions: dict[str, Any]
    comment: _Words = ""


class Agree(Body, frozen=True):
    """The digest of the schema that is agreed to, so that it is the one that was looked at."""

    schema: _Digest


class Decline(Body, frozen=True):
    """Why not: the proposer reads it."""

    reason: _Words = ""
