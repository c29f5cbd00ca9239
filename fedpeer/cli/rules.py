"""`rules`: what this node gives away at all, whatever the contract says."""

from __future__ import annotations

from typing import Any

import click

from fedpeer.cli import frame, render
from fedpeer.node.shapes import ReleaseRules, Rules

PROFILES = click.Choice(["relaxed", "standard", "strict"])

_NUMBERS = ("rows", "cell", "change", "total", "patients", "dominance", "risk")
_TOLD = {
    "rows": "rows of this node behind a release",
    "cell": "rows in a cell, if there are any",
    "change": "rows by which two releases differ, if they do",
    "total": "rows behind a sum of several",
    "patients": "patients behind a release, if their ids are known",
    "dominance": "percent that whoever guesses another row's share of a sum is off",
    "risk": "percent: the highest membership risk (AUC) that leaves without noise",
}


@click.command(cls=frame.Command)
@click.option("--profile", type=PROFILES, help="Keep this profile at least.")
@click.option("--rule", "raised", multiple=True, metavar="NAME=VALUE", help=f"{', '.join(_NUMBERS)}, or tests.")
@click.option("--clear", is_flag=True, help="Keep what the charter asks for, and nothing more.")
def rules(profile: str | None, raised: tuple[str, ...], clear: bool) -> None:
    """Show the release rules, or keep stricter ones at this node: they replace what was set here before.

    Nothing here loosens what the charter asks for. `--rule rows=50 --rule tests=welch,ks` may be given together.
    """
    if clear and (profile or raised):
        raise click.UsageError("--clear goes alone")
    client = frame.client()
    fed = frame.federation(client)
    if clear or profile or raised:
        told = client.set_rules(fed, profile=profile or "relaxed", **raised_rules(raised))
    else:
        told = client.rules(fed)
    frame.show(told, _draw)


def raised_rules(options: tuple[str, ...]) -> dict[str, Any]:
    """NAME=VALUE options as release rules: whole numbers, and tests by commas."""
    told: dict[str, Any] = {}
    for option in options:
        name, _, value = option.partition("=")
        if name == "tests":
            told[name] = value.split(",")
        elif name in _NUMBERS and value.isascii() and value.isdigit():
            told[name] = int(value)
        else:
            known = f"{', '.join(_NUMBERS)} are whole numbers, tests are names"
            raise click.BadParameter(f"{option!r} is no release rule: {known}", param_hint="--rule")
    return told


def _draw(told: ReleaseRules) -> None:
    render.pairs([("charter", _spoken(told.charter)), ("this node", _spoken(told.own, "nothing more"))])
    render.say()
    words = {"risk": "at most"}
    rows = ((name, words.get(name, "at least"), render.count(n), _TOLD[name]) for name, n in told.kept.items())
    render.table(("RULE", "", ">NUMBER", "WHAT"), rows)
    if told.tests:
        render.say(f"a change must pass {', '.join(told.tests)}")


def _spoken(rules: Rules, nothing: str = "") -> str:
    raised = [f"{name} {value}" for name in _NUMBERS if (value := getattr(rules, name))] + rules.tests
    return nothing if nothing and not raised and rules.profile == "relaxed" else ", ".join([rules.profile, *raised])
