"""`schema`: proposing one from a file, showing the federation's, trying a file against it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fedpeer import daemon
from fedpeer.cli import frame, render
from fedpeer.cli.data import MAP, OPTION, QUERY, draw_faults, draw_gaps, here, reading
from fedpeer.cli.federation import read_schema
from fedpeer.core.statistics.collect import Collected, tally
from fedpeer.core.statistics.schema import Schema

TABLE = click.Path(path_type=Path, exists=True, dir_okay=False)
FILE = click.Path(path_type=Path)


@click.group(cls=frame.Group)
def schema() -> None:
    """Propose, show and check schemas: what is measured, between which limits, how finely."""


@schema.command()
@click.argument("location", metavar="SOURCE")
@MAP
@QUERY
@OPTION
@click.option("--out", type=FILE, metavar="FILE", help="Write it to a new file.")
def infer(location: str, out: Path | None, **how: Any) -> None:
    """Propose a schema from all that `data add` takes, as this machine reads it, for a person to review.

    The limits are this source's own: widen them so that every member's values fit, and say nothing about single people.
    """
    proposed = Schema.infer(here(location, None, reading(**how)).batches())
    if out is not None:
        with out.open("x", encoding="utf-8") as file:
            file.write(proposed.to_yaml())
    frame.show(proposed.to_dict(), lambda _: _draw_proposed(proposed, out))


@schema.command()
def show() -> None:
    """Print the federation's schema."""
    client = frame.client()
    told = client.schema(frame.federation(client))
    frame.show(told, lambda form: click.echo(Schema.from_dict(form).to_yaml().rstrip("\n")))


@schema.command()
@click.argument("table", type=TABLE)
@click.option("--schema", "schema_file", type=FILE, help="Against this schema instead of the federation's.")
def check(table: Path, schema_file: Path | None) -> int:
    """Try the file TABLE against the schema, without counting anything; `data check` says more.

    Exit code 3 when no row fits.
    """
    if schema_file is not None:
        agreed = read_schema(schema_file)
    else:
        client = frame.client()
        agreed = Schema.from_dict(client.schema(frame.federation(client)))
    tried = tally(agreed, daemon.source(table, agreed).batches(agreed.needed))
    frame.show(tried.report(), lambda _: _draw_tried(tried))
    return frame.DONE if tried.counted else frame.NO


def _draw_proposed(proposed: Schema, out: Path | None) -> None:
    if out is None:
        click.echo(proposed.to_yaml().rstrip("\n"))
        return
    render.say(f"wrote {out}: {render.count(len(proposed.features), 'feature')}", "green")
    if proposed.patient:
        render.say(f"{proposed.patient} is taken for the column of patient ids, and is no feature", "yellow")
    render.say("review it before you found a federation with it: limits, resolutions, levels, units", "dim")


def _draw_tried(tried: Collected) -> None:
    render.say(f"{render.count(tried.counted)} of {render.count(tried.read, 'row')} would be counted")
    draw_faults(tried.read, tried.counted, tried.rejected)
    draw_gaps(tried.gaps)
