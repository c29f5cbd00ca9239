"""`invite`: issue, list and revoke."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import click

from fedpeer.cli import frame, prompt, render
from fedpeer.node.shapes import Invite

_HOURS = {"m": 1 / 60, "h": 1.0, "d": 24.0}


@click.group(cls=frame.Group, invoke_without_command=True)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the invite to a new file.")
@click.option("--passphrase-out", type=click.Path(path_type=Path), metavar="FILE", help="The same for its passphrase.")
@click.option("--role", default="", metavar="ROLE", help="Under a cipher: contributor, beneficiary or coordinator.")
@click.option("--expires", metavar="SPAN", help="How long it works: 90m, 72h, 7d (the node's invites.expiry_hours).")
@click.pass_context
def invite(ctx: click.Context, out: Path | None, passphrase_out: Path | None, role: str, expires: str | None) -> None:
    """Issue an invite for one new member; list and revoke invites.

    The invite goes to stdout or --out, its passphrase to stderr or --passphrase-out. Neither is shown again. Send them
    by two different channels: whoever has both can join, once.
    """
    if ctx.invoked_subcommand is not None:
        return
    prompt.unused(out, passphrase_out)
    client = frame.client()
    lasts_s = None if expires is None else seconds(expires, "--expires")
    issued = client.invite(frame.federation(client), role=role, expires_in_s=lasts_s)
    if out is not None:
        prompt.keep(out, issued.text + "\n")
    if passphrase_out is not None:
        prompt.keep(passphrase_out, issued.passphrase + "\n")
    frame.show(issued, lambda made: _draw_issued(made, out, passphrase_out))


@invite.command(name="list")
def list_() -> None:
    """List the invites that were issued, without their secrets."""
    client = frame.client()
    fed = frame.federation(client)
    issued = client.invites(fed)
    names = {} if frame.settings().json else {m.id: m.name for m in client.members(fed)}
    frame.show(issued, lambda told: _draw_list(told, names))


@invite.command()
@click.argument("invite_id", metavar="ID")
def revoke(invite_id: str) -> None:
    """Make an invite worthless before it is used."""
    client = frame.client()
    revoked = client.revoke(frame.federation(client), invite_id)
    frame.show(revoked, lambda gone: render.say(f"invite {gone.id} is revoked"))


def seconds(span: str, option: str) -> int:
    """A span of time that an option says, in seconds."""
    match = re.fullmatch(r"(\d+)([mhd])", span)
    if match is None or int(match[1]) == 0:
        raise click.BadParameter(f"{span!r} is not a span of time: write 90m, 72h or 7d", param_hint=option)
    return round(int(match[1]) * _HOURS[match[2]] * 3600)


def _draw_issued(made: Invite, out: Path | None, passphrase_out: Path | None) -> None:
    if out is None:
        click.echo(made.text)
    where = "" if out is None else f" is in {out}; it"
    click.echo(f"invite {made.id}{where} works once and expires {render.moment(made.expires_at)}", err=True)
    if passphrase_out is not None:
        click.echo(f"its passphrase is in {passphrase_out}; send it by another channel than the invite", err=True)
    else:
        click.echo("its passphrase, shown only now; send it by another channel than the invite:", err=True)
        click.echo(f"\n    {made.passphrase}\n", err=True)


def _draw_list(invites: list[Invite], names: Mapping[str, str]) -> None:
    rows = (
        (i.id, i.state, render.moment(i.created_at), render.moment(i.expires_at), names.get(i.redeemed_by, "–"))
        for i in invites
    )
    heads = ("INVITE", "STATE", "ISSUED", "EXPIRES", "REDEEMED BY")
    render.table(heads, rows, empty="no invite was issued yet")
