"""`symetry`: who may sign requests of the SymetryML dialect."""

from __future__ import annotations

from pathlib import Path

import click

from fedpeer.cli import frame, prompt, render
from fedpeer.node.shapes import User


@click.group(cls=frame.Group)
def symetry() -> None:
    """Let scripts that were written for SymetryML use this node (docs/symetry.md)."""


@symetry.group()
def user() -> None:
    """Add, list and remove the users who sign such requests. Each can do what the admin token can."""


@user.command()
@click.argument("cid")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the key to a new file.")
def add(cid: str, out: Path | None) -> None:
    """Add the user CID; its secret key goes to stdout or --out, and is not shown again."""
    prompt.unused(out)
    added = frame.client().add_user(cid)
    if out is not None:
        prompt.keep(out, added.secret_key + "\n")
    frame.show(added, lambda made: _draw_added(made, out))


@user.command(name="list")
def list_() -> None:
    """List the users, without their keys."""
    frame.show(frame.client().users(), _draw_list)


@user.command()
@click.argument("cid")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(cid: str, yes: bool) -> None:
    """Remove the user CID and its names for federations; what it signs is refused from now on."""
    prompt.confirm(f"remove the user {cid}?", sure=yes)
    frame.client().remove_user(cid)
    frame.show(None, lambda _: render.say(f"removed the user {cid}"))


def _draw_added(made: User, out: Path | None) -> None:
    if out is None:
        click.echo(made.secret_key)
        click.echo(f"the secret key of {made.cid}, shown only now: it can do what the admin token can", err=True)
    else:
        render.say(f"added {made.cid}; its secret key is in {out}")


def _draw_list(users: list[User]) -> None:
    render.table(("USER",), ((user.cid,) for user in users), empty="no users yet: `fedpeer symetry user add CID`")
