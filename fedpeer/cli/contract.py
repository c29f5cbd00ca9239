"""`contract`: what every contribution must keep before it leaves and before it is merged."""

from __future__ import annotations

from pathlib import Path

import click

from fedpeer.cli import frame, render
from fedpeer.cli.federation import read, read_schema
from fedpeer.node.shapes import ContractCheck, Federation, Verdict

FILE = click.Path(path_type=Path, allow_dash=True)


@click.group(cls=frame.Group)
def contract() -> None:
    """Check, set and show the contract: what every contribution must keep."""


@contract.command()
@click.argument("file", type=FILE, required=False)
@click.option("--schema", "schema_file", type=FILE, help="Try it against this schema instead of a federation's.")
def check(file: Path | None, schema_file: Path | None) -> int:
    """Try the contract in FILE (or the one that is set) without setting it.

    Every rule is measured on this node's own rows, where it has any. Exit code 3 when a rule fails.
    """
    client = frame.client()
    if schema_file is not None:
        if file is None:
            raise click.UsageError("with --schema, name the file of the contract")
        told = client.check_contract_text(read(file), read_schema(schema_file).to_dict())
    else:
        fed = frame.federation(client)
        told = client.check_contract(fed, read(file) if file is not None else client.contract(fed))
    frame.show(told, _draw_check)
    return frame.DONE if told.valid and (told.passed or not told.rows) else frame.NO


@contract.command(name="set")
@click.argument("file", type=FILE)
def set_(file: Path) -> None:
    """Make FILE the contract (admin); it holds for every member from their next exchange on."""
    client = frame.client()
    frame.show(client.set_contract(frame.federation(client), read(file)), _draw_set)


@contract.command()
def show() -> None:
    """Print the contract."""
    client = frame.client()
    text = client.contract(frame.federation(client))
    frame.show({"text": text}, lambda _: click.echo(text.rstrip("\n")))


def _draw_check(told: ContractCheck) -> None:
    if not told.valid:
        render.say(told.error, "bold red")
        return
    if told.verdicts:
        heads = (">LINE", "RULE", "MEASURED", "")
        rows = ((v.line, v.rule, _measured(v), render.mark(v.passed, "kept", "broken")) for v in told.verdicts)
        render.table(heads, rows)
    if not told.rows:
        render.say("the contract is valid; this node has no rows to measure it on")
    elif told.passed:
        render.say(f"the contract is valid, and this node's {render.count(told.rows, 'row')} keep it", "green")
    else:
        render.say(f"the contract is valid, and this node's {render.count(told.rows, 'row')} break it", "bold red")


def _measured(verdict: Verdict) -> str:
    return ", ".join(f"{what} = {value}" for what, value in verdict.measured.items())


def _draw_set(fed: Federation) -> None:
    render.say(f"{fed.name} has a new contract (charter version {fed.charter_version})", "green")
