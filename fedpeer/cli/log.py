"""`log` and `stats`: what happened, and how often."""

from __future__ import annotations

import click
from rich.text import Text

from fedpeer.cli import frame, render
from fedpeer.client import Client
from fedpeer.node.shapes import LogEntry, LogPage, SyncStats

_STYLES = {"warning": "yellow", "error": "bold red"}


@click.command(cls=frame.Command)
@click.option("--errors", is_flag=True, help="Only what went wrong.")
@click.option("--sync", "only_sync", is_flag=True, help="Only what was sent and received.")
@click.option("--follow", is_flag=True, help="Go on with what happens from now on, until interrupted.")
@click.option("--clear", is_flag=True, help="With --errors: forget them.")
@click.option("--limit", type=click.IntRange(1, 1000), default=30, show_default=True, help="How many, the newest.")
def log(errors: bool, only_sync: bool, follow: bool, clear: bool, limit: int) -> None:
    """Show what happened, oldest first."""
    if clear and not errors:
        raise click.UsageError("only the error log can be cleared: say --errors --clear")
    if errors and only_sync:
        raise click.UsageError("--errors and --sync exclude each other")
    client = frame.client()
    fed = frame.federation(client)
    if clear:
        cleared = client.clear_errors(fed)
        frame.show({"cleared": cleared}, lambda _: render.say(f"forgot {render.count(cleared)} of the error log"))
        return
    read = client.error_log if errors else client.sync_log if only_sync else client.log
    page = read(fed, limit=limit)
    if not follow:
        frame.show(page, _draw_page)
        return
    _follow(client, page, fed)


@click.command(cls=frame.Command)
def stats() -> None:
    """Count what was sent, received and refused since this node joined."""
    client = frame.client()
    fed = frame.federation(client)
    told = client.stats(fed)
    names = {} if frame.settings().json else {m.id: m.name for m in client.members(fed)}
    frame.show(told, lambda counted: _draw_stats(counted, names))


def _follow(client: Client, page: LogPage, fed: str) -> None:
    """Show the page, then every event after it; with --json, one line each."""
    draw = _print_json if frame.settings().json else _draw_entry
    for entry in reversed(page.entries):
        draw(entry)
    after = page.entries[0].id if page.entries else 0
    for entry in client.events(federation=fed, after=after):
        draw(entry)


def _print_json(entry: LogEntry) -> None:
    click.echo(frame.line(entry))


def _draw_page(page: LogPage) -> None:
    for entry in reversed(page.entries):
        _draw_entry(entry)
    if not page.entries:
        render.say("nothing happened yet", "dim")


def _draw_entry(entry: LogEntry) -> None:
    line = Text(f"{render.moment(entry.at):>10}  {entry.kind:<8}  ", style="dim")
    line.append(entry.text, style=_STYLES.get(entry.level, "not dim"))
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
