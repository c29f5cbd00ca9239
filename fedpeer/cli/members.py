"""`peers`, `remove` and `charter`: who belongs, and who decided what."""

from __future__ import annotations

import click

from fedpeer.cli import frame, prompt, render
from fedpeer.node.shapes import CharterEntry, Federation, Member


@click.command(cls=frame.Command)
def peers() -> None:
    """List the members, what they contribute, and whether they hold the same as this node."""
    client = frame.client()
    frame.show(client.members(frame.federation(client)), _draw_members)


@click.command(cls=frame.Command)
@click.argument("member")
@click.option("--reason", default="", help="For the charter; every member can read it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(member: str, reason: str, yes: bool) -> None:
    """Shut MEMBER (a name or an id) out (admin).

    The federation gets a new key that MEMBER does not hold, and its bus refuses it from now on.
    """
    client = frame.client()
    fed = frame.named(client)
    prompt.confirm(f"remove {member} from {fed.name} for good?", sure=yes)
    frame.show(client.remove(fed.id, member, reason=reason), lambda left: _draw_removed(member, left))


@click.command(cls=frame.Command)
def charter() -> None:
    """List every decision of the admin: signed, numbered, each holding the hash of the one before."""
    client = frame.client()
    frame.show(client.charter(frame.federation(client)), _draw_charter)


def _draw_members(members: list[Member]) -> None:
    heads = ("MEMBER", "ROLE", "SEEN", ">ROWS", "CONTRACT", "AGREES", "EXPLORABLE", "ID", "FINGERPRINT")
    render.table(heads, (_member(m) for m in members))
    for member in members:
        if member.through:
            render.say(f"{member.name} brings the total of {', '.join(member.through)}")


def _member(member: Member) -> tuple[object, ...]:
    if member.removed_at:
        gone = f"removed {render.moment(member.removed_at)}"
        return member.name, member.role, gone, "–", "–", "–", "–", member.id[:10], member.fingerprint
    seen = "this node" if member.me else "now" if member.online else _seen(member)
    kept = render.mark(member.admitted, "kept", "refused") if member.serial else "–"
    agrees = "–" if member.me else render.mark(member.agrees)
    explorable = "yes" if member.explorable else "no"
    rows = "hidden" if member.counted and not member.rows else render.count(member.rows)
    return member.name, member.role, seen, rows, kept, agrees, explorable, member.id[:10], member.fingerprint


def _seen(member: Member) -> str:
    """When a member was last heard, of which a restarted node knows nothing."""
    return render.moment(member.last_seen_at) if member.last_seen_at else "not since start"


def _draw_removed(member: str, fed: Federation) -> None:
    render.say(f"removed {member}: {fed.name} is in epoch {fed.epoch} with {render.count(fed.members, 'member')}")


def _draw_charter(entries: list[CharterEntry]) -> None:
    rows = ((e.version, render.moment(e.at), e.kind, e.text, render.short(e.hash)) for e in entries)
    render.table((">VERSION", "WHEN", "KIND", "DECISION", "HASH"), rows)
