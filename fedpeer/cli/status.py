"""`status`: this node and its federations."""

from __future__ import annotations

import click
from rich.text import Text

from fedpeer.api.faults import RoleError
from fedpeer.cli import frame, render
from fedpeer.client import ApiError
from fedpeer.node.shapes import Federation, NodeInfo, NoisePrice


@click.command(cls=frame.Command)
def status() -> None:
    """Show this node and its federations.

    With --federation, or when there is only one, everything about it.
    """
    client = frame.client()
    if frame.settings().federation is not None:
        frame.show(frame.named(client), draw_federation)
        return
    if frame.settings().json:
        frame.show({"node": client.node(), "federations": client.federations()}, print)
        return
    try:
        _draw_node(client.node())
        render.say()
    except ApiError as error:
        # Who has a role in some federations only is shown these, and nothing of the node.
        if error.code != RoleError.code:
            raise
    every = client.federations()
    if len(every) == 1:
        draw_federation(every[0])
    elif every:
        _draw_list(every)
    else:
        render.say("in no federation yet: found one with `fedpeer create`, or join one with `fedpeer join`", "dim")


def draw_federation(fed: Federation) -> None:
    """Print everything about a federation."""
    render.pairs(
        [
            ("federation", fed.name),
            ("id", fed.id),
            ("state", _state(fed)),
            ("alarm", fed.alarm),
            ("role", ", ".join(dict.fromkeys(filter(None, (fed.role, fed.part))))),
            ("members", f"{render.count(fed.members)} ({render.count(fed.contributors, 'contributor')})"),
            ("rows", f"{render.count(fed.rows)} in all, {render.count(fed.local_rows)} here"),
            ("converged", _converged(fed) if fed.state == "active" else ""),
            ("total", render.short(fed.total_digest)),
            ("schedule", f"{fed.schedule}, {_pulse(fed)}" if fed.state == "active" else ""),
            ("released", _released(fed)),
            ("bus", render.mark(fed.bus_connected, "connected", "not connected")),
            ("exchange", f"{fed.mode}, {fed.topology}"),
            ("brings", ", ".join(f"the total of {name}" for name in fed.brings)),
            ("brought", ", ".join(f"into {name}" for name in fed.brought)),
            ("privacy", f"{fed.rules or fed.profile} rules"),
            ("noise", _noise(fed.noise)),
            ("if refused", _allowed(fed)),
            ("explorable", "by every member" if fed.explorable else "by this node only"),
            ("charter", f"version {fed.charter_version} ({render.short(fed.charter_head)}), epoch {fed.epoch}"),
            ("fingerprint", fed.fingerprint),
        ]
    )
    _draw_trouble([fed])


def _draw_node(node: NodeInfo) -> None:
    render.pairs(
        [
            ("node", f"{node.name} (fedpeer {node.version})"),
            ("started", render.moment(node.started_at)),
            ("api", node.api),
            ("bus", node.bus),
        ]
    )


def _draw_list(federations: list[Federation]) -> None:
    rows = (
        (f.name, f.role, _state(f), f.members, render.count(f.rows), _converged(f), f.schedule, _pulse(f))
        for f in federations
    )
    render.table(("FEDERATION", "ROLE", "STATE", ">MEMBERS", ">ROWS", "CONVERGED", "SCHEDULE", "PULSE"), rows)
    _draw_trouble(federations)


def _draw_trouble(federations: list[Federation]) -> None:
    for fed in federations:
        for text in fed.trouble:
            render.say(f"! {text}" if len(federations) == 1 else f"! {fed.name}: {text}", "yellow")


def _noise(noise: NoisePrice | None) -> Text | None:
    if noise is None:
        return None
    each = f"ε = {render.real(noise.epsilon, 3)} a release (δ = {render.real(noise.delta, 3)})"
    left = f"budget for {noise.left:,} more" if noise.declared else "no budget declared"
    return Text(f"{each}, {left}", style="" if noise.left else "bold red")


def _allowed(fed: Federation) -> str:
    """What is done with what the contract refuses, where that is not to block it."""
    if fed.send_action == fed.receive_action == "block":
        return ""
    return f"sending: {fed.send_action}, receiving: {fed.receive_action}"


def _state(fed: Federation) -> Text:
    return render.mark(fed.state == "active", fed.state, fed.state)


def _converged(fed: Federation) -> Text:
    waiting = f", waiting for {', '.join(fed.waiting_for)}" if fed.waiting_for else ""
    differing = f", but {', '.join(fed.differing)} computes another total" if fed.differing else ""
    return render.mark(
        fed.converged and not differing, f"yes{differing}", f"{'yes' if fed.converged else 'no'}{waiting}{differing}"
    )


def _pulse(fed: Federation) -> str:
    return f"next {render.moment(fed.next_pulse_at)}" if fed.pulsing else "stopped"


def _released(fed: Federation) -> str:
    if not fed.released_serial:
        return "nothing yet"
    return (
        f"{render.count(fed.released_rows, 'row')}, release {fed.released_serial}, {render.moment(fed.released_at)}, "
        f"membership risk {render.real(fed.released_risk, 3)}"
    )
