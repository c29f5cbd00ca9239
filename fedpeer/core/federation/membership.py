"""The life of a membership and of an invite, as tables."""

from __future__ import annotations

from fedpeer.core.machine import Machine

MEMBERSHIP = Machine(
    "the membership",
    "joining",
    {
        ("joining", "welcomed"): "active",
        ("joining", "declined"): "declined",
        ("joining", "left"): "left",
        ("active", "alarmed"): "alarmed",
        ("active", "removed"): "removed",
        ("active", "left"): "left",
        ("alarmed", "left"): "left",
        ("alarmed", "removed"): "removed",
    },
)

INVITE = Machine(
    "the invite",
    "open",
    {
        ("open", "redeemed"): "redeemed",
        ("open", "revoked"): "revoked",
        ("open", "expired"): "expired",
        ("redeemed", "contested"): "contested",
    },
)
