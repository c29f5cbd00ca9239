"""`bridge`: a federation's total as a contribution to another."""

from __future__ import annotations

import click

from fedpeer.cli import frame, render
from fedpeer.node.shapes import Federation


@click.command(cls=frame.Command)
@click.argument("source")
@click.option("--off", is_flag=True, help="No longer, and take back what was brought.")
def bridge(source: str, off: bool) -> None:
    """Bring the total of SOURCE, a federation whose admin this node is, into the one that -f names."""
    client = frame.client()
    frame.show(client.bridge(frame.federation(client), source, on=not off), lambda fed: _draw(fed, source, off=off))


def _draw(fed: Federation, source: str, *, off: bool) -> None:
    if off:
        render.say(f"{source} is not brought into {fed.name} any more")
    else:
        render.say(f"brings {source} into {fed.name} from now on")
