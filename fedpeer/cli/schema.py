"""`schema`: proposing one from a file, showing the federation's, trying a file against it, letting it grow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fedpeer import daemon
from fedpeer.cli import frame, prompt, render
from fedpeer.cli.data import MAP, OPTION, QUERY, draw_faults, draw_gaps, here, reading
from fedpeer.cli.federation import read, read_schema
from fedpeer.client import Client
from fedpeer.core.errors import RequestError
from fedpeer.core.statistics.additions import Additions
from fedpeer.core.statistics.collect import Collected, tally
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.wanted import TELLABLE, Wanted, wanted
from fedpeer.node.proposals import Proposal

TABLE = click.Path(path_type=Path, exists=True, dir_okay=False)
FILE = click.Path(path_type=Path)

_WRITTEN = (".yaml", ".yml", ".json")  # what is said, and not rows


@click.group(cls=frame.Group)
def schema() -> None:
    """Propose, show, check and grow schemas: what is measured, between which limits, how finely."""


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
    fed = frame.federation(client)
    told, more = client.schema(fed), client.agreement(fed).text
    if more:
        click.echo(f"this node does not count {more} yet: `fedpeer schema agree`", err=True)
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
        agreed = Schema.from_dict(client.schema(frame.federation(client), counted=True))
    tried = tally(agreed, daemon.source(table, agreed).batches(agreed.needed))
    frame.show(tried.report(), lambda _: _draw_tried(tried))
    return frame.DONE if tried.counted else frame.NO


@schema.command()
@click.argument("what", metavar="SOURCE|FILE")
@MAP
@QUERY
@OPTION
@click.option("--comment", default="", help="Why, for the admin.")
@click.option("--rare", is_flag=True, help="Also what so few rows hold that it may tell who they are.")
@click.option("--out", type=FILE, metavar="FILE", help="Write it to a new file, for review, instead of proposing it.")
def propose(what: str, comment: str, rare: bool, out: Path | None, **how: Any) -> None:
    """Propose to the admin that the federation's schema grow: by what a SOURCE has and it does not, or as FILE says.

    FILE is YAML or JSON with `features` and `levels`; a SOURCE is all that `data add` takes, as this machine reads it.
    """
    client = frame.client()
    fed = frame.federation(client)
    if what.endswith(_WRITTEN):
        text = read(Path(what))
        additions = Additions.from_json(text) if what.endswith(".json") else Additions.from_yaml(text)
    else:
        agreed = Schema.from_dict(client.schema(fed))
        found = wanted(agreed, here(what, None, reading(**how)).batches())
        for why in found.unfit.values():
            click.echo(f"left out: {why}", err=True)
        if not found.additions:
            raise RequestError(f"the schema has all of {what} that it could have")
        if not (rare or out):
            _check_rare(client, fed, found)
        additions = found.additions
    if out is not None:
        with out.open("x", encoding="utf-8") as file:
            file.write(additions.to_yaml())
        frame.show(additions.to_dict(), lambda _: render.say(f"wrote {out}: review it, then propose it", "green"))
        return
    frame.show(client.propose(fed, additions.to_dict(), comment), _draw_proposal)


@schema.command()
def proposals() -> None:
    """List what this node proposed and, at the admin, what members did."""
    client = frame.client()
    frame.show(client.proposals(frame.federation(client)), _draw_proposals)


@schema.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def agree(yes: bool) -> None:
    """Count this node's rows under all that the federation's schema has grown by; until then it counts as before."""
    client = frame.client()
    fed = frame.federation(client)
    told = client.agreement(fed)
    if told.text:
        click.echo(Additions.from_dict(told.additions).to_yaml().rstrip("\n"), err=True)
        prompt.confirm(f"count {told.text} from now on?", sure=yes)
        told = client.agree(fed, told.newest)
    frame.show(told, lambda _: render.say("rows are counted under the federation's schema", "green"))


@schema.command()
@click.argument("proposal")
@click.option("--yes", is_flag=True, help="Do not ask.")
def accept(proposal: str, yes: bool) -> None:
    """Let the schema grow as proposed, for everyone (admin); what was counted stays, and is not counted again.

    It has more columns then, so releases need more rows: says how many, who has too few, and asks.
    """
    client = frame.client()
    fed = frame.federation(client)
    found = next((each for each in client.proposals(fed) if each.id == proposal), None)
    if found is not None and found.then is not None:
        _echo_cost(found)
        prompt.confirm(f"let the schema grow by {found.text}, for everyone?", sure=yes)
    frame.show(client.accept(fed, proposal), _draw_proposal)


@schema.command()
@click.argument("proposal")
@click.option("--reason", default="", help="Why; the proposer reads it.")
def decline(proposal: str, reason: str) -> None:
    """Do not let the schema grow as proposed (admin)."""
    client = frame.client()
    frame.show(client.decline(frame.federation(client), proposal, reason), _draw_proposal)


def _check_rare(client: Client, fed: str, found: Wanted) -> None:
    """Refuse to tell others of what few rows hold."""
    least = max(TELLABLE, client.rules(fed).kept["cell"])
    few = found.rare(least)
    if few:
        told = ", ".join(f"{name} ({rows})" for name, rows in list(few.items())[:5])
        more = f" and {len(few) - 5} more" if len(few) > 5 else ""
        raise RequestError(
            f"fewer than {least} rows hold {told}{more}; names that so few share can tell who they are",
            hint="--out FILE writes it for review, and --rare proposes it as it is",
        )


def _draw_proposal(told: Proposal) -> None:
    said = {
        "sent": f"proposed {told.text}; the admin's node hears of it as soon as it can ({told.id})",
        "open": f"proposed {told.text}; the admin accepts it with `fedpeer schema accept {told.id}`",
        "accepted": f"the schema has {told.text} from now on",
        "declined": f"declined {told.text}" + (f": {told.reason}" if told.reason else ""),
    }
    render.say(said[told.state], "yellow" if told.state == "declined" else "green")


def _draw_proposals(proposals: list[Proposal]) -> None:
    drawn = (
        (each.id, each.by, each.text, each.state, _needed(each), each.reason or each.comment) for each in proposals
    )
    render.table(("ID", "BY", "WHAT", "STATE", "ROWS", "WHY"), drawn, empty="nothing was proposed")


def _needed(told: Proposal) -> str:
    """The fewest rows of a release, now and then."""
    return f"{told.now.rows} -> {told.then.rows}" if told.now and told.then else ""


def _echo_cost(told: Proposal) -> None:
    """Say what releases need when the schema has grown."""
    rows = (
        ("columns", "columns"),
        ("rows", "rows that a member needs"),
        ("change", "rows that a change needs"),
        ("total", "rows that a sum of several needs"),
    )
    for name, text in rows:
        now, then = getattr(told.now, name), getattr(told.then, name)
        if then:
            click.echo(f"{text}: {then}" + (f" (now {now})" if now != then else ""), err=True)
    if told.short:
        names = ", ".join(told.short)
        click.echo(f"too few rows then: {names}; what they shared last stays until they have more", err=True)


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
