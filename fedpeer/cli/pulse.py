"""`pulse` and `sync`: exchanging on the schedule, and now."""

from __future__ import annotations

import click

from fedpeer.cli import frame, progress, render
from fedpeer.node.shapes import Federation, Synced


@click.group(cls=frame.Group)
def pulse() -> None:
    """Start or stop this node's pulse: sending what is new, on the federation's schedule."""


@pulse.command()
def start() -> None:
    """Pulse on the schedule from now on."""
    _set(True)


@pulse.command()
def stop() -> None:
    """Send nothing until started again; what others send still arrives."""
    _set(False)


@click.command(cls=frame.Command)
@click.option("--wait", "wait_s", type=float, default=0.0, metavar="SECONDS", help="Wait until all hold the same.")
def sync(wait_s: float) -> int:
    """Exchange now, without waiting for the schedule.

    With --wait, exit code 3 tells that the members did not all hold the same when the time was over, or that this
    node's rows were refused by the contract or withheld by the release rules.
    """
    client = frame.client()
    fed = frame.federation(client)
    with progress.spin("exchanging"):
        outcome = client.sync(fed, wait_s=wait_s)
    frame.show(outcome, lambda told: _draw_synced(told, waited=wait_s > 0))
    kept_back = outcome.outcome in ("refused", "withheld")
    return frame.NO if kept_back or (wait_s > 0 and not outcome.converged) else frame.DONE


_OUTCOMES = {
    "sent": ("sent this node's summary", "green"),
    "unchanged": ("nothing new to send", ""),
    "empty": ("this node has no rows yet; asked the others for theirs", ""),
    "asked": ("asked the others for their summaries", ""),
    "refused": ("not sent: the contract refuses it", "bold red"),
    "withheld": ("not sent: the release rules withhold it", "bold red"),
}


def _set(pulsing: bool) -> None:
    client = frame.client()
    frame.show(client.set_pulsing(frame.federation(client), pulsing), _draw_pulse)


def _draw_pulse(fed: Federation) -> None:
    if fed.pulsing:
        render.say(f"{fed.name} pulses on {fed.schedule}; next {render.moment(fed.next_pulse_at)}")
    else:
        render.say(f"{fed.name}: this node's pulse is stopped")


def _draw_synced(told: Synced, *, waited: bool) -> None:
    text, style = _OUTCOMES.get(told.outcome, (told.outcome, ""))
    whole = told.outcome in ("sent", "unchanged") and bool(told.detail)  # the detail says it all
    render.say(told.detail if whole else text + (f": {told.detail}" if told.detail else ""), style)
    if told.converged:
        render.say(f"converged: all hold {render.count(told.rows, 'row')}, total {render.short(told.total_digest)}")
    elif waited:
        render.say(f"not converged: waiting for {', '.join(told.waiting_for) or 'the bus'}", "bold red")
