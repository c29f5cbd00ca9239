"""The `fedpeer` command: its table of commands, each loaded when it is called, and the one place where errors end."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import click

from fedpeer.cli import faults, frame

_SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Begin": {
        "demo": ("demo", "Watch three hospitals federate, on this machine, in 20 seconds."),
        "init": ("serve", "Create the home of a node."),
        "serve": ("serve", "Run the daemon."),
        "doctor": ("doctor", "Check the home, the daemon and the bus, and say how to mend them."),
        "status": ("status", "Show this node and its federations."),
    },
    "Federate": {
        "create": ("federation", "Found a federation and become its admin."),
        "invite": ("invite", "Issue an invite; list and revoke invites."),
        "join": ("federation", "Join a federation with an invite and its passphrase."),
        "peers": ("members", "List the members."),
        "remove": ("members", "Shut a member out (admin)."),
        "leave": ("federation", "Leave the federation for good."),
        "schedule": ("federation", "Show or change when the federation pulses."),
        "charter": ("members", "List every decision of the admin."),
    },
    "Data": {
        "schema": ("schema", "Propose, show and check schemas."),
        "data": ("data", "Add, list and withdraw rows."),
        "source": ("source", "Give places of rows a name, and look at what is there."),
        "stream": ("stream", "Count the messages of a NATS subject as they come."),
        "project": ("project", "Keep rows without a federation."),
        "contract": ("contract", "Check, set and show the contract."),
    },
    "Exchange": {
        "preview": ("preview", "Show what would leave this node if it pulsed now."),
        "rules": ("rules", "Show the release rules, or keep stricter ones at this node."),
        "bridge": ("bridge", "Bring another federation's total into this one."),
        "cipher": ("cipher", "Show what hides sums, and digests to compare."),
        "audit": ("audit", "Look at what was announced, instead of believing it."),
        "budget": ("budget", "Show what noise has cost of this node's privacy budget, and what is left."),
        "pulse": ("pulse", "Start or stop this node's pulse."),
        "sync": ("pulse", "Exchange now, without waiting for the schedule."),
        "log": ("log", "Show what happened."),
        "stats": ("log", "Count what was sent, received and refused."),
        "jobs": ("jobs", "List and cancel long work."),
    },
    "Learn": {
        "explore": ("explore", "Describe the federation's data."),
        "plot": ("plot", "Draw the federation's data, or a model, into a file."),
        "explorable": ("explore", "Let others explore this node's own summary, or not."),
        "fit": ("model", "Fit a model to the federation's data."),
        "models": ("model", "List, show and forget models."),
        "predict": ("model", "Predict with a model."),
        "validate": ("assess", "Cross-validate a model by leaving out members."),
        "evaluate": ("assess", "Say what a model is worth on rows that it has not seen."),
        "choose": ("assess", "Try several models on rows that they have not seen, and keep the best."),
    },
    "Connect": {
        "user": ("user", "Let people and programs use this node, each with a key and roles of its own."),
    },
}
_COMMANDS = {name: told for section in _SECTIONS.values() for name, told in section.items()}


class _Lazy(frame.Root):
    """Loads a command's module when the command is called, so that help and completion need no heavy imports."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (the signature is click's)
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (the same)
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"fedpeer.cli.{_COMMANDS[cmd_name][0]}")
        found = getattr(module, cmd_name)
        return found if isinstance(found, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            near = " or ".join(map(repr, difflib.get_close_matches(args[0], _COMMANDS, n=2)))
            ctx.fail(f"there is no command {args[0]!r}" + (f"; did you mean {near}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (the same)
        for title, commands in _SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, about) for name, (_, about) in commands.items()])


def _print_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"fedpeer {version('fedpeer')}")
        ctx.exit()


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
def fedpeer() -> None:
    """Learn from data that many organisations hold and none may share.

    `fedpeer demo` shows it. docs/getting-started.md leads two machines to a first model.
    Every command takes the options below, too.
    """


def run(args: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code (docs/cli.md)."""
    told = list(sys.argv[1:] if args is None else args)
    try:
        code: Any = fedpeer.main(told, prog_name="fedpeer", standalone_mode=False)
    except BaseException as error:  # noqa: BLE001 (the one place where errors end; what is not known is raised again)
        return faults.report(error, as_json="--json" in told)
    return code if isinstance(code, int) else frame.DONE


def main() -> None:
    """The console script."""
    sys.exit(run())
