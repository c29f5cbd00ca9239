"""`stream`: subjects whose messages are counted as they come."""

from __future__ import annotations

from typing import Any

import click

from fedpeer.cli import frame, prompt, render
from fedpeer.cli.data import MAP, OPTION, draw_faults, reading
from fedpeer.node.origins import Stream
from fedpeer.node.shapes import LogEntry


@click.group(cls=frame.Group)
def stream() -> None:
    """Count the messages of a NATS subject as they come: start, stop, list, log, forget; and look at a server."""


@stream.command()
@click.argument("source", metavar="SOURCE")
@click.option("--csv", "columns", metavar="COLUMNS", help="Messages are lines of CSV with these columns: age,ill,...")
@click.option("--name", default="", help="What to call the stream from now on.")
@click.option("--new", is_flag=True, help="Leave what is there, and begin with what comes.")
@MAP
@OPTION
@click.option("--force", is_flag=True, help="Count from the first message there is, also those counted before.")
def start(source: str, columns: str | None, name: str, force: bool, **how: Any) -> None:
    """Listen to SOURCE, nats://HOST/SUBJECT or tls://HOST/SUBJECT, from now on and where that was left.

    A stream that was stopped may also be named by its name or id.
    """
    client, new = frame.client(), how.pop("new")
    fed, told = frame.federation(client), reading(query=None, **how)
    if "://" not in source and not source.startswith("source:"):
        if told or columns or name or new:
            raise click.UsageError(f"{source} is no address: a known stream is gone on with as it was begun")
        frame.show(client.set_stream(fed, source, running=True, force=force), _draw_started)
        return
    lines = {} if columns is None else {"format": "csv", "columns": columns}
    since = {"since": "new"} if new else {}
    begun = client.start_stream(fed, source, force=force, **lines, **told, **({"name": name} if name else {}), **since)
    frame.show(begun, _draw_started)


@stream.command()
@click.argument("stream_id", metavar="STREAM")
@click.option("--errors", is_flag=True, help="Only what went wrong.")
def log(stream_id: str, errors: bool) -> None:
    """Show what happened to STREAM, newest first."""
    client = frame.client()
    page = client.stream_log(frame.federation(client), stream_id, **({"levels": ["error"]} if errors else {}))
    frame.show(page.entries, _draw_log)


@stream.command()
@click.argument("server", metavar="SERVER")
@OPTION
def browse(server: str, **how: Any) -> None:
    """List the subjects that SERVER, nats://HOST or nats://HOST/SUBJECTS, keeps messages of."""
    found = frame.client().browse_streams(server, **reading(query=None, maps=(), **how))
    heads = ("SUBJECT", ">MESSAGES")
    drawn = [(each.subject, f"{each.messages:,}") for each in found]
    frame.show(found, lambda _: render.table(heads, drawn, empty="nothing is kept there"))


@stream.command()
@click.argument("source", metavar="SOURCE")
@click.option("--csv", "columns", metavar="COLUMNS", help="Messages are lines of CSV with these columns: age,ill,...")
@click.option("--rows", default=10, show_default=True, help="How many rows, at most 128.")
@OPTION
def preview(source: str, columns: str | None, rows: int, **how: Any) -> None:
    """Show the first rows in the messages of SOURCE, which are not counted."""
    lines: dict[str, Any] = {} if columns is None else {"format": "csv", "columns": columns}
    told = frame.client().preview_stream(source, rows=rows, **lines, **reading(query=None, maps=(), **how))
    drawn = [["-" if value is None else str(value) for value in row] for row in told.rows]
    frame.show(told, lambda _: render.table(told.columns, drawn, empty="no message has a row"))


@stream.command()
@click.argument("stream_id", metavar="STREAM")
def stop(stream_id: str) -> None:
    """Listen to STREAM no more; what was counted stays, and `stream start` goes on where this ended."""
    client = frame.client()
    stopped = client.set_stream(frame.federation(client), stream_id, running=False)
    frame.show(stopped, lambda told: render.say(f"listens to {told.location} no more ({_done(told)})"))


@stream.command(name="list")
def list_() -> None:
    """List the streams, how they are, and what came of their messages."""
    client = frame.client()
    frame.show(client.streams(frame.federation(client)), _draw_list)


@stream.command()
@click.argument("stream_id", metavar="STREAM")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(stream_id: str, yes: bool) -> None:
    """Forget STREAM and how far it was counted; its rows stay, in their batch."""
    prompt.confirm(f"forget how far stream {stream_id} was counted?", sure=yes)
    client = frame.client()
    gone = client.stop_stream(frame.federation(client), stream_id, forget=True)
    frame.show(gone, lambda told: render.say(f"forgot {told.location} ({_done(told)})"))


def _done(told: Stream) -> str:
    return f"{render.count(told.rows, 'row')} of {render.count(told.messages, 'message')}"


def _draw_started(told: Stream) -> None:
    since = f", after message {told.sequence:,}" if told.sequence else ""
    render.say(f"listens to {told.location}{since} (stream {told.id})", "green")


def _draw_list(streams: list[Stream]) -> None:
    drawn = (
        (s.name or s.id, s.location, _state(s), f"{s.messages:,}", f"{s.rows:,}", f"{s.read - s.rows:,}", _last(s))
        for s in streams
    )
    heads = ("STREAM", "SOURCE", "STATE", ">MESSAGES", ">ROWS", ">LEFT OUT", "LAST MESSAGE")
    render.table(heads, drawn, empty="nothing is listened to")
    for each in streams:
        if each.error:
            render.say(f"{each.name or each.id} waits: {each.error}", "red")
        for reason, count in each.unreadable.items():
            render.say(f"{each.name or each.id} passed over {render.count(count, 'message')}: {reason}", "yellow")
        draw_faults(each.read, each.rows, each.rejected)


def _draw_log(entries: list[LogEntry]) -> None:
    for each in entries:
        render.say(f"{render.moment(each.at)}  {each.text}", "red" if each.level == "error" else "")
    if not entries:
        render.say("nothing happened to it")


def _state(told: Stream) -> str:
    return f"{told.state}, {told.behind:,} behind" if told.behind else told.state


def _last(told: Stream) -> str:
    return render.moment(told.last_at) if told.last_at else "-"
