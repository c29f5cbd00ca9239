"""What a request about the growth of a schema may say."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from fedpeer.api.bodies import Body

_Words = Annotated[str, msgspec.Meta(max_length=300)]


class Propose(Body, frozen=True):
    """New `features` and new `levels` of categories, in the schema's own spelling, and why."""

    additions: dict[str, Any]
    comment: _Words = ""


class Decline(Body, frozen=True):
    """Why not: the proposer reads it."""

    reason: _Words = ""
