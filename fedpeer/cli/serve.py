"""`init` and `serve`: making a home, and running the daemon that lives in it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from fedpeer import daemon
from fedpeer.cli import frame, prompt, render
from fedpeer.cli.data import pairs

FILE = click.Path(path_type=Path, allow_dash=True)

_passphrase_file = click.option(
    "--passphrase-file",
    type=FILE,
    envvar="FEDPEER_PASSPHRASE_FILE",
    show_envvar=True,
    help="Read the home's passphrase from here (- is stdin) and do not ask.",
)


@click.command(cls=frame.Command)
@click.option("--protect", is_flag=True, help="Seal the home's key under a passphrase, asked for at every start.")
@_passphrase_file
def init(protect: bool, passphrase_file: Path | None) -> None:
    """Create the home of a node: its keys, its tokens, a place for its database.

    Whoever can read the home can act as this node: it is made for its owner alone.
    """
    sealed = protect or passphrase_file is not None
    home = daemon.init(frame.settings().home, _new(passphrase_file) if sealed else None)
    frame.show({"home": str(home)}, lambda _: _draw_made(home))


@click.command(cls=frame.Command)
@click.option("--api", metavar="HOST:PORT", help="Where the API listens (127.0.0.1:8440; port 0: a free one).")
@click.option("--bus", metavar="WHAT", help="`embedded`: a NATS server of its own; or the URL of another (embedded).")
@click.option("--bus-listen", metavar="HOST:PORT", help="Where the embedded server listens (127.0.0.1, a free port).")
@click.option(
    "--advertise", multiple=True, metavar="HOST[:PORT]", help="How others reach the embedded server, for invites."
)
@click.option("--name", help="What this node is called (the machine's name).")
@click.option("--set", "options", multiple=True, metavar="KEY=VALUE", help="Any other setting of config/fedpeer.yaml.")
@click.option("--init", "make_home", is_flag=True, help="Create the home first if there is none.")
@_passphrase_file
def serve(make_home: bool, passphrase_file: Path | None, options: tuple[str, ...], **flags: Any) -> int:
    """Run the daemon until it is told to stop (Ctrl-C, SIGTERM).

    When it is ready it prints one line of JSON: where its API and its bus are, and which file has the token. The same
    is in run/ready.json of the home. Flags go before the home's fedpeer.yaml.
    """
    home = frame.settings().home
    if make_home and not (home / "home.key").exists():
        daemon.init(home, _new(passphrase_file) if passphrase_file else None)
    return daemon.serve(daemon.Options(home, pairs(options) | _settings(flags), _known(passphrase_file), _ready))


def _ready() -> None:
    """Say it to a person too; programs have read the line of JSON."""
    if sys.stderr.isatty():
        click.secho("ready; Ctrl-C stops it. In another terminal: `fedpeer status`", fg="green", err=True)


def _settings(flags: dict[str, Any]) -> dict[str, Any]:
    """The flags that were given, as settings."""
    bus, told = (
        flags["bus"],
        {"api.listen": flags["api"], "bus.listen": flags["bus_listen"], "node.name": flags["name"]},
    )
    if flags["advertise"]:
        told["bus.advertise"] = list(flags["advertise"])
    if bus == "embedded":
        told["bus.kind"] = "embedded"
    elif bus is not None:
        told |= {"bus.kind": "external", "bus.servers": bus.split(",")}
    return {name: value for name, value in told.items() if value is not None}


def _known(file: Path | None) -> Callable[[], str]:
    return lambda: prompt.passphrase(file, prompt="Passphrase of the home")


def _new(file: Path | None) -> Callable[[], str]:
    return lambda: prompt.passphrase(file, prompt="New passphrase of the home", twice=True)


def _draw_made(home: Path) -> None:
    render.say(f"made a home in {home}", "green")
    render.say("next: `fedpeer serve`, and in another terminal `fedpeer create` or `fedpeer join`", "dim")
