"""What every command shares: the global options, the daemon it talks to, the two forms of its answer, exit codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from fedpeer.client import Client, read_token
from fedpeer.core.errors import UnknownError
from fedpeer.node.authors import CLI
from fedpeer.node.shapes import Federation

T = TypeVar("T")

DONE, FAILED, MISUSED, NO, UNREACHABLE, DENIED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

_KEY = "fedpeer.settings"
OVER = ("left", "removed")
_SENTENCE = 200  # signs that the help of a command may begin with


@dataclass(frozen=True, slots=True)
class Settings:
    """The global options."""

    home: Path
    url: str | None = None
    token_file: Path | None = None
    federation: str | None = None
    json: bool = False


class _Client(Client):
    """The client that the node's timeline calls the command line."""

    agent = CLI


def settings() -> Settings:
    """The global options of the running command."""
    told = click.get_current_context().find_root().meta.get(_KEY)
    return told if isinstance(told, Settings) else Settings(home=Path.home() / ".fedpeer")


def client() -> Client:
    """A client of the daemon that the global options mean."""
    now = settings()
    if now.url is None:
        return _Client.of_home(now.home)
    return _Client(now.url, read_token(now.token_file or now.home / "run" / "admin.token"))


def federation(daemon: Client) -> str:
    """The id of the federation that --federation names, or of the only one there is."""
    named = settings().federation
    if named is not None:
        return named
    every = daemon.federations()
    live = [f for f in every if f.state not in OVER] or every
    if len(live) == 1:
        return live[0].id
    if not live:
        hint = "found one with `fedpeer create`, or join one with `fedpeer join`"
        raise UnknownError("this node is in no federation yet", hint=hint)
    names = ", ".join(sorted(f.name for f in live))
    raise UnknownError(f"this node is in {len(live)} federations: {names}", hint="say which with --federation NAME")


def named(daemon: Client) -> Federation:
    """The federation that --federation names, or the only one there is, as it is now."""
    return daemon.federation(federation(daemon))


def show(value: T, draw: Callable[[T], None]) -> None:
    """Print the answer: as the API's JSON with --json, drawn for people otherwise."""
    if settings().json:
        click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))
    else:
        draw(value)


def line(value: Any) -> str:
    """The value as one line of JSON, for streams."""
    return msgspec.json.encode(value).decode()


class Command(click.Command):
    """A command that takes the global options too, before or after its own."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        own = {param.name for param in self.params}
        self.params.extend(option for option in _global_options(hidden=True) if option.name not in own)


class Group(click.Group):
    """A group of such commands."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.params.extend(_global_options(hidden=True))

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (the signature is click's)
        """The commands in the order in which they are used, which is that of their definitions."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (the same)
        """Say of each command its whole first sentence."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(_SENTENCE)) for name, one in self.commands.items()])


class Root(click.Group):
    """The outermost group, where the global options have their defaults and can come from the environment."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.params.extend(_global_options(hidden=False))

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        """Start from the defaults, whatever ran before in this process."""
        context = super().make_context(*args, **options)
        context.meta.setdefault(_KEY, Settings(home=Path.home() / ".fedpeer"))
        return context


def _global_options(*, hidden: bool) -> list[click.Option]:
    """The global options. Only the outermost ones read the environment, so that a flag always wins."""

    def option(flags: list[str], variable: str | None, about: str, **more: Any) -> click.Option:
        variable = None if hidden else variable
        return click.Option(
            flags,
            help=about,
            envvar=variable,
            show_envvar=variable is not None,
            hidden=hidden,
            expose_value=False,
            callback=_remember,
            **more,
        )

    path = click.Path(path_type=Path)
    return [
        option(["--home"], "FEDPEER_HOME", "The node's home directory (~/.fedpeer).", type=path, metavar="DIR"),
        option(["--url"], "FEDPEER_URL", "A daemon elsewhere, instead of the home's own.", metavar="URL"),
        option(["--token-file"], "FEDPEER_TOKEN_FILE", "The token for --url.", type=path, metavar="FILE"),
        option(
            ["-f", "--federation"],
            "FEDPEER_FEDERATION",
            "Which federation, by name or id; not needed if there is one.",
            metavar="NAME",
        ),
        option(["--json"], None, "Print the API's JSON, and errors as problem documents.", is_flag=True, default=None),
    ]


def _remember(context: click.Context, option: click.Parameter, value: Any) -> None:
    if value is None or option.name is None:
        return
    meta = context.find_root().meta
    before = meta.get(_KEY, Settings(home=Path.home() / ".fedpeer"))
    meta[_KEY] = replace(before, **{option.name: value})
