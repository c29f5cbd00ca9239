"""`audit`: look at what was announced, instead of believing it."""

from __future__ import annotations

import click

from fedpeer.cli import frame, progress, render
from fedpeer.node.shapes import Audit


@click.group(cls=frame.Group)
def audit() -> None:
    """Look at what was announced, instead of believing it."""


@audit.command("round", cls=frame.Command)
@click.option("--wait", "wait_s", type=float, default=30.0, show_default=True, help="Seconds to wait for it.")
def round_(wait_s: float) -> int:
    """Open the newest sum again, from everything that was said in its round.

    The collector is asked for the round's documents; their signatures, votes and shares are checked here.
    Exit code 3 when they do not give the sum that was announced.
    """
    client = frame.client()
    fed = frame.federation(client)
    with progress.spin("asking the collector of the round"):
        told = client.audit_round(fed, wait_s=wait_s)
    frame.show(told, _draw)
    return frame.DONE if told.holds else frame.NO


def _draw(told: Audit) -> None:
    if told.holds:
        render.say("the sum holds: opened again from its evidence, it is the same to the bit", "green")
    else:
        render.say(f"the sum does not hold: {told.fault}", "bold red")
    render.say(f"{render.count(told.rows, 'row')} of {', '.join(told.contributors)}")
    render.say(f"round {told.pulse}.{told.attempt}, collected by {told.collector}")
    render.say(f"sum {told.digest}")
    render.say(f"transcript {told.transcript}")
