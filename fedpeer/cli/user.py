"""`user`: who may ask this node, besides whoever has its own tokens, and for what."""

from __future__ import annotations

from pathlib import Path

import click

from fedpeer.cli import frame, prompt, render
from fedpeer.cli.invite import seconds
from fedpeer.node.accounts import User
from fedpeer.node.users import ROLES

_PATH = click.Path(path_type=Path)
_role = click.option("--role", type=click.Choice(ROLES), default="none", help="On the whole node.", show_default=True)
_grant = click.option("--grant", "grants", multiple=True, metavar="FED=ROLE", help="In one federation; repeatable.")
_out = click.option("--out", type=_PATH, metavar="FILE", help="Write the secret key to a new file.")
_token_out = click.option("--token-out", type=_PATH, metavar="FILE", help="Write the token to a new file.")


@click.group(cls=frame.Group)
def user() -> None:
    """Let people and programs use this node, each with a key and roles of its own.

    A viewer looks, explores and predicts; an operator also works with rows and models, and pulses; an admin may do
    everything. A key signs requests of the SymetryML dialect, the token that is made of it opens the native API.
    """


@user.command()
@click.argument("cid")
@_role
@_grant
@_out
@_token_out
def add(cid: str, role: str, grants: tuple[str, ...], out: Path | None, token_out: Path | None) -> None:
    """Add the user CID; its secret key and its token are not shown again."""
    prompt.unused(out, token_out)
    _show_key(frame.client().add_user(cid, role=role, grants=_granted(grants)), out, token_out)


@user.command(name="list")
def list_() -> None:
    """List the users with their roles, without their keys."""
    frame.show(frame.client().users(), _draw_list)


@user.command()
@click.argument("cid")
@_role
@_grant
def permit(cid: str, role: str, grants: tuple[str, ...]) -> None:
    """Give the user CID these roles in place of those it had."""
    frame.show(frame.client().permit_user(cid, role=role, grants=_granted(grants)), lambda one: _draw_list([one]))


@user.command()
@click.argument("cid")
@_out
@_token_out
@click.option("--overlap", metavar="SPAN", help="How much longer the key before is good: 90m, 72h, 7d (not at all).")
def rotate(cid: str, out: Path | None, token_out: Path | None, overlap: str | None) -> None:
    """Give the user CID a new key and token; those before are worthless at once, or after the --overlap."""
    prompt.unused(out, token_out)
    overlap_s = 0 if overlap is None else seconds(overlap, "--overlap")
    _show_key(frame.client().rotate_key(cid, overlap_s=overlap_s), out, token_out)


@user.command()
@click.argument("cid")
@click.option("--older", is_flag=True, help="Only the older of two keys, of which both are good.")
def revoke(cid: str, older: bool) -> None:
    """Take the key of the user CID away; its roles stay, and `rotate` gives it another."""
    text = f"the {'older ' * older}key of {cid}, and its token, are worthless"
    frame.show(frame.client().revoke_key(cid, older=older), lambda _: render.say(text))


@user.command()
@click.argument("cid")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(cid: str, yes: bool) -> None:
    """Remove the user CID and its names for federations; its key is worthless from now on."""
    prompt.confirm(f"remove the user {cid}?", sure=yes)
    frame.client().remove_user(cid)
    frame.show(None, lambda _: render.say(f"removed the user {cid}"))


def _granted(told: tuple[str, ...]) -> dict[str, str]:
    pairs = [one.rpartition("=") for one in told]
    wrong = next((text for text, (fed, _, role) in zip(told, pairs, strict=True) if not fed or role not in ROLES), None)
    if wrong is not None:
        raise click.BadParameter(f"{wrong!r} is not FED=ROLE, where ROLE is one of {', '.join(ROLES[1:])}")
    return {fed: role for fed, _, role in pairs}


def _show_key(made: User, out: Path | None, token_out: Path | None) -> None:
    for path, text in ((out, made.secret_key), (token_out, made.token)):
        if path is not None:
            prompt.keep(path, text + "\n")
    frame.show(made, lambda _: _draw_key(made, out, token_out))


def _draw_key(made: User, out: Path | None, token_out: Path | None) -> None:
    for what, path, text in (("secret key", out, made.secret_key), ("token", token_out, made.token)):
        if path is None:
            click.echo(text)
            click.echo(f"the {what} of {made.cid}, shown only now", err=True)
        else:
            click.echo(f"the {what} of {made.cid} is in {path}", err=True)  # what is printed may go into a variable
    if made.older_until:
        ends = f"the key before it ends {render.moment(made.older_until)}"
        click.echo(f"{ends}; `fedpeer user revoke {made.cid} --older` ends it now", err=True)


def _draw_list(users: list[User]) -> None:
    older = any(one.older_until for one in users)
    rows = ((one.cid, one.role, _grants(one), _key(one), *((_older(one),) if older else ())) for one in users)
    heads = ("USER", "ROLE", "GRANTS", "KEY SINCE", *(("OLDER KEY ENDS",) if older else ()))
    render.table(heads, rows, empty="no users yet: `fedpeer user add CID`")


def _grants(one: User) -> str:
    return ", ".join(f"{fed[:10]}={role}" for fed, role in sorted(one.grants.items())) or "–"


def _key(one: User) -> str:
    return render.moment(one.keyed_at) if one.active else "revoked"


def _older(one: User) -> str:
    return render.moment(one.older_until) if one.older_until else "–"
