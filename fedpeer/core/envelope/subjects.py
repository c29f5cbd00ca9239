"""The subjects of the bus: who may be heard where. Ids only; nothing in a subject is secret or trusted.

The broker keeps the newest message of every subject but `now` and `talk`, so that a peer that was away can ask for it.
"""

from __future__ import annotations

from fedpeer.core.identity import FederationId, PeerId


def everyone(federation: FederationId, sender: PeerId, chunk: int = 0) -> str:
    """Where `sender` publishes its contribution to the group; kept."""
    return f"fp.{federation}.all.{sender}.{chunk}"


def now(federation: FederationId, sender: PeerId) -> str:
    """Where `sender` publishes what matters only now (its status); not kept."""
    return f"fp.{federation}.now.{sender}"


def direct(federation: FederationId, recipient: PeerId, sender: PeerId, chunk: int = 0) -> str:
    """Where `sender` writes to one member; kept."""
    return f"fp.{federation}.to.{recipient}.{sender}.{chunk}"


def talk(federation: FederationId, recipient: PeerId, sender: PeerId) -> str:
    """Where `sender` says to one member what matters only now (its words in a round); not kept."""
    return f"fp.{federation}.talk.{recipient}.{sender}"


def join(federation: FederationId, invite: str) -> str:
    """Where the holder of an invite asks to join; kept."""
    return f"fp.{federation}.join.{invite}.0"


def welcome(federation: FederationId, invite: str) -> str:
    """Where the admin answers the holder of an invite; kept."""
    return f"fp.{federation}.welcome.{invite}.0"


def followed_by_member(federation: FederationId, me: PeerId) -> tuple[str, ...]:
    """What a member listens to."""
    return (
        f"fp.{federation}.all.>",
        f"fp.{federation}.now.>",
        f"fp.{federation}.to.{me}.>",
        f"fp.{federation}.talk.{me}.>",
    )


def followed_by_sender(federation: FederationId, me: PeerId) -> tuple[str, ...]:
    """What a member listens to that hears nobody but the admin."""
    return f"fp.{federation}.to.{me}.>", f"fp.{federation}.talk.{me}.>"


def followed_by_admin(federation: FederationId, me: PeerId) -> tuple[str, ...]:
    """What the admin listens to: what a member does, and requests to join."""
    return (*followed_by_member(federation, me), f"fp.{federation}.join.>")


def is_welcome(subject: str) -> bool:
    """Whether a subject is one on which an admin answers."""
    return subject.split(".")[2:3] == ["welcome"]


def invite_of(subject: str) -> str | None:
    """The invite that a join or welcome subject speaks of, None for any other subject."""
    parts = subject.split(".")
    return parts[3] if len(parts) == 5 and parts[2] in {"join", "welcome"} else None
