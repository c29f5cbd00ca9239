"""`log` and `stats`: what happened, and how often."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import click
from rich.text import Text

from fedpeer.cli import frame, render
from fedpeer.client import Client
from fedpeer.node.shapes import LogEntry, LogPage, SyncStats
from fedpeer.node.timeline import printable

_STYLES = {"warning": "yellow", "error": "bold red"}


@click.command(cls=frame.Command)
@click.option("--errors", is_flag=True, help="Only what went wrong.")
@click.option("--sync", "only_sync", is_flag=True, help="Only what was sent and received.")
@click.option("--follow", is_flag=True, help="Go on with what happens from now on, until interrupted.")
@click.option("--clear", is_flag=True, help="With --errors: forget them.")
@click.option("--limit", type=click.IntRange(1, 1000), default=30, show_default=True, help="How many, the newest.")
@click.option("--node", is_flag=True, help="Of the whole node: every federation and project, users, sources.")
def log(errors: bool, only_sync: bool, follow: bool, clear: bool, limit: int, node: bool) -> None:
    """Show what happened, oldest first, and in brackets whose doing it was."""
    if clear and not errors:
        raise click.UsageError("only the error log can be cleared: say --errors --clear")
    if errors + only_sync + node > 1:
        raise click.UsageError("--errors, --sync and --node exclude each other")
    client = frame.client()
    if node:
        _show(client, client.log(limit=limit), "", follow=follow)
        return
    fed = frame.federation(client)
    if clear:
        cleared = client.clear_errors(fed)
        frame.show({"cleared": cleared}, lambda _: render.say(f"forgot {render.count(cleared)} of the error log"))
        return
    read = client.error_log if errors else client.sync_log if only_sync else client.log
    _show(client, read(fed, limit=limit), fed, follow=follow)


@click.command(cls=frame.Command)
def stats() -> None:
    """Count what was sent, received and refused since this node joined."""
    client = frame.client()
    fed = frame.federation(client)
    told = client.stats(fed)
    names = {} if frame.settings().json else {m.id: m.name for m in client.members(fed)}
    frame.show(told, lambda counted: _draw_stats(counted, names))


def _show(client: Client, page: LogPage, fed: str, *, follow: bool) -> None:
    """Show the page, and with `follow` every event after it; with --json, one line each."""
    as_json = frame.settings().json
    places = {} if as_json or fed else _places(client)
    if not follow:
        frame.show(page, lambda told: _draw_page(told, places))
        return
    after = page.entries[0].id if page.entries else 0
    for entry in itertools.chain(reversed(page.entries), client.events(federation=fed, after=after)):
        if as_json:
            click.echo(frame.line(entry))
        else:
            _draw_entry(entry, places)


def _places(client: Client) -> dict[str, str]:
    """What the federations and projects of the node are called, by id."""
    return {fed.id: fed.name for fed in client.federations()} | {one.id: one.name for one in client.projects()}


def _draw_page(page: LogPage, places: Mapping[str, str]) -> None:
    for entry in reversed(page.entries):
        _draw_entry(entry, places)
    if not page.entries:
        render.say("nothing happened yet", "dim")


def _draw_entry(entry: LogEntry, places: Mapping[str, str]) -> None:
    line = Text(f"{render.moment(entry.at):>10}  {entry.kind:<8}  ", style="dim")
    if entry.federation in places:
        line.append(f"{printable(places[entry.federation])}: ")
    line.append(printable(entry.text), style=_STYLES.get(entry.level, "not dim"))
    if entry.by:
        via = "" if entry.by.endswith(entry.via) else f", {entry.via}"
        line.append(f" ({entry.by.removeprefix('the ')}{via})")
    render.console().print(line, soft_wrap=True)


def _draw_stats(told: SyncStats, names: dict[str, str]) -> None:
    render.pairs(
        [
            ("sent", render.count(told.sent)),
            ("not sent: contract", render.count(told.send_contract_failures)),
            ("not sent: withheld", render.count(told.withheld)),
            ("received", render.count(told.received)),
            ("received in error", render.count(told.receive_errors)),
            *(
                (f"refused from {names.get(peer, peer)}", render.count(number))
                for peer, number in told.receive_contract_failures.items()
            ),
        ]
    )
