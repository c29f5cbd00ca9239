"""Who may publish and subscribe where: the rights that a pass carries, as allow lists only.

What is not listed is refused by the broker, and each list is as narrow as its holder's work. In particular nobody may
ask JetStream for anything but the newest message of one subject that it could have heard anyway, and only the admin
may make the stream. A subject is not a proof: whoever is let through by mistake still cannot sign for another.
"""

from __future__ import annotations

import re

from fedpeer.core.envelope.passes import Rights
from fedpeer.core.errors import BusError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def stream_name(federation: str) -> str:
    """The one JetStream stream of a federation."""
    return f"FP_{federation}"


def stream_subjects(federation: str) -> tuple[str, ...]:
    """What the stream keeps: the newest message of each of these subjects."""
    return tuple(f"fp.{federation}.{part}.>" for part in ("all", "to", "join", "welcome"))


def newest_request(federation: str, subject: str) -> str:
    """The subject by which the newest kept message on `subject` is asked for."""
    return f"$JS.API.DIRECT.GET.{stream_name(federation)}.{subject}"


def inbox(name: str) -> str:
    """The prefix of the subjects on which the broker answers the holder `name` (a peer or an invite)."""
    return f"_INBOX_{name}"


def permissions_for_member(federation: str, peer: str, expires: int | None = None) -> Rights:
    """Speak to the group and to each member in one's own name; hear the group and what is addressed to oneself."""
    _check(federation, peer)
    group, own, talk = (f"fp.{federation}.{part}.>" for part in ("all", f"to.{peer}", f"talk.{peer}"))
    return Rights(
        publish=(
            f"fp.{federation}.all.{peer}.>",
            f"fp.{federation}.now.{peer}",
            f"fp.{federation}.to.*.{peer}.>",
            f"fp.{federation}.talk.*.{peer}",
            newest_request(federation, group),
            newest_request(federation, own),
        ),
        subscribe=(group, f"fp.{federation}.now.>", own, talk, f"{inbox(peer)}.>"),
        expires=expires,
    )


def permissions_for_sender(federation: str, peer: str, admin: str) -> Rights:
    """Speak to the admin in one's own name and hear what is addressed to oneself; nothing of other members."""
    _check(federation, peer, admin)
    own, talk = f"fp.{federation}.to.{peer}.>", f"fp.{federation}.talk.{peer}.>"
    return Rights(
        publish=(
            f"fp.{federation}.to.{admin}.{peer}.>",
            f"fp.{federation}.talk.{admin}.{peer}",
            newest_request(federation, own),
        ),
        subscribe=(own, talk, f"{inbox(peer)}.>"),
    )


def permissions_for_admin(federation: str, peer: str, expires: int | None = None) -> Rights:
    """What a member may, and: hear and answer who wants to join, and make the federation's one stream."""
    member, joins = permissions_for_member(federation, peer), f"fp.{federation}.join.>"
    stream = tuple(f"$JS.API.STREAM.{verb}.{stream_name(federation)}" for verb in ("CREATE", "UPDATE", "INFO"))
    return Rights(
        publish=(*member.publish, f"fp.{federation}.welcome.>", newest_request(federation, joins), *stream),
        subscribe=(*member.subscribe, joins),
        expires=expires,
    )


def permissions_for_joiner(federation: str, invite: str, expires: int | None = None) -> Rights:
    """Ask to join with this one invite and hear the answer; nothing of the federation can be heard."""
    _check(federation, invite)
    welcome = f"fp.{federation}.welcome.{invite}.>"
    return Rights(
        publish=(f"fp.{federation}.join.{invite}.>", newest_request(federation, welcome)),
        subscribe=(welcome, f"{inbox(invite)}.>"),
        expires=expires,
    )


def _check(*names: str) -> None:
    """A name goes into patterns as it is: a dot or a wildcard in it would widen them."""
    for name in names:
        if not _NAME.fullmatch(name):
            raise BusError(f"{name[:40]!r} cannot be part of a pass: letters, digits, - and _ can")
