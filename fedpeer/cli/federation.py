"""`create`, `join`, `leave` and `schedule`: entering a federation, leaving it, and its hours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fedpeer.cli import frame, progress, prompt, render
from fedpeer.cli.rules import PROFILES, raised_rules
from fedpeer.cli.status import draw_federation
from fedpeer.core.federation.exchange import ROLES
from fedpeer.core.privacy.cipher import CKKS, LEAST_BITS
from fedpeer.core.statistics.schema import Schema
from fedpeer.node.shapes import Federation

FILE = click.Path(path_type=Path, allow_dash=True)

_actions = click.Choice(["block", "allow"])
_display = click.option("--display", default="", metavar="NAME", help="How others see this node (the node's name).")
_send = click.option(
    "--on-send", "send_action", type=_actions, default="block", help="If the contract refuses what we would send."
)
_receive = click.option(
    "--on-receive", "receive_action", type=_actions, default="block", help="If the contract refuses what we receive."
)


def _refuse_stray(_ctx: click.Context, _argument: click.Parameter, values: tuple[str, ...]) -> None:
    """Refuse more arguments without repeating them: one may be the passphrase."""
    if values:
        raise click.UsageError("a passphrase on the command line can be read by others: it is asked for")


@click.command(cls=frame.Command)
@click.argument("name")
@click.option("--schema", "schema_file", type=FILE, required=True, help="What is measured (YAML or JSON).")
@click.option("--contract", "contract_file", type=FILE, required=True, help="What every contribution must keep.")
@click.option("--schedule", default="h1", show_default=True, help="When to pulse: s10, m30, h3, d7.")
@click.option("--profile", type=PROFILES, default="standard", help="The release rules.")
@click.option("--rule", "raised", multiple=True, metavar="NAME=VALUE", help="A release rule beyond the profile's.")
@click.option("--noise", type=float, metavar="EPSILON", help="Noise for every release, of this (EPSILON, delta).")
@click.option("--delta", "exponent", type=int, default=6, help="Its delta is 10 to minus this (6).")
@click.option("--person-rows", type=int, default=1, help="The most rows of one person that it hides (1).")
@click.option("--colluders", type=int, default=1, help="Contributors to a sum who may put together what they know (1).")
@click.option("--mode", type=click.Choice(list(ROLES)), default="open", help="How contributions are exchanged.")
@click.option("--least", type=int, default=5, show_default=True, help="The fewest contributors to a sum of several.")
@click.option("--centralised", is_flag=True, help="Contributions go to the admin alone.")
@click.option("--sum-rules", "release_file", type=FILE, help="Rules, as a contract's, that a sum of several must keep.")
@click.option("--part", type=click.Choice(ROLES["ckks"]), default="contributor", help="This node's, under a cipher.")
@click.option("--primes", type=click.Choice(list(CKKS)), default="lean", help="The parameters of ckks.")
@click.option("--bits", type=int, default=LEAST_BITS, show_default=True, help="Those of paillier's modulus.")
@_display
@_send
@_receive
def create(name: str, schema_file: Path, contract_file: Path, release_file: Path | None, **options: Any) -> None:
    """Found a federation called NAME and become its admin."""
    schema, contract = read_schema(schema_file), read(contract_file)
    options["rules"] = raised_rules(options.pop("raised"))
    epsilon, noise = options.pop("noise"), {key: options.pop(key) for key in ("exponent", "colluders")}
    noise |= {"epsilon": epsilon, "rows": options.pop("person_rows")}
    options["noise"] = None if epsilon is None else noise
    exchange = {key: options.pop(key) for key in ("mode", "least", "part", "primes", "bits")}
    exchange["topology"] = "centralised" if options.pop("centralised") else "decentralised"
    options["exchange"] = exchange | {"release": read(release_file) if release_file else ""}
    made = frame.client().create(name, schema.to_dict(), contract, **options)
    frame.show(made, _draw_created)


@click.command(cls=frame.Command)
@click.argument("invite", type=FILE)
@click.argument("stray", nargs=-1, callback=_refuse_stray, expose_value=False, metavar="")
@click.option("--passphrase-file", type=FILE, help="Read the passphrase from here (- is stdin) and do not ask.")
@click.option("--schema", "schema_file", type=FILE, help="Join only if the federation measures exactly this.")
@click.option("--wait", "wait_s", type=float, default=30.0, show_default=True, help="Seconds to wait for the admin.")
@_display
@_send
@_receive
def join(invite: Path, passphrase_file: Path | None, schema_file: Path | None, wait_s: float, **options: Any) -> int:
    """Join a federation with an invite (a file, or - for stdin) and its passphrase.

    The passphrase is asked for, or read from --passphrase-file or from FEDPEER_PASSPHRASE.
    Exit code 3 when the admin's node has not answered yet: joining then goes on by itself.
    """
    text = read(invite)
    if schema_file is not None:
        options["schema"] = read_schema(schema_file).to_dict()
    passphrase = prompt.passphrase(passphrase_file)
    with progress.spin("waiting for the admin's node"):
        joined = frame.client().join(text, passphrase, wait_s=wait_s, **options)
    frame.show(joined, _draw_joined)
    return frame.NO if joined.state == "joining" else frame.DONE


@click.command(cls=frame.Command)
@click.option("--yes", is_flag=True, help="Do not ask.")
def leave(yes: bool) -> None:
    """Leave the federation for good: its key is forgotten and its members are told."""
    client = frame.client()
    fed = frame.named(client)
    prompt.confirm(f"leave {fed.name} for good?", sure=yes)
    frame.show(client.leave(fed.id), lambda left: render.say(f"left {left.name}"))


@click.command(cls=frame.Command)
@click.argument("when", required=False)
def schedule(when: str | None) -> None:
    """Show when the federation pulses, or change it to WHEN (admin): s10, m30, h3, d7."""
    client = frame.client()
    fed = frame.named(client)
    if when is not None:
        fed = client.set_schedule(fed.id, when)
    frame.show(fed, _draw_schedule)


def read(path: Path) -> str:
    """The text of a file, or of stdin for `-`."""
    with click.open_file(str(path), encoding="utf-8") as file:
        return str(file.read())


def read_schema(path: Path) -> Schema:
    """The schema in a file, YAML or JSON by its name."""
    text = read(path)
    return Schema.from_json(text) if path.suffix == ".json" else Schema.from_yaml(text)


def _draw_created(fed: Federation) -> None:
    render.say(f"founded {fed.name}; this node is its admin", "green")
    draw_federation(fed)
    render.say("\nnext: `fedpeer invite` for each other member, `fedpeer data add FILE` for your own rows", "dim")


def _draw_joined(fed: Federation) -> None:
    if fed.state == "joining":
        render.say("the admin's node has not answered yet; joining goes on by itself: `fedpeer status` shows it")
        return
    render.say(f"joined {fed.name}", "green")
    render.say(f"the admin must see this fingerprint beside your name: {fed.fingerprint}")
    render.say("next: `fedpeer schema show`, then `fedpeer data add FILE`", "dim")


def _draw_schedule(fed: Federation) -> None:
    pulse = f"next pulse {render.moment(fed.next_pulse_at)}" if fed.pulsing else "this node's pulse is stopped"
    render.say(f"{fed.name} pulses every {_spoken(fed.schedule)}; {pulse}")


def _spoken(schedule: str) -> str:
    units = {"s": "second", "m": "minute", "h": "hour", "d": "day"}
    unit, number = units.get(schedule[:1]), schedule[1:]
    if unit is None or not number.isdigit():
        return schedule
    return unit if number == "1" else f"{number} {unit}s"
