"""`stream`: subjects whose messages are counted as they come."""

from __future__ import annotations

from typing import Any

import click

from fedpeer.cli import frame, prompt, render
from fedpeer.cli.data import MAP, OPTION, draw_faults, reading
from fedpeer.node.origins import Stream
from fedpeer.node.sources import NAMED


@click.group(cls=frame.Group)
def stream() -> None:
    """Count the messages of a NATS subject as they come: start, stop, list, forget."""


@stream.command()
@click.argument("source", metavar="SOURCE")
@click.option("--csv", "columns", metavar="COLUMNS", help="Messages are lines of CSV with these columns: age,ill,...")
@MAP
@OPTION
@click.option("--force", is_flag=True, help="Count from the first message there is, also those counted before.")
def start(source: str, columns: str | None, force: bool, **how: Any) -> None:
    """Listen to SOURCE, nats://HOST/SUBJECT or tls://HOST/SUBJECT, from now on and where that was left.

    A stream that was stopped may also be named by its id.
    """
    client = frame.client()
    fed, told = frame.federation(client), reading(query=None, **how)
    if "://" not in source and not source.startswith(NAMED):
        known = [each for each in client.streams(fed) if each.id.startswith(source)]
        if len(known) != 1:
            raise click.UsageError(f"{source} is neither an address nor one of the streams that `stream list` shows")
        source, told = known[0].location, known[0].options | told
    lines = {} if columns is None else {"format": "csv", "columns": columns}
    frame.show(client.start_stream(fed, source, force=force, **lines, **told), _draw_started)


@stream.command()
@click.argument("stream_id", metavar="STREAM")
def stop(stream_id: str) -> None:
    """Listen to STREAM no more; what was counted stays, and `stream start` goes on where this ended."""
    client = frame.client()
    stopped = client.stop_stream(frame.federation(client), stream_id)
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
        (s.id, s.location, s.state, f"{s.messages:,}", f"{s.rows:,}", f"{s.read - s.rows:,}", _last(s)) for s in streams
    )
    heads = ("STREAM", "SOURCE", "STATE", ">MESSAGES", ">ROWS", ">LEFT OUT", "LAST MESSAGE")
    render.table(heads, drawn, empty="nothing is listened to")
    for each in streams:
        if each.error:
            render.say(f"{each.id} waits: {each.error}", "red")
        for reason, count in each.unreadable.items():
            render.say(f"{each.id} passed over {render.count(count, 'message')}: {reason}", "yellow")
        draw_faults(each.read, each.rows, each.rejected)


def _last(told: Stream) -> str:
    return render.moment(told.last_at) if told.last_at else "-"
