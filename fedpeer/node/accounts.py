"""What people are told of the users of a node."""

from __future__ import annotations

import msgspec

from fedpeer.node.shapes import Shape


class User(Shape, frozen=True):
    """A user of this node: a `role` on all of it, and `grants` of roles by federation.

    `secret_key` (base64 of 16 bytes) signs requests of the second dialect, `token` opens the native API; both are given
    once, when they are made. Without a key a user is not `active`. The key before is good until `older_until`, if that
    is not 0.
    """

    cid: str
    role: str  # none | viewer | operator | admin
    grants: dict[str, str] = msgspec.field(default_factory=dict)
    active: bool = True
    added_at: float = 0.0
    keyed_at: float = 0.0
    older_until: float = 0.0
    secret_key: str = ""
    token: str = ""

    def __repr__(self) -> str:
        return f"User(cid={self.cid!r}, role={self.role!r})"
